//! The live report in a terminal: a bar for each cause and second.

use std::fmt::Write as _;

use super::causes::CAUSES;
use super::text::most;
use super::watch::Interval;
use crate::host::wall::WallTime;

/// The characters of the longest bar.
const WIDTH: u64 = 30;

/// Bars that can be compared: all are on the scale of the largest so far.
#[derive(Debug, Default)]
pub struct Bars {
    largest: u64,
}

impl Bars {
    /// The lines about an interval.
    pub fn interval(
        &mut self,
        interval: &Interval,
        now: WallTime,
        busiest: Option<&(String, u64)>,
    ) -> String {
        let clock = now.clock();
        let moved = CAUSES.iter().filter_map(|cause| {
            let counters = cause.known(&interval.changes);
            let largest = counters.filter_map(|(_, change)| change.by).max()?;
            (largest > 0).then_some((cause.name, largest))
        });
        let mut text = String::new();
        for (name, count) in moved {
            self.largest = self.largest.max(count);
            let bar = "#".repeat(self.length(count));
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{clock} {name:39} {count:>8} {bar}");
        }
        if let Some(busiest) = busiest.filter(|_| !text.is_empty()) {
            let _ = writeln!(text, "{clock} {}", most(busiest));
        }
        text
    }

    /// At least one character for what happened at all.
    fn length(&self, count: u64) -> usize {
        let length = count.saturating_mul(WIDTH).div_ceil(self.largest.max(1));
        usize::try_from(length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::commands::resets::change::Changes;
    use crate::commands::resets::counters::Sample;

    #[test]
    fn bars_are_on_one_scale_and_nothing_but_text() {
        let interval = |timeouts| {
            let sample = |figure| Sample::from([("TCPAbortOnTimeout", figure)]);
            Interval {
                from: Duration::ZERO,
                to: Duration::ZERO,
                due: Duration::ZERO,
                changes: Changes::between(&sample(0), &sample(timeouts)),
            }
        };
        let now = WallTime::now();
        let mut bars = Bars::default();
        let bar = |line: &str| line.matches('#').count();
        for (timeouts, length) in [(4, 30), (8, 30), (4, 15), (1, 4)] {
            let line = bars.interval(&interval(timeouts), now, None);
            assert_eq!(bar(&line), length, "{timeouts}: {line}");
            assert!(line.starts_with(&now.clock()), "{line}");
            assert!(!line.trim_end().contains(char::is_control), "{line:?}");
        }
        assert_eq!(bars.interval(&interval(0), now, None), "");
    }
}
