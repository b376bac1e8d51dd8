//! Files that come from a fuzzer instead of a disk.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::{Config, Files, Kind, Reading, Version};

/// Files in memory, all in one folder.
#[derive(Debug)]
pub struct InMemory<'a>(pub Vec<(&'a str, &'a [u8])>);

impl InMemory<'_> {
    fn find(&self, path: &Path) -> Option<&[u8]> {
        let name = path.strip_prefix(FOLDER).ok()?.to_str()?;
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, bytes)| *bytes)
    }
}

/// The folder of the files.
const FOLDER: &str = "/etc/keepalived";

impl Files for InMemory<'_> {
    fn kind(&self, path: &Path) -> Option<Kind> {
        if Path::new(FOLDER).starts_with(path) {
            return Some(Kind::Folder);
        }
        let executable = false;
        self.find(path).map(|_| Kind::Regular { executable })
    }

    fn names(&self, folder: &Path, at_most: usize) -> io::Result<Vec<OsString>> {
        if folder != Path::new(FOLDER) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(self
            .0
            .iter()
            .map(|(name, _)| OsString::from(*name))
            .take(at_most)
            .collect())
    }

    fn read(&self, file: &Path, at_most: usize) -> io::Result<Vec<u8>> {
        let bytes = self.find(file).ok_or(io::ErrorKind::NotFound)?;
        Ok(bytes.get(..at_most).unwrap_or(bytes).to_owned())
    }

    fn real(&self, folder: &Path) -> PathBuf {
        folder.to_owned()
    }
}

/// Reads files that are the parts of the input between bytes 0xff: `keepalived.conf`, `a.conf`, `b.conf`. The same text is
/// also read as what a running keepalived has loaded. An input that begins with a digit is read as one of the versions.
pub fn read(input: &[u8]) -> [Config; 2] {
    let names = ["keepalived.conf", "a.conf", "b.conf"];
    let (version, input) = match input.split_first() {
        Some((digit @ b'0'..=b'9', rest)) => (version(*digit), rest),
        _ => (None, input),
    };
    let parts = input.split(|byte| *byte == 0xff);
    let files = InMemory(names.into_iter().zip(parts).collect());
    let main = Path::new(FOLDER).join("keepalived.conf");
    let reading = Reading {
        files: &files,
        id: b"a",
        version,
    };
    let read = reading.read(Path::new("/"), &main);
    [read, reading.read_loaded(input, &main)]
}

fn version(digit: u8) -> Option<Version> {
    match digit {
        b'0' => Some(Version::new(2, 2, 7)),
        b'1' => Some(Version::new(2, 2, 8)),
        b'2' => Some(Version::new(2, 3, 1)),
        b'3' => Some(Version::new(2, 3, 4)),
        _ => Some(Version::new(2, 4, 3)),
    }
}
