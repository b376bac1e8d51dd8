//! `listenup doctor`: its arguments, and their way to options.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::OsStringValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::args::{self, flag, get};
use crate::domain::Target;
use crate::host::netns::Netns;
use crate::report::Format;

/// The options of `listenup doctor`.
#[derive(Debug)]
pub struct DoctorOptions {
    /// What a check would be asked for; may be empty.
    pub targets: Vec<Target>,
    /// Files of keepalived's configuration; may be empty.
    pub keepalived_confs: Vec<PathBuf>,
    /// The name or number of the user that scripts run as, whatever those files say.
    pub user: Option<String>,
    /// Where to look, if not here.
    pub netns: Option<Netns>,
    /// The file to print replacements for, and nothing else.
    pub rewrite: Option<PathBuf>,
    /// How to say it on stdout.
    pub format: Format,
    /// Nothing but problems on stdout.
    pub quiet: bool,
}

const DOCTOR_HELP: &str = "\
Nothing is changed. Run it as root, on the host and in the network namespace of keepalived. Each listenup
command of the configuration is run once, as keepalived would run it, by this program file. Nothing else is executed.

Exit status: 0 when nothing is wrong, otherwise 1.";

pub(super) fn command(command: Command) -> Command {
    command
        .after_help(DOCTOR_HELP)
        .arg(args::targets().help("What a check would be asked for; also goes into the block to paste"))
        .arg(
            Arg::new("keepalived-conf")
                .long("keepalived-conf")
                .value_name("FILE")
                .help(
                    "Look at these configurations and all that they include; otherwise at what the running \
                     keepalived has loaded, or at /etc/keepalived/keepalived.conf",
                )
                .num_args(1..)
                .action(ArgAction::Append)
                .value_parser(OsStringValueParser::new()),
        )
        .arg(
            args::text("user")
                .value_name("USER|UID")
                .help(
                    "The user that scripts run as; otherwise the one of keepalived.conf, or \
                     keepalived_script, or root",
                ),
        )
        .arg(args::netns())
        .arg(
            Arg::new("rewrite")
                .long("rewrite")
                .value_name("FILE")
                .help("Print what replaces the other programs that look for a port in this file, as a patch")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(args::format(&["text", "json"]))
        .arg(flag("quiet").short('q').help("Say the problems and nothing else"))
}

pub(super) fn options(matches: &ArgMatches) -> DoctorOptions {
    let mut targets = args::targets_of(matches);
    let mut keepalived_confs = Vec::new();
    for group in matches
        .get_occurrences::<OsString>("keepalived-conf")
        .into_iter()
        .flatten()
    {
        for (index, word) in group.enumerate() {
            // Behind the first one a target is a target: `--keepalived-conf a.conf 443`.
            let target = word.to_str().and_then(|word| word.parse::<Target>().ok());
            match target.filter(|_| index > 0) {
                Some(target) if targets.contains(&target) => {}
                Some(target) => targets.push(target),
                None => keepalived_confs.push(PathBuf::from(word)),
            }
        }
    }
    DoctorOptions {
        targets,
        keepalived_confs,
        user: matches.get_one("user").cloned(),
        netns: matches.get_one("netns").cloned(),
        rewrite: matches.get_one("rewrite").cloned(),
        format: get(matches, "format"),
        quiet: matches.get_flag("quiet"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::cli::{Request, parse};

    #[test]
    fn files_and_targets_in_one_go() {
        let line =
            "doctor 80 --keepalived-conf a.conf b.conf 443 80 --keepalived-conf 443 c.conf [::1]:1";
        let words = ["listenup"].into_iter().chain(line.split(' '));
        let Ok(Request::Doctor(options)) = parse(words.map(Into::into)) else {
            panic!("{line} is refused");
        };
        let targets: Vec<String> = options.targets.iter().map(ToString::to_string).collect();
        assert_eq!(targets, ["80", "443", "[::1]:1"]);
        let files = ["a.conf", "b.conf", "443", "c.conf"].map(Path::new);
        assert_eq!(options.keepalived_confs, files);
    }
}
