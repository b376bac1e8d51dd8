//! Findings about checks by other programs, and the wording of what belongs to them.

use std::fmt;

use super::Code;
use crate::commands::doctor::findings::Severity::{Note, Problem};

const ALL: &str = "";

/// The check has a known program in it and is not understood whole.
pub static NOT_JUDGED: Code = Code {
    id: "LU301",
    severity: Note,
    effect: "{name}: not judged: {at} is not understood",
    cause: "",
    fix: "",
    explanation: "The doctor reads a script without running it. It judges a script only if it understands every line. \
                  This script looks at ports or processes and has a line that the doctor does not know.",
    versions: ALL,
};

/// netstat ignores the words of a pipe.
pub static NETSTAT_WITH_PIPE: Code = Code {
    id: "LU302",
    severity: Problem,
    effect: "{name}: netstat exits with 0 whether or not the port is open: {if_up}",
    cause: "keepalived starts no shell, so netstat gets \"{operator}\" and the words after it as arguments",
    fix: "put the command into a script that begins with #!/bin/sh and exits with 0 or 1",
    explanation: "keepalived splits a script line into words and executes them without a shell. netstat ignores \
                  arguments that are not options, so the grep after the pipe never runs.",
    versions: ALL,
};

/// A program refuses the words of a pipe or a redirection.
pub static REFUSES_OPERATOR: Code = Code {
    id: "LU303",
    severity: Problem,
    effect: "{name}: {program} exits with an error on every run: {if_down}",
    cause: "keepalived starts no shell, so {program} gets \"{operator}\" as an argument and refuses it",
    fix: "put the command into a script that begins with #!/bin/sh and exits with 0 or 1",
    explanation: "keepalived splits a script line into words and executes them without a shell. ss, lsof, nc, killall, \
                  pgrep, ps, curl and docker take \"|\", \"||\" or \">/dev/null\" as arguments and fail.",
    versions: ALL,
};

/// A program gets an operator, and what it does with it is not known.
pub static OPERATOR: Code = Code {
    id: "LU304",
    severity: Note,
    effect: "{name}: {program} gets \"{operator}\" and the words after it as arguments",
    cause: "keepalived starts no shell: a pipe, a redirection or && has no effect in this line",
    fix: "put the command into a script that begins with #!/bin/sh and exits with 0 or 1",
    explanation: "keepalived splits a script line into words and executes them without a shell. Some programs ignore \
                  the additional arguments, others fail.",
    versions: ALL,
};

/// `sh -c` without quotes.
pub static FIRST_WORD_ONLY: Code = Code {
    id: "LU305",
    severity: Problem,
    effect: "{name}: {program} -c runs \"{first}\" alone, without \"{operator}\" and the other words",
    cause: "the command after -c is one word, and this line has no quotes around it",
    fix: "put the command into a script that begins with #!/bin/sh and exits with 0 or 1",
    explanation: "In sh -c netstat -tln | grep 443, the command is netstat. The other words are parameters of the shell, \
                  so the check has the result of netstat without options.",
    versions: ALL,
};

/// The pattern matches other ports.
pub static MATCHES_OTHER_PORTS: Code = Code {
    id: "LU306",
    severity: Problem,
    effect: "{name}: grep {pattern} also matches port {also}: if {port} is closed and {also} is open, {if_up}",
    cause: "{at}: nothing limits the number in the pattern",
    fix: "write grep ':{port} ' there, with the colon and the space",
    explanation: "A pattern matches anywhere in a line. 80 is also in 8080, :443 is also in :4430, and both can be in the \
                  number of a process.",
    versions: ALL,
};

/// Connections count.
pub static COUNTS_CONNECTIONS: Code = Code {
    id: "LU307",
    severity: Problem,
    effect: "{name}: a connection from or to any port {port} counts as a listener: with one, {if_up}",
    cause: "{at}: {program} shows connections too, since neither -l nor LISTEN limits it to listeners",
    fix: "insert | grep LISTEN after {program} and its options (lsof: add -sTCP:LISTEN to them)",
    explanation: "netstat -an, ss -an and lsof -i show connections beside listeners. A client's connection to port 443 of \
                  another host has the same number in its line.",
    versions: ALL,
};

/// A number of lines is compared with 1.
pub static COMPARES_WITH_ONE: Code = Code {
    id: "LU308",
    severity: Problem,
    effect: "{name}: a service that listens on IPv4 and IPv6 has two lines, and the check expects one",
    cause: "{at}: a number of lines is compared with 1",
    fix: "compare with 0: [ NUMBER -gt 0 ]",
    explanation: "Each socket is a line. IPv4 and IPv6, two addresses, or workers with SO_REUSEPORT make more than one.",
    versions: ALL,
};

/// `pipefail` with `grep -q`.
pub static PIPE_FAILS: Code = Code {
    id: "LU309",
    severity: Problem,
    effect: "{name}: fails at random while the port is open: {on_failure}",
    cause: "{at}: grep -q exits at the first match, {program} is killed by SIGPIPE, and pipefail makes that the result",
    fix: "remove pipefail from the script, or write grep without -q and with >/dev/null",
    explanation: "With set -o pipefail a pipe fails if any of its commands fails. grep -q closes the pipe early, and \
                  the command before it fails if it still has something to write.",
    versions: ALL,
};

/// The result is success in all cases.
pub static SUCCEEDS_ALWAYS: Code = Code {
    id: "LU310",
    severity: Problem,
    effect: "{name}: exits with 0 whether or not {what} is there: {if_up}",
    cause: "{file} never exits with another status; keepalived does not see what a script prints",
    fix: "write exit 1 where {what} is not found",
    explanation: "keepalived reads the exit status of a script. echo 1 prints, and exits with 0. wc and netstat exit \
                  with 0 as well.",
    versions: ALL,
};

/// The result is failure in all cases.
pub static FAILS_ALWAYS: Code = Code {
    id: "LU311",
    severity: Problem,
    effect: "{name}: exits with an error whether or not {what} is there: {if_down}",
    cause: "{file} has no way to exit with 0",
    fix: "write exit 0 where {what} is found",
    explanation: "Each way through the script ends with a status that is not 0.",
    versions: ALL,
};

/// Success means that nothing is there.
pub static INVERTED: Code = Code {
    id: "LU312",
    severity: Note,
    effect: "{name}: succeeds while {what} is not there, and fails while it is there",
    cause: "{file} inverts the result",
    fix: "if that is not meant, exchange the exit statuses",
    explanation: "keepalived takes exit status 0 for a service that works. The opposite is right for few checks.",
    versions: ALL,
};

/// A process is looked for.
pub static PROCESS_ONLY: Code = Code {
    id: "LU313",
    severity: Note,
    effect: "{name}: as long as a process {process} exists, {if_up}, even if it does not listen",
    cause: "{program} looks for a process, not for a port",
    fix: "find the port with ss -ltnp, and write {keyword} \"{listenup} check -q PORT\" with that port",
    explanation: "A process that hangs, that starts, or that could not bind its port exists like any other.",
    versions: ALL,
};

/// The check finds itself.
pub static FINDS_ITSELF: Code = Code {
    id: "LU314",
    severity: Problem,
    effect: "{name}: always succeeds: {if_up}",
    cause: "{program} looks for {process}, and finds keepalived or the check script itself",
    fix: "find the port of the service with ss -ltnp, and write {keyword} \"{listenup} check -q PORT\" with that port",
    explanation: "keepalived runs whenever it runs a check. A script check_nginx.sh has nginx in its command line, so a \
                  search of command lines for nginx finds the script.",
    versions: ALL,
};

/// killall without rights.
pub static KILLALL_RIGHTS: Code = Code {
    id: "LU315",
    severity: Problem,
    effect: "{name}: fails while {process} runs as another user than {user}: {if_down}",
    cause: "user {user} can send signals, even signal 0, to its own processes only",
    fix: "find the port of the service with ss -ltnp, and write {keyword} \"{listenup} check -q PORT\" with that port",
    explanation: "killall -0 exits with 1 if it can send the signal to no process. kill(2) says EPERM for processes of \
                  other users.",
    versions: ALL,
};

/// ss -p and lsof without rights.
pub static OWNER_RIGHTS: Code = Code {
    id: "LU316",
    severity: Problem,
    effect: "{name}: fails while the service runs as another user than {user}: {if_down}",
    cause: "{program} shows the sockets of other users' processes, or their names, to root only",
    fix: "add the line user root to the block of the check",
    explanation: "netstat -p, ss -p and lsof read /proc/PID/fd. Without rights the column of the process is empty, and \
                  lsof shows nothing.",
    versions: ALL,
};

/// Names of ports.
pub static NAMES_OF_PORTS: Code = Code {
    id: "LU317",
    severity: Problem,
    effect: "{name}: an open port {port} is not found: unless another line matches, {if_down}",
    cause: "{at}: {program} without -n prints port {port} by its name, {service}",
    fix: "add -n to the options of {program}",
    explanation: "The names come from /etc/services. With -n ports are printed as numbers.",
    versions: ALL,
};

/// The script sleeps too long while the port is open.
pub static SLEEPS_WHILE_UP: Code = Code {
    id: "LU318",
    severity: Problem,
    effect: "{name}: keepalived kills the script after {timeout}, also while {what} is there: {if_down}",
    cause: "{file} sleeps for {slept} in total",
    fix: "remove sleep from the script; interval and fall in keepalived.conf repeat the check",
    explanation: "A run that is longer than its timeout is killed, and counts as a failure.",
    versions: ALL,
};

/// The script sleeps too long while the port is closed.
pub static SLEEPS_WHILE_DOWN: Code = Code {
    id: "LU319",
    severity: Note,
    effect: "{name}: while {what} is not there, keepalived kills the script after {timeout}; the rest of it never runs",
    cause: "{file} sleeps for {slept} in total",
    fix: "look once and write exit 1 where {what} is not found; interval and fall in keepalived.conf repeat the check",
    explanation: "A run that is longer than its timeout is killed, and counts as a failure.",
    versions: ALL,
};

/// The script changes the host.
pub static ACTS: Code = Code {
    id: "LU320",
    severity: Note,
    effect: "{name}: the check does more than look: it can run {acts}",
    cause: "{at}",
    fix: "let systemd restart a service (Restart=), and let the check only look",
    explanation: "What a check does beside looking is repeated at each interval, and is killed at the timeout of the check.",
    versions: ALL,
};

/// The script stops keepalived.
pub static STOPS_KEEPALIVED: Code = Code {
    id: "LU321",
    severity: Note,
    effect: "{name}: the check can run {acts}: all addresses then leave this node until keepalived is started again",
    cause: "{at}",
    fix: "write exit 1 in place of that command: keepalived then gives up the address itself and takes it back later",
    explanation: "A check that fails is enough for keepalived to give up the address. A keepalived that is stopped \
                  does not see when the service is back.",
    versions: ALL,
};

/// /dev/tcp without bash.
pub static NO_DEV_TCP: Code = Code {
    id: "LU322",
    severity: Problem,
    effect: "{name}: fails on every run: {if_down}",
    cause: "{at}: /dev/tcp is a feature of bash, and another shell runs this command",
    fix: "run it with bash: #!/bin/bash as the first line of the script, or bash -c",
    explanation: "On Debian and Alpine /bin/sh is not bash. There /dev/tcp is a file that does not exist.",
    versions: ALL,
};

/// A connection is made.
pub static CONNECTS: Code = Code {
    id: "LU323",
    severity: Note,
    effect: "{name}: a service that is too busy to take a connection counts as down: {on_failure}",
    cause: "{program} makes a connection to the service in each run, which the service logs and handles",
    fix: "",
    explanation: "Such a check also tests whether the service takes connections. listenup only looks whether it listens.",
    versions: ALL,
};

/// All sockets are read.
pub static READS_ALL: Code = Code {
    id: "LU324",
    severity: Note,
    effect: "{name}: {program} slows down with every connection on the host; a run beyond {timeout} counts as a failure",
    cause: "{program} reads the table of all sockets in each run",
    fix: "",
    explanation: "With a million connections netstat takes seconds, and ss -l a third of a second.",
    versions: ALL,
};

/// No `#!`.
pub static NO_INTERPRETER: Code = Code {
    id: "LU331",
    severity: Problem,
    effect: "{name}: {file} is never executed, which keepalived counts as success: {if_up}",
    cause: "the file does not begin with #!, so the kernel does not know its interpreter",
    fix: "make this the first line of {file}: #!/bin/bash",
    explanation: "execve(2) fails with ENOEXEC. keepalived's child process then exits with 0. A keepalived that was \
                  built with libmagic starts a shell for such files.",
    versions: "builds without libmagic",
};

/// A carriage return behind the interpreter.
pub static CARRIAGE_RETURN: Code = Code {
    id: "LU332",
    severity: Problem,
    effect: "{name}: {file} is never executed, which keepalived counts as success: {if_up}",
    cause: "its lines end as on Windows, so the interpreter is a file whose name ends with a carriage return",
    fix: "sed -i 's/\\r$//' {file}",
    explanation: "execve(2) fails with ENOENT. keepalived's child process then exits with 0.",
    versions: ALL,
};

/// The interpreter is missing.
pub static INTERPRETER_MISSING: Code = Code {
    id: "LU333",
    severity: Problem,
    effect: "{name}: {file} is never executed, which keepalived counts as success: {if_up}",
    cause: "its interpreter {interpreter} does not exist or is not executable",
    fix: "install {interpreter}, or name the interpreter that is installed in the first line (see: type -a bash python3)",
    explanation: "execve(2) fails with ENOENT or EACCES. keepalived's child process then exits with 0.",
    versions: ALL,
};

/// The codes of this file.
pub static CODES: &[&Code] = &[
    &NOT_JUDGED,
    &NETSTAT_WITH_PIPE,
    &REFUSES_OPERATOR,
    &OPERATOR,
    &FIRST_WORD_ONLY,
    &MATCHES_OTHER_PORTS,
    &COUNTS_CONNECTIONS,
    &COMPARES_WITH_ONE,
    &PIPE_FAILS,
    &SUCCEEDS_ALWAYS,
    &FAILS_ALWAYS,
    &INVERTED,
    &PROCESS_ONLY,
    &FINDS_ITSELF,
    &KILLALL_RIGHTS,
    &OWNER_RIGHTS,
    &NAMES_OF_PORTS,
    &SLEEPS_WHILE_UP,
    &SLEEPS_WHILE_DOWN,
    &ACTS,
    &STOPS_KEEPALIVED,
    &NO_DEV_TCP,
    &CONNECTS,
    &READS_ALL,
    &NO_INTERPRETER,
    &CARRIAGE_RETURN,
    &INTERPRETER_MISSING,
];

/// The fix of a finding whose check has a replacement.
pub const REPLACED: &str = "write {line}";

/// Why `--rewrite` leaves a check as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// This place is outside of what is known.
    NotUnderstood(String),
    /// It does something.
    Acts(String),
    /// It waits.
    Sleeps,
    /// It looks for a process.
    Process,
    /// Its success means something else.
    NotItsSuccess,
    /// It can only fail.
    FailsAlways,
    /// The user lacks the rights.
    NeedsRoot,
    /// Several targets with conditions of their own.
    Mixed,
    /// The script section is not in one line of the file.
    NotInOneLine,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUnderstood(at) => write!(f, "not understood: {at}"),
            Self::Acts(act) => write!(f, "it also runs {act}"),
            Self::Sleeps => f.write_str("it also sleeps"),
            Self::Process => f.write_str("it looks for a process, and the port is not known"),
            Self::NotItsSuccess => f.write_str("its result does not say whether the port is open"),
            Self::FailsAlways => f.write_str("it always fails; see listenup doctor"),
            Self::NeedsRoot => {
                f.write_str("--owner-process requires root, and its user is another")
            }
            Self::Mixed => f.write_str("one listenup command cannot express its conditions"),
            Self::NotInOneLine => {
                f.write_str("its command is not in one line of the file as keepalived reads it")
            }
        }
    }
}

/// A difference between a check and its replacement, which is always stricter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stricter {
    /// Other ports no longer match.
    Port(u16),
    /// Connections no longer count.
    Connections,
    /// The name of the process must match whole.
    Owner(String),
    /// IPv4 only.
    Localhost,
    /// The check was always successful.
    Always,
}

impl fmt::Display for Stricter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(other) => write!(f, "a listener on {other} no longer counts"),
            Self::Connections => f.write_str("connections no longer count"),
            Self::Owner(name) => write!(f, "the process must have exactly the name {name}"),
            Self::Localhost => {
                f.write_str("localhost is 127.0.0.1: a listener on ::1 alone no longer counts")
            }
            Self::Always => f.write_str("it can fail: today it always succeeds"),
        }
    }
}

/// Why `--rewrite` rewrites nothing in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It cannot be read.
    Unread(String),
    /// A terminal would obey its text.
    Controls(usize),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(error) => write!(f, "cannot be read: {error}"),
            Self::Controls(line) => write!(f, "left as it is: line {line} has control characters"),
        }
    }
}
