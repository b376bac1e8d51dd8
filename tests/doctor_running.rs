//! The doctor and a keepalived that runs: what it has loaded, what it watches, and whether it runs scripts.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use rustix::fs::{XattrFlags, setxattr};

use common::confined::Confined;
use common::doctor::{Found, codes, conf_with, doctor, findings_about, with_code};
use common::in_namespace;
use common::keepalived::{Folder, Keepalived};
use common::node::Node;
use common::sockets::listen;

/// A node whose keepalived has loaded FOLDER/all.conf.
struct Gateway {
    // In the order in which they must go.
    keepalived: Keepalived,
    node: Node,
    path: PathBuf,
}

impl Gateway {
    fn start(folder: &Folder, conf: &str) -> Self {
        let path = folder.path().to_owned();
        let shown = path.display().to_string();
        fs::write(path.join("all.conf"), conf.replace("FOLDER", &shown)).unwrap();
        let node = Node::new();
        node.plug("to-e0", "e0", &["192.0.2.1/24"]);
        let started = path.join("all");
        let keepalived = node.run(move || Keepalived::start(started, false));
        let gateway = Self {
            keepalived,
            node,
            path,
        };
        gateway.await_log("VRRP sockpool");
        gateway
    }

    #[track_caller]
    fn await_log(&self, part: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let log = fs::read_to_string(self.path.join("all.log")).unwrap();
            if log.contains(part) {
                return;
            }
            assert!(Instant::now() < deadline, "no {part} in {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The findings about what it has loaded, and the first line.
    #[track_caller]
    fn examine(&self) -> (Vec<Found>, String) {
        let path = self.path.clone();
        let said = self.node.run(move || doctor(&path, "--format json"));
        let found = Found::all(&said.stdout, &self.path);
        let document = common::schema::document(&said.stdout, "doctor");
        let shown = self.path.display().to_string();
        (
            found,
            document["examined"][0]
                .as_str()
                .unwrap()
                .replace(&shown, "FOLDER"),
        )
    }
}

#[test]
fn the_loaded_configuration_is_examined_instead_of_the_file() {
    in_namespace(|| {
        common::ip("link add to-e0 type veth peer name other");
        let folder = Folder::new();
        let path = folder.path().to_owned();
        let shown = path.display().to_string();
        let conf = conf_with("script \"FOLDER/listenup check -q 443\"", "");
        let conf = conf
            .replace("FOLDER", &shown)
            .replace("script_user root", "script_user ${USER}");
        fs::write(path.join("part.inc"), format!("$USER=root\n{conf}")).unwrap();
        let gateway = Gateway::start(
            &folder,
            "include FOLDER/part.inc\n# a comment\n$USER=root\n",
        );
        let _listener = gateway.node.run(|| listen("::", 443));

        let (found, first) = gateway.examine();
        assert_eq!(codes(&found), "LU411:7 LU241:11");
        let pid = gateway.keepalived.pid();
        let version = first
            .strip_prefix("keepalived ")
            .and_then(|rest| rest.split(' ').next())
            .unwrap();
        assert_eq!(version.split('.').count(), 3, "{first}");
        let expected = format!(
            "keepalived {version} is running ({pid}); reading its loaded configuration of FOLDER/all.conf"
        );
        assert_eq!(first, expected);

        // Comments change nothing.
        fs::write(
            path.join("part.inc"),
            format!("$USER=root\n\n! other words\n{conf}"),
        )
        .unwrap();
        assert_eq!(codes(&gateway.examine().0), "LU411:7 LU241:11");
        fs::write(path.join("part.inc"), conf.replace("443", "8443")).unwrap();
        let (found, _) = gateway.examine();
        assert_eq!(codes(&found), "LU513 LU411:7 LU241:11");
        assert!(
            with_code(&found, "LU513")
                .effect
                .contains("this report is about the loaded version")
        );

        // Only root can know.
        let by_nobody = path.clone();
        let said = gateway.node.run(move || {
            let confined = Confined::new(by_nobody.join("listenup")).by_nobody();
            confined.run("doctor --format json --user nobody")
        });
        assert!(
            codes(&Found::all(&said.stdout, &path)).contains("LU512"),
            "{said:#?}"
        );

        // In another namespace another keepalived would be meant, or none.
        let said = doctor(&path, "");
        assert!(
            said.stdout.starts_with("no configuration found"),
            "{said:#?}"
        );
        let said = doctor(&path, &format!("--netns {}", gateway.node.path()));
        assert!(said.stdout.contains("part.inc"), "{said:#?}");
        doctor(&path, "--netns /nonexistent 443")
            .exits(1)
            .stdout("")
            .stderr_has("/nonexistent");
    });
}

fn tracking(file: &Path, more: &str) -> String {
    format!(
        "global_defs {{ dynamic_interfaces\n enable_script_security\n script_user root\n}}\n\
         track_file service {{\n file {}\n {more}\n}}\n\
         vrrp_instance gateway {{\n state BACKUP\n interface to-e0\n virtual_router_id 51\n priority 100\n \
         virtual_ipaddress {{\n  192.0.2.100/24\n }}\n track_file {{\n  service\n }}\n}}\n",
        file.display()
    )
}

/// Both that were shown on a live gateway: the folder comes after keepalived's start, or is made again.
#[test]
fn a_track_file_that_keepalived_does_not_watch_is_a_problem() {
    in_namespace(|| {
        common::ip("link add to-e0 type veth peer name other");
        let folder = Folder::new();
        let watched = folder.path().join("watched");
        fs::create_dir(&watched).unwrap();
        fs::write(watched.join("track"), "0\n").unwrap();
        let gateway = Gateway::start(&folder, &tracking(&watched.join("track"), "weight 0"));
        let look = || codes(&gateway.examine().0);
        assert_eq!(look(), "LU255:5 LU241:9");
        fs::write(watched.join("track"), "1\n").unwrap();
        assert_eq!(look(), "LU260:5 LU255:5 LU241:9");
        // Another folder of the same name.
        fs::rename(&watched, folder.path().join("before")).unwrap();
        fs::create_dir(&watched).unwrap();
        // keepalived does not see it, so it has no effect.
        fs::write(watched.join("track"), "1\n").unwrap();
        let (found, _) = gateway.examine();
        assert_eq!(codes(&found), "LU521:5");
        assert!(
            with_code(&found, "LU521")
                .fix
                .starts_with("systemctl reload keepalived")
        );
        fs::write(watched.join("track"), "0\n").unwrap();
        gateway.keepalived.reload();
        let deadline = Instant::now() + Duration::from_secs(20);
        while look() != "LU255:5 LU241:9" {
            assert!(Instant::now() < deadline, "{}", look());
        }
    });
}

/// Mounts that this thread makes from now on go with it and with what it starts.
fn own_mounts() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
}

/// A bind mount, which must go before the folder in which it is.
struct Bound(PathBuf);

impl Bound {
    fn new(from: &Path, to: &Path) -> Self {
        let none = None::<&str>;
        mount(Some(from), to, none, MsFlags::MS_BIND, none).unwrap();
        Self(to.to_owned())
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

/// The kernel reports its changes to the folder from which it is mounted.
#[test]
fn a_track_file_that_is_mounted_alone() {
    in_namespace(|| {
        own_mounts();
        let folder = Folder::new();
        let (file, other) = (folder.path().join("track"), folder.path().join("other"));
        fs::create_dir(&other).unwrap();
        for file in [&file, &other.join("track")] {
            fs::write(file, "0\n").unwrap();
        }
        let _bound = Bound::new(&other.join("track"), &file);
        let conf = tracking(&file, "weight 0");
        let gateway = Gateway::start(&folder, &conf);
        gateway.await_log("Entering MASTER STATE");
        fs::write(&file, "1\n").unwrap();
        let (found, _) = gateway.examine();
        assert_eq!(codes(&found), "LU263:5");
        assert!(
            found[0].effect.ends_with("it causes no failover"),
            "{found:#?}"
        );
        std::thread::sleep(Duration::from_secs(1));
        assert!(
            !fs::read_to_string(folder.path().join("all.log"))
                .unwrap()
                .contains("FAULT")
        );

        // The fix: the folder is mounted. A file that is mounted over itself is in its own folder, too.
        for (from, to) in [
            (&other, &other),
            (&other.join("track"), &other.join("track")),
        ] {
            let _bound = Bound::new(from, to);
            let conf = tracking(&other.join("track"), "weight 0");
            assert_eq!(
                codes(&findings_about(&folder, &conf, "")),
                "LU260:5 LU255:5 LU241:9"
            );
        }
    });
}

/// keepalived watches the folder to which symlinks lead.
#[test]
fn a_track_file_behind_a_symlink() {
    in_namespace(|| {
        let folder = Folder::new();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::create_dir(&real).unwrap();
        fs::create_dir(&link).unwrap();
        fs::write(real.join("track"), "0\n").unwrap();
        std::os::unix::fs::symlink(real.join("track"), link.join("track")).unwrap();
        let gateway = Gateway::start(&folder, &tracking(&link.join("track"), "weight 0"));
        assert_eq!(codes(&gateway.examine().0), "LU255:5 LU241:9");
        fs::write(real.join("track"), "1\n").unwrap();
        gateway.await_log("FAULT");
    });
}

/// SELinux is not active here: a file system of the test has the file that says so, and the label is an attribute.
#[test]
fn a_track_file_whose_label_keepalived_perhaps_cannot_read() {
    in_namespace(|| {
        own_mounts();
        let none = None::<&str>;
        mount(none, "/sys/fs", Some("tmpfs"), MsFlags::empty(), none).unwrap();
        fs::create_dir("/sys/fs/selinux").unwrap();
        let folder = Folder::new();
        let file = folder.path().join("track");
        fs::write(&file, "0\n").unwrap();
        let look = |mode: &str, label: &str| {
            fs::write("/sys/fs/selinux/enforce", mode).unwrap();
            let label = format!("{label}\0");
            setxattr(
                &file,
                "security.selinux",
                label.as_bytes(),
                XattrFlags::empty(),
            )
            .unwrap();
            let conf = tracking(&file, "weight 0");
            findings_about(&folder, &conf, "")
        };
        let found = look("1", "system_u:object_r:var_run_t:s0");
        assert_eq!(codes(&found), "LU262:5");
        assert!(
            found[0]
                .cause
                .ends_with("is system_u:object_r:var_run_t:s0, not keepalived_var_run_t"),
            "{found:#?}"
        );
        assert!(found[0].effect.contains("could not tell"), "{found:#?}");
        for (mode, label) in [
            ("1", "system_u:object_r:keepalived_var_run_t:s0"),
            ("0", "system_u:object_r:var_run_t:s0"),
        ] {
            assert_eq!(codes(&look(mode, label)), "LU255:5 LU241:9");
        }
    });
}

/// A keepalived may run that this user cannot see, so nothing is said as if none did.
#[test]
fn processes_that_this_user_cannot_see() {
    in_namespace(|| {
        let folder = Folder::new();
        let conf = conf_with("script \"FOLDER/listenup check -q 443\"", "");
        let gateway = Gateway::start(&folder, &conf);
        let _listener = gateway.node.run(|| listen("::", 443));
        let look = |words: &'static str| {
            let program = folder.path().join("listenup");
            let shown = folder.path().display().to_string();
            gateway.node.run(move || {
                let words = words.replace("FOLDER", &shown);
                let confined = Confined::new(program).by_nobody_who_sees_no_others();
                confined.run(&format!("doctor {words}"))
            })
        };
        look("").exits(1).stdout_has(
            "could not tell which configuration keepalived uses, and /etc/keepalived/keepalived.conf does not exist",
        )
        .stdout_has("note     could not tell whether keepalived is running")
        .stdout_has("\ncould not tell: nothing was checked\n");
        // What was asked for is known.
        look("443").exits(0).stdout_has("443 is listening");
        let said = look("FOLDER/all.conf").exits(0);
        assert!(!said.stdout.contains("could not tell"), "{said:#?}");
    });
}

#[test]
fn a_track_file_folder_created_after_the_start_is_a_problem() {
    in_namespace(|| {
        common::ip("link add to-e0 type veth peer name other");
        let folder = Folder::new();
        let late = folder.path().join("late");
        let gateway = Gateway::start(&folder, &tracking(&late.join("track"), "weight 0"));
        fs::create_dir(&late).unwrap();
        fs::write(late.join("track"), "0\n").unwrap();
        let (found, _) = gateway.examine();
        assert_eq!(with_code(&found, "LU521").severity, "problem");
    });
}

#[test]
fn a_script_disabled_at_the_start_is_a_problem() {
    in_namespace(|| {
        common::ip("link add to-e0 type veth peer name other");
        let folder = Folder::new();
        fs::create_dir(folder.path().join("late")).unwrap();
        let program = folder.path().join("late/listenup");
        let conf = conf_with("script \"FOLDER/late/listenup check -q 443\"", "");
        let gateway = Gateway::start(&folder, &conf);
        let _listener = gateway.node.run(|| listen("::", 443));
        assert_eq!(codes(&gateway.examine().0), "LU211:6");
        fs::copy(folder.path().join("listenup"), program).unwrap();
        let (found, _) = gateway.examine();
        assert_eq!(codes(&found), "LU522 LU411:6");
        assert!(
            with_code(&found, "LU522")
                .effect
                .ends_with("a failure of chk is not noticed")
        );
        gateway.keepalived.reload();
        gateway.await_log("VRRP_Script(chk) succeeded");
        assert_eq!(codes(&gateway.examine().0), "LU411:6 LU241:10");
    });
}

#[test]
fn a_track_file_without_a_live_writer_is_reported() {
    in_namespace(|| {
        common::ip("link add to-e0 type veth peer name other");
        let folder = Folder::new();
        let path = folder.path();
        let look = |file: &Path, more: &str| findings_about(&folder, &tracking(file, more), "");
        let file = path.join("value");
        assert_eq!(codes(&look(&file, "weight 0")), "LU253:5");
        fs::write(&file, "soon\n").unwrap();
        assert_eq!(codes(&look(&file, "weight 0")), "LU256:5");
        fs::write(&file, "0\n").unwrap();
        let found = look(&file, "weight 0");
        assert_eq!(codes(&found), "LU255:5 LU241:9");
        assert!(
            found[0]
                .effect
                .starts_with("track_file service: 0 (up), last written "),
            "{found:#?}"
        );
        assert_eq!(
            found[0].fix,
            "to see whether its writer runs: systemctl status 'listenup-watch@*'"
        );
        assert_eq!(codes(&look(&file, "")), "LU252:5 LU255:5");
        assert_eq!(codes(&look(&file, "weight 5")), "LU252:5 LU255:5");
        // A number that is meant to be added.
        fs::write(&file, "-30\n").unwrap();
        assert_eq!(codes(&look(&file, "")), "LU255:5");

        let open = path.join("open");
        fs::create_dir(&open).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(&open, mode).unwrap();
        fs::write(open.join("value"), "0\n").unwrap();
        let found = look(&open.join("value"), "weight 0");
        assert_eq!(codes(&found), "LU258:5 LU255:5 LU241:9");
        assert_eq!(
            found[0].cause,
            "they can change FOLDER/open (root:root 0777)"
        );

        let unused = tracking(&file, "weight 0").replace("  service\n", "  # service\n");
        assert!(codes(&findings_about(&folder, &unused, "")).starts_with("LU251:5"));
    });
}

#[test]
fn a_track_process_does_not_check_a_listener() {
    in_namespace(|| {
        common::ip("link add to-e0 type veth peer name other");
        let _listener = listen("::", 443);
        let folder = Folder::new();
        let conf = "vrrp_track_process p {\n process haproxy\n}\n".to_owned()
            + &conf_with("script \"FOLDER/listenup check -q 443\"", "")
                .replace("track_script", "track_process {\n  p\n }\n track_script");
        let found = findings_about(&folder, &conf, "");
        assert_eq!(codes(&found), "LU261:1 LU411:9 LU241:13");
        assert!(
            found[2].effect.starts_with("(gateway) if chk or p fails, "),
            "{found:#?}"
        );
    });
}

#[test]
fn messages_of_the_running_keepalived_are_reported() {
    in_namespace(|| {
        common::ip("link add to-e0 type veth peer name other");
        let folder = Folder::new();
        let part = folder.path().join("part.inc");
        fs::create_dir(&part).unwrap();
        let conf = conf_with("script \"FOLDER/listenup check -q 443\"", "");
        let gateway = Gateway::start(&folder, &format!("include FOLDER/part.inc\n{conf}"));
        let _listener = gateway.node.run(|| listen("::", 443));
        let (found, _) = gateway.examine();
        let one = with_code(&found, "LU112");
        assert!(
            one.fix.starts_with("correct the include, and reload"),
            "{one:#?}"
        );
        fs::remove_dir(&part).unwrap();
        fs::write(&part, "\n").unwrap();
        gateway.keepalived.reload();
        let deadline = Instant::now() + Duration::from_secs(20);
        while gateway
            .examine()
            .0
            .iter()
            .any(|one| one.severity == "problem")
        {
            assert!(Instant::now() < deadline);
        }
    });
}

/// The package was upgraded, and keepalived still runs.
#[test]
fn an_upgrade_that_takes_effect_at_the_next_restart_is_reported() {
    in_namespace(|| {
        common::ip("link add to-e0 type veth peer name other");
        let folder = Folder::new();
        let program = folder.path().join("keepalived");
        let path = std::env::var_os("PATH").unwrap();
        let mut found = std::env::split_paths(&path).map(|folder| folder.join("keepalived"));
        let installed = found.find(|path| path.exists()).unwrap();
        fs::copy(&installed, &program).unwrap();
        let conf = "$A=@^nosuch fall 2\n".to_owned()
            + &conf_with("script \"FOLDER/listenup check -q 443\"", "")
                .replace(" fall 2\n", " $A\n");
        let shown = folder.path().display().to_string();
        fs::write(
            folder.path().join("all.conf"),
            conf.replace("FOLDER", &shown),
        )
        .unwrap();
        let node = Node::new();
        node.plug("to-e0", "e0", &["192.0.2.1/24"]);
        let _listener = node.run(|| listen("::", 443));
        // A conditional line from a definition ends 2.2.7, so it comes later.
        fs::write(
            folder.path().join("run.conf"),
            conf.replace("FOLDER", &shown).replace(" $A\n", " fall 2\n"),
        )
        .unwrap();
        let started = folder.path().join("run");
        let by = program.clone();
        let _keepalived = node.run(move || Keepalived::start_program(&by, started));
        let log = folder.path().join("run.log");
        let deadline = Instant::now() + Duration::from_secs(20);
        while !fs::read_to_string(&log).unwrap().contains("VRRP sockpool") {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(20));
        }
        let bytes = fs::read(&installed).unwrap();
        let text = b"Keepalived v";
        let at = bytes
            .windows(text.len())
            .position(|part| part == text)
            .unwrap()
            + text.len();
        let newer = [&bytes[..at], b"2.4.0", &bytes[at + 5..]].concat();
        fs::remove_file(&program).unwrap();
        fs::write(&program, newer).unwrap();
        fs::copy(
            folder.path().join("all.conf"),
            folder.path().join("run.conf"),
        )
        .unwrap();
        let look = folder.path().to_owned();
        let said = node.run(move || doctor(&look, "--format json"));
        let found = Found::all(&said.stdout, folder.path());
        let one = with_code(&found, "LU514");
        assert!(
            one.effect
                .contains("2.4.0 is installed: the next restart changes the version"),
            "{one:#?}"
        );
        assert!(one.cause.starts_with("then: FOLDER/run.conf:"), "{one:#?}");
        assert!(
            one.cause.contains("keepalived ignores this line"),
            "{one:#?}"
        );
        let words = one
            .fix
            .split(", ")
            .next()
            .unwrap()
            .strip_prefix("listenup doctor ")
            .unwrap()
            .to_owned();
        let said = doctor(folder.path(), &words.replace("FOLDER", &shown));
        said.exits(1).stdout_has("keepalived ignores this line");
    });
}

#[test]
fn a_file_check_uses_the_named_track_file() {
    in_namespace(|| {
        common::ip("link add to-e0 type veth peer name other");
        let folder = Folder::new();
        fs::write(folder.path().join("track"), "0\n").unwrap();
        let conf = "track_file tf {\n file FOLDER/track\n weight 0\n}\n\
                    virtual_server 192.0.2.1 80 {\n real_server 192.0.2.2 80 {\n  FILE_CHECK {\n   track_file tf\n  }\n }\n}\n";
        for version in ["2.2.8", "2.3.4"] {
            let words = format!("--keepalived-version {version}");
            assert_eq!(
                codes(&findings_about(&folder, conf, &words)),
                "LU255:1",
                "{version}"
            );
        }
        fs::remove_file(folder.path().join("track")).unwrap();
        let found = findings_about(&folder, conf, "--keepalived-version 2.3.4");
        assert!(
            with_code(&found, "LU253")
                .effect
                .ends_with("the real server stays in use"),
            "{found:#?}"
        );
    });
}
