//! Reads the line that keepalived runs every second without clap, which would take a fifth of the whole check.
//!
//! These are the lines of `listenup check` with targets, `-q` and `--log WHERE` alone. clap reads every other line, and
//! each line with an error. A property test compares the two.

use std::ffi::OsString;
use std::time::Duration;

use super::args;
use super::check::{self, CheckOptions, RETRY_EVERY, TIMEOUT};
use crate::domain::{ExitCodes, Expectation, OnUnknown, Target};
use crate::engine::Timing;
use crate::log::Log;
use crate::report::Format;
use crate::requirements::Owner;
use crate::source::SourceChoice;

/// Reads the options of a plain `listenup check`, the program's name first. `None` if clap has to read the line.
pub(super) fn try_parse(line: &[OsString]) -> Option<CheckOptions> {
    let mut words = line.iter().skip(1).map(|word| word.to_str());
    if words.next()?? != "check" {
        return None;
    }
    let (mut targets, mut log, mut quiet) = (Vec::new(), None, false);
    while let Some(word) = words.next() {
        match word? {
            "-q" | "--quiet" => quiet = true,
            "--log" if log.is_none() => log = Some(parse_log(words.next()??)?),
            target => targets.push(target.parse::<Target>().ok()?),
        }
    }
    let few = (1..=args::MOST_TARGETS).contains(&targets.len());
    few.then(|| options(targets, log.unwrap_or_default(), quiet))
}

/// Returns the log with this name. `None` if there is none, although [`check::log`] accepts any word.
fn parse_log(name: &str) -> Option<Log> {
    check::LOGS.contains(&name).then(|| check::log(name))
}

fn options(targets: Vec<Target>, log: Log, quiet: bool) -> CheckOptions {
    let targets = args::dedup(targets);
    CheckOptions {
        needed: targets.len(),
        targets,
        source: SourceChoice::default(),
        timing: Timing {
            timeout: TIMEOUT,
            retry_for: Duration::ZERO,
            retry_every: RETRY_EVERY,
        },
        exit_codes: ExitCodes::default(),
        on_unknown: OnUnknown::default(),
        wanted: Expectation::Listening,
        interface: None,
        netns: None,
        max_queue: None,
        owner: Owner::default(),
        format: Format::default(),
        log,
        quiet,
        verbose: false,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::os::unix::ffi::OsStringExt;

    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::cli::{Request, parse_with_clap};

    /// Words that such a line is made of, that look as if, and that are neither.
    const WORDS: &str = "check|443|443|80|0|00443|+443|-443|65535|65536|*:443|443:|:443|192.0.2.1:443|[::1]:443|\
        ::1:443|udp:53|udp:53|[::ffff:192.0.2.1]:443|-q|-q|--quiet|-qq|-qv|--quiet=true|--qui|-v|--log|--log|\
        --log=stderr|none|stderr|syslog|journald|Journald|--|-|| 443|help|--help|-V";

    fn word() -> impl Strategy<Value = OsString> {
        prop_oneof![
            9 => prop::sample::select(WORDS.split('|').collect::<Vec<_>>()).prop_map(OsString::from),
            1 => prop::collection::vec(1_u8.., 0..6).prop_map(OsString::from_vec),
        ]
    }

    /// Mostly begins as a check does.
    fn line() -> impl Strategy<Value = Vec<OsString>> {
        let beginning = prop_oneof![
            9 => Just(vec!["listenup".into(), "check".into()]),
            1 => prop::collection::vec(word(), 0..3),
        ];
        (beginning, prop::collection::vec(word(), 0..6)).prop_map(|(mut line, rest)| {
            line.extend(rest);
            line
        })
    }

    #[test]
    fn fast_path_agrees_with_clap() {
        let taken = Cell::new(0);
        let mut runner = TestRunner::new(ProptestConfig::with_cases(8192));
        let judged = runner.run(&line(), |line| {
            let Some(options) = try_parse(&line) else {
                return Ok(());
            };
            taken.set(taken.get() + 1);
            match parse_with_clap(&line) {
                Ok(Request::Check(same)) => {
                    prop_assert_eq!(format!("{options:?}"), format!("{same:?}"));
                }
                other => prop_assert!(false, "{line:?}: {other:?}"),
            }
            Ok(())
        });
        assert_eq!(judged, Ok(()));
        assert!(taken.get() > 200, "{taken:?}");
    }

    #[test]
    fn fast_path_accepts_the_lines_of_keepalived() {
        for line in [
            "listenup check 443",
            "/usr/libexec/keepalived/listenup check 443 --log journald",
            "listenup check -q --log none 192.0.2.1:443 [::1]:443 udp:53",
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert!(try_parse(&words).is_some(), "{line}");
        }
    }

    #[test]
    fn fast_path_leaves_other_lines_to_clap() {
        for line in [
            "",
            "listenup",
            "listenup check",
            "listenup check -q",
            "listenup check 443 -v",
            "listenup check 443 --log",
            "listenup check 443 --log x",
            "listenup check 443 --log none --log stderr",
            "listenup check 0",
            "listenup list 443",
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert!(try_parse(&words).is_none(), "{line}");
        }
    }
}
