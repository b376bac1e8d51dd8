//! The version of a keepalived, from the text in its file. It is not executed.

use std::path::Path;

use crate::keepalived_conf::Version;
use crate::untrusted::{Limits, ReadError, RegularFile};

/// The paths at which keepalived can be installed.
const INSTALLED: [&str; 3] = [
    "/usr/sbin/keepalived",
    "/usr/local/sbin/keepalived",
    "/sbin/keepalived",
];
/// The limits for reading an executable. keepalived's has about 1 MB.
const LIMITS: Limits = Limits {
    bytes: 32 << 20,
    lines: usize::MAX,
};
/// Bytes of a version.
const LONGEST_VERSION: usize = 40;

/// Returns the version of the keepalived in this file. `None`: the file is not keepalived.
///
/// # Errors
/// Returns an error if the file cannot be read.
pub fn of_file(file: &RegularFile) -> Result<Option<Version>, ReadError> {
    Ok(in_program(&file.read(LIMITS)?))
}

/// Returns the version of the installed keepalived.
pub fn installed() -> Option<Version> {
    INSTALLED.iter().find_map(|path| at(Path::new(path)))
}

/// Returns the version of the keepalived at this path.
pub fn at(path: &Path) -> Option<Version> {
    of_file(&RegularFile::open(path).ok()?).ok()?
}

/// Each keepalived contains once the text that `keepalived --version` begins with, such as `Keepalived v2.2.8 (`.
fn in_program(program: &[u8]) -> Option<Version> {
    const START: &[u8] = b"Keepalived v";
    let mut starts = program.windows(START.len()).enumerate();
    starts.find_map(|(at, text)| {
        let rest = program.get(at + START.len()..).filter(|_| text == START)?;
        let part = |byte: &&u8| byte.is_ascii_alphanumeric() || b".+-~_".contains(byte);
        let length = rest.iter().take(LONGEST_VERSION).take_while(part).count();
        let (version, rest) = rest.split_at_checked(length)?;
        if !rest.starts_with(b" (") {
            return None;
        }
        let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        let numbers = version.split(|byte| !is_number(byte)).next()?;
        std::str::from_utf8(numbers).ok()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_keepalived_executables() {
        for (program, expected) in [
            ("\0Keepalived v2.2.7 (01/16,2022)\0", Some("2.2.7")),
            ("Keepalived v1.2.24 (", Some("1.2.24")),
            ("Keepalived v2.4.3+git1~x-1 (", Some("2.4.3")),
            ("Keepalived v%s Keepalived v2.3.4 (", Some("2.3.4")),
            ("Keepalived v", None),
            ("Keepalived v (", None),
            ("Keepalived vx (", None),
            ("Keepalived v2.2.7", None),
            ("Keepalived v2.2.7 x (", None),
            ("", None),
        ] {
            let found = in_program(program.as_bytes()).map(|version| version.to_string());
            assert_eq!(found.as_deref(), expected, "{program}");
        }
    }
}
