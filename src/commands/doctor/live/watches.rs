//! The folders that a running keepalived watches. It adds a watch for the folder of each track_file when it starts and
//! when it reloads. A folder that is removed, made again or mounted over later is another one.

use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::host::process_folder::ProcessFolder;
use crate::untrusted::{self, PathHandle, ReadError, RegularFile};

/// Bytes of /proc/self/fdinfo with one watch.
const LONGEST_LINE: u64 = 4096;

/// An inode that is watched, as the kernel identifies it. stat(2) has other numbers for devices, and on some file
/// systems other devices.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watched {
    inode: String,
    device: String,
}

/// Returns what a process watches.
///
/// # Errors
/// Returns an error if the process has ended, or this user is not allowed to look.
pub fn of_process(process: &ProcessFolder) -> Result<Vec<Watched>, ReadError> {
    let lists = process.descriptions("anon_inode:inotify")?;
    Ok(lists
        .iter()
        .flat_map(|text| text.lines().filter_map(parse))
        .collect())
}

/// Returns how the kernel identifies a folder, if it is watched. `None`: that could not be found out.
pub fn identity(folder: &Path) -> Option<Watched> {
    let folder = PathHandle::of(folder).ok()?;
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
    // Nothing is read from it.
    inotify
        .add_watch(
            &folder.path(),
            AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_ONLYDIR,
        )
        .ok()?;
    let file = format!("/proc/self/fdinfo/{}", inotify.as_fd().as_raw_fd());
    let text = RegularFile::open_in_proc(Path::new(&file))
        .ok()?
        .read_start(LONGEST_LINE)
        .ok()?;
    String::from_utf8_lossy(&text).lines().find_map(parse)
}

/// True if the folder exists.
pub fn exists(folder: &Path) -> bool {
    untrusted::metadata(folder).is_ok_and(|found| found.is_dir())
}

/// A line of /proc/PID/fdinfo: `inotify wd:1 ino:3 sdev:28 mask:2c8 ...` (fs/notify/fdinfo.c, `inotify_fdinfo`).
fn parse(line: &str) -> Option<Watched> {
    let mut words = line.strip_prefix("inotify ")?.split(' ');
    let mut value = |key: &str| {
        words
            .find_map(|word| word.strip_prefix(key))
            .map(str::to_owned)
    };
    Some(Watched {
        inode: value("ino:")?,
        device: value("sdev:")?,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn lines_of_fdinfo() {
        let watched =
            parse("inotify wd:1 ino:3 sdev:28 mask:2c8 ignored_mask:0 fhandle-bytes:8").unwrap();
        assert_eq!(
            (watched.inode.as_str(), watched.device.as_str()),
            ("3", "28")
        );
        for other in ["pos:\t0", "inotify wd:1", "fanotify ino:3 sdev:28", ""] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_folder_that_is_made_again_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::create_dir(&path).unwrap();
        let first = identity(&path).unwrap();
        assert_eq!(identity(&path).as_ref(), Some(&first));
        fs::rename(&path, folder.path().join("b")).unwrap();
        fs::create_dir(&path).unwrap();
        assert_ne!(identity(&path).unwrap(), first);
        assert_eq!(identity(&folder.path().join("b")), Some(first));
        assert_eq!(identity(Path::new("/nonexistent")), None);
    }
}
