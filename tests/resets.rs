//! `listenup resets`: every cause made for real, and what is said about it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::libc;
use serde_json::{Value, json};
use socket2::{SockAddr, Socket};

use common::confined::{Confined, folder_with_listenup};
use common::node::Node;
use common::program::{LISTENUP, Said, listenup};
use common::sockets::{bind, listen, tcp};
use common::{conntrack, in_namespace, ip};

const NO_SOCKET: &str = "tcpdump -ni any 'tcp[tcpflags] & tcp-rst != 0' shows the port, listenup \
    check PORT whether it is open; if it is, the connections are not known here, as after a \
    virtual IP has moved";
const ACCEPT_QUEUE: &str = "ss -ltn shows the listener, with Recv-Q above Send-Q: its program \
    accepts too slowly, or its backlog (at most net.core.somaxconn) is too small";
const UNREAD_DATA: &str = "the log of the program that closes: it gave up before it had read all \
    (OnClose), or before all had come, or has SO_LINGER 0 (OnData)";
const TIME_OUT: &str = "ss -tno shows connections with retransmissions: their peer is gone, or \
    something on the way drops packets";
const CONNTRACK: &str = "dmesg for \"table full\", then net.netfilter.nf_conntrack_max; invalid \
    packets pass NAT by, and who gets them answers with a reset";
const CUT: &str = "what no line above explains was reset by the peer: look at its log";
const SENT: &str = "the lines above say why";

/// A `listenup resets` that has taken its first sample.
struct Watch(Option<Child>);

impl Watch {
    #[track_caller]
    fn start(words: &str) -> Self {
        let mut command = Command::new(LISTENUP);
        command.arg("resets").args(words.split_whitespace());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let watch = Self(Some(command.stderr(Stdio::piped()).spawn().unwrap()));
        watch.await_pause();
        watch
    }

    /// Waits until it sleeps in clock_nanosleep(2), which it does from its first sample on.
    #[track_caller]
    fn await_pause(&self) {
        let path = format!("/proc/{}/syscall", self.0.as_ref().unwrap().id());
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let call = std::fs::read_to_string(&path).unwrap();
            let number = call.split_whitespace().next().map(str::to_owned);
            let pauses = [libc::SYS_clock_nanosleep, libc::SYS_nanosleep];
            if number.is_some_and(|number| pauses.iter().any(|pause| number == pause.to_string())) {
                return;
            }
            assert!(Instant::now() < deadline, "{path}: {call}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for its end and says what it said, with the rates, which are not exact, as R/s.
    #[track_caller]
    fn end(mut self) -> Said {
        let mut said = Said::of(
            "listenup resets".to_owned(),
            self.0.take().unwrap().wait_with_output().unwrap(),
        );
        said.stdout = said
            .stdout
            .split_inclusive(' ')
            .map(|word| match word.split_once("/s, ") {
                Some((rate, "")) => {
                    let rate: f64 = rate.trim_start_matches('(').parse().unwrap();
                    assert!(rate > 0.0);
                    "(R/s, "
                }
                _ => word,
            })
            .collect();
        said
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Begins to connect and does not wait for an answer.
fn begin_to_connect(port: u16) -> Socket {
    let socket = tcp("127.0.0.1");
    socket.set_nonblocking(true).unwrap();
    let _ = socket.connect(&loopback(port));
    socket
}

fn loopback(port: u16) -> SockAddr {
    SocketAddr::from(([127, 0, 0, 1], port)).into()
}

/// Waits until the other side has reset this connection.
#[track_caller]
fn await_reset(mut connection: &Socket) {
    let patience = Some(Duration::from_secs(10));
    connection.set_read_timeout(patience).unwrap();
    let error = connection.read(&mut [0; 16]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn nothing_wrong() {
    in_namespace(|| {
        listenup("resets --for 30ms")
            .exits(0)
            .stdout("nothing wrong in 30ms, nor before\n")
            .stderr("");
        TcpStream::connect("127.0.0.1:81").unwrap_err();
        listenup("resets --every 10ms --for 30ms")
            .exits(0)
            .stdout(
                "nothing wrong in 30ms; before that: nothing listens or no such connection \
                 (OutRstsUnexplained 1), resets sent (OutRsts 1)\n",
            )
            .stderr("");
    });
}

#[test]
fn a_port_nobody_listens_on() {
    in_namespace(|| {
        let watch = Watch::start("--every 2s --for 3s");
        for address in ["127.0.0.1:81", "127.0.0.1:82", "[::1]:81"] {
            TcpStream::connect(address).unwrap_err();
        }
        watch
            .end()
            .exits(0)
            .stdout(&format!(
                "2s: nothing listens or no such connection (OutRstsUnexplained 3), resets sent \
                 (OutRsts 3)\n\
                 in 3s:\n\
                 nothing listens or no such connection: OutRstsUnexplained 3 (R/s, 3 in all); \
                 next: {NO_SOCKET}\n\
                 resets sent: OutRsts 3 (R/s, 3 in all); next: {SENT}\n\
                 not in 3s: accept queue full, closed with unread data, peer does not answer, out \
                 of memory for sockets, connection tracking, established connections cut\n"
            ))
            .stderr("");
    });
}

#[test]
fn a_full_backlog() {
    in_namespace(|| {
        let listener = bind(tcp("127.0.0.1"), "127.0.0.1", 80);
        listener.listen(0).unwrap();
        let first = TcpStream::connect("127.0.0.1:80").unwrap();
        let watch = Watch::start("--for 2s --every 2s");
        for _ in 0..4 {
            drop(begin_to_connect(80));
        }
        watch
            .end()
            .exits(0)
            .stdout(&format!(
                "in 2s:\n\
                 accept queue full: ListenOverflows 4 (R/s, 4 in all), ListenDrops 4 (R/s, 4 in \
                 all), tcp_abort_on_overflow = 0; next: {ACCEPT_QUEUE}\n\
                 not in 2s: nothing listens or no such connection, closed with unread data, peer \
                 does not answer, out of memory for sockets, connection tracking, established \
                 connections cut, resets sent\n"
            ))
            .stderr("");
        drop(first);
    });
}

#[test]
fn a_full_backlog_that_resets() {
    in_namespace(|| {
        std::fs::write("/proc/sys/net/ipv4/tcp_abort_on_overflow", "1").unwrap();
        let listener = bind(tcp("127.0.0.1"), "127.0.0.1", 80);
        // So that the last two handshakes can be begun before the queue is full.
        set_defer_accept(&listener);
        listener.listen(2).unwrap();
        let connect = || {
            let socket = tcp("127.0.0.1");
            socket.connect(&loopback(80)).unwrap();
            socket
        };
        let _accepted = [(); 2].map(|()| {
            let mut socket = connect();
            socket.write_all(b"x").unwrap();
            socket
        });
        let (mut third, mut fourth) = (connect(), connect());
        let watch = Watch::start("--for 2s --every 2s");
        third.write_all(b"x").unwrap();
        fourth.write_all(b"x").unwrap();
        await_reset(&fourth);
        watch
            .end()
            .exits(0)
            .stdout(&format!(
                "in 2s:\n\
                 accept queue full: ListenOverflows 1 (R/s, 1 in all), ListenDrops 1 (R/s, 1 in \
                 all), tcp_abort_on_overflow = 1; next: {ACCEPT_QUEUE}\n\
                 established connections cut: EstabResets 1 (R/s, 1 in all); next: {CUT}\n\
                 resets sent: OutRsts 1 (R/s, 1 in all); next: {SENT}\n\
                 not in 2s: nothing listens or no such connection, closed with unread data, peer \
                 does not answer, out of memory for sockets, connection tracking\n"
            ))
            .stderr("");
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
fn a_close_with_unread_data_and_one_that_does_not_linger() {
    in_namespace(|| {
        let listener = listen("127.0.0.1", 80);
        let pairs = [4001, 4002].map(|port| common::sockets::connect(&listener, port));
        let watch = Watch::start("--for 2s --every 2s");
        let [(mut unread_client, unread_server), (client, server)] = pairs;
        unread_client.write_all(b"x").unwrap();
        server.set_linger(Some(Duration::ZERO)).unwrap();
        drop((unread_server, server));
        await_reset(&unread_client);
        await_reset(&client);
        watch
            .end()
            .exits(0)
            .stdout(&format!(
                "in 2s:\n\
                 closed with unread data: TCPAbortOnClose 1 (R/s, 1 in all), TCPAbortOnData 1 \
                 (R/s, 1 in all); next: {UNREAD_DATA}\n\
                 established connections cut: EstabResets 4 (R/s, 4 in all); next: {CUT}\n\
                 resets sent: OutRsts 2 (R/s, 2 in all); next: {SENT}\n\
                 not in 2s: nothing listens or no such connection, accept queue full, peer does \
                 not answer, out of memory for sockets, connection tracking\n"
            ))
            .stderr("");
    });
}

/// A connection from here to another node, both ends.
fn connection_to(node: &Node) -> (Socket, Socket) {
    node.plug("e0", "to-node", &["192.0.2.2/24"]);
    ip("address add 192.0.2.1/24 dev to-node");
    let listener = node.run(|| listen("192.0.2.2", 80));
    let client = tcp("192.0.2.1");
    client
        .connect(&SocketAddr::from(([192, 0, 2, 2], 80)).into())
        .unwrap();
    (client, listener.accept().unwrap().0)
}

#[test]
fn a_reset_by_the_peer() {
    in_namespace(|| {
        let node = Node::new();
        let (client, server) = connection_to(&node);
        server.set_linger(Some(Duration::ZERO)).unwrap();
        let watch = Watch::start("--for 2s --every 2s");
        drop(server);
        await_reset(&client);
        watch
            .end()
            .exits(0)
            .stdout(&format!(
                "in 2s:\n\
                 established connections cut: EstabResets 1 (R/s, 1 in all); next: {CUT}\n\
                 not in 2s: nothing listens or no such connection, accept queue full, closed with \
                 unread data, peer does not answer, out of memory for sockets, connection \
                 tracking, resets sent\n"
            ))
            .stderr("");
    });
}

#[test]
fn a_peer_that_does_not_answer() {
    in_namespace(|| {
        let node = Node::new();
        let (mut client, _server) = connection_to(&node);
        client
            .set_tcp_user_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        node.ip("link set e0 down");
        let watch = Watch::start("--for 5s --every 5s");
        client.write_all(b"x").unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let error = client.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        watch
            .end()
            .exits(0)
            .stdout(&format!(
                "in 5s:\n\
                 peer does not answer: TCPAbortOnTimeout 1 (R/s, 1 in all); next: {TIME_OUT}\n\
                 established connections cut: EstabResets 1 (R/s, 1 in all); next: {CUT}\n\
                 not in 5s: nothing listens or no such connection, accept queue full, closed with \
                 unread data, out of memory for sockets, connection tracking, resets sent\n"
            ))
            .stderr("");
    });
}

/// Where the kernel has no connection tracking it must not be spoken of.
#[test]
fn a_connection_tracking_table_that_is_full() {
    in_namespace(|| {
        let Some([_, max]) = conntrack::level() else {
            let said = listenup("resets --for 1ms --format json").exits(0);
            assert!(!said.stdout.contains("conntrack"), "{said:#?}");
            return;
        };
        conntrack::track();
        conntrack::fill();
        let watch = Watch::start("--for 2s --every 2s");
        for port in [80, 81, 82] {
            drop(begin_to_connect(port));
        }
        watch
            .end()
            .exits(0)
            .stdout(&format!(
                "in 2s:\n\
                 connection tracking: nf_conntrack.drop 3 (R/s, 3 in all), nf_conntrack_count = \
                 {max}, nf_conntrack_max = {max}; next: {CONNTRACK}\n\
                 not in 2s: nothing listens or no such connection, accept queue full, closed with \
                 unread data, peer does not answer, out of memory for sockets, established \
                 connections cut, resets sent\n"
            ))
            .stderr("");
    });
}

/// The document, which must be as its schema says.
#[track_caller]
fn document(stdout: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("document");
    std::fs::write(&path, stdout).unwrap();
    let checked = Command::new("jsonschema")
        .arg("-i")
        .args([&path, Path::new("packaging/schema/resets.json")])
        .output()
        .expect("this test needs jsonschema(1), which scripts/test installs");
    assert!(checked.status.success(), "{checked:?}\n{stdout}");
    serde_json::from_str(stdout).unwrap()
}

#[test]
fn one_document_as_its_schema_says() {
    in_namespace(|| {
        let watch = Watch::start("--every 1500ms --for 2s --format json");
        TcpStream::connect("127.0.0.1:81").unwrap_err();
        let said = watch.end().exits(0).stderr("");
        let document = document(&said.stdout);
        assert_eq!(document["version"], 1);
        assert_eq!(document["errors"], json!([]));
        let seconds = document["seconds"].as_f64().unwrap();
        assert!(seconds >= 2.0, "{seconds}");
        let mut causes = document["causes"].as_array().unwrap().clone();
        causes.retain(|cause| cause["active"] == true);
        for cause in &mut causes {
            let rate = cause["counters"][0]["per_second"].take();
            let grown = rate.as_f64().unwrap() * seconds;
            assert!((grown - 1.0).abs() < 1e-9, "{grown}");
        }
        let counters =
            |name: &str| json!([{ "name": name, "change": 1, "per_second": null, "total": 1 }]);
        assert_eq!(
            causes,
            [
                json!({
                    "cause": "no_socket", "active": true,
                    "name": "nothing listens or no such connection",
                    "counters": counters("OutRstsUnexplained"), "state": {}, "next": NO_SOCKET,
                }),
                json!({
                    "cause": "sent", "name": "resets sent", "active": true,
                    "counters": counters("OutRsts"), "state": {}, "next": SENT,
                }),
            ]
        );
        let [interval] = document["intervals"].as_array().unwrap().as_slice() else {
            panic!("{document:#}");
        };
        assert_eq!(interval["from"], 0.0);
        assert_eq!(
            interval["changes"],
            json!({ "OutRsts": 1, "OutRstsUnexplained": 1 })
        );
    });
}

/// A root whose /proc has these files, and the program.
fn root_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = folder_with_listenup();
    for (path, text) in files {
        let path = root.path().join("proc").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

#[test]
fn counters_that_cannot_be_made_to_move_here() {
    let netstat = "TcpExt: TCPAbortOnMemory TCPAbortOnTimeout TCPReqQFullDrop\nTcpExt: 1 2 3\n";
    let root = root_with(&[
        ("self/net/snmp", "Tcp: EstabResets\nTcp: 4\n"),
        ("self/net/netstat", netstat),
        (
            "self/net/stat/nf_conntrack",
            "invalid insert_failed drop early_drop\n1 a b c\n1 0 0 0\n",
        ),
        ("sys/net/netfilter/nf_conntrack_count", "7\n"),
        ("sys/net/netfilter/nf_conntrack_max", "8\n"),
    ]);
    Confined::listenup_in_root(root.path())
        .run("resets --for 1ms")
        .exits(0)
        .stdout(
            "nothing wrong in 1ms; before that: accept queue full (TCPReqQFullDrop 3), peer does \
             not answer (TCPAbortOnTimeout 2), out of memory for sockets (TCPAbortOnMemory 1), \
             connection tracking (nf_conntrack.drop 11, nf_conntrack.early_drop 12, \
             nf_conntrack.insert_failed 10, nf_conntrack.invalid 2), established connections cut \
             (EstabResets 4)\n",
        )
        .stderr("");
    let said = Confined::listenup_in_root(root.path()).run("resets --for 1ms --format json");
    let document = document(&said.exits(0).stderr("").stdout);
    let causes: Vec<_> = document["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| cause["cause"].as_str().unwrap())
        .collect();
    assert_eq!(
        causes,
        ["accept_queue", "time_out", "memory", "conntrack", "cut"],
        "no word of counters that are not there"
    );
    assert_eq!(
        document["causes"][3]["state"],
        json!({ "nf_conntrack_count": 7, "nf_conntrack_max": 8 })
    );
}

#[test]
fn without_proc_there_is_nothing_to_say() {
    let root = root_with(&[]);
    let missing = ["snmp", "netstat"].map(|file| {
        format!("/proc/self/net/{file}: cannot be read: No such file or directory (ENOENT)")
    });
    let stderr = missing.clone().map(|line| format!("listenup: {line}\n"));
    Confined::listenup_in_root(root.path())
        .run("resets")
        .exits(1)
        .stdout("")
        .stderr(&stderr.concat());
    let said = Confined::listenup_in_root(root.path())
        .run("resets --format json")
        .exits(1)
        .stderr(&stderr.concat());
    let document = document(&said.stdout);
    assert_eq!(document["causes"], json!([]));
    assert_eq!(document["errors"], json!(missing));
}

#[test]
fn a_refusal_is_named_and_the_rest_is_told() {
    let root = root_with(&[
        ("self/net/snmp", "Tcp: EstabResets OutRsts\nTcp: 0 0\n"),
        ("self/net/netstat", ""),
        ("self/net/stat/nf_conntrack", ""),
    ]);
    for file in ["netstat", "stat/nf_conntrack"] {
        let path = root.path().join("proc/self/net").join(file);
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o000)).unwrap();
    }
    let words = [
        "--userspec=65534:65534",
        root.path().to_str().unwrap(),
        "/listenup",
    ];
    let mut chroot = Command::new("chroot");
    Said::by(chroot.args(words).args(["resets", "--for", "1ms"]))
        .exits(0)
        .stdout("nothing wrong in 1ms by what could be read, nor before\n")
        .stderr(
            "listenup: /proc/self/net/netstat: cannot be read: Permission denied (EACCES)\n\
             listenup: /proc/self/net/stat/nf_conntrack: cannot be read: Permission denied \
             (EACCES)\n",
        );
}

#[test]
fn a_proc_with_only_processes_is_enough() {
    in_namespace(|| {
        TcpStream::connect("127.0.0.1:81").unwrap_err();
        Confined::listenup()
            .with_only_processes_in_proc()
            .run("resets --for 1ms")
            .exits(0)
            .stdout(
                "nothing wrong in 1ms; before that: nothing listens or no such connection \
                 (OutRstsUnexplained 1), resets sent (OutRsts 1)\n",
            )
            .stderr("");
    });
}

#[test]
fn wrong_usage() {
    for (words, why) in [
        (
            "--for 500ms --every 1s",
            "--for 500ms must be at least --every 1s",
        ),
        ("--for 0s", "it must be longer than nothing"),
        ("--every 0ms", "it must be longer than nothing"),
        ("--every 1", "expected a number and a unit, such as 200ms"),
        ("--for", "a value is required for '--for <DURATION>'"),
        (
            "--format nagios",
            "invalid value 'nagios' for '--format <FORMAT>'",
        ),
        ("443", "unexpected argument '443' found"),
    ] {
        listenup(&format!("resets {words}"))
            .exits(1)
            .stdout("")
            .stderr_has(why);
    }
}

#[test]
fn a_stream_that_is_closed_or_full_is_no_error() {
    for line in [
        "\"$0\" resets --for 1ms >&-",
        "\"$0\" resets --for 1ms >/dev/full",
        "\"$0\" resets --for 1ms --format json >/dev/full 2>&-",
    ] {
        common::program::sh(line).exits(0).stdout("").stderr("");
    }
}
