//! The processes that hold each of some sockets, for `list`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::{Process, Processes};
use crate::clock::Deadline;
use crate::host::descriptors::Table;

/// The processes that hold each of some sockets.
#[derive(Debug, Default)]
pub struct SocketHolders {
    all: Vec<Process>,
    of: BTreeMap<u64, Vec<usize>>,
    is_complete: bool,
    refused: usize,
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
}

impl Processes {
    /// Finds the processes that hold each of these inodes, which are ascending, among the processes that can be
    /// examined.
    pub fn holders(self, inodes: &[u64], deadline: Deadline<'_>) -> SocketHolders {
        let are_all = self.are_all();
        let mut of: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        let mut refused = 0;
        let mut add = |table: &Table, index: usize| {
            let all = table.sockets(0..usize::MAX, deadline, &mut |inode| {
                if inodes.binary_search(&inode).is_ok() {
                    let known = of.entry(inode).or_default();
                    if known.last() != Some(&index) {
                        known.push(index);
                    }
                }
                ControlFlow::Continue(())
            });
            all.is_err()
        };
        for (index, process) in self.all.iter().enumerate() {
            let mut tables = vec![Table::of(&self.proc, process.pid)];
            tables.extend(Table::of_threads(&self.proc, process.pid));
            refused += usize::from(tables.iter().filter(|table| add(table, index)).count() > 0);
            if deadline.has_passed() {
                break;
            }
        }
        SocketHolders {
            all: self.all,
            of,
            is_complete: !deadline.has_passed(),
            refused,
            are_all,
        }
    }
}
