//! Hosts and resets for the tests of `listenup resets` as root.
//!
//! The trace is of the whole host, so each test has addresses that no other test uses, and looks for its own
//! lines alone.

#![allow(clippy::print_stdout)]

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use socket2::Socket;

use super::node::Node;
use super::program::{LISTENUP, ProgramOutput, listenup, this_process};
use super::sockets::{bind, tcp};
use super::watch::Watch;
use super::{in_namespace, ip};

/// Whether this kernel traces resets and gives their reasons, as Linux 6.10 and later do. If it does not, that
/// is printed, and what there is instead is tested: fixtures and scripts/kernels have the older kernels.
#[track_caller]
pub fn traces() -> bool {
    let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap();
    if !filesystems.contains("tracefs") {
        println!("THIS KERNEL HAS NO TRACEFS: only the counters are tested");
        let said = listenup("resets --for 1ms").exits(0);
        assert!(said.stderr.starts_with(COUNTERS_ONLY), "{said:#?}");
        return false;
    }
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release
        .split(['.', '-'])
        .map(|number| number.parse::<u32>());
    let mut number = || numbers.next().unwrap().unwrap();
    if (number(), number()) < (6, 10) {
        println!("LINUX {release} GIVES NO REASONS: that is all that is tested");
        let said = Watch::traced("--for 1ms --every 1ms").end().exits(0);
        let note = "this kernel traces no resets without a socket and no reasons";
        assert!(said.stdout.contains(note), "{said:#?}");
        return false;
    }
    true
}

/// How stderr begins without a trace.
pub const COUNTERS_ONLY: &str = "listenup: counters only: ";

/// A storm takes the buffers of all who trace, so it has its time alone, also if these tests run twice at once.
pub fn turn(kind: FlockArg) -> Flock<File> {
    let file = File::open("/sys/kernel/tracing").unwrap();
    Flock::lock(file, kind).map_err(|(_, errno)| errno).unwrap()
}

/// Two addresses of a network that nobody else on this host has: ours, and one for a peer.
pub fn own_addresses() -> [String; 2] {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let [.., a, b] = process.to_be_bytes();
    [1, 2].map(|last| format!("10.{a}.{b}.{}", count * 4 + last))
}

/// Both of them, and a third one that nobody else has either.
pub fn addresses_beside(ours: &str) -> [String; 3] {
    let (network, last) = ours.rsplit_once('.').unwrap();
    let last: u16 = last.parse().unwrap();
    [0, 1, 2].map(|more| format!("{network}.{}", last + more))
}

/// An address on `lo`, in a namespace of its own.
pub fn with_an_address(test: impl FnOnce(String) + Send + 'static) {
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
pub fn with_a_peer(test: impl FnOnce(String, Node, String) + Send + 'static) {
    with_a_peer_and(FlockArg::LockShared, test);
}

pub fn with_a_peer_and(kind: FlockArg, test: impl FnOnce(String, Node, String) + Send + 'static) {
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

pub fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

/// A connection to a listener, both ends.
pub fn pair(listener: &Socket, to: SocketAddr) -> (Socket, Socket) {
    let client = tcp_to(&to.ip().to_string(), to.port());
    (client, listener.accept().unwrap().0)
}

/// A connection.
pub fn tcp_to(address: &str, port: u16) -> Socket {
    let socket = tcp(address);
    socket.connect(&at(address, port).into()).unwrap();
    socket
}

/// A connection from an address.
pub fn tcp_from(address: &str, to: SocketAddr) -> Socket {
    let socket = bind(tcp(address), address, 0);
    socket.connect(&to.into()).unwrap();
    socket
}

pub fn reset_by_close(socket: Socket) {
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
}

/// A queue of one connection with tcp_abort_on_overflow, and a connection too many, which is reset. Both stay open.
pub fn overflow_with_a_reset(listener: &Socket, address: &str, port: u16) -> Vec<Socket> {
    std::fs::write("/proc/sys/net/ipv4/tcp_abort_on_overflow", "1").unwrap();
    // So that the last two handshakes can be begun before the queue is full.
    set_defer_accept(listener);
    listener.listen(2).unwrap();
    let mut all = [(); 4].map(|()| None);
    for socket in &mut all[..2] {
        let mut connected = tcp_to(address, port);
        connected.write_all(b"x").unwrap();
        *socket = Some(connected);
    }
    for socket in &mut all[2..] {
        *socket = Some(tcp_to(address, port));
    }
    all.into_iter().flatten().collect()
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

/// Runs `nft` here.
#[track_caller]
pub fn nft(rules: &str) {
    let done = Command::new("nft").arg(rules).status();
    assert!(
        done.expect("this test needs nft(8), Debian's nftables")
            .success(),
        "{rules}"
    );
}

/// Runs a line of sh, in which `$0` is the program.
#[track_caller]
pub fn sh_here(line: &str) {
    let done = Command::new("sh").args(["-c", line, LISTENUP]).status();
    assert!(done.unwrap().success(), "{line}");
}

/// Whether this process is in the PID namespace of the host, whose numbers the trace has. In a container they lead nowhere,
/// and a process that resets connections is known by the name of its thread alone.
pub fn is_on_host() -> bool {
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap();
    namespace.as_os_str() == "pid:[4026531836]" // PROC_PID_INIT_INO
}

/// A process of one thread as the summary of a trace names it, with the thread's number as N.
pub fn traced_process(name: &str, pid: u32) -> String {
    match is_on_host() {
        true => format!("{name} ({pid})"),
        false => format!("{name} (thread N of the host)"),
    }
}

/// This process as the summary of a trace names it where the calling thread resets a connection.
pub fn this_process_traced() -> String {
    let name = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
    match is_on_host() {
        true => this_process(),
        false => traced_process(name.trim_end(), 0),
    }
}

/// Assertions about a summary.
pub trait Has {
    /// The line is below this cause.
    fn has(self, cause: &str, line: &str) -> Self;
    /// A line below this cause begins so, and has these parts.
    fn has_line(self, cause: &str, start: &str, parts: &[&str]) -> Self;
    /// The text is nowhere.
    fn has_not(self, part: &str) -> Self;
}

impl Has for ProgramOutput {
    #[track_caller]
    fn has(self, cause: &str, line: &str) -> Self {
        let lines: Vec<&str> = self.stdout.lines().collect();
        let is_it = |at: &usize| lines[*at] == format!("  {line}");
        let mut found = (0..lines.len()).filter(is_it);
        let found = found.any(|at| heading(&lines, at).starts_with(&format!("{cause}:")));
        assert!(found, "no {line:?} below {cause} in {self:#?}");
        self
    }

    #[track_caller]
    fn has_line(self, cause: &str, start: &str, parts: &[&str]) -> Self {
        let lines: Vec<&str> = self.stdout.lines().collect();
        let begins = |at: &usize| lines[*at].starts_with(&format!("  {start}"));
        let mut found = (0..lines.len()).filter(begins);
        let found = found.find(|at| heading(&lines, *at).starts_with(&format!("{cause}:")));
        let found = found.unwrap_or_else(|| panic!("no {start:?} below {cause} in {self:#?}"));
        for part in parts {
            assert!(lines[found].contains(part), "no {part:?} in {self:#?}");
        }
        self
    }

    #[track_caller]
    fn has_not(self, part: &str) -> Self {
        assert!(!self.stdout.contains(part), "{part:?} in {self:#?}");
        self
    }
}

/// The line of the cause that a line is below.
fn heading<'a>(lines: &[&'a str], line: usize) -> &'a str {
    let mut above = lines[..line].iter().rev();
    above.find(|one| !one.starts_with(' ')).unwrap()
}

pub const NO_LISTENER: &str = "nothing listened on the port";
pub const NO_CONNECTION: &str = "no such connection on this machine";
pub const ACCEPT_QUEUE: &str = "accept queue full";
pub const LISTENER_CLOSED: &str = "listener closed with connections in its accept queue";
pub const UNREAD_DATA: &str = "closed with unread data";
pub const AFTER_CLOSE: &str = "data came after the close";
pub const ABORTED: &str = "aborted by the local application";
pub const TIME_OUT: &str = "peer did not answer";
pub const RECEIVED: &str = "resets received";
