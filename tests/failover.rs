//! The real keepalived: the address stays where the service listens, and leaves when it does not.
//!
//! keepalived counts a script that cannot be executed as success, so every test also shows that the
//! address leaves.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use common::in_namespace;
use common::keepalived::{Gateways, PORT, Setup, VIP};
use common::program::{LISTENUP, ProgramOutput, example};
use common::sockets::Server;
use common::watch::Watch;
use common::watcher::Killed;

const ON_A: [bool; 2] = [true, false];
const ON_B: [bool; 2] = [false, true];

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The tests wait for keepalived's seconds, so they run one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes A's listener, which must move the address to B, and opens it again.
fn close_and_open(gateways: &mut Gateways) {
    drop(gateways.service_on_a.take());
    let left = gateways.await_vip(ON_B, seconds(5));
    gateways.service_on_a = Some(gateways.a.run(|| Server::start(PORT)));
    let back = gateways.await_vip(ON_A, seconds(15));
    println!("closed: on B after {left:?}; opened: back on A after {back:?}");
}

/// Gateways with this set-up, of which A has the address.
fn started(setup: &Setup) -> Gateways {
    let mut gateways = Gateways::new();
    gateways.start(setup);
    gateways.await_vip(ON_A, seconds(15));
    gateways
}

/// With this set-up the address comes up on A, stays there, and follows the listener.
fn follows_the_listener(setup: &Setup, soak: Duration) {
    let _turn = alone();
    let mut gateways = started(setup);
    assert_eq!(
        gateways.looks_elsewhere(ON_A, soak),
        0,
        "{}",
        gateways.logs()
    );
    let before = gateways.times_master();
    close_and_open(&mut gateways);
    let after = gateways.times_master();
    let moves = [after[0] - before[0], after[1] - before[1]];
    assert_eq!(moves, [1, 1], "there and back, once\n{}", gateways.logs());
    let log = gateways.log_of_a();
    assert!(
        !log.contains("timed_out") && !log.contains("timed out"),
        "{log}"
    );
}

#[test]
fn the_address_follows_the_listener() {
    in_namespace(|| follows_the_listener(&Setup::default(), seconds(8)));
}

#[test]
fn failover_works_the_same_without_sock_diag() {
    in_namespace(|| {
        follows_the_listener(
            &Setup {
                without_sock_diag: true,
                ..Setup::default()
            },
            seconds(3),
        );
    });
}

#[test]
fn a_weight_only_changes_the_priority() {
    in_namespace(|| {
        // 150 - 60 = 90 is below B's 100.
        follows_the_listener(
            &Setup {
                weight: "weight -60",
                ..Setup::default()
            },
            seconds(2),
        );
    });
    in_namespace(|| {
        // 80 is below B's 100, 80 + 60 above.
        let setup = Setup {
            weight: "weight 60",
            priority: 80,
            ..Setup::default()
        };
        follows_the_listener(&setup, seconds(2));
    });
}

#[test]
fn with_reverse_a_listener_lowers_the_priority() {
    in_namespace(|| {
        let _turn = alone();
        let mut gateways = Gateways::new();
        // What listens lowers the priority: A has 150 - 60, less than B's 100, until it is closed.
        let weight = "weight 60 reverse";
        gateways.start(&Setup {
            weight,
            ..Setup::default()
        });
        gateways.await_vip(ON_B, seconds(15));
        assert_eq!(
            gateways.looks_elsewhere(ON_B, seconds(5)),
            0,
            "{}",
            gateways.logs()
        );
        drop(gateways.service_on_a.take());
        gateways.await_vip(ON_A, seconds(15));
    });
}

/// A listener that is away for 150 ms of every 450 ms, for so many seconds.
fn reload_again_and_again(gateways: &mut Gateways, seconds: u64) {
    for _ in 0..seconds * 1000 / 450 {
        drop(gateways.service_on_a.take());
        std::thread::sleep(Duration::from_millis(150));
        gateways.service_on_a = Some(gateways.a.run(|| Server::start(PORT)));
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn retry_for_bridges_a_reload_that_otherwise_fails_over() {
    for (script, bridged) in [
        ("FOLDER/listenup check -q --retry-for 300ms 8443", true),
        ("FOLDER/listenup check -q 8443", false),
    ] {
        in_namespace(move || {
            let _turn = alone();
            let mut gateways = started(&Setup {
                script,
                ..Setup::default()
            });
            reload_again_and_again(&mut gateways, 12);
            let failed = gateways.log_of_a().contains("now returning 1");
            assert_eq!(failed, !bridged, "{script}\n{}", gateways.logs());
            gateways.await_vip(ON_A, seconds(15));
            close_and_open(&mut gateways);
        });
    }
}

/// A connection of a client through the address, on which it says something now and then.
struct Conversation(TcpStream);

impl Conversation {
    fn begin(gateways: &Gateways) -> Self {
        let connection = gateways.client.run(|| {
            let address: SocketAddr = format!("{VIP}:{PORT}").parse().unwrap();
            TcpStream::connect_timeout(&address, seconds(5)).unwrap()
        });
        // While the address is nowhere what the client says is lost, and said again ever later.
        connection.set_read_timeout(Some(seconds(60))).unwrap();
        Self(connection)
    }

    fn go_on(&mut self) -> Result<(), ErrorKind> {
        self.0.write_all(b"?").map_err(|error| error.kind())?;
        self.0.read_exact(&mut [0]).map_err(|error| error.kind())
    }
}

/// Very many sockets on A, as many as a busy gateway has. They go with this value.
struct Load(Child);

impl Load {
    fn on(gateways: &Gateways, sockets: u32) -> Self {
        let mut child = gateways.a.run(move || {
            Command::new(example("load"))
                .args([&sockets.to_string(), "600"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        });
        let mut ready = [0; 6];
        child.stdout.take().unwrap().read_exact(&mut ready).unwrap();
        assert_eq!(&ready, b"ready\n");
        Self(child)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The line of `listenup resets` on B, which got the address, that says why the client was reset.
#[track_caller]
fn cause(resets: &ProgramOutput, gateways: &Gateways) -> String {
    let mut lines = resets.stdout.lines();
    let sent = format!("  sent by 0.0.0.0:{PORT}: ");
    let line = lines.find(|line| line.starts_with(&sent));
    let line = line.unwrap_or_else(|| panic!("{resets:#?}\n{}", gateways.logs()));
    let moved = format!(
        "{VIP} was added to this machine at HH:MM:SS: connections from before can be another machine's"
    );
    assert!(line.contains(&moved), "no {moved:?} in {resets:#?}");
    format!("listenup resets on B:{}", &line[1..])
}

/// The incident that this project exists for: A gets very many sockets while its service is well the
/// whole time, and a client holds a connection through the address.
#[test]
fn netstat_fails_over_under_load_and_listenup_does_not() {
    let sockets = match std::env::var("LISTENUP_INCIDENT_SOCKETS") {
        Ok(count) => count.parse().unwrap(),
        Err(_) => 700_000,
    };
    println!(
        "| check script | scripts that timed out | looks that found the address elsewhere | client |"
    );
    println!("|---|---:|---:|---|");
    for (script, harmless) in [
        ("/bin/sh -c 'netstat -tln | grep -q :8443'", false),
        ("FOLDER/listenup check -q 8443", true),
    ] {
        in_namespace(move || {
            let _turn = alone();
            let mut gateways = started(&Setup {
                script,
                ..Setup::default()
            });
            let mut conversation = Conversation::begin(&gateways);
            assert_eq!(conversation.go_on(), Ok(()));
            let load = Load::on(&gateways, sockets);
            let resets = gateways.b.run(|| Watch::traced("--for 1h --every 1s"));
            let elsewhere = gateways.looks_elsewhere(ON_A, seconds(15));
            let mut client = conversation.go_on();
            // On a slow machine what it sent may wait for a retransmission before it is reset.
            for _ in 0..20 {
                if client != Err(ErrorKind::WouldBlock) {
                    break;
                }
                client = conversation.go_on();
            }
            kill(resets.pid(), Signal::SIGINT).unwrap();
            let resets = resets.end().exits(0);
            let log = gateways.log_of_a();
            let late = log.lines().filter(|line| line.contains("timed")).count();
            let word = match client {
                Ok(()) => "nothing noticed".to_owned(),
                Err(kind) => kind.to_string(),
            };
            println!(
                "| `{}` | {late} | {elsewhere} | {word} |",
                // A pipe would end the cell.
                script.replace("FOLDER/", "").replace('|', "\\|")
            );
            if harmless {
                assert_eq!(
                    (elsewhere, client, late),
                    (0, Ok(()), 0),
                    "{}",
                    gateways.logs()
                );
                close_and_open(&mut gateways);
            } else {
                assert!(elsewhere > 0 && late > 0, "{}", gateways.logs());
                assert_eq!(
                    client,
                    Err(ErrorKind::ConnectionReset),
                    "{}",
                    gateways.logs()
                );
                println!("{}", cause(&resets, &gateways));
            }
            drop(load);
        });
    }
}

#[test]
fn a_watch_moves_the_address_and_its_reload_does_not() {
    in_namespace(|| {
        let _turn = alone();
        let mut gateways = Gateways::new();
        let file = gateways.track_file("a");
        std::fs::write(gateways.track_file("b"), "0\n").unwrap();
        let watcher = {
            let file = file.clone();
            gateways.a.run(move || {
                let mut command = Command::new(LISTENUP);
                command.args(["watch", "-q", "--track-file"]).arg(file);
                Killed(command.arg(PORT.to_string()).spawn().unwrap())
            })
        };
        gateways.start(&Setup {
            by_track_file: true,
            priority: 254,
            priority_of_b: 253,
            ..Setup::default()
        });
        gateways.await_vip(ON_A, seconds(15));
        close_and_open(&mut gateways);

        let before = gateways.times_master();
        kill(Pid::from_raw(watcher.0.id() as i32), Signal::SIGHUP).unwrap();
        assert_eq!(gateways.looks_elsewhere(ON_A, seconds(3)), 0);
        assert_eq!(gateways.times_master(), before);

        // When nobody keeps the file any more, it says down.
        kill(Pid::from_raw(watcher.0.id() as i32), Signal::SIGTERM).unwrap();
        gateways.await_vip(ON_B, seconds(5));
    });
}
