//! `--owner-process`: a process that holds the listener.

use crate::clock::Deadline;
use crate::domain::{Compliance, Doubt, Listener, Violation};
use crate::host::processes::{Process, Processes};

/// Whether a process of this name holds the listener. Those of the name are looked into first;
/// the others only to be able to say that it is somebody else's.
pub(super) fn judge(
    processes: &Processes,
    listener: &Listener,
    name: &str,
    deadline: Deadline<'_>,
) -> Compliance {
    let unknown = |why: String| {
        Compliance::Unknown(Doubt::new(format_args!(
            "{listener} {}, but its process is not known: {why}",
            listener.protocol.listens()
        )))
    };
    let Some(inode) = listener.inode else {
        return unknown("the inode of its socket is not known".to_owned());
    };
    let may_be = |process: &&Process| process.is_called(name) || !process.has_name();
    let (own, others): (Vec<_>, Vec<_>) = processes.all().partition(may_be);
    let mut closed = None;
    for process in own {
        match processes.holds(process, inode, deadline) {
            Ok(true) if process.has_name() => return Compliance::Compliant,
            Ok(false) => {}
            Ok(true) | Err(_) => closed = Some(process),
        }
    }
    if deadline.is_over() {
        return unknown("there was no time to find it".to_owned());
    }
    if let Some(process) = closed {
        return unknown(format!("{process} may not be looked into"));
    }
    let mut others = others.into_iter();
    match others.find(|process| matches!(processes.holds(process, inode, deadline), Ok(true))) {
        Some(holder) => Compliance::Violates(Violation::WrongOwner(format!(
            "{listener} is held by {holder}, not by {name}"
        ))),
        None if deadline.is_over() => unknown("there was no time to find it".to_owned()),
        None => unknown("no process that may be looked into holds it".to_owned()),
    }
}

#[cfg(test)]
mod tests;
