//! `listenup list`: the listening sockets.

mod json;
mod table;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;

use crate::cli::ListOptions;
use crate::clock::{Clock, Deadline, SystemClock};
use crate::domain::{
    Answer, Device, ExitReason, ExitStatus, Family, Listener, NoRequirements, Protocol,
    Reachability, SetupError, Survey, Target, UnknownReason,
};
use crate::engine::{SourceChain, run_lookups};
use crate::host::cgroups::{Cgroups, unit_of};
use crate::host::hard_timeout::{self, HardTimeout};
use crate::host::passwd::Users;
use crate::host::processes::{Process, Processes, SocketHolders, why_not_examined};
use crate::report::writer::Wait;
use crate::report::{self, Format};
use crate::source::{Ports, Query, Source, SourceError};

const PROC: &str = "/proc";

/// Listeners and their owners, as far as these are known.
#[derive(Debug)]
pub struct Listing {
    /// The listeners, in the order of port, protocol and address.
    pub listeners: Vec<Listener>,
    /// The name of the source that gave them.
    pub source: &'static str,
    /// The names of users.
    pub users: Users,
    /// The paths of cgroups.
    pub cgroups: BTreeMap<u64, String>,
    /// The processes that hold them. `None` if they were not looked for.
    pub holders: Option<SocketHolders>,
    /// Warnings about the list for a person.
    pub warnings: Vec<String>,
    /// True if there was time to find out everything that was asked for.
    pub complete: bool,
}

impl Listing {
    /// The systemd unit of a listener, or the path of its cgroup.
    pub fn unit(&self, listener: &Listener) -> Option<&str> {
        let path = self.cgroups.get(&listener.cgroup?)?;
        Some(unit_of(path))
    }

    /// The name of a listener's user.
    pub fn user(&self, listener: &Listener) -> Option<&str> {
        self.users.name(listener.uid?)
    }

    /// The processes that hold a listener, as far as that could be seen.
    pub fn processes(&self, listener: &Listener) -> Option<Vec<&Process>> {
        self.holders.as_ref()?.of(listener.inode?)
    }
}

/// Lists, and returns the exit status. The time limit is for looking: a reader, such as a pager, can take longer.
pub fn run(options: &ListOptions) -> ExitStatus {
    let clock = SystemClock::start();
    let limit = options.timeout;
    let failed = ExitStatus::for_list(ExitReason::Failed);
    let hard_timeout = HardTimeout::start(limit, failed.code(), move || {
        no_list(&hard_timeout::timeout_reason(limit), Wait::No);
    });
    let found = collect(options, &clock);
    hard_timeout.disarm();
    let listing = match found {
        Ok(listing) => listing,
        Err(SetupError::NoSuch(what)) => {
            report::print_missing(&what, options.format, Wait::Always);
            return failed;
        }
        Err(SetupError::Unknown(reason)) => {
            no_list(&reason, Wait::Always);
            return failed;
        }
    };
    let nothing = listing.listeners.is_empty();
    let text = match options.format {
        Format::Json => report::json::line(&json::listing(&listing)),
        Format::Text | Format::Nagios if nothing => String::new(),
        Format::Text | Format::Nagios => table::listing(&listing),
    };
    let delivered = report::print(&text, Wait::Always);
    if nothing && options.format != Format::Json {
        report::eprint_line(no_listeners(&options.targets), Wait::Always);
    }
    for warning in &listing.warnings {
        report::eprint_line(format_args!("warning: {warning}"), Wait::Always);
    }
    if !delivered {
        return failed;
    }
    if !listing.complete {
        return failed;
    }
    ExitStatus::for_list(if nothing && !options.targets.is_empty() {
        ExitReason::NothingFound
    } else {
        ExitReason::Done
    })
}

fn no_listeners(targets: &[Target]) -> String {
    let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
    match targets.is_empty() {
        true => "no listeners found".to_owned(),
        false => format!("no listeners found for {}", targets.join(" ")),
    }
}

fn no_list(reason: &UnknownReason, wait: Wait<'_>) {
    report::eprint_line(format_args!("could not tell: {reason}"), wait);
}

/// Collects the listeners and their owners.
///
/// # Errors
/// Returns the reason if there is no complete list.
pub(crate) fn collect(options: &ListOptions, clock: &dyn Clock) -> Result<Listing, SetupError> {
    if let Some(netns) = &options.netns {
        netns.enter()?;
    }
    let deadline = Deadline::new(clock, options.timeout);
    let (listeners, source) = listeners(options, deadline)?;
    let cgroups = match Cgroups::mounted() {
        Some(cgroups) => {
            let mut ids: Vec<u64> = listeners.iter().filter_map(|one| one.cgroup).collect();
            ids.sort_unstable();
            ids.dedup();
            cgroups.paths(&ids, deadline)
        }
        None => BTreeMap::new(),
    };
    let mut warnings = Vec::new();
    let holders = options
        .processes
        .then(|| holders(&listeners, deadline, &mut warnings));
    Ok(Listing {
        listeners,
        source,
        // Without the names, the numbers are shown.
        users: Users::read(Path::new("/etc/passwd")).unwrap_or_default(),
        cgroups,
        holders,
        complete: !deadline.has_passed(),
        warnings,
    })
}

/// Finds the processes. If that fails, the list is printed without them.
fn holders(
    listeners: &[Listener],
    deadline: Deadline<'_>,
    warnings: &mut Vec<String>,
) -> SocketHolders {
    let mut inodes: Vec<u64> = listeners.iter().filter_map(|one| one.inode).collect();
    inodes.sort_unstable();
    match Processes::read(Path::new(PROC), deadline) {
        Ok(processes) => {
            let holders = processes.holders(&inodes, deadline);
            if !holders.is_complete() {
                warnings.push(
                    "there was no time to examine all processes: use a longer --timeout".to_owned(),
                );
            }
            let is_unknown = |listener: &Listener| {
                listener
                    .inode
                    .is_none_or(|inode| holders.of(inode).is_none())
            };
            let refused = holders.refused();
            if refused > 0 && listeners.iter().any(is_unknown) {
                let processes = if refused == 1 { "process" } else { "processes" };
                let why = match holders.failure() {
                    None => format!("no permission to examine {refused} {processes} (run as root)"),
                    Some(errno) => {
                        let why = why_not_examined(errno);
                        format!("{refused} {processes} could not be examined: {why}")
                    }
                };
                warnings.push(format!(
                    "the listeners marked ? are held by unknown processes: {why}"
                ));
            }
            holders
        }
        Err(reason) => {
            warnings.push(format!("the processes are unknown: {reason}"));
            SocketHolders::default()
        }
    }
}

/// Returns the listeners of the first source that can answer, and its name.
fn listeners(
    options: &ListOptions,
    deadline: Deadline<'_>,
) -> Result<(Vec<Listener>, &'static str), UnknownReason> {
    let mut chain = SourceChain::from_choice(options.source, PROC);
    // If all targets have the same protocol, the other one is not queried.
    let mut protocols = options.protocols.clone();
    protocols.retain(|protocol| {
        let mut targets = options.targets.iter();
        options.targets.is_empty() || targets.any(|target| target.protocol == *protocol)
    });
    let mut faults = Vec::new();
    for source in chain.sources() {
        let mut answer = all_of(source, &protocols, deadline);
        if answer.as_ref().is_err_and(SourceError::can_pass) {
            answer = all_of(source, &protocols, deadline);
        }
        match answer {
            Ok(mut listeners) => {
                if !options.targets.is_empty() {
                    listeners.retain(|listener| serves_one(&options.targets, listener));
                    add_steered(source, &options.targets, deadline, &mut listeners);
                }
                return Ok((listeners, source.name()));
            }
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    Err(UnknownReason::new(faults.join("; ")))
}

fn serves_one(targets: &[Target], listener: &Listener) -> bool {
    let mut targets = targets.iter();
    targets.any(|target| target.served_by(listener, None) != Reachability::No)
}

/// Adds the listeners elsewhere to which a BPF program steers connections to the targets, as the kernel's own lookup
/// says.
fn add_steered(
    source: &mut dyn Source,
    targets: &[Target],
    deadline: Deadline<'_>,
    listeners: &mut Vec<Listener>,
) {
    let mut survey = Survey::new(targets.iter().copied(), None, targets.len());
    let connections = survey.pending_lookups();
    run_lookups(
        source,
        &mut survey,
        &mut NoRequirements,
        deadline,
        connections,
    );
    for (target, answer) in survey.answers(None) {
        if let Answer::Listening(listener) = answer {
            let is_listed = listeners.iter().any(|known| known.is_same(&listener));
            if !is_listed && target.served_by(&listener, None) == Reachability::No {
                listeners.push(listener);
            }
        }
    }
    listeners.sort_by_key(sort_key);
}

/// Returns every listener that a source knows, sorted, each once.
///
/// # Errors
/// Returns the source's error if its answer is not complete.
fn all_of(
    source: &mut dyn Source,
    protocols: &[Protocol],
    deadline: Deadline<'_>,
) -> Result<Vec<Listener>, SourceError> {
    let mut listeners = Vec::new();
    let families = |protocol| [Family::V4, Family::V6].map(|family| (protocol, family));
    for (protocol, family) in protocols.iter().copied().flat_map(families) {
        let ports = Ports::All;
        let query = Query {
            protocol,
            family,
            ports,
            deadline,
        };
        source.listeners(query, &mut |listener| {
            listeners.push(listener.clone());
            ControlFlow::Continue(())
        })?;
    }
    listeners.sort_by_key(sort_key);
    // A source can show a socket more than once, with a queue that has changed in between. Two equal rows without an inode
    // are two members of a group.
    listeners.dedup_by(|one, other| one.inode.is_some() && sort_key(one) == sort_key(other));
    Ok(listeners)
}

/// Returns the key by which listeners are sorted and distinguished.
fn sort_key(listener: &Listener) -> (u16, Protocol, IpAddr, u32, Option<u64>) {
    let device = match listener.device {
        Device::Unknown | Device::Any => 0,
        Device::Index(index) => index,
    };
    let Listener {
        port,
        protocol,
        address,
        inode,
        ..
    } = *listener;
    (port, protocol, address, device, inode)
}
