//! What a listener must meet beyond that it is there, judged with the help of the host.

mod process;
mod queue;
mod unit;
mod user;

use std::path::Path;

use crate::clock::Deadline;
use crate::domain::{Compliance, Doubt, Listener, Obstacle, Requirements};
use crate::host::cgroups::full_name;
use crate::host::processes::{Processes, Viewer};

pub use self::queue::MaxQueue;
use self::unit::Units;

/// Who should own a listener.
#[derive(Clone, Debug, Default)]
pub struct Owner {
    /// The name or number of the user who made the socket.
    pub user: Option<String>,
    /// The systemd unit that it was made in.
    pub unit: Option<String>,
    /// The name of a process that holds it.
    pub process: Option<String>,
}

/// The requirements of one judgement.
pub struct RequirementChecker<'a> {
    max_queue: Option<MaxQueue>,
    owner: &'a Owner,
    proc: &'a Path,
    deadline: Deadline<'a>,
    /// The user's number, or why it is not known.
    uid: Option<Result<u32, Doubt>>,
    units: Units,
    /// Those of this look, once they were needed.
    processes: Option<Result<Processes, Doubt>>,
    viewer: Option<Viewer>,
}

impl<'a> RequirementChecker<'a> {
    /// The user's name is looked up here; everything else when there is a listener to judge. `proc`
    /// is /proc but for tests.
    ///
    /// # Errors
    /// There is no such user.
    pub fn new(
        max_queue: Option<MaxQueue>,
        owner: &'a Owner,
        proc: &'a Path,
        deadline: Deadline<'a>,
    ) -> Result<Self, Obstacle> {
        let uid = match owner.user.as_deref().map(user::uid).transpose() {
            Ok(uid) => uid.map(Ok),
            // It matters only where there is a listener to judge.
            Err(Obstacle::Doubt(doubt)) => Some(Err(doubt)),
            Err(no_such) => return Err(no_such),
        };
        Ok(Self {
            max_queue,
            owner,
            proc,
            deadline,
            uid,
            units: Units::default(),
            processes: None,
            viewer: None,
        })
    }

    /// Looks into no other processes than this user could.
    pub fn see_as(&mut self, viewer: Option<Viewer>) {
        self.viewer = viewer;
    }

    fn judge_process(&mut self, listener: &Listener, name: &str) -> Compliance {
        let (proc, limit, viewer) = (self.proc, self.deadline, self.viewer);
        let processes = self
            .processes
            .get_or_insert_with(|| Ok(Processes::read(proc, limit)?.seen_by(viewer)));
        match processes {
            Ok(processes) => process::judge(processes, listener, name, limit),
            Err(doubt) => Compliance::Unknown(doubt.clone()),
        }
    }
}

impl Requirements for RequirementChecker<'_> {
    fn any(&self) -> bool {
        let Owner {
            user,
            unit,
            process,
        } = self.owner;
        self.max_queue.is_some() || user.is_some() || unit.is_some() || process.is_some()
    }

    fn begin(&mut self) {
        self.units.forget();
        self.processes = None;
    }

    fn compliance(&mut self, listener: &Listener) -> Compliance {
        let owner = self.owner;
        let mut compliance = Compliance::Compliant;
        if let Some(max) = self.max_queue {
            compliance = compliance.and(max.judge(listener));
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
