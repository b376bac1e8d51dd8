//! An answer is about one moment: retries judge everything again, the names in the options included.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::thread;
use std::time::Duration;

use common::node::Node;
use common::program::{ProgramOutput, listenup, sh};
use common::sockets::listen;
use common::watcher::Watcher;
use common::{in_namespace, ip};

/// Runs a check while this thread's namespace changes.
fn meanwhile(words: &'static str, change: impl FnOnce()) -> ProgramOutput {
    let namespace = std::fs::File::open("/proc/thread-self/ns/net").unwrap();
    let check = thread::spawn(move || {
        nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        listenup(words)
    });
    change();
    check.join().unwrap()
}

#[test]
fn two_targets_that_never_listen_together_are_not_listening() {
    in_namespace(|| {
        let first = listen("127.0.0.1", 80);
        let said = meanwhile("check --retry-for 4s --timeout 20s 80 443", || {
            // Long enough for many looks, of which each shows one of the two.
            thread::sleep(Duration::from_millis(600));
            drop(first);
            thread::sleep(Duration::from_millis(600));
            let second = listen("127.0.0.1", 443);
            thread::sleep(Duration::from_secs(5));
            drop(second);
        });
        said.exits(1)
            .stdout("80: not listening\n443: listening on 127.0.0.1:443\n");
    });
}

#[test]
fn absent_waits_for_one_target_while_the_other_never_listened() {
    in_namespace(|| {
        let goes = listen("127.0.0.1", 443);
        let line = "check --absent --retry-for 10s --timeout 20s 80 443";
        let said = meanwhile(line, || {
            thread::sleep(Duration::from_millis(600));
            drop(goes);
        });
        said.exits(0)
            .stdout("80: not listening\n443: not listening\n");
    });
}

#[test]
fn retries_bridge_a_device_that_comes_back_with_another_index() {
    in_namespace(|| {
        let _listener = listen("0.0.0.0", 443);
        listenup("check --interface d0 443")
            .exits(1)
            .stderr_has("there is no interface d0");
        let said = meanwhile(
            "check --interface d0 --retry-for 10s --timeout 20s 443",
            || {
                thread::sleep(Duration::from_millis(300));
                ip("link add d0 type bridge");
            },
        );
        said.exits(0);
        // Made again while the check repeats: the listener is on the new one.
        let said = meanwhile(
            "check --interface d0 --retry-for 10s --timeout 20s 8443",
            || {
                thread::sleep(Duration::from_millis(300));
                ip("link delete d0");
                ip("link add d0 type bridge");
                let listener = common::sockets::listen_with("0.0.0.0", 8443, |socket| {
                    socket.bind_device(Some(b"d0")).unwrap();
                });
                thread::sleep(Duration::from_secs(2));
                drop(listener);
            },
        );
        said.exits(0);
    });
}

#[test]
fn retries_use_one_socket_unless_they_can_lead_to_another_namespace() {
    in_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace");
        let sockets = |options: &str| {
            let line = format!(
                "strace -f -qq -e trace=socket -o {} \"$0\" check {options} \
                 --retry-for 100ms --retry-every 10ms --timeout 20s 81",
                trace.display()
            );
            sh(&line).exits(1);
            let calls = std::fs::read_to_string(&trace).unwrap();
            calls.matches("NETLINK_SOCK_DIAG").count()
        };
        assert_eq!(sockets(""), 1);
        assert!(sockets("--netns /proc/self/ns/net") > 1);
    });
}

#[test]
fn retries_bridge_a_missing_network_namespace() {
    in_namespace(|| {
        let node = Node::new();
        let _listener = node.run(|| listen("0.0.0.0", 443));
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("blue");
        let line = format!(
            "check --netns {} --retry-for 10s --timeout 20s 443",
            name.display()
        );
        let said = meanwhile(line.leak(), || {
            thread::sleep(Duration::from_millis(300));
            std::os::unix::fs::symlink(node.path(), &name).unwrap();
        });
        said.exits(0);
    });
}

#[test]
fn retries_follow_a_replaced_network_namespace() {
    in_namespace(|| {
        let (old, new) = (Node::new(), Node::new());
        let _listener = new.run(|| listen("0.0.0.0", 443));
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("blue");
        std::os::unix::fs::symlink(old.path(), &name).unwrap();
        let checks = |source| {
            format!(
                "check --netns {} --source {source} --owner-user root --retry-for 10s --timeout 20s 443",
                name.display()
            )
        };
        for source in ["auto", "proc"] {
            let said = meanwhile(checks(source).leak(), || {
                thread::sleep(Duration::from_millis(300));
                let other = folder.path().join("other");
                std::os::unix::fs::symlink(new.path(), &other).unwrap();
                std::fs::rename(other, &name).unwrap();
            });
            said.exits(0);
            std::fs::remove_file(&name).unwrap();
            std::os::unix::fs::symlink(old.path(), &name).unwrap();
        }
    });
}

#[test]
fn retries_bridge_a_file_of_users_that_is_replaced_in_place() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 443);
        // In a mount namespace of its own, whose file of users is empty at first.
        sh(
            "exec unshare -m sh -c 'f=$(mktemp) && mount --bind $f /etc/passwd && \
            { sleep 0.3; echo some-user:x:0:0::/:/bin/sh >/etc/passwd; } & \
            sleep 0.1; \"$0\" check --owner-user some-user --retry-for 10s --timeout 20s 443; \
            s=$?; wait; exit $s' \"$0\"",
        )
        .exits(0);
    });
}

#[test]
fn a_missing_name_is_down_for_check_and_watch() {
    in_namespace(|| {
        ip("link add d0 type bridge");
        let _listener = listen("0.0.0.0", 443);
        let options = "--interface d0 --on-unknown up 443";
        listenup(&format!("check {options}")).exits(0);
        let watcher = Watcher::start(&format!("--every 50ms {options}"));
        watcher.await_value("0");
        ip("link delete d0");
        listenup(&format!("check {options}")).exits(1);
        watcher.await_value("1");
    });
}
