//! `listenup doctor`: how does keepalived behave on this machine? It examines and changes nothing.
//!
//! ```text
//! codes        the table of findings: code, severity, texts, versions
//! examined     which configuration, as which version of keepalived reads it
//! live         the running keepalived: processes, version, what it watches, whether it runs scripts
//! audit        what the configuration means: tracking, weights, files
//! command      one command: path, user, arguments, dry run
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

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use self::audit::Audit;
use self::codes::Code;
use self::command::{Accounts, DryRuns, OwnImage};
use self::findings::{Finding, Findings, Severity};
use crate::cli::DoctorOptions;
use crate::clock::SystemClock;
use crate::domain::{ExitReason, ExitStatus, Target};
use crate::host::netns::Netns;
use crate::report::writer::Wait;
use crate::report::{self, Format};
use crate::untrusted::text::printable;

const PROC: &str = "/proc";

/// Everything that is printed.
#[derive(Debug, Default)]
struct Report {
    /// What was examined.
    examined: Vec<Finding>,
    /// The worst first.
    findings: Vec<Finding>,
    /// The block to paste.
    block: Option<String>,
}

/// Examines everything, prints what it found, and returns whether that is a problem.
pub fn run(options: &DoctorOptions) -> ExitStatus {
    let failed = ExitStatus::plain(ExitReason::Failed);
    if let Some(code) = &options.explain {
        return explain(code);
    }
    if let Some(Err(obstacle)) = options.netns.as_ref().map(Netns::enter) {
        report::no_such(&obstacle.to_string(), options.format, Wait::Always);
        return failed;
    }
    if let Some(file) = &options.rewrite {
        return rewrite(file);
    }
    let mut report = examine(options);
    let ignored = |finding: &Finding| options.ignored.contains(&finding.code.id);
    report.findings.retain(|finding| !ignored(finding));
    let reason = match (report.count(Severity::Problem), report.count(Severity::Failing)) {
        (0, 0) => ExitReason::Done,
        (0, _) => ExitReason::Failing,
        _ => ExitReason::Failed,
    };
    if options.quiet {
        report.findings.retain(|finding| finding.severity() <= Severity::Failing);
    }
    let text = match options.format {
        Format::Json => report::json::line(&json::document(&report)),
        Format::Text | Format::Nagios => report.text(options.quiet),
    };
    match text.is_empty() || report::deliver(&text, Wait::Always) {
        true => ExitStatus::plain(reason),
        false => failed,
    }
}

fn examine(options: &DoctorOptions) -> Report {
    let clock = SystemClock::start();
    let mut findings = Findings::default();
    findings.extend(host::examine(&options.targets, &clock, Path::new(PROC)));
    let accounts = Accounts::read(Path::new("/etc"), &mut findings);
    let forced = options.user.as_ref().map(|name| accounts.by_option(name));
    let forced = forced.and_then(|user| user.map_err(|finding| findings.add(finding)).ok());
    // argv[0] can be anything.
    let own = std::fs::read_link("/proc/self/exe").ok();
    let image = OwnImage::open();
    let dry_runs = DryRuns::default();
    let confs = &options.keepalived_confs;
    let examined = examined::read(confs, options.version, Path::new(PROC), &mut findings);
    let mut calls_listenup = false;
    let mut ports: Vec<Target> = options.targets.clone();
    for conf in &examined.confs {
        let audit = Audit {
            config: &conf.config,
            version: conf.version,
            accounts: &accounts,
            forced: forced.as_ref(),
            image: &image,
            own: own.as_deref(),
            dry_runs: &dry_runs,
        };
        let audited = audit.examine(&mut findings);
        calls_listenup |= audited.calls_listenup;
        if let Some(running) = &conf.running {
            findings.extend(live::examine(running, &conf.config, audited.runs_a_script));
        }
    }
    let program = snippet::program(own.as_deref());
    Report {
        examined: examined.lines,
        findings: findings.into_sorted(),
        block: (!calls_listenup).then(|| snippet::block(&program, &ports)),
    }
}

impl Report {
    fn count(&self, severity: Severity) -> usize {
        let found = self.findings.iter();
        found.filter(|finding| finding.severity() == severity).count()
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
        let failing = several(failing, "check is failing right now", "checks are failing right now");
        match (self.count(Severity::Problem), self.count(Severity::Failing)) {
            (0, 0) if self.is_empty() => "nothing was checked".to_owned(),
            (0, 0) => "configuration OK: no problems found".to_owned(),
            (0, _) => failing,
            (_, 0) => problems,
            _ => format!("{problems}\n{failing}"),
        }
    }
}
