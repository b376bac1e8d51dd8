//! The reasons why keepalived does not learn what a track_file contains: a mount, or a label of SELinux.

use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use rustix::fs::getxattr;

use crate::untrusted::{PathHandle, RegularFile};

/// "1" if SELinux is enforcing. The file exists only if SELinux is active.
const ENFORCE: &str = "/sys/fs/selinux/enforce";
/// The type of files that keepalived can read, also in /run. listenup-keepalived(7) recommends it.
const READABLE: &str = "keepalived_var_run_t";
/// Bytes of a label.
const LONGEST_LABEL: usize = 4096;
/// How many times events are read. Other programs can use other files in the folder at the same time.
const READS: usize = 64;

/// Returns whether a watch of the folder of a file reports changes of the file, as keepalived watches it. `None`: that could
/// not be found out.
///
/// It does not if the file itself is a mount: then the kernel reports to the folder from which the file is mounted. So the
/// file is opened, which is an event like any other.
pub fn is_watchable(file: &Path) -> Option<bool> {
    // keepalived watches the folder at the end of all symlinks.
    let real = PathHandle::of(file).ok()?.real_path()?;
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
    let flags = AddWatchFlags::IN_OPEN | AddWatchFlags::IN_ONLYDIR;
    inotify.add_watch(real.parent()?, flags).ok()?;
    RegularFile::open(&real).ok()?;
    for _ in 0..READS {
        match inotify.read_events() {
            Ok(events) => {
                let mut names = events.iter().map(|event| event.name.as_deref());
                if names.any(|name| name == real.file_name()) {
                    return Some(true);
                }
            }
            Err(Errno::EAGAIN) => return Some(false),
            Err(_) => return None,
        }
    }
    None
}

/// Returns the SELinux label of a file if SELinux is enforcing and perhaps does not let keepalived read the file.
pub fn doubtful_label(file: &Path) -> Option<String> {
    let enforce = RegularFile::open_in_proc(Path::new(ENFORCE)).ok()?;
    let is_enforcing = enforce.read_start(1).ok()? == b"1";
    let mut label = [0; LONGEST_LABEL];
    let place = PathHandle::of(file).ok().filter(|_| is_enforcing)?;
    let length = getxattr(place.path(), "security.selinux", &mut label).ok()?;
    let label = String::from_utf8_lossy(label.get(..length)?);
    let label = label.trim_end_matches('\0');
    // USER:ROLE:TYPE:LEVEL
    (label.split(':').nth(2) != Some(READABLE)).then(|| label.to_owned())
}
