//! The version of keepalived as which a configuration is read.

use std::fmt;
use std::str::FromStr;

/// A version of keepalived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version([u16; 3]);

impl Version {
    /// The newest version that is widespread. An unknown version is read like this one.
    pub const WIDESPREAD: Self = Self::new(2, 3, 4);

    /// Returns the version with these numbers.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self([major, minor, patch])
    }
}

/// The text is not a version such as `2.3.4` or `v2.3.4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidVersion;

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let number = |part: &str| {
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let number = part.parse::<u16>().ok().filter(|_| is_number);
            number.ok_or(InvalidVersion)
        };
        let parts: Vec<u16> = text.split('.').map(number).collect::<Result<_, _>>()?;
        match *parts.as_slice() {
            [major, minor] => Ok(Self::new(major, minor, 0)),
            [major, minor, patch] => Ok(Self::new(major, minor, patch)),
            _ => Err(InvalidVersion),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_parsed_and_compared() {
        for (text, version) in [
            ("2.3.4", Some(Version::new(2, 3, 4))),
            ("v2.2.8", Some(Version::new(2, 2, 8))),
            ("2.10.0", Some(Version::new(2, 10, 0))),
            ("2.4", Some(Version::new(2, 4, 0))),
            ("2", None),
            ("", None),
            ("2.3.4.5", None),
            ("2.3.x", None),
            ("2.+3.4", None),
            ("2.3.", None),
            ("2.3.99999", None),
        ] {
            assert_eq!(text.parse().ok(), version, "{text}");
        }
        assert!(Version::new(2, 10, 0) > Version::new(2, 3, 4));
    }
}
