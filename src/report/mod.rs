//! Reports for a person or a program.

mod format;
pub mod json;
mod nagios;
mod text;
pub mod writer;

use nix::errno::Errno;
use nix::net::if_::if_indextoname;

use crate::domain::{
    Answer, Device, ExitStatus, Expectation, Listener, Target, Unreachable, Verdict,
};
use crate::engine::Outcome;
use crate::errno::ErrnoText;
use crate::requirements::MaxQueue;
use crate::untrusted::text::{printable, printable_bytes, printable_lines};

pub use self::format::Format;
use self::writer::Wait;

/// The result of a check.
#[derive(Debug)]
pub struct CheckResult {
    /// The statuses of the targets, and how they were found.
    pub outcome: Outcome,
    /// The verdict about all targets.
    pub verdict: Verdict,
    /// The exit status of the program.
    pub status: ExitStatus,
    /// The limit on the accept queue.
    pub max_queue: Option<MaxQueue>,
    /// The expectation: listening, or absent.
    pub wanted: Expectation,
    /// How many targets must be listening.
    pub needed: usize,
}

impl CheckResult {
    /// The statuses with their reasons, and the warnings, in one line. If the check failed, the line begins with the
    /// cause, since a pager or a list of services can cut the rest.
    pub fn reason(&self) -> String {
        let mut answers: Vec<_> = self.outcome.answers.iter().collect();
        if !self.verdict.is_healthy() {
            answers.sort_by_key(|(_, answer)| match answer {
                answer if answer.meets(self.wanted) => 2,
                Answer::CouldNotTell(_) => 1,
                _ => 0,
            });
        }
        let answers = answers.into_iter().map(|(target, answer)| {
            let words = text::describe(target, answer, self.verdict);
            let elsewhere = text::elsewhere(&self.outcome, target, answer);
            format!("{target}: {words}{elsewhere}")
        });
        let said = text::shortfall(self).into_iter().chain(answers);
        let warnings = self.outcome.warnings.iter().cloned();
        printable(&said.chain(warnings).collect::<Vec<_>>().join("; "))
    }
}

/// Prints how a check ended: to stdout unless `quiet`. Warnings, and with `quiet` the reasons for "could not tell", go to
/// stderr if stdout does not have them. A stream that is closed or full changes nothing.
pub fn print_result(checked: &CheckResult, format: Format, quiet: bool, wait: Wait<'_>) {
    if !quiet {
        let text = match format {
            Format::Text => printable_lines(&text::target_lines(checked)),
            Format::Json => json::line(&json::result(checked)),
            Format::Nagios => printable_lines(&nagios::line(checked)),
        };
        let _ = writer::stdout(&text, wait);
    }
    if quiet {
        for line in text::unknown_reasons(&checked.outcome) {
            eprint_line(line, wait);
        }
    }
    if quiet || format == Format::Text {
        for warning in &checked.outcome.warnings {
            eprint_line(format_args!("warning: {warning}"), wait);
        }
    }
}

/// Prints an error of the command line: `full` to stderr and, since a Nagios reads stdout alone, the `reason` there.
pub fn print_usage_error(full: &str, reason: &str, format: Format, wait: Wait<'_>) {
    if format == Format::Nagios {
        let _ = writer::stdout(printable_lines(&nagios::wrong_usage(reason)), wait);
    }
    let full = printable_lines(full);
    let _ = writer::stderr(&mut full.as_bytes(), wait);
}

/// Prints that a valid command line names something that does not exist.
pub fn print_missing(what: &str, format: Format, wait: Wait<'_>) {
    let what = printable(what);
    let full = format!("listenup: wrong usage: {what}\n");
    print_usage_error(&full, &what, format, wait);
}

/// Writes the text to stdout, and returns true if all of it was written. If not, stderr has the reason, unless the
/// reader has closed the pipe, as `head` does.
pub fn print(text: impl AsRef<[u8]>, wait: Wait<'_>) -> bool {
    match writer::stdout(text, wait) {
        Ok(()) => true,
        Err(Errno::EPIPE) => false,
        Err(errno) => {
            let why = ErrnoText(errno);
            eprint_line(format_args!("cannot write to stdout: {why}"), wait);
            false
        }
    }
}

/// Writes a line to stderr, with the program's name in front, and without characters that control a terminal.
pub fn eprint_line(line: impl std::fmt::Display, wait: Wait<'_>) {
    let line = format!("listenup: {}\n", printable(&line.to_string()));
    let _ = writer::stderr(&mut line.as_bytes(), wait);
}

/// The printable name of a device, or its number if it is gone. The root of a container chooses the names there.
pub fn device_name(index: u32) -> String {
    match if_indextoname(index) {
        // nix takes the null pointer by which the C library reports an error for an empty name.
        Ok(name) if !name.is_empty() => printable_bytes(name.as_bytes()),
        Ok(_) | Err(_) => format!("number {index}"),
    }
}

/// Names the listeners elsewhere on the port of a target in a few words. Empty if there are none, or the status is not "not
/// listening".
pub fn elsewhere(outcome: &Outcome, target: &Target, answer: &Answer) -> String {
    let text = text::elsewhere(outcome, target, answer);
    text.trim_start_matches("; ").to_owned()
}

/// Returns the reason why no connection finds a listener, in words that follow its address and port.
fn unreachable(listener: &Listener) -> Option<String> {
    if listener.takes_no_connections() {
        return Some("listens on an address to which no connection can go".to_owned());
    }
    let device = match listener.device {
        Device::Index(index) => device_name(index),
        Device::Any | Device::Unknown => "?".to_owned(),
    };
    Some(match listener.unreachable? {
        Unreachable::DeviceGone => format!("is bound to device {device}, which is gone"),
        Unreachable::DeviceNotKnown => {
            format!("is bound to device {device}, which may be gone")
        }
        Unreachable::PortOf(master) => {
            let master = device_name(master);
            format!("is bound to {device}, a port of {master}, which gets the packets")
        }
        Unreachable::MptcpEndpoint => {
            "belongs to the kernel, for an MPTCP endpoint, and refuses first connections".to_owned()
        }
        Unreachable::LoopbackAddress => {
            format!("is bound to {device}, but usually only lo gets packets for a loopback address")
        }
    })
}
