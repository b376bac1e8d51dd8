//! The causes that an incident's report listed, each made for real, and what `listenup resets` says about it on the
//! machines that take part.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

use socket2::Socket;

use common::ip;
use common::node::Node;
use common::program::this_process;
use common::sockets::{bind, listen, tcp};
use common::traced::*;
use common::watch::Watch;

/// Begins to connect and does not wait for an answer.
fn begin_to_connect(address: &str, port: u16) -> Socket {
    let socket = tcp(address);
    socket.set_nonblocking(true).unwrap();
    let _ = socket.connect(&at(address, port).into());
    socket
}

#[track_caller]
fn await_reset(client: &mut Socket) {
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let error = client.read_exact(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

/// Its queue is full for a moment between two looks alone. The kernel's counter of the listener names it.
#[test]
fn a_server_over_its_capacity_is_diagnosed() {
    with_an_address(|address| {
        let listener = bind(tcp(&address), &address, 80);
        listener.listen(0).unwrap();
        let other = listen(&address, 81);
        let watch = Watch::traced("--for 3s --every 3s");
        let first = tcp_to(&address, 80);
        for _ in 0..4 {
            drop(begin_to_connect(&address, 80));
        }
        drop((listener.accept().unwrap(), first));
        let this = this_process();
        watch
            .end()
            .exits(0)
            .has(
                ACCEPT_QUEUE,
                &format!("{address}:80, of {this}: not seen full, but the only listener that discarded segments, and as many as ListenDrops counted; discarded for any reason: 4; now 0/0"),
            )
            .has_not(&format!("{address}:81"));
        drop(other);
    });
}

#[test]
fn a_client_that_closes_early_is_diagnosed() {
    with_a_peer(|ours, node, theirs| {
        let listener = listen(&ours, 80);
        let (to, from) = (at(&ours, 80), theirs.clone());
        let client = node.run(move || tcp_from(&from, to));
        let mut server = listener.accept().unwrap().0;
        let there = node.run(|| Watch::traced("--for 2s --every 2s"));
        let here = Watch::traced("--for 2s --every 2s");
        drop(client);
        assert_eq!(server.read(&mut [0]).unwrap(), 0, "its end");
        server.write_all(b"the rest of the page").unwrap();
        there.end().exits(0).has_line(
            AFTER_CLOSE,
            &format!("sent by {theirs} as a client of port 80: 1 to {ours} (TCP_"),
            &[],
        );
        here.end()
            .exits(0)
            .has_line(
                RECEIVED,
                &format!("received by {ours}:80: 1 from {theirs}"),
                &[],
            )
            .has_not(&format!("sent by {ours}"));
    });
}

/// A gateway with NAT forgets an idle connection. What the server sends then is for the gateway itself, which has no
/// such connection.
#[test]
fn a_nat_that_forgot_a_connection_is_diagnosed() {
    if common::conntrack::level().is_none() {
        return; // Without connection tracking there is no NAT.
    }
    with_a_peer(|ours, node, theirs| {
        // This namespace is the gateway; the client is behind it.
        let inside = Node::new();
        inside.plug("e0", "to-inside", &["192.168.77.2/24"]);
        ip("address add 192.168.77.1/24 dev to-inside");
        inside.ip("route add default via 192.168.77.1");
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        nft(
            "table ip t { chain p { type nat hook postrouting priority 100; oifname to-node masquerade; }; }",
        );
        let address = theirs.clone();
        let listener = node.run(move || listen(&address, 80));
        let to = at(&theirs, 80);
        let _client = inside.run(move || tcp_from("192.168.77.2", to));
        let mut server = listener.accept().unwrap().0;
        let there = node.run(|| Watch::traced("--for 3s --every 3s"));
        let here = Watch::traced("--for 3s --every 3s");
        // As when its time is over.
        forget_all_connections();
        server.write_all(b"are you still there").unwrap();
        await_reset(&mut server);
        here.end().exits(0).has_line(
            NO_CONNECTION,
            &format!("sent by {ours} as a client of port 80: 1 to {theirs} (NO_SOCKET)"),
            &[],
        );
        there
            .end()
            .exits(0)
            .has_line(
                RECEIVED,
                &format!("received by {theirs}:80: 1 from {ours}"),
                &[],
            )
            .has_line(RECEIVED, "next: ", &["a firewall or NAT did"]);
    });
}

/// IPCTNL_MSG_CT_DELETE without a tuple.
fn forget_all_connections() {
    use nix::sys::socket::*;
    use std::os::fd::AsRawFd;
    let flags = SockFlag::SOCK_CLOEXEC;
    let protocol = SockProtocol::NetlinkNetFilter;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol).unwrap();
    let mut request = 20_u32.to_ne_bytes().to_vec();
    request.extend((1_u16 << 8 | 2).to_ne_bytes());
    request.extend(5_u16.to_ne_bytes()); // NLM_F_REQUEST, NLM_F_ACK
    request.extend([0; 8]);
    request.extend([2, 0, 0, 0]); // AF_INET
    let to = NetlinkAddr::new(0, 0);
    sendto(socket.as_raw_fd(), &request, &to, MsgFlags::empty()).unwrap();
    let mut answer = [0; 64];
    recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()).unwrap();
    assert_eq!(answer[16..20], [0; 4], "an error");
}

/// A firewall that drops what it does not know leaves the server without an answer.
#[test]
fn a_firewall_that_forgot_a_connection_is_diagnosed() {
    with_a_peer(|ours, node, from| {
        let listener = listen(&ours, 80);
        let to = at(&ours, 80);
        let _client = node.run(move || tcp_from(&from, to));
        let mut server = listener.accept().unwrap().0;
        node.run(|| {
            nft("table ip t { chain i { type filter hook input priority 0; tcp sport 80 drop; }; }")
        });
        server
            .set_tcp_user_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        let watch = Watch::traced("--for 5s --every 5s");
        server.write_all(b"x").unwrap();
        let said = watch.end().exits(0);
        let cause = "peer did not answer: TCPAbortOnTimeout 1 (R/s, 1 in total)\n";
        assert!(said.stdout.contains(cause), "{said:#?}");
        said.has_line(TIME_OUT, "next: ", &["forgotten an idle connection"]);
    });
}

/// SMB clients connect to both ports, and reset the connection that they do not need.
#[test]
fn an_extra_connection_that_a_samba_client_discards_is_diagnosed() {
    with_a_peer(|ours, node, theirs| {
        let both = [139, 445].map(|port| listen(&ours, port));
        let watch = Watch::traced("--for 2s --every 2s");
        let (to, from) = (ours.clone(), theirs.clone());
        let _used = node.run(move || {
            let [netbios, direct] = [139, 445].map(|port| tcp_from(&from, at(&to, port)));
            reset_by_close(netbios);
            direct
        });
        let this = this_process();
        watch.end().exits(0).has(
            RECEIVED,
            &format!(
                "received by {ours}:139: 1 from {theirs}; open: {this} listens on {ours}:139; harmless if these \
                 are SMB clients: they open ports 139 and 445, and reset one"
            ),
        );
        drop(both);
    });
}

#[test]
fn a_stopped_service_is_diagnosed() {
    with_a_peer(|ours, node, theirs| {
        let there = node.run(|| Watch::traced("--for 2s --every 2s"));
        let here = Watch::traced("--for 2s --every 2s");
        let (to, from) = (at(&ours, 81), theirs.clone());
        node.run(move || {
            let client = bind(tcp(&from), &from, 0);
            client.connect(&to.into()).unwrap_err();
        });
        here.end().exits(0).has_line(
            NO_LISTENER,
            &format!("sent by {ours}:81: 1 to {theirs} (NO_SOCKET)"),
            &["nothing listens there now"],
        );
        there
            .end()
            .exits(0)
            .has_line(
                RECEIVED,
                &format!("received by {theirs} as a client of port 81: 1 from {ours}"),
                &[],
            )
            // It is one event, not two.
            .has_not("connections failed to open");
    });
}

/// The peer loses its memory and is back with the same address.
#[test]
fn a_peer_that_restarted_is_diagnosed() {
    with_a_peer(|ours, node, theirs| {
        let listener = listen(&ours, 80);
        let (to, from) = (at(&ours, 80), theirs.clone());
        let client = node.run(move || tcp_from(&from, to));
        let mut server = listener.accept().unwrap().0;
        // Nothing of its end reaches the server.
        node.ip("link set e0 down");
        drop(client);
        ip("link del to-node");
        let back = Node::new();
        back.plug("e0", "to-back", &[]);
        ip(&format!("address add {ours}/30 dev to-back"));
        back.ip(&format!("address add {theirs}/30 dev e0"));
        let there = back.run(|| Watch::traced("--for 3s --every 3s"));
        let here = Watch::traced("--for 3s --every 3s");
        server.write_all(b"are you still there").unwrap();
        await_reset(&mut server);
        here.end().exits(0).has_line(
            RECEIVED,
            &format!("received by {ours}:80: 1 from {theirs}"),
            &[],
        );
        there.end().exits(0).has_line(
            NO_CONNECTION,
            &format!("sent by {theirs} as a client of port 80: 1 to {ours} (NO_SOCKET)"),
            &[],
        );
    });
}

/// The address moves to this machine, whose service does not know the connection.
#[test]
fn a_moved_address_is_diagnosed() {
    with_a_peer(|ours, node, theirs| {
        let [_, _, vip] = addresses_beside(&ours);
        // The kernel does not give the address, so it has to be a port that nobody else uses.
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
        let mut client = node.run(move || tcp_from(&client, to));
        let _server = listener.accept().unwrap();
        let watch = Watch::traced("--for 3s --every 1s");
        before.ip(&format!("address del {vip}/24 dev e0"));
        ip(&format!("address add {vip}/24 dev bridge"));
        node.ip("neighbour flush dev e0");
        let _ = client.write_all(b"x");
        await_reset(&mut client);
        watch.end().exits(0).has_line(
            NO_CONNECTION,
            &format!("sent by 0.0.0.0:{port}: 1 to peers that the kernel does not name (TCP_FLAGS); "),
            &[
                &format!("open: {} listens on 0.0.0.0:{port}", this_process()),
                &format!(
                    "{vip} was added to this machine at HH:MM:SS: connections from before can be another machine's"
                ),
            ],
        );
        drop(service);
    });
}

/// A container with a PID namespace and a loopback address of its own: its processes have other numbers on the host,
/// and its resets are not the host's.
#[test]
fn a_container_without_tracefs_gets_counters() {
    with_an_address(|address| {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("said");
        let line = format!(
            "ip link set lo up; ip address add {address}/32 dev lo; mount -t proc proc /proc; \
             mount -t tracefs none /sys/kernel/tracing; $0 resets --trace on --for 3s >{} & sleep 1; \
             cp /bin/bash {1}/shopd; {1}/shopd -c 'for i in 1 2 3; do echo >/dev/tcp/{address}/81; done; true' 2>/dev/null; \
             {1}/shopd -c 'echo >/dev/tcp/127.0.0.1/81' 2>/dev/null; \
             sleep 9 | {2} {address}:82 >{1}/port & sleep 0.3; kill -STOP $!; \
             {1}/shopd -c 'exec 3<>/dev/tcp/{address}/82; kill -KILL '$!'; sleep 0.2'; sleep 2; exit 0",
            said.display(),
            folder.path().display(),
            common::program::example("listener").display(),
        );
        let here = Watch::traced("--for 6s --every 6s");
        let status = Command::new("unshare")
            .args([
                "-nmpf",
                "--propagation",
                "private",
                "--kill-child",
                "sh",
                "-c",
                &line,
            ])
            .arg(common::program::LISTENUP)
            .status();
        assert!(status.unwrap().success());
        let inside = std::fs::read_to_string(said).unwrap();
        let sent = format!("  sent by {address}:81: 3 to {address} (NO_SOCKET)");
        assert!(inside.contains(&sent), "{inside}");
        assert!(
            inside.contains("  sent by 127.0.0.1:81: 1 to 127.0.0.1 (NO_SOCKET)"),
            "{inside}"
        );
        assert!(inside.contains(": resets sent by TCP: 5, "), "{inside}");
        let killed =
            format!("  sent by {address}:82: 1 to {address} (TCP_STATE); by listener (thread ");
        let killed = inside.lines().find(|line| line.starts_with(&killed));
        assert!(
            killed.is_some_and(|line| line.contains(" of the host)")),
            "{inside}"
        );
        // The host has the same addresses, and has sent nothing.
        here.end().exits(0).has_not(NO_LISTENER).has_not("in 6s: ");
    });
}
