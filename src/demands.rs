//! What the command line demands of a listener, with the knowledge that it takes.

use std::path::Path;

use crate::clock::TimeLimit;
use crate::domain::{Demands, Doubt, Fitness, Flaw, Listener, MaxQueue};
use crate::owner::{process, unit};
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
    /// The user's number, or why it is not known.
    uid: Option<Result<u32, Doubt>>,
    limit: TimeLimit<'a>,
}

impl<'a> Demanded<'a> {
    /// The user's name is looked up here; everything else when there is a listener to judge. Processes
    /// are looked for below `proc`.
    pub fn new(
        max_queue: Option<MaxQueue>,
        owner: &'a Owner,
        proc: &'a Path,
        limit: TimeLimit<'a>,
    ) -> Self {
        Self {
            max_queue,
            owner,
            proc,
            uid: owner.user.as_deref().map(uid),
            limit,
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

    fn fitness(&mut self, listener: &Listener) -> Fitness {
        let mut fitness = Fitness::Fit;
        if let Some(max) = self.max_queue {
            fitness = fitness.and(max.judge(listener));
        }
        if let (Some(name), Some(uid)) = (&self.owner.user, &self.uid) {
            fitness = fitness.and(judge_user(listener, name, uid));
        }
        if let Some(unit) = &self.owner.unit {
            fitness = fitness.and(unit::judge(listener, &unit::full_name(unit), self.limit));
        }
        if let Some(name) = &self.owner.process {
            fitness = fitness.and(process::judge(listener, name, self.proc, self.limit));
        }
        fitness
    }
}

const PASSWD: &str = "/etc/passwd";

/// The number of a user, by number or by name.
fn uid(user: &str) -> Result<u32, Doubt> {
    if let Ok(uid) = user.parse() {
        return Ok(uid);
    }
    let users = Users::read(Path::new(PASSWD)).map_err(|error| {
        let why = InWords::from(&error);
        Doubt::new(format_args!("{PASSWD} cannot be read: {why}"))
    })?;
    users
        .id(user)
        .ok_or_else(|| Doubt::new(format_args!("{PASSWD} has no user {user}")))
}

fn judge_user(listener: &Listener, name: &str, uid: &Result<u32, Doubt>) -> Fitness {
    match (uid, listener.uid) {
        (Err(doubt), _) => Fitness::Unknown(doubt.clone()),
        (Ok(_), None) => Fitness::Unknown(Doubt::new(format_args!(
            "{listener} listens, but its user is not known"
        ))),
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
