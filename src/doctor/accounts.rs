//! Who the check script runs as.

use std::path::Path;

use super::conf::Value;
use super::findings::Finding;
use crate::users::Users;

/// The user and the group of a check script. keepalived drops all other groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptUser {
    /// For a person.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its group; `None` where /etc/passwd does not tell.
    pub gid: Option<u32>,
}

/// /etc/passwd and /etc/group.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    users: Users,
    groups: Users,
}

impl Accounts {
    /// Reads both below this root, and tells what could not be read.
    pub fn read(etc: &Path) -> (Self, Vec<Finding>) {
        let mut findings = Vec::new();
        let mut read = |name| {
            let path = etc.join(name);
            Users::read(&path).unwrap_or_else(|error| {
                let text = format!("{} cannot be read: {error}", path.display());
                findings.push(Finding::note(
                    text,
                    "names of users and groups are not known",
                ));
                Users::default()
            })
        };
        let accounts = Self {
            users: read("passwd"),
            groups: read("group"),
        };
        (accounts, findings)
    }

    /// An owner and a group as `ls -l` shows them, such as root:staff.
    pub fn owner(&self, uid: u32, gid: u32) -> String {
        let name = |names: &Users, id| names.name(id).map_or(id.to_string(), str::to_owned);
        format!("{}:{}", name(&self.users, uid), name(&self.groups, gid))
    }

    /// The user with this name or number.
    pub fn by_option(&self, name: &str) -> Result<ScriptUser, Finding> {
        let uid = self.users.id(name).or_else(|| name.parse().ok());
        match uid {
            Some(uid) => Ok(self.user(uid)),
            None => Err(Finding::problem(
                format!("--user {name}: no such user in /etc/passwd"),
                "give its number, if it comes from elsewhere",
            )),
        }
    }

    /// The user, and perhaps the group, of a line of keepalived.conf; keepalived knows no numbers.
    /// `at` is the place of that line for a person.
    pub fn by_conf(&self, at: &str, value: &Value) -> Result<ScriptUser, Finding> {
        let problem = |what: String| {
            Finding::problem(
                format!("{at}: {what}: keepalived removes the script"),
                "if it comes from elsewhere, such as LDAP: give the user's number by --user",
            )
        };
        let mut words = value.words.iter();
        let Some(name) = words.next() else {
            return Err(problem("no user is named".to_owned()));
        };
        let Some(uid) = self.users.id(name) else {
            return Err(problem(format!("no user {name} in /etc/passwd")));
        };
        let mut user = self.user(uid);
        user.name.clone_from(name);
        if let Some(group) = words.next() {
            let Some(gid) = self.groups.id(group) else {
                return Err(problem(format!("no group {group} in /etc/group")));
            };
            user.name = format!("{name}:{group}");
            user.gid = Some(gid);
        }
        Ok(user)
    }

    /// keepalived's own choice: the user `keepalived_script`, where there is one.
    pub fn keepalived_script(&self) -> Option<ScriptUser> {
        self.users.id("keepalived_script").map(|uid| self.user(uid))
    }

    /// Who keepalived itself runs as.
    pub fn root() -> ScriptUser {
        ScriptUser {
            name: "root".to_owned(),
            uid: 0,
            gid: Some(0),
        }
    }

    fn user(&self, uid: u32) -> ScriptUser {
        ScriptUser {
            name: self.users.name(uid).map_or(uid.to_string(), str::to_owned),
            uid,
            gid: self.users.group(uid),
        }
    }
}
