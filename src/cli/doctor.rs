//! `listenup doctor`: its arguments, and their way to options.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::args;
use crate::domain::Target;

/// The options of `listenup doctor`.
#[derive(Debug)]
pub struct DoctorOptions {
    /// What a check would be asked for; may be empty.
    pub targets: Vec<Target>,
    /// Files of keepalived's configuration; may be empty.
    pub keepalived_confs: Vec<PathBuf>,
    /// The name or number of the user that scripts run as, whatever those files say.
    pub user: Option<String>,
}

const DOCTOR_HELP: &str = "\
Nothing is changed. Run it as root, on the host and in the network namespace of keepalived.

Exit status: 0 when nothing is wrong, otherwise 1.";

pub(super) fn command(command: Command) -> Command {
    command
        .after_help(DOCTOR_HELP)
        .arg(args::targets().help("What a check would be asked for; also goes into the block to paste"))
        .arg(
            Arg::new("keepalived-conf")
                .long("keepalived-conf")
                .value_name("FILE")
                .help("Look at the vrrp_scripts that call listenup; may be given for each included file")
                .action(ArgAction::Append)
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            args::text("user")
                .value_name("USER|UID")
                .help(
                    "The user that scripts run as; otherwise the one of keepalived.conf, or \
                     keepalived_script, or root",
                ),
        )
}

pub(super) fn options(matches: &ArgMatches) -> DoctorOptions {
    let confs = matches.get_many("keepalived-conf").into_iter().flatten();
    DoctorOptions {
        targets: args::targets_of(matches),
        keepalived_confs: confs.cloned().collect(),
        user: matches.get_one("user").cloned(),
    }
}
