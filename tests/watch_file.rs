//! `listenup watch`: how the file is written where that is hard, and what is said if it cannot be written.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::resource::Resource;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::fs::{FlockOperation, flock};

use common::confined::{Confined, folder_with_listenup};
use common::program::{LISTENUP, listenup};
use common::sockets::listen;
use common::watcher::{Killed, Watcher, await_says, says};
use common::{Mounted, in_namespace};

/// A tmpfs with these options, which goes with the value.
fn disk(options: &str) -> (Mounted, PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    fs::create_dir(&path).unwrap();
    mount_tmpfs(&path, options);
    (Mounted(path.clone()), path, folder)
}

fn mount_tmpfs(path: &Path, options: &str) {
    let tmpfs = Some("tmpfs");
    mount(tmpfs, path, tmpfs, MsFlags::empty(), Some(options)).unwrap();
}

/// Makes mounts of this thread invisible for other processes.
fn own_mounts() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let none = None::<&str>;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).unwrap();
}

fn bind(from: &Path, to: &Path) {
    let none = None::<&str>;
    mount(Some(from), to, none, MsFlags::MS_BIND, none).unwrap();
}

/// Fills a file system, in bytes and in inodes.
fn fill(folder: &Path) {
    let mut big = File::create(folder.join("big")).unwrap();
    while big.write_all(&[0; 4096]).is_ok() {}
    let mut names = 0..10_000;
    let is_full = names.any(|name| File::create(folder.join(name.to_string())).is_err());
    assert!(is_full);
}

fn start(track: &Path, words: &str) -> Killed {
    let mut command = Command::new(LISTENUP);
    command.arg("watch").args(words.split_whitespace());
    command.arg("--track-file").arg(track);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Killed(command.spawn().unwrap())
}

/// Removes a folder in which a watch makes its file again.
fn remove(folder: &Path) {
    while folder.exists() {
        let _ = fs::remove_dir_all(folder);
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id() as i32)
}

/// Sends SIGTERM. The exit code, stdout and stderr.
fn end(mut watch: Killed) -> (i32, String, String) {
    kill(pid(&watch.0), Signal::SIGTERM).unwrap();
    let [mut stdout, mut stderr] = [String::new(), String::new()];
    std::io::Read::read_to_string(watch.0.stdout.as_mut().unwrap(), &mut stdout).unwrap();
    std::io::Read::read_to_string(watch.0.stderr.as_mut().unwrap(), &mut stderr).unwrap();
    (watch.0.wait().unwrap().code().unwrap(), stdout, stderr)
}

#[test]
fn if_no_new_file_can_be_created_the_file_is_written_in_place() {
    in_namespace(|| {
        let (_mounted, disk, _folder) = disk("size=64k,nr_inodes=16");
        let track = disk.join("track");
        for down in ["1", "-254"] {
            let socket = listen("127.0.0.1", 443);
            let watch = start(&track, &format!("--down-value {down} 443"));
            await_says(&track, "0");
            let inode = fs::metadata(&track).unwrap().ino();
            fill(&disk);
            drop(socket);
            await_says(&track, down);
            let _socket = listen("127.0.0.1", 443);
            await_says(&track, "0");
            let (code, _, stderr) = end(watch);
            assert_eq!((code, stderr.as_str()), (0, ""));
            assert_eq!(says(&track), down);
            assert_eq!(fs::metadata(&track).unwrap().ino(), inode);
        }
    });
}

#[test]
fn a_mounted_file_works_under_a_descriptor_limit() {
    in_namespace(|| {
        own_mounts();
        let folder = tempfile::tempdir().unwrap();
        let [host, track] = ["host", "track"].map(|name| folder.path().join(name));
        fs::write(&host, "").unwrap();
        fs::write(&track, "").unwrap();
        bind(&host, &track);
        let socket = listen("127.0.0.1", 443);
        let watch = start(&track, "443");
        await_says(&host, "0");
        common::program::await_call(watch.0.id(), &[nix::libc::SYS_ppoll]);
        // As many as it has open.
        let open = fs::read_dir(format!("/proc/{}/fd", watch.0.id())).unwrap();
        let open = open.count();
        limit_descriptors(pid(&watch.0), open);
        drop(socket);
        await_says(&host, "1");
        let (code, _, stderr) = end(watch);
        assert_eq!((code, stderr.as_str()), (0, ""));
    });
}

/// Sets the limit on descriptors of a process that runs.
fn limit_descriptors(pid: Pid, most: usize) {
    let mut prlimit = Command::new("prlimit");
    prlimit.args([format!("--pid={pid}"), format!("--nofile={most}:")]);
    assert!(prlimit.status().unwrap().success());
}

#[test]
fn up_is_written_only_if_down_can_be_written_after_it() {
    in_namespace(|| {
        let socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--every 5ms 443");
        watcher.await_value("0");
        limit_descriptors(watcher.pid(), 0);
        drop(socket);
        watcher.await_value("1");
        let shown = watcher.file.display().to_string();
        let trouble = format!("STATUS=TROUBLE: {shown} cannot be written: Too many open files");
        for _ in 0..2 {
            let socket = listen("127.0.0.1", 443);
            watcher.await_notice(&format!("{trouble} (EMFILE); up (0)"));
            assert_eq!(watcher.says(), "1");
            drop(socket);
            watcher.await_notice("STATUS=down (1)");
            assert_eq!(watcher.says(), "1");
        }
        let socket = listen("127.0.0.1", 443);
        watcher.await_notice(&trouble);
        limit_descriptors(watcher.pid(), 64);
        watcher.await_value("0");
        drop(socket);
        watcher.await_value("1");
        watcher.end();
    });
}

#[test]
fn while_the_file_is_wrong_the_watch_reports_it_and_does_not_feed_the_watchdog() {
    in_namespace(|| {
        let (mounted, disk, _folder) = disk("size=64k");
        let _socket = listen("127.0.0.1", 443);
        let notices = tempfile::tempdir().unwrap();
        let watcher = Watcher::start_at(
            &disk.join("track"),
            notices,
            Confined::new("sh"),
            "--every 5ms --format json 443",
        );
        assert_eq!(watcher.says(), "0");
        // Stopped, so that it makes no file in the folder below.
        watcher.signal(Signal::SIGSTOP);
        drop(mounted);
        remove(&disk);
        watcher.signal(Signal::SIGCONT);
        watcher.await_notice("STATUS=TROUBLE: ");
        watcher.forget_notices(Duration::from_millis(1_200));
        assert_eq!(watcher.notice(), None, "no WATCHDOG=1");
        fs::create_dir(&disk).unwrap();
        watcher.await_value("0");
        watcher.await_notice("WATCHDOG=1");
        remove(&disk);
        watcher.forget_notices(Duration::from_secs(20));
        watcher.await_notice("STATUS=TROUBLE: ");
        let said = watcher.end_with(Signal::SIGTERM).0.exits(3);
        let shown = disk.display();
        for line in [
            format!("{shown}/track cannot be written: No such file or directory (ENOENT)\n"),
            format!("{shown}/track is written again: it says 0\n"),
            format!("keepalived may no longer see {shown}/track: reload keepalived, then "),
        ] {
            assert!(said.stderr.contains(&line), "{line} {said:?}");
        }
        let right = said.stdout.lines().map(|line| {
            common::schema::document(&format!("{line}\n"), "watch");
            let document: serde_json::Value = serde_json::from_str(line).unwrap();
            document["file_is_right"].as_bool().unwrap()
        });
        let right: Vec<bool> = right.collect();
        assert_eq!(right, [true, false, true, false], "{said:?}");
    });
}

/// A path next to this one at which nothing exists.
fn unused(path: &Path) -> PathBuf {
    let mut paths = (0..).map(|number: u32| path.with_extension(number.to_string()));
    paths.find(|path| !path.exists()).unwrap()
}

/// What makes keepalived lose a file at this path.
type Loss = fn(&Path);

const LOSSES: [(&str, Loss); 5] = [
    ("a mount over the file", |track| {
        // On the same device.
        let other = unused(track);
        fs::write(&other, "0\n").unwrap();
        bind(&other, track);
    }),
    ("a mount over the folder", |track| {
        mount_tmpfs(track.parent().unwrap(), "size=64k");
        fs::write(track, "0\n").unwrap();
    }),
    ("a new folder", |track| {
        let folder = track.parent().unwrap();
        fs::rename(folder, unused(folder)).unwrap();
        fs::create_dir(folder).unwrap();
    }),
    ("the same file in a new folder", |track| {
        let (folder, name) = (track.parent().unwrap(), track.file_name().unwrap());
        let old = unused(folder);
        fs::rename(folder, &old).unwrap();
        fs::create_dir(folder).unwrap();
        fs::rename(old.join(name), track).unwrap();
    }),
    ("a folder with a second link to the file", |track| {
        let (folder, name) = (track.parent().unwrap(), track.file_name().unwrap());
        let new = unused(folder);
        fs::create_dir(&new).unwrap();
        fs::hard_link(track, new.join(name)).unwrap();
        fs::rename(folder, unused(folder)).unwrap();
        fs::rename(new, folder).unwrap();
    }),
];

#[test]
fn a_file_that_keepalived_has_lost_is_trouble_until_a_reload() {
    for (what, lose) in LOSSES {
        in_namespace(move || {
            own_mounts();
            let _socket = listen("127.0.0.1", 443);
            let folder = tempfile::tempdir().unwrap();
            let [track, metrics] = ["in/track", "metrics.prom"].map(|it| folder.path().join(it));
            fs::create_dir(folder.path().join("in")).unwrap();
            let words = format!(
                "--every 5ms --format json --metrics {} 443",
                metrics.display()
            );
            let notices = tempfile::tempdir().unwrap();
            let watcher = Watcher::start_at(&track, notices, Confined::new("sh"), &words);
            let shown = track.display().to_string();
            let why = format!(
                "keepalived may no longer see {shown}: reload keepalived, then reload this watch (SIGHUP)"
            );
            let status = || listenup(&format!("watch --status --track-file {shown} 443"));
            let has_metric = |value: u8| {
                let text = fs::read_to_string(&metrics).unwrap();
                let line = format!("listenup_watch_trouble{{track_file=\"{shown}\"}} {value}\n");
                assert!(text.contains(&line), "{what}: {text}");
            };
            has_metric(0);
            lose(&track);
            watcher.await_notice(&format!("STATUS=TROUBLE: {why}; up (0)"));
            // To end the watch would not make keepalived see the file, and the trouble would be forgotten.
            watcher.await_notice("WATCHDOG=1");
            watcher.await_value("0");
            has_metric(1);
            status()
                .exits(2)
                .stdout(&format!("LISTENUP WATCH CRITICAL - {why}\n"));
            watcher.signal(Signal::SIGHUP);
            watcher.await_notice("READY=1");
            watcher.await_notice("WATCHDOG=1");
            has_metric(0);
            status().exits(0);
            lose(&track);
            watcher.await_notice("STATUS=TROUBLE: keepalived may");
            let said = watcher.end_with(Signal::SIGTERM).0.exits(3);
            assert!(!said.stderr.contains("another process"), "{what}: {said:?}");
            assert_eq!(said.stderr.matches(&why).count(), 2, "{what}: {said:?}");
            let last = said.stdout.lines().last().unwrap();
            let document: serde_json::Value = serde_json::from_str(last).unwrap();
            assert_eq!(document["trouble"], why);
            assert_eq!(document["file_is_right"], true);
        });
    }
}

/// What happens in the folder with the source of a mount; true if the folder is mounted, not the file.
const SOURCE_LOSSES: [(&str, Loss, bool); 5] = [
    (
        "removed",
        |host| fs::remove_file(host.join("track")).unwrap(),
        false,
    ),
    (
        "removed, with a second link",
        |host| {
            fs::hard_link(host.join("track"), host.join("backup")).unwrap();
            fs::remove_file(host.join("track")).unwrap();
        },
        false,
    ),
    (
        "replaced",
        |host| {
            fs::write(host.join("draft"), "0\n").unwrap();
            fs::rename(host.join("draft"), host.join("track")).unwrap();
        },
        false,
    ),
    (
        "moved",
        |host| fs::rename(host, host.with_file_name("old")).unwrap(),
        false,
    ),
    (
        "moved",
        |host| fs::rename(host, host.with_file_name("old")).unwrap(),
        true,
    ),
];

#[test]
fn a_mount_whose_source_is_removed_replaced_or_moved_is_lost() {
    for (what, lose, is_folder) in SOURCE_LOSSES {
        in_namespace(move || {
            own_mounts();
            let _socket = listen("127.0.0.1", 443);
            let folder = tempfile::tempdir().unwrap();
            let [host, here] = ["host", "here"].map(|name| folder.path().join(name));
            fs::create_dir(&host).unwrap();
            fs::create_dir(&here).unwrap();
            let track = here.join("track");
            fs::write(host.join("track"), "1\n").unwrap();
            if is_folder {
                bind(&host, &here);
            } else {
                fs::write(&track, "").unwrap();
                bind(&host.join("track"), &track);
            }
            let notices = tempfile::tempdir().unwrap();
            let watcher = Watcher::start_at(&track, notices, Confined::new("sh"), "443");
            lose(&host);
            // A reload of the watch does not end the trouble with a source that no longer exists.
            let is_lasting = what != "moved";
            let shown = track.display();
            let why = format!(
                "keepalived may no longer see {shown}: the source of this mount was moved or removed; \
                 mount its folder again, restart this watch, then reload keepalived"
            );
            watcher.await_notice(&format!("STATUS=TROUBLE: {why}; up (0)"));
            listenup(&format!("watch --status --track-file {shown} 443"))
                .exits(2)
                .stdout(&format!("LISTENUP WATCH CRITICAL - {why}\n"));
            if is_lasting {
                watcher.signal(Signal::SIGHUP);
                watcher.await_notice("RELOADING=1");
                watcher.await_notice("STATUS=TROUBLE: keepalived may");
            }
            let said = watcher.end_with(Signal::SIGTERM).0.exits(3);
            let count = 1 + usize::from(is_lasting);
            assert_eq!(said.stderr.matches(&why).count(), count, "{what}: {said:?}");
        });
    }
}

#[test]
fn without_proc_the_watch_says_that_it_does_not_see_mounts() {
    in_namespace(|| {
        own_mounts();
        let _socket = listen("127.0.0.1", 443);
        let folder = tempfile::tempdir().unwrap();
        mount_tmpfs(Path::new("/proc"), "size=64k");
        let watcher = Watcher::start_in(folder, Confined::new("sh"), "443");
        watcher.await_value("0");
        let shown = watcher.file.display();
        listenup(&format!("watch --status --track-file {shown} 443"))
            .exits(2)
            .stdout(&format!(
                "LISTENUP WATCH CRITICAL - {shown} cannot be read: it cannot be opened without /proc\n"
            ));
        let line = format!(
            "listenup: /proc does not show the mount of {}: its changes may go unnoticed\n",
            watcher.file.display()
        );
        watcher.end().stderr(&line);
    });
}

#[test]
fn a_file_that_is_replaced_again_and_again_is_not_lost() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--every 1ms 443");
        let draft = watcher.file.with_file_name("draft");
        let end = Instant::now() + Duration::from_millis(2_500);
        while Instant::now() < end {
            fs::write(&draft, "0\n").unwrap();
            fs::rename(&draft, &watcher.file).unwrap();
        }
        watcher.await_value("0");
        let said = watcher.end();
        assert!(!said.stderr.contains("keepalived may"), "{said:?}");
    });
}

#[test]
fn a_file_that_cannot_be_filled_is_not_left_empty() {
    in_namespace(|| {
        let (_mounted, disk, _folder) = disk("size=16k");
        let track = disk.join("track");
        let mut big = File::create(disk.join("big")).unwrap();
        while big.write_all(&[0; 4096]).is_ok() {}
        let shown = track.display();
        listenup(&format!("watch --track-file {shown} 443"))
            .exits(3)
            .stderr(&format!(
                "listenup: {shown}: No space left on device (ENOSPC)\n"
            ));
        assert!(!track.exists());
        // The same while it runs.
        big.set_len(0).unwrap();
        let watch = start(&track, "--every 5ms 443");
        await_says(&track, "1");
        while big.write_all(&[0; 4096]).is_ok() {}
        fs::remove_file(&track).unwrap();
        for _ in 0..100 {
            assert!(fs::metadata(&track).map_or(1, |found| found.len()) > 0);
            thread::sleep(Duration::from_millis(2));
        }
        let (code, _, stderr) = end(watch);
        let is_full = stderr.contains("cannot be written: No space left on device (ENOSPC)");
        assert!(code == 3 && is_full, "{code} {stderr}");
        assert!(!track.exists());
    });
}

#[test]
fn a_file_that_is_replaced_in_its_folder_is_not_lost() {
    in_namespace(|| {
        own_mounts();
        let _socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--every 5ms 443");
        // Another mount of the same folder: keepalived has a watch of its inode.
        bind(
            watcher.file.parent().unwrap(),
            watcher.file.parent().unwrap(),
        );
        let draft = watcher.file.with_file_name("draft");
        fs::write(&draft, "1\n").unwrap();
        fs::rename(&draft, &watcher.file).unwrap();
        watcher.await_value("0");
        let said = watcher.end();
        assert!(said.stderr.contains("another process changed"), "{said:?}");
        assert!(!said.stderr.contains("reload keepalived"), "{said:?}");
    });
}

#[test]
fn a_folder_that_is_mounted_over_is_reported_and_the_file_created_again() {
    in_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        let socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start_in(folder, Confined::new("sh"), "--every 5ms 443");
        let over = watcher.file.parent().unwrap().to_owned();
        mount_tmpfs(&over, "size=64k");
        let mounted = Mounted(over.clone());
        watcher.await_value("0");
        drop(socket);
        watcher.await_value("1");
        drop(mounted);
        watcher.await_value("1");
        let said = watcher.end_with(Signal::SIGTERM).0.exits(3);
        let line = format!("keepalived may no longer see {}/track", over.display());
        assert_eq!(said.stderr.matches(&line).count(), 1, "{said:?}");
    });
}

#[test]
fn a_change_by_another_process_is_noticed_even_with_an_old_mtime() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("--every 5ms 443");
        thread::sleep(Duration::from_millis(300));
        for _ in 0..20 {
            let file = File::options().write(true).open(&watcher.file).unwrap();
            let modified = file.metadata().unwrap().modified().unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, b"1", 0).unwrap();
            file.set_modified(modified).unwrap();
            drop(file);
            watcher.await_value("0");
            thread::sleep(Duration::from_millis(30));
        }
        let said = watcher.end();
        let line = "another process changed ";
        assert_eq!(said.stderr.matches(line).count(), 1, "{said:?}");
    });
}

#[test]
fn other_files_are_refused_as_track_file_and_left_alone() {
    in_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let fifo = path("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let null = path("null");
        let kind = nix::sys::stat::SFlag::S_IFCHR;
        let all = nix::sys::stat::Mode::all();
        nix::sys::stat::mknod(&null, kind, all, nix::sys::stat::makedev(1, 3)).unwrap();
        fs::write(path("victim"), "0\n").unwrap();
        std::os::unix::fs::symlink(path("victim"), path("link")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        fs::write(path("text"), "a text of somebody\n").unwrap();
        for (name, why) in [
            ("fifo", "it is not a regular file"),
            ("null", "it is not a regular file"),
            ("link", "it is not a regular file"),
            ("folder", "it is not a regular file"),
            ("text", "it holds something that is not a number"),
        ] {
            let shown = path(name).display().to_string();
            let said = listenup(&format!("watch --track-file {shown} 443")).exits(1);
            assert_eq!(said.stderr, format!("listenup: {shown}: {why}\n"));
        }
        assert!(fs::metadata(&null).unwrap().file_type().is_char_device());
        assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());
        assert_eq!(says(&path("text")), "a text of somebody");
        assert_eq!(says(&path("victim")), "0");
    });
}

#[test]
fn a_second_watch_of_the_same_file_is_refused() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        let watcher = Watcher::start("443");
        let shown = watcher.file.display().to_string();
        let said = listenup(&format!("watch --track-file {shown} 80")).exits(1);
        let why = "another watch keeps it";
        assert_eq!(said.stderr, format!("listenup: {shown}: {why}\n"));
        assert_eq!(watcher.says(), "0");
        // The lock goes with the process, however that ends.
        let (_, folder) = watcher.end_with(Signal::SIGKILL);
        fs::remove_file(folder.path().join("notify")).unwrap();
        Watcher::start_in(folder, Confined::new("sh"), "443").end();
    });
}

#[test]
fn the_watch_is_not_ready_before_the_file_exists() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        let folder = tempfile::tempdir().unwrap();
        let later = folder.path().join("later");
        let track = later.join("track");
        let notices = tempfile::tempdir().unwrap();
        let watcher = Watcher::spawn_at(&track, notices, Confined::new("sh"), "--every 5ms 443");
        watcher.await_notice("STATUS=TROUBLE: ");
        watcher.forget_notices(Duration::from_millis(1_500));
        assert_eq!(watcher.notice(), None);
        fs::create_dir(&later).unwrap();
        watcher.await_value("0");
        watcher.await_notice("READY=1");
        let said = watcher.end_with(Signal::SIGTERM).0.exits(3);
        assert!(said.stderr.contains("reload keepalived"), "{said:?}");
    });
}

#[test]
fn a_file_size_limit_is_reported_and_ends_the_watch_with_an_error() {
    in_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        let track = folder.path().join("track");
        let mut command = Confined::new(LISTENUP)
            .limited(Resource::RLIMIT_FSIZE, 0)
            .into_command();
        command.args(["watch", "443", "--track-file"]).arg(&track);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let watch = Killed(command.spawn().unwrap());
        thread::sleep(Duration::from_millis(500));
        let (code, _, stderr) = end(watch);
        let shown = track.display();
        let line = format!("listenup: {shown}: File too large (EFBIG)\n");
        assert_eq!((code, stderr.matches(&line).count()), (3, 1), "{stderr}");
    });
}

#[test]
fn a_user_who_can_only_read_the_file_cannot_lock_a_watch_out() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        let folder = tempfile::tempdir().unwrap();
        let track = folder.path().join("track");
        fs::write(&track, "1\n").unwrap();
        let reader = File::open(&track).unwrap();
        flock(&reader, FlockOperation::LockExclusive).unwrap();
        let whole = libc::flock {
            l_type: libc::F_RDLCK as i16,
            l_whence: libc::SEEK_SET as i16,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        fcntl(&reader, FcntlArg::F_OFD_SETLK(&whole)).unwrap();
        let watch = start(&track, "443");
        await_says(&track, "0");
        let shown = track.display();
        let status = || listenup(&format!("watch --status --track-file {shown} 443"));
        status().exits(0);
        drop(reader);
        let await_lock = || {
            let deadline = Instant::now() + Duration::from_secs(20);
            while status().code != Some(0) {
                assert!(Instant::now() < deadline);
                thread::sleep(Duration::from_millis(50));
            }
        };
        await_lock();
        // Once the lock is free the watch has it.
        let said = listenup(&format!("watch --track-file {shown} 80")).exits(1);
        assert!(
            said.stderr.ends_with(": another watch keeps it\n"),
            "{said:?}"
        );
        let (code, _, stderr) = end(watch);
        let line = format!(
            "listenup: another process has a lock on {shown}: a second watch would not be refused\n\
             listenup: {shown} is locked: a second watch is refused again\n"
        );
        assert_eq!((code, stderr), (0, line));
    });
}

#[test]
fn an_unwritable_file_in_its_way_is_replaced_in_one_step() {
    in_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        let track = folder.path().join("track");
        // keepalived makes it so as root, if it has init_file and begins first.
        fs::write(&track, "1\n").unwrap();
        fs::set_permissions(&track, PermissionsExt::from_mode(0o444)).unwrap();
        let nobody = Some(65_534);
        chown(folder.path(), nobody, nobody).unwrap();
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let events = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
        // What keepalived waits for.
        let what =
            AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVE;
        events.add_watch(folder.path(), what).unwrap();
        let root = folder_with_listenup();
        let command = Confined::new(root.path().join("listenup")).by_nobody();
        let mut command = command.into_command();
        command
            .args(["watch", "443", "--down-value=2", "--track-file"])
            .arg(&track);
        command.stdout(Stdio::null());
        let _watch = Killed(command.spawn().unwrap());
        await_says(&track, "2");
        let events = events.read_events().unwrap();
        let is_removed = |event: &nix::sys::inotify::InotifyEvent| {
            event.mask.contains(AddWatchFlags::IN_DELETE)
                && event.name.as_deref() == track.file_name()
        };
        assert!(!events.iter().any(is_removed), "{events:?}");
    });
}

#[test]
fn in_a_user_namespace_the_root_of_the_host_is_not_another_user() {
    in_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        chown(folder.path(), Some(65_534), Some(65_534)).unwrap();
        let track = folder.path().join("track");
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.args(["unshare", "--user", "--map-root-user", LISTENUP]);
        command.args(["watch", "443", "--track-file"]).arg(&track);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let watch = Killed(command.spawn().unwrap());
        await_says(&track, "1");
        thread::sleep(Duration::from_millis(300));
        let (code, _, stderr) = end(watch);
        assert_eq!((code, stderr.as_str()), (0, ""));
    });
}
