//! Runs a check as keepalived would: its words, its user, its namespace, nothing on the standard input, and no
//! longer than keepalived waits. Only listenup is ever run.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::accounts::ScriptUser;
use crate::errno::ErrnoText;

/// The longest that is waited for one.
const MOST: Duration = Duration::from_secs(10);
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
    /// It could not be started.
    NotStarted(String),
    /// There is no /dev/null to run it with.
    NotTried(String),
    /// Its output is not that of a listenup that this one knows.
    Unknown,
}

/// Runs it, so that it says what it found and logs nothing; neither changes whether it succeeds.
pub fn run(words: &[Vec<u8>], user: &ScriptUser, timeout: Duration) -> Trial {
    // Of what follows it could not be told whether this failed or the program.
    if let Err(error) = File::open("/dev/null") {
        let why = ErrnoText::from(&error);
        return Trial::NotTried(format!("/dev/null cannot be opened: {why}"));
    }
    let arguments = words.iter().skip(1).cloned().map(OsString::from_vec);
    let arguments: Vec<OsString> = arguments.collect();
    let program = words.first().map(Vec::as_slice).unwrap_or_default();
    let started = start(program, &telling(&arguments), user);
    match started.and_then(|child| tell(child, timeout.min(MOST))) {
        Ok(Some((succeeds, stdout, stderr))) => classify(succeeds, &stdout, &stderr),
        Ok(None) => Trial::TooSlow,
        Err(error) => Trial::NotStarted(ErrnoText::from(&error).to_string()),
    }
}

/// As keepalived starts it: lib/notify.c, `system_call` and `notify_exec`.
fn start(program: &[u8], arguments: &[OsString], user: &ScriptUser) -> io::Result<Child> {
    let mut command = Command::new(OsStr::from_bytes(program));
    command
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // Without a change there is nothing to ask the kernel for.
    if nix::unistd::geteuid().as_raw() != user.uid || user.uid == 0 {
        command.uid(user.uid); // std gives up the other groups with it
        if let Some(gid) = user.gid {
            command.gid(gid);
        }
    }
    command.spawn()
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
    let read = |stream: Option<&mut dyn Read>| {
        let mut text = Vec::new();
        if let Some(stream) = stream {
            stream.take(MOST_SAID).read_to_end(&mut text)?;
        }
        io::Result::Ok(String::from_utf8_lossy(&text).into_owned())
    };
    let stdout = read(child.stdout.as_mut().map(|stream| stream as &mut dyn Read))?;
    let stderr = read(child.stderr.as_mut().map(|stream| stream as &mut dyn Read))?;
    Ok(Some((status.success(), stdout, stderr)))
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
    fn what_does_not_end_or_does_not_start() {
        let own = ScriptUser {
            name: "this one".to_owned(),
            uid: nix::unistd::geteuid().as_raw(),
            gid: None,
        };
        let run = |line: &str, limit: Duration| {
            let words: Vec<Vec<u8>> = line.split(' ').map(Into::into).collect();
            super::run(&words, &own, limit)
        };
        let (short, long) = (Duration::from_millis(50), Duration::from_secs(60));
        assert_eq!(run("/bin/sleep 600", short), Trial::TooSlow);
        let missing = run("/nonexistent check", long);
        assert!(matches!(missing, Trial::NotStarted(_)), "{missing:?}");
        assert_eq!(run("/bin/true check", long), Trial::Unknown);
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
