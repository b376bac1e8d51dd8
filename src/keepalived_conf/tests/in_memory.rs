//! Files in memory instead of on a disk, for the unit tests and for the fuzzer.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::{Files, Kind};

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
pub const FOLDER: &str = "/etc/keepalived";

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
