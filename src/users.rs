//! The names of users, by /etc/passwd.
//!
//! Not by getpwnam(3): in a static binary the C library would load the name service's modules at run
//! time, and those of another version of itself end the process. Users from elsewhere, such as LDAP,
//! have no name here; their numbers work all the same.

use std::io;
use std::path::Path;

/// Names and numbers, in the order of the file.
#[derive(Debug, Default)]
pub struct Users(Vec<(String, u32)>);

impl Users {
    /// Reads a file in the format of passwd(5).
    ///
    /// # Errors
    /// When the file cannot be read. A line that is none is left out.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::parse(&std::fs::read(path)?))
    }

    fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let user = |line: &str| {
            let mut fields = line.split(':');
            let (name, _password, id) = (fields.next()?, fields.next()?, fields.next()?);
            let id = id.parse().ok()?;
            (!name.is_empty()).then(|| (name.to_owned(), id))
        };
        Self(text.lines().filter_map(user).collect())
    }

    /// The number of the user with this name.
    pub fn id(&self, name: &str) -> Option<u32> {
        let mut users = self.0.iter();
        users.find(|(known, _)| known == name).map(|(_, id)| *id)
    }

    /// The first name of the user with this number.
    pub fn name(&self, id: u32) -> Option<&str> {
        let mut users = self.0.iter();
        users
            .find(|(_, known)| *known == id)
            .map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_of_a_file_with_lines_that_are_none() {
        let users = Users::parse(
            b"root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\n\n# a comment\n:x:5:5::/:\nx:x\n\
              odd:x:many:0::/:\nnegative:x:-1:0::/:\nhaproxy:x:106:112::/nonexistent:/bin/false\n\xff:x:9:9\n",
        );
        assert_eq!(users.id("root"), Some(0));
        assert_eq!(users.id("toor"), Some(0));
        assert_eq!(users.name(0), Some("root"));
        assert_eq!(users.id("haproxy"), Some(106));
        assert_eq!(users.name(106), Some("haproxy"));
        for name in ["", "x", "odd", "negative", "# a comment", "HAPROXY"] {
            assert_eq!(users.id(name), None, "{name:?}");
        }
        assert_eq!(users.name(5), None);
        assert_eq!(users.name(107), None);
    }
}
