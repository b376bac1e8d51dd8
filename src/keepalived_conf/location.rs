//! The location of a line in a file.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    /// The file, as it was named or found.
    pub file: Arc<Path>,
    /// The number of the line, from 1; 0 is the file as a whole.
    pub line: usize,
}

impl Location {
    /// A line of this file.
    pub fn new(file: impl AsRef<Path>, line: usize) -> Self {
        Self {
            file: Arc::from(file.as_ref()),
            line,
        }
    }
}

impl Default for Location {
    fn default() -> Self {
        Self::new("", 0)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file.display()),
            line => write!(f, "{}:{line}", self.file.display()),
        }
    }
}
