//! `listenup doctor`: what would keepalived experience here? It looks and changes nothing.

mod accounts;
mod attempt;
mod binary;
mod checks;
mod child;
mod command_line;
mod conf;
mod findings;
mod foreign;
mod hints;
mod json;
mod judge;
mod moves;
mod namespace;
mod own_image;
mod paste;
mod path_security;
mod rewrite;
mod running;
mod sources;
mod track;
mod track_writers;
mod trial;

use std::cell::OnceCell;
use std::fmt::Write as _;
use std::io;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use self::accounts::{Accounts, ScriptUser};
use self::findings::{Finding, summary};
use self::judge::{Judge, Program};
use self::own_image::OwnImage;
use self::path_security::Security;
use self::trial::TimeLeft;
use crate::cli::DoctorOptions;
use crate::clock::{Clock, SystemClock};
use crate::domain::{ExitReason, ExitStatus, Place, Protocol, Target};
use crate::errno::ErrnoText;
use crate::host::netns::Netns;
use crate::report::writer::Wait;
use crate::report::{self, Format};
use crate::untrusted::text::printable;

const PROC: &str = "/proc";

/// What is asked for where no target is given: HTTPS.
const USUAL: Target = Target {
    protocol: Protocol::Tcp,
    place: Place::Port(NonZeroU16::MIN.saturating_add(442)),
};

/// Looks at everything, prints what it found, and exits with 0 if nothing is wrong.
pub fn run(options: &DoctorOptions) -> ExitStatus {
    let clock = SystemClock::start();
    let failed = ExitStatus::plain(ExitReason::Failed);
    if let Some(Err(obstacle)) = options.netns.as_ref().map(Netns::enter) {
        report::no_such(&obstacle.to_string(), options.format, Wait::Always);
        return failed;
    }
    if let Some(file) = &options.rewrite {
        return rewrite(file);
    }
    let mut findings = sources::examine(&options.targets, USUAL, &clock, Path::new(PROC));
    let block = keepalived(options, &clock, &mut findings);
    // Stable: what is equally bad stays in its order.
    findings.sort_by_key(|finding| finding.severity);
    let wrong = findings.iter().any(Finding::is_problem);
    if options.quiet {
        findings.retain(Finding::is_problem);
    }
    let text = match options.format {
        Format::Json => report::json::line(&json::document(&findings, block.as_deref())),
        Format::Text | Format::Nagios => text(&findings, options.quiet, block.as_deref()),
    };
    let delivered = text.is_empty() || report::deliver(&text, Wait::Always);
    if wrong || !delivered {
        return failed;
    }
    ExitStatus::plain(ExitReason::Done)
}

/// Prints the patch; what could not be rewritten goes to stderr.
fn rewrite(file: &Path) -> ExitStatus {
    let own = std::fs::read_link("/proc/self/exe").ok();
    let (accounts, _) = Accounts::read(Path::new("/etc"));
    let done = match rewrite::file(file, own.as_deref(), &accounts) {
        Ok(rewritten) => {
            for left in &rewritten.left {
                report::line_to_stderr(printable(left), Wait::Always);
            }
            let delivered =
                rewritten.patch.is_empty() || report::deliver(&rewritten.patch, Wait::Always);
            delivered && rewritten.left.is_empty()
        }
        Err(why) => {
            report::line_to_stderr(printable(&why), Wait::Always);
            false
        }
    };
    ExitStatus::plain(if done {
        ExitReason::Done
    } else {
        ExitReason::Failed
    })
}

/// For a person; `quiet` is the findings alone.
fn text(findings: &[Finding], quiet: bool, block: Option<&str>) -> String {
    // Writing to a String cannot fail.
    let mut text = String::new();
    for finding in findings {
        let _ = write!(text, "{finding}");
    }
    if quiet {
        return text;
    }
    let _ = writeln!(text, "\n{}", summary(findings));
    if let Some(block) = block {
        let _ = write!(text, "\n{block}");
    }
    text
}

/// Looks at the configurations and at the programs that they would run. The block to paste.
fn keepalived(
    options: &DoctorOptions,
    clock: &dyn Clock,
    findings: &mut Vec<Finding>,
) -> Option<String> {
    let (accounts, unread) = Accounts::read(Path::new("/etc"));
    findings.extend(unread);
    // argv[0] may be anything.
    let own = std::fs::read_link("/proc/self/exe");
    let user = options.user.as_ref().map(|name| accounts.by_option(name));
    let user = user.and_then(|user| user.map_err(|problem| findings.push(problem)).ok());
    let mut programs = Vec::new();
    let mut usual = None;
    let suggested = paste::suggested(own.as_deref().ok(), &accounts);
    let cost = OnceCell::new();
    let (image, left) = (OwnImage::open(), TimeLeft::whole());
    let confs = conf::read(&options.keepalived_confs, Path::new(PROC), findings);
    for conf in &confs {
        let judge = Judge {
            conf,
            accounts: &accounts,
            user: user.as_ref(),
            own: own.as_deref().ok(),
            image: &image,
            left: &left,
            suggested: &suggested,
            cost: &cost,
            clock,
        };
        let judgement = judge.examine();
        findings.extend(judgement.findings);
        usual = usual.or(judgement.usual);
        for program in judgement.programs {
            if !programs.contains(&program) {
                programs.push(program);
            }
        }
    }
    let is_called = !programs.is_empty();
    if !is_called {
        let (user, security) = usual.unwrap_or_else(|| {
            let user = user.or_else(|| accounts.keepalived_script());
            (user.unwrap_or_else(Accounts::root), Security::Enabled)
        });
        programs.extend(this(user, security, own, findings));
    }
    for program in &programs {
        findings.extend(program.examine(&accounts));
        if program.path.is_file() {
            findings.extend(binary::examine(&program.path));
        }
    }
    let targets = if options.targets.is_empty() {
        &[USUAL]
    } else {
        &options.targets[..]
    };
    (!is_called).then(|| paste::block(&suggested, targets))
}

/// The program that is running, as a script without a user of its own would.
fn this(
    user: ScriptUser,
    security: Security,
    own: io::Result<PathBuf>,
    findings: &mut Vec<Finding>,
) -> Option<Program> {
    match own {
        Ok(path) => Some(Program {
            path,
            user,
            security,
        }),
        Err(error) => {
            findings.push(Finding::problem(
                "whether keepalived would run this program is not known",
                format!("/proc/self/exe: {}", ErrnoText::from(&error)),
                "mount /proc, or name a keepalived.conf that calls it",
            ));
            None
        }
    }
}
