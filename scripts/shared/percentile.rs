//! Percentiles of measured times.

use std::time::Duration;

/// The time that this percentage of the runs does not exceed, in microseconds. 0 without any run.
pub fn percentile(times: &[Duration], percent: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}
