//! The doctor's opinion and what the real keepalived does.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::resource::Resource;

use common::confined::{Confined, NOBODY};
use common::doctor::{
    Found, codes, conf_with, doctor, doctor_reads, findings_of, install, with_code,
};
use common::keepalived::{Folder, Keepalived};
use common::node::Node;
use common::sockets::listen;
use common::{in_namespace, ip};
use listenup::keepalived_conf::{Disk, Reading};

/// Programs of all kinds, whom they would run as, and whether keepalived runs them.
fn programs(folder: &Path) -> Vec<(PathBuf, &'static str, bool)> {
    const STAFF: u32 = 50;
    let sound = (0, 0, 0o755);
    let mut programs = Vec::new();
    for (index, (of_folder, of_file, user, runs)) in [
        (sound, sound, "root", true),
        (sound, sound, "nobody", true),
        ((0, 0, 0o775), sound, "root", true), // its group is root
        ((0, 0, 0o1777), sound, "root", true), // sticky
        ((0, STAFF, 0o2775), sound, "root", false),
        ((0, STAFF, 0o2775), sound, "nobody nogroup", true), // not root, so it does not matter
        ((0, STAFF, 0o2775), sound, "nobody root", false),
        ((0, STAFF, 0o2775), (0, 0, 0o4755), "nobody", false),
        ((0, STAFF, 0o2775), (0, 0, 0o2755), "nobody", false),
        ((0, 0, 0o757), sound, "root", false),
        ((NOBODY, 0, 0o755), sound, "root", false),
        ((0, 0, 0o700), sound, "nobody", false),
        ((0, 0, 0o710), sound, "nobody root", true),
        (sound, (0, 0, 0o644), "root", false),
        (sound, (0, 0, 0o744), "root", true),
        (sound, (0, 0, 0o744), "nobody", false),
        (sound, (0, STAFF, 0o775), "root", false),
        (sound, (0, 0, 0o757), "root", false),
        (sound, (NOBODY, 0, 0o755), "root", false),
        (sound, (NOBODY, 0, 0o700), "nobody", true),
        (sound, (0, NOBODY, 0o750), "nobody", true), // its own group
        (sound, (0, NOBODY, 0o750), "nobody root", false),
        (sound, (NOBODY, 0, 0o077), "nobody", false),
    ]
    .into_iter()
    .enumerate()
    {
        let program = install(&folder.join(index.to_string()), of_folder, of_file);
        programs.push((program, user, runs));
    }
    let link = |name: &str, to: &Path| {
        let link = folder.join(name);
        symlink(to, &link).unwrap();
        link.join("listenup")
    };
    programs.push((link("to-sound", &folder.join("0")), "root", true));
    programs.push((link("to-unsafe", &folder.join("4")), "root", false));
    programs.push((folder.join("nothing/listenup"), "root", false));
    // A link beside the program keeps its name, and must belong to root, too; any other is replaced
    // by what it leads to.
    for (name, target, owner, runs) in [
        ("beside", "program", 0, true),
        ("beside-of-nobody", "program", NOBODY, false),
        ("elsewhere-of-nobody", "../beside/program", NOBODY, true),
    ] {
        let link = install(&folder.join(name), sound, sound);
        fs::rename(&link, link.with_file_name("program")).unwrap();
        symlink(target, &link).unwrap();
        lchown(&link, Some(owner), Some(STAFF)).unwrap();
        programs.push((link, "root", runs));
    }
    programs
}

/// Runs keepalived with the vrrp_scripts s0, s1 and so on; its log.
fn run_keepalived(folder: &Folder, scripts: &str, count: usize) -> (PathBuf, (Keepalived, Node)) {
    let tracked: String = (0..count)
        .map(|index| format!("  s{index} weight 1\n"))
        .collect();
    let conf = format!(
        "global_defs {{\n enable_script_security\n script_user root\n}}\n{scripts}\
         vrrp_instance gateway {{\n state BACKUP\n interface e0\n virtual_router_id 51\n \
         priority 100\n virtual_ipaddress {{\n 192.0.2.100/24\n }}\n \
         track_script {{\n{tracked} }}\n}}\n"
    );
    let path = folder.path().join("all");
    fs::write(path.with_extension("conf"), conf).unwrap();
    let node = Node::new();
    node.plug("e0", "to-e0", &["192.0.2.1/24"]);
    let log = path.with_extension("log");
    let keepalived = node.run(move || Keepalived::start(path, false));
    (log, (keepalived, node))
}

/// What is written for `interval` and `timeout`, the seconds that keepalived 2.2.7 uses, if it does not ignore the line,
/// and whether there is something to report.
const TIMES: &[(&str, Option<u32>, bool)] = &[
    ("2", Some(2), false),
    ("+3", Some(3), false),
    ("010", Some(10), false),
    ("4294", Some(4294), false),
    ("2 seconds", Some(2), true),
    ("2.0", Some(2), true),
    ("2.5", Some(2), true),
    ("0.5", Some(1), true),
    ("1e0", Some(1), true),
    ("3s", Some(3), true),
    ("0x10", Some(1), true),
    ("0", Some(1), true),
    ("soon", Some(1), true),
    ("-1", None, true),
    ("4295", None, true),
    ("5000", None, true),
    ("4294967296", None, true),
    ("4294967297", None, true),
];

#[test]
fn the_real_keepalived_agrees_about_times() {
    in_namespace(|| {
        let folder = Folder::new();
        let mut scripts = String::new();
        for (index, (time, ..)) in TIMES.iter().enumerate() {
            for (index, keyword) in [(2 * index, "interval"), (2 * index + 1, "timeout")] {
                let program = folder.path().join("listenup");
                let command = format!("{} check -q --timeout 100ms 443", program.display());
                let line = format!("{keyword} {time}");
                scripts +=
                    &format!("vrrp_script s{index} {{\n script \"{command}\"\n {line}\n}}\n");
            }
        }
        let (log, (keepalived, _node)) = run_keepalived(&folder, &scripts, 2 * TIMES.len());
        let data = keepalived.data(&folder, &log);
        // The place in keepalived's account, where 0 is a line that it ignores.
        let used = |index: usize, label: &str| {
            let (_, of_script) = data
                .split_once(&format!("VRRP Script = s{index}\n"))
                .unwrap();
            let (_, figure) = of_script.split_once(&format!("{label} = ")).unwrap();
            let seconds = figure.split(' ').next().unwrap().parse::<u32>().unwrap();
            (seconds != 0).then_some(seconds)
        };
        let reading = Reading {
            files: &Disk,
            id: b"vm",
            version: "2.2.7".parse().ok(),
        };
        let config = reading.read(folder.path(), &folder.path().join("all.conf"));
        for (index, &(time, seconds, has_diagnostic)) in TIMES.iter().enumerate() {
            assert_eq!(used(2 * index, "Interval"), seconds.or(Some(1)), "{time}");
            assert_eq!(used(2 * index + 1, "Timeout"), seconds, "{time}");
            let time_of = |set: Duration| u32::try_from(set.as_secs()).unwrap();
            let scripts = [&config.scripts[2 * index], &config.scripts[2 * index + 1]];
            let interval = time_of(scripts[0].interval);
            assert_eq!(interval, seconds.unwrap_or(1), "{time}");
            assert_eq!(scripts[1].timeout.map(time_of), seconds, "{time}");
            for script in scripts {
                let line = script.place.line + 2;
                let found = config.diagnostics.iter().any(|one| one.place.line == line);
                assert_eq!(found, has_diagnostic, "{time}");
            }
        }
    });
}

#[test]
fn the_real_keepalived_agrees_about_paths() {
    in_namespace(|| {
        let folder = Folder::new();
        let programs = programs(folder.path());
        let mut scripts = String::new();
        for (index, (program, user, _)) in programs.iter().enumerate() {
            let program = program.display();
            scripts += &format!(
                "vrrp_script s{index} {{\n script \"{program} check -q 443\"\n user {user}\n}}\n"
            );
        }
        let (log, _keepalived) = run_keepalived(&folder, &scripts, programs.len());

        // It looks at all paths before it runs anything.
        let succeeded =
            |log: &str, index| log.contains(&format!("VRRP_Script(s{index}) succeeded"));
        let deadline = Instant::now() + Duration::from_secs(20);
        let log = loop {
            let log = fs::read_to_string(&log).unwrap();
            let expected =
                |(index, (_, _, runs)): (usize, &(_, _, bool))| !runs || succeeded(&log, index);
            if programs.iter().enumerate().all(expected) {
                break log;
            }
            assert!(Instant::now() < deadline, "{log}");
            std::thread::sleep(Duration::from_millis(50));
        };
        for (index, (program, user, runs)) in programs.iter().enumerate() {
            assert_eq!(
                succeeded(&log, index),
                *runs,
                "s{index}, {program:?} by {user}\n{log}"
            );
            let script = format!("script \"{} check -q 443\"", program.display());
            let conf = conf_with(&script, &format!("user {user}"));
            let said = doctor_reads(folder.path(), &conf, "");
            assert_eq!(
                said.code == Some(0),
                *runs,
                "s{index}, {program:?} by {user}\n{said:#?}"
            );
        }
    });
}

#[test]
fn the_real_keepalived_agrees_about_users_and_quotes() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let good = conf_with("script \"FOLDER/listenup check 443\"", "");
        for (conf, complaint) in [
            (good.clone(), None),
            (good.replace("root", "nosuch"), Some("removing")),
            (good.replace("root", "0"), Some("removing")),
            (
                good.replace("443\"\n", "443\"\n user root nosuch\n"),
                Some("Unable to set uid/gid"),
            ),
            (
                good.replace("443\"\n", "443\n"),
                Some("missing terminating \""),
            ),
            (
                good.replace("443\"\n", "'443\"\n"),
                Some("missing terminating '"),
            ),
            (
                good.replace("443\"\n", "443\"\n timeout soon\n"),
                Some("invalid number 'soon'"),
            ),
        ] {
            let said = doctor_reads(folder.path(), &conf, "");
            assert_eq!(
                said.code,
                Some(i32::from(complaint.is_some())),
                "{conf}\n{said:#?}"
            );

            let node = Node::new();
            node.plug("e0", "to-e0", &[]);
            let file = folder.path().join("keepalived.conf");
            let words = format!("-t -f {}", file.display());
            let keepalived = Confined::new("keepalived")
                .limited(Resource::RLIMIT_CORE, 0) // 2.2.7 dies of an open quote
                .run(&words);
            ip("link delete to-e0");
            let text = &keepalived.stderr;
            match complaint {
                None => assert_eq!((keepalived.code, text.as_str()), (Some(0), "")),
                Some(complaint) => assert!(text.contains(complaint), "{conf}\n{keepalived:#?}"),
            }
        }
    });
}

#[test]
fn the_real_keepalived_makes_the_same_words_of_a_line() {
    in_namespace(|| {
        let folder = Folder::new();
        let lines = [
            "\"PROGRAM a b\"",
            "PROGRAM a b",
            "\"PROGRAM\" a b",
            "'PROGRAM a b'",
            "\"PROGRAM 'a b' c\"",
            "\"PROGRAM a\" # b",
            "\"PROGRAM # a ! b\"! c",
            "\"PROGRAM {a} }\"",
            "\"PROGRAM \\\"a b\\\" c\"",
            "\"PROGRAM a\\\\ b\"",
            "\"PROGRAM a\\ b\"",
            "PROGRAM\\ a\\ b",
            "\"PROGRAM \\# \\!\"",
            "\"PROGRAM $HOME | > x && y; `z` 2>&1 *\"",
            "\"PROGRAM\\ta\" b",
            "\"PRO\"\"GRAM a\" b",
            "\t\"PROGRAM a\"\t",
        ];
        let mut scripts = String::new();
        for (index, line) in lines.iter().enumerate() {
            // It writes down what it is given, an argument a line.
            let program = folder.path().join(format!("p{index}"));
            let out = program.with_extension("out");
            let text = format!(
                "#!/bin/sh\nprintf '%s\\n' \"$0\" \"$@\" >{0}.new\nmv {0}.new {0}\n",
                out.display()
            );
            fs::write(&program, text).unwrap();
            fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
            let program = program.display().to_string();
            let (front, back) = program.split_at(3);
            let line = line.replace("PRO\"\"GRAM", &format!("{front}\"\"{back}"));
            let line = line.replace("PROGRAM", &program);
            scripts += &format!("vrrp_script s{index} {{\n script {line}\n}}\n");
        }
        let (log, _keepalived) = run_keepalived(&folder, &scripts, lines.len());

        let main = folder.path().join("all.conf");
        let reading = Reading {
            files: &Disk,
            id: b"vm",
            version: "2.2.7".parse().ok(),
        };
        let conf = reading.read(folder.path(), &main);
        let deadline = Instant::now() + Duration::from_secs(20);
        for (index, (line, script)) in lines.iter().zip(&conf.scripts).enumerate() {
            let out = folder.path().join(format!("p{index}.out"));
            while !out.exists() {
                let log = || fs::read_to_string(&log).unwrap();
                assert!(Instant::now() < deadline, "{line} did not run\n{}", log());
                std::thread::sleep(Duration::from_millis(20));
            }
            let ours = script.command.words.join(&b'\n');
            let ours = String::from_utf8(ours).unwrap() + "\n";
            assert_eq!(ours, fs::read_to_string(out).unwrap(), "{line}");
        }
        assert_eq!(conf.scripts.len(), lines.len());
    });
}

/// Programs for notify lines: the doctor reports those that the real keepalived does not run.
#[test]
fn notify_programs_that_keepalived_does_not_run_are_problems() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let write = |name: &str, first: &str, mode: u32| {
            let text = format!("{first}echo >>{}/{name}.ran\n", path.display());
            fs::write(path.join(name), text).unwrap();
            fs::set_permissions(path.join(name), Permissions::from_mode(mode)).unwrap();
        };
        write("good", "#!/bin/sh\n", 0o755);
        write("closed", "#!/bin/sh\n", 0o644);
        write("bare", "", 0o755);
        write("windows", "#!/bin/sh\r\n", 0o755);
        let conf = conf_with("script /bin/true", "")
            .replace(
                " state BACKUP",
                " notify_master FOLDER/good root\n notify_fault FOLDER/absent\n notify FOLDER/bare\n \
                 notify_backup FOLDER/closed\n notify_stop FOLDER/good nosuch\n notify_deleted\n notify_master_rx_lower_pri \
                 \"\"\n state BACKUP",
            )
            .replace("FOLDER", &path.display().to_string());
        let group = format!(
            "vrrp_sync_group G {{\n group {{\n  gateway\n }}\n notify_master {}/windows\n}}\n",
            path.display()
        );
        let main = path.join("all.conf");
        fs::write(&main, format!("{conf}{group}")).unwrap();
        let (said, found) = findings_of(&folder, &main.display().to_string());
        let wrong = found.iter().filter(|one| one.severity == "problem");
        let wrong: Vec<Found> = wrong.cloned().collect();
        assert_eq!(
            codes(&wrong),
            "LU171:17 LU331:13 LU216:14 LU211:12 LU203:15 LU332:33"
        );
        for one in &wrong[1..] {
            let end = ": the address moves without this notification";
            assert!(one.effect.ends_with(end), "{one:#?}");
        }
        assert_eq!(said.code, Some(1));

        let node = Node::new();
        node.plug("to-e0", "e0", &["192.0.2.1/24"]);
        let started = path.join("all");
        let _keepalived = node.run(move || Keepalived::start(started, false));
        let deadline = Instant::now() + Duration::from_secs(20);
        while !path.join("good.ran").exists() {
            let log = || fs::read_to_string(path.join("all.log")).unwrap();
            assert!(Instant::now() < deadline, "{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
        // Those of BACKUP came first.
        for name in ["closed", "bare", "windows"] {
            assert!(!path.join(format!("{name}.ran")).exists(), "{name}");
        }
    });
}

/// A check that an instance and its sync group track acts once: the group's weight counts, unless the instance has 0.
#[test]
fn a_check_of_an_instance_and_its_group_acts_as_keepalived_does() {
    in_namespace(|| {
        for (of_group, of_instance, code, log) in [
            (-30, -20, "LU242", "effective priority from 100 to 70"),
            (0, -20, "LU241", "Syncing instances to FAULT"),
            (-30, 0, "LU241", "Syncing instances to FAULT"),
        ] {
            let folder = Folder::new();
            let path = folder.path();
            let check = "script \"FOLDER/listenup check -q --interface to-e0 443\"";
            let conf =
                conf_with(check, "").replace("  chk\n", &format!("  chk weight {of_instance}\n"));
            let (front, instance) = conf.split_once("vrrp_instance").unwrap();
            let conf = format!(
                "{front}vrrp_sync_group G {{\n group {{\n  gateway\n }}\n sync_group_tracking_weight\n track_script {{\n  chk \
                 weight {of_group}\n }}\n}}\nvrrp_instance{instance}"
            );
            let conf = conf.replace("FOLDER", &path.display().to_string());
            fs::write(path.join("all.conf"), conf).unwrap();
            let node = Node::new();
            node.plug("to-e0", "e0", &["192.0.2.1/24"]);
            let words = path.join("all.conf").display().to_string();
            let look = folder.path().to_owned();
            let said = node.run(move || doctor(&look, &format!("--format json {words}")));
            let one = with_code(&Found::all(&said.stdout, path), code).clone();
            assert!(
                code == "LU241" || one.effect.contains("from 100 to 70"),
                "{one:#?}"
            );

            let started = path.join("all");
            let _keepalived = node.run(move || Keepalived::start(started, false));
            let deadline = Instant::now() + Duration::from_secs(20);
            let read = || fs::read_to_string(path.join("all.log")).unwrap();
            while !read().contains(log) {
                assert!(Instant::now() < deadline, "{}", read());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
}
