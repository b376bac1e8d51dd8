//! `--max-queue`, `--owner-...` and `--interface`: requirements on a listener.

mod interface;
mod process;
mod queue;
mod unit;
mod user;

use std::collections::BTreeMap;
use std::path::Path;

use crate::clock::Deadline;
use crate::domain::{Compliance, Ingress, Listener, Requirements, SetupError, UnknownReason};
use crate::host::cgroups::full_name;
use crate::host::netns::Netns;
use crate::host::processes::{Processes, Viewer};

pub use self::queue::MaxQueue;
use self::unit::Units;

/// The required owner of a listener.
#[derive(Clone, Debug, Default)]
pub struct Owner {
    /// The name or number of the user who made the socket.
    pub user: Option<String>,
    /// The systemd unit that it was made in.
    pub unit: Option<String>,
    /// The name of a process that holds it.
    pub process: Option<String>,
}

/// The requirements as the command line names them.
#[derive(Clone, Copy, Debug)]
pub struct Demands<'a> {
    /// The limit on how full the queue is allowed to be. `None` if there is no limit.
    pub max_queue: Option<MaxQueue>,
    /// The required owner of the listener.
    pub owner: &'a Owner,
    /// The device through which connections come in.
    pub interface: Option<&'a str>,
    /// The network namespace that the calling thread enters before names are looked up. `None` to stay.
    pub netns: Option<&'a Netns>,
    /// The user with whose permissions processes are read. `None` for the user of this process.
    pub viewer: Option<Viewer>,
}

/// How many datagrams UDP sockets have dropped, by their inodes.
pub type Drops = BTreeMap<u64, u32>;

/// The requirements of one check.
pub struct RequirementChecker<'a> {
    demands: Demands<'a>,
    proc: &'a Path,
    deadline: Deadline<'a>,
    /// The user ID, or why it is unknown. `None` if no user is required.
    uid: Option<Result<u32, UnknownReason>>,
    units: Units,
    /// The drop counters of the sockets: those of an earlier check, and those of this one.
    drops: [Drops; 2],
    /// The processes of this look. `None` until they are needed.
    processes: Option<Result<Processes, UnknownReason>>,
}

impl<'a> RequirementChecker<'a> {
    /// Returns the requirements, without looking up anything yet. `proc` is /proc except in tests. `drops` are from an
    /// earlier look.
    pub fn new(demands: Demands<'a>, proc: &'a Path, deadline: Deadline<'a>, drops: Drops) -> Self {
        Self {
            demands,
            proc,
            deadline,
            uid: None,
            units: Units::default(),
            drops: [drops, Drops::new()],
            processes: None,
        }
    }

    /// Returns what sockets have dropped so far, for a later check.
    pub fn into_drops(self) -> Drops {
        let [_, drops] = self.drops;
        drops
    }

    /// Returns how many datagrams a socket has dropped since the look before.
    fn dropped(&mut self, listener: &Listener) -> u32 {
        let (Some(inode), Some(drops)) = (listener.inode, listener.drops) else {
            return 0;
        };
        let [before, now] = &mut self.drops;
        now.insert(inode, drops);
        before
            .get(&inode)
            .map_or(0, |before| drops.saturating_sub(*before))
    }

    fn judge_process(&mut self, listener: &Listener, name: &str) -> Compliance {
        let (proc, limit, viewer) = (self.proc, self.deadline, self.demands.viewer);
        let processes = self
            .processes
            .get_or_insert_with(|| Ok(Processes::read(proc, limit)?.seen_by(viewer)));
        match processes {
            Ok(processes) => process::judge(processes, listener, name, limit),
            Err(reason) => Compliance::Unknown(reason.clone()),
        }
    }
}

impl Requirements for RequirementChecker<'_> {
    fn any(&self) -> bool {
        let Owner {
            user,
            unit,
            process,
        } = self.demands.owner;
        self.demands.max_queue.is_some() || user.is_some() || unit.is_some() || process.is_some()
    }

    fn look_up_names(&mut self) -> Result<Option<Ingress>, SetupError> {
        if let Some(netns) = self.demands.netns {
            // The names below are those of the namespace.
            netns.enter()?;
        }
        self.uid = match self
            .demands
            .owner
            .user
            .as_deref()
            .map(user::uid)
            .transpose()
        {
            Ok(uid) => uid.map(Ok),
            // It matters only if there is a listener.
            Err(SetupError::Unknown(reason)) => Some(Err(reason)),
            Err(no_such) => return Err(no_such),
        };
        let ingress = |interface| interface::ingress(interface, self.proc, self.deadline);
        self.demands.interface.map(ingress).transpose()
    }

    fn enters_namespace(&self) -> bool {
        self.demands.netns.is_some()
    }

    fn begin_look(&mut self) {
        self.units.forget();
        self.processes = None;
    }

    fn compliance(&mut self, listener: &Listener) -> Compliance {
        let owner = self.demands.owner;
        let mut compliance = Compliance::Compliant;
        if let Some(max) = self.demands.max_queue {
            let dropped = self.dropped(listener);
            compliance = compliance.and(max.judge(listener, dropped));
        }
        if let (Some(name), Some(uid)) = (&owner.user, &self.uid) {
            compliance = compliance.and(user::judge(listener, name, uid, self.proc));
        }
        if let Some(unit) = &owner.unit {
            let unit = full_name(unit);
            compliance = compliance.and(self.units.judge(listener, &unit, self.deadline));
        }
        if let Some(name) = &owner.process {
            compliance = compliance.and(self.judge_process(listener, name));
        }
        compliance
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;
    use crate::clock::fake::FakeClock;

    #[test]
    fn each_look_reads_the_processes_again() {
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join("20/fd/3");
        fs::create_dir_all(root.path().join("20/fd")).unwrap();
        fs::write(root.path().join("20/comm"), "haproxy\n").unwrap();
        symlink("socket:[7]", &link).unwrap();
        let owner = Owner {
            process: Some("haproxy".to_owned()),
            ..Owner::default()
        };
        let demands = Demands {
            max_queue: None,
            owner: &owner,
            interface: None,
            netns: None,
            viewer: None,
        };
        let clock = FakeClock::default();
        let deadline = Deadline::new(&clock, Duration::from_secs(1));
        let mut checker = RequirementChecker::new(demands, root.path(), deadline, Drops::new());
        let listener = Listener {
            inode: Some(7),
            ..Listener::at([127, 0, 0, 1], 443)
        };
        checker.begin_look();
        assert_eq!(checker.compliance(&listener), Compliance::Compliant);
        // Another process has taken the number and has another name.
        fs::write(root.path().join("20/comm"), "nginx\n").unwrap();
        assert_eq!(checker.compliance(&listener), Compliance::Compliant);
        checker.begin_look();
        assert!(matches!(
            checker.compliance(&listener),
            Compliance::Violates(_)
        ));
    }

    #[test]
    fn drops_are_counted_since_the_previous_check() {
        let owner = Owner::default();
        let demands = Demands {
            max_queue: Some(MaxQueue::Percent(100)),
            owner: &owner,
            interface: None,
            netns: None,
            viewer: None,
        };
        let clock = FakeClock::default();
        let deadline = Deadline::new(&clock, Duration::from_secs(1));
        let proc = Path::new("/proc");
        let listener = |drops| Listener {
            inode: Some(7),
            drops: Some(drops),
            ..Listener::at([127, 0, 0, 1], 53)
        };
        let mut first = RequirementChecker::new(demands, proc, deadline, Drops::new());
        assert_eq!(first.dropped(&listener(5)), 0);
        let mut second = RequirementChecker::new(demands, proc, deadline, first.into_drops());
        assert_eq!(
            [5, 8, 4].map(|drops| second.dropped(&listener(drops))),
            [0, 3, 0]
        );
    }
}
