//! `listenup doctor`: its arguments and its options.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::OsStringValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::args::{self, flag, get};
use crate::domain::{Target, TargetError};
use crate::host::netns::Netns;
use crate::keepalived_conf::Version;
use crate::report::Format;

/// The options of `listenup doctor`.
#[derive(Debug)]
pub struct DoctorOptions {
    /// The targets to make a vrrp_script for; can be empty.
    pub targets: Vec<Target>,
    /// The files of keepalived's configuration; can be empty.
    pub keepalived_confs: Vec<PathBuf>,
    /// The version of keepalived.
    pub version: Option<Version>,
    /// The name or number of the user that scripts run as, in place of those in the files.
    pub user: Option<String>,
    /// The network namespace to look in. `None`: the one of this process.
    pub netns: Option<Netns>,
    /// The file to print replacements for, and nothing else.
    pub rewrite: Option<PathBuf>,
    /// The code to explain, and nothing else.
    pub explain: Option<String>,
    /// The codes whose findings are left out.
    pub ignored: Vec<String>,
    /// The format of stdout.
    pub format: Format,
    /// True if only problems and failing checks are printed.
    pub quiet: bool,
}

const DOCTOR_HELP: &str = "\
Nothing is changed. Run it as root, on the host and in the network namespace of keepalived. Every listenup
check in the configuration is evaluated once, in this process. Nothing is executed.

Exit status: 0 no problems found, 1 a problem or not finished, 3 no problem, but a check is failing right now.";

pub(super) fn command(command: Command) -> Command {
    command
        .after_help(DOCTOR_HELP)
        .arg(
            Arg::new("target")
                .value_name("FILE|TARGET")
                .num_args(1..)
                .allow_negative_numbers(true)
                .help("A keepalived.conf to check, or a port to look for, which also goes into the block to paste")
                .value_parser(OsStringValueParser::new()),
        )
        .arg(
            Arg::new("keepalived-conf")
                .long("keepalived-conf")
                .value_name("FILE")
                .help(
                    "Check these files and all that they include; otherwise what the running keepalived has \
                     loaded, or /etc/keepalived/keepalived.conf",
                )
                .num_args(1..)
                .action(ArgAction::Append)
                .value_parser(OsStringValueParser::new()),
        )
        .arg(
            Arg::new("keepalived-version")
                .long("keepalived-version")
                .value_name("VERSION")
                .help("Read the file as this version does; otherwise as the running or installed keepalived")
                .value_parser(|text: &str| {
                    text.parse::<Version>().map_err(|_| "expected a version such as 2.3.4")
                }),
        )
        .arg(args::non_empty("user").value_name("USER|UID").help(
            "The user that scripts run as; otherwise the one of keepalived.conf, or keepalived_script, or root",
        ))
        .arg(args::netns())
        .arg(
            Arg::new("rewrite")
                .long("rewrite")
                .value_name("FILE")
                .help("Print a patch that replaces netstat, ss, nc and others in this file with listenup")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            args::non_empty("ignore")
                .value_name("CODE")
                .action(ArgAction::Append)
                .help("Leave out the findings with this code, such as LU201; can be repeated"),
        )
        .arg(args::non_empty("explain").value_name("CODE").help("Explain this code, and do nothing else"))
        .arg(args::format(&["text", "json"]))
        .arg(flag("quiet").short('q').help("Print problems and failing checks only"))
}

pub(super) fn options(matches: &ArgMatches) -> Result<DoctorOptions, String> {
    let mut targets = Vec::new();
    let mut keepalived_confs = Vec::new();
    for word in matches.get_many::<OsString>("target").into_iter().flatten() {
        match args::target(word.clone()) {
            Ok(target) => targets.push(target),
            Err(_) if is_path(word) => keepalived_confs.push(PathBuf::from(word)),
            Err(error) => return Err(neither(word, &error)),
        }
    }
    let groups = matches.get_occurrences::<OsString>("keepalived-conf");
    for group in groups.into_iter().flatten() {
        for (index, word) in group.enumerate() {
            // After the first one a target is a target: `--keepalived-conf a.conf 443`.
            match args::target(word.clone()) {
                Ok(target) if index > 0 => targets.push(target),
                _ => keepalived_confs.push(PathBuf::from(word)),
            }
        }
    }
    Ok(DoctorOptions {
        targets: args::dedup(targets),
        keepalived_confs,
        version: matches.get_one("keepalived-version").copied(),
        user: matches.get_one("user").cloned(),
        netns: matches.get_one("netns").cloned(),
        rewrite: matches.get_one("rewrite").cloned(),
        explain: matches.get_one("explain").cloned(),
        ignored: matches
            .get_many("ignore")
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
        format: get(matches, "format"),
        quiet: matches.get_flag("quiet"),
    })
}

/// True if a word that is not a target is meant as the path of a file.
fn is_path(word: &OsStr) -> bool {
    let word = word.to_string_lossy();
    let is_address = word.starts_with(|c: char| c.is_ascii_digit() || c == '[');
    word.contains(".conf") || (word.contains('/') && !is_address)
}

fn neither(word: &OsStr, error: &TargetError) -> String {
    let word = word.to_string_lossy();
    format!("{word}: for a file, write ./{word}; as a target: {error}")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::{Request, parse};

    fn options(line: &str) -> Option<DoctorOptions> {
        let words = ["listenup"].into_iter().chain(line.split(' '));
        match parse(words.map(Into::into)) {
            Ok(Request::Doctor(options)) => Some(options),
            _ => None,
        }
    }

    #[test]
    fn targets_and_files_can_be_mixed_on_one_line() {
        for (line, targets, files) in [
            (
                "doctor 80 --keepalived-conf a.conf b.conf 443 80 --keepalived-conf 443 c.conf [::1]:1",
                &["80", "443", "[::1]:1"][..],
                &["a.conf", "b.conf", "443", "c.conf"][..],
            ),
            (
                "doctor /etc/keepalived/keepalived.conf",
                &[],
                &["/etc/keepalived/keepalived.conf"],
            ),
            ("doctor a.conf 443 ./443", &["443"], &["a.conf", "./443"]),
            (
                "doctor keepalived.conf.new ../x",
                &[],
                &["keepalived.conf.new", "../x"],
            ),
        ] {
            let options = options(line).unwrap();
            let found: Vec<String> = options.targets.iter().map(ToString::to_string).collect();
            assert_eq!(found, targets, "{line}");
            let files: Vec<&Path> = files.iter().map(Path::new).collect();
            assert_eq!(options.keepalived_confs, files, "{line}");
        }
        for line in [
            "doctor 70000",
            "doctor keepalived",
            "doctor 192.0.2.1",
            "doctor 1/2",
        ] {
            assert!(options(line).is_none(), "{line}");
        }
    }

    #[test]
    fn keepalived_version_and_ignore_are_parsed() {
        let options =
            options("doctor --keepalived-version 2.2.8 --ignore LU201 --ignore LU236").unwrap();
        assert_eq!(options.version, Some(Version::new(2, 2, 8)));
        assert_eq!(options.ignored, ["LU201", "LU236"]);
        assert!(super::tests::options("doctor --keepalived-version new").is_none());
    }
}
