//! The files that include each other.

use std::path::Path;
use std::sync::Arc;

/// A file, or what keepalived has loaded of one.
#[derive(Debug)]
pub(super) struct Source {
    pub file: Arc<Path>,
    /// The folder in which relative paths in it begin.
    pub folder: Arc<Path>,
    /// The file that includes it.
    pub parent: Option<Arc<Source>>,
}

impl Source {
    /// Returns the source of a file that this one includes by a name. keepalived changes to the folder of a file that is
    /// named with one.
    pub fn including(self: &Arc<Self>, file: Arc<Path>, name: &[u8]) -> Arc<Self> {
        let folder = match file.parent() {
            Some(folder) if name.contains(&b'/') => Arc::from(folder),
            _ => self.folder.clone(),
        };
        let parent = Some(self.clone());
        Arc::new(Self {
            file,
            folder,
            parent,
        })
    }

    /// Returns the file and those that include it.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |source| source.parent.as_deref())
    }
}
