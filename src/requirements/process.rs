//! `--owner-process`: a process that holds the listener.

use ::log::debug;

use crate::clock::Deadline;
use crate::domain::{Compliance, Doubt, Listener, Violation};
use crate::host::processes::{Held, Process, Processes};

/// Returns whether a process with this name holds the listener. Processes with the name are read first, and the others only
/// to name the wrong owner.
pub(super) fn judge(
    processes: &Processes,
    listener: &Listener,
    name: &str,
    deadline: Deadline<'_>,
) -> Compliance {
    let unknown = |why: &str| {
        Compliance::Unknown(Doubt::new(format_args!(
            "{listener} {}, but its process is unknown: {why}",
            listener.protocol.state_word()
        )))
    };
    let Some(inode) = listener.inode else {
        return unknown("the inode of its socket is unknown");
    };
    let search = |among: &mut Vec<&Process>| {
        processes.sort(among, listener.cgroup);
        match processes.search(among, inode, deadline) {
            Held::By(process) => Ok(Some(process.clone())),
            Held::Refused(process) => Err(Some(process.clone())),
            Held::ByNone if deadline.is_over() => Err(None),
            Held::ByNone => Ok(None),
        }
    };
    let (mut by_name, others): (Vec<_>, Vec<_>) =
        processes.all().partition(|process| process.is_called(name));
    let (others, mut nameless): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|process| process.has_name());
    let first = match search(&mut by_name) {
        Ok(Some(_)) => return Compliance::Compliant,
        first => first,
    };
    let (mut by_file, mut others): (Vec<_>, Vec<_>) = others.into_iter().partition(|process| {
        let by = processes.called_by_file(process, name);
        if let Some(by) = by {
            debug!("{process} is called {name} by {by}");
        }
        by.is_some() && !deadline.is_over()
    });
    let second = match search(&mut by_file) {
        Ok(Some(_)) => return Compliance::Compliant,
        second => second,
    };
    // A process whose name cannot be read can have the required name.
    let third = search(&mut nameless);
    if deadline.is_over() {
        return unknown("there was no time to find it");
    }
    for closed in [first, second, third] {
        if let Ok(Some(process)) | Err(Some(process)) = closed {
            return unknown(&format!("no permission to look into {process}"));
        }
    }
    match search(&mut others) {
        Ok(Some(holder)) => {
            let runs = match processes.program(&holder) {
                Some(program) => format!(", which runs {program}"),
                None => String::new(),
            };
            Compliance::Violates(Violation::WrongOwner(format!(
                "{listener} is held by {holder}{runs}, not by {name}"
            )))
        }
        Ok(None) if processes.are_all() => Compliance::Violates(Violation::WrongOwner(format!(
            "{listener} is held by the kernel, not by {name}"
        ))),
        _ if deadline.is_over() => unknown("there was no time to find it"),
        Err(Some(process)) => unknown(&format!("no permission to look into {process}")),
        Err(None) | Ok(None) => unknown("no process that can be seen holds it"),
    }
}

#[cfg(test)]
mod tests;
