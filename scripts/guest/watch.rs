//! `listenup watch` with this kernel: by its events, without its modules, and through a suspend.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::attach;
use crate::verdicts::Verdicts;

const FILE: &str = "/track";
const PLACES: [&str; 4] = [
    "127.0.0.1:2001",
    "[::1]:2002",
    "udp:127.0.0.1:2003",
    "udp:[::1]:2004",
];
const ROUNDS: usize = 3;

/// Emulated, and maybe on a busy machine.
const PATIENCE: &str = "20s";

/// A socket of either protocol.
#[allow(dead_code)]
enum Open {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

impl Open {
    fn at(place: &str) -> Self {
        match place.strip_prefix("udp:") {
            Some(place) => Self::Udp(UdpSocket::bind(place).unwrap()),
            None => Self::Tcp(TcpListener::bind(place).unwrap()),
        }
    }
}

/// A watch, and its changes as they come.
struct Watch {
    child: Child,
    changes: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn start(words: &[&str]) -> Self {
        let mut child = Command::new("/listenup")
            .args(["watch", "--format", "json"])
            .args(["--track-file", FILE])
            .args(words)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let changes = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, changes }
    }

    /// Waits for the next change: whether it is this one, how it was found (by an event, where it is told), and that the file
    /// says so, too.
    fn next_is(&mut self, state: &str, source: &str, by_event: Option<bool>) -> Result<(), String> {
        let Some(Ok(line)) = self.changes.next() else {
            return Err("it has ended".to_owned());
        };
        let change: Value = serde_json::from_str(&line).unwrap();
        let value = fs::read_to_string(FILE).unwrap();
        let right = change["state"] == state
            && change["source"] == source
            && by_event.is_none_or(|by| change["seconds_since_event"].is_number() == by)
            && value == if state == "up" { "0\n" } else { "1\n" };
        right
            .then_some(())
            .ok_or(format!("{line}, and the file {value:?}"))
    }

    /// Ends it: whether it has said nothing more.
    fn end(mut self) -> Result<(), String> {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).unwrap();
        let more: Vec<_> = self.changes.map(Result::unwrap).collect();
        let status = self.child.wait().unwrap();
        (more.is_empty() && status.success())
            .then_some(())
            .ok_or(format!("{status}, {more:?}"))
    }
}

impl Verdicts {
    fn take(&mut self, what: &str, result: Result<(), String>) {
        let right = result.is_ok();
        self.note(right, || format!("{what}: {}", result.unwrap_err()));
    }
}

/// The end of a socket is seen by the kernel's event, since the next look is an hour away. Counts changes.
pub fn by_events() -> Verdicts {
    let mut verdicts = Verdicts::default();
    for place in PLACES {
        for _ in 0..ROUNDS {
            let socket = Open::at(place);
            let mut watch = Watch::start(&["--every", "1h", "--timeout", PATIENCE, place]);
            verdicts.take(place, watch.next_is("up", "sock_diag", Some(false)));
            drop(socket);
            verdicts.take(place, watch.next_is("down", "sock_diag", Some(true)));
            verdicts.take(place, watch.end());
        }
    }
    verdicts
}

/// Without a module for sock_diag there are looks in /proc alone. Counts changes.
pub fn by_proc() -> Verdicts {
    let mut verdicts = Verdicts::default();
    for place in PLACES {
        let mut socket = Some(Open::at(place));
        let mut watch = Watch::start(&["--every", "50ms", "--timeout", PATIENCE, place]);
        for _ in 0..ROUNDS {
            verdicts.take(place, watch.next_is("up", "/proc", Some(false)));
            drop(socket.take());
            verdicts.take(place, watch.next_is("down", "/proc", Some(false)));
            socket = Some(Open::at(place));
        }
        verdicts.take(place, watch.next_is("up", "/proc", Some(false)));
        verdicts.take(place, watch.end());
    }
    verdicts
}

/// Sleeps as the kernel's self-test does (power/basic-pm-debugging of its documentation), which freezes everything for
/// five seconds, with "devices" with the devices asleep; and for real, to memory, until the clock's alarm. (From idle the
/// alarm of QEMU's clock does not wake it.) A watch has no other verdict for it, and goes on. `None` if this kernel cannot
/// suspend.
pub fn through_suspends() -> Option<Verdicts> {
    if !Path::new("/sys/power").exists() {
        fs::create_dir_all("/sys").unwrap();
        attach("sysfs", "/sys", None);
    }
    if !offers("state", "freeze") {
        return None;
    }
    let mut verdicts = Verdicts::default();
    for (test, state) in [
        ("freezer", "freeze"),
        ("devices", "freeze"),
        ("none", "mem"),
    ] {
        if state == "mem" && !offers("mem_sleep", "deep") {
            continue;
        }
        let kind = format!("{state}, test {test}");
        let place = "127.0.0.1:2001";
        let socket = Open::at(place);
        // The limit of a look is less than the sleep.
        let mut watch = Watch::start(&["--every", "1ms", "--timeout", "3s", place]);
        verdicts.take(&kind, watch.next_is("up", "sock_diag", Some(false)));
        verdicts.take(&kind, sleep_until_woken(test, state));
        verdicts.note(fs::read_to_string(FILE).unwrap() == "0\n", || {
            format!("{kind}: down after it")
        });
        // Some looks.
        sleep(Duration::from_secs(1));
        drop(socket);
        verdicts.take(&kind, watch.next_is("down", "sock_diag", None));
        verdicts.take(&kind, watch.end());
    }
    Some(verdicts)
}

/// True if this file of /sys/power has the word, which is in brackets where it is chosen.
fn offers(file: &str, word: &str) -> bool {
    let words = fs::read_to_string(format!("/sys/power/{file}")).unwrap_or_default();
    words
        .split_whitespace()
        .any(|one| one.trim_matches(['[', ']']) == word)
}

/// The alarm is for a real sleep, and comes five seconds later.
fn sleep_until_woken(test: &str, state: &str) -> Result<(), String> {
    const ALARM: &str = "/sys/class/rtc/rtc0/wakealarm";
    let write = |path: &str, text: &str| {
        fs::write(path, text).map_err(|error| format!("{text} to {path}: {error}"))
    };
    write("/sys/power/pm_test", test)?;
    if test == "none" {
        write(ALARM, "0")?;
        write(ALARM, "+5")?;
    }
    write("/sys/power/state", state)
}
