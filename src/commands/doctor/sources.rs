//! What each source of listeners says here, and what it knows.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use super::findings::Finding;
use super::hints;
use crate::clock::{Clock, Deadline, Shown};
use crate::domain::{Answer, Family, Listener, NoRequirements, Protocol, Target};
use crate::engine::SourceChain;
use crate::engine::look;
use crate::engine::{CheckSpec, Timing, judge};
use crate::source::proc::{Proc, cost};
use crate::source::{Fault, Ports, Question, Source, netlink::Netlink};
use crate::untrusted::RegularFile;

/// Bytes of /proc/self/net/sockstat, which has six short lines.
const LONGEST_SOCKSTAT: u64 = 4096;

/// What `listenup check` gives itself, unless told otherwise.
const LIMIT: Duration = Duration::from_millis(500);

/// Asks both sources. Without targets what they answer does not matter, only that they do.
pub fn examine(targets: &[Target], usual: Target, clock: &dyn Clock, proc: &Path) -> Vec<Finding> {
    let asked = if targets.is_empty() {
        &[usual]
    } else {
        targets
    };
    let mut netlink = Netlink::new();
    let mut tables = Proc::new(proc);
    let by_netlink = time(&mut netlink, asked, clock);
    let by_proc = time(&mut tables, asked, clock);
    let mut findings = vec![
        answers(
            netlink.name(),
            &by_netlink,
            by_proc.is_ok(),
            "listenup asks /proc instead, which takes a walk over all connections of the host",
        ),
        answers(
            tables.name(),
            &by_proc,
            by_netlink.is_ok(),
            "before \"not listening\" there is no second opinion",
        ),
        sockets(proc),
    ];
    let samples = samples(&mut netlink, clock);
    findings.extend([v6only(&samples), cgroups(&samples)]);
    if !targets.is_empty() && (by_netlink.is_ok() || by_proc.is_ok()) {
        let mut heard: Vec<(&str, Vec<(Target, Answer)>)> = Vec::new();
        for (source, answers) in [
            (&mut netlink as &mut dyn Source, by_netlink.is_ok()),
            (&mut tables, by_proc.is_ok()),
        ] {
            if answers {
                heard.push((source.name(), ask(source, targets, clock)));
            }
        }
        for (index, asked) in targets.iter().enumerate() {
            let Some(finding) = target(&heard, index) else {
                continue;
            };
            let fails = finding.is_problem();
            findings.push(finding);
            if fails {
                findings.extend(hints::of(asked, &asked.to_string(), proc));
            }
        }
    }
    findings
}

/// How long one look takes.
fn time(source: &mut dyn Source, targets: &[Target], clock: &dyn Clock) -> Result<Duration, Fault> {
    let started = clock.now();
    let mut survey = CheckSpec::all_listening(targets.iter().copied()).survey();
    let limit = Deadline::new(clock, LIMIT);
    let answer = look(source, &mut survey, &mut NoRequirements, limit);
    let took = clock.now().saturating_sub(started);
    match answer {
        Err(fault) if !survey.is_settled() => Err(fault),
        _ => Ok(took),
    }
}

fn answers(name: &str, answer: &Result<Duration, Fault>, other: bool, without: &str) -> Finding {
    match answer {
        Ok(took) => Finding::ok(format!("{name} answers in {}", Shown(*took))),
        Err(fault) => {
            let text = match fault {
                Fault::TimeIsUp(_) => format!("no answer from {name}: {fault}"),
                fault => format!("no answer: {fault}"),
            };
            match other {
                true => Finding::note(without, text, ""),
                false => Finding::problem(
                    "each check says \"could not tell\"",
                    text,
                    "no source is left: see what refuses it, such as seccomp or SELinux",
                ),
            }
        }
    }
}

/// How many sockets the kernel walks past when it reads one table to its end, which a look may do
/// several times.
fn sockets(proc: &Path) -> Finding {
    let path = proc.join("self/net/sockstat");
    let text = RegularFile::open_in_proc(&path).and_then(|file| file.read_start(LONGEST_SOCKSTAT));
    match text.map(|text| cost::sockets(&text)) {
        Ok(Some(count)) => {
            let walk = Shown(cost::of_both_tables(count) / 2);
            Finding::ok(format!(
                "TCP sockets on this host: {count}; each walk over them in /proc takes up to {walk}"
            ))
        }
        Ok(None) => Finding::note(
            "how long a walk over /proc takes is not known",
            format!(
                "{} does not tell how many sockets there are",
                path.display()
            ),
            "",
        ),
        Err(error) => Finding::note(
            "how many sockets there are is not known",
            format!("{} cannot be read: {error}", path.display()),
            "",
        ),
    }
}

/// A listener of each family, of those that are there already: opening one would change something.
fn samples(netlink: &mut Netlink, clock: &dyn Clock) -> Result<Vec<Listener>, Fault> {
    let mut samples = Vec::new();
    for family in [Family::V4, Family::V6] {
        let question = Question {
            protocol: Protocol::Tcp,
            family,
            ports: Ports::All,
            deadline: Deadline::new(clock, LIMIT),
        };
        netlink.listeners(question, &mut |listener| {
            samples.push(listener.clone());
            ControlFlow::Break(())
        })?;
    }
    Ok(samples)
}

/// Whether sock_diag tells V6ONLY (INET_DIAG_SKV6ONLY).
fn v6only(samples: &Result<Vec<Listener>, Fault>) -> Finding {
    let Ok(samples) = samples else {
        return not_told("V6ONLY", "only sock_diag tells it", V6ONLY_NEEDED);
    };
    let mut samples = samples.iter();
    match samples.find(|listener| listener.address.is_ipv6()) {
        Some(listener) if listener.v6only.is_some() => Finding::ok("V6ONLY of listeners: known"),
        Some(_) => not_told("V6ONLY", "this kernel does not tell it", V6ONLY_NEEDED),
        None => not_told("V6ONLY", "there is no IPv6 listener to tell by", ""),
    }
}

/// Whether sock_diag tells the cgroup (INET_DIAG_CGROUP_ID).
fn cgroups(samples: &Result<Vec<Listener>, Fault>) -> Finding {
    let Ok(samples) = samples else {
        return not_told("cgroup", "only sock_diag tells it", CGROUP_NEEDED);
    };
    match samples.first() {
        Some(listener) if listener.cgroup.is_some() => Finding::ok("cgroup of listeners: known"),
        Some(_) => not_told("cgroup", "this kernel does not tell it", CGROUP_NEEDED),
        None => not_told("cgroup", "there is no listener to tell by", ""),
    }
}

/// Who cannot do without it.
const V6ONLY_NEEDED: &str = "an IPv4 address that only a [::] listener serves is \"could not tell\"; a \
                             bare port as the target avoids that";
const CGROUP_NEEDED: &str = "--owner-unit takes it";

fn not_told(what: &str, why: &str, needed: &str) -> Finding {
    Finding::note(format!("{what} of listeners: not known"), why, needed)
}

/// A source's verdicts, with all the care of a check.
fn ask(source: &mut dyn Source, targets: &[Target], clock: &dyn Clock) -> Vec<(Target, Answer)> {
    let timing = Timing {
        timeout: LIMIT,
        retry_for: Duration::ZERO,
        retry_every: LIMIT,
    };
    let spec = CheckSpec::all_listening(targets.iter().copied());
    let mut chain = SourceChain::of(source);
    let limit = Deadline::new(clock, LIMIT);
    judge(&spec, &mut chain, &mut NoRequirements, timing, limit).answers
}

/// What the sources say of one target.
fn target(heard: &[(&str, Vec<(Target, Answer)>)], index: usize) -> Option<Finding> {
    let (target, _) = heard.first()?.1.get(index)?;
    let (mut listening, mut absent) = (false, false);
    let (listening_on, not_listening) = match target.protocol {
        Protocol::Tcp => ("listening on", "not listening"),
        Protocol::Udp => ("bound to", "not bound"),
    };
    let mut said = Vec::new();
    for (name, answers) in heard {
        let (_, answer) = answers.get(index)?;
        said.push(match answer {
            // Without requirements nothing violates any.
            Answer::Listening(listener) | Answer::Violates(listener, _) => {
                listening = true;
                format!("{name}: {listening_on} {listener}")
            }
            Answer::NotListening => {
                absent = true;
                format!("{name}: {not_listening}")
            }
            Answer::CouldNotTell(doubt) => format!("{name}: could not tell: {doubt}"),
            Answer::NotChecked => format!("{name}: not checked"),
        });
    }
    let text = format!("{target}: {}", said.join("; "));
    Some(match (listening, absent) {
        (true, false) => Finding::ok(text),
        (true, true) => Finding::note("a check says \"listening\"", text, "the sources differ"),
        (false, true) => Finding::problem("a check of it fails now", text, ""),
        (false, false) => Finding::problem("a check of it says \"could not tell\"", text, ""),
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::super::findings::Severity::{self, Note, Ok, Problem};
    use super::*;
    use crate::cli::{Request, parse};
    use crate::domain::Doubt;

    #[test]
    fn the_limit_is_that_of_a_check() {
        match parse(["listenup", "check", "443"].map(Into::into)) {
            Result::Ok(Request::Check(options)) => assert_eq!(options.timing.timeout, LIMIT),
            other => panic!("{other:?}"),
        }
    }

    /// No real host makes the sources differ at will.
    #[test]
    fn what_two_sources_say_of_a_target() {
        let up = Answer::Listening(Listener::at(Ipv4Addr::UNSPECIFIED, 443));
        let down = Answer::NotListening;
        let doubt = Answer::CouldNotTell(Doubt::new("why"));
        let target: Target = "443".parse().unwrap();
        for (one, other, severity) in [
            (&up, &up, Ok),
            (&up, &down, Note),
            (&up, &doubt, Ok),
            (&down, &up, Note),
            (&down, &down, Problem),
            (&down, &doubt, Problem),
            (&doubt, &up, Ok),
            (&doubt, &down, Problem),
            (&doubt, &doubt, Problem),
        ] {
            let heard = [("one", one), ("other", other)]
                .map(|(name, answer)| (name, vec![(target, answer.clone())]));
            let finding = super::target(&heard, 0).unwrap();
            assert_eq!(finding.severity, severity, "{finding}");
        }
    }

    #[test]
    fn what_a_kernel_knows() {
        let v4 = Listener::at(Ipv4Addr::LOCALHOST, 1);
        let v6 = Listener::at(Ipv6Addr::LOCALHOST, 1);
        let v6_known = Listener {
            v6only: Some(false),
            cgroup: Some(1),
            ..v6.clone()
        };
        for (samples, known_v6only, known_cgroup) in [
            (vec![], "there is no IPv6 listener", "there is no listener"),
            (vec![v4.clone()], "there is no IPv6 listener", "this kernel"),
            (vec![v6], "this kernel", "this kernel"),
            (vec![v6_known.clone()], "known", "known"),
            (vec![v4, v6_known], "known", "this kernel"),
        ] {
            let samples = std::result::Result::Ok(samples);
            for (finding, known) in [
                (v6only(&samples), known_v6only),
                (cgroups(&samples), known_cgroup),
            ] {
                let text = finding.to_string();
                assert!(text.contains(&format!(" {known}")), "{finding}");
                let severity = if known == "known" { Ok } else { Note };
                assert_eq!(finding.severity, severity, "{finding}");
            }
        }
    }

    #[test]
    fn a_sockstat_that_does_not_tell() {
        let proc = tempfile::tempdir().unwrap();
        let net = proc.path().join("self/net");
        std::fs::create_dir_all(&net).unwrap();
        for (text, severity) in [
            ("TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 0\n", Severity::Ok),
            ("UDP: inuse 1 mem 0\n", Severity::Note),
            ("", Severity::Note),
        ] {
            std::fs::write(net.join("sockstat"), text).unwrap();
            let finding = sockets(proc.path());
            assert_eq!(finding.severity, severity, "{finding}");
        }
    }
}
