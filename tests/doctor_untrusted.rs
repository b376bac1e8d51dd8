//! Files and names that local users choose, and the doctor, which root runs: SECURITY.md, "What the doctor reads".

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::libc;
use nix::sys::resource::Resource;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use common::confined::{Confined, NOBODY};
use common::doctor::{conf_with, doctor, doctor_reads};
use common::in_namespace;
use common::keepalived::Folder;
use common::process::Process;
use common::program::{LISTENUP, ProgramOutput};
use listenup::untrusted::text::is_unprintable;

/// Bytes of memory that the doctor may ask for.
const MEMORY: u64 = 1 << 30;
/// Far more seconds than a run takes.
const FOREVER: &str = "120";

/// The doctor with a limit on memory. It has to end.
#[track_caller]
fn bounded(words: &str) -> ProgramOutput {
    let said = Confined::new("timeout")
        .limited(Resource::RLIMIT_AS, MEMORY)
        .run(&format!(
            "--signal=KILL {FOREVER} {LISTENUP} doctor {words}"
        ));
    assert!(matches!(said.code, Some(0 | 1)), "{said:#?}");
    said
}

/// A configuration that calls FOLDER/NAME check 443 as root.
fn calls(name: &str) -> String {
    conf_with(&format!("script \"FOLDER/{name} check -q 443\""), "")
}

/// What a path can lead to that must not be read.
fn traps(folder: &Path) -> Vec<PathBuf> {
    let fifo = folder.join("fifo");
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let large = folder.join("large");
    File::create(&large).unwrap().set_len(2 << 30).unwrap();
    let mut traps = vec![fifo, large];
    for target in [
        "/dev/zero",
        "/dev/tty",
        "/proc/kmsg",
        "/proc/self/mem",
        "/sys/kernel/tracing/trace_pipe",
    ] {
        let link = folder.join(target.replace('/', "_"));
        symlink(target, &link).unwrap();
        traps.push(link);
    }
    traps
}

#[test]
fn no_file_makes_the_doctor_wait_or_use_much_memory() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let conf = path.join("keepalived.conf");
        for trap in traps(path) {
            let trap = trap.display();
            bounded(&format!("--keepalived-conf {trap}"));
            bounded(&format!("--rewrite {trap}"));
            let script = format!("script \"/bin/sh {trap}\"");
            let program = format!("script \"{trap} check -q 443\"");
            let tracked = format!("track_file t {{\n file {trap}\n}}\n");
            for text in [
                format!("include {trap}\n"),
                conf_with(&script, ""),
                conf_with(&program, ""),
                format!(
                    "{tracked}{}",
                    conf_with(&script, "")
                        .replace("track_script", "track_file {\n t\n }\n track_script")
                ),
            ] {
                fs::write(&conf, text).unwrap();
                let said = bounded(&format!("--keepalived-conf {}", conf.display()));
                assert!(!said.stdout.is_empty(), "{trap}");
            }
        }
    });
}

/// What a file system that does not answer does to openat2(2). All work together has a minute.
#[test]
fn a_stuck_system_call_ends_the_doctor_after_a_minute() {
    in_namespace(|| {
        let folder = Folder::new();
        let conf = folder.path().join("keepalived.conf");
        fs::write(&conf, calls("listenup")).unwrap();
        let commands =
            ["doctor", "doctor --rewrite"].map(|words| format!("{words} {}", conf.display()));
        std::thread::scope(|scope| {
            for words in &commands {
                scope.spawn(move || {
                    let stuck = Confined::listenup().stuck_in(libc::SYS_openat2);
                    let said = stuck.run(words).exits(1).stdout("");
                    let start = "listenup: could not tell: timed out after 1m, in a system call that does not return";
                    assert!(said.stderr.starts_with(start), "{said:#?}");
                });
            }
        });
    });
}

/// Opening a device can start something, so only the path is resolved (O_PATH).
#[test]
fn files_that_are_not_regular_are_not_even_opened() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        symlink("/dev/zero", path.join("device")).unwrap();
        let shown = path.display();
        let conf = format!("include {shown}/device\ntrack_file t {{\n file {shown}/device\n}}\n");
        fs::write(path.join("keepalived.conf"), conf).unwrap();
        let mut strace = Command::new("strace");
        let log = path.join("strace");
        strace
            .args(["-f", "-qq", "-e", "trace=open,openat,openat2", "-o"])
            .arg(&log);
        strace
            .arg(path.join("listenup"))
            .args(["doctor", "--keepalived-conf"]);
        ProgramOutput::by(strace.arg(path.join("keepalived.conf")));
        let log = fs::read_to_string(&log).unwrap();
        let mut opened = log
            .lines()
            .filter(|line| line.contains(&format!("{shown}/device\"")));
        assert!(opened.clone().count() >= 1, "{log}");
        assert!(opened.all(|line| line.contains("O_PATH")), "{log}");
        // Nothing is opened for writing, either.
        assert!(
            !log.contains("O_WRONLY") && !log.contains("O_RDWR"),
            "{log}"
        );
    });
}

/// A user who owns a file can hold a lease on it (fcntl(2)), for which open(2) waits up to 45 seconds.
#[test]
fn a_file_with_a_lease_is_an_error_at_once() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let file = path.join("leased");
        fs::write(&file, "0\n").unwrap();
        let lease = format!(
            "import fcntl, signal, sys\nsignal.signal(signal.SIGIO, signal.SIG_IGN)\nf = open('{}', 'r+')\n\
             fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_WRLCK)\nprint('ready', flush=True)\nsys.stdin.read()\n",
            file.display()
        );
        let _holder = Process::start(Command::new("python3").args(["-c", &lease]));
        let conf = format!(
            "track_file t {{\n file {}\n}}\nvrrp_instance a {{\n interface to-e0\n virtual_router_id 51\n track_file {{\n  t\n \
             }}\n}}\n",
            file.display()
        );
        let said = doctor_reads(path, &conf, "");
        let text = common::doctor::text(&said, path);
        assert!(
            text.contains("FOLDER/leased cannot be read: Try again (EAGAIN)"),
            "{text}"
        );
    });
}

/// Any user can change a track_file if one part of its path belongs to that user.
#[test]
fn a_track_file_that_others_can_change_is_reported() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let real = path.join("real");
        fs::create_dir(&real).unwrap();
        let file = real.join("track");
        fs::write(&file, "0\n").unwrap();
        let look = |file: &str| {
            let conf = format!(
                "track_file t {{\n file FOLDER/{file}\n}}\nvrrp_instance a {{\n interface to-e0\n virtual_router_id 51\n \
                 track_file {{\n  t\n }}\n}}\n"
            );
            common::doctor::text(&doctor_reads(path, &conf, ""), path)
        };
        assert!(!look("real/track").contains("LU258"));
        symlink(&real, path.join("link")).unwrap();
        lchown(path.join("link"), Some(NOBODY), None).unwrap();
        let text = look("link/track");
        assert!(
            text.contains("they can change FOLDER/link (nobody:root 0777)"),
            "{text}"
        );
        symlink(&file, path.join("track")).unwrap();
        lchown(path.join("track"), Some(NOBODY), None).unwrap();
        assert!(look("track").contains("they can change FOLDER/track (nobody:root 0777)"));
        fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
        assert!(look("real/track").contains("they can change FOLDER/real/track (root:root 0666)"));
    });
}

/// A few bytes that stand for very many.
#[test]
fn no_text_makes_the_doctor_work_without_a_limit() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let mut doubles = "#!/bin/sh\na0=0123456789012345\n".to_owned();
        for number in 1..60 {
            let before = number - 1;
            doubles += &format!("a{number}=$a{before}$a{before}\n");
        }
        doubles += "nc -z 127.0.0.1 443\n";
        fs::write(path.join("check.sh"), doubles).unwrap();
        let mode = Permissions::from_mode(0o755);
        fs::set_permissions(path.join("check.sh"), mode).unwrap();
        let pairs = format!("include {}/{}*\n", path.display(), "{a,b}".repeat(9));
        let script = format!("script {}/check.sh", path.display());
        let conf = path.join("keepalived.conf");
        for (text, code) in [
            (conf_with(&script, ""), "LU3"),
            (pairs.repeat(64), "LU114"),
            ("{}".repeat(1 << 20), "LU118"),
        ] {
            fs::write(&conf, text).unwrap();
            let said = bounded(&format!("--keepalived-conf {}", conf.display()));
            assert!(said.stdout.contains(code), "{code}: {said:#?}");
            for ignored in ["", "--ignore LU114 --ignore LU118 "] {
                let said = bounded(&format!("{ignored}--keepalived-conf {}", conf.display()));
                let is_ok = said.stdout.contains("\nconfiguration OK");
                assert!(!is_ok, "{said:#?}");
            }
        }
    });
}

/// What a user wrote into an argument is shown as little as what is in a file.
#[test]
fn no_character_of_an_argument_controls_the_terminal() {
    in_namespace(|| {
        for words in [
            vec!["check", TRICKS],
            vec!["check", "--netns", TRICKS, "443"],
            vec!["check", "--interface", TRICKS, "443"],
            vec!["check", "--owner-user", TRICKS, "443"],
            vec!["check", "--format", "nagios", "--interface", TRICKS, "443"],
            vec!["check", "--format", TRICKS, "443"],
            vec!["check", "-v", "--owner-unit", TRICKS, "443"],
            vec!["doctor", "--netns", TRICKS],
            vec!["doctor", "--netns", "/a\nconfiguration OK"],
            vec!["doctor", "--explain", TRICKS],
            vec!["list", "--netns", TRICKS],
            vec![TRICKS],
        ] {
            let said = ProgramOutput::by(Command::new(LISTENUP).args(&words));
            let lines = said.stdout.replace('\n', "") + &said.stderr.replace('\n', "");
            assert!(!lines.contains(is_unprintable), "{said:#?}");
            let is_forged = |line: &str| line.starts_with("configuration OK");
            assert!(!said.stderr.lines().any(is_forged), "{said:#?}");
        }
    });
}

/// Characters that a terminal obeys or hides: escape, C1, bidirectional, without a width.
const TRICKS: &str = "\u{1b}[2J\u{7}\u{9b}31m\u{202e}\u{2066}\u{200b}\u{200f}\u{61c}\u{feff}\u{2028}\u{fe0f}\u{3164}\u{e0100}";

#[test]
fn no_character_of_a_file_controls_the_terminal() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let strange = path.join(format!("x{TRICKS}"));
        fs::write(
            &strange,
            format!("vrrp_script {TRICKS} {{\n script \"/x{TRICKS} y\"\n nosuch{TRICKS} 1\n}}\n"),
        )
        .unwrap();
        let conf = format!("include {}/x*\n{}", path.display(), calls(TRICKS));
        for format in ["text", "json"] {
            let said = doctor_reads(path, &conf, &format!("--format {format}"));
            let shown = said.stdout.contains("\u{fffd}");
            assert!(shown, "{said:#?}");
            let lines = said.stdout.replace('\n', "") + &said.stderr.replace('\n', "");
            assert!(!lines.contains(is_unprintable), "{said:#?}");
        }
    });
}

#[test]
fn no_patch_has_characters_that_a_terminal_obeys() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let file = path.join("keepalived.conf");
        let conf = conf_with("script \"/bin/sh -c 'netstat -tln | grep -q :443'\"", "");
        let rewrite = |text: &str| {
            fs::write(&file, text).unwrap();
            doctor(path, &format!("--rewrite {}", file.display()))
        };
        let said = rewrite(&conf).exits(0);
        assert!(said.stdout.contains("\n+"), "{said:#?}");
        // Tabs, and the line ends of another system, are printed as they are.
        let said = rewrite(&conf.replace("\n ", "\r\n\t")).exits(0);
        assert!(said.stdout.contains("\r\n"), "{said:#?}");
        for trick in TRICKS.chars().filter(|c| is_unprintable(*c)) {
            let said = rewrite(&format!("{conf}# a comment{trick}x\n"))
                .exits(1)
                .stdout("");
            assert!(
                said.stderr
                    .contains("left as it is: line 22 has control characters"),
                "{said:#?}"
            );
            assert!(
                !said.stderr.trim_end().contains(is_unprintable),
                "{said:#?}"
            );
        }
    });
}
