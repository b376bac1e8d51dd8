//! The processes that hold each of some sockets, for `list`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use nix::errno::Errno;

use super::{Process, Processes, is_refusal};
use crate::clock::Deadline;
use crate::errno::ErrnoText;
use crate::host::descriptors::Table;

/// The processes that hold each of some sockets.
#[derive(Debug, Default)]
pub struct SocketHolders {
    all: Vec<Process>,
    of: BTreeMap<u64, Vec<usize>>,
    is_complete: bool,
    refused: usize,
    failure: Option<Errno>,
    are_all: bool,
}

impl SocketHolders {
    /// The processes that hold the socket with this inode; empty if the kernel itself holds it. `None` if they are
    /// unknown.
    pub fn of(&self, inode: u64) -> Option<Vec<&Process>> {
        match self.of.get(&inode) {
            Some(indices) => {
                let indices = indices.iter();
                Some(indices.filter_map(|index| self.all.get(*index)).collect())
            }
            None if self.is_complete && self.refused == 0 && self.are_all => Some(Vec::new()),
            None => None,
        }
    }

    /// True if there was time to examine all of them.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// How many processes could not be examined.
    pub fn refused(&self) -> usize {
        self.refused
    }

    /// The reason for one of them. `None` if it was always the permission.
    pub fn failure(&self) -> Option<Errno> {
        self.failure
    }
}

impl Processes {
    /// Finds the processes that hold each of these inodes, which are ascending, among the processes that can be
    /// examined.
    pub fn holders(self, inodes: &[u64], deadline: Deadline<'_>) -> SocketHolders {
        let are_all = self.are_all();
        let mut of: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        let (mut refused, mut failure) = (0, None);
        let mut add = |table: &Table<'_>, index: usize| {
            let all = table.sockets(0..usize::MAX, deadline, &mut |inode| {
                if inodes.binary_search(&inode).is_ok() {
                    let known = of.entry(inode).or_default();
                    if known.last() != Some(&index) {
                        known.push(index);
                    }
                }
                ControlFlow::Continue(())
            });
            all.map(drop)
        };
        for (index, process) in self.all.iter().enumerate() {
            let mut examined = add(&Table::of(&self.proc, process.pid, &self.pauses), index);
            match Table::of_threads(&self.proc, process.pid, &self.pauses) {
                Ok(tables) => {
                    for table in &tables {
                        examined = add(table, index).and(examined);
                    }
                }
                Err(error) => examined = Err(error),
            }
            if let Err(error) = examined {
                refused += 1;
                failure =
                    failure.or(Some(ErrnoText::from(&error).0).filter(|errno| !is_refusal(*errno)));
            }
            if deadline.has_passed() {
                break;
            }
        }
        SocketHolders {
            all: self.all,
            of,
            is_complete: !deadline.has_passed(),
            refused,
            failure,
            are_all,
        }
    }
}
