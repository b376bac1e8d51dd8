//! `listenup doctor`: how does keepalived behave on this machine? It examines and changes nothing.
//!
//! ```text
//! codes        the table of findings: code, severity, texts, versions
//! examined     which configuration, as which version of keepalived reads it
//! live         the running keepalived: processes, version, what it watches, whether it runs scripts
//! audit        what the configuration means: tracking, weights, files
//! command      one command: path, user, arguments, what its check finds now
//! third_party  checks by other programs: recognized, explained, replaced
//! host         whether the sources of listeners answer, and the targets of the command line
//! ```

mod audit;
mod checks;
pub mod codes;
mod command;
mod examined;
mod findings;
mod host;
mod json;
mod live;
mod rewrite;
mod snippet;
mod third_party;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use self::audit::Audit;
use self::codes::Code;
use self::command::Accounts;
use self::examined::Conf;
use self::findings::{Finding, Findings, Severity};
use crate::cli::DoctorOptions;
use crate::clock::{Deadline, SystemClock};
use crate::domain::{ExitReason, ExitStatus};
use crate::host::hard_timeout::{self, HardTimeout};
use crate::host::netns::Netns;
use crate::report::writer::Wait;
use crate::report::{self, Format};
use crate::untrusted::RegularFile;
use crate::untrusted::text::printable;

const PROC: &str = "/proc";
/// The time limit for all work, without the printing.
const LIMIT: Duration = Duration::from_secs(60);
/// The time limit for deliberate waits. It leaves time for the rest.
const WAITING: Duration = Duration::from_secs(48);
/// The time limit for all evaluations of listenup checks, from when the configurations are read.
const EVALUATING: Duration = Duration::from_secs(30);

/// Everything that is printed.
#[derive(Debug, Default)]
struct Report {
    /// The first lines of the report, which name what was examined.
    examined: Vec<Finding>,
    /// True if there is a configuration, or a target was given.
    has_subject: bool,
    /// True if it is known which checks act on the addresses, or if keepalived does not start.
    is_read: bool,
    /// True if each configuration was read whole, and each check was judged.
    is_complete: bool,
    /// True if nothing is known of what was asked for.
    is_unknown: bool,
    /// The worst first.
    findings: Vec<Finding>,
    /// The block to paste.
    block: Option<String>,
}

/// Examines everything, prints what it found, and returns whether that is a problem.
pub fn run(options: &DoctorOptions) -> ExitStatus {
    let failed = ExitStatus::plain(ExitReason::Failed);
    let codes = options.explain.iter().chain(&options.ignored);
    let unknown: Vec<&String> = codes.filter(|id| codes::by_id(id).is_none()).collect();
    if let Some(unknown) = unknown.first() {
        let what = format!("no code {unknown}; listenup-doctor-codes(7) lists them");
        report::print_missing(&what, options.format, Wait::Always);
        return failed;
    }
    if let Some(code) = options.explain.as_ref().and_then(|id| codes::by_id(id)) {
        return explain(code);
    }
    let hard_timeout = HardTimeout::start(LIMIT, failed.code(), || {
        let why = hard_timeout::timeout_reason(LIMIT);
        report::eprint_line(format_args!("could not tell: {why}"), Wait::No);
    });
    if let Some(Err(error)) = options.netns.as_ref().map(Netns::enter) {
        hard_timeout.disarm();
        report::print_missing(&error.to_string(), options.format, Wait::Always);
        return failed;
    }
    if let Some(file) = &options.rewrite {
        return rewrite(file, hard_timeout);
    }
    let mut report = examine(options);
    hard_timeout.disarm();
    let is_ignored = |finding: &Finding| {
        options
            .ignored
            .iter()
            .any(|id| finding.code.id.eq_ignore_ascii_case(id))
    };
    report.findings.retain(|finding| !is_ignored(finding));
    let reason = match (
        report.count(Severity::Problem),
        report.count(Severity::Failing),
    ) {
        (0, 0) if !report.is_unknown => ExitReason::Done,
        (0, 1..) => ExitReason::Failing,
        _ => ExitReason::Failed,
    };
    if options.quiet {
        report
            .findings
            .retain(|finding| finding.severity() <= Severity::Failing);
    }
    let text = match options.format {
        Format::Json => report::json::line(&json::document(&report)),
        Format::Text | Format::Nagios => report.text(options.quiet),
    };
    match text.is_empty() || report::print(&text, Wait::Always) {
        true => ExitStatus::plain(reason),
        false => failed,
    }
}

fn examine(options: &DoctorOptions) -> Report {
    let clock = SystemClock::start();
    let waiting = Deadline::new(&clock, WAITING);
    let mut findings = Findings::default();
    findings.extend(host::examine(&options.targets, &clock, PROC));
    let accounts = Accounts::read(Path::new("/etc"), &mut findings);
    let forced = options.user.as_ref().map(|name| accounts.named_user(name));
    let forced = forced.and_then(|user| user.map_err(|finding| findings.add(finding)).ok());
    // argv[0] can be anything.
    let own = std::fs::read_link("/proc/self/exe").ok();
    let image = RegularFile::open_magic_link(Path::new("/proc/self/exe"));
    let listenup = snippet::program(own.as_deref());
    let confs = &options.keepalived_confs;
    let mut examined = examined::read(confs, options.version, Path::new(PROC), &mut findings);
    let evaluating = Deadline::new(&clock, EVALUATING);
    let (mut has_check, mut needs_user) = (false, false);
    let mut looks: Vec<String> = options.targets.iter().map(ToString::to_string).collect();
    for conf in &mut examined.confs {
        findings.extend(audit::interfaces::missing(conf));
        let audit = Audit {
            config: &conf.config,
            version: conf.version,
            accounts: &accounts,
            forced: forced.as_ref(),
            image: &image,
            own: own.as_deref(),
            evaluating,
            listenup: &listenup,
        };
        let audited = audit.examine(&mut findings);
        has_check |=
            audited.calls_listenup || !conf.config.track_files.is_empty() || !conf.config.complete;
        if let Some(running) = &conf.running {
            let left = match audited.runs_a_script {
                true => waiting.remaining(),
                false => Duration::ZERO,
            };
            findings.extend(live::examine(running, &conf.config, left));
        }
        audit.outcomes(&audited, &mut findings);
        // Without it keepalived would drop the block to paste.
        needs_user |= audit.needs_user(&audited.looks);
        looks.extend(audited.looks);
    }
    Report {
        has_subject: examined.confs.iter().any(Conf::has_subject) || !options.targets.is_empty(),
        is_unknown: examined.is_unknown && options.targets.is_empty(),
        is_read: examined
            .confs
            .iter()
            .all(|conf| conf.config.complete || conf.config.fatal.is_some()),
        is_complete: examined.confs.iter().all(|conf| conf.config.complete)
            && !findings.iter().any(|found| found.code.in_doubt),
        examined: examined.lines,
        findings: findings.into_sorted(),
        block: (!has_check)
            .then(|| snippet::block(&listenup, &looks, needs_user.then_some("root"))),
    }
}

impl Report {
    fn count(&self, severity: Severity) -> usize {
        let found = self.findings.iter();
        found
            .filter(|finding| finding.severity() == severity)
            .count()
    }

    /// Returns the text for a person; `quiet` is the findings alone.
    fn text(&self, quiet: bool) -> String {
        // Writing to a String cannot fail.
        let mut text = String::new();
        for line in self.examined.iter().filter(|_| !quiet) {
            let _ = writeln!(text, "{}", line.effect());
        }
        for finding in &self.findings {
            let _ = write!(text, "{finding}");
        }
        if quiet {
            return text;
        }
        if let Some(block) = &self.block {
            let _ = write!(text, "\n{block}\n");
        }
        if !self.is_read {
            text += "could not tell what happens to the addresses if a check fails: a part of the configuration was not read\n";
        }
        let _ = writeln!(text, "{}", self.summary());
        text
    }

    fn summary(&self) -> String {
        let several = |count: usize, one: &str, more: &str| match count {
            1 => format!("1 {one}"),
            _ => format!("{count} {more}"),
        };
        let problems = self.count(Severity::Problem);
        let problems = several(problems, "problem found", "problems found");
        let failing = self.count(Severity::Failing);
        let failing = several(
            failing,
            "check is failing right now",
            "checks are failing right now",
        );
        let in_doubt = self.findings.iter();
        let in_doubt = in_doubt.filter(|found| found.code.in_doubt);
        let in_doubt = match in_doubt.count() {
            0 => String::new(),
            1 => "; 1 check or file could not be judged".to_owned(),
            more => format!("; {more} checks or files could not be judged"),
        };
        match (self.count(Severity::Problem), self.count(Severity::Failing)) {
            (0, 0) if self.is_unknown => "could not tell: nothing was checked".to_owned(),
            (0, 0) if !self.has_subject => "nothing was checked".to_owned(),
            (0, 0) if !self.is_complete => {
                format!("no problems found in what was checked{in_doubt}")
            }
            (0, 0) => "configuration OK: no problems found".to_owned(),
            (0, _) => failing,
            (_, 0) => problems,
            _ => format!("{problems}\n{failing}"),
        }
    }
}

/// Prints the explanation of a code.
fn explain(code: &Code) -> ExitStatus {
    let lines = [
        ("", code.explanation),
        ("Cause: ", code.cause),
        ("Fix: ", code.fix),
        ("Versions of keepalived: ", code.versions),
    ];
    let mut text = format!("{} {}: {}\n", code.id, code.severity.name(), code.effect);
    // A line that is one placeholder says nothing without a finding.
    for (start, line) in lines.iter().filter(|(_, line)| line.contains(' ')) {
        let _ = write!(text, "\n{start}{line}\n");
    }
    match report::print(text.replace("{{", "{").replace("}}", "}"), Wait::Always) {
        true => ExitStatus::plain(ExitReason::Done),
        false => ExitStatus::plain(ExitReason::Failed),
    }
}

/// Prints the patch to stdout, and what it does not replace to stderr.
fn rewrite(file: &Path, hard_timeout: HardTimeout) -> ExitStatus {
    let own = std::fs::read_link("/proc/self/exe").ok();
    let accounts = Accounts::read(Path::new("/etc"), &mut Findings::default());
    let rewritten = rewrite::file(file, own.as_deref(), &accounts);
    hard_timeout.disarm();
    let done = match rewritten {
        Ok(rewritten) => {
            for line in rewritten.differences.iter().chain(&rewritten.left) {
                report::eprint_line(printable(line), Wait::Always);
            }
            let is_empty = rewritten.patch.is_empty();
            let delivered = is_empty || report::print(&rewritten.patch, Wait::Always);
            delivered && rewritten.left.is_empty()
        }
        Err(why) => {
            report::eprint_line(printable(&why), Wait::Always);
            false
        }
    };
    ExitStatus::plain(match done {
        true => ExitReason::Done,
        false => ExitReason::Failed,
    })
}
