//! `listenup resets` as root, with the kernel's trace: its instance, its limits, and what it says to programs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod common;

use std::net::{SocketAddr, TcpStream};

use nix::fcntl::FlockArg;
use nix::sys::signal::{Signal, kill};
use socket2::Socket;

use common::confined::Confined;
use common::program::ProgramOutput;
use common::sockets::listen;
use common::traced::*;
use common::watch::Watch;
use common::{in_namespace, ip, schema};

#[test]
fn traced_json_matches_the_schema() {
    with_an_address(|address| {
        let _listener = listen(&address, 80);
        let watch = Watch::traced("--for 1s --every 1s --format json");
        TcpStream::connect(at(&address, 81)).unwrap_err();
        reset_by_close(tcp_to(&address, 80));
        let said = watch.end().exits(0).stderr("");
        let document = schema::document(&said.stdout, "resets");
        assert_eq!(document["trace"]["state"], "on");
        assert_eq!(document["trace"]["complete"], true);
        let place = |id: &str| {
            let findings = document["findings"].as_array().unwrap();
            let found = findings.iter().find(|finding| finding["cause"] == id);
            let places = found.unwrap()["places"].as_array().unwrap().iter();
            let mut own = places.filter(|place| place["local_address"] == address.as_str());
            own.next().unwrap_or_else(|| panic!("{document:#}")).clone()
        };
        let closed = place("no_listener");
        assert_eq!(closed["direction"], "sent");
        assert_eq!(
            (&closed["role"], &closed["local_port"], &closed["reason"]),
            (&"service".into(), &81.into(), &"NO_SOCKET".into())
        );
        assert_eq!(
            closed["peers"],
            serde_json::json!([{ "address": address, "resets": 1 }])
        );
        assert_eq!(closed["listening"]["answer"], "not listening");
        let aborted = place("aborted");
        assert_eq!(
            (&aborted["role"], &aborted["peer_port"]),
            (&"client".into(), &80.into())
        );
        let process = &aborted["processes"][0];
        match is_on_host() {
            true => assert_eq!(process["pid"], std::process::id()),
            false => assert_eq!(process["state"], "on the host"),
        }
    });
}

/// Runs a line of sh, in which `$0` is the program, where tracefs is.
fn sh_with_tracefs(line: &str) -> ProgramOutput {
    let mut sh = Confined::new("sh").with_tracefs().into_command();
    ProgramOutput::by(sh.args(["-c", line, common::program::LISTENUP]))
}

/// The names of instances of `pid`, which is `$!` or a number.
const COUNT: &str = "ls /sys/kernel/tracing/instances | grep -c \"^listenup-resets-$pid-\"; true";

#[test]
fn the_tracing_instance_is_removed_at_every_kind_of_end() {
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
fn ctrl_c_prints_the_summary() {
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
fn resets_watches_the_namespace_of_netns() {
    with_a_peer(|ours, node, theirs| {
        let path = node.path().to_owned();
        let words = format!("--for 1s --every 1s --netns {path}");
        let text = Watch::traced(&words);
        let json = Watch::traced(&format!("{words} --format json"));
        TcpStream::connect(at(&theirs, 80)).unwrap_err();
        let said = text.end().exits(0);
        let told = format!("sent by {theirs}:80: 1 to {ours} (NO_SOCKET)");
        let said = said.has_line(NO_LISTENER, &told, &[]);
        let elsewhere = "elsewhere on this host, in other network namespaces: ";
        assert!(said.stdout.contains(elsewhere), "{said:#?}");
        // The other end is of another namespace, ours.
        let document = schema::document(&json.end().exits(0).stdout, "resets");
        let mut elsewhere = document["elsewhere"].as_array().unwrap().iter();
        assert!(
            elsewhere.any(|place| place["local_address"] == ours.as_str()),
            "{document:#}"
        );
    });
}

#[test]
fn without_root_the_counters_are_reported() {
    if !traces() {
        return;
    }
    in_namespace(|| {
        TcpStream::connect("127.0.0.1:81").unwrap_err();
        let folder = common::confined::folder_with_listenup();
        let listenup = folder.path().join("listenup");
        let nobody = || Confined::new(&listenup).with_tracefs_for_nobody();
        let why = "/sys/kernel/tracing/instances cannot be opened: Permission denied (EACCES)";
        nobody()
            .run("resets --for 1ms")
            .exits(0)
            .stdout(
                "no resets or dropped connections found by the counters in 1ms; resets by a firewall are not counted\nbefore: AttemptFails 1, OutRsts 1\n",
            )
            .stderr(&format!(
                "{COUNTERS_ONLY}{why}; as root with tracefs mounted it also shows ports, peers and processes\n"
            ));
        nobody()
            .run("resets --for 1ms --trace on")
            .exits(1)
            .stdout("")
            .stderr(&format!("listenup: cannot trace: {why}\n"));
        nobody()
            .run("resets --for 1ms --trace off")
            .exits(0)
            .stderr("");
        let said = nobody()
            .run("resets --for 1ms --format json")
            .exits(0)
            .stderr("");
        let document = schema::document(&said.stdout, "resets");
        assert_eq!(document["trace"]["state"], "unavailable");
        assert_eq!(document["trace"]["reason"], why);
    });
}

/// A socket that sends whole packets.
fn raw() -> Socket {
    let socket = Socket::new(
        socket2::Domain::IPV4,
        socket2::Type::RAW,
        Some(socket2::Protocol::TCP),
    )
    .unwrap();
    socket.set_header_included_v4(true).unwrap();
    socket
}

/// SYNs from so many addresses to one closed port, as fast as one thread can; how many a second.
fn storm(to: &str, count: u32) -> f64 {
    let socket = raw();
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

/// The peer resets a connection before it is established. No trace has that, and another namespace that refuses a
/// connection on its own loopback address must not hide it.
#[test]
fn a_half_open_connection_reset_by_the_peer_is_counted() {
    with_a_peer(|ours, node, theirs| {
        let _listener = listen(&ours, 81);
        let watch = Watch::traced("--for 3s --every 3s");
        let [from, to] =
            [&theirs, &ours].map(|address| address.parse::<std::net::Ipv4Addr>().unwrap());
        let segment = syn(from.octets(), to.octets());
        let to = SocketAddr::new(to.into(), 0);
        node.run(move || raw().send_to(&segment, &to.into()).unwrap());
        node.run(|| {
            sh_here(
                "ip link set lo up; bash -c 'for i in 1 2 3; do echo >/dev/tcp/127.0.0.1/82; done' 2>/dev/null; true",
            );
        });
        let said = watch.end().exits(0);
        let found = "connections failed to open: AttemptFails 1 (R/s, 1 in total), EmbryonicRsts 1 (R/s, 1 in total)\n";
        assert!(said.stdout.contains(found), "{said:#?}");
        assert!(
            said.stdout.contains(", half-open connections reset: 1; "),
            "{said:#?}"
        );
        assert!(said.stdout.contains("as by a port scan\n"), "{said:#?}");
    });
}

#[test]
fn a_storm_of_resets_is_sampled_and_counted() {
    with_a_peer_and(FlockArg::LockExclusive, |address, _node, gateway| {
        // The node takes the resets and does nothing with them.
        ip(&format!("route add default via {gateway}"));
        let watch = Watch::traced("--for 1h --every 1s --format json");
        let text = Watch::traced("--for 1h --every 1h");
        let (before, _) = cost(watch.pid());
        let count = 500_000;
        let rate = storm(&address, count);
        let (after, memory) = cost(watch.pid());
        kill(watch.pid(), Signal::SIGINT).unwrap();
        let document = schema::document(&watch.end().exits(0).stdout, "resets");
        kill(text.pid(), Signal::SIGINT).unwrap();
        let text = text.end().exits(0).stdout;
        let untraced = text
            .lines()
            .find_map(|line| line.strip_prefix("resets sent, cause not counted: "));
        let untraced = untraced.unwrap_or_else(|| panic!("{text}"));
        assert!(untraced.contains(" not traced, OutRsts "), "{text}");
        let findings = document["findings"].as_array().unwrap();
        let mut sent = findings.iter().filter(|finding| finding["cause"] == "sent");
        let next = sent.next().unwrap()["next"].as_str().unwrap();
        assert!(next.starts_with("tcpdump "), "{next}");
        let places = findings
            .iter()
            .flat_map(|finding| finding["places"].as_array().unwrap());
        let own = places.filter(|place| place["local_address"] == address.as_str());
        let counted: u64 = own.map(|place| place["resets"].as_u64().unwrap()).sum();
        let lost = document["trace"]["lost"].as_u64().unwrap();
        let share = (after - before) as f64 / 100.0 / (f64::from(count) / rate);
        println!(
            "{rate:.0} resets a second: {counted} counted, {lost} lost, {memory} KiB, {:.1} % of a core",
            share * 100.0
        );
        // Others on this host may have sent some as well.
        assert!(counted + lost >= u64::from(count), "{counted} and {lost}");
        assert!(counted <= u64::from(count) && counted > 1000, "{counted}");
        assert!(memory < 16 * 1024, "{memory} KiB");
    });
}
