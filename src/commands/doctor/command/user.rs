//! The users that scripts run as.

use std::path::Path;

use crate::commands::doctor::codes::audit::{
    ACCOUNTS_UNREADABLE, GROUP_TOO_LARGE, GROUP_UNKNOWN, SCRIPT_USER_MISSING, USER_OPTION_UNKNOWN,
    USER_UNKNOWN,
};
use crate::commands::doctor::codes::command::NotEvaluated;
use crate::commands::doctor::codes::outcome::Dropped;
use crate::commands::doctor::findings::{Finding, Findings, Values};
use crate::errno::ErrnoText;
use crate::host::folders::Part;
use crate::host::passwd::Users;
use crate::keepalived_conf::{Globals, User, Version};
use crate::untrusted::with_files_of;

/// The first version that makes room for a group as large as /etc/group.
const ROOM_BY_FILE: Version = Version::new(2, 3, 4);
/// The room that keepalived makes for a group (sysconf(3), `_SC_GETGR_R_SIZE_MAX` of glibc).
const ROOM: u64 = 1024;

/// The user and the group of a script. keepalived drops all other groups.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScriptUser {
    /// The name, or the number if it has no name.
    pub name: String,
    /// The user's number.
    pub uid: u32,
    /// The group's number. `None`: /etc/passwd does not have it.
    pub gid: Option<u32>,
}

/// /etc/passwd and /etc/group.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    users: Users,
    groups: Users,
}

/// The users that run the scripts of a configuration.
#[derive(Debug)]
pub struct Runners<'a> {
    /// The users there are.
    pub accounts: &'a Accounts,
    /// The user of `--user`, who stands for all others.
    pub forced: Option<&'a ScriptUser>,
    /// The settings of the configuration.
    pub globals: &'a Globals,
    /// False if a part of the configuration was not read, which could name a user.
    pub complete: bool,
    /// The version of keepalived.
    pub version: Option<Version>,
}

impl ScriptUser {
    /// Runs work that can read only the files that this user can read.
    ///
    /// # Errors
    /// Returns why that is not possible. Then nothing is done.
    pub fn reads<T>(&self, work: impl FnOnce() -> T) -> Result<T, NotEvaluated> {
        with_files_of(self.uid, self.gid, work).map_err(|errno| {
            let (user, why) = (&self.name, ErrnoText(errno));
            NotEvaluated::System(format!("files cannot be read as user {user}: {why}"))
        })
    }
}

impl Accounts {
    /// Reads both files in this folder, and reports a file that it cannot read.
    pub fn read(etc: &Path, findings: &mut Findings) -> Self {
        let mut read = |name| {
            let path = etc.join(name);
            Users::read(&path).unwrap_or_else(|error| {
                let path = path.display();
                findings.add(ACCOUNTS_UNREADABLE.with(&[("path", &path), ("error", &error)]));
                Users::default()
            })
        };
        Self {
            users: read("passwd"),
            groups: read("group"),
        }
    }

    /// Returns a part of a path with its owner, its group and its mode, such as `/usr/local/bin (root:staff 2775)`.
    pub fn shown(&self, part: &Part) -> String {
        let name = |names: &Users, id| names.name(id).map_or(id.to_string(), str::to_owned);
        let owner = name(&self.users, part.uid);
        let group = name(&self.groups, part.gid);
        let (path, mode) = (part.path.display(), part.mode & 0o7777);
        format!("{path} ({owner}:{group} {mode:04o})")
    }

    /// Returns the user with this name or number.
    ///
    /// # Errors
    /// Returns a finding if /etc/passwd does not have the name.
    pub fn named_user(&self, name: &str) -> Result<ScriptUser, Finding> {
        let number = || name.parse().ok().map(|uid| self.by_number(uid));
        let user = self.by_name(name).or_else(number);
        user.ok_or_else(|| USER_OPTION_UNKNOWN.with(&[("user", &name)]))
    }

    /// Returns root, the user of keepalived itself.
    pub fn root() -> ScriptUser {
        ScriptUser {
            name: "root".to_owned(),
            uid: 0,
            gid: Some(0),
        }
    }

    fn by_name(&self, name: &str) -> Option<ScriptUser> {
        Some(ScriptUser {
            name: name.to_owned(),
            uid: self.users.id(name)?,
            gid: self.users.group(name),
        })
    }

    fn by_number(&self, uid: u32) -> ScriptUser {
        let known = self.users.name(uid).and_then(|name| self.by_name(name));
        known.unwrap_or_else(|| ScriptUser {
            name: uid.to_string(),
            uid,
            gid: None,
        })
    }
}

impl Runners<'_> {
    /// Returns the user of a script that has no user of its own.
    ///
    /// # Errors
    /// Returns a finding if there is none, so that keepalived drops the script.
    pub fn default_user(&self) -> Result<ScriptUser, Finding> {
        if let Some(user) = self.forced {
            return Ok(user.clone());
        }
        // One script_user that does not exist is enough.
        let mut users = self.globals.script_users.iter();
        let users: Result<Vec<ScriptUser>, Finding> =
            users.try_fold(Vec::new(), |mut users, user| {
                users.push(self.configured_user(user, Dropped::Default)?);
                Ok(users)
            });
        if let Some(user) = users?.pop() {
            return Ok(user);
        }
        let by_name = self.accounts.by_name("keepalived_script");
        match (by_name, &self.globals.script_security) {
            (Some(user), _) => Ok(user),
            (None, None) => Ok(Accounts::root()),
            (None, Some(_)) if !self.complete => Ok(Accounts::root()),
            (None, Some(place)) => Err(SCRIPT_USER_MISSING.with(&[]).at(place)),
        }
    }

    /// Returns the user of a script.
    ///
    /// # Errors
    /// Returns a finding if it does not exist. `dropped` is what keepalived drops then.
    pub fn user(&self, own: Option<&User>, dropped: Dropped<'_>) -> Result<ScriptUser, Finding> {
        match own.filter(|_| self.forced.is_none()) {
            Some(own) => self.configured_user(own, dropped),
            None => self.default_user(),
        }
    }

    /// Returns the user of a line. keepalived looks up names only, even if they are numbers.
    fn configured_user(&self, conf: &User, dropped: Dropped<'_>) -> Result<ScriptUser, Finding> {
        let user = &conf.user;
        let Some(mut found) = self.accounts.by_name(user) else {
            let finding = USER_UNKNOWN.with(&[("dropped", &dropped), ("user", user)]);
            return Err(finding.at(&conf.place));
        };
        if let Some(group) = &conf.group {
            let Some(gid) = self.accounts.groups.id(group) else {
                let finding = GROUP_UNKNOWN.with(&[("dropped", &dropped), ("group", group)]);
                return Err(finding.at(&conf.place));
            };
            if !self.has_room(group) {
                let values: Values = &[("dropped", &dropped), ("group", group), ("user", user)];
                return Err(GROUP_TOO_LARGE.with(values).at(&conf.place));
            }
            found.name = format!("{user}:{group}");
            found.gid = Some(gid);
        }
        Ok(found)
    }

    /// True if keepalived can read this line of /etc/group (lib/notify.c, `set_uid_gid`).
    fn has_room(&self, group: &str) -> bool {
        let by_file = self.version.is_some_and(|version| version >= ROOM_BY_FILE);
        let room = match by_file {
            true => ROOM.max(self.accounts.groups.file_size()),
            false => ROOM,
        };
        self.accounts
            .groups
            .lookup_size(group)
            .is_none_or(|size| size <= room)
    }
}
