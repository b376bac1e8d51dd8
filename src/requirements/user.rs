//! `--owner-user`: the user who made the socket.

use std::fs;
use std::path::Path;

use crate::domain::{Compliance, Listener, SetupError, UnknownReason, Violation};
use crate::host::passwd::Users;

const PASSWD: &str = "/etc/passwd";

/// Returns the user ID for a number or a name.
pub(super) fn uid(user: &str) -> Result<u32, SetupError> {
    if user.bytes().all(|byte| byte.is_ascii_digit()) {
        return user
            .parse()
            .map_err(|_| SetupError::NoSuch(format!("{user} is not a user number")));
    }
    let users = Users::read(Path::new(PASSWD))
        .map_err(|why| UnknownReason::new(format_args!("{PASSWD} cannot be read: {why}")))?;
    users
        .id(user)
        .ok_or_else(|| SetupError::NoSuch(format!("{PASSWD} has no user {user}")))
}

pub(super) fn judge(
    listener: &Listener,
    name: &str,
    uid: &Result<u32, UnknownReason>,
    proc: &Path,
) -> Compliance {
    let unknown = |why| {
        Compliance::Unknown(UnknownReason::new(format_args!(
            "{listener} {}, but its user is unknown{why}",
            listener.protocol.state_word()
        )))
    };
    match (uid, listener.uid) {
        (Err(reason), _) => Compliance::Unknown(reason.clone()),
        (Ok(_), None) => unknown(""),
        (Ok(_), Some(uid)) if can_be_overflow_uid(uid, proc) => {
            unknown(": this user namespace does not have all users")
        }
        (Ok(wanted), Some(uid)) if *wanted == uid => Compliance::Compliant,
        (Ok(_), Some(uid)) => {
            let users = Users::read(Path::new(PASSWD)).unwrap_or_default();
            let owner = users
                .name(uid)
                .map_or_else(|| format!("the user with number {uid}"), str::to_owned);
            Compliance::Violates(Violation::WrongOwner(format!(
                "{listener} belongs to {owner}, not to {name}"
            )))
        }
    }
}

/// True if this is the overflow user ID, which replaces every user without a mapping, and this user namespace does not map
/// all users (user_namespaces(7), "Unmapped user and group IDs").
fn can_be_overflow_uid(uid: u32, proc: &Path) -> bool {
    /// DEFAULT_OVERFLOWUID of include/linux/highuid.h.
    const USUAL: u32 = 65534;
    let read = |path| fs::read_to_string(proc.join(path)).ok();
    let overflow = read("sys/kernel/overflowuid").and_then(|text| text.trim().parse().ok());
    uid == overflow.unwrap_or(USUAL) && !read("self/uid_map").is_some_and(|map| maps_all_uids(&map))
}

/// True if a uid_map maps all users: 0 to 2^32 - 2.
fn maps_all_uids(map: &str) -> bool {
    let mut words = map.split_whitespace();
    words.next() == Some("0") && words.nth(1) == Some("4294967295")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overflow_uid_is_a_user_only_if_all_uids_are_mapped() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["self", "sys/kernel"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let write = |path, text| fs::write(root.path().join(path), text).unwrap();
        assert!(can_be_overflow_uid(65534, root.path()));
        write("self/uid_map", "         0          0 4294967295\n");
        assert!(!can_be_overflow_uid(65534, root.path()));
        write("self/uid_map", "         0       1000          1\n");
        assert!(can_be_overflow_uid(65534, root.path()));
        assert!(!can_be_overflow_uid(0, root.path()));
        write("sys/kernel/overflowuid", "999\n");
        assert!(!can_be_overflow_uid(65534, root.path()));
        assert!(can_be_overflow_uid(999, root.path()));
    }
}
