//! The processes that hold a listener: those with a descriptor of its inode in /proc/PID/fd.
//!
//! It takes one readlink(2) for each descriptor, and rights: root's, or the same user's.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use procfs::ProcError;
use procfs::process::{FDTarget, Process, all_processes_with_root};

use super::harmless;
use crate::clock::TimeLimit;
use crate::domain::{Doubt, Fitness, Flaw, Listener};

/// Bytes of a process's name that the kernel keeps (TASK_COMM_LEN, without its NUL).
const NAME: usize = 15;

/// Whether a process of this name, as ps(1) and pidof(8) have it, holds the listener. Those of the
/// name are looked into first; the others only to be able to say that it is somebody else's.
pub fn judge(listener: &Listener, name: &str, proc: &Path, limit: TimeLimit<'_>) -> Fitness {
    let unknown = |why: String| {
        Fitness::Unknown(Doubt::new(format_args!(
            "{listener} listens, but its process is not known: {why}"
        )))
    };
    let Some(inode) = listener.inode else {
        return unknown("the inode of its socket is not known".to_owned());
    };
    let processes = match named_processes(proc) {
        Ok(processes) => processes,
        Err(error) => return unknown(error.to_string()),
    };
    let (own, others): (Vec<_>, Vec<_>) = processes
        .into_iter()
        .partition(|(_, known)| is_called(known, name));
    let holds = |pid| holds(proc, pid, inode, limit);
    let mut closed = None;
    for (pid, _) in own {
        match holds(pid) {
            Ok(true) => return Fitness::Fit,
            // It is gone.
            Ok(false) | Err(ProcError::NotFound(_)) => {}
            Err(_) => closed = Some(pid),
        }
    }
    if let Some(pid) = closed {
        return unknown(format!("{name} ({pid}) may not be looked into"));
    }
    let mut others = others.into_iter();
    match others.find(|(pid, _)| matches!(holds(*pid), Ok(true))) {
        Some((pid, other)) => Fitness::Unfit(Flaw::WrongOwner(format!(
            "{listener} is held by {other} ({pid}), not by {name}"
        ))),
        None if limit.is_over() => unknown("there was no time to find it".to_owned()),
        None => unknown("no process that may be looked into holds it".to_owned()),
    }
}

/// The processes that hold each of these inodes, as `name (pid)`, as far as they may be looked into
/// in time.
pub fn holders(
    inodes: &[u64],
    proc: &Path,
    limit: TimeLimit<'_>,
) -> Result<BTreeMap<u64, Vec<String>>, Doubt> {
    let processes = named_processes(proc).map_err(Doubt::new)?;
    let mut holders: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (pid, name) in processes {
        // One that may not be looked into, or is gone, holds nothing that we could tell.
        let _ = sockets(proc, pid, limit, &mut |inode| {
            if inodes.binary_search(&inode).is_ok() {
                let holder = format!("{name} ({pid})");
                let known = holders.entry(inode).or_default();
                if known.last() != Some(&holder) {
                    known.push(holder);
                }
            }
            ControlFlow::Continue(())
        });
    }
    Ok(holders)
}

/// All that do not go meanwhile. Not open ones: a descriptor for each could be too many.
fn named_processes(proc: &Path) -> Result<Vec<(i32, String)>, ProcError> {
    let named = |process: Process| Some((process.pid(), harmless(&process.stat().ok()?.comm)));
    let processes = all_processes_with_root(proc)?.flatten();
    Ok(processes.filter_map(named).collect())
}

fn is_called(known: &str, wanted: &str) -> bool {
    known == wanted || known.len() == NAME && wanted.starts_with(known)
}

/// # Errors
/// When its descriptors cannot be listed.
fn holds(proc: &Path, pid: i32, inode: u64, limit: TimeLimit<'_>) -> Result<bool, ProcError> {
    let end = sockets(proc, pid, limit, &mut |found| {
        if found == inode {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    Ok(end?.is_break())
}

/// Shows the inodes of the sockets that a process has, until the time is up.
///
/// # Errors
/// When its descriptors cannot be listed.
fn sockets(
    proc: &Path,
    pid: i32,
    limit: TimeLimit<'_>,
    visit: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, ProcError> {
    let process = Process::new_with_root(proc.join(pid.to_string()))?;
    for descriptor in process.fd()? {
        if limit.is_over() {
            break;
        }
        // One that is closed meanwhile is no listener.
        if let Ok(FDTarget::Socket(inode)) = descriptor.map(|descriptor| descriptor.target) {
            if visit(inode).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_known_by_its_first_15_bytes() {
        for (known, wanted, same) in [
            ("haproxy", "haproxy", true),
            ("haproxy", "haprox", false),
            ("haprox", "haproxy", false),
            ("a-very-long-nam", "a-very-long-name-indeed", true),
            ("a-very-long-nam", "a-very-long-no", false),
        ] {
            assert_eq!(is_called(known, wanted), same, "{known} {wanted}");
        }
    }
}
