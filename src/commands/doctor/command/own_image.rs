//! The executable of this process, to compare programs with.

use std::path::Path;

use crate::untrusted::{ReadError, RegularFile};

/// The executable of this process, opened once. No change of a path leads to another file.
#[derive(Debug)]
pub struct OwnImage(RegularFile);

impl OwnImage {
    /// Opens the executable.
    ///
    /// # Errors
    /// Returns an error if /proc is not mounted, or this user is not allowed to read the program.
    pub fn open() -> Result<Self, ReadError> {
        RegularFile::open_magic_link(Path::new("/proc/self/exe")).map(Self)
    }

    /// True if a file is this program, or a copy of it. The packages install one.
    ///
    /// # Errors
    /// Returns an error if it cannot be read.
    pub fn is_in(&self, file: &RegularFile) -> Result<bool, ReadError> {
        self.0.has_content_of(file)
    }
}
