//! Times commands against a base command: round after round, and the base right before each of the
//! others, so that a change in the machine's mood falls on both. The order changes with every round.
//!
//! `rounds RUNS SECONDS BASE COMMAND...` prints for each command a line of tab-separated figures:
//! median and 99th percentile in microseconds, the ratio of the median to that of its own runs of
//! the base, the number of runs, the exit codes seen, the command. A command is a line of words; one
//! with `|` goes through sh. It is run RUNS times, or as often as SECONDS seconds allow, but at least
//! three times.

#![allow(clippy::print_stdout)]

#[path = "shared/percentile.rs"]
mod percentile;

use std::collections::BTreeSet;
use std::error::Error;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use percentile::percentile;

#[derive(Default)]
struct Contestant {
    line: String,
    times: Vec<Duration>,
    base: Vec<Duration>,
    codes: BTreeSet<i32>,
}

/// Runs a line and gives its time and exit code; -1 stands for a signal.
fn run(line: &str) -> std::io::Result<(Duration, i32)> {
    let words: Vec<&str> = match line.contains('|') {
        true => vec!["sh", "-c", line],
        false => line.split_whitespace().collect(),
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
    Ok((started.elapsed(), status.code().unwrap_or(-1)))
}

/// The numbers below `count` in another order each time (Numerical Recipes' generator), so that none
/// always runs behind the same one.
fn shuffled(count: usize, seed: &mut u32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_cached_key(|_| {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *seed
    });
    order
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: rounds RUNS SECONDS BASE COMMAND...";
    let runs: usize = args.next().ok_or(usage)?.parse()?;
    let limit = Duration::from_secs(args.next().ok_or(usage)?.parse()?);
    let base = args.next().ok_or(usage)?;
    let mut contestants: Vec<Contestant> = args
        .map(|line| Contestant {
            line,
            ..Contestant::default()
        })
        .collect();
    let mut seed = 1_u32;
    for _ in 0..runs {
        for index in shuffled(contestants.len(), &mut seed) {
            let Some(contestant) = contestants.get_mut(index) else {
                continue;
            };
            let spent: Duration = contestant.times.iter().sum();
            if spent < limit || contestant.times.len() < 3.min(runs) {
                contestant.base.push(run(&base)?.0);
                let (time, code) = run(&contestant.line)?;
                contestant.times.push(time);
                contestant.codes.insert(code);
            }
        }
    }
    for Contestant {
        line,
        times,
        base,
        codes,
    } in &contestants
    {
        let median = percentile(times, 50);
        let codes: Vec<String> = codes.iter().map(i32::to_string).collect();
        println!(
            "{median:.0}\t{:.0}\t{:.2}\t{}\t{}\t{line}",
            percentile(times, 99),
            median / percentile(base, 50),
            times.len(),
            codes.join(",")
        );
    }
    Ok(())
}
