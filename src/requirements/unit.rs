//! `--owner-unit`: the systemd unit in which a listener was made.

use std::collections::BTreeMap;

use crate::clock::Deadline;
use crate::domain::{Compliance, Listener, UnknownReason, Violation};
use crate::host::cgroups::{Cgroups, is_in_unit, unit_of};

/// The units of cgroups. Each cgroup is looked up once in a look.
#[derive(Debug, Default)]
pub struct Units {
    paths: BTreeMap<u64, Option<String>>,
}

impl Units {
    /// Discards the results of the look before.
    pub fn forget(&mut self) {
        self.paths.clear();
    }

    /// Returns whether the socket was made in this unit.
    pub fn judge(&mut self, listener: &Listener, unit: &str, deadline: Deadline<'_>) -> Compliance {
        let unknown = |why| {
            Compliance::Unknown(UnknownReason::new(format_args!(
                "{listener} {}, but its unit is unknown: {why}",
                listener.protocol.state_word()
            )))
        };
        let Some(id) = listener.cgroup else {
            return unknown("only sock_diag reports the cgroup of a socket, since Linux 5.8");
        };
        let Some(cgroups) = Cgroups::mounted() else {
            return unknown("no cgroup2 is mounted here");
        };
        let path = self
            .paths
            .entry(id)
            .or_insert_with(|| cgroups.paths(&[id], deadline).remove(&id));
        match path {
            // The id of the root is not among its folders. A kernel that does not track the cgroups of sockets
            // reports it, too.
            None if deadline.has_passed() => unknown("there was no time to find its cgroup"),
            None => unknown("its cgroup is the root, is gone, or cannot be seen from here"),
            Some(path) if is_in_unit(path, unit) => Compliance::Compliant,
            Some(path) => Compliance::Violates(Violation::WrongOwner(format!(
                "{listener} belongs to {}, not to {unit}",
                unit_of(path)
            ))),
        }
    }
}
