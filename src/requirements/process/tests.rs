//! A /proc of the test's own, and names.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use super::*;
use crate::clock::{Clock, fake::FakeClock};

/// A root with these processes: number, name, and what their descriptors link to.
fn root(processes: &[(u32, &[u8], &[&str])]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (pid, name, links) in processes {
        let folder = root.path().join(pid.to_string());
        fs::create_dir_all(folder.join("fd")).unwrap();
        fs::write(folder.join("comm"), [name, &b"\n"[..]].concat()).unwrap();
        for (number, link) in links.iter().enumerate() {
            symlink(link, folder.join("fd").join(number.to_string())).unwrap();
        }
    }
    fs::write(root.path().join("meminfo"), "").unwrap();
    root
}

/// Whether `name` holds the socket 7.
fn judge(root: &tempfile::TempDir, name: &str) -> String {
    let clock = FakeClock::default();
    let deadline = Deadline::new(&clock, Duration::from_secs(1));
    let mut listener = Listener::at([127, 0, 0, 1], 443);
    listener.inode = Some(7);
    let processes = Processes::read(root.path(), deadline).unwrap();
    match super::judge(&processes, &listener, name, deadline) {
        Compliance::Compliant => "fit".to_owned(),
        Compliance::Violates(violation) => violation.why().to_owned(),
        Compliance::Unknown(reason) => reason.to_string(),
    }
}

const UNKNOWN: &str = "127.0.0.1:443 listens, but its process is unknown: ";

#[test]
fn one_matching_holder_is_enough() {
    let root = root(&[
        (1, b"systemd", &["/dev/null", "socket:[7]"]),
        (20, b"haproxy", &["socket:[6]", "pipe:[7]"]),
        (21, b"haproxy", &["anon_inode:[eventpoll]", "socket:[7]"]),
    ]);
    assert_eq!(judge(&root, "haproxy"), "fit");
    assert_eq!(judge(&root, "systemd"), "fit");
    assert_eq!(
        judge(&root, "nginx"),
        "127.0.0.1:443 is held by haproxy (21), not by nginx"
    );
}

#[test]
fn no_visible_holder_is_could_not_tell() {
    let root = root(&[(20, b"haproxy", &["socket:[6]"])]);
    let why = UNKNOWN.to_owned() + "no process that can be seen holds it";
    assert_eq!(judge(&root, "haproxy"), why);
}

#[test]
fn a_socket_without_a_holder_belongs_to_the_kernel_if_all_processes_are_visible() {
    let root = root(&[(1, b"systemd", &["socket:[6]"]), (20, b"haproxy", &[])]);
    fs::create_dir_all(root.path().join("self/ns")).unwrap();
    let namespace = root.path().join("self/ns/pid");
    symlink("pid:[4026531836]", &namespace).unwrap();
    let by_the_kernel = "127.0.0.1:443 is held by the kernel, not by haproxy";
    assert_eq!(judge(&root, "haproxy"), by_the_kernel);
    // In a container, and where a user sees only its own processes, others can hold it.
    let unknown = UNKNOWN.to_owned() + "no process that can be seen holds it";
    fs::remove_file(&namespace).unwrap();
    symlink("pid:[4026532000]", &namespace).unwrap();
    assert_eq!(judge(&root, "haproxy"), unknown);
    fs::remove_file(&namespace).unwrap();
    symlink("pid:[4026531836]", &namespace).unwrap();
    fs::remove_dir_all(root.path().join("1")).unwrap();
    assert_eq!(judge(&root, "haproxy"), unknown);
}

#[test]
fn a_process_with_an_unreadable_name_is_could_not_tell() {
    let root = root(&[(1, b"systemd", &["socket:[7]"]), (20, b"", &["socket:[7]"])]);
    let comm = root.path().join("20/comm");
    fs::remove_file(&comm).unwrap();
    symlink("comm", &comm).unwrap(); // opening it is ELOOP
    let said = judge(&root, "haproxy");
    let why = UNKNOWN.to_owned() + "process 20 could not be examined: ";
    assert!(
        said.starts_with(&why) && said.ends_with("(ELOOP)"),
        "{said}"
    );
    assert_eq!(judge(&root, "systemd"), "fit");
}

#[test]
fn an_unreadable_descriptor_is_could_not_tell() {
    let root = root(&[
        (1, b"systemd", &["socket:[7]"]),
        (20, b"haproxy", &["socket:[6]"]),
    ]);
    fs::write(root.path().join("20/fd/1"), "").unwrap(); // reading it as a link is EINVAL
    let why = "haproxy (20) could not be examined: Invalid argument (EINVAL)";
    assert_eq!(judge(&root, "haproxy"), UNKNOWN.to_owned() + why);
}

/// Puts something into the place of a file, of which reading is an error other than "gone" and "no permission".
fn break_file(root: &tempfile::TempDir, file: &str) {
    let path = root.path().join(file);
    match file.rsplit('/').next() {
        Some("exe" | "task") => fs::write(path, "").unwrap(), // not a link, not a folder
        _ => fs::create_dir_all(path).unwrap(),
    }
}

#[test]
fn an_error_about_a_process_is_could_not_tell() {
    for (file, holds) in [
        ("20/exe", "socket:[7]"),
        ("20/cmdline", "socket:[7]"),
        // The required name can be that of a process which is not known to hold it.
        ("21/exe", "socket:[7]"),
        ("21/cmdline", "socket:[7]"),
        ("21/task", "socket:[7]"),
        ("21/fdinfo/1", "socket:[7]"),
        // A table without "UserFiles": the ring is busy.
        ("21/fdinfo/none", "socket:[7]"),
    ] {
        let root = root(&[
            (1, b"systemd", &["socket:[6]"]),
            (20, b"MainThread", &[holds]),
            (21, b"other", &["socket:[8]", "anon_inode:[io_uring]"]),
        ]);
        fs::create_dir_all(root.path().join("self/ns")).unwrap();
        symlink("pid:[4026531836]", root.path().join("self/ns/pid")).unwrap();
        let name = match file.contains("exe") || file.contains("cmdline") {
            true => "wanted",
            false => "other",
        };
        break_file(&root, file);
        if file == "21/fdinfo/none" {
            fs::write(root.path().join("21/fdinfo/1"), "SqThread:\t-1\n").unwrap();
        }
        let said = judge(&root, name);
        assert!(
            said.starts_with(UNKNOWN) && said.contains(" could not be examined: "),
            "{file}: {said}"
        );
        if name == "other" {
            let clock = FakeClock::default();
            let deadline = Deadline::new(&clock, Duration::from_secs(1));
            let processes = Processes::read(root.path(), deadline).unwrap();
            let holders = processes.holders(&[7, 9], deadline);
            assert_eq!((holders.refused(), holders.of(9)), (1, None), "{file}");
            assert!(holders.failure().is_some());
        }
    }
}

#[test]
fn busy_rings_of_other_processes_delay_a_search_no_more_than_one() {
    let rings = ["anon_inode:[io_uring]"; 100];
    let root = root(&[
        (20, b"haproxy", &["socket:[7]"]),
        (21, b"haproxy", &rings),
        (22, b"haproxy", &rings),
    ]);
    for process in ["21", "22"] {
        let folder = root.path().join(process).join("fdinfo");
        fs::create_dir(&folder).unwrap();
        for ring in 0..rings.len() {
            fs::write(folder.join(ring.to_string()), "SqThread:\t-1\n").unwrap();
        }
    }
    let clock = FakeClock::default();
    let deadline = Deadline::new(&clock, Duration::from_secs(1));
    let mut listener = Listener::at([127, 0, 0, 1], 443);
    listener.inode = Some(7);
    let processes = Processes::read(root.path(), deadline).unwrap();
    let judged = super::judge(&processes, &listener, "haproxy", deadline);
    assert!(matches!(judged, Compliance::Compliant));
    assert!(clock.now() <= Duration::from_millis(1));
    let busy = " could not be examined: an io_uring was busy";
    listener.inode = Some(8);
    match super::judge(&processes, &listener, "haproxy", deadline) {
        Compliance::Unknown(reason) => assert!(reason.to_string().ends_with(busy)),
        other => panic!("{other:?}"),
    }
    assert!(clock.now() <= Duration::from_millis(1));
}

#[test]
fn a_process_whose_main_thread_has_ended_matches_by_another_thread() {
    let root = root(&[(20, b"MainThread", &["socket:[7]"])]);
    let thread = root.path().join("20/task/22");
    fs::create_dir_all(&thread).unwrap();
    fs::create_dir_all(root.path().join("20/task/20")).unwrap();
    fs::write(root.path().join("20/cmdline"), "").unwrap();
    symlink("/usr/bin/node", thread.join("exe")).unwrap();
    fs::write(thread.join("cmdline"), "-service\0x\0").unwrap();
    assert_eq!(judge(&root, "node"), "fit");
    assert_eq!(judge(&root, "service"), "fit");
    assert!(judge(&root, "x").contains("is held by MainThread (20)"));
}

#[test]
fn names_are_bytes_and_the_kernel_keeps_15() {
    let cut = "\u{f6}\u{f6}\u{f6}\u{f6}\u{f6}\u{f6}\u{f6}\u{f6}";
    let root = root(&[(20, &cut.as_bytes()[..15], &["socket:[7]"])]);
    assert_eq!(judge(&root, cut), "fit");
    for (known, wanted, same) in [
        ("haproxy", "haproxy", true),
        ("haproxy", "haprox", false),
        ("haprox", "haproxy", false),
        ("a-very-long-nam", "a-very-long-name-indeed", true),
        ("a-very-long-nam", "a-very-long-no", false),
    ] {
        let root = self::root(&[(20, known.as_bytes(), &["socket:[7]"])]);
        assert_eq!(judge(&root, wanted) == "fit", same, "{known} {wanted}");
    }
}

#[test]
fn control_characters_in_a_process_name_are_replaced() {
    let root = root(&[(20, b"x\n443: ok\x1b[31m", &["socket:[7]"])]);
    assert_eq!(
        judge(&root, "haproxy"),
        "127.0.0.1:443 is held by x\u{fffd}443: ok\u{fffd}[31m (20), not by haproxy"
    );
}

#[test]
fn after_the_time_limit_the_holder_is_unknown() {
    let root = root(&[
        (1, b"systemd", &["socket:[7]"]),
        (20, b"haproxy", &["socket:[7]"]),
    ]);
    let clock = FakeClock::default();
    let deadline = Deadline::new(&clock, Duration::from_millis(1));
    let processes = Processes::read(root.path(), deadline).unwrap();
    clock.sleep(Duration::from_millis(2));
    let mut listener = Listener::at([127, 0, 0, 1], 443);
    listener.inode = Some(7);
    for name in ["haproxy", "nginx"] {
        let compliance = super::judge(&processes, &listener, name, deadline);
        let Compliance::Unknown(reason) = compliance else {
            panic!("{compliance:?}");
        };
        assert_eq!(
            reason.to_string(),
            UNKNOWN.to_owned() + "there was no time to find it"
        );
    }
    let holders = processes.holders(&[7], deadline);
    assert!(!holders.is_complete() && holders.of(7).is_none());
    assert!(Processes::read(root.path(), deadline).is_err());
}

#[test]
fn each_holder_is_named_once() {
    let root = root(&[
        (1, b"systemd", &["socket:[7]", "socket:[7]"]),
        (20, b"haproxy", &["socket:[7]", "socket:[8]"]),
    ]);
    let clock = FakeClock::default();
    let deadline = Deadline::new(&clock, Duration::from_secs(1));
    let holders = Processes::read(root.path(), deadline)
        .unwrap()
        .holders(&[7, 8, 9], deadline);
    let of = |inode| {
        let processes = holders.of(inode).unwrap();
        let mut named: Vec<_> = processes.iter().map(ToString::to_string).collect();
        named.sort();
        named
    };
    assert_eq!(of(7), ["haproxy (20)", "systemd (1)"]);
    assert_eq!(of(8), ["haproxy (20)"]);
    assert_eq!(holders.of(9), None);
    assert!(holders.is_complete());
}
