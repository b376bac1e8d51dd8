//! The processes of traced threads, and their network namespaces.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;

use nix::errno::Errno;

use super::site::Origin;
use super::trace::Tracer;
use crate::host::processes::Process;

const PROC: &str = "/proc";
/// PROC_PID_INIT_INO of include/linux/proc_ns.h: the PID namespace of the host, whose numbers the kernel traces.
const PID_NAMESPACE_OF_THE_HOST: &str = "pid:[4026531836]";
/// How many threads are looked up in a tick, and how many are remembered.
const MAX_LOOKUPS: usize = 256;
const MAX_NAMES: usize = 20;
const MAX_KNOWN: usize = 4096;

/// The process that closed a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The process. If it is no longer in this /proc, the thread.
    pub process: Process,
    /// Its state.
    pub state: ActorState,
}

/// The state of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorState {
    /// It was running a moment after the reset.
    Running,
    /// It had ended.
    Ended,
    /// Its number is that of the host, which this PID namespace does not have.
    OnHost,
}

/// The threads that sent resets.
#[derive(Debug)]
pub struct Threads {
    /// The network namespace of this process.
    own: Option<PathBuf>,
    /// True if this process is in the PID namespace of the host, so that /proc is, too.
    is_on_host: bool,
    origins: HashMap<u32, Origin>,
    actors: BTreeMap<u32, Actor>,
    /// Threads whose process must be looked up.
    unknown: Vec<u32>,
}

impl Threads {
    /// Returns no threads yet.
    pub fn new() -> Self {
        let namespace = fs::read_link(format!("{PROC}/self/ns/pid")).unwrap_or_default();
        Self {
            own: fs::read_link(format!("{PROC}/self/ns/net")).ok(),
            is_on_host: namespace.as_os_str() == PID_NAMESPACE_OF_THE_HOST,
            origins: HashMap::new(),
            actors: BTreeMap::new(),
            unknown: Vec::new(),
        }
    }

    /// Returns the network namespace of a thread.
    pub fn origin(&mut self, thread: u32) -> Origin {
        if self.origins.len() >= MAX_LOOKUPS && !self.origins.contains_key(&thread) {
            return Origin::Unknown;
        }
        let look = || {
            let folder = PathBuf::from(format!("{PROC}/{thread}"));
            // A kernel thread has no program, and is in the host's namespace, for whichever it works.
            fs::read_link(folder.join("exe")).ok()?;
            let is_own = fs::read_link(folder.join("ns/net")).ok()? == *self.own.as_ref()?;
            Some(if is_own {
                Origin::Here
            } else {
                Origin::Elsewhere
            })
        };
        let found = if self.is_on_host { look() } else { None };
        *self
            .origins
            .entry(thread)
            .or_insert(found.unwrap_or(Origin::Unknown))
    }

    /// Remembers to look up the process of a thread.
    pub fn note(&mut self, thread: u32) {
        let is_new = !self.actors.contains_key(&thread) && !self.unknown.contains(&thread);
        if is_new && self.unknown.len() < MAX_NAMES {
            self.unknown.push(thread);
        }
    }

    /// Ends a tick: looks up processes now, since a process that resets connections is often about to end; and
    /// forgets namespaces, since the number of a thread that has ended can be used again.
    pub fn end_tick(&mut self, tracer: &Tracer) {
        self.origins.clear();
        if self.actors.len() > MAX_KNOWN {
            self.actors.clear();
        }
        let mut unnamed = Vec::new();
        for thread in std::mem::take(&mut self.unknown) {
            match Some(thread).filter(|_| self.is_on_host).and_then(running) {
                Some(actor) => {
                    self.actors.insert(thread, actor);
                }
                None => unnamed.push(thread),
            }
        }
        if unnamed.is_empty() {
            return;
        }
        let names = tracer.thread_names();
        for thread in unnamed {
            let name = names.get(&thread).and_then(Option::as_ref);
            let process = Process::new(thread, name.map(String::as_bytes).ok_or(Errno::ENOENT));
            let state = match self.is_on_host {
                true => ActorState::Ended,
                false => ActorState::OnHost,
            };
            self.actors.insert(thread, Actor { process, state });
        }
    }

    /// Returns the process of a thread, if it was looked up.
    pub fn actor(&self, thread: u32) -> Option<&Actor> {
        self.actors.get(&thread)
    }
}

/// Returns the process of a thread, if it still runs.
fn running(thread: u32) -> Option<Actor> {
    let status = fs::read_to_string(format!("{PROC}/{thread}/status")).ok()?;
    let process = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
    let process = process.trim().parse().ok()?;
    let name = fs::read(format!("{PROC}/{process}/comm")).ok()?;
    // A zombie has closed everything; only its parent has not asked for its status yet.
    let is_zombie = status.lines().any(|line| line.starts_with("State:\tZ"));
    let state = match is_zombie {
        true => ActorState::Ended,
        false => ActorState::Running,
    };
    Some(Actor {
        process: Process::new(process, Ok(&name)),
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_leads_to_its_process_and_namespace() {
        // In a container the test has numbers of its own, which its /proc has, too.
        let mut threads = Threads {
            is_on_host: true,
            ..Threads::new()
        };
        assert_eq!(threads.origin(std::process::id()), Origin::Here);
        assert_eq!(threads.origin(u32::MAX), Origin::Unknown);
        for thread in 0..2 * MAX_LOOKUPS as u32 {
            threads.origin(u32::MAX - thread);
        }
        assert_eq!(threads.origins.len(), MAX_LOOKUPS);
        let actor = running(nix::unistd::gettid().as_raw() as u32).unwrap();
        assert_eq!(actor.process.pid(), std::process::id());
        assert_eq!(actor.state, ActorState::Running);
        assert_eq!(running(u32::MAX), None);
    }

    #[test]
    fn in_a_container_thread_numbers_of_the_host_are_not_used() {
        let mut threads = Threads {
            is_on_host: false,
            ..Threads::new()
        };
        assert_eq!(threads.origin(std::process::id()), Origin::Unknown);
    }
}
