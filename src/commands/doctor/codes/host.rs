//! Codes about this host: the sources of listeners, and the targets of the command line.

use super::{Code, failing, note, ok, problem, table};

table! {
    NO_SOCK_DIAG = note(
        "LU601",
        "listenup reads /proc, which takes longer the more connections there are",
        "sock_diag does not answer: {error}",
        "allow the check AF_NETLINK sockets: a seccomp profile, a container or SELinux refuses them (see listenup-keepalived(7))",
        "sock_diag lists listening sockets only. /proc lists all connections, too.",
    );
    NO_PROC = note(
        "LU602",
        "\"not listening\" is not confirmed by a second source",
        "/proc does not answer: {error}",
        "mount /proc",
        "Before it reports that a port is not listening, listenup also looks into /proc.",
    );
    NO_SOURCE = problem(
        "LU603",
        "each check says \"could not tell\", which counts as down",
        "sock_diag: {sock_diag}; /proc: {proc}",
        "allow the check NETLINK_SOCK_DIAG sockets, or mount /proc",
        "listenup reads the listening sockets from sock_diag or from /proc. Here it can use neither.",
    );
    LISTENING = ok("LU611", "{target} is {listening} {listener}", "A check for this target would succeed.");
    SOURCES_DIFFER = note(
        "LU612",
        "{target} is {listening} {listener} according to {one}, and not according to {other}",
        "a check for it would succeed",
        "",
        "Sockets can be opened and closed between two looks.",
    );
    NOT_LISTENING = failing(
        "LU613",
        "{target} is not {listening}: a check for it would fail now",
        "{elsewhere}",
        "",
        "All sources that answer agree.",
    );
    TARGET_UNKNOWN = problem(
        "LU614",
        "{target}: could not tell: a check for it would fail",
        "{doubt}",
        "",
        "\"could not tell\" counts as down, unless a check has --on-unknown up.",
    );
}
