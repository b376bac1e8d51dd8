//! `listenup resets` as root, with the kernel's trace: every cause made for real, and the port, the peer and
//! the reason that are told.
//!
//! The trace is of the whole host, so each test has addresses that nobody else uses, and looks for its own
//! lines alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use socket2::{Socket, TcpKeepalive};

use common::confined::Confined;
use common::node::Node;
use common::program::{Said, this_process};
use common::sockets::{bind, listen, tcp};
use common::watch::Watch;
use common::{in_namespace, ip, schema};

/// Whether this kernel traces resets and tells their reasons, as Linux 6.10 and later do. Where it does not, that
/// is said, and what there is instead is tested: fixtures and scripts/kernels have the older kernels.
#[track_caller]
fn traces() -> bool {
    let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap();
    if !filesystems.contains("tracefs") {
        println!("THIS KERNEL HAS NO TRACEFS: only the counters are tested");
        let said = common::program::listenup("resets --for 1ms").exits(0);
        assert!(said.stderr.starts_with(MORE), "{said:#?}");
        return false;
    }
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release
        .split(['.', '-'])
        .map(|number| number.parse::<u32>());
    let mut number = || numbers.next().unwrap().unwrap();
    if (number(), number()) < (6, 10) {
        println!("LINUX {release} TELLS NO REASONS: that is all that is tested");
        let said = Watch::traced("--for 1ms --every 1ms").end().exits(0);
        let note = "this kernel traces no resets without a socket and no reasons";
        assert!(said.stdout.contains(note), "{said:#?}");
        return false;
    }
    true
}

/// A storm takes the buffers of all who trace, so it has its time alone, also where these tests run twice at once.
fn turn(kind: FlockArg) -> Flock<File> {
    let file = File::open("/sys/kernel/tracing").unwrap();
    Flock::lock(file, kind).map_err(|(_, errno)| errno).unwrap()
}

/// Two addresses of a network that nobody else on this host has: ours, and one for a peer.
fn own_addresses() -> [String; 2] {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let [.., a, b] = process.to_be_bytes();
    [1, 2].map(|last| format!("10.{a}.{b}.{}", count * 4 + last))
}

/// Both of them, and a third one that nobody else has either.
fn addresses_beside(ours: &str) -> [String; 3] {
    let (network, last) = ours.rsplit_once('.').unwrap();
    let last: u16 = last.parse().unwrap();
    [0, 1, 2].map(|more| format!("{network}.{}", last + more))
}

/// An address on `lo`, in a namespace of its own.
fn with_an_address(test: impl FnOnce(String) + Send + 'static) {
    let _turn = turn(FlockArg::LockShared);
    if !traces() {
        return;
    }
    in_namespace(|| {
        let [address, _] = own_addresses();
        ip(&format!("address add {address}/32 dev lo"));
        test(address);
    });
}

/// A namespace with an address, and a node with another one, joined by a cable.
fn with_a_peer(test: impl FnOnce(String, Node, String) + Send + 'static) {
    with_a_peer_and(FlockArg::LockShared, test);
}

fn with_a_peer_and(kind: FlockArg, test: impl FnOnce(String, Node, String) + Send + 'static) {
    let _turn = turn(kind);
    if !traces() {
        return;
    }
    in_namespace(|| {
        let [ours, theirs] = own_addresses();
        let node = Node::new();
        node.plug("e0", "to-node", &[&format!("{theirs}/30")]);
        ip(&format!("address add {ours}/30 dev to-node"));
        test(ours, node, theirs);
    });
}

fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

/// A connection to a listener, both ends.
fn pair(listener: &Socket, to: SocketAddr) -> (Socket, Socket) {
    let client = tcp(&to.ip().to_string());
    client.connect(&to.into()).unwrap();
    (client, listener.accept().unwrap().0)
}

fn reset_by_close(socket: Socket) {
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
}

trait Has {
    fn has(self, cause: &str, line: &str) -> Self;
    fn has_not(self, part: &str) -> Self;
}

impl Has for Said {
    /// The line is below this cause.
    #[track_caller]
    fn has(self, cause: &str, line: &str) -> Self {
        let lines: Vec<&str> = self.stdout.lines().collect();
        let found = lines.iter().position(|one| *one == format!("  {line}"));
        let found = found.unwrap_or_else(|| panic!("no {line:?} in {self:#?}"));
        let above = lines[..found]
            .iter()
            .rev()
            .find(|one| !one.starts_with(' '));
        assert!(
            above.unwrap().starts_with(&format!("{cause}:")),
            "not below {cause}: {self:#?}"
        );
        self
    }

    #[track_caller]
    fn has_not(self, part: &str) -> Self {
        assert!(!self.stdout.contains(part), "{part:?} in {self:#?}");
        self
    }
}

const NO_SOCKET: &str = "nothing listens or no such connection";
const ABORTED: &str = "aborted by the local application";

#[test]
fn nothing_listens() {
    with_an_address(|address| {
        let watch = Watch::traced("--for 1s --every 1s");
        for _ in 0..3 {
            TcpStream::connect(at(&address, 81)).unwrap_err();
        }
        watch
            .end()
            .exits(0)
            .stderr("")
            .has(
                NO_SOCKET,
                &format!(
                    "sent by {address}:81: 3 to {address}; no socket (NO_SOCKET); {address} came to this \
                     machine at HH:MM:SS; nothing listens there"
                ),
            )
            .has(
                "reset by the peer",
                &format!("received by {address} as a client of port 81: 3 from {address}"),
            );
    });
}

#[test]
fn a_service_that_went_a_moment_ago() {
    with_an_address(|address| {
        let listener = listen(&address, 80);
        let watch = Watch::traced("--for 2s --every 1s");
        drop(listener);
        TcpStream::connect(at(&address, 80)).unwrap_err();
        let said = watch.end().exits(0);
        let told = format!("sent by {address}:80: 1 to {address}; no socket (NO_SOCKET)");
        let line = said.stdout.lines().find(|line| line.contains(&told));
        let line = line.unwrap_or_else(|| panic!("{said:#?}"));
        assert!(
            line.ends_with("; nothing listens there now, something did until HH:MM:SS"),
            "{line}"
        );
        let live = said.stdout.lines().next().unwrap();
        assert!(
            live.starts_with(&format!("HH:MM:SS {NO_SOCKET} (OutRstsUnexplained 1)")),
            "{live}"
        );
        assert!(
            live.ends_with(&format!("; most at {address}:80 (1)")),
            "{live}"
        );
    });
}

#[test]
fn unread_data_and_so_linger_and_data_behind_the_close() {
    with_an_address(|address| {
        let listener = listen(&address, 80);
        let to = at(&address, 80);
        let watch = Watch::traced("--for 2s --every 2s");
        let (mut client, server) = pair(&listener, to);
        client.write_all(b"x").unwrap();
        drop(server);
        let (_other, server) = pair(&listener, to);
        reset_by_close(server);
        let (mut late, server) = pair(&listener, to);
        drop(server);
        late.write_all(b"x").unwrap();
        let this = this_process();
        let open = format!("open: {this} listens on {address}:80");
        watch
            .end()
            .exits(0)
            .has(
                "closed with unread data",
                &format!(
                    "sent by {address}:80: 1 to {address}; closed with unread data (TCP_ABORT_ON_CLOSE); by \
                     {this}; {open}"
                ),
            )
            .has(
                ABORTED,
                &format!(
                    "sent by {address}:80: 1 to {address}; closed with SO_LINGER 0, or a listener closed \
                     before it had accepted (TCP_STATE); by {this}; {open}"
                ),
            )
            .has(
                ABORTED,
                &format!(
                    "sent by {address}:80: 1 to {address}; data came after the close (TCP_ABORT_ON_DATA); \
                     {open}"
                ),
            );
    });
}

#[test]
fn an_accept_queue_that_overflows() {
    with_an_address(|address| {
        std::fs::write("/proc/sys/net/ipv4/tcp_abort_on_overflow", "1").unwrap();
        let listener = bind(tcp(&address), &address, 80);
        // So that the last two handshakes can be begun before the queue is full.
        set_defer_accept(&listener);
        listener.listen(2).unwrap();
        let connect = || {
            let socket = tcp(&address);
            socket.connect(&at(&address, 80).into()).unwrap();
            socket
        };
        let _accepted = [(); 2].map(|()| {
            let mut socket = connect();
            socket.write_all(b"x").unwrap();
            socket
        });
        let (mut third, mut fourth) = (connect(), connect());
        let watch = Watch::traced("--for 2s --every 2s");
        third.write_all(b"x").unwrap();
        fourth.write_all(b"x").unwrap();
        let this = this_process();
        watch
            .end()
            .exits(0)
            .has(
                "accept queue full",
                &format!(
                    "sent by {address}:80: 1 to peers that the kernel does not name; the accept queue was \
                     full, or a handshake went wrong (INVALID_SYN); open: {this} listens on {address}:80"
                ),
            )
            .has(
                "accept queue full",
                &format!("{address}:80, of {this}: full at HH:MM:SS, QUEUE 3/2; now 3/2"),
            );
    });
}

/// TCP_DEFER_ACCEPT: a handshake is over when data has come.
fn set_defer_accept(listener: &Socket) {
    let seconds: libc::c_int = 30;
    // SAFETY: the option takes an int, and the pointer is to one.
    let result = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size_of_val(&seconds) as libc::socklen_t,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn keepalives_without_an_answer() {
    with_a_peer(|ours, node, theirs| {
        let listener = listen(&ours, 80);
        let (to, client) = (at(&ours, 80), theirs.clone());
        let _client = node.run(move || {
            let client = bind(tcp(&client), &client, 0);
            client.connect(&to.into()).unwrap();
            client
        });
        let server = listener.accept().unwrap().0;
        let second = Duration::from_secs(1);
        let keepalive = TcpKeepalive::new().with_time(second).with_interval(second);
        server
            .set_tcp_keepalive(&keepalive.with_retries(1))
            .unwrap();
        let watch = Watch::traced("--for 5s --every 5s");
        node.ip("link set e0 down");
        let told = format!(
            "sent by {ours}:80: 1 to {theirs}; the peer did not answer keepalives (TCP_KEEPALIVE_TIMEOUT); \
             open: {} listens on {ours}:80",
            this_process()
        );
        watch
            .end()
            .exits(0)
            .has("peer does not answer", &told)
            // The counters alone cannot tell it from a closed port.
            .has_not("OutRstsUnexplained");
    });
}

#[test]
fn a_reset_by_the_peer() {
    with_a_peer(|ours, node, theirs| {
        let address = theirs.clone();
        let listener = node.run(move || listen(&address, 80));
        let (mut client, server) = pair(&listener, at(&theirs, 80));
        let watch = Watch::traced("--for 1s --every 1s");
        reset_by_close(server);
        client.read_exact(&mut [0]).unwrap_err();
        watch
            .end()
            .exits(0)
            .has(
                "reset by the peer",
                &format!("received by {ours} as a client of port 80: 1 from {theirs}"),
            )
            .has_not(&format!("sent by {ours}"));
    });
}

/// The firewall sends the reset itself, without a socket: neither a counter nor the trace knows it there.
/// Who asked sees it come.
#[test]
fn a_firewall_that_rejects() {
    with_a_peer(|ours, node, theirs| {
        node.run(|| {
            let rules = "table inet t { chain in { type filter hook input priority 0; tcp dport 80 reject \
                         with tcp reset; }; }";
            let done = Command::new("nft").arg(rules).status();
            assert!(done.expect("this test needs nft(8), Debian's nftables").success());
        });
        let there = node.run(|| Watch::traced("--for 2s --every 2s"));
        let here = Watch::traced("--for 2s --every 2s");
        TcpStream::connect(at(&theirs, 80)).unwrap_err();
        here.end().exits(0).has(
            "reset by the peer",
            &format!("received by {ours} as a client of port 80: 1 from {theirs}"),
        );
        there
            .end()
            .exits(0)
            .has_not(&format!("sent by {theirs}"))
            .has_not("OutRsts");
    });
}

#[test]
fn an_address_that_went_with_connections_on_it() {
    with_a_peer(|ours, node, theirs| {
        let listener = listen("0.0.0.0", 80);
        let (to, client) = (at(&ours, 80), theirs.clone());
        let _client = node.run(move || {
            let client = bind(tcp(&client), &client, 0);
            client.connect(&to.into()).unwrap();
            client
        });
        let server = listener.accept().unwrap().0;
        let watch = Watch::traced("--for 3s --every 1s");
        ip(&format!("address del {ours}/30 dev to-node"));
        sleep(Duration::from_millis(1500));
        reset_by_close(server);
        let this = this_process();
        let said = watch.end().exits(0).has(
            ABORTED,
            &format!(
                "sent by {ours}:80: 1 to {theirs}; closed with SO_LINGER 0, or a listener closed before it \
                 had accepted (TCP_STATE); by {this}; {ours} went from this machine at HH:MM:SS: a virtual \
                 IP that has moved away; open: {this} listens on 0.0.0.0:80"
            ),
        );
        let moved = format!("HH:MM:SS the address {ours} went from this machine\n");
        assert_eq!(
            said.stdout.matches(&moved).count(),
            2,
            "live and at the end: {said:#?}"
        );
    });
}

/// The address moves to this machine, whose service knows nothing of the connection.
#[test]
fn an_address_that_came_without_its_connections() {
    with_a_peer(|ours, node, theirs| {
        let [_, _, vip] = addresses_beside(&ours);
        // The kernel does not tell the address, so it has to be a port that nobody else uses.
        let port = 10_000 + (std::process::id() % 20_000) as u16;
        let service = listen("0.0.0.0", port);
        // Where the connection was made.
        let before = Node::new();
        before.plug("e0", "to-before", &[]);
        for command in [
            "link add name bridge type bridge",
            "link set bridge up",
            "link set to-node master bridge",
            "link set to-before master bridge",
        ] {
            ip(command);
        }
        ip(&format!("address del {ours}/30 dev to-node"));
        ip(&format!("address add {ours}/24 dev bridge"));
        node.ip(&format!("address del {theirs}/30 dev e0"));
        node.ip(&format!("address add {theirs}/24 dev e0"));
        before.ip(&format!("address add {vip}/24 dev e0"));
        let address = vip.clone();
        let listener = before.run(move || listen(&address, port));
        let (to, client) = (at(&vip, port), theirs.clone());
        let mut client = node.run(move || {
            let client = bind(tcp(&client), &client, 0);
            client.connect(&to.into()).unwrap();
            client
        });
        let _server = listener.accept().unwrap();
        let watch = Watch::traced("--for 3s --every 1s");
        before.ip(&format!("address del {vip}/24 dev e0"));
        ip(&format!("address add {vip}/24 dev bridge"));
        node.ip("neighbour flush dev e0");
        let _ = client.write_all(b"x");
        let _ = client.set_read_timeout(Some(Duration::from_secs(10)));
        let error = client.read_exact(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        let said = watch.end().exits(0);
        let line = said
            .stdout
            .lines()
            .find(|line| line.contains(&format!("sent by 0.0.0.0:{port}: 1")));
        let line = line.unwrap_or_else(|| panic!("{said:#?}"));
        for part in [
            "; the listener knows no such connection (TCP_FLAGS); ",
            &format!("{vip} came to this machine at HH:MM:SS"),
            ": a virtual IP that has moved here, whose connections from before are not known here; ",
            &format!("open: {} listens on 0.0.0.0:{port}", this_process()),
        ] {
            assert!(line.contains(part), "no {part:?} in {line}");
        }
        drop(service);
    });
}

#[test]
fn json_as_its_schema_says() {
    with_an_address(|address| {
        let _listener = listen(&address, 80);
        let watch = Watch::traced("--for 1s --every 1s --format json");
        TcpStream::connect(at(&address, 81)).unwrap_err();
        reset_by_close(tcp_to(&address, 80));
        let said = watch.end().exits(0).stderr("");
        let document = schema::document(&said.stdout, "resets");
        assert_eq!(document["trace"]["state"], "on");
        assert_eq!(document["trace"]["not_looked_at"], 0);
        let cause = |id: &str| {
            let causes = document["causes"].as_array().unwrap();
            let found = causes.iter().find(|cause| cause["cause"] == id).unwrap();
            let places = found["resets"].as_array().unwrap();
            let own = places
                .iter()
                .find(|place| place["local_address"] == address.as_str());
            own.unwrap_or_else(|| panic!("{found:#}")).clone()
        };
        let none = cause("no_socket");
        assert_eq!(none["direction"], "sent");
        assert_eq!(
            (&none["local_port"], &none["reason"]),
            (&81.into(), &"NO_SOCKET".into())
        );
        assert_eq!(
            none["peers"],
            serde_json::json!([{ "address": address, "resets": 1 }])
        );
        assert_eq!(none["listens"]["answer"], "not listening");
        let aborted = cause("aborted");
        assert_eq!(
            (&aborted["local_port"], &aborted["peer_port"]),
            (&().into(), &80.into())
        );
        let received = cause("by_peer");
        assert_eq!(received["direction"], "received");
    });
}

fn tcp_to(address: &str, port: u16) -> Socket {
    let socket = tcp(address);
    socket.connect(&at(address, port).into()).unwrap();
    socket
}

/// Runs a line of sh, in which `$0` is the program, where tracefs is.
fn sh_with_tracefs(line: &str) -> Said {
    let mut sh = Confined::new("sh").with_tracefs().into_command();
    Said::by(sh.args(["-c", line, common::program::LISTENUP]))
}

/// The names of instances of `pid`, which is `$!` or a number.
const COUNT: &str = "ls /sys/kernel/tracing/instances | grep -c \"^listenup-resets-$pid-\"; true";

#[test]
fn the_instance_goes_with_the_run_whatever_ends_it() {
    if !traces() {
        return;
    }
    for (end, after) in [
        ("wait $pid", "0"),
        ("kill -INT $pid; wait $pid", "0"),
        ("kill -TERM $pid; wait $pid", "0"),
        ("kill -HUP $pid; wait $pid", "0"),
        // What is killed removes nothing; the next run does.
        ("kill -KILL $pid; wait $pid 2>/dev/null", "1"),
        (
            "kill -KILL $pid; wait $pid 2>/dev/null; $0 resets --trace on --for 10ms >/dev/null",
            "0",
        ),
    ] {
        let line = format!(
            "$0 resets --trace on --for 1s >/dev/null & pid=$!
             until ls -d /sys/kernel/tracing/instances/listenup-resets-$pid-*/per_cpu >/dev/null 2>&1
             do sleep 0.01; done
             sleep 0.2; {COUNT}; {end}; {COUNT}"
        );
        // A run of another test may have cleared up meanwhile.
        let said = sh_with_tracefs(&line).exits(0);
        let counts: Vec<&str> = said.stdout.lines().collect();
        assert_eq!(counts[0], "1", "{end}: {said:#?}");
        assert!(counts[1] == after || after == "1", "{end}: {said:#?}");
    }
}

#[test]
fn ctrl_c_ends_it_with_the_summary() {
    with_an_address(|address| {
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            let watch = Watch::traced("--for 1h --every 1h");
            TcpStream::connect(at(&address, 81)).unwrap_err();
            kill(watch.pid(), signal).unwrap();
            let said = watch.end().exits(0).stderr("");
            assert!(said.stdout.starts_with("in "), "{said:#?}");
            assert!(
                !said.stdout.contains("in 1h"),
                "the time that it really was: {said:#?}"
            );
            assert!(
                said.stdout
                    .contains(&format!("sent by {address}:81: 1 to {address}")),
                "{said:#?}"
            );
        }
    });
}

#[test]
fn another_network_namespace_by_its_name() {
    with_a_peer(|ours, node, theirs| {
        let path = node.path().to_owned();
        let words = format!("--for 1s --every 1s --netns {path}");
        let text = Watch::traced(&words);
        let json = Watch::traced(&format!("{words} --format json"));
        TcpStream::connect(at(&theirs, 80)).unwrap_err();
        let said = text.end().exits(0);
        let told = format!("  sent by {theirs}:80: 1 to {ours}; no socket (NO_SOCKET)");
        assert!(said.stdout.contains(&told), "{said:#?}");
        for said_of_the_rest in [
            "the trace is of the whole host: ",
            "elsewhere on this host, in another network namespace or by an address that had gone before",
        ] {
            assert!(said.stdout.contains(said_of_the_rest), "{said:#?}");
        }
        // The other end is of another namespace, ours.
        let document = schema::document(&json.end().exits(0).stdout, "resets");
        let mut elsewhere = document["elsewhere"].as_array().unwrap().iter();
        assert!(
            elsewhere.any(|place| place["local_address"] == ours.as_str()),
            "{document:#}"
        );
    });
}

const MORE: &str =
    "listenup: by counters alone; root with tracefs would also see ports, peers and programs: ";

#[test]
fn without_rights_it_goes_by_the_counters_and_says_what_root_would_add() {
    if !traces() {
        return;
    }
    in_namespace(|| {
        TcpStream::connect("127.0.0.1:81").unwrap_err();
        let folder = common::confined::folder_with_listenup();
        let listenup = folder.path().join("listenup");
        let nobody = || Confined::new(&listenup).with_tracefs_for_nobody();
        let why = "/sys/kernel/tracing/instances cannot be opened: Permission denied (EACCES)\n";
        nobody()
            .run("resets --for 1ms")
            .exits(0)
            .stdout(
                "nothing wrong in 1ms; before that: nothing listens or no such connection \
                 (OutRstsUnexplained 1), resets sent (OutRsts 1)\n",
            )
            .stderr(&format!("{MORE}{why}"));
        nobody()
            .run("resets --for 1ms --trace on")
            .exits(1)
            .stdout("")
            .stderr(&format!("listenup: cannot trace: {why}"));
        nobody()
            .run("resets --for 1ms --trace off")
            .exits(0)
            .stderr("");
        let said = nobody()
            .run("resets --for 1ms --format json")
            .exits(0)
            .stderr("");
        let document = schema::document(&said.stdout, "resets");
        assert_eq!(document["trace"]["state"], "not possible");
        assert_eq!(document["trace"]["reason"], why.trim_end());
    });
}

/// SYNs from so many addresses to one closed port, as fast as one thread can; how many a second.
fn storm(to: &str, count: u32) -> f64 {
    let socket = Socket::new(
        socket2::Domain::IPV4,
        socket2::Type::RAW,
        Some(socket2::Protocol::TCP),
    )
    .unwrap();
    socket.set_header_included_v4(true).unwrap();
    let to = SocketAddr::new(to.parse().unwrap(), 0);
    let std::net::IpAddr::V4(destination) = to.ip() else {
        panic!("{to}")
    };
    let started = std::time::Instant::now();
    for number in 0..count {
        let [_, a, b, c] = number.to_be_bytes();
        let segment = syn([11, a, b, c], destination.octets());
        socket.send_to(&segment, &to.into()).unwrap();
    }
    f64::from(count) / started.elapsed().as_secs_f64()
}

/// An IPv4 packet with a SYN to port 81.
fn syn(from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
    let mut ip = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0];
    ip.extend(from);
    ip.extend(to);
    let mut tcp = vec![
        0x10, 0, 0, 81, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0,
    ];
    let pseudo = [&ip[12..20], &[0, 6, 0, 20], &tcp].concat();
    let words = pseudo.chunks(2);
    let sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]))
        .sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    [ip, tcp].concat()
}

/// Clock ticks (proc_pid_stat(5)) that a process has used, and the most KiB that it has had in memory.
fn cost(pid: nix::unistd::Pid) -> (u64, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let most = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    (ticks, most.trim().trim_end_matches(" kB").parse().unwrap())
}

#[test]
fn a_storm_is_sampled_and_what_was_not_looked_at_is_said() {
    with_a_peer_and(FlockArg::LockExclusive, |address, _node, gateway| {
        // The node takes the resets and does nothing with them.
        ip(&format!("route add default via {gateway}"));
        let watch = Watch::traced("--for 1h --every 1s --format json");
        let (before, _) = cost(watch.pid());
        let count = 500_000;
        let rate = storm(&address, count);
        let (after, memory) = cost(watch.pid());
        kill(watch.pid(), Signal::SIGINT).unwrap();
        let document = schema::document(&watch.end().exits(0).stdout, "resets");
        let causes = document["causes"].as_array().unwrap();
        let places = causes
            .iter()
            .flat_map(|cause| cause["resets"].as_array().unwrap());
        let own = places.filter(|place| place["local_address"] == address.as_str());
        let counted: u64 = own.map(|place| place["resets"].as_u64().unwrap()).sum();
        let not_looked_at = document["trace"]["not_looked_at"].as_u64().unwrap();
        let share = (after - before) as f64 / 100.0 / (f64::from(count) / rate);
        println!(
            "{rate:.0} resets a second: {counted} looked at, {not_looked_at} not, {memory} KiB, {:.1} % of a core",
            share * 100.0
        );
        // Others on this host may have sent some as well.
        assert!(
            counted + not_looked_at >= u64::from(count),
            "{counted} and {not_looked_at}"
        );
        assert!(counted <= u64::from(count) && counted > 1000, "{counted}");
        assert!(memory < 16 * 1024, "{memory} KiB");
    });
}
