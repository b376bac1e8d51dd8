//! Who can write on the way to a file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The first part of the way to a file that others than root and this user can write to: they can replace the file.
/// `None`: there is none, or the folder is not there. What is below a folder that only root can enter counts as root's,
/// whoever owns it: with `DynamicUser=yes` systemd 257 keeps a service's folder as nobody's in /run/private.
pub fn weak_folder(file: &Path, owner: u32) -> Option<PathBuf> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).ok()?;
    let is_weak = |part: &&Path| {
        fs::symlink_metadata(part).is_ok_and(|found| {
            let (mode, by) = (found.mode(), found.uid());
            let by_group = mode & 0o020 != 0 && found.gid() != 0;
            // In a sticky folder nobody can replace what is somebody else's.
            let by_others = by_group || mode & 0o002 != 0;
            (by != 0 && by != owner) || by_others && mode & 0o1000 == 0
        })
    };
    let ways: Vec<&Path> = folder.ancestors().collect();
    // From the one nearest to the root directory: there the way ends for everybody else.
    let closed = ways.iter().rposition(|part| only_root_enters(part));
    let mut open = ways.into_iter().skip(closed.unwrap_or(0));
    open.find(is_weak).map(Path::to_owned)
}

fn only_root_enters(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|found| found.uid() == 0 && found.mode() & 0o011 == 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;

    #[test]
    fn a_folder_of_somebody_else_is_weak_unless_only_root_gets_there() {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let private = root.path().join("private");
        let folder = private.join("listenup-watch-443");
        fs::create_dir_all(&folder).unwrap();
        chown(&folder, Some(65534), Some(65534)).unwrap();
        let file = folder.join("track");
        for (mode, weak) in [
            (0o700, None),
            (0o600, None),
            (0o755, Some(&folder)),
            (0o710, Some(&folder)),
            (0o701, Some(&folder)),
            (0o722, Some(&private)),
        ] {
            fs::set_permissions(&private, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(weak_folder(&file, 61813).as_ref(), weak, "{mode:o}");
        }
        // Somebody else can put another in its place.
        fs::set_permissions(&private, PermissionsExt::from_mode(0o700)).unwrap();
        chown(root.path(), Some(65534), None).unwrap();
        assert_eq!(weak_folder(&file, 61813).as_deref(), Some(root.path()));
    }
}
