//! The test whether a running keepalived runs scripts at all.
//!
//! Each child that keepalived waits for adds its page faults to `cminflt` of the process that started it. A script that
//! ends is such a child, also one that could not be executed. So an unchanged number means that no script ended. A
//! number that grows does not say which program ended.

use std::thread;
use std::time::{Duration, Instant};

use super::tracked_scripts;
use crate::host::process_folder::ProcessFolder;
use crate::keepalived_conf::Config;

/// The longest time to watch.
const MAX: Duration = Duration::from_secs(12);
/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(50);
/// After SIGTERM at the timeout keepalived waits this long before it sends SIGKILL.
const KILLED_AFTER: Duration = Duration::from_secs(2);

/// Returns how long it can take until the first of the scripts ends. `None`: too long to wait for.
pub fn longest_pause(config: &Config) -> Option<Duration> {
    let ends = tracked_scripts(config).map(|script| {
        // A run that is still going on at the next interval is skipped.
        script.interval * 2 + script.timeout() + KILLED_AFTER
    });
    ends.min().filter(|pause| *pause <= MAX)
}

/// Returns whether a child of one of these processes ends within this time. `None`: that is unknown, because one of
/// them cannot be read.
pub fn ends_a_child(processes: &[ProcessFolder], within: Duration) -> Option<bool> {
    let faults = || {
        processes
            .iter()
            .map(|process| process.children_faults().ok())
            .collect()
    };
    let first: Option<Vec<u64>> = faults();
    let first = first?;
    let started = Instant::now();
    loop {
        let now: Option<Vec<u64>> = faults();
        if now? != first {
            return Some(true);
        }
        if started.elapsed() >= within {
            return Some(false);
        }
        thread::sleep(PAUSE);
    }
}
