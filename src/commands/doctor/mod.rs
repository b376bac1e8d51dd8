//! `listenup doctor`: what would keepalived experience here? It looks and changes nothing.

mod accounts;
mod binary;
pub mod conf;
pub mod conf_words;
mod findings;
mod path_security;
mod script_audit;
mod script_line;
mod sources;

use std::fmt::Write as _;
use std::io;
use std::num::NonZeroU16;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use self::accounts::Accounts;
use self::conf::Conf;
use self::findings::{Finding, summary};
use self::script_audit::{File, Program, Setup};
use crate::cli::DoctorOptions;
use crate::clock::SystemClock;
use crate::domain::{ExitReason, ExitStatus, Place, Protocol, Target};
use crate::errno::ErrnoText;
use crate::report;
use crate::report::writer::Wait;

/// Where keepalived accepts a program, and where SELinux lets it do its work.
const HOME: &str = "/usr/libexec/keepalived/listenup";

/// Bytes of the largest keepalived.conf that is read.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What is asked for where no target is given: HTTPS.
const USUAL: Target = Target {
    protocol: Protocol::Tcp,
    place: Place::Port(NonZeroU16::MIN.saturating_add(442)),
};

/// Looks at everything, prints what it found, and exits with 0 if nothing is wrong.
pub fn run(options: &DoctorOptions) -> ExitStatus {
    let clock = SystemClock::start();
    let mut findings = sources::examine(&options.targets, USUAL, &clock, Path::new("/proc"));
    let block = keepalived(options, &mut findings);
    let wrong = findings.iter().any(Finding::is_problem);

    let mut text = String::new();
    for finding in &findings {
        // Writing to a String cannot fail.
        let _ = write!(text, "{finding}");
    }
    let _ = write!(text, "\n{}\n\n{block}", summary(&findings));
    let delivered = report::deliver(&text, Wait::Always);
    ExitStatus::plain(if wrong || !delivered {
        ExitReason::Failed
    } else {
        ExitReason::Done
    })
}

/// Looks at keepalived.conf and at the program that it would run. The block to paste.
fn keepalived(options: &DoctorOptions, findings: &mut Vec<Finding>) -> String {
    let (accounts, unread) = Accounts::read(Path::new("/etc"));
    findings.extend(unread);
    let files = read(&options.keepalived_confs, findings);
    // argv[0] may be anything.
    let own = std::fs::read_link("/proc/self/exe");
    let user = options.user.as_ref().map(|name| accounts.by_option(name));
    let user = user.and_then(|user| user.map_err(|problem| findings.push(problem)).ok());
    let setup = Setup {
        files: &files,
        accounts: &accounts,
        user: user.as_ref(),
        own: own.as_deref().ok(),
    };
    let (found, mut programs) = setup.examine();
    findings.extend(found);
    if programs.is_empty() {
        programs.extend(running(&setup, &own, findings));
    }
    let mut well = None;
    for program in &programs {
        let found =
            path_security::examine(&program.path, &program.user, program.security, &accounts);
        if !found.iter().any(Finding::is_problem) {
            well.get_or_insert(program.path.as_path());
        }
        findings.extend(found);
        if program.path.is_file() {
            findings.extend(binary::examine(&program.path));
        }
    }
    block(well, &options.targets)
}

/// The program that is running, as a script without a user of its own would.
fn running(
    setup: &Setup<'_>,
    own: &io::Result<PathBuf>,
    findings: &mut Vec<Finding>,
) -> Option<Program> {
    let user = setup.default_user().unwrap_or_else(|problem| {
        findings.push(problem);
        Accounts::root()
    });
    match own {
        Ok(path) => Some(Program {
            path: path.clone(),
            user,
            security: setup.security(),
        }),
        Err(error) => {
            findings.push(Finding::problem(
                format!(
                    "where this program lies is not known: /proc/self/exe: {}",
                    ErrnoText::from(error)
                ),
                "mount /proc, or name a keepalived.conf that calls it",
            ));
            None
        }
    }
}

/// Reads the files; what cannot be read is a finding.
fn read(paths: &[PathBuf], findings: &mut Vec<Finding>) -> Vec<File> {
    let mut files = Vec::new();
    for path in paths {
        match conf(path) {
            Ok(conf) => files.push(File {
                path: path.clone(),
                conf,
            }),
            Err(reason) => findings.push(Finding::problem(
                format!("{}: {reason}", path.display()),
                "what keepalived is told is not known",
            )),
        }
    }
    files
}

/// A file that keepalived would read: no pipe, and no program (lib/parser.c, `read_conf_file`).
fn conf(path: &Path) -> Result<Conf, String> {
    let in_words = |error: io::Error| format!("cannot be read: {}", ErrnoText::from(&error));
    let file = std::fs::metadata(path).map_err(in_words)?;
    if !file.is_file() || file.mode() & 0o111 != 0 {
        return Err("keepalived reads only regular files that are not executable".to_owned());
    }
    if file.len() > LARGEST {
        return Err("is no configuration by its size".to_owned());
    }
    Ok(Conf::read(&std::fs::read(path).map_err(in_words)?))
}

/// A vrrp_script for these targets.
fn block(program: Option<&Path>, targets: &[Target]) -> String {
    // What keepalived's quotes would take apart is not fit for it.
    let plain = |path: &&str| {
        path.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte))
    };
    let program = program.and_then(Path::to_str).filter(plain);
    let targets = if targets.is_empty() {
        &[USUAL]
    } else {
        targets
    };
    let first = match program {
        Some(_) => "To paste into keepalived.conf:",
        None => "To paste into keepalived.conf, once listenup is there:",
    };
    let mut arguments = String::new();
    for target in targets {
        let _ = write!(arguments, " {target}");
    }
    format!(
        "{first}\n\n\
         vrrp_script chk_listenup {{\n    \
             script \"{} check -q{arguments}\"\n    \
             interval 1\n    \
             timeout 1\n    \
             fall 2\n    \
             rise 2\n\
         }}\n",
        program.unwrap_or(HOME)
    )
}
