//! `--status`: checks that a watch with these options is alive, and that its file agrees with a look.

use std::thread::sleep;
use std::time::{Duration, SystemTime};

use super::looks::Looks;
use super::state::State;
use super::track_file::Watched;
use super::{state_of, track_file};
use crate::cli::WatchOptions;
use crate::clock::{Clock, HumanDuration, SystemClock};
use crate::domain::{ExitCodes, ExitReason, ExitStatus, OnUnknown, Verdict};
use crate::report::writer::{self, Wait};
use crate::untrusted::RegularFile;
use crate::untrusted::text::printable;

/// The oldest modification time that the file of a live watch can have, apart from one look.
const OLDEST: Duration = Duration::from_secs(5);
/// How long the file and the looks may differ, apart from `--rise` and `--fall`.
const DIFFER: Duration = Duration::from_secs(2);
/// How long to wait in total: less than the ten seconds of a Nagios plugin.
const LIMIT: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(100);

/// Prints one line and exits as a Nagios plugin does.
pub fn run(options: &WatchOptions) -> ExitStatus {
    let (reason, word, text) = match find(options) {
        Ok(text) => (ExitReason::Done, "OK", text),
        Err(text) => (ExitReason::Verdict(Verdict::NotListening), "CRITICAL", text),
    };
    let text = printable(&text.replace('|', " "));
    let written = writer::stdout(format!("LISTENUP WATCH {word} - {text}\n"), Wait::Always);
    ExitStatus {
        reason: if written.is_ok() {
            reason
        } else {
            ExitReason::Failed
        },
        codes: ExitCodes::Nagios,
        on_unknown: OnUnknown::Down,
    }
}

fn find(options: &WatchOptions) -> Result<String, String> {
    let path = &options.track_file;
    let shown = path.display();
    let file = RegularFile::open(path)
        .map_err(|error| format!("{shown} cannot be read: {error}"))?
        .into_file();
    match track_file::watched(&file) {
        Ok(Watched::No) => return Err(format!("no watch keeps {shown}")),
        Ok(Watched::Unseen(lost)) => return Err(track_file::unseen(path, lost)),
        // The modification time shows whether there is a watch, as on a file system without locks.
        Ok(Watched::Yes | Watched::ReadLocked) | Err(_) => {}
    }
    let modified = file.metadata().and_then(|found| found.modified());
    // A modification time in the future is one before the clock was set back.
    let age = modified.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
    let age = age.unwrap_or(Duration::MAX);
    if age > OLDEST + options.check.timing.timeout {
        return Err(format!(
            "the watch of {shown} has not moved for {}",
            HumanDuration(age)
        ));
    }
    agree(options).map(|text| format!("{shown} {text}"))
}

/// Waits until the file says what a look says: `--rise` and `--fall` hold a change back.
fn agree(options: &WatchOptions) -> Result<String, String> {
    let clock = SystemClock::start();
    let mut looks = Looks::new(&options.check, options.every);
    let limit = (options.rise.max(options.fall) + DIFFER).min(LIMIT);
    loop {
        let outcome = looks.look(&clock, false, |_| false);
        let state = state_of(&options.check, &outcome);
        let wanted = match state {
            State::Up => 0,
            State::Down => i64::from(options.down_value),
        };
        let found = track_file::value(&options.track_file);
        let found = found.map_err(|why| format!("{}: {why}", options.track_file.display()))?;
        if found == Some(wanted) {
            return Ok(format!("says {wanted}, as a look does"));
        }
        if clock.now() > limit {
            let says = found.map_or("nothing".to_owned(), |found| found.to_string());
            let path = options.track_file.display();
            return Err(format!("{path} says {says}, and a look says {wanted}"));
        }
        sleep(PAUSE);
    }
}
