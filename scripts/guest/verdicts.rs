//! Runs of listenup, and which of them said something else than what is known to be true.

use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use crate::table::{ON_A_DEVICE, TABLE, V6ONLY_MATTERS, shown};
use crate::udp;

/// What the kernel can do, which the answers depend on.
#[derive(Clone, Copy)]
pub struct Kernel {
    /// Whether tcp_diag is loaded.
    pub sock_diag: bool,
    /// Whether /proc/self/net/tcp can be opened.
    pub proc: bool,
    pub ipv6: bool,
}

/// How the program is run.
#[derive(Clone, Copy)]
pub struct Run {
    pub source: &'static str,
    /// The user and the group.
    pub user: u32,
}

/// How many runs were right, and what the others said.
#[derive(Default)]
pub struct Verdicts {
    pub right: usize,
    pub wrong: Vec<String>,
}

/// The truth about a target, and its exit code in the set `distinct`.
enum Truth {
    Known {
        text: String,
        code: i32,
    },
    /// Why not.
    Unknown(&'static str),
}

impl Verdicts {
    /// Notes a verdict.
    pub fn note(&mut self, right: bool, what: impl FnOnce() -> String) {
        if right {
            self.right += 1;
        } else {
            self.wrong.push(what());
        }
    }

    /// Each target of the zoo in a run of its own, all in one run, and many ports in one.
    pub fn of_the_zoo(kernel: Kernel, run: Run) -> Self {
        let mut verdicts = Self::default();
        let in_table = TABLE.iter().map(|row| row.0);
        let mut all: Vec<String> = Vec::new();
        // The same target twice is one.
        for target in in_table.chain(ON_A_DEVICE.iter().map(|row| row.0)) {
            if !all.iter().any(|known| shown(known) == shown(target)) {
                all.push(target.to_owned());
            }
        }
        for target in &all {
            verdicts.compare(kernel, run, std::slice::from_ref(target));
        }
        verdicts.compare(kernel, run, &all);
        // As many as one command takes.
        let ports: Vec<_> = (501..=1500).map(|port: u16| port.to_string()).collect();
        verdicts.compare(kernel, run, &ports);
        verdicts
    }

    /// Each target of the UDP zoo in a run of its own.
    pub fn of_udp(sock_diag: bool, run: Run) -> Self {
        let mut verdicts = Self::default();
        let by_sock_diag = run.source != "proc" && sock_diag;
        for (target, place) in udp::TABLE {
            let unknown = !by_sock_diag && udp::V6ONLY_MATTERS.contains(target);
            let (code, text) = match place {
                _ if run.source == "sock_diag" && !sock_diag => (3, "could not tell".to_owned()),
                _ if unknown => (3, "could not tell".to_owned()),
                Some(place) => (0, format!("bound to {place}")),
                None => (1, "not bound".to_owned()),
            };
            let expected = format!("udp:{}: {text}\n", shown(target));
            let Output { status, stdout, .. } = Command::new("/listenup")
                .args(["check", "--exit-codes", "distinct", "--timeout", "20s"])
                .args(["--source", run.source, &format!("udp:{target}")])
                .uid(run.user)
                .gid(run.user)
                .output()
                .unwrap();
            let said = without_elsewhere(&String::from_utf8_lossy(&stdout));
            let (said, _) = without_reasons(&said);
            let right = status.code() == Some(code) && said == expected;
            verdicts.note(right, || {
                format!("--source {} udp:{target}: {status}, {said:?}", run.source)
            });
        }
        verdicts
    }

    /// Runs the program once for all of these and compares every line. It is to succeed if it can.
    fn compare(&mut self, kernel: Kernel, run: Run, targets: &[String]) {
        let (mut stdout, mut doubts, mut listening, mut code) = (String::new(), Vec::new(), 0, 1);
        for target in targets {
            let text = match truth(kernel, run.source, target) {
                Truth::Known { text, code } => {
                    listening += usize::from(code == 0);
                    text
                }
                Truth::Unknown(why) => {
                    doubts.push(why);
                    code = 3;
                    "could not tell".to_owned()
                }
            };
            stdout += &format!("{}: {text}\n", shown(target));
        }
        if listening > 0 {
            code = 0;
        } else if targets.len() > 1 {
            stdout += &format!("0 of {} listening, 1 needed\n", targets.len());
        }
        let Output {
            status,
            stdout: said,
            stderr,
        } = Command::new("/listenup")
            .args(["check", "--exit-codes", "distinct", "--timeout", "20s"])
            .args(["--source", run.source, "--at-least"])
            .arg(listening.max(1).to_string())
            .args(targets)
            .uid(run.user)
            .gid(run.user)
            .output()
            .unwrap();
        let (said, stderr) = (
            String::from_utf8_lossy(&said),
            String::from_utf8_lossy(&stderr),
        );
        let said = without_elsewhere(&said);
        let (said, found) = without_reasons(&said);
        // If enough targets listen, the others are not examined.
        let enough = listening > 0 && targets.len() > 1 && found.is_empty();
        let reasons =
            doubts.iter().all(|why| found.contains(why)) && doubts.is_empty() == found.is_empty();
        let reasons = reasons && stderr.is_empty();
        let right = status.code() == Some(code) && agree(&said, &stdout) && (reasons || enough);
        self.note(right, || {
            let lines = said.lines().zip(stdout.lines());
            let differ = lines.filter(|(said, expected)| said != expected);
            let first = differ
                .map(|(said, expected)| format!("{said:?} for {expected:?}"))
                .next();
            format!(
                "--source {} {}: {} for exit code {code}, {}, stderr {:?}",
                run.source,
                targets.first().unwrap(),
                status,
                first.unwrap_or_else(|| format!("{} bytes for {}", said.len(), stdout.len())),
                stderr.lines().next().unwrap_or_default(),
            )
        });
    }
}

/// Returns the lines with "could not tell" without its reasons, and the reasons.
fn without_reasons(said: &str) -> (String, String) {
    let (mut lines, mut reasons) = (String::new(), String::new());
    for line in said.lines() {
        let end = ": could not tell";
        let (line, reason) = match line.split_once(&format!("{end}: ")) {
            Some((target, reason)) => (format!("{target}{end}"), reason),
            None => (line.to_owned(), ""),
        };
        lines += &format!("{line}\n");
        reasons += reason;
    }
    (lines, reasons)
}

/// Whether every line is as expected. When enough listen, the rest need not be looked for.
fn agree(said: &str, expected: &str) -> bool {
    let unchecked = |said: &str, expected: &str| {
        let endings = [": not listening", ": could not tell"];
        let mut targets = endings.iter().filter_map(|end| expected.strip_suffix(end));
        targets.next().is_some_and(|target| {
            said == format!("{target}: not checked: enough of the others are listening")
        })
    };
    let mut pairs = said.lines().zip(expected.lines());
    said.lines().count() == expected.lines().count()
        && pairs.all(|(said, expected)| said == expected || unchecked(said, expected))
}

/// What this source can know of a target of the zoo; no other port has a listener.
fn truth(kernel: Kernel, source: &str, target: &str) -> Truth {
    let by_sock_diag = source != "proc" && kernel.sock_diag;
    if source == "sock_diag" && !kernel.sock_diag {
        return Truth::Unknown("the kernel has no tcp_diag or inet_diag module (ENOENT)");
    }
    if source == "proc" && !kernel.proc {
        return Truth::Unknown("/proc/self/net/tcp: cannot be opened");
    }
    if !by_sock_diag && kernel.ipv6 && V6ONLY_MATTERS.contains(&target) {
        return Truth::Unknown("V6ONLY");
    }
    let here = |place: &&str| kernel.ipv6 || !place.starts_with('[');
    let in_table = TABLE
        .iter()
        .find(|row| row.0 == target)
        .and_then(|row| row.1);
    let on_device = ON_A_DEVICE
        .iter()
        .find(|row| row.0 == target)
        .map(|row| row.1);
    match (in_table.filter(here), on_device.filter(here)) {
        (Some(place), _) => Truth::listening(place, ""),
        (None, Some(place)) if by_sock_diag => Truth::listening(place, " (device lo)"),
        (None, Some(place)) => Truth::listening(place, ""),
        (None, None) => Truth::Known {
            text: "not listening".to_owned(),
            code: 1,
        },
    }
}

impl Truth {
    fn listening(place: &str, device: &str) -> Self {
        Self::Known {
            text: format!("listening on {place}{device}"),
            code: 0,
        }
    }
}

/// The lines of targets without the words after a "no" that say where else on the port something is. Whether those are true
/// is a matter of the tests with real sockets.
pub fn without_elsewhere(said: &str) -> String {
    let cut = |line: &str| {
        let no = [": not listening; ", ": not bound; "]
            .into_iter()
            .find_map(|no| Some(line.find(no)? + no.trim_end_matches("; ").len()));
        format!("{}\n", line.get(..no.unwrap_or(line.len())).unwrap_or(line))
    };
    said.lines().map(cut).collect()
}
