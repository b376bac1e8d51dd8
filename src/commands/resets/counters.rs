//! The counters in /proc, and by how much they grew.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;

use super::causes::Cause;
use crate::errno::ErrnoText;

/// The form of a file.
#[derive(Clone, Copy)]
enum Form {
    /// Pairs of lines, names and figures, that begin with the same word (net/ipv4/proc.c).
    Sections,
    /// A line of names, then one of hexadecimal figures for each CPU (nf_conntrack_standalone.c, ct_cpu_seq_show).
    PerCpu,
    /// One number; its name is that of the file.
    Number,
}

/// The files below the root, and whether every kernel has them. Not net/..., which is a link to self/net/...: with
/// `subset=pid` only the latter is there.
const FILES: [(&str, Form, bool); 6] = [
    ("self/net/snmp", Form::Sections, true),
    ("self/net/netstat", Form::Sections, true),
    ("self/net/stat/nf_conntrack", Form::PerCpu, false),
    ("sys/net/netfilter/nf_conntrack_count", Form::Number, false),
    ("sys/net/netfilter/nf_conntrack_max", Form::Number, false),
    ("sys/net/ipv4/tcp_abort_on_overflow", Form::Number, false),
];

/// The prefix that the columns of nf_conntrack get here.
const CONNTRACK: &str = "nf_conntrack.";

/// Returns the name of a figure that belongs to a cause; the names of the kernel are unique. Also returns true if it is
/// a counter, not a setting or level.
fn known(prefix: &str, name: &str) -> Option<(&'static str, bool)> {
    Cause::all().map(Cause::describe).find_map(|description| {
        let find = |names: &'static [&'static str]| {
            let mut names = names.iter();
            names
                .find(|known| known.strip_prefix(prefix) == Some(name))
                .copied()
        };
        let counter = find(description.counters).map(|name| (name, true));
        counter.or_else(|| Some((find(description.state)?, false)))
    })
}

/// The figures of one moment. A figure that this kernel does not have, or that could not be read, is missing.
///
/// They count since the network namespace was made, the host's since boot. On a 32-bit machine they restart at 0 after
/// 2^32; those of each CPU in stat/nf_conntrack do so on every machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample(BTreeMap<&'static str, u64>);

impl Sample {
    /// Reads all files below this root, which is /proc except in tests; also returns an error for each file that
    /// could not be read. The files of connection tracking can be missing.
    pub fn read(root: &Path) -> (Self, Vec<CounterError>) {
        let (mut sample, mut errors) = (Self::default(), Vec::new());
        for (file, form, required) in FILES {
            let path = root.join(file);
            let bytes = match std::fs::read(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound && !required => continue,
                result => result.map_err(|error| Problem::Read(ErrnoText::from(&error).0)),
            };
            let mut part = Self::default();
            match bytes.and_then(|bytes| part.add(file, form, &bytes)) {
                Ok(()) => sample.0.extend(part.0),
                Err(problem) => errors.push(CounterError { path, problem }),
            }
        }
        (sample, errors)
    }

    fn add(&mut self, file: &str, form: Form, bytes: &[u8]) -> Result<(), Problem> {
        let text = std::str::from_utf8(bytes).map_err(|_| Problem::Form)?;
        match form {
            Form::Number => self.note(
                "",
                file.rsplit('/').next().unwrap_or_default(),
                text.trim(),
                10,
            ),
            Form::PerCpu => {
                let (names, cpus) = text.split_once('\n').ok_or(Problem::Form)?;
                let mut cpus = cpus.lines().peekable();
                cpus.peek().ok_or(Problem::Form)?;
                cpus.try_for_each(|cpu| self.row(CONNTRACK, names, cpu, 16))
            }
            Form::Sections => {
                let mut lines = text.lines();
                let (mut any, mut row) = (false, || Some((lines.next()?, lines.next())));
                while let Some((names, figures)) = row() {
                    let (section, names) = names.split_once(' ').unwrap_or((names, ""));
                    let figures = figures.and_then(|line| line.strip_prefix(section));
                    self.row("", names, figures.ok_or(Problem::Form)?, 10)?;
                    any = true;
                }
                if any { Ok(()) } else { Err(Problem::Form) }
            }
        }
    }

    fn row(&mut self, prefix: &str, names: &str, figures: &str, radix: u32) -> Result<(), Problem> {
        let (mut names, mut figures) = (names.split_whitespace(), figures.split_whitespace());
        loop {
            match (names.next(), figures.next()) {
                (None, None) => return Ok(()),
                (Some(name), Some(figure)) => self.note(prefix, name, figure, radix)?,
                _ => return Err(Problem::Form),
            }
        }
    }

    /// Adds a figure to those of the other CPUs, if it is one that is used.
    fn note(&mut self, prefix: &str, name: &str, figure: &str, radix: u32) -> Result<(), Problem> {
        if let Some((name, _)) = known(prefix, name) {
            let figure = u64::from_str_radix(figure, radix).map_err(|_| Problem::Form)?;
            let sum = self.0.entry(name).or_default();
            *sum = sum.saturating_add(figure);
        }
        Ok(())
    }

    /// Returns the figure of this name.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }

    /// True if nothing could be read.
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

/// The growth of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// By how much it grew. `None` if it began again.
    pub by: Option<u64>,
    /// Its value at the end.
    pub total: u64,
}

impl Growth {
    /// True if its value changed.
    pub fn has_changed(self) -> bool {
        self.by != Some(0)
    }

    /// Returns its growth per second of this time. `None` if it began again.
    pub fn per_second(self, time: Duration) -> Option<f64> {
        let seconds = time.as_secs_f64();
        // A counter beyond 2^53 loses nothing that a rate would show.
        let by = self.by.filter(|_| seconds > 0.0)?;
        Some(by as f64 / seconds)
    }
}

/// The growth of the counters that two samples have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<&'static str, Growth>);

impl Changes {
    /// Returns the growth from one sample to the next.
    pub fn between(before: &Sample, after: &Sample) -> Self {
        let growth = after.0.iter().filter_map(|(name, &total)| {
            let by = total.checked_sub(before.get(name)?);
            let (name, is_counter) = known("", name)?;
            is_counter.then_some((name, Growth { by, total }))
        });
        Self(growth.collect())
    }

    /// Returns the growth of the counter of this name.
    pub fn get(&self, name: &str) -> Option<Growth> {
        self.0.get(name).copied()
    }

    /// Returns by how much a counter grew, or 0 if that is unknown.
    pub fn growth(&self, name: &str) -> u64 {
        self.get(name).and_then(|growth| growth.by).unwrap_or(0)
    }

    /// True if a counter grew, or began again.
    pub fn has_grown(&self, name: &str) -> bool {
        self.get(name).is_some_and(Growth::has_changed)
    }

    /// Returns all counters, by name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, Growth)> + '_ {
        self.0.iter().map(|(name, growth)| (*name, *growth))
    }

    /// Returns the counters whose value changed.
    pub fn changed(&self) -> impl Iterator<Item = (&'static str, Growth)> + '_ {
        self.all().filter(|(_, growth)| growth.has_changed())
    }
}

/// A file without figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Read(Errno),
    Form,
}

impl fmt::Display for CounterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match self.problem {
            Problem::Read(error) => write!(f, "cannot be read: {}", ErrnoText(error)),
            Problem::Form => f.write_str("has an unknown format"),
        }
    }
}

impl std::error::Error for CounterError {}

#[cfg(test)]
mod tests;
