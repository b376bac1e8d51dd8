//! Reading files with the permissions of another user.
//!
//! The findings quote scripts. A user can make the path of a script lead to a file that only root can read, for example
//! with a symlink. So the doctor reads a script with the file permissions of its user, and the kernel refuses such a file.
//! These permissions do not apply to signals and ptrace(2): for them the process still belongs to root (setfsuid(2)).

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, getegid, geteuid, setfsgid, setfsuid, setgroups};

/// The group of a user whose group is unknown. It owns nothing.
const NOGROUP: u32 = 65534;

/// Runs `work` with this user's file permissions, if this process runs as root. Afterwards the process has no supplementary
/// groups, which root does not need.
///
/// # Errors
/// Returns an error if this process cannot take on the permissions. `work` is then not run.
pub fn with_files_of<T>(uid: u32, gid: Option<u32>, work: impl FnOnce() -> T) -> Result<T, Errno> {
    let (root, group) = (geteuid(), getegid());
    if !root.is_root() || uid == 0 {
        return Ok(work());
    }
    setgroups(&[])?;
    let (user, users_group) = (Uid::from_raw(uid), Gid::from_raw(gid.unwrap_or(NOGROUP)));
    // These calls never return an error: they return the IDs that were set before. So the second pair checks the first.
    let switch = || (setfsgid(users_group), setfsuid(user));
    switch();
    let done = match switch() == (users_group, user) {
        true => Ok(work()),
        false => Err(Errno::EPERM),
    };
    setfsuid(root);
    setfsgid(group);
    done
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Only root can take the permissions of another user.
    #[test]
    fn files_of_root_and_of_its_group_cannot_be_read_as_another_user() {
        assert!(geteuid().is_root(), "this test needs root");
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        for (mode, can_read) in [(0o600, false), (0o640, false), (0o644, true)] {
            fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
            let read = with_files_of(12345, None, || fs::read(&file).is_ok());
            assert_eq!(read, Ok(can_read), "{mode:o}");
            assert!(fs::read(&file).is_ok(), "{mode:o}");
            assert_eq!(with_files_of(0, None, || fs::read(&file).is_ok()), Ok(true));
        }
        fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
        let read = with_files_of(12345, Some(0), || fs::read(&file).is_ok());
        assert_eq!(read, Ok(true));
    }
}
