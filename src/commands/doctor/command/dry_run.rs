//! Runs a listenup check as keepalived does: the same words, user and namespace, nothing on the standard input, and no
//! longer than keepalived waits. Nothing but this program is executed, whichever path the configuration has.

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serde_json::Value;

use super::child::{self, Call};
use super::own_image::OwnImage;
use super::user::ScriptUser;
use crate::commands::doctor::codes::command::{Answer, Answers, NotTried};
use crate::errno::ErrnoText;

/// The longest time for one run.
const MAX: Duration = Duration::from_secs(10);
/// The longest time for all runs together.
const MAX_TOGETHER: Duration = Duration::from_secs(30);
/// The time between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(2);
/// Bytes that are read of its output.
const MAX_OUTPUT: u64 = 64 << 10;

/// The result of a run.
#[derive(Debug)]
pub enum RunResult {
    /// It succeeds.
    Succeeds(Answers),
    /// What it looks for is not so now.
    Fails(Answers),
    /// It exits with 0 although it could not tell.
    UnknownIsUp(Answers),
    /// It could not find out.
    CouldNotTell(Answers),
    /// It refuses its command line, or what that names does not exist.
    Refused(String),
    /// What it finds is not known.
    NotTried(NotTried),
}

/// The time that is left for all runs together.
#[derive(Debug)]
pub struct DryRuns(Cell<Duration>);

impl Default for DryRuns {
    fn default() -> Self {
        Self(Cell::new(MAX_TOGETHER))
    }
}

impl DryRuns {
    /// Runs a check, so that it prints what it finds and logs nothing. Neither changes whether it succeeds.
    pub fn run(
        &self,
        image: &OwnImage,
        words: &[Vec<u8>],
        user: &ScriptUser,
        timeout: Duration,
    ) -> RunResult {
        let left = self.0.get();
        if left.is_zero() {
            return RunResult::NotTried(NotTried::NoTime(MAX_TOGETHER));
        }
        let system = |error: &io::Error| {
            RunResult::NotTried(NotTried::System(ErrnoText::from(error).to_string()))
        };
        // Without it std's error could be that of this file or of the program.
        if let Err(error) = File::open("/dev/null") {
            return system(&error);
        }
        let arguments = words.iter().skip(1).cloned().map(OsString::from_vec);
        let arguments: Vec<OsString> = arguments.collect();
        let name = words.first().map(Vec::as_slice).unwrap_or_default();
        let limit = timeout.min(MAX).min(left);
        let started = Instant::now();
        let child = child::start(&Call {
            image: &image.path(),
            name: OsStr::from_bytes(name),
            arguments: &printing(&arguments),
            user,
        });
        let output = child.and_then(|child| wait_with_output(child, limit));
        self.0.set(left.saturating_sub(started.elapsed()));
        match output {
            Ok(Some((succeeds, stdout, stderr))) => classify(succeeds, &stdout, &stderr),
            Ok(None) => RunResult::NotTried(NotTried::Unfinished(limit)),
            Err(error) => system(&error),
        }
    }
}

/// Waits for the end of a child. `None`: it was killed at its limit.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(PAUSE);
    }
}

/// Returns whether it succeeds, and what it prints to stdout and stderr. Both are short, so neither fills its pipe.
/// `None`: it was killed at its limit.
fn wait_with_output(
    mut child: Child,
    limit: Duration,
) -> io::Result<Option<(bool, String, String)>> {
    let Some(status) = wait(&mut child, limit)? else {
        return Ok(None);
    };
    let stdout = child.stdout.map_or(Ok(String::new()), output)?;
    let stderr = child.stderr.map_or(Ok(String::new()), output)?;
    Ok(Some((status.success(), stdout, stderr)))
}

/// Returns what is in a pipe now. Its end is not waited for: another process of the check's user can have taken hold of the
/// check (ptrace(2)) and keep the pipe open.
fn output(mut pipe: impl Read + AsFd) -> io::Result<String> {
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let mut text = Vec::new();
    match pipe.by_ref().take(MAX_OUTPUT).read_to_end(&mut text) {
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => Ok(String::from_utf8_lossy(&text).into_owned()),
    }
}

/// Returns the arguments with which it prints JSON, and logs nothing.
fn printing(arguments: &[OsString]) -> Vec<OsString> {
    let mut printing = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let bytes = word.as_bytes();
        let with_value = |option: &str| bytes == option.as_bytes();
        let in_one = |option: &str| bytes.starts_with(format!("{option}=").as_bytes());
        if with_value("--format") || with_value("--log") {
            words.next();
        } else if !["-q", "--quiet"].contains(&word.to_str().unwrap_or_default())
            && !in_one("--format")
            && !in_one("--log")
        {
            printing.push(word.clone());
        }
        if printing.len() == 1 && bytes == b"check" {
            printing.extend(["--format", "json"].map(OsString::from));
        }
    }
    printing
}

/// Returns what a run amounts to, by its exit code and its output.
fn classify(succeeds: bool, stdout: &str, stderr: &str) -> RunResult {
    let reason = stderr.lines().next().unwrap_or_default();
    let reason = reason.trim_start_matches("error: ");
    let reason = reason.trim_start_matches("listenup: ");
    let reason = reason.trim_start_matches("wrong usage: ").to_owned();
    let document = serde_json::from_str::<Value>(stdout).ok();
    let answers = document.as_ref().and_then(answers);
    let verdict = document
        .as_ref()
        .and_then(|document| document.get("verdict")?.as_str());
    match (verdict, answers, succeeds) {
        (Some("could not tell"), Some(answers), true) => RunResult::UnknownIsUp(answers),
        (Some("could not tell"), Some(answers), false) => RunResult::CouldNotTell(answers),
        (Some(_), Some(answers), true) => RunResult::Succeeds(answers),
        (Some(_), Some(answers), false) => RunResult::Fails(answers),
        _ if document.is_none() && !succeeds && !reason.is_empty() => RunResult::Refused(reason),
        _ => RunResult::NotTried(NotTried::NoAnswer),
    }
}

fn answers(document: &Value) -> Option<Answers> {
    let targets = document.get("targets")?.as_array()?.iter();
    let text = |target: &Value, key: &str| target.get(key)?.as_str().map(str::to_owned);
    let answers = targets.filter_map(|target| {
        Some(Answer {
            target: text(target, "target")?,
            answer: text(target, "answer")?,
            reason: text(target, "reason"),
        })
    });
    Some(Answers(answers.collect()))
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use super::*;

    #[test]
    fn arguments_for_json() {
        for (line, expected) in [
            ("check -q 443", "check --format json 443"),
            (
                "check --quiet --format nagios --log=syslog --max-queue 1 443",
                "check --format json --max-queue 1 443",
            ),
            (
                "check --format=text --log syslog 443",
                "check --format json 443",
            ),
        ] {
            let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
            let expected: Vec<OsString> = expected.split(' ').map(Into::into).collect();
            assert_eq!(printing(&words), expected, "{line}");
        }
    }

    #[test]
    fn a_child_is_killed_at_its_limit() {
        let child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let pid = child.id();
        assert_eq!(
            wait_with_output(child, Duration::from_millis(50)).unwrap(),
            None
        );
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn a_pipe_that_somebody_keeps_open_is_not_waited_for() {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "sleep 600 & echo $!"]);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let output = wait_with_output(child.unwrap(), Duration::from_secs(60)).unwrap();
        let (succeeds, stdout, _) = output.unwrap();
        let sleeper = Pid::from_raw(stdout.trim().parse().unwrap());
        kill(sleeper, Signal::SIGKILL).unwrap();
        assert!(succeeds);
    }

    #[test]
    fn all_runs_share_one_time() {
        let user = ScriptUser {
            name: "root".to_owned(),
            uid: 0,
            gid: Some(0),
        };
        let runs = DryRuns(Cell::new(Duration::ZERO));
        let image = OwnImage::open().unwrap();
        let result = runs.run(
            &image,
            &[b"/listenup".to_vec()],
            &user,
            Duration::from_secs(1),
        );
        assert!(matches!(
            result,
            RunResult::NotTried(NotTried::NoTime(MAX_TOGETHER))
        ));
    }

    #[test]
    fn results_by_exit_code_and_output() {
        let document = |verdict: &str, reason: &str| {
            format!(
                "{{\"verdict\":\"{verdict}\",\"targets\":[{{\"target\":\"443\",\"answer\":\"{verdict}\",\
                 \"reason\":{reason}}}]}}"
            )
        };
        for (succeeds, stdout, stderr, expected) in [
            (
                true,
                document("listening", "null"),
                "",
                "Succeeds 443 is listening",
            ),
            (
                false,
                document("not listening", "null"),
                "",
                "Fails 443 is not listening",
            ),
            (
                false,
                document("could not tell", "\"why\""),
                "",
                "CouldNotTell 443: could not tell: why",
            ),
            (
                true,
                document("could not tell", "\"why\""),
                "",
                "UnknownIsUp 443: could not tell: why",
            ),
            (
                false,
                String::new(),
                "error: no such user\n\nUsage",
                "Refused no such user",
            ),
            (false, String::new(), "", "NotTried"),
            (true, String::new(), "hello", "NotTried"),
            (true, "{}".to_owned(), "", "NotTried"),
        ] {
            let found = match classify(succeeds, &stdout, stderr) {
                RunResult::Succeeds(answers) => format!("Succeeds {answers}"),
                RunResult::Fails(answers) => format!("Fails {answers}"),
                RunResult::UnknownIsUp(answers) => format!("UnknownIsUp {answers}"),
                RunResult::CouldNotTell(answers) => format!("CouldNotTell {answers}"),
                RunResult::Refused(why) => format!("Refused {why}"),
                RunResult::NotTried(_) => "NotTried".to_owned(),
            };
            assert_eq!(found, expected, "{stdout}");
        }
    }
}
