//! `--owner-process`: a process that holds the listener.

use nix::errno::Errno;

use crate::clock::Deadline;
use crate::domain::{Compliance, Listener, UnknownReason, Violation};
use crate::host::processes::{Process, Processes, SearchResult, is_refusal, why_not_examined};

/// Returns whether a process with this name holds the listener. Processes with the name are read first, and the others only
/// to name the wrong owner. The command lines come last: a process can hold up the reading of its own.
pub(super) fn judge(
    processes: &Processes,
    listener: &Listener,
    name: &str,
    deadline: Deadline<'_>,
) -> Compliance {
    let unknown = |why: &str| {
        Compliance::Unknown(UnknownReason::new(format_args!(
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
            SearchResult::By(process) => Ok(Some(process.clone())),
            SearchResult::Refused(process, errno) => Err(Some((process.clone(), errno))),
            SearchResult::ByNone if deadline.has_passed() => Err(None),
            SearchResult::ByNone => Ok(None),
        }
    };
    let (mut by_name, others): (Vec<_>, Vec<_>) = processes
        .all()
        .partition(|process| process.matches_name(name));
    let (others, mut nameless): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|process| process.unnamed_because().is_none());
    let first = match search(&mut by_name) {
        Ok(Some(_)) => return Compliance::Compliant,
        first => first,
    };
    let mut failed = None;
    // A process whose name is unknown for a moment can have the required name.
    let mut is_so = |process: &Process, matches: Result<bool, Errno>| {
        matches.unwrap_or_else(|errno| {
            failed.get_or_insert((process.clone(), errno));
            false
        })
    };
    let (mut by_file, mut others): (Vec<_>, Vec<_>) = others.into_iter().partition(|process| {
        !deadline.has_passed() && is_so(process, processes.matches_file(process, name))
    });
    let second = match search(&mut by_file) {
        Ok(Some(_)) => return Compliance::Compliant,
        second => second,
    };
    // A process whose name cannot be read can have the required name.
    let third = search(&mut nameless);
    let holder = search(&mut others);
    // Several processes can hold it, and another one of them can have the name.
    let fourth = match &holder {
        Ok(None) => Ok(None),
        Ok(Some(holder)) if is_so(holder, processes.matches_argument(holder, name)) => {
            return Compliance::Compliant;
        }
        Ok(Some(_)) | Err(_) => {
            others.retain(|process| {
                !deadline.has_passed() && is_so(process, processes.matches_argument(process, name))
            });
            search(&mut others)
        }
    };
    if let Ok(Some(_)) = fourth {
        return Compliance::Compliant;
    }
    if deadline.has_passed() {
        return unknown("there was no time to find it");
    }
    if let Ok(Some(process)) = third {
        let why = process.unnamed_because().unwrap_or(Errno::EACCES);
        return unknown(&not_examined(&process, why));
    }
    let closed = [first, second, third, fourth].map(|search| search.err().flatten());
    let closed = closed.into_iter().flatten().next();
    if let Some((process, errno)) = closed.or(failed) {
        return unknown(&not_examined(&process, errno));
    }
    match holder {
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
        _ if deadline.has_passed() => unknown("there was no time to find it"),
        Err(Some((process, errno))) => unknown(&not_examined(&process, errno)),
        Err(None) | Ok(None) => unknown("no process that can be seen holds it"),
    }
}

fn not_examined(process: &Process, errno: Errno) -> String {
    match is_refusal(errno) {
        true => format!("no permission to look into {process}"),
        false => format!(
            "{process} could not be examined: {}",
            why_not_examined(errno)
        ),
    }
}

#[cfg(test)]
mod tests;
