//! Reads keepalived.conf as a version of keepalived does: from files to lines ([`reader`]), to blocks ([`blocks`]), to
//! the model ([`Config`]) and what is wrong ([`Diagnostic`]).
//!
//! The facts are those of keepalived's source, mostly lib/parser.c, and of the real program. tests/keepalived_conf.rs
//! compares with several versions of it.

mod blocks;
mod build;
mod comment;
mod definitions;
mod diagnostic;
mod expansion;
mod files;
mod glob;
mod include;
mod keywords;
mod loaded;
mod location;
mod model;
mod opening;
mod reader;
mod source;
mod spelling;
mod template;
mod version;
mod words;

use std::cell::RefCell;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use blocks::Parser;
use include::Strict;
use reader::{Context, Reader};

pub use diagnostic::{Diagnostic, Problem};
pub use files::{Disk, Files, Kind};
pub use location::Location;
pub use model::{
    Command, Config, Globals, Group, Instance, MiscCheck, Notify, Script, Spanned, TrackFile,
    TrackProcess, Trackable, Tracked, TrackedBy, User, Weight,
};
pub use version::{InvalidVersion, Version};
pub use words::is_space;

/// The parameters of a reading, which differ between hosts and versions.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The files.
    pub files: &'a dyn Files,
    /// The ID that `@id` is compared with: keepalived's option `-i`, or [`instance_id`] of the host's name.
    pub id: &'a [u8],
    /// The version of keepalived. `None` if it is unknown.
    pub version: Option<Version>,
}

impl Reading<'_> {
    /// Reads a file and all that it includes. A relative path begins in `folder`.
    pub fn read(self, folder: &Path, main: &Path) -> Config {
        finish(open(&self.context(true), folder, main))
    }

    /// Reads what a running keepalived has loaded: the text of its file `/keepalived/consolidated_configuration`, in
    /// which comments are cut and files are included. `main` is the name of its main file.
    pub fn read_loaded(self, text: &[u8], main: &Path) -> Config {
        finish(load(&self.context(false), text, main))
    }

    /// Returns whether a running keepalived that has loaded this text would load the same from the files.
    pub fn matches_loaded(self, text: &[u8], folder: &Path, main: &Path) -> bool {
        let on_disk = lines(open(&self.context(true), folder, main));
        on_disk == lines(load(&self.context(false), text, main))
    }

    fn context(&self, on_disk: bool) -> Context<'_> {
        Context {
            files: self.files,
            id: self.id,
            version: self.version,
            diagnostics: RefCell::default(),
            on_disk,
        }
    }
}

/// Returns what keepalived uses as its id unless it has an option `-i`: the host's name up to the first dot.
pub fn instance_id(host_name: &[u8]) -> &[u8] {
    let mut parts = host_name.split(|byte| *byte == b'.');
    parts.next().unwrap_or_default()
}

fn open<'a>(cx: &'a Context<'a>, folder: &Path, main: &Path) -> Reader<'a> {
    let mut reader = Reader::new(cx, folder, &folder.join(main));
    reader.open(main.as_os_str().as_bytes(), Strict::Matches);
    reader
}

fn load<'a>(cx: &'a Context<'a>, text: &[u8], main: &Path) -> Reader<'a> {
    let mut reader = Reader::new(cx, main.parent().unwrap_or(main), main);
    reader.load(text);
    reader
}

fn finish(reader: Reader) -> Config {
    let cx = reader.cx;
    let (reader, mut builder) = Parser::new(reader).read();
    builder.finish();
    let diagnostics = cx.diagnostics.take().list;
    let fatal = diagnostics.iter().find(|one| one.problem.is_fatal());
    let has_gap = diagnostics.iter().any(|one| one.problem.is_gap());
    Config {
        fatal: fatal.map(|one| one.place.clone()),
        complete: builder.config.complete && !has_gap,
        files: reader.read,
        diagnostics,
        ..builder.config
    }
}

/// Returns all lines that are not empty and do not include, without comments.
fn lines(mut reader: Reader) -> Vec<Vec<u8>> {
    reader.copy = Some(Vec::new());
    while reader.next().is_some() {}
    reader.copy.unwrap_or_default()
}

#[cfg(test)]
pub mod tests;
