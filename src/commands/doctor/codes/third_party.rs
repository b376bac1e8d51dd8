//! Codes about checks by other programs, and the wording of what belongs to them.

use std::fmt;

use super::{Code, note, problem, table};

const INTO_A_SCRIPT: &str =
    "put the command into a script that begins with #!/bin/sh and exits with 0 or 1";
const FIND_PORT: &str = "find the port of the service with ss -ltnp, and write {keyword} \"{listenup} check -q PORT\" with that port";
const NO_SHELL: &str = "keepalived splits a script line into words and executes them without a shell. The program gets \
                        |, || or >/dev/null as arguments. netstat ignores them. ss, lsof, nc, killall, pgrep, ps, curl \
                        and docker fail.";
const NOT_EXECUTED: &str = "execve(2) fails. keepalived's child process then exits with 0. Only a keepalived that was built \
                            with libmagic starts a shell for a file without #!.";

table! {
    NOT_JUDGED = note(
        "LU301",
        "{name}: not judged: {at} is not understood",
        "",
        "",
        "The doctor reads a script without running it, and judges it only if it understands every line.",
    );
    NETSTAT_WITH_PIPE = problem(
        "LU302",
        "{name}: netstat exits with 0 whether or not the port is open: {if_up}",
        "keepalived starts no shell, so netstat gets \"{operator}\" and the words after it as arguments",
        INTO_A_SCRIPT,
        NO_SHELL,
    );
    REFUSES_OPERATOR = problem(
        "LU303",
        "{name}: {program} exits with an error on every run: {if_down}",
        "keepalived starts no shell, so {program} gets \"{operator}\" as an argument and refuses it",
        INTO_A_SCRIPT,
        NO_SHELL,
    );
    OPERATOR = note(
        "LU304",
        "{name}: {program} gets \"{operator}\" and the words after it as arguments",
        "keepalived starts no shell: a pipe, a redirection or && has no effect in this line",
        INTO_A_SCRIPT,
        NO_SHELL,
    );
    FIRST_WORD_ONLY = problem(
        "LU305",
        "{name}: {program} -c runs \"{first}\" alone, without \"{operator}\" and the other words",
        "the command after -c is one word, and this line has no quotes around it",
        INTO_A_SCRIPT,
        "The command after -c is one word. The other words are parameters of the shell, and the command ignores them.",
    );
    MATCHES_OTHER_PORTS = problem(
        "LU306",
        "{name}: grep {pattern} also matches port {also}: if {port} is closed and {also} is open, {if_up}",
        "{at}: nothing limits the number in the pattern",
        "write grep ':{port} ' there, with the colon and the space",
        "A pattern matches anywhere in a line: 80 is also in 8080, and :443 is also in :4430.",
    );
    COUNTS_CONNECTIONS = problem(
        "LU307",
        "{name}: a connection from or to any port {port} counts as a listener: with one, {if_up}",
        "{at}: {program} shows connections too, since neither -l nor LISTEN limits it to listeners",
        "insert | grep LISTEN after {program} and its options (lsof: add -sTCP:LISTEN to them)",
        "A client's connection to port 443 of another host has the same number in its line.",
    );
    COMPARES_WITH_ONE = problem(
        "LU308",
        "{name}: a service that listens on IPv4 and IPv6 has two lines, and the check expects one",
        "{at}: a number of lines is compared with 1",
        "compare with 0: [ NUMBER -gt 0 ]",
        "Each socket is a line. IPv4 and IPv6, two addresses, or workers with SO_REUSEPORT make more than one.",
    );
    PIPE_FAILS = problem(
        "LU309",
        "{name}: {program} | grep -q fails at random while the port is open; if the check fails with it, {on_failure}",
        "{at}: grep -q exits at the first match, {program} is killed by SIGPIPE, and pipefail makes that the result",
        "remove pipefail from the script, or write grep without -q and with >/dev/null",
        "grep -q closes the pipe early, and the command before it fails if it still has something to write.",
    );
    SUCCEEDS_ALWAYS = problem(
        "LU310",
        "{name}: exits with 0 whether or not {what} is there: {if_up}",
        "{file} never exits with another status; keepalived does not see what a script prints",
        "write exit 1 where {what} is not found",
        "keepalived reads the exit status of a script, not its output. echo 1, wc and netstat exit with 0.",
    );
    PROCESS_ONLY = note(
        "LU313",
        "{name}: as long as a process {process} exists, {if_up}, even if it does not listen",
        "{program} looks for a process, not for a port",
        FIND_PORT,
        "A process that hangs, that starts, or that could not bind its port exists like any other.",
    );
    FINDS_ITSELF = problem(
        "LU314",
        "{name}: always succeeds: {if_up}",
        "{program} looks for {process}, and finds keepalived or the check script itself",
        FIND_PORT,
        "A script check_nginx.sh has nginx in its command line, so a search of command lines for nginx finds it.",
    );
    KILLALL_RIGHTS = problem(
        "LU315",
        "{name}: fails while {process} runs as another user than {user}: {if_down}",
        "user {user} can send signals, even signal 0, to its own processes only",
        FIND_PORT,
        "killall -0 exits with 1 if it can send the signal to no process: kill(2) fails with EPERM.",
    );
    OWNER_RIGHTS = problem(
        "LU316",
        "{name}: fails while the service runs as another user than {user}: {if_down}",
        "{program} shows the sockets of other users' processes, or their names, to root only",
        "add the line user root to the block of the check",
        "Without rights for /proc/PID/fd the column of the process is empty, and lsof shows nothing.",
    );
    NAMES_OF_PORTS = problem(
        "LU317",
        "{name}: an open port {port} is not found: unless another line matches, {if_down}",
        "{at}: {program} without -n prints port {port} by its name, {service}",
        "add -n to the options of {program}",
        "The names come from /etc/services. With -n ports are printed as numbers.",
    );
    SLEEPS = problem(
        "LU318",
        "{name}: keepalived kills a run that reaches {sleep} after {timeout} and counts it as a failure: {on_failure}",
        "{at}",
        "remove sleep from the script; interval and fall in keepalived.conf repeat the check",
        "A run that is longer than its timeout is killed, and counts as a failure.",
    );
    ACTS = note(
        "LU320",
        "{name}: the check does more than look: it contains {acts}",
        "{at}",
        "let systemd restart a service (Restart=), and let the check only look",
        "What a check does beside looking is repeated at each interval, and is killed at the timeout of the check.",
    );
    STOPS_KEEPALIVED = note(
        "LU321",
        "{name}: the check contains {acts}: after it all addresses leave this node until keepalived is started again",
        "{at}",
        "write exit 1 in place of that command: keepalived then gives up the address itself and takes it back later",
        "keepalived gives up the address if a check fails. If it is stopped, it does not see when the service is back.",
    );
    NO_DEV_TCP = problem(
        "LU322",
        "{name}: fails on every run: {if_down}",
        "{at}: /dev/tcp is a feature of bash, and another shell runs this command",
        "run it with bash: #!/bin/bash as the first line of the script, or bash -c",
        "On Debian and Alpine /bin/sh is not bash. There /dev/tcp is a file that does not exist.",
    );
    CONNECTS = note(
        "LU323",
        "{name}: a service that is too busy to take a connection counts as down: {on_failure}",
        "{program} makes a connection to the service in each run, which the service logs and handles",
        "",
        "Such a check also tests whether the service takes connections. listenup only looks whether it listens.",
    );
    READS_ALL = note(
        "LU324",
        "{name}: {program} slows down with every connection on the host; a run beyond {timeout} counts as a failure",
        "{program} reads the table of all sockets in each run",
        "",
        "With a million connections netstat takes seconds, and ss -l a third of a second.",
    );
    NO_INTERPRETER = Code {
        versions: "builds without libmagic",
        ..problem(
            "LU331",
            "{name}: {file} is never executed, which keepalived counts as success: {if_up}",
            "the file does not begin with #!, so the kernel does not know its interpreter",
            "make this the first line of {file}: #!/bin/bash",
            NOT_EXECUTED,
        )
    };
    CARRIAGE_RETURN = problem(
        "LU332",
        "{name}: {file} is never executed, which keepalived counts as success: {if_up}",
        "its lines end as on Windows, so the interpreter is a file whose name ends with a carriage return",
        "sed -i 's/\\r$//' {file}",
        NOT_EXECUTED,
    );
    INTERPRETER_MISSING = problem(
        "LU333",
        "{name}: {file} is never executed, which keepalived counts as success: {if_up}",
        "its interpreter {interpreter} does not exist or is not executable",
        "install {interpreter}, or name the interpreter that is installed in the first line (see: type -a bash python3)",
        NOT_EXECUTED,
    );
}

/// The fix of a finding whose check has a replacement.
pub const REPLACED: &str = "write {line}";

/// Why `--rewrite` leaves a check as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// This place is outside of what is known.
    NotUnderstood(String),
    /// It does something.
    Acts(String),
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
        f.write_str(match self {
            Self::NotUnderstood(at) => return write!(f, "not understood: {at}"),
            Self::Acts(act) => return write!(f, "it also runs {act}"),
            Self::Process => "it looks for a process and does not name a port",
            Self::NotItsSuccess => "its result does not say whether the port is open",
            Self::FailsAlways => "it always fails; see listenup doctor",
            Self::NeedsRoot => "--owner-process requires root, and its user is another",
            Self::Mixed => "one listenup command cannot express its conditions",
            Self::NotInOneLine => {
                "its command is not in one line of the file as keepalived reads it"
            }
        })
    }
}

/// A difference between a check and its replacement, which is always stricter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stricter {
    /// Only the port matches the pattern.
    Pattern(String),
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
        f.write_str(match self {
            Self::Pattern(text) => {
                return write!(
                    f,
                    "other ports and numbers that match {text} no longer count"
                );
            }
            Self::Connections => "connections no longer count",
            Self::Owner(name) => return write!(f, "the process must have exactly the name {name}"),
            Self::Localhost => "localhost is 127.0.0.1: a listener on ::1 alone no longer counts",
            Self::Always => "it can fail: today it always succeeds",
        })
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
