//! Who the check script runs as.

use std::path::Path;

use super::findings::Finding;
use crate::host::passwd::Users;
use crate::keepalived_conf::User;

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
                findings.push(Finding::note(
                    "names of users and groups are not known",
                    format!("{} cannot be read: {error}", path.display()),
                    "",
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
        let number = || name.parse().ok().map(|uid| self.by_number(uid));
        self.by_name(name).or_else(number).ok_or_else(|| {
            Finding::problem(
                format!("--user {name} is not known, so root is judged by"),
                "no such user in /etc/passwd",
                "give its number, if it comes from elsewhere",
            )
        })
    }

    /// The user, and perhaps the group, of a line of keepalived.conf; keepalived knows no numbers. `lost` is what
    /// becomes of the checks.
    ///
    /// # Errors
    /// There is none.
    pub fn by_conf(&self, conf: &User, lost: &str) -> Result<ScriptUser, Finding> {
        let name = &conf.user;
        let problem = |what: String| {
            let cure = "if it comes from elsewhere, such as LDAP: give the user's number by --user";
            Finding::problem(lost, what, cure).at(&conf.place)
        };
        let Some(mut user) = self.by_name(name) else {
            return Err(problem(format!("no user {name} in /etc/passwd")));
        };
        if let Some(group) = &conf.group {
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
        self.by_name("keepalived_script")
    }

    /// Who keepalived itself runs as.
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
