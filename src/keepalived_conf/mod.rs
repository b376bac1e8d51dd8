//! Reads keepalived.conf as keepalived 2.2.7 does: from files to lines ([`lines`]), to blocks ([`blocks`]), to
//! what they mean ([`Config`]). Where later versions read something else, both are named. What keepalived makes
//! something else of than it says is a [`Remark`].
//!
//! The facts are those of keepalived's source, lib/parser.c before all, and of the real program, with which
//! tests/keepalived_conf.rs compares.

mod blocks;
mod build;
mod comments;
mod complaints;
mod definitions;
mod expansion;
mod files;
pub mod fuzzing;
mod glob;
mod include;
mod keyword;
mod keywords;
mod keywords_check;
mod keywords_global;
mod keywords_vrrp;
mod lines;
mod loaded;
mod model;
mod numbers;
mod opening;
mod pieces;
mod place;
mod reader;
mod remark;
mod sequence;
mod spelling;
mod statement;
mod words;

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use blocks::Walk;
use build::Builder;
use include::Strict;
use keyword::Process;
use reader::{Copied, Reader, Shared};

pub use files::{Disk, Files, Kind};
pub use model::{
    Command, Config, Effective, Globals, Group, Ignored, Instance, MiscCheck, Notify, RealServer,
    Script, Set, State, Time, Timing, TrackFile, TrackProcess, Tracked, TrackedBy, Tracks, User,
    VirtualServer, Weight, Words,
};
pub use place::Place;
pub use remark::{Remark, Severity};
pub use words::{Malformed, is_space};

/// Reads a file and all that it includes.
///
/// `id` is what `@id` and `${_INSTANCE}` mean: keepalived's option `-i`, or [`id_of`] the host's name. A relative
/// path begins in `folder`. What cannot be read is a remark.
pub fn read(files: &dyn Files, folder: &Path, main: &Path, id: &[u8]) -> Config {
    let mut shared = Shared::new(files, id);
    let mut builder = Builder::default();
    let copy = copy_of(&mut shared, &mut builder, folder, main);
    read_copy(shared, builder, &copy, &Place::new(folder.join(main), 0))
}

/// The parent process's pass: what it writes down for the others.
fn copy_of(shared: &mut Shared, builder: &mut Builder, folder: &Path, main: &Path) -> Vec<Copied> {
    let place = Place::new(folder.join(main), 0);
    let mut parent = Reader::new(shared, Arc::from(folder), place);
    parent.copy = Some(Vec::new());
    parent.open(main.as_os_str().as_bytes(), Strict::MAIN);
    Walk::new(&mut parent, builder, Process::Parent).read();
    parent.copy.take().unwrap_or_default()
}

/// Reads what a running keepalived has loaded: the text of its file `/keepalived/consolidated_configuration`,
/// in which comments are cut and files are included. `main` is its main file's name.
pub fn read_loaded(files: &dyn Files, text: &[u8], main: &Path, id: &[u8]) -> Config {
    let mut shared = Shared::new(files, id);
    let mut builder = Builder::default();
    let place = Place::new(main, 0);
    let copy = loaded::lines(&mut shared, text, main);
    // The parent process read the files, but would read the same here.
    let mut parent = Reader::of_copy(&mut shared, copy.clone(), place.clone());
    parent.inlined = true;
    Walk::new(&mut parent, &mut builder, Process::Parent).read();
    read_copy(shared, builder, &copy, &place)
}

/// Whether a running keepalived that has loaded this text would load the same of the files.
pub fn is_loaded(files: &dyn Files, text: &[u8], folder: &Path, main: &Path, id: &[u8]) -> bool {
    let texts = |copy: &[Copied]| -> Vec<Vec<u8>> {
        let texts = copy.iter().map(|line| line.text.trim_ascii().to_owned());
        texts.filter(|text| !text.is_empty()).collect()
    };
    let copy = copy_of(
        &mut Shared::new(files, id),
        &mut Builder::default(),
        folder,
        main,
    );
    let loaded = loaded::lines(&mut Shared::new(files, id), text, main);
    texts(&copy) == texts(&loaded)
}

/// What keepalived takes for its id unless it is told one: the host's name up to the first dot.
pub fn id_of(host_name: &[u8]) -> &[u8] {
    let mut parts = host_name.split(|byte| *byte == b'.');
    parts.next().unwrap_or_default()
}

fn read_copy(mut shared: Shared, mut builder: Builder, copy: &[Copied], place: &Place) -> Config {
    // What a process that is not started would die of does no harm.
    let mut fatal = shared.fatal.take();
    for process in [Process::Vrrp, Process::Checker] {
        let mut reader = Reader::of_copy(&mut shared, copy.to_owned(), place.clone());
        Walk::new(&mut reader, &mut builder, process).read();
        if process == Process::Vrrp {
            builder.finish(&mut shared);
        }
        let runs = match process {
            Process::Checker => builder.config.runs_checker,
            _ => builder.config.runs_vrrp,
        };
        fatal = fatal.or(shared.fatal.take().filter(|_| runs));
    }
    builder.judge_processes(&mut shared);
    Config {
        remarks: shared.remarks.into_list(),
        files: shared.read,
        fatal,
        ..builder.config
    }
}

#[cfg(test)]
mod tests;
