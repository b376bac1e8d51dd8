//! Codes about checks by other programs, and the wording of what belongs to them.

use super::{codes, texts};

codes! {
    NOT_JUDGED = "LU301";
    NETSTAT_WITH_PIPE = "LU302";
    REFUSES_OPERATOR = "LU303";
    OPERATOR = "LU304";
    FIRST_WORD_ONLY = "LU305";
    MATCHES_OTHER_PORTS = "LU306";
    COUNTS_CONNECTIONS = "LU307";
    COMPARES_WITH_ONE = "LU308";
    PIPE_FAILS = "LU309";
    SUCCEEDS_ALWAYS = "LU310";
    PROCESS_ONLY = "LU313";
    FINDS_ITSELF = "LU314";
    KILLALL_RIGHTS = "LU315";
    OWNER_RIGHTS = "LU316";
    NAMES_OF_PORTS = "LU317";
    SLEEPS = "LU318";
    ACTS = "LU320";
    STOPS_KEEPALIVED = "LU321";
    NO_DEV_TCP = "LU322";
    CONNECTS = "LU323";
    READS_ALL = "LU324";
    NO_INTERPRETER = "LU331";
    CARRIAGE_RETURN = "LU332";
    INTERPRETER_MISSING = "LU333";
}

/// The fix of a finding whose check has a replacement.
pub const REPLACED: &str = "write {line}";

texts! {
    /// The reason why `--rewrite` leaves a check as it is.
    #[derive(PartialEq, Eq)]
    Left {
        /// This place is outside of what is known.
        NotUnderstood(at: String) = "not understood: {at}",
        /// It does something.
        Acts(act: String) = "it also runs {act}",
        /// It looks for a process.
        Process = "it looks for a process and does not name a port",
        /// Its success means something else.
        NotItsSuccess = "its result does not say whether the port is open",
        /// It can only fail.
        FailsAlways = "it always fails; see listenup doctor",
        /// It can fail while the port is open.
        FailsAtTimes = "it can fail while the port is open; see listenup doctor",
        /// The user lacks the rights.
        NeedsRoot = "--owner-process requires root, and its user is another",
        /// Several targets with conditions of their own.
        Mixed = "one listenup command cannot express its conditions",
        /// The script section is not in one line of the file.
        NotInOneLine = "its command is not in one line of the file as keepalived reads it",
    }

    /// A difference between a check and its replacement, which is stricter except for [`Difference::Connects`].
    #[derive(PartialEq, Eq)]
    Difference {
        /// Only the port matches the pattern.
        Pattern(text: String) = "other ports and numbers that match {text} no longer count",
        /// Connections no longer count.
        Connections = "connections no longer count",
        /// The name of the process must match whole.
        Owner(name: String) = "the process must have exactly the name {name}",
        /// IPv4 only.
        Localhost = "localhost is 127.0.0.1: a listener on ::1 alone no longer counts",
        /// The check was always successful.
        Always = "it can fail: today it always succeeds",
        /// Looser: this program makes a connection, and listenup does not.
        Connects(program: String) = "looser: {program} also fails if the queue of the listener is full or a firewall \
            refuses the connection, and listenup check does not (--max-queue looks at the queue)",
    }

    /// The reason why `--rewrite` rewrites nothing in a file.
    NotRewritten {
        /// It cannot be read.
        Unread(error: String) = "cannot be read: {error}",
        /// A terminal would obey its text.
        Controls(line: usize) = "left as it is: line {line} has control characters",
        /// It has nothing of a configuration.
        NoConfiguration = "is not a configuration of keepalived; for a script, name the keepalived.conf whose line runs it",
    }
}
