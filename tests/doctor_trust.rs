//! What local users try with the doctor, which root runs: SECURITY.md, "What the doctor reads and executes".

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::Resource;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

use common::confined::{Confined, NOBODY};
use common::doctor::{conf_with, doctor, doctor_reads, findings};
use common::in_namespace;
use common::keepalived::Folder;
use common::program::{Said, listenup};
use common::sockets::listen;
use listenup::untrusted::text::is_unprintable;

/// Bytes of memory that the doctor may ask for.
const MEMORY: u64 = 1 << 30;
/// Far more seconds than a run takes.
const FOREVER: &str = "120";

/// A process that a test starts. It is killed with this value.
struct Process(Child);

impl Process {
    /// Starts it, and waits until it has said "ready".
    fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut ready = [0; 5];
        let stdout = child.stdout.as_mut().unwrap();
        stdout.read_exact(&mut ready).unwrap();
        Self(child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The doctor with a limit on memory. It has to end.
#[track_caller]
fn bounded(words: &str) -> Said {
    let program = common::program::LISTENUP;
    let said = Confined::new("timeout")
        .limited(Resource::RLIMIT_AS, MEMORY)
        .run(&format!("--signal=KILL {FOREVER} {program} doctor {words}"));
    assert!(matches!(said.code, Some(0 | 1)), "{said:#?}");
    said
}

fn executable(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// A configuration that calls FOLDER/NAME check 443 as root.
fn calls(name: &str) -> String {
    conf_with(&format!("script \"FOLDER/{name} check -q 443\""), "")
}

#[test]
fn the_doctor_executes_its_own_file_and_no_path() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        fs::create_dir(path.join("a")).unwrap();
        fs::copy(path.join("listenup"), path.join("a/listenup")).unwrap();
        let conf = path.join("keepalived.conf");
        let text = calls("a/listenup").replace("FOLDER", &path.display().to_string());
        fs::write(&conf, text).unwrap();
        let log = path.join("strace");
        let mut strace = Command::new("strace");
        strace.args([
            "-f",
            "-qq",
            "-s",
            "4096",
            "-e",
            "trace=execve,execveat",
            "-o",
        ]);
        let program = path.join("listenup");
        strace
            .arg(&log)
            .arg(&program)
            .args(["doctor", "--keepalived-conf"]);
        let said = Said::by(strace.arg(&conf));
        assert!(
            said.stdout
                .contains("run as root it says 443: not listening"),
            "{said:#?}"
        );
        let log = fs::read_to_string(&log).unwrap();
        let calls: Vec<&str> = log.lines().filter(|line| line.contains("exec")).collect();
        let [itself, check] = calls.as_slice() else {
            panic!("{log}")
        };
        assert!(
            itself.contains(&format!("execve(\"{}\"", program.display())),
            "{log}"
        );
        assert!(check.contains("execve(\"/proc/self/fd/"), "{log}");
        // Its name for itself is the one of the configuration.
        assert!(
            check.contains(&format!("[\"{}/a/listenup\", \"check\"", path.display())),
            "{log}"
        );
    });
}

/// A symlink in the middle of the path leads to the doctor's own file and to a script by turns.
#[test]
fn a_path_that_changes_between_two_looks_runs_nothing_else() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let shown = path.display().to_string();
        for name in ["good", "other", "other/evil"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        fs::copy(path.join("listenup"), path.join("good/listenup")).unwrap();
        let script = format!("#!/bin/sh\ntouch {shown}/ran\n");
        executable(&path.join("other/evil/listenup"), script.as_bytes());
        chown(path.join("other"), Some(NOBODY), Some(NOBODY)).unwrap();
        symlink(path.join("good"), path.join("other/d")).unwrap();
        let flip = format!(
            "import os\nprint('ready', flush=True)\nwhile True:\n for to in ('{shown}/other/evil', '{shown}/good'):\n  \
             os.symlink(to, '{shown}/other/t')\n  os.rename('{shown}/other/t', '{shown}/other/d')\n"
        );
        let mut flipping = Confined::new("python3").by_nobody().into_command();
        let _flipping = Process::start(flipping.args(["-c", &flip]));
        for _ in 0..100 {
            doctor_reads(path, &calls("other/d/listenup"), "-q");
            assert!(!path.join("ran").exists());
        }
    });
}

#[test]
fn a_different_file_is_named_and_not_run() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let mut other = fs::read(path.join("listenup")).unwrap();
        other.push(0);
        let script = format!("#!/bin/sh\ntouch {}/ran\n", path.display());
        fs::create_dir(path.join("a")).unwrap();
        for bytes in [script.as_bytes(), &other] {
            executable(&path.join("a/listenup"), bytes);
            let said = doctor_reads(path, &calls("a/listenup"), "");
            let note = "note     FOLDER/keepalived.conf:6: chk: FOLDER/a/listenup was not run: it is a different file\n";
            let text = findings(&said, path);
            assert!(text.contains(note), "{text}");
            assert!(!text.contains("run as"), "{text}");
            assert!(!path.join("ran").exists());
        }
    });
}

/// A doctor that tries a check for as long as the check looks, and the check.
fn trying(folder: &Path, words: &str) -> (Child, u32) {
    let call = "script \"FOLDER/listenup check --retry-for 55s --timeout 59s 1\"";
    let conf = conf_with(call, "interval 60\n timeout 60");
    let conf = conf.replace("FOLDER", &folder.display().to_string());
    let path = folder.join("keepalived.conf");
    fs::write(&path, conf).unwrap();
    let doctor = Command::new(folder.join("listenup"))
        .args(["doctor", "--keepalived-conf"])
        .arg(&path)
        .args(words.split_whitespace())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let children = format!("/proc/{0}/task/{0}/children", doctor.id());
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let text = fs::read_to_string(&children).unwrap();
        let child = text.split_whitespace().next();
        if let Some(child) = child.and_then(|child| child.parse().ok()) {
            // Until execve(2) it is still this doctor.
            let line = fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap_or_default();
            if line.contains("check") {
                return (doctor, child);
            }
        }
        assert!(Instant::now() < deadline, "no check was started");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_check_runs_as_its_user_without_groups_of_root() {
    in_namespace(|| {
        let folder = Folder::new();
        for (words, user, group) in [
            ("--user 54321", "54321", "65534"),
            ("--user nobody", "65534", "65534"),
            ("--user mail", "8", "8"),
            ("", "0", "0"),
        ] {
            let (mut doctor, check) = trying(folder.path(), words);
            let status = fs::read_to_string(format!("/proc/{check}/status")).unwrap();
            doctor.kill().unwrap();
            doctor.wait().unwrap();
            let ids = |id: &str| [id; 4].join("\t");
            for line in [
                format!("Uid:\t{}\n", ids(user)),
                format!("Gid:\t{}\n", ids(group)),
                "Groups:\t \n".to_owned(),
            ] {
                assert!(status.contains(&line), "{words}: {line:?}: {status}");
            }
        }
    });
}

#[test]
fn a_check_ends_with_the_doctor() {
    in_namespace(|| {
        let folder = Folder::new();
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            let (mut doctor, check) = trying(folder.path(), "--user nobody");
            let stat = format!("/proc/{check}/stat");
            kill(Pid::from_raw(doctor.id().try_into().unwrap()), signal).unwrap();
            doctor.wait().unwrap();
            let deadline = Instant::now() + Duration::from_secs(20);
            // The first process of a container need not ask for what is left of it.
            let is_left = || {
                let stat = fs::read_to_string(&stat).unwrap_or_default();
                !stat.is_empty() && !stat.contains(") Z ")
            };
            while is_left() {
                assert!(Instant::now() < deadline, "{check} goes on after {signal}");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
}

/// Starts a process that has a configuration open as keepalived has it. The command is a Python; `before` runs before the
/// file is made, and `after` with its descriptor `fd`.
fn pretender(confined: Confined, before: &str, after: &str) -> Process {
    let conf = conf_with("script \"/usr/bin/pretended check -q 443\"", "");
    let text = format!(
        "import os, sys\n{before}\nfd = os.memfd_create('/keepalived/consolidated_configuration')\n\
         os.write(fd, b'# /etc/pretended.conf\\n' + {conf:?}.encode() + b'!\\n')\n{after}\nprint('ready', flush=True)\n\
         sys.stdin.read()\n"
    );
    Process::start(confined.into_command().args(["-c", &text]))
}

#[test]
fn a_process_called_keepalived_is_believed_only_if_all_of_it_is_roots() {
    in_namespace(|| {
        let folder = Folder::new();
        let python = fs::canonicalize("/usr/bin/python3").unwrap();
        let python = fs::read(python).unwrap();
        let marked = [&python[..], b"Keepalived v2.2.7 ("].concat();
        let install = |name: &str, bytes: &[u8], (uid, gid, mode): (u32, u32, u32)| -> PathBuf {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            let path = path.join("keepalived");
            fs::write(&path, bytes).unwrap();
            chown(&path, Some(uid), Some(gid)).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        };
        let genuine = install("genuine", &marked, (0, 0, 0o755));
        let plain = install("plain", &python, (0, 0, 0o755));
        let of_nobody = install("of_nobody", &marked, (NOBODY, 0, 0o755));
        let by_others = install("by_others", &marked, (0, 0, 0o757));
        let by_group = install("by_group", &marked, (0, 50, 0o775));
        let nobody: fn(Confined) -> Confined = Confined::by_nobody;
        let root: fn(Confined) -> Confined = |confined| confined;
        let examined =
            |why: &str| format!("is called keepalived, but is not examined\n         {why}");
        for (program, user, before, after, believed, note) in [
            (&genuine, root, "", "", true, String::new()),
            (&genuine, nobody, "", "", false, String::new()),
            // As a setuid program is, which any user can start.
            (
                &genuine,
                root,
                "",
                "os.setresuid(65534, 0, 0)",
                false,
                String::new(),
            ),
            (
                &genuine,
                root,
                "",
                "os.setresuid(0, 0, 65534)",
                false,
                String::new(),
            ),
            (
                &genuine,
                root,
                "",
                "os.setresuid(0, 65534, 0)",
                false,
                String::new(),
            ),
            (
                &genuine,
                root,
                "os.seteuid(65534)",
                "os.seteuid(0)",
                false,
                examined("user 65534 made"),
            ),
            (
                &plain,
                root,
                "",
                "",
                false,
                examined("its program FOLDER/plain/keepalived is not keepalived"),
            ),
            (
                &of_nobody,
                root,
                "",
                "",
                false,
                examined("its program FOLDER/of_nobody/keepalived does not"),
            ),
            (
                &by_others,
                root,
                "",
                "",
                false,
                examined("users other than root can write"),
            ),
            (
                &by_group,
                root,
                "",
                "",
                false,
                examined("users other than root can write"),
            ),
        ] {
            let pretender = pretender(user(Confined::new(program)), before, after);
            let said = doctor(folder.path(), "");
            drop(pretender);
            let text = findings(&said, folder.path());
            assert_eq!(
                text.contains("/usr/bin/pretended"),
                believed,
                "{before}{after}{text}"
            );
            assert!(text.contains(&note), "{note}: {text}");
        }
        // A file that was replaced while it ran is still the one that runs.
        let pretender = pretender(Confined::new(&genuine), "", "");
        fs::remove_file(&genuine).unwrap();
        fs::write(&genuine, "").unwrap();
        let said = doctor(folder.path(), "");
        drop(pretender);
        assert!(said.stdout.contains("/usr/bin/pretended"), "{said:#?}");
    });
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
fn no_file_makes_it_wait_or_take_memory() {
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

/// Opening a device can start something, so only the path is resolved (O_PATH).
#[test]
fn what_is_not_a_regular_file_is_not_even_opened() {
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
            .args(["-f", "-qq", "-e", "trace=open,openat", "-o"])
            .arg(&log);
        strace
            .arg(path.join("listenup"))
            .args(["doctor", "--keepalived-conf"]);
        Said::by(strace.arg(path.join("keepalived.conf")));
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
        let conf = format!("track_file t {{\n file {}\n}}\n", file.display());
        let said = doctor_reads(path, &conf, "").exits(1);
        let text = findings(&said, path);
        assert!(
            text.contains("FOLDER/leased cannot be read: Try again (EAGAIN)"),
            "{text}"
        );
    });
}

/// A file without a name that has a million lines and more.
#[test]
fn what_a_keepalived_has_loaded_is_read_up_to_a_number_of_lines() {
    in_namespace(|| {
        let folder = Folder::new();
        let python = fs::read(fs::canonicalize("/usr/bin/python3").unwrap()).unwrap();
        let program = folder.path().join("keepalived");
        executable(&program, &[&python[..], b"Keepalived v2.2.7 ("].concat());
        let many = "os.write(fd, b'\\n' * 1_000_001)";
        let _pretender = pretender(Confined::new(&program), "", many);
        let said = doctor(folder.path(), "");
        let text = findings(&said, folder.path());
        assert!(text.contains("it has more than 1000000 lines\n"), "{text}");
    });
}

#[test]
fn a_process_that_calls_itself_listenup_watch_is_not_believed() {
    in_namespace(|| {
        let folder = Folder::new();
        let path = folder.path();
        let file = path.join("track");
        fs::write(&file, "0\n").unwrap();
        let shown = file.display().to_string();
        let conf = format!(
            "track_file t {{\n file {shown}\n}}\nvrrp_instance a {{\n interface lo\n virtual_router_id 51\n track_file {{\n  \
             t\n }}\n}}\n"
        );
        let python = fs::canonicalize("/usr/bin/python3").unwrap();
        fs::create_dir(path.join("a")).unwrap();
        symlink(&python, path.join("a/listenup")).unwrap();
        // Python reads the program from a file called "watch".
        fs::write(
            path.join("a/watch"),
            "print('ready', flush=True)\nimport sys\nsys.stdin.read()\n",
        )
        .unwrap();
        let mut command = Confined::new(path.join("a/listenup"))
            .by_nobody()
            .into_command();
        command.current_dir(path.join("a"));
        let pretender = Process::start(command.args(["watch", "--track-file", &shown]));
        let said = doctor_reads(path, &conf, "");
        drop(pretender);
        let text = findings(&said, path);
        let note = "calls itself listenup watch of FOLDER/track, but it executes another file than this listenup;";
        assert!(text.contains(note), "{text}");
        assert!(!text.contains("keeps it"), "{text}");

        // The program itself, started by a user to whom the file does not belong.
        let other = path.join("other");
        fs::create_dir(&other).unwrap();
        chown(&other, Some(NOBODY), None).unwrap();
        let kept = other.join("track");
        let mut command = Confined::new(path.join("listenup"))
            .by_nobody()
            .into_command();
        let words =
            ["watch", "--track-file", &kept.display().to_string(), "443"].map(str::to_owned);
        let mut watch = command.args(words).stdout(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !kept.exists() {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(5));
        }
        let conf = conf.replace(&shown, &kept.display().to_string());
        let believed = findings(&doctor_reads(path, &conf, ""), path);
        chown(&kept, Some(0), None).unwrap();
        let doubted = findings(&doctor_reads(path, &conf, ""), path);
        watch.kill().unwrap();
        watch.wait().unwrap();
        assert!(believed.contains("keeps it"), "{believed}");
        assert!(
            doubted.contains("but the file belongs to another user"),
            "{doubted}"
        );
    });
}

/// Characters that a terminal obeys or hides: escape, C1, bidirectional, without a width.
const TRICKS: &str = "\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\u{200b}\u{200f}\u{61c}\u{feff}\u{2028}";

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
        let conf = format!(
            "include {}/x*\n{}",
            path.display(),
            calls(&format!("{TRICKS}"))
        );
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
                    .contains("keepalived.conf:22: no patch is printed"),
                "{said:#?}"
            );
            assert!(
                !said.stderr.trim_end().contains(is_unprintable),
                "{said:#?}"
            );
        }
    });
}

/// The same for `list`, whose text is the names of other users' processes.
#[test]
fn no_name_of_a_process_turns_the_text_round() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 8443);
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("a\u{202e}\u{200b}b");
        symlink(common::program::example("listener"), &program).unwrap();
        let mut command = Command::new(&program);
        let service = common::service::Service::start(command.arg("127.0.0.1:8444"), 1);
        let name = format!("a\u{fffd}\u{fffd}b ({})", service.pid());
        let said = listenup("list -p").exits(0);
        assert!(said.stdout.contains(&name), "{said:?}");
    });
}
