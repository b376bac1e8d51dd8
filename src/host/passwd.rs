//! The accounts in /etc/passwd, and the groups in /etc/group, whose lines begin in the same way.
//!
//! getpwnam(3) is not used: in a static binary the C library would load the name service's modules at run time, and
//! modules of another version end the process. Users from elsewhere, such as LDAP, have no name here; their numbers
//! work.

use std::path::Path;

use crate::untrusted::{Limits, ReadError, RegularFile};

/// Limits for some 100,000 accounts.
const LIMITS: Limits = Limits {
    bytes: 16 << 20,
    lines: 1_000_000,
};

/// The accounts of such a file, in its order.
#[derive(Clone, Debug, Default)]
pub struct Users {
    list: Vec<User>,
    file_size: u64,
}

#[derive(Clone, Debug)]
struct User {
    name: String,
    id: u32,
    group: Option<u32>,
    lookup_size: u64,
}

impl Users {
    /// Reads a file as passwd(5) and group(5) describe them. Other lines are left out, as in glibc.
    ///
    /// # Errors
    /// Returns an error if it cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let text = RegularFile::open(path.as_ref())?.read(LIMITS)?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        Self {
            list: text.lines().filter_map(User::parse).collect(),
            file_size: text.len() as u64,
        }
    }

    /// Returns the size of the file in bytes.
    pub fn file_size(&self) -> u64 {
        self.file_size
    }

    /// Returns the bytes that getgrnam_r(3) of glibc needs for this group: its line, and a pointer for each member.
    pub fn lookup_size(&self, name: &str) -> Option<u64> {
        self.by_name(name).map(|user| user.lookup_size)
    }

    /// The number of this user, or group.
    pub fn id(&self, name: &str) -> Option<u32> {
        self.by_name(name).map(|user| user.id)
    }

    /// The first name that has this number.
    pub fn name(&self, id: u32) -> Option<&str> {
        let user = self.list.iter().find(|user| user.id == id);
        user.map(|user| user.name.as_str())
    }

    /// The number of the group that this user logs in with. /etc/group has no such number.
    pub fn group(&self, name: &str) -> Option<u32> {
        self.by_name(name).and_then(|user| user.group)
    }

    fn by_name(&self, name: &str) -> Option<&User> {
        self.list.iter().find(|user| user.name == name)
    }
}

impl User {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let id = fields.nth(1)?.parse().ok()?;
        let last = fields.next().unwrap_or_default();
        let members = last.split(',').filter(|member| !member.is_empty()).count();
        let pointers = 8 * (members as u64 + 1);
        Some(Self {
            name: name.to_owned(),
            id,
            group: last.parse().ok(),
            lookup_size: (line.len() as u64 + 1).next_multiple_of(8) + pointers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_read_from_passwd() {
        let users = Users::parse(
            b"root:x:0:0:root:/root:/bin/bash\n\
              toor:x:0:7:second name:/root:/bin/sh\n\
              # a comment\n\n\
              broken\nbroken:x\nbroken:x:one:1::/:\n:x:5:5::/:\nbroken:x:-1:1::/:\n\
              caf\xe9:x:9:9::/:\n\
              keepalived_script:x:987:986::/:/sbin/nologin\n",
        );
        assert_eq!(users.id("root"), Some(0));
        assert_eq!(users.id("toor"), Some(0));
        assert_eq!(users.id("keepalived_script"), Some(987));
        assert_eq!(users.name(0), Some("root"));
        for (name, group) in [("root", 0), ("toor", 7), ("keepalived_script", 986)] {
            assert_eq!(users.group(name), Some(group), "{name}");
        }
        for unknown in ["broken", "", "0", "987", "# a comment", "keepalived"] {
            assert_eq!(users.id(unknown), None, "{unknown:?}");
            assert_eq!(users.group(unknown), None, "{unknown:?}");
        }
        for unknown in [1, 5, u32::MAX] {
            assert_eq!(users.name(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn groups_are_read_from_group() {
        let groups = Users::parse(b"root:x:0:\nstaff:x:50:alice,bob\nnumbers:x:51:1000\n");
        assert_eq!(groups.id("staff"), Some(50));
        assert_eq!(groups.name(50), Some("staff"));
        assert_eq!(groups.group("staff"), None);
        assert_eq!(groups.lookup_size("root"), Some(16 + 8));
        assert_eq!(groups.lookup_size("staff"), Some(24 + 3 * 8));
        assert_eq!(groups.file_size(), 49);
    }

    #[test]
    fn a_missing_passwd_file_is_an_error() {
        assert!(Users::read("/nonexistent/passwd").is_err());
        assert_eq!(Users::read("/etc/passwd").unwrap().id("root"), Some(0));
    }
}
