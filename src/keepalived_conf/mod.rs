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
pub mod fuzzing;
mod glob;
mod include;
mod keywords;
mod loaded;
mod model;
mod opening;
mod place;
mod reader;
mod spelling;
mod template;
mod version;
mod words;

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use blocks::Walk;
use diagnostic::Diagnostics;
use include::Strict;
use reader::{Context, Reader};

pub use diagnostic::{
    Construct, Diagnostic, Difference, Flaw, Lost, NoWeight, Problem, Unreadable, Unsafe,
};
pub use files::{Disk, Files, Kind};
pub use model::{
    Command, Config, Effective, FileCheck, Globals, Group, Ignored, Instance, MiscCheck, Notify,
    RealServer, Script, Set, State, Timing, TrackFile, TrackProcess, Tracked, TrackedBy, Tracks,
    User, VirtualServer, Weight,
};
pub use place::Place;
pub use version::{InvalidVersion, Version};
pub use words::is_space;

/// Who reads: what differs between hosts and versions.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The files.
    pub files: &'a dyn Files,
    /// What `@id` is compared with: keepalived's option `-i`, or [`instance_id`] of the host's name.
    pub id: &'a [u8],
    /// The version of keepalived. `None`: it is not known.
    pub version: Option<Version>,
}

impl Reading<'_> {
    /// Reads a file and all that it includes. A relative path begins in `folder`.
    pub fn read(self, folder: &Path, main: &Path) -> Config {
        finish(Walk::new(self.open(folder, main)))
    }

    /// Reads what a running keepalived has loaded: the text of its file `/keepalived/consolidated_configuration`, in
    /// which comments are cut and files are included. `main` is the name of its main file.
    pub fn read_loaded(self, text: &[u8], main: &Path) -> Config {
        finish(Walk::new(self.load(text, main)))
    }

    /// Returns whether a running keepalived that has loaded this text would load the same from the files.
    pub fn is_loaded(self, text: &[u8], folder: &Path, main: &Path) -> bool {
        lines(self.open(folder, main)) == lines(self.load(text, main))
    }

    fn open(&self, folder: &Path, main: &Path) -> Reader<'_> {
        let mut reader = self.reader(true, folder, &folder.join(main));
        reader.open(main.as_os_str().as_bytes(), Strict::FILE);
        reader
    }

    fn load(&self, text: &[u8], main: &Path) -> Reader<'_> {
        let mut reader = self.reader(false, Path::new(""), main);
        reader.load(text, main);
        reader
    }

    fn reader(&self, on_disk: bool, folder: &Path, main: &Path) -> Reader<'_> {
        let context = Context {
            files: self.files,
            id: self.id,
            version: self.version,
            diagnostics: Diagnostics::default(),
            on_disk,
        };
        Reader::new(context, Arc::from(folder), Place::new(main, 0))
    }
}

/// Returns what keepalived uses as its id unless it has an option `-i`: the host's name up to the first dot.
pub fn instance_id(host_name: &[u8]) -> &[u8] {
    let mut parts = host_name.split(|byte| *byte == b'.');
    parts.next().unwrap_or_default()
}

fn finish(walk: Walk) -> Config {
    let (mut reader, mut builder) = walk.read();
    builder.finish(&mut reader.context);
    let diagnostics = reader.context.diagnostics.into_list();
    let fatal = diagnostics.iter().find(|one| one.problem.is_fatal());
    Config {
        fatal: fatal.map(|one| one.place.clone()),
        complete: builder.config.complete && !diagnostics.iter().any(|one| one.problem.is_gap()),
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
mod tests;
