//! Runs a check as keepalived would: its words, its user, its namespace, nothing on the standard input, and no
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

use super::accounts::ScriptUser;
use super::child::{self, Call};
use super::own_image::OwnImage;
use crate::clock::Shown;
use crate::errno::ErrnoText;

/// The longest that is waited for one.
const MOST: Duration = Duration::from_secs(10);
/// The longest that is waited for all of them together.
const MOST_TOGETHER: Duration = Duration::from_secs(30);
/// How often it is looked whether it has ended.
const PAUSE: Duration = Duration::from_millis(2);
/// Bytes that are read of what it says.
const MOST_SAID: u64 = 64 << 10;

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Trial {
    /// It succeeds.
    Listening(String),
    /// What it looks for is not so now; it said so, in these words.
    Fails(String),
    /// It exits with 0 although it could not tell.
    SucceedsBlindly(String),
    /// It could not find out, for this reason.
    CouldNotTell(String),
    /// It refuses its command line, or what that names does not exist.
    Refused(String),
    /// keepalived would kill it.
    TooSlow,
    /// It had not ended after this time, which is shorter than keepalived waits.
    Unfinished(Duration),
    /// It was not run, or could not be started.
    NotTried(String),
    /// Its output is not that of a listenup that this one knows.
    Unknown,
}

/// The time that is left for all trials together.
#[derive(Debug)]
pub struct TimeLeft(Cell<Duration>);

impl TimeLeft {
    /// All of it.
    pub fn whole() -> Self {
        Self(Cell::new(MOST_TOGETHER))
    }

    /// Does some work, which is told how long it may take: no longer than `most`, nor than what is left. `None`: nothing is
    /// left, and nothing was done.
    fn spend<T>(&self, most: Duration, work: impl FnOnce(Duration) -> T) -> Option<T> {
        let left = self.0.get();
        if left.is_zero() {
            return None;
        }
        let started = Instant::now();
        let done = work(left.min(most));
        self.0.set(left.saturating_sub(started.elapsed()));
        Some(done)
    }
}

/// Runs it, so that it says what it found and logs nothing; neither changes whether it succeeds.
pub fn run(
    image: &OwnImage,
    words: &[Vec<u8>],
    user: &ScriptUser,
    timeout: Duration,
    left: &TimeLeft,
) -> Trial {
    // Of what follows it could not be told whether this failed or the program.
    if let Err(error) = File::open("/dev/null") {
        let why = ErrnoText::from(&error);
        return Trial::NotTried(format!("/dev/null cannot be opened: {why}"));
    }
    let arguments = words.iter().skip(1).cloned().map(OsString::from_vec);
    let arguments: Vec<OsString> = arguments.collect();
    let name = words.first().map(Vec::as_slice).unwrap_or_default();
    let tried = left.spend(timeout.min(MOST), |limit| {
        let child = child::start(&Call {
            image: &image.path(),
            name: OsStr::from_bytes(name),
            arguments: &telling(&arguments),
            user,
        });
        (child.and_then(|child| tell(child, limit)), limit)
    });
    match tried {
        None => {
            let together = Shown(MOST_TOGETHER);
            Trial::NotTried(format!(
                "the time for all trials together ({together}) is over"
            ))
        }
        Some((Ok(Some((succeeds, stdout, stderr))), _)) => classify(succeeds, &stdout, &stderr),
        Some((Ok(None), limit)) if limit < timeout => Trial::Unfinished(limit),
        Some((Ok(None), _)) => Trial::TooSlow,
        Some((Err(error), _)) => Trial::NotTried(ErrnoText::from(&error).to_string()),
    }
}

/// `None`: it was killed, since the time was up.
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

/// Whether it succeeds, and what it says on stdout and stderr. Both are short, so neither fills its pipe. `None`:
/// the time was up.
fn tell(mut child: Child, limit: Duration) -> io::Result<Option<(bool, String, String)>> {
    let Some(status) = wait(&mut child, limit)? else {
        return Ok(None);
    };
    let stdout = child.stdout.map_or(Ok(String::new()), written)?;
    let stderr = child.stderr.map_or(Ok(String::new()), written)?;
    Ok(Some((status.success(), stdout, stderr)))
}

/// What is in a pipe now. Its end is not waited for: another process of the check's user can have taken hold of the check
/// (ptrace(2)) and keep the pipe open.
fn written(mut pipe: impl Read + AsFd) -> io::Result<String> {
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let mut text = Vec::new();
    match pipe.by_ref().take(MOST_SAID).read_to_end(&mut text) {
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => Ok(String::from_utf8_lossy(&text).into_owned()),
    }
}

/// The arguments with which it says in JSON what it finds, and logs nothing.
fn telling(arguments: &[OsString]) -> Vec<OsString> {
    let mut told = Vec::new();
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
            told.push(word.clone());
        }
        if told.len() == 1 && bytes == b"check" {
            told.extend(["--format", "json"].map(OsString::from));
        }
    }
    told
}

/// What a run amounts to, by its exit code and what it said.
fn classify(succeeds: bool, stdout: &str, stderr: &str) -> Trial {
    let said = stderr.lines().next().unwrap_or_default();
    let said = said.trim_start_matches("error: ");
    let said = said.trim_start_matches("listenup: ").to_owned();
    let Ok(document) = serde_json::from_str::<Value>(stdout) else {
        return match (succeeds, said.as_str()) {
            (true, _) | (_, "") => Trial::Unknown,
            _ => Trial::Refused(said),
        };
    };
    let Some(verdict) = document.get("verdict").and_then(Value::as_str) else {
        return Trial::Unknown;
    };
    let words = in_words(&document).unwrap_or_else(|| verdict.to_owned());
    match (verdict, succeeds) {
        ("could not tell", true) => Trial::SucceedsBlindly(words),
        ("could not tell", false) => Trial::CouldNotTell(words),
        (_, true) => Trial::Listening(words),
        (_, false) => Trial::Fails(words),
    }
}

/// The answers for the targets.
fn in_words(document: &Value) -> Option<String> {
    let targets = document.get("targets")?.as_array()?;
    let text = |target: &Value, key: &str| target.get(key)?.as_str().map(str::to_owned);
    let answers = targets.iter().filter_map(|target| {
        let (name, answer) = (text(target, "target")?, text(target, "answer")?);
        Some(match text(target, "reason") {
            Some(reason) => format!("{name}: {answer}: {reason}"),
            None => format!("{name}: {answer}"),
        })
    });
    Some(answers.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use super::*;

    #[test]
    fn the_arguments_with_which_it_tells() {
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
            assert_eq!(telling(&words), expected, "{line}");
        }
    }

    #[test]
    fn what_does_not_end_is_killed() {
        let child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let pid = child.id();
        assert_eq!(tell(child, Duration::from_millis(50)).unwrap(), None);
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
        let said = tell(child.unwrap(), Duration::from_secs(60)).unwrap();
        let (succeeds, stdout, _) = said.unwrap();
        let sleeper = Pid::from_raw(stdout.trim().parse().unwrap());
        kill(sleeper, Signal::SIGKILL).unwrap();
        assert!(succeeds);
    }

    #[test]
    fn all_trials_share_one_time() {
        let left = TimeLeft(Cell::new(Duration::from_millis(30)));
        let long = Duration::from_secs(60);
        assert_eq!(
            left.spend(Duration::from_millis(1), |limit| limit),
            Some(Duration::from_millis(1))
        );
        let second = left.spend(long, |limit| {
            thread::sleep(limit);
            limit
        });
        assert!(
            second.is_some_and(|limit| limit <= Duration::from_millis(30)),
            "{second:?}"
        );
        assert_eq!(left.spend(long, |limit| limit), None);
    }

    #[test]
    fn what_a_run_amounts_to() {
        let document = |verdict: &str, reason: &str| {
            format!(
                "{{\"verdict\":\"{verdict}\",\"targets\":[{{\"target\":\"443\",\"answer\":\"{verdict}\",\
                 \"reason\":{reason}}}]}}"
            )
        };
        let says = |words: &str| words.to_owned();
        for (succeeds, stdout, stderr, expected) in [
            (
                true,
                document("listening", "null"),
                "",
                Trial::Listening(says("443: listening")),
            ),
            (
                false,
                document("not listening", "null"),
                "",
                Trial::Fails(says("443: not listening")),
            ),
            (
                false,
                document("could not tell", "\"why\""),
                "",
                Trial::CouldNotTell(says("443: could not tell: why")),
            ),
            (
                true,
                document("could not tell", "\"why\""),
                "",
                Trial::SucceedsBlindly(says("443: could not tell: why")),
            ),
            (
                false,
                String::new(),
                "error: no such user\n\nUsage",
                Trial::Refused(says("no such user")),
            ),
            (false, String::new(), "", Trial::Unknown),
            (true, String::new(), "hello", Trial::Unknown),
            (true, "{}".to_owned(), "", Trial::Unknown),
        ] {
            assert_eq!(classify(succeeds, &stdout, stderr), expected, "{stdout}");
        }
    }
}
