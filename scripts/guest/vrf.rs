//! Listeners in a VRF and outside of it, and what `--interface` makes of them: compared with what connections and
//! datagrams find.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use socket2::{Domain, Protocol, Socket, Type};

use crate::sockets::{bind, tcp};
use crate::udp::udp;
use crate::verdicts::Verdicts;
use crate::{attach, ip};

/// An address of the enslaved device, and one of the VRF's own, of each family.
const ADDRESSES: [&str; 4] = ["192.0.2.10", "2001:db8::10", "127.0.0.1", "::1"];

/// The listeners: each on a port of its own, an address, and the device that it is bound to. `red` is the VRF, `in-red`
/// is enslaved to it, `blue` another VRF.
const LISTENERS: [(u16, &str, Option<&str>); 10] = [
    (2001, "0.0.0.0", None),
    (2002, "0.0.0.0", Some("red")),
    (2003, "0.0.0.0", Some("in-red")),
    (2004, "0.0.0.0", Some("blue")),
    (2005, "::", None),
    (2006, "::", Some("red")),
    (2007, "::", Some("in-red")),
    (2008, "127.0.0.1", Some("red")),
    (2009, "127.0.0.1", None),
    (2010, "192.0.2.10", Some("red")),
];
/// So many of them need no address of a device.
const ANYWHERE: usize = 9;
const NOBODY_LISTENS: u16 = 2011;

/// In network namespaces of their own: the host with the VRF, and a neighbour.
pub fn verdicts() -> Verdicts {
    let host = std::thread::spawn(|| {
        let (here, there) = (namespace(), namespace());
        enter(&here);
        build(&there);
        // Every datagram that nobody takes is to be refused.
        for limit in ["ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"] {
            set(limit, "0");
        }
        let mut verdicts = Verdicts::default();
        for accept in ["0", "1"] {
            set("ipv4/tcp_l3mdev_accept", accept);
            set("ipv4/udp_l3mdev_accept", accept);
            compare(&here, &there, &mut verdicts);
        }
        without_settings(&mut verdicts);
        out_of_the_vrf(&here, &there, &mut verdicts);
        verdicts
    });
    host.join().unwrap()
}

/// A new network namespace, of this thread from now on.
pub fn namespace() -> File {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    ip("link set lo up");
    File::open("/proc/thread-self/ns/net").unwrap()
}

pub fn enter(namespace: &File) {
    setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
}

/// Writes a setting below /proc/sys/net.
pub fn set(setting: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/{setting}"), value).unwrap();
}

/// The VRF with its devices here, and the other end of one of them there.
fn build(there: &File) {
    let here = File::open("/proc/thread-self/ns/net").unwrap();
    for (table, vrf) in [(10, "red"), (11, "blue")] {
        ip::add_vrf(vrf, table);
        ip(&format!("link set {vrf} up"));
    }
    ip::local_table_behind_vrfs();
    ip::add_veth("in-red", "to-red", there);
    ip::set_master("in-red", Some("red"));
    ip("link set in-red up");
    ip("address add 127.0.0.1/8 dev red");
    // The kernel gives a VRF no ::1 by itself.
    ip("address add ::1/128 dev red nodad");
    ip("address add 192.0.2.10/24 dev in-red");
    ip("address add 2001:db8::10/64 dev in-red nodad");
    enter(there);
    ip("link set to-red up");
    ip("address add 192.0.2.20/24 dev to-red");
    ip("address add 2001:db8::20/64 dev to-red nodad");
    enter(&here);
}

/// Every target by every interface, once all listen.
fn compare(here: &File, there: &File, verdicts: &mut Verdicts) {
    for protocol in [Protocol::TCP, Protocol::UDP] {
        let listeners = open(protocol, LISTENERS.len());
        for interface in ["red", "in-red"] {
            for port in LISTENERS.iter().map(|row| row.0).chain([NOBODY_LISTENS]) {
                let mut any = false;
                for address in ADDRESSES {
                    let to = SocketAddr::new(address.parse().unwrap(), port);
                    let found = ways_in(interface, to.ip()).iter().any(|way| {
                        let client = client(protocol, to, way, here, there);
                        finds(client, to, &listeners)
                    });
                    any |= found;
                    check(verdicts, protocol, interface, &to.to_string(), found);
                }
                check(verdicts, protocol, interface, &port.to_string(), any);
            }
        }
    }
}

/// Where a connection begins.
enum Way {
    /// In the VRF.
    Here,
    /// At the other end of the enslaved device.
    There,
}

/// The ways that a connection which comes in by this interface can take. To a loopback address there is none but the
/// VRF's own.
fn ways_in(interface: &str, to: IpAddr) -> &'static [Way] {
    match interface {
        _ if to.is_loopback() => &[Way::Here],
        "red" => &[Way::Here, Way::There],
        _ => &[Way::There],
    }
}

/// The first so many listeners.
fn open(protocol: Protocol, count: usize) -> Vec<Socket> {
    let open = |(port, address, device): &(u16, &str, Option<&str>)| {
        let socket = if protocol == Protocol::TCP {
            tcp(address)
        } else {
            udp(address)
        };
        if *address == "::" {
            socket.set_only_v6(false).unwrap();
        }
        if let Some(device) = device {
            socket.bind_device(Some(device.as_bytes())).unwrap();
        }
        let socket = bind(socket, address, *port);
        if protocol == Protocol::TCP {
            socket.listen(64).unwrap();
        }
        socket.set_nonblocking(true).unwrap();
        socket
    };
    LISTENERS.iter().take(count).map(open).collect()
}

fn client(protocol: Protocol, to: SocketAddr, way: &Way, here: &File, there: &File) -> Socket {
    match way {
        Way::Here => {
            let socket = client_of(protocol, to);
            socket.bind_device(Some(b"red")).unwrap();
            socket
        }
        Way::There => {
            enter(there);
            let socket = client_of(protocol, to);
            enter(here);
            socket
        }
    }
}

/// A socket that can connect to this address.
pub fn client_of(protocol: Protocol, to: SocketAddr) -> Socket {
    let kind = match protocol {
        Protocol::TCP => Type::STREAM,
        _ => Type::DGRAM,
    };
    Socket::new(Domain::for_address(to), kind, Some(protocol)).unwrap()
}

/// True if a connection or a datagram from this socket finds a listener.
pub fn finds(client: Socket, to: SocketAddr, listeners: &[Socket]) -> bool {
    let patience = Duration::from_secs(10);
    match client.connect_timeout(&to.into(), patience) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => return false,
        Err(error) => panic!("{to}: {error}"),
    }
    if client.r#type().unwrap() == Type::STREAM {
        return true;
    }
    client.set_nonblocking(true).unwrap();
    let deadline = Instant::now() + patience;
    let mut buffer = [std::mem::MaybeUninit::uninit(); 1];
    for turn in 0.. {
        if Instant::now() > deadline {
            break;
        }
        // Again from time to time: the kernel limits how many it refuses in a second.
        if turn % 50 == 0 && client.send(b"?").is_err() {
            return false;
        }
        if listeners.iter().any(|one| one.recv(&mut buffer).is_ok()) {
            return true;
        }
        match client.recv(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return false,
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    panic!("udp:{to}: neither received nor refused");
}

/// What the program says of this target by this interface.
fn check(verdicts: &mut Verdicts, protocol: Protocol, interface: &str, target: &str, found: bool) {
    expect(verdicts, protocol, interface, target, i32::from(!found));
}

fn expect(verdicts: &mut Verdicts, protocol: Protocol, interface: &str, target: &str, code: i32) {
    let prefix = if protocol == Protocol::TCP {
        ""
    } else {
        "udp:"
    };
    // The cross-check of /proc tells nothing of devices.
    let sources = if target.contains(':') {
        &["auto"][..]
    } else {
        &["auto", "sock_diag"]
    };
    for source in sources {
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new("/listenup")
            .args(["check", "--exit-codes", "distinct", "--timeout", "20s"])
            .args(["--source", source, "--interface", interface])
            .arg(format!("{prefix}{target}"))
            .output()
            .unwrap();
        verdicts.note(status.code() == Some(code), || {
            let accept = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_l3mdev_accept");
            format!(
                "--interface {interface} {prefix}{target} of {source}: {status} for exit code {code}, {:?} {:?}, \
                 tcp_l3mdev_accept {accept:?}",
                String::from_utf8_lossy(&stdout),
                String::from_utf8_lossy(&stderr)
            )
        });
    }
}

/// Where /proc has no settings it is not known whether a listener outside the VRF takes what comes in by it.
fn without_settings(verdicts: &mut Verdicts) {
    attach("proc", "/proc", Some("subset=pid"));
    for protocol in [Protocol::TCP, Protocol::UDP] {
        let _listeners = open(protocol, ANYWHERE);
        for (target, code) in [
            ("192.0.2.10:2001", 3),
            ("192.0.2.10:2002", 0),
            ("192.0.2.10:2004", 1),
            ("[2001:db8::10]:2005", 3),
            ("2005", 3),
            ("2006", 0),
            ("2011", 1),
        ] {
            for interface in ["red", "in-red"] {
                expect(verdicts, protocol, interface, target, code);
            }
        }
    }
    umount2("/proc", MntFlags::MNT_DETACH).unwrap();
}

/// The device leaves the VRF, whose listeners it then finds no more.
fn out_of_the_vrf(here: &File, there: &File, verdicts: &mut Verdicts) {
    set("ipv4/tcp_l3mdev_accept", "0");
    set("ipv4/udp_l3mdev_accept", "0");
    ip::set_master("in-red", None);
    let address: IpAddr = "192.0.2.10".parse().unwrap();
    for protocol in [Protocol::TCP, Protocol::UDP] {
        let listeners = open(protocol, ANYWHERE);
        for port in [2001, 2002, 2003, 2005, 2006, 2007, NOBODY_LISTENS] {
            let to = SocketAddr::new(address, port);
            let client = client(protocol, to, &Way::There, here, there);
            let found = finds(client, to, &listeners);
            check(verdicts, protocol, "in-red", &to.to_string(), found);
        }
    }
}
