//! UDP sockets of every kind that matters, and what is expected of them.

use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

use super::sockets::{bind, listen};
use super::table::Row;

/// A UDP socket for this address.
pub fn udp(address: &str) -> Socket {
    let domain = match address.contains(':') {
        true => Domain::IPV6,
        false => Domain::IPV4,
    };
    Socket::new(domain, Type::DGRAM, Some(Protocol::UDP)).unwrap()
}

/// A bound socket. `::` is dual-stack.
#[track_caller]
pub fn bound(address: &str, port: u16) -> Socket {
    bound_with(address, port, |socket| {
        if address == "::" {
            socket.set_only_v6(false).unwrap();
        }
    })
}

/// A bound socket that was prepared before.
#[track_caller]
pub fn bound_with(address: &str, port: u16, prepare: impl FnOnce(&Socket)) -> Socket {
    let socket = udp(address);
    prepare(&socket);
    bind(socket, address, port)
}

/// A bound socket that is connected.
#[track_caller]
pub fn connected(address: &str, port: u16, to: &str) -> Socket {
    let socket = bound(address, port);
    let to: SocketAddr = to.parse().unwrap();
    socket.connect(&to.into()).unwrap();
    socket
}

/// Returns all sockets of the zoo, in the namespace of this thread. It also gets the addresses 192.0.2.1 and 2001:db8::1.
pub fn zoo() -> Vec<Socket> {
    super::ip("address add 192.0.2.1/32 dev lo");
    super::ip("address add 2001:db8::1/128 dev lo nodad");
    sockets()
}

/// Returns the same sockets in a namespace that has these addresses.
pub fn sockets() -> Vec<Socket> {
    let on_lo = |socket: &Socket| socket.bind_device(Some(b"lo")).unwrap();
    let mut zoo = vec![
        bound("0.0.0.0", 2001),
        bound("127.0.0.1", 2002),
        bound("192.0.2.1", 2003),
        bound("::", 2004),
        bound_with("::", 2005, |socket| socket.set_only_v6(true).unwrap()),
        bound("::1", 2006),
        bound("::ffff:127.0.0.1", 2007),
        bound_with("0.0.0.0", 2008, on_lo),
        connected("127.0.0.1", 2010, "127.0.0.1:2001"),
        connected("0.0.0.0", 2011, "127.0.0.1:2001"),
        connected("::1", 2012, "[::1]:2004"),
        listen("0.0.0.0", 2013), // TCP
        bound("2001:db8::1", 2016),
        bound("::ffff:0.0.0.0", 2017),
    ];
    zoo.extend((0..60).map(|_| {
        bound_with("0.0.0.0", 2009, |socket| {
            socket.set_reuse_port(true).unwrap();
        })
    }));
    // Next to sockets that are connected through the same port, as a QUIC server has them.
    let shared = |socket: &Socket| socket.set_reuse_address(true).unwrap();
    for _ in 0..3 {
        let socket = bound_with("127.0.0.1", 2014, shared);
        let to: SocketAddr = "127.0.0.1:2001".parse().unwrap();
        socket.connect(&to.into()).unwrap();
        zoo.push(socket);
    }
    zoo.push(bound_with("127.0.0.1", 2014, shared));
    // Connected, and then not any more.
    let dissolved = connected("127.0.0.1", 2015, "127.0.0.1:2001");
    dissolve(&dissolved);
    zoo.push(dissolved);
    zoo
}

/// Returns two sockets. The one on 2018 has a datagram in its receive queue. The queue of the one on 2019 took the first of
/// three datagrams, since each alone is more than its buffer holds.
pub fn filled() -> [Socket; 2] {
    let sender = udp("::");
    sender.set_only_v6(false).unwrap();
    let send = |size, to: &str| {
        let to: SocketAddr = to.parse().unwrap();
        sender.send_to(&vec![0; size], &to.into()).unwrap();
    };
    let full = bound_with("::1", 2019, |socket| {
        socket.set_recv_buffer_size(1).unwrap(); // the kernel makes it the least it allows
    });
    for _ in 0..3 {
        send(8192, "[::1]:2019");
    }
    let waiting = bound("127.0.0.1", 2018);
    send(100, "[::ffff:127.0.0.1]:2018");
    // Waits until the datagram has arrived.
    waiting
        .peek(&mut [std::mem::MaybeUninit::uninit()])
        .unwrap();
    [waiting, full]
}

/// Dissolves the association of a connected socket (connect(2), AF_UNSPEC).
fn dissolve(socket: &Socket) {
    let unspecified = nix::libc::sockaddr {
        sa_family: nix::libc::AF_UNSPEC as u16,
        sa_data: [0; 14],
    };
    let length = size_of_val(&unspecified) as u32;
    // SAFETY: connect(2) reads `length` bytes of the address and keeps none.
    let outcome = unsafe {
        nix::libc::connect(
            std::os::fd::AsRawFd::as_raw_fd(socket),
            &unspecified,
            length,
        )
    };
    assert_eq!(outcome, 0, "{}", std::io::Error::last_os_error());
}

/// What is expected of a target, without `udp:`.
pub const TABLE: &[Row] = &[
    // 0.0.0.0
    ("2001", Some("0.0.0.0:2001")),
    ("*:2001", Some("0.0.0.0:2001")),
    ("127.0.0.1:2001", Some("0.0.0.0:2001")),
    ("198.51.100.7:2001", Some("0.0.0.0:2001")), // not assigned here, like the VIP on a BACKUP node
    ("0.0.0.0:2001", Some("0.0.0.0:2001")),
    ("[::]:2001", None),
    ("[::1]:2001", None),
    // 127.0.0.1, 192.0.2.1
    ("2002", Some("127.0.0.1:2002")),
    ("127.0.0.1:2002", Some("127.0.0.1:2002")),
    ("127.0.0.2:2002", None),
    ("0.0.0.0:2002", None),
    ("2003", Some("192.0.2.1:2003")),
    ("192.0.2.1:2003", Some("192.0.2.1:2003")),
    ("192.0.2.2:2003", None),
    // [::], dual-stack
    ("2004", Some("[::]:2004")),
    ("127.0.0.1:2004", Some("[::]:2004")),
    ("0.0.0.0:2004", Some("[::]:2004")),
    ("[::]:2004", Some("[::]:2004")),
    ("[2001:db8::7]:2004", Some("[::]:2004")),
    // [::], V6ONLY
    ("2005", Some("[::]:2005")),
    ("127.0.0.1:2005", None),
    ("0.0.0.0:2005", None),
    ("[::1]:2005", Some("[::]:2005")),
    // [::1]
    ("2006", Some("[::1]:2006")),
    ("[::1]:2006", Some("[::1]:2006")),
    ("[2001:db8::1]:2006", None),
    ("127.0.0.1:2006", None),
    // IPv4-mapped
    ("2007", Some("[::ffff:127.0.0.1]:2007")),
    ("127.0.0.1:2007", Some("[::ffff:127.0.0.1]:2007")),
    ("[::1]:2007", None),
    ("2017", Some("[::ffff:0.0.0.0]:2017")),
    ("127.0.0.1:2017", Some("[::ffff:0.0.0.0]:2017")),
    ("[::1]:2017", None),
    // 60 SO_REUSEPORT members
    ("2009", Some("0.0.0.0:2009")),
    ("127.0.0.1:2009", Some("0.0.0.0:2009")),
    // Connected, TCP, nothing at all
    ("2010", None),
    ("127.0.0.1:2010", None),
    ("2011", None),
    ("0.0.0.0:2011", None),
    ("2012", None),
    ("[::1]:2012", None),
    ("2013", None),
    ("2099", None),
    // Beside connected ones, and not connected any more
    ("2014", Some("127.0.0.1:2014")),
    ("127.0.0.1:2014", Some("127.0.0.1:2014")),
    ("2015", Some("127.0.0.1:2015")),
    ("2016", Some("[2001:db8::1]:2016")),
    ("[2001:db8::1]:2016", Some("[2001:db8::1]:2016")),
    ("[2001:db8::2]:2016", None),
];

/// IPv4 targets that only a `[::]` serves, if it does: /proc cannot tell V6ONLY.
pub const V6ONLY_MATTERS: &[&str] = &[
    "127.0.0.1:2004",
    "0.0.0.0:2004",
    "127.0.0.1:2005",
    "0.0.0.0:2005",
];
