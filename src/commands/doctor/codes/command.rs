//! Codes about commands that call listenup.

use std::fmt;
use std::time::Duration;

use nix::errno::Errno;

use super::{Code, failing, note, ok, problem, table};
use crate::clock::Shown;
use crate::commands::doctor::checks::OnFailure;
use crate::domain::{self, Target};
use crate::untrusted::ReadError;

table! {
    INDIRECT = note(
        "LU401",
        "{name}: runs listenup through a wrapper",
        "the wrapper's listenup command was not checked",
        "call listenup directly from this line",
        "The doctor executes no program, so it does not know what the wrapper does with the result.",
    );
    SHELL_WORD = problem(
        "LU402",
        "{name}: \"{word}\" is passed to listenup as an argument: keepalived does not use a shell",
        "listenup refuses the line, or checks something else than is meant",
        "remove \"{word}\" and what belongs to it; -q already prints nothing",
        "keepalived splits the line into words and executes the first one. Pipes, redirections, && and $NAME have no meaning.",
    );
    NOT_A_CHECK = problem(
        "LU403",
        "{name}: the result is not that of a check",
        "{line} is not listenup check",
        "write listenup check -q and a port",
        "The exit status of the other subcommands does not say whether a port is listening.",
    );
    HELP = problem(
        "LU404",
        "{name}: always succeeds without checking anything: {always}",
        "{line} prints a text and exits 0",
        "write listenup check -q and a port",
        "--help and --version exit with 0.",
    );
    REFUSED = problem(
        "LU405",
        "{name}: always fails: {fails}",
        "listenup refuses the line: {why}",
        "correct the line; listenup check --help lists the options",
        "listenup exits with 1 if its command line is wrong.",
    );
    TIMEOUTS = problem(
        "LU406",
        "{name}: keepalived kills the check before listenup's own --timeout: a slow run counts as a failure",
        "--timeout is {ours}, and keepalived's timeout is {timeout}",
        "remove --timeout (the default is 500ms), or set keepalived's timeout to more than {ours}",
        "listenup ends by itself within --timeout and reports what it could not find out. If keepalived kills it first, \
         --on-unknown and the reason in the log are lost.",
    );
    OVERLAP = Code {
        versions: "2.1.3 to 2.3.2",
        ..note(
            "LU407",
            "{name}: keepalived starts a slow check a second time while it still runs",
            "--timeout is {ours}, and the interval is {interval}",
            "remove --timeout (the default is 500ms), or set the interval to more than {ours}",
            "Up to 2.3.2 keepalived logs that it skips the run, but starts the script all the same.",
        )
    };
    DYNAMIC = problem(
        "LU408",
        "{name}: the real server stays in use while its check fails",
        "with misc_dynamic, exit codes 2 to 255 mean up (weight = code - 2)",
        "add --exit-codes keepalived after check, or remove misc_dynamic",
        "misc_dynamic treats exit code 1 as down, and all higher codes as a weight.",
    );
    CURRENT = ok(
        "LU411",
        "{name}: {answer} (evaluated here for user {user})",
        "The doctor evaluates a listenup check in its own process, with the same arguments, network namespace and time limit. \
         It executes nothing. As a user other than root, a check cannot enter a network namespace, and cannot look into the \
         processes of other users. In everything else all users get the same answer.",
    );
    FAILING = failing(
        "LU412",
        "{name}: {answer}. {now}",
        "",
        "",
        "The check does what it should, and fails right now. See LU411 for how it is evaluated.",
    );
    UNKNOWN_IS_UP = problem(
        "LU413",
        "{name}: always succeeds: {always}",
        "as user {user} it would get \"{answer}\", and --on-unknown up turns that into success",
        "add to its block: user root; or remove --on-unknown up",
        "--on-unknown up makes \"could not tell\" a success. If the user lacks the permission, the check never fails.",
    );
    COULD_NOT_TELL = problem(
        "LU414",
        "{name}: always fails: {fails}",
        "as user {user} it would get \"{answer}\"",
        "add to its block: user root; or remove the options that require root, such as --owner-process and --netns",
        "\"could not tell\" counts as a failure, unless --on-unknown up is given.",
    );
    NAMES_NOTHING = problem(
        "LU415",
        "{name}: always fails: {fails}",
        "listenup refuses the line: {answer}",
        "correct the name in the line",
        "A device, user or network namespace that does not exist is an error of the command line.",
    );
    NOT_EVALUATED = note(
        "LU417",
        "{name}: the check was not evaluated",
        "{why}",
        "{fix}",
        "What the check finds now is unknown. Nothing else follows from this.",
    );
    OTHER_FILE = note(
        "LU418",
        "{name}: the check was not evaluated: {program} is a different version of listenup, or another program",
        "the doctor only knows what its own program finds, and {program} has other content",
        "install the same version of listenup in both places",
        "The doctor compares the program with its own and executes neither.",
    );
    REMOTE = problem(
        "LU416",
        "{name}: does not check {address}, which is not an address of this host",
        "listenup looks at the sockets of this host only",
        "use a TCP_CHECK in place of the MISC_CHECK",
        "listenup asks the kernel of this host. A real server on another host must be checked over the network.",
    );
    OTHER_NAMESPACE = problem(
        "LU421",
        "{name}: always fails: {fails}",
        "in net_namespace {netns} it gets \"{inside}\", and outside of it \"{outside}\"",
        "remove net_namespace {netns}, or run the service in it",
        "net_namespace moves keepalived and its checks into another network namespace. A port that is open outside of it \
         is not open inside.",
    );
    NO_NAMESPACE = problem(
        "LU422",
        "keepalived does not start: there is no network namespace {netns}",
        "{why}",
        "ip netns add {netns}, or remove net_namespace",
        "keepalived opens /run/netns/NAME and ends if it cannot.",
    );
    DEADLOCK = problem(
        "LU423",
        "deadlock: the service cannot bind {address} until it is here, and {name} keeps it away while it fails",
        "{address} is not assigned to this host, and {sysctl} is 0",
        "check the port alone: {port} in place of {target}; and sysctl -w {sysctl}=1 if the service binds {address}",
        "A program can bind an address that the host does not have only with this sysctl, or with IP_FREEBIND or \
         IP_TRANSPARENT. With weight 0 the failing check keeps the node in FAULT, so the address never comes here.",
    );
}

/// What happens until a check that fails passes again.
#[derive(Clone, Debug)]
pub struct UntilItPasses {
    /// What its result is for.
    pub on_failure: OnFailure,
    /// The instances on which it acts.
    pub instances: Vec<String>,
}

impl fmt::Display for UntilItPasses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.instances.join(", ");
        match self.on_failure {
            OnFailure::Unused => f.write_str("Nothing tracks this check"),
            OnFailure::Fault => write!(f, "{all} is in FAULT until this check passes"),
            OnFailure::Priority => {
                write!(
                    f,
                    "{all} has the priority of a failure until this check passes"
                )
            }
            OnFailure::Server { .. } => {
                f.write_str("The real server is down until this check passes")
            }
        }
    }
}

/// Why a check was not evaluated.
#[derive(Clone, Debug)]
pub enum NotEvaluated {
    /// This user sees less than the user of the check.
    NotRoot(String),
    /// All evaluations together took this long.
    NoTime(Duration),
    /// It was ended after this time.
    Unfinished(Duration),
    /// A file could not be read.
    Unreadable(ReadError),
    /// The system does not allow it.
    System(String),
}

impl NotEvaluated {
    /// Returns what to do.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::NotRoot(_) | Self::System(_) => "run the doctor as root",
            Self::Unreadable(ReadError::System(Errno::EACCES | Errno::EPERM)) => {
                "run the doctor as root"
            }
            _ => "run the line by hand",
        }
    }
}

impl fmt::Display for NotEvaluated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRoot(user) => write!(f, "only root can find out what it finds as user {user}"),
            Self::NoTime(limit) => {
                write!(f, "the {} for all checks together are over", Shown(*limit))
            }
            Self::Unfinished(limit) => write!(f, "it was ended after {}", Shown(*limit)),
            Self::Unreadable(error) => write!(f, "the program cannot be read: {error}"),
            Self::System(error) => f.write_str(error),
        }
    }
}

/// What a check found: its targets and what listenup says of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers(pub Vec<Answer>);

/// What listenup says of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The target.
    pub target: String,
    /// listenup's word.
    pub answer: String,
    /// listenup's reason.
    pub reason: Option<String>,
}

impl Answer {
    /// An answer about a target, in words.
    pub fn of((target, answer): &(Target, domain::Answer)) -> Self {
        let (word, reason) = answer.in_words();
        Self {
            target: target.to_string(),
            answer: word.to_owned(),
            reason,
        }
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, answer) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let target = &answer.target;
            let word = match target.starts_with("udp:") {
                true => answer.answer.replace("listening", "bound"),
                false => answer.answer.clone(),
            };
            // "80 is listening", "80: could not tell".
            let verb = match answer.answer.ends_with("listening") {
                true => " is ",
                false => ": ",
            };
            write!(f, "{separator}{target}{verb}{word}")?;
            if let Some(reason) = &answer.reason {
                write!(f, ": {reason}")?;
            }
        }
        Ok(())
    }
}
