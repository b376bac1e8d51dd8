//! The counters: what is read from /proc, and by which names.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use procfs::FromRead;
use procfs::net::Snmp;

use crate::errno::ErrnoText;

/// The files, below the root. Not net/..., which is a link to self/net/...: with `subset=pid` only
/// the latter is there.
const FILES: [File; 6] = [
    File::required("self/net/snmp", snmp),
    File::required("self/net/netstat", netstat),
    File::optional("self/net/stat/nf_conntrack", conntrack),
    File::optional("sys/net/netfilter/nf_conntrack_count", |text| {
        number("nf_conntrack_count", text)
    }),
    File::optional("sys/net/netfilter/nf_conntrack_max", |text| {
        number("nf_conntrack_max", text)
    }),
    File::optional("sys/net/ipv4/tcp_abort_on_overflow", |text| {
        number("tcp_abort_on_overflow", text)
    }),
];

/// Those of `TcpExt` in netstat that belong to a cause.
const TCP_EXT: [&str; 8] = [
    "ListenDrops",
    "ListenOverflows",
    "TCPAbortOnClose",
    "TCPAbortOnData",
    "TCPAbortOnLinger",
    "TCPAbortOnMemory",
    "TCPAbortOnTimeout",
    "TCPReqQFullDrop",
];

/// The columns of stat/nf_conntrack that belong to a cause, and their names here.
const CONNTRACK: [(&str, &str); 4] = [
    ("drop", "nf_conntrack.drop"),
    ("early_drop", "nf_conntrack.early_drop"),
    ("insert_failed", "nf_conntrack.insert_failed"),
    ("invalid", "nf_conntrack.invalid"),
];

type Figures = Vec<(&'static str, u64)>;
type Parser = fn(&str) -> Result<Figures, Problem>;

struct File {
    path: &'static str,
    /// Whether every kernel has it.
    required: bool,
    parse: Parser,
}

impl File {
    const fn required(path: &'static str, parse: Parser) -> Self {
        let required = true;
        Self {
            path,
            required,
            parse,
        }
    }

    const fn optional(path: &'static str, parse: Parser) -> Self {
        let required = false;
        Self {
            path,
            required,
            parse,
        }
    }

    fn read(&self, path: &Path) -> Result<Figures, Problem> {
        match std::fs::read(path) {
            Ok(bytes) => (self.parse)(std::str::from_utf8(&bytes).map_err(|_| Problem::Text)?),
            Err(error) if error.kind() == ErrorKind::NotFound && !self.required => Ok(Vec::new()),
            Err(error) => Err(Problem::Read(ErrnoText::from(&error).0)),
        }
    }
}

/// The figures of one moment. One that this kernel does not have, or that could not be read, is not
/// among them.
///
/// They count since the network namespace was made, the host's since boot. On a machine of 32 bits
/// they begin again at 2^32; those of each CPU in stat/nf_conntrack do so on every machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample(BTreeMap<&'static str, u64>);

impl Sample {
    /// Reads all files below this root, which is /proc but for tests; with it the files that could
    /// not be read. Where the kernel has no connection tracking its files are not missed.
    pub fn read(root: &Path) -> (Self, Vec<Fault>) {
        let (mut sample, mut faults) = (Self::default(), Vec::new());
        for file in &FILES {
            let path = root.join(file.path);
            match file.read(&path) {
                Ok(figures) => sample.0.extend(figures),
                Err(problem) => faults.push(Fault { path, problem }),
            }
        }
        (sample, faults)
    }

    /// The figure of this name.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }

    /// Whether nothing could be read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&'static str, u64); N]> for Sample {
    fn from(figures: [(&'static str, u64); N]) -> Self {
        Self(figures.into())
    }
}

/// procfs takes all columns that it knows or nothing, and not every kernel has them all: those
/// without UDP-Lite (commit "udp: Remove UDP-Lite SNMP stats", after 7.0) do not. There the two
/// columns that matter are taken by their names.
fn snmp(text: &str) -> Result<Figures, Problem> {
    match Snmp::from_read(text.as_bytes()) {
        Ok(snmp) => Ok(vec![
            ("EstabResets", snmp.tcp_estab_resets),
            ("OutRsts", snmp.tcp_out_rsts),
        ]),
        Err(_) => section(text, "Tcp:", &["EstabResets", "OutRsts"]),
    }
}

fn netstat(text: &str) -> Result<Figures, Problem> {
    section(text, "TcpExt:", &TCP_EXT)
}

/// The wanted figures of a section: a line of names and a line of figures, both with this prefix
/// (net/ipv4/proc.c, netstat_seq_show).
fn section(text: &str, prefix: &str, wanted: &[&'static str]) -> Result<Figures, Problem> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(prefix));
    let (Some(names), Some(figures)) = (lines.next(), lines.next()) else {
        return Err(Problem::Format);
    };
    let names: Vec<&str> = names.split_whitespace().collect();
    let figures: Vec<&str> = figures.split_whitespace().collect();
    if names.len() != figures.len() {
        return Err(Problem::Format);
    }
    let mut found = Vec::new();
    for (name, figure) in names.iter().zip(figures) {
        if let Some(name) = wanted.iter().find(|wanted| *wanted == name) {
            found.push((*name, figure.parse().map_err(|_| Problem::Format)?));
        }
    }
    Ok(found)
}

/// The wanted columns of stat/nf_conntrack, hexadecimal, each summed over the CPUs
/// (net/netfilter/nf_conntrack_standalone.c, ct_cpu_seq_show).
fn conntrack(text: &str) -> Result<Figures, Problem> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let cpus: Vec<Vec<&str>> = lines
        .map(|line| line.split_whitespace().collect())
        .collect();
    if cpus.is_empty() || cpus.iter().any(|columns| columns.len() != names.len()) {
        return Err(Problem::Format);
    }
    let mut found = Vec::new();
    for (column, name) in CONNTRACK {
        let Some(index) = names.iter().position(|name| *name == column) else {
            continue;
        };
        let mut sum: u64 = 0;
        for figure in cpus.iter().filter_map(|columns| columns.get(index)) {
            let figure = u32::from_str_radix(figure, 16).map_err(|_| Problem::Format)?;
            sum = sum.saturating_add(figure.into());
        }
        found.push((name, sum));
    }
    Ok(found)
}

fn number(name: &'static str, text: &str) -> Result<Figures, Problem> {
    let number = text.trim().parse().map_err(|_| Problem::Format)?;
    Ok(vec![(name, number)])
}

/// A file that gave no figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    path: PathBuf,
    problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Read(Errno),
    Text,
    Format,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match self.problem {
            Problem::Read(error) => write!(f, "cannot be read: {}", ErrnoText(error)),
            Problem::Text => f.write_str("is not text"),
            Problem::Format => f.write_str("is not in the form that is known"),
        }
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests;
