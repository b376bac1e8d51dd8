//! A `listenup resets` that runs while a test does something.

use std::process::{Child, Stdio};

use nix::libc;
use nix::unistd::Pid;

use super::confined::Confined;
use super::program::{ProgramOutput, await_call};

/// A `listenup resets` that has taken its first sample.
pub struct Watch(Option<Child>);

impl Watch {
    /// By counters alone.
    #[track_caller]
    pub fn start(words: &str) -> Self {
        Self::by(Confined::listenup(), &format!("--trace off {words}"))
    }

    /// With a trace of each reset.
    #[track_caller]
    pub fn traced(words: &str) -> Self {
        let listenup = Confined::listenup().with_tracefs();
        Self::by(listenup, &format!("--trace on {words}"))
    }

    #[track_caller]
    fn by(listenup: Confined, words: &str) -> Self {
        let mut command = listenup.into_command();
        command.arg("resets").args(words.split_whitespace());
        command.stdout(Stdio::piped());
        let watch = Self(Some(command.stderr(Stdio::piped()).spawn().unwrap()));
        // It waits for its reader to go from its first sample on.
        let pid = watch.0.as_ref().unwrap().id();
        await_call(pid, &[libc::SYS_poll, libc::SYS_ppoll]);
        watch
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.0.as_ref().unwrap().id().try_into().unwrap())
    }

    /// Waits for its end and says what it said, with the rates, which are not exact, as R/s, times of day as
    /// HH:MM:SS, and numbers of the host's threads as N.
    #[track_caller]
    pub fn end(mut self) -> ProgramOutput {
        let mut said = ProgramOutput::of(
            "listenup resets".to_owned(),
            self.0.take().unwrap().wait_with_output().unwrap(),
        );
        said.stdout = without_times(&without_threads(&without_unit(&said.stdout)))
            .split_inclusive(' ')
            .map(|word| match word.split_once("/s, ") {
                Some((rate, "")) => {
                    let rate: f64 = rate.trim_start_matches('(').parse().unwrap();
                    assert!(rate > 0.0);
                    "(R/s, "
                }
                _ => word,
            })
            .collect();
        said
    }
}

/// Without the unit that this process may run in.
fn without_unit(text: &str) -> String {
    let process = format!("({})", std::process::id());
    let mark = format!("{process} in ");
    let mut parts = text.split(&mark);
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |said, part| {
        let unit = part.find([':', ';', ' ', ')', '\n']).unwrap();
        said + &process + &part[unit..]
    })
}

/// Replaces the numbers of threads of the host by N: a container cannot know them.
pub fn without_threads(text: &str) -> String {
    let mut parts = text.split(" of the host)");
    let mut said = parts.next().unwrap().to_owned();
    for part in parts {
        let number = said.rsplit_once("(thread ").map(|(before, _)| before.len());
        said.truncate(number.unwrap());
        said = said + "(thread N of the host)" + part;
    }
    said
}

fn without_times(text: &str) -> String {
    let is_time = |word: &str| {
        word.len() == 8
            && word.bytes().enumerate().all(|(at, byte)| match at {
                2 | 5 => byte == b':',
                _ => byte.is_ascii_digit(),
            })
    };
    let mut rest = text;
    let mut said = String::new();
    while let Some(next) = rest.chars().next() {
        let (taken, shown) = match rest.get(..8) {
            Some(word) if is_time(word) => (8, "HH:MM:SS"),
            _ => (next.len_utf8(), &rest[..next.len_utf8()]),
        };
        said.push_str(shown);
        rest = &rest[taken..];
    }
    said
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
