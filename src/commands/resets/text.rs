//! The report for a person.

mod places;

use std::fmt::{Display, Write as _};
use std::time::Duration;

use super::Record;
use super::addresses::AddressChange;
use super::causes::Cause;
use super::counters::{Changes, Growth};
use super::findings::{Finding, Findings, Overflow};
use super::firewall::Rule;
use super::monitor::{Monitor, Trace};
use super::table::Site;
use crate::clock::Shown;
use crate::host::wall::WallTime;

/// How many places are named for a cause, and how many for other network namespaces.
const MOST_PLACES: usize = 10;
const MOST_ELSEWHERE: usize = 3;

/// The lines about an interval: the counters that moved, the place with the most resets, and the addresses that were added
/// or removed. Empty if there is none of these.
pub fn live(
    changes: &Changes,
    moved: &[AddressChange],
    busiest: Option<&(Site, u64)>,
    now: WallTime,
) -> String {
    let mut text: String = moved
        .iter()
        .map(|change| address_line(change, now))
        .collect();
    let counters = changes
        .moved()
        .map(|(name, growth)| format!("{name} {}", by(growth)));
    let most = busiest.map(|(site, resets)| {
        let name = site.cause.describe().name;
        format!("most at {}: {resets}, {name}", places::site_name(site))
    });
    let parts: Vec<String> = counters.chain(most).collect();
    if !parts.is_empty() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} {}", now.clock(), parts.join(", "));
    }
    text
}

fn address_line(change: &AddressChange, at: WallTime) -> String {
    let what = if change.added { "added" } else { "removed" };
    format!("{} address {} was {what}\n", at.clock(), change.address)
}

/// What happened in all of the time, of which so much was planned.
pub fn summary(
    record: &Record,
    findings: &Findings,
    monitor: &Monitor,
    planned: Duration,
) -> String {
    if record.last.is_empty() {
        return String::new();
    }
    let time = match record.is_cut_short {
        true => Duration::from_millis(record.watched.as_millis().try_into().unwrap_or(u64::MAX)),
        false => planned,
    };
    let mut text = head(record, findings, monitor, &Shown(time));
    for finding in &findings.list {
        text.push_str(&group(finding, record, monitor));
    }
    let before: Vec<String> = record
        .changes
        .all()
        .map(|(name, growth)| (name, growth.total.saturating_sub(growth.by.unwrap_or(0))))
        .filter(|(_, before)| *before > 0)
        .map(|(name, before)| format!("{name} {before}"))
        .collect();
    if !before.is_empty() {
        let _ = writeln!(text, "before: {}", before.join(", "));
    }
    let changes = monitor.changes.iter().take(MOST_PLACES);
    text.extend(changes.map(|change| address_line(change, monitor.started.after(change.at))));
    text.push_str(&notes(findings, monitor));
    text
}

/// What was seen at all. An all-clear says what was not looked at.
fn head(record: &Record, findings: &Findings, monitor: &Monitor, time: &impl Display) -> String {
    let complete = monitor.is_complete();
    if findings.list.is_empty() {
        let (is_clear, firewall) = match &findings.uncounted {
            Ok(rules) => (rules.is_empty(), ""),
            Err(_) => (false, "; resets by a firewall are not counted"),
        };
        let readable = match monitor.errors.is_empty() {
            true => "",
            false => "; not everything could be read",
        };
        let clear = match (complete, is_clear) {
            (true, true) => format!("no resets or dropped connections in {time}"),
            (true, false) => {
                format!("no resets or dropped connections that the kernel counts in {time}")
            }
            (false, _) => format!(
                "nothing that the counters know in {time}: no reset was sent, and no connection was cut, \
                 refused or dropped"
            ),
        };
        return format!("{clear}{firewall}{readable}\n");
    }
    let of = |name| {
        record
            .changes
            .get(name)
            .map_or_else(|| "unknown".to_owned(), by)
    };
    let received = match &monitor.trace {
        Trace::On { .. } => format!(", received from other machines: {}", findings.traced[1]),
        _ => String::new(),
    };
    format!(
        "in {time}: resets sent: {}{received}; established connections cut: {}\n",
        of("OutRsts"),
        of("EstabResets")
    )
}

/// A cause: its counters, its places, and what to do next.
fn group(finding: &Finding, record: &Record, monitor: &Monitor) -> String {
    let description = finding.cause.describe();
    let is_sample = monitor.has_causes() && !monitor.is_complete();
    let resets = finding.resets.map(|resets| match (resets, is_sample) {
        (_, true) => format!("{resets} traced"),
        (1, _) => "1 reset".to_owned(),
        _ => format!("{resets} resets"),
    });
    let counters = finding.counters.iter().map(|(name, growth)| {
        let rate = rate(*growth, record.watched);
        format!("{name} {} ({rate}, {} in total)", by(*growth), growth.total)
    });
    let state = finding
        .state
        .iter()
        .map(|(name, figure)| format!("{name} = {figure}"));
    let figures: Vec<String> = resets.into_iter().chain(counters).chain(state).collect();
    let mut text = format!("{}: {}\n", description.name, figures.join(", "));
    let queues = finding.queues.iter().take(MOST_PLACES);
    text.extend(queues.map(|queue| format!("  {}\n", queue_line(queue, monitor.started))));
    let rules = finding.rules.iter().take(MOST_PLACES);
    text.extend(rules.map(|(rule, resets)| format!("  {}: {resets}\n", rule_name(rule))));
    text.push_str(&places::lines(&finding.places, MOST_PLACES));
    let next = match finding.cause {
        Cause::Sent if !monitor.has_causes() && finding.places.is_empty() => {
            text.push_str(&uncounted(record));
            description.next
        }
        Cause::Sent => "tcpdump -ni any 'tcp[tcpflags] & tcp-rst != 0' shows each reset",
        _ => description.next,
    };
    let _ = writeln!(text, "  next: {next}");
    text
}

/// The causes without a counter. The counters of others do not say how many resets they sent.
fn uncounted(record: &Record) -> String {
    let grew = |name: &&str| record.changes.growth(name) > 0;
    let aborts = [
        "TCPAbortOnClose",
        "TCPAbortOnData",
        "TCPAbortOnLinger",
        "TCPAbortOnMemory",
        "TCPAbortOnTimeout",
    ];
    let overflows_reset = record.last.get("tcp_abort_on_overflow") != Some(0);
    let is_partly_counted = aborts.iter().any(grew) || overflows_reset && grew(&"ListenOverflows");
    let others = match is_partly_counted {
        true => "; the causes above can account for some of these resets",
        false => "",
    };
    format!(
        "nothing listens on the port, or no such connection on this machine: possible, without a counter{others}\n"
    )
}

fn queue_line(overflow: &Overflow, started: WallTime) -> String {
    let Overflow {
        listener, owner, ..
    } = overflow;
    let mut parts = Vec::new();
    parts.extend(overflow.dropped.map(|dropped| format!("{dropped} drops")));
    parts.extend(
        overflow
            .full
            .map(|(queue, at)| format!("full at {}, QUEUE {queue}", started.after(at).clock())),
    );
    parts.push(match overflow.now {
        Some(queue) => format!("now {queue}"),
        None => "it is gone now".to_owned(),
    });
    format!("{listener}, of {owner}: {}", parts.join("; "))
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

/// What could not be seen, and what belongs to others.
fn notes(findings: &Findings, monitor: &Monitor) -> String {
    let mut notes = Vec::new();
    notes.extend(
        monitor
            .errors
            .iter()
            .filter(|error| !error.starts_with('/'))
            .map(|error| format!("not known: {error}")),
    );
    match &findings.uncounted {
        Ok(rules) => notes.extend(rules.iter().take(MOST_PLACES).map(|rule| {
            format!(
                "{} rejects with resets that are not counted; add counter to it",
                rule_name(rule)
            )
        })),
        Err(why) if !findings.list.is_empty() => {
            notes.push(format!("resets by a firewall are not counted: {why}"))
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
    let elsewhere: u64 = findings.elsewhere.iter().map(|place| place.resets).sum();
    let mut text: String = notes.iter().map(|note| format!("{note}\n")).collect();
    if elsewhere > 0 {
        let _ = writeln!(
            text,
            "elsewhere on this host, in other network namespaces: {elsewhere}"
        );
        text.push_str(&places::lines(&findings.elsewhere, MOST_ELSEWHERE));
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
