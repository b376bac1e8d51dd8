//! What the command line demands of a listener, with the knowledge that it takes.

use std::fs;
use std::path::Path;

use crate::clock::TimeLimit;
use crate::domain::{Demands, Doubt, Fitness, Flaw, Listener, MaxQueue, Obstacle};
use crate::owner::process::Processes;
use crate::owner::unit::{Units, full_name};
use crate::source::InWords;
use crate::users::Users;

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

/// The demands of one check.
pub struct Demanded<'a> {
    max_queue: Option<MaxQueue>,
    owner: &'a Owner,
    proc: &'a Path,
    limit: TimeLimit<'a>,
    /// The user's number, or why it is not known.
    uid: Option<Result<u32, Doubt>>,
    units: Units,
    /// Those of this look, once they were needed.
    processes: Option<Result<Processes, Doubt>>,
}

impl<'a> Demanded<'a> {
    /// The user's name is looked up here; everything else when there is a listener to judge. `proc`
    /// is /proc but for tests.
    ///
    /// # Errors
    /// There is no such user.
    pub fn new(
        max_queue: Option<MaxQueue>,
        owner: &'a Owner,
        proc: &'a Path,
        limit: TimeLimit<'a>,
    ) -> Result<Self, Obstacle> {
        let uid = match owner.user.as_deref().map(uid).transpose() {
            Ok(uid) => uid.map(Ok),
            // It matters only where there is a listener to judge.
            Err(Obstacle::Doubt(doubt)) => Some(Err(doubt)),
            Err(no_such) => return Err(no_such),
        };
        Ok(Self {
            max_queue,
            owner,
            proc,
            limit,
            uid,
            units: Units::default(),
            processes: None,
        })
    }

    fn judge_process(&mut self, listener: &Listener, name: &str) -> Fitness {
        let (proc, limit) = (self.proc, self.limit);
        let processes = self
            .processes
            .get_or_insert_with(|| Processes::read(proc, limit));
        match processes {
            Ok(processes) => processes.judge(listener, name, limit),
            Err(doubt) => Fitness::Unknown(doubt.clone()),
        }
    }
}

impl Demands for Demanded<'_> {
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

    fn fitness(&mut self, listener: &Listener) -> Fitness {
        let owner = self.owner;
        let mut fitness = Fitness::Fit;
        if let Some(max) = self.max_queue {
            fitness = fitness.and(max.judge(listener));
        }
        if let (Some(name), Some(uid)) = (&owner.user, &self.uid) {
            fitness = fitness.and(judge_user(listener, name, uid, self.proc));
        }
        if let Some(unit) = &owner.unit {
            let unit = full_name(unit);
            fitness = fitness.and(self.units.judge(listener, &unit, self.limit));
        }
        if let Some(name) = &owner.process {
            fitness = fitness.and(self.judge_process(listener, name));
        }
        fitness
    }
}

const PASSWD: &str = "/etc/passwd";

/// The number of a user, by number or by name.
fn uid(user: &str) -> Result<u32, Obstacle> {
    if user.bytes().all(|byte| byte.is_ascii_digit()) {
        return user
            .parse()
            .map_err(|_| Obstacle::NoSuch(format!("{user} is no number of a user")));
    }
    let users = Users::read(Path::new(PASSWD)).map_err(|error| {
        let why = InWords::from(&error);
        Doubt::new(format_args!("{PASSWD} cannot be read: {why}"))
    })?;
    users
        .id(user)
        .ok_or_else(|| Obstacle::NoSuch(format!("{PASSWD} has no user {user}")))
}

fn judge_user(listener: &Listener, name: &str, uid: &Result<u32, Doubt>, proc: &Path) -> Fitness {
    let unknown = |why| {
        Fitness::Unknown(Doubt::new(format_args!(
            "{listener} listens, but its user is not known{why}"
        )))
    };
    match (uid, listener.uid) {
        (Err(doubt), _) => Fitness::Unknown(doubt.clone()),
        (Ok(_), None) => unknown(""),
        (Ok(_), Some(uid)) if may_stand_for_another(uid, proc) => {
            unknown(": this user namespace does not have all users")
        }
        (Ok(wanted), Some(uid)) if *wanted == uid => Fitness::Fit,
        (Ok(_), Some(uid)) => {
            let users = Users::read(Path::new(PASSWD)).unwrap_or_default();
            let owner = users
                .name(uid)
                .map_or_else(|| format!("the user with number {uid}"), str::to_owned);
            Fitness::Unfit(Flaw::WrongOwner(format!(
                "{listener} belongs to {owner}, not to {name}"
            )))
        }
    }
}

/// Whether this is the number that the kernel gives for every user whom a user namespace does not
/// have (user_namespaces(7), "Unmapped user and group IDs"), and this is such a namespace.
fn may_stand_for_another(uid: u32, proc: &Path) -> bool {
    /// DEFAULT_OVERFLOWUID of include/linux/highuid.h.
    const USUAL: u32 = 65534;
    let read = |path| fs::read_to_string(proc.join(path)).ok();
    let overflow = read("sys/kernel/overflowuid").and_then(|text| text.trim().parse().ok());
    uid == overflow.unwrap_or(USUAL) && !read("self/uid_map").is_some_and(|map| has_all(&map))
}

/// Whether a uid_map maps all users: 0 to 2^32 - 2.
fn has_all(map: &str) -> bool {
    let mut words = map.split_whitespace();
    words.next() == Some("0") && words.nth(1) == Some("4294967295")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overflow_uid_is_a_user_only_where_all_users_are() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["self", "sys/kernel"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let write = |path, text| fs::write(root.path().join(path), text).unwrap();
        assert!(may_stand_for_another(65534, root.path()));
        write("self/uid_map", "         0          0 4294967295\n");
        assert!(!may_stand_for_another(65534, root.path()));
        write("self/uid_map", "         0       1000          1\n");
        assert!(may_stand_for_another(65534, root.path()));
        assert!(!may_stand_for_another(0, root.path()));
        write("sys/kernel/overflowuid", "999\n");
        assert!(!may_stand_for_another(65534, root.path()));
        assert!(may_stand_for_another(999, root.path()));
    }
}
