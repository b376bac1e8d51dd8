//! The report for a person.

mod places;

use std::fmt::{Display, Write as _};
use std::time::Duration;

use super::Recording;
use super::addresses::AddressChange;
use super::causes::Cause;
use super::counters::{Changes, Growth};
use super::diagnosis::{DiagnosedCause, Diagnosis, FullQueue};
use super::firewall::Rule;
use super::monitor::{Monitor, Trace};
use crate::clock::HumanDuration;
use crate::host::wall_clock::WallTime;

/// How many places are printed for a cause, and how many for other network namespaces.
const MAX_PLACES: usize = 10;
const MAX_ELSEWHERE: usize = 3;

/// Returns the lines about an interval: the addresses that were added or removed, and the counters that moved.
pub fn live(changes: &Changes, addresses: &[AddressChange], now: WallTime) -> String {
    let mut text: String = addresses
        .iter()
        .map(|change| address_line(change, now))
        .collect();
    let counters = changes
        .changed()
        .map(|(name, growth)| format!("{name} {}", by(growth)));
    let counters: Vec<String> = counters.collect();
    if !counters.is_empty() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} {}", now.time_of_day(), counters.join(", "));
    }
    text
}

fn address_line(change: &AddressChange, at: WallTime) -> String {
    let what = if change.added { "added" } else { "removed" };
    format!(
        "{} address {} was {what}\n",
        at.time_of_day(),
        change.address
    )
}

/// Returns the summary. `planned`: how long the watch was to be.
pub fn summary(
    recording: &Recording,
    diagnosis: &Diagnosis,
    monitor: &Monitor,
    planned: Duration,
) -> String {
    if recording.last.is_empty() {
        return String::new();
    }
    let time = match recording.is_cut_short {
        true => Duration::from_millis(recording.watched.as_millis().try_into().unwrap_or(u64::MAX)),
        false => planned,
    };
    let mut text = head(recording, diagnosis, monitor, &HumanDuration(time));
    for cause in &diagnosis.causes {
        text.push_str(&group(cause, recording, monitor));
    }
    let totals = recording.changes.all();
    let before =
        totals.map(|(name, growth)| (name, growth.total.saturating_sub(growth.by.unwrap_or(0))));
    let before = before
        .filter(|(_, before)| *before > 0)
        .map(|(name, before)| format!("{name} {before}"));
    let before: Vec<String> = before.collect();
    if !before.is_empty() {
        let _ = writeln!(text, "before: {}", before.join(", "));
    }
    let changes = monitor.changes.iter().take(MAX_PLACES);
    text.extend(changes.map(|change| address_line(change, monitor.started.after(change.at))));
    text.push_str(&notes(diagnosis, monitor));
    text
}

/// Returns the first line. If nothing was found, it says what was not read.
fn head(
    recording: &Recording,
    diagnosis: &Diagnosis,
    monitor: &Monitor,
    time: &impl Display,
) -> String {
    if diagnosis.causes.is_empty() {
        let and_trace = match monitor.is_complete() {
            true => " and the trace",
            false => "",
        };
        let firewall = match &diagnosis.uncounted {
            // A note below names the rules.
            Ok(_) => "",
            Err(_) => "; resets by a firewall are not counted",
        };
        let readable = match monitor.errors.is_empty() {
            true => "",
            false => "; not everything could be read",
        };
        return format!(
            "no resets or dropped connections found by the counters{and_trace} in {time}{firewall}{readable}\n"
        );
    }
    let of = |name| {
        recording
            .changes
            .get(name)
            .map_or_else(|| "unknown".to_owned(), by)
    };
    let received = match (&monitor.trace, diagnosis.received) {
        (Trace::On { .. }, [certain, 0]) => format!(", received from other addresses: {certain}"),
        (Trace::On { .. }, [certain, more]) => {
            format!(
                ", received from other addresses: {certain} to {}",
                certain + more
            )
        }
        _ => String::new(),
    };
    // No tracepoint has these.
    let half_open = match recording.changes.growth("EmbryonicRsts") {
        0 => String::new(),
        count => format!(", half-open connections reset: {count}"),
    };
    format!(
        "in {time}: resets sent by TCP: {}{received}{half_open}; established connections cut: {}\n",
        of("OutRsts"),
        of("EstabResets")
    )
}

/// Returns a cause with its counters, its places and the next step.
fn group(cause: &DiagnosedCause, recording: &Recording, monitor: &Monitor) -> String {
    let description = cause.cause.describe();
    let unit = match (cause.cause, cause.resets) {
        (Cause::Firewall, Some(1)) => "packet",
        (Cause::Firewall, _) => "packets",
        (Cause::Sent, _) if monitor.has_causes() && cause.places.is_empty() => "not traced",
        _ if monitor.has_causes() && !monitor.is_complete() => "traced",
        (_, Some(1)) => "reset",
        _ => "resets",
    };
    let resets = cause.resets.map(|resets| format!("{resets} {unit}"));
    let counters = cause.counters.iter().map(|(name, growth)| {
        let rate = rate(*growth, recording.watched);
        format!("{name} {} ({rate}, {} in total)", by(*growth), growth.total)
    });
    let state = cause
        .state
        .iter()
        .map(|(name, figure)| format!("{name} = {figure}"));
    let figures: Vec<String> = resets.into_iter().chain(counters).chain(state).collect();
    let mut text = format!("{}: {}\n", description.name, figures.join(", "));
    let queues = cause.queues.iter().take(MAX_PLACES);
    text.extend(queues.map(|queue| format!("  {}\n", queue_line(queue, monitor.started))));
    let rules = cause.rules.iter().take(MAX_PLACES);
    text.extend(rules.map(|(rule, packets)| format!("  {}: {packets}\n", rule_name(rule))));
    text.push_str(&places::lines(&cause.places, MAX_PLACES));
    if cause.cause == Cause::Sent && !monitor.has_causes() {
        text.push_str(
            "nothing listens on the port, or no such connection on this machine: possible, without a counter\n",
        );
    }
    let _ = writeln!(text, "  next: {}", cause.next);
    text
}

fn queue_line(full: &FullQueue, started: WallTime) -> String {
    let mut parts = vec![match full.known.full {
        Some((queue, at)) => format!("full at {}, QUEUE {queue}", started.after(at).time_of_day()),
        None => "not seen full, but the only listener that discarded segments, and as many as ListenDrops counted".to_owned(),
    }];
    let discarded = full.known.discarded();
    parts.extend(discarded.map(|count| format!("discarded for any reason: {count}")));
    parts.push(match full.now {
        Some(queue) => format!("now {queue}"),
        None => "the listener is gone".to_owned(),
    });
    format!(
        "{}, of {}: {}",
        full.known.listener,
        full.owner,
        parts.join("; ")
    )
}

fn rule_name((family, table, chain, handle): &Rule) -> String {
    let family = match family {
        1 => "inet".to_owned(),
        2 => "ip".to_owned(),
        5 => "netdev".to_owned(),
        7 => "bridge".to_owned(),
        10 => "ip6".to_owned(),
        other => other.to_string(),
    };
    format!("nft rule {family} {table} {chain} handle {handle}")
}

/// Returns what could not be read, and the resets in other network namespaces.
fn notes(diagnosis: &Diagnosis, monitor: &Monitor) -> String {
    let mut notes = Vec::new();
    // Errors that begin with a path were printed before.
    let errors = monitor
        .errors
        .iter()
        .filter(|error| !error.starts_with('/'));
    notes.extend(errors.cloned());
    match &diagnosis.uncounted {
        Ok(rules) => notes.extend(rules.iter().take(MAX_PLACES).map(|rule| {
            format!(
                "{} rejects with resets that are not counted: it has no counter of its own directly before reject",
                rule_name(rule)
            )
        })),
        Err(why) if !diagnosis.causes.is_empty() => {
            notes.push(format!("resets by a firewall are not counted: {why}"));
        }
        Err(_) => {}
    }
    if let Trace::On { lost, has_reasons } = monitor.trace {
        match lost {
            Some(0) => {}
            Some(count) => notes.push(format!(
                "{count} resets on this host were not traced (rate too high); the places are of a sample"
            )),
            None => notes.push("the kernel does not say whether all resets were traced".to_owned()),
        }
        match monitor.table.left_out {
            0 => {}
            count => notes.push(format!("{count} resets were at too many places to list")),
        }
        if !has_reasons {
            notes.push(
                "this kernel traces no resets without a socket and no reasons (Linux 6.10 does)"
                    .to_owned(),
            );
        }
    }
    let mut text: String = notes.iter().map(|note| format!("{note}\n")).collect();
    let elsewhere: u64 = diagnosis.elsewhere.iter().map(|place| place.resets).sum();
    if elsewhere > 0 {
        let _ = writeln!(
            text,
            "elsewhere on this host, in other network namespaces: {elsewhere}"
        );
        text.push_str(&places::lines(&diagnosis.elsewhere, MAX_ELSEWHERE));
    }
    text
}

fn by(growth: Growth) -> String {
    growth
        .by
        .map_or_else(|| "began again".to_owned(), |by| by.to_string())
}

fn rate(growth: Growth, watched: Duration) -> String {
    match growth.per_second(watched) {
        None => "rate unknown".to_owned(),
        Some(rate) if rate < 0.1 => "under 0.1/s".to_owned(),
        Some(rate) => format!("{rate:.1}/s"),
    }
}
