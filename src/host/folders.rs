//! Folders on the path of a file that users other than root can write to, and the mount of a file.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::libc::{S_IFDIR, S_IFLNK, S_IFMT, S_ISVTX};

/// The most links that a path can lead through (MAXSYMLINKS of the kernel).
const LINKS: usize = 40;

/// Returns the first folder on the path of a file that users other than root and this user can write to: they can
/// replace the file. `None` if there is none, or the folder does not exist.
pub fn insecure_folder(file: &Path, owner: u32) -> Option<PathBuf> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let parts = parts(folder)?;
    let mut parts = parts.into_iter().map(|part| Part {
        // The kernel shows root of the host so, in a user namespace that does not have it.
        uid: if is_unmapped(part.uid) { 0 } else { part.uid },
        ..part
    });
    let insecure = parts.find(|part| part.is_insecure(owner))?;
    Some(insecure.path)
}

/// True for a user that the user namespace of this process does not have.
fn is_unmapped(uid: u32) -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let mut ranges = map.lines().filter_map(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        let (first, _) = (numbers.next()?.ok()?, numbers.next());
        Some((first, numbers.next()?.ok()?))
    });
    !map.is_empty() && !ranges.any(|(first, count)| uid.wrapping_sub(first) < count)
}

/// Returns the first folder, link or file on the path of a file, or the file itself, that users other than root and
/// this user can change. `None` if there is none, or the path cannot be read.
pub fn insecure_part(file: &Path, owner: u32) -> Option<Part> {
    parts(file)?
        .into_iter()
        .find(|part| part.is_insecure(owner))
}

/// A folder, a link or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The path of the folder.
    pub path: PathBuf,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its kind and its permissions.
    pub mode: u32,
    /// True if only root can reach it. A path below a folder that only root can enter counts as root's, even if it
    /// belongs to another user: with `DynamicUser=yes` systemd keeps a service's folder in /run/private.
    pub is_root_only: bool,
}

impl Part {
    /// Returns the part of this path with what stat(2) says of it.
    pub fn new(path: &Path, found: &Metadata, is_root_only: bool) -> Self {
        Self {
            path: path.to_owned(),
            uid: found.uid(),
            gid: found.gid(),
            mode: found.mode(),
            is_root_only,
        }
    }

    /// Returns its kind, such as `S_IFDIR`.
    pub fn kind(&self) -> u32 {
        self.mode & S_IFMT
    }

    fn is_insecure(&self, owner: u32) -> bool {
        let by_group = self.mode & 0o020 != 0 && self.gid != 0;
        let by_others = by_group || self.mode & 0o002 != 0;
        // In a sticky folder, users cannot replace files of other users. A symlink is writable for all, which has no
        // effect.
        let is_sticky = self.kind() == S_IFDIR && self.mode & S_ISVTX != 0;
        let is_writable = by_others && !is_sticky && self.kind() != S_IFLNK;
        let is_of_others = self.uid != 0 && self.uid != owner;
        !self.is_root_only && (is_of_others || is_writable)
    }

    fn restricts_to_root(&self) -> bool {
        self.is_root_only || self.uid == 0 && self.mode & 0o011 == 0
    }
}

/// Returns the parts of a path as it is written, and the parts that its links lead through. A part that does not exist
/// ends it.
fn parts(path: &Path) -> Option<Vec<Part>> {
    let path = env::current_dir().ok()?.join(path);
    let mut left = words(&path);
    // The folders down to the one that is reached.
    let mut here = vec![at(Path::new("/"), false)?];
    let mut all = here.clone();
    let mut links = 0;
    while let Some(word) = left.pop() {
        if word == ".." {
            here.truncate(here.len().saturating_sub(1).max(1));
            continue;
        }
        let folder = here.last()?;
        let Some(part) = at(&folder.path.join(word), folder.restricts_to_root()) else {
            return Some(all);
        };
        all.push(part.clone());
        if part.kind() != S_IFLNK {
            here.push(part);
            continue;
        }
        links += 1;
        let target = fs::read_link(&part.path).ok();
        let Some(target) = target.filter(|_| links <= LINKS) else {
            return Some(all);
        };
        if target.is_absolute() {
            here.truncate(1);
        }
        left.extend(words(&target));
    }
    Some(all)
}

/// The names in a path, the last one first.
fn words(path: &Path) -> Vec<OsString> {
    let words = path.components().filter_map(|word| match word {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    let mut words: Vec<OsString> = words.collect();
    words.reverse();
    words
}

fn at(path: &Path, is_root_only: bool) -> Option<Part> {
    let found = fs::symlink_metadata(path).ok()?;
    Some(Part::new(path, &found, is_root_only))
}

/// Returns the number of the mount of an open file. `None`: there is no /proc.
pub fn mount_id(file: &File) -> Option<u64> {
    // statx(2) has it only since Linux 5.8.
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).ok()?;
    let number = text.lines().find_map(|line| line.strip_prefix("mnt_id:"))?;
    number.trim().parse().ok()
}

/// Returns the path of the source of this mount in its file system, as /proc/self/mountinfo shows it. It follows a move of the
/// source. `None`: there is no /proc, or the mount is outside of the root folder of this process.
pub fn mount_root(id: u64) -> Option<Vec<u8>> {
    let id = id.to_string();
    let mounts = BufReader::new(File::open("/proc/self/mountinfo").ok()?);
    let mut lines = mounts.split(b'\n').map_while(Result::ok);
    let line = lines.find(|line| line.split(|byte| *byte == b' ').next() == Some(id.as_bytes()))?;
    line.split(|byte| *byte == b' ').nth(3).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};

    use super::*;

    const NOBODY: u32 = 65534;

    fn folder() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).unwrap();
        root
    }

    #[test]
    fn a_folder_of_another_user_is_insecure_unless_only_root_can_enter() {
        let root = folder();
        let private = root.path().join("private");
        let folder = private.join("listenup-watch-443");
        fs::create_dir_all(&folder).unwrap();
        chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        let file = folder.join("track");
        for (mode, insecure) in [
            (0o700, None),
            (0o600, None),
            (0o755, Some(&folder)),
            (0o710, Some(&folder)),
            (0o701, Some(&folder)),
            (0o722, Some(&private)),
        ] {
            fs::set_permissions(&private, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(insecure_folder(&file, 61813).as_ref(), insecure, "{mode:o}");
        }
        // Somebody else can put another in its place.
        fs::set_permissions(&private, PermissionsExt::from_mode(0o700)).unwrap();
        chown(root.path(), Some(NOBODY), None).unwrap();
        assert_eq!(insecure_folder(&file, 61813).as_deref(), Some(root.path()));
    }

    #[test]
    fn symlinks_and_the_file_itself_can_be_insecure() {
        let root = folder();
        let path = root.path().join("folder");
        fs::create_dir(&path).unwrap();
        let file = path.join("track");
        fs::write(&file, "0\n").unwrap();
        let insecure = |file: &Path| insecure_part(file, 0).map(|part| part.path);
        assert_eq!(insecure(&file), None);
        for (mode, is_insecure) in [(0o666, true), (0o602, true), (0o644, false)] {
            fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(insecure(&file).is_some(), is_insecure, "{mode:o}");
        }
        let link = root.path().join("link");
        symlink("folder/../folder", &link).unwrap();
        let by_link = link.join("track");
        assert_eq!(insecure(&by_link), None);
        lchown(&link, Some(NOBODY), Some(NOBODY)).unwrap();
        assert_eq!(insecure(&by_link), Some(link.clone()));
        // Where a link leads to, each folder counts, too.
        let outer = root.path().join("outer");
        symlink(&by_link, &outer).unwrap();
        assert_eq!(insecure(&outer), Some(link.clone()));
        lchown(&link, Some(0), Some(0)).unwrap();
        chown(&path, Some(NOBODY), None).unwrap();
        assert_eq!(insecure(&outer), Some(path));
        // A circle ends.
        let circle = root.path().join("circle");
        symlink(&circle, &circle).unwrap();
        assert_eq!(insecure(&circle), None);
    }
}
