//! `--max-queue` and `--owner-...` for UDP: which socket gets a datagram, and whether it drops it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::unistd::{Uid, setfsuid};
use socket2::Socket;

use common::confined::NOBODY;
use common::program::listenup;
use common::sockets::listen;
use common::udp::{bound, bound_with};
use common::{in_namespace, schema};

#[test]
fn a_receive_queue_is_measured_in_bytes_and_drops_are_counted() {
    in_namespace(|| {
        let _socket = bound_with("127.0.0.1", 53, |socket| {
            socket.set_recv_buffer_size(4096).unwrap();
        });
        listenup("check --max-queue 0 udp:53").exits(0);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..100 {
            sender.send_to(&[0; 500], "127.0.0.1:53").unwrap();
        }
        for limit in ["90%", "1000"] {
            listenup(&format!("check --max-queue {limit} udp:53"))
                .exits(1)
                .stdout_has("udp:53: queue too long: ")
                .stdout_has(" bytes wait at 127.0.0.1:53, more than ")
                .stdout_has("(limit 8192), ")
                .stdout_has(" dropped so far\n");
        }
        listenup("check --max-queue 100000 udp:53").exits(0);
        listenup("check --source proc --max-queue 1000 udp:53")
            .exits(1)
            .stdout_has(" dropped so far\n");
        listenup("check --source proc --max-queue 90% udp:53")
            .exits(1)
            .stdout_has("127.0.0.1:53 is bound, but the limit of its receive queue is unknown");
        listenup("check --max-queue 0 --format nagios udp:53")
            .exits(1)
            .stdout_has("B;0;;0;8192\n");

        let said = listenup("check --format json udp:53").exits(0);
        let listener = &schema::document(&said.stdout, "check")["targets"][0]["listener"];
        assert_eq!(listener["protocol"], "udp");
        assert_eq!(listener["queue"]["limit"], 8192);
        let drops = listener["drops"].as_u64().unwrap();
        assert!((1..100).contains(&drops), "{listener}");
    });
}

/// Sends datagrams of this size to 127.0.0.1:53 until it is dropped.
struct Flood(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl Flood {
    fn of(size: usize) -> Self {
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let _ = sender.send_to(&vec![0; size], "127.0.0.1:53");
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Self(stop, Some(thread))
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        let _ = self.1.take().map(JoinHandle::join);
    }
}

/// Waits until a socket has dropped something.
fn await_drops() {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let said = listenup("check --format json udp:53").exits(0);
        let document = schema::document(&said.stdout, "check");
        if document["targets"][0]["listener"]["drops"].as_u64() > Some(0) {
            return;
        }
        assert!(Instant::now() < deadline, "{said:?}");
    }
}

#[test]
fn a_full_receive_queue_is_recognized_by_its_drops() {
    in_namespace(|| {
        // What waits is always well below the limit: the next datagram is large.
        let _socket = bound_with("127.0.0.1", 53, |socket| {
            socket.set_recv_buffer_size(50_000).unwrap();
        });
        let flood = Flood::of(9_000);
        await_drops();
        for line in ["100%", "90%", "1000000"] {
            for source in ["auto", "proc"] {
                if source == "proc" && line.ends_with('%') {
                    continue;
                }
                listenup(&format!(
                    "check --source {source} --timeout 4s --max-queue {line} udp:53"
                ))
                .exits(1)
                .stdout_has("udp:53: queue too long: ")
                .stdout_has(" dropped since the look before\n");
            }
        }
        // A full queue is not one that drops: what was dropped long ago does not count.
        drop(flood);
        listenup("check --timeout 4s --max-queue 100% udp:53").exits(0);
    });
}

#[test]
fn a_number_for_tcp_and_udp_in_one_check_is_refused() {
    listenup("check --max-queue 10 53 udp:53")
        .exits(1)
        .stderr_has("--max-queue N counts connections for TCP and bytes for UDP");
    in_namespace(|| {
        let _sockets = (bound("127.0.0.1", 53), listen("127.0.0.1", 53));
        listenup("check --max-queue 90% 53 udp:53").exits(0);
    });
}

/// A socket on 127.0.0.1:53 of this user, with SO_REUSEADDR or SO_REUSEPORT.
fn shared(user: u32, prepare: fn(&Socket)) -> Socket {
    setfsuid(Uid::from_raw(user));
    let socket = bound_with("127.0.0.1", 53, prepare);
    setfsuid(Uid::from_raw(0));
    socket
}

#[test]
fn of_sockets_with_so_reuseaddr_the_last_one_bound_counts() {
    in_namespace(|| {
        let reuse = |socket: &Socket| socket.set_reuse_address(true).unwrap();
        let _service = shared(0, reuse);
        listenup("check --owner-user root udp:53 udp:127.0.0.1:53").exits(0);
        let thief = shared(NOBODY, reuse);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"x", "127.0.0.1:53").unwrap();
        thief
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        thief.recv(&mut [std::mem::MaybeUninit::uninit()]).unwrap();
        for target in ["udp:53", "udp:127.0.0.1:53"] {
            for source in ["auto", "sock_diag"] {
                let line = format!("check --source {source} {target} --owner-user");
                listenup(&format!("{line} root"))
                    .exits(1)
                    .stdout_has("belongs to nobody, not to root");
                listenup(&format!("{line} nobody")).exits(0);
            }
            // By /proc alone it cannot be told.
            listenup(&format!("check --source proc {target} --owner-user root"))
                .exits(1)
                .stdout_has("which of these sockets a datagram would reach is unknown");
            listenup(&format!("check --source proc {target}")).exits(0);
        }
    });
}

#[test]
fn a_group_that_gets_all_datagrams_hides_a_socket_with_so_reuseaddr() {
    in_namespace(|| {
        let reuse = |socket: &Socket| socket.set_reuse_address(true).unwrap();
        let _service = shared(0, reuse);
        let member = |socket: &Socket| {
            socket.set_reuse_address(true).unwrap();
            socket.set_reuse_port(true).unwrap();
        };
        let thieves = [shared(NOBODY, member), shared(NOBODY, member)];
        for thief in &thieves {
            thief.set_nonblocking(true).unwrap();
        }
        for _ in 0..20 {
            let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
            sender.send_to(b"x", "127.0.0.1:53").unwrap();
        }
        let received = || {
            thieves
                .iter()
                .filter_map(|thief| thief.recv(&mut [std::mem::MaybeUninit::uninit()]).ok())
        };
        let mut count = 0;
        loop {
            match received().count() {
                0 => break,
                some => count += some,
            }
        }
        assert_eq!(count, 20);
        for target in ["udp:53", "udp:127.0.0.1:53"] {
            // The service could be a member that the lookups did not meet.
            listenup(&format!(
                "check --exit-codes distinct --owner-user root {target}"
            ))
            .exits(3)
            .stdout_has("which of these sockets a datagram would reach is unknown");
            listenup(&format!("check --owner-user nobody {target}")).exits(0);
        }
    });
}

#[test]
fn an_ipv4_mapped_address_is_the_ipv4_address_on_which_one_socket_gets_everything() {
    in_namespace(|| {
        let reuse = |socket: &Socket| socket.set_reuse_address(true).unwrap();
        let _service = shared(0, reuse);
        setfsuid(Uid::from_raw(NOBODY));
        let mapped = bound_with("::ffff:127.0.0.1", 53, reuse);
        setfsuid(Uid::from_raw(0));
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"x", "127.0.0.1:53").unwrap();
        mapped.set_nonblocking(true).unwrap();
        let gets_it = mapped.recv(&mut [std::mem::MaybeUninit::uninit()]).is_ok();
        let (gets, misses) = if gets_it {
            ("nobody", "root")
        } else {
            ("root", "nobody")
        };
        for target in ["udp:53", "udp:127.0.0.1:53"] {
            listenup(&format!("check --owner-user {gets} {target}")).exits(0);
            listenup(&format!("check --owner-user {misses} {target}")).exits(1);
            listenup(&format!("check --source proc --owner-user root {target}"))
                .exits(1)
                .stdout_has("which of these sockets a datagram would reach is unknown");
        }
    });
}

#[test]
fn one_compliant_member_of_a_reuseport_group_is_enough() {
    in_namespace(|| {
        let group = |socket: &Socket| socket.set_reuse_port(true).unwrap();
        let full = shared(0, group);
        full.set_recv_buffer_size(1).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..20 {
            sender.send_to(&[0; 500], "127.0.0.1:53").unwrap();
        }
        listenup("check --max-queue 10% udp:53").exits(1);
        let _empty = shared(0, group);
        for target in ["udp:53", "udp:127.0.0.1:53"] {
            listenup(&format!("check --max-queue 10% {target}")).exits(0);
        }
    });
}

#[test]
fn a_dual_stack_socket_on_lo_comes_before_a_wildcard_of_ipv4() {
    in_namespace(|| {
        let reuse = |socket: &Socket| socket.set_reuse_address(true).unwrap();
        let _v4 = bound_with("0.0.0.0", 53, reuse);
        setfsuid(Uid::from_raw(NOBODY));
        let on_lo = bound_with("::", 53, |socket| {
            reuse(socket);
            socket.set_only_v6(false).unwrap();
            socket.bind_device(Some(b"lo")).unwrap();
        });
        setfsuid(Uid::from_raw(0));
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"x", "127.0.0.1:53").unwrap();
        on_lo
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        on_lo.recv(&mut [std::mem::MaybeUninit::uninit()]).unwrap();
        listenup("check --owner-user nobody udp:127.0.0.1:53").exits(0);
        listenup("check --owner-user root udp:127.0.0.1:53").exits(1);
    });
}
