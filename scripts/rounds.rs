//! Times commands against each other: one after the other, round after round, so that a change in
//! the machine's mood falls on all of them. The first one is run again before each other one, so
//! that each finds the processor's caches left by the same program.
//!
//! `rounds RUNS SECONDS COMMAND...` prints for each command a line of tab-separated figures: median and 99th percentile in
//! microseconds, the number of runs, the exit codes seen, the command. A command is a line of words; one with `|` goes
//! through sh. It is run RUNS times, or as often as SECONDS seconds allow, but at least three times.

#![allow(clippy::print_stdout)]

use std::collections::BTreeSet;
use std::error::Error;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

struct Contestant {
    line: String,
    times: Vec<Duration>,
    codes: BTreeSet<i32>,
}

impl Contestant {
    fn run(&mut self) -> std::io::Result<()> {
        let words: Vec<&str> = match self.line.contains('|') {
            true => vec!["sh", "-c", &self.line],
            false => self.line.split_whitespace().collect(),
        };
        let Some((program, args)) = words.split_first() else {
            return Err(std::io::Error::other("an empty command"));
        };
        let mut command = Command::new(program);
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = Instant::now();
        let status = command.status()?;
        self.times.push(started.elapsed());
        self.codes.insert(status.code().unwrap_or(-1));
        Ok(())
    }

    fn percentile(&self, percent: usize) -> u128 {
        let mut times = self.times.clone();
        times.sort_unstable();
        let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(at).map_or(0, Duration::as_micros)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: rounds RUNS SECONDS COMMAND...";
    let runs: usize = args.next().ok_or(usage)?.parse()?;
    let limit = Duration::from_secs(args.next().ok_or(usage)?.parse()?);
    let contestant = |line| Contestant {
        line,
        times: Vec::new(),
        codes: BTreeSet::new(),
    };
    let mut contestants: Vec<Contestant> = args.map(contestant).collect();
    let (first, others) = contestants.split_first_mut().ok_or(usage)?;
    for _ in 0..runs {
        for contestant in &mut *others {
            let spent: Duration = contestant.times.iter().sum();
            if spent < limit || contestant.times.len() < 3 {
                first.run()?;
                contestant.run()?;
            }
        }
    }
    for contestant in &contestants {
        let codes: Vec<String> = contestant.codes.iter().map(i32::to_string).collect();
        println!(
            "{}\t{}\t{}\t{}\t{}",
            contestant.percentile(50),
            contestant.percentile(99),
            contestant.times.len(),
            codes.join(","),
            contestant.line
        );
    }
    Ok(())
}
