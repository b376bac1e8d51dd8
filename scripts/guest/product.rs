//! The product of everything that decides which listener a connection finds: family, protocol, bound address, bound
//! device, VRF, the settings for VRFs, where the client is, and the address that it asks for. Each verdict is compared with
//! what a connection or a datagram finds.

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Output};

use socket2::{Protocol, Socket};

use crate::ip;
use crate::sockets::{bind, tcp};
use crate::udp::udp;
use crate::verdicts::{Verdicts, without_elsewhere};
use crate::vrf::{client_of, enter, finds, namespace, set};

/// The addresses that listeners are bound to. The host has 192.0.2.10 and 2001:db8::10 in the VRF `red`, on its device
/// `in-red`; 198.51.100.10 and 2001:db8:1::10 outside of it, on `out`; and the loopback addresses in both.
const BOUND: [(&str, OnlyV6); 12] = [
    ("0.0.0.0", false),
    ("127.0.0.1", false),
    ("192.0.2.10", false),
    ("198.51.100.10", false),
    ("::", false),
    ("::", true),
    ("::1", true),
    ("2001:db8::10", true),
    ("2001:db8:1::10", true),
    ("::ffff:0.0.0.0", false),
    ("::ffff:192.0.2.10", false),
    ("::ffff:198.51.100.10", false),
];
type OnlyV6 = bool;

/// The devices that listeners are bound to. `blue` is another VRF.
const DEVICES: [Option<&str>; 6] = [
    None,
    Some("red"),
    Some("in-red"),
    Some("blue"),
    Some("out"),
    Some("lo"),
];

/// The values of `--interface`, each with the addresses that a connection by it can ask for.
const INTERFACES: [(&str, &[&str]); 4] = [
    ("red", &["192.0.2.10", "2001:db8::10", "127.0.0.1", "::1"]),
    ("in-red", &["192.0.2.10", "2001:db8::10"]),
    ("out", &["198.51.100.10", "2001:db8:1::10"]),
    ("lo", &["127.0.0.1", "::1"]),
];

const FIRST_PORT: u16 = 3001;

/// A host with a VRF, and a neighbour of its devices.
struct Scene {
    here: File,
    there: File,
}

/// Where a client is.
enum Client {
    Here(Option<&'static str>),
    Neighbour,
}

/// Compares all of it. Counts verdicts.
pub fn verdicts() -> Verdicts {
    let host = std::thread::spawn(|| {
        let scene = Scene::build();
        let mut verdicts = Verdicts::default();
        for accept in ["0", "1"] {
            for protocol in ["tcp", "udp"] {
                set(&format!("ipv4/{protocol}_l3mdev_accept"), accept);
            }
            for protocol in [Protocol::TCP, Protocol::UDP] {
                scene.compare(protocol, accept, &mut verdicts);
            }
        }
        verdicts
    });
    host.join().unwrap()
}

impl Scene {
    fn build() -> Self {
        let (here, there) = (namespace(), namespace());
        enter(&here);
        // Every datagram that nothing receives is to be refused, and no more than that is limited.
        for limit in [
            "ipv4/icmp_ratelimit",
            "ipv4/icmp_ratemask",
            "ipv6/icmp/ratelimit",
        ] {
            set(limit, "0");
        }
        // Any address can be bound in any VRF.
        for setting in ["ipv4/ip_nonlocal_bind", "ipv6/ip_nonlocal_bind"] {
            set(setting, "1");
        }
        for (table, vrf) in [(10, "red"), (11, "blue")] {
            ip::add_vrf(vrf, table);
            ip(&format!("link set {vrf} up"));
        }
        ip::local_table_behind_vrfs();
        for (device, peer) in [("in-red", "to-red"), ("out", "to-out")] {
            ip::add_veth(device, peer, &there);
        }
        ip::set_master("in-red", Some("red"));
        for (device, v4, v6) in [
            ("in-red", "192.0.2.10/24", "2001:db8::10/64"),
            ("out", "198.51.100.10/24", "2001:db8:1::10/64"),
        ] {
            up(device, v4, v6);
        }
        ip("address add 127.0.0.1/8 dev red");
        ip("address add ::1/128 dev red nodad");
        enter(&there);
        up("to-red", "192.0.2.20/24", "2001:db8::20/64");
        up("to-out", "198.51.100.20/24", "2001:db8:1::20/64");
        enter(&here);
        Self { here, there }
    }

    /// Every listener with every interface and address, with these settings.
    fn compare(&self, protocol: Protocol, accept: &str, verdicts: &mut Verdicts) {
        let listeners = open(protocol);
        let mut found_anyhow = vec![Vec::new(); listeners.len()];
        for (interface, addresses) in INTERFACES {
            for &address in addresses {
                let mut found = vec![false; listeners.len()];
                let to: IpAddr = address.parse().unwrap();
                for client in clients(interface, to) {
                    let sockets = self.open(protocol, to, &client, listeners.len());
                    for (at, (socket, port)) in sockets.into_iter().zip(FIRST_PORT..).enumerate() {
                        found[at] |= finds(socket, SocketAddr::new(to, port), &listeners);
                    }
                }
                for source in ["auto", "sock_diag"] {
                    let said = says(protocol, source, Some(interface), address, listeners.len());
                    for (at, &found) in found.iter().enumerate() {
                        verdicts.note(said[at] == Some(found), || {
                            let (bound, said) = (describe(at), said[at]);
                            format!(
                                "{protocol:?}, {bound}, --interface {interface}, {address}, accept {accept}, {source}: a client \
                                 finds it: {found}, listenup: {said:?}"
                            )
                        });
                    }
                }
                for (at, found) in found.into_iter().enumerate() {
                    // A loopback address without an interface is not a VRF's.
                    if found && (interface == "lo" || !to.is_loopback()) {
                        found_anyhow[at].push(address);
                    }
                }
            }
        }
        without_interface(protocol, accept, &found_anyhow, verdicts);
    }

    /// Sockets for this many connections. To change the namespace for each takes the kernel long.
    fn open(&self, protocol: Protocol, to: IpAddr, client: &Client, count: usize) -> Vec<Socket> {
        let open = || {
            let socket = client_of(protocol, SocketAddr::new(to, 0));
            if let Client::Here(Some(device)) = client {
                socket.bind_device(Some(device.as_bytes())).unwrap();
            }
            socket
        };
        let away = matches!(client, Client::Neighbour);
        if away {
            enter(&self.there);
        }
        let sockets = std::iter::repeat_with(open).take(count).collect();
        if away {
            enter(&self.here);
        }
        sockets
    }
}

/// Without `--interface` a listener that some client finds must be seen. One that no client finds may be seen, since it is
/// not known where the connection comes in. "could not tell" is not a wrong answer.
fn without_interface(
    protocol: Protocol,
    accept: &str,
    found: &[Vec<&str>],
    verdicts: &mut Verdicts,
) {
    for address in [
        "192.0.2.10",
        "2001:db8::10",
        "198.51.100.10",
        "2001:db8:1::10",
        "127.0.0.1",
        "::1",
    ] {
        let said = says(protocol, "auto", None, address, found.len());
        for (at, found) in found.iter().enumerate() {
            let found = found.contains(&address);
            if said[at].is_none() || (!found && said[at] == Some(true)) {
                continue;
            }
            verdicts.note(said[at] == Some(found), || {
                let (bound, said) = (describe(at), said[at]);
                format!("{protocol:?}, {bound}, {address}, accept {accept}: a client finds it: {found}, listenup: {said:?}")
            });
        }
    }
}

fn up(device: &str, v4: &str, v6: &str) {
    ip(&format!("link set {device} up"));
    ip(&format!("address add {v4} dev {device}"));
    ip(&format!("address add {v6} dev {device} nodad"));
}

/// The clients whose connections to this address come in by this interface. One of the same host comes in by the device that
/// has the address, although its packets go through `lo` (net/ipv4/route.c, orig_oif; net/ipv6/ip6_input.c, iif).
fn clients(interface: &str, to: IpAddr) -> Vec<Client> {
    match interface {
        "red" if to.is_loopback() => vec![Client::Here(Some("red"))],
        "red" | "in-red" => vec![Client::Here(Some("red")), Client::Neighbour],
        "out" => vec![Client::Here(None), Client::Neighbour],
        _ => vec![Client::Here(None)],
    }
}

/// The address and the device of each listener; the place is its port less the first.
fn listeners() -> impl Iterator<Item = (&'static str, OnlyV6, Option<&'static str>)> {
    let with_devices = |(address, only_v6)| DEVICES.map(|device| (address, only_v6, device));
    BOUND.into_iter().flat_map(with_devices)
}

fn describe(at: usize) -> String {
    let (address, only_v6, device) = listeners().nth(at).unwrap();
    format!("bound to {address} (only IPv6: {only_v6}) on {device:?}")
}

fn open(protocol: Protocol) -> Vec<Socket> {
    let open = |((address, only_v6, device), port): ((&str, OnlyV6, Option<&str>), u16)| {
        let is_tcp = protocol == Protocol::TCP;
        let socket = if is_tcp { tcp(address) } else { udp(address) };
        if address.contains(':') {
            socket.set_only_v6(only_v6).unwrap();
        }
        if let Some(device) = device {
            socket.bind_device(Some(device.as_bytes())).unwrap();
        }
        let socket = bind(socket, address, port);
        if is_tcp {
            socket.listen(64).unwrap();
        }
        socket.set_nonblocking(true).unwrap();
        socket
    };
    listeners().zip(FIRST_PORT..).map(open).collect()
}

/// What the program says of this address and each port: `None` is neither yes nor no.
fn says(
    protocol: Protocol,
    source: &str,
    interface: Option<&str>,
    address: &str,
    count: usize,
) -> Vec<Option<bool>> {
    let prefix = if protocol == Protocol::TCP {
        ""
    } else {
        "udp:"
    };
    let address: IpAddr = address.parse().unwrap();
    let targets: Vec<_> = (FIRST_PORT..)
        .take(count)
        .map(|port| format!("{prefix}{}", SocketAddr::new(address, port)))
        .collect();
    let Output { stdout, stderr, .. } = Command::new("/listenup")
        .args(["check", "--timeout", "20s", "--source", source])
        .args(interface.iter().flat_map(|name| ["--interface", name]))
        .args(&targets)
        .output()
        .unwrap();
    let (stdout, stderr) = (
        without_elsewhere(&String::from_utf8_lossy(&stdout)),
        String::from_utf8_lossy(&stderr),
    );
    let answer = |target: &String| {
        let mut lines = stdout.lines();
        let line = lines.find_map(|line| line.strip_prefix(&format!("{target}: ")))?;
        match line {
            "not listening" | "not bound" => Some(false),
            _ if line.starts_with("listening on ") || line.starts_with("bound to ") => Some(true),
            _ => None,
        }
    };
    assert!(!stdout.is_empty(), "{targets:?}: {stderr}");
    targets.iter().map(answer).collect()
}
