//! What a listener must be beyond that it is there, each made for real.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use listenup::clock::{Deadline, SystemClock};
use listenup::domain::LookupKey;
use listenup::source::{Source, netlink::Netlink};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::unistd::{Uid, setfsuid};
use socket2::Socket;

use common::confined::{Call, Confined, NOBODY, folder_with_listenup};
use common::program::{LISTENUP, ProgramOutput, example, listenup, sh};
use common::service::Service;
use common::sockets::{bind, listen, listen_with, tcp};
use common::{cgroup2, in_namespace, ip};

/// The exit codes of a line in the three sets.
#[track_caller]
fn exit_codes(line: &str, codes: [i32; 3]) {
    for (set, code) in ["keepalived", "nagios", "distinct"].iter().zip(codes) {
        listenup(&format!("check --exit-codes {set} {line}")).exits(code);
    }
}

/// A listener with this backlog, and so many connections that nobody takes.
fn queued(address: &str, port: u16, backlog: i32, connections: usize) -> (Socket, Vec<TcpStream>) {
    let socket = tcp(address);
    socket.set_reuse_port(true).unwrap();
    let socket = bind(socket, address, port);
    socket.listen(backlog).unwrap();
    let place: SocketAddr = format!("{address}:{port}").parse().unwrap();
    let connect = |_| TcpStream::connect(place).unwrap();
    (socket, (0..connections).map(connect).collect())
}

#[test]
fn a_full_backlog_is_queue_too_long() {
    in_namespace(|| {
        // The kernel calls a queue full above its limit, so 3 fit a backlog of 2.
        let _full = queued("127.0.0.1", 443, 2, 3);
        listenup("check 443").exits(0);
        let why =
            "443: queue too long: 3 connections wait at 127.0.0.1:443, more than 2 (limit 2)\n";
        for source in ["auto", "netlink"] {
            listenup(&format!("check --source {source} --max-queue 100% 443"))
                .exits(1)
                .stdout(why)
                .stderr("");
        }
        exit_codes("--max-queue 100% 443", [1, 1, 4]);
        listenup("check --max-queue 2 443").exits(1);
        listenup("check --max-queue 3 443")
            .exits(0)
            .stdout("443: listening on 127.0.0.1:443\n");
    });
}

#[test]
fn proc_shows_the_length_of_a_queue_without_its_limit() {
    in_namespace(|| {
        let _full = queued("127.0.0.1", 443, 2, 3);
        listenup("check --source proc --max-queue 3 443").exits(0);
        listenup("check --source proc --max-queue 2 443")
            .exits(1)
            .stdout("443: queue too long: 3 connections wait at 127.0.0.1:443, more than 2\n");
        listenup("check --source proc --max-queue 90% --exit-codes distinct 443")
            .exits(3)
            .stderr("")
            .stdout(
                "443: could not tell: 127.0.0.1:443 listens, but the limit of its accept \
                 queue is unknown\n",
            );
    });
}

#[test]
fn the_queue_that_counts_is_the_one_a_connection_would_wait_in() {
    in_namespace(|| {
        let _full = queued("127.0.0.1", 443, 2, 3);
        let _well = queued("0.0.0.0", 443, 16, 0);
        // For a port one listener that keeps up is enough.
        listenup("check --max-queue 90% 443")
            .exits(0)
            .stdout("443: listening on 0.0.0.0:443\n");
        listenup("check --max-queue 90% 127.0.0.1:443")
            .exits(1)
            .stdout(
                "127.0.0.1:443: queue too long: 3 connections wait at 127.0.0.1:443, more than 1 (limit 2)\n",
            );
        listenup("check --max-queue 90% 127.0.0.2:443 0.0.0.0:443").exits(0);
    });
}

#[test]
fn a_listener_of_another_user_is_the_wrong_owner() {
    in_namespace(|| {
        setfsuid(Uid::from_raw(NOBODY));
        let _socket = listen("127.0.0.1", 8443);
        setfsuid(Uid::from_raw(0));
        for source in ["netlink", "proc"] {
            let line = format!("check --source {source} 8443 --owner-user");
            listenup(&format!("{line} nobody")).exits(0);
            listenup(&format!("{line} 65534"))
                .exits(0)
                .stdout("8443: listening on 127.0.0.1:8443\n");
            listenup(&format!("{line} root"))
                .exits(1)
                .stdout("8443: wrong owner: 127.0.0.1:8443 belongs to nobody, not to root\n");
            listenup(&format!("{line} no-such-user --exit-codes distinct"))
                .exits(1)
                .stderr("listenup: wrong usage: /etc/passwd has no user no-such-user\n");
        }
        exit_codes("--owner-user root 8443", [1, 2, 5]);
        // Where nothing listens nobody is the wrong owner.
        exit_codes("--owner-user root 8444", [1, 2, 1]);
    });
}

#[test]
fn owner_process_matches_the_process_that_holds_a_listener() {
    in_namespace(|| {
        let service = Service::on(&["127.0.0.1:8443"]);
        for source in ["netlink", "proc"] {
            let line = format!("check --source {source} --timeout 10s 8443 --owner-process");
            listenup(&format!("{line} listener")).exits(0);
            listenup(&format!("{line} haproxy"))
                .exits(1)
                .stdout(&format!(
                    "8443: wrong owner: 127.0.0.1:8443 is held by listener ({}), not by haproxy\n",
                    service.pid()
                ));
        }
        exit_codes("--owner-process haproxy --timeout 10s 8443", [1, 2, 5]);
        let folder = folder_with_listenup();
        for name in ["listener", "haproxy"] {
            Confined::new(folder.path().join("listenup"))
                .by_nobody()
                .run(&format!(
                    "check --owner-process {name} --exit-codes distinct 8443"
                ))
                .exits(3)
                .stdout_has("8443: could not tell: ");
        }
    });
}

/// How many lists of descriptors a check looks into.
fn lists_opened(words: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let mut command = Command::new("strace");
    command
        .arg("-o")
        .arg(&trace)
        .args(["-e", "trace=open,openat", LISTENUP, "check"]);
    ProgramOutput::by(command.args(words.split_whitespace())).exits(0);
    let trace = std::fs::read_to_string(trace).unwrap();
    assert!(trace.contains("+++ exited with 0 +++"), "{trace}");
    trace.lines().filter(|line| line.contains("/fd\"")).count()
}

#[test]
fn descriptors_are_read_only_on_demand_and_until_the_listener_is_found() {
    in_namespace(|| {
        // A name of its own, so that other tests do not count.
        let folder = tempfile::tempdir().unwrap();
        let name = format!("only-{}", std::process::id());
        let program = folder.path().join(&name);
        std::os::unix::fs::symlink(example("listener"), &program).unwrap();
        let _service = Service::start(Command::new(&program).arg("127.0.0.1:8443"), 1);
        assert_eq!(lists_opened("8443"), 0);
        assert_eq!(lists_opened("--owner-user root --max-queue 5 8443"), 0);
        let line = format!("--timeout 10s --owner-process {name} 8443");
        assert_eq!(lists_opened(&line), 1);
    });
}

/// A cgroup with the name of a unit. It goes with this value.
struct Unit(PathBuf);

impl Unit {
    fn new(name: &str) -> Self {
        let slice = format!("listenup-test-{}.slice", std::process::id());
        let path = cgroup2().join(slice);
        std::fs::create_dir(&path).unwrap();
        let path = path.join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn listens(&self, place: &str) -> Service {
        let line = format!(
            "echo $$ > {}/cgroup.procs; exec \"$0\" \"$1\"",
            self.0.display()
        );
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(line)
            .arg(example("listener"))
            .arg(place);
        Service::start(&mut command, 1)
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
        let _ = std::fs::remove_dir(self.0.parent().unwrap());
    }
}

#[test]
fn owner_unit_matches_the_unit_that_created_a_listener() {
    in_namespace(|| {
        let unit = Unit::new("haproxy.service");
        let service = unit.listens("127.0.0.1:8443");
        for name in ["haproxy", "haproxy.service"] {
            listenup(&format!("check --owner-unit {name} 8443"))
                .exits(0)
                .stdout("8443: listening on 127.0.0.1:8443\n")
                .stderr("");
        }
        listenup("check --owner-unit nginx 8443").exits(1).stdout(
            "8443: wrong owner: 127.0.0.1:8443 belongs to haproxy.service, not to nginx.service\n",
        );
        exit_codes("--owner-unit nginx 8443", [1, 2, 5]);
        let list = listenup("list 8443").exits(0);
        assert!(list.stdout.ends_with("root  haproxy.service\n"), "{list:?}");
        listenup("check --source proc --owner-unit haproxy --exit-codes distinct 8443")
            .exits(3)
            .stdout(
                "8443: could not tell: 127.0.0.1:8443 listens, but its unit is unknown: \
                 only sock_diag reports the cgroup of a socket, since Linux 5.8\n",
            );
        drop(service);
    });
}

#[test]
fn a_listener_on_another_device_does_not_count() {
    in_namespace(|| {
        ip("link add d0 type bridge");
        let on_lo = |socket: &Socket| socket.bind_device(Some(b"lo")).unwrap();
        let _bound = listen_with("0.0.0.0", 8443, on_lo);
        let _free = listen("0.0.0.0", 8444);
        listenup("check --interface lo 8443 8444").exits(0).stdout(
            "8443: listening on 0.0.0.0:8443 (device lo)\n8444: listening on 0.0.0.0:8444\n",
        );
        listenup("check --interface d0 8443 8444")
            .exits(1)
            .stdout(
                "8443: not listening; 0.0.0.0:8443 (device lo) listens\n\
                 8444: listening on 0.0.0.0:8444\n",
            )
            .stderr("");
        let refused = Confined::listenup().without(Call::SockDiagSocket, Errno::EACCES);
        refused
            .run("check --interface lo --exit-codes distinct 8443")
            .exits(3)
            .stdout(
                "8443: could not tell: 0.0.0.0:8443 listens, but /proc does not show to which device it \
                 is bound\n",
            );
        listenup("check --interface d1 --exit-codes nagios 8443")
            .exits(3)
            .stdout("")
            .stderr("listenup: wrong usage: there is no interface d1: No such device (ENODEV)\n");
    });
}

#[test]
fn the_kernel_lookup_uses_the_interface() {
    in_namespace(|| {
        ip("link add d0 type bridge");
        let on_lo = |socket: &Socket| socket.bind_device(Some(b"lo")).unwrap();
        let _bound = listen_with("127.0.0.1", 8443, on_lo);
        let clock = SystemClock::start();
        let limit = Deadline::new(&clock, Duration::from_secs(10));
        let [lo, d0] = ["lo", "d0"].map(|name| if_nametoindex(name).unwrap());
        for (interface, found) in [(Some(lo), true), (Some(d0), false), (None, false)] {
            let target = "127.0.0.1:8443".parse().unwrap();
            let connection = LookupKey::to(target, interface).unwrap();
            let answer = Netlink::new().kernel_lookup(connection, limit);
            assert_eq!(answer.unwrap().is_some(), found, "{interface:?}");
        }
    });
}

#[test]
fn a_user_outside_the_user_namespace_is_could_not_tell() {
    in_namespace(|| {
        setfsuid(Uid::from_raw(1234));
        let _socket = listen("127.0.0.1", 8443);
        setfsuid(Uid::from_raw(0));
        for source in ["netlink", "proc"] {
            for user in ["1234", "nobody"] {
                let line = format!(
                    r#"unshare --user --map-root-user "$0" check --source {source} --owner-user {user} --exit-codes distinct 8443"#
                );
                sh(&line).exits(3).stdout(
                    "8443: could not tell: 127.0.0.1:8443 listens, but its user is unknown: this \
                     user namespace does not have all users\n",
                );
            }
        }
    });
}

#[test]
fn all_requirements_must_be_met() {
    in_namespace(|| {
        let _full = queued("127.0.0.1", 443, 2, 3);
        listenup("check --max-queue 3 --owner-user root 443").exits(0);
        let why = |said: ProgramOutput| said.stdout;
        // What is known to be wrong outweighs what is unknown, and the owner the queue.
        let said = listenup("check --source proc --max-queue 1 --owner-unit x 443").exits(1);
        assert!(why(said).starts_with("443: queue too long: "));
        let said = listenup("check --max-queue 1 --owner-user nobody 443").exits(1);
        assert!(why(said).starts_with("443: wrong owner: "));
    });
}

#[test]
fn a_name_that_is_too_long_for_a_device_is_refused() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 443);
        ip("link add exactly15bytes1 type bridge");
        ip("link set exactly15bytes1 up");
        ip("link property add dev exactly15bytes1 altname exactly15bytes1-and-more");
        listenup("check --interface exactly15bytes1 443")
            .exits(1)
            .stdout_has("not listening");
        for option in ["", "--absent ", "--retry-for 10ms "] {
            listenup(&format!(
                "check {option}--interface exactly15bytes1-and-more 443"
            ))
            .exits(1)
            .stdout("")
            .stderr_has(
                "a device's name has at most 15 characters; a longer altname is not supported",
            );
        }
    });
}

#[test]
fn an_altname_names_a_device_and_a_name_with_a_colon_does_not() {
    in_namespace(|| {
        let _listener = listen("0.0.0.0", 443);
        ip("link add d0 type bridge");
        ip("link set d0 up");
        ip("link property add dev d0 altname lan0");
        for name in ["d0", "lan0"] {
            listenup(&format!("check --interface {name} 443")).exits(0);
        }
        for name in ["d0:", "d0:anything", "d0/", "nope:d0"] {
            for option in ["", "--absent ", "--on-unknown up "] {
                listenup(&format!("check {option}--interface {name} 443"))
                    .exits(1)
                    .stdout("")
                    .stderr_has("a device's name has neither : nor / in it");
            }
        }
    });
}

#[test]
fn an_empty_or_wrong_requirement_is_refused() {
    for line in [
        "--max-queue 101% 443",
        "--max-queue -1 443",
        "--max-queue many 443",
        "--owner-user= 443",
        "--owner-unit= 443",
        "--owner-process= 443",
        "--owner-process /usr/sbin/haproxy 443",
        "--owner-unit /system.slice/haproxy.service 443",
        "--owner-unit haproxy.target 443",
        "--interface= 443",
        "--netns= 443",
        "--absent --max-queue 5 443",
        "--absent --owner-user root 443",
        "--absent --on-unknown up 443",
    ] {
        listenup(&format!("check {line}")).exits(1).stdout("");
    }
}
