//! Codes about what the configuration means: users, paths, weights, tracking.

use std::fmt;
use std::path::Path;

use super::{Code, failing, note, ok, problem, table};
use crate::commands::doctor::command::Weakness;

table! {
    SECURITY_OFF = note(
        "LU201",
        "keepalived runs scripts without checking who can modify them, and logs SECURITY VIOLATION",
        "enable_script_security is not set",
        "add to global_defs: enable_script_security, and below it: script_user {user}",
        "With enable_script_security keepalived does not run a script as root if users other than root can change it. \
         keepalived then requires a user for scripts: without script_user and without a user keepalived_script it drops \
         all of them.",
    );
    SCRIPT_USER_MISSING = problem(
        "LU202",
        "keepalived drops every script that has no user of its own: no failure has an effect",
        "enable_script_security is set, but there is no script_user and no user keepalived_script",
        "add to global_defs: script_user root",
        "With enable_script_security keepalived runs a script only if it knows as whom. It looks at user in the script's \
         block, at script_user, and for a user named keepalived_script.",
    );
    USER_UNKNOWN = problem(
        "LU203",
        "keepalived drops {dropped}: no failure has an effect",
        "there is no user {user} in /etc/passwd",
        "correct the name; if the user comes from LDAP or the like, run listenup doctor --user UID",
        "If one script_user does not exist, keepalived drops every script without a user of its own. A script whose own \
         user does not exist is dropped, too. keepalived looks up names only, not numbers. The doctor reads /etc/passwd \
         and knows no other source of users.",
    );
    GROUP_UNKNOWN = problem(
        "LU204",
        "keepalived drops {dropped}: no failure has an effect",
        "there is no group {group} in /etc/group",
        "correct the name, or remove it: without it the script has the group of its user",
        "A group that does not exist has the same effect as a user that does not exist. The doctor reads /etc/group and \
         knows no other source of groups.",
    );
    GROUP_TOO_LARGE = problem(
        "LU205",
        "keepalived drops {dropped}: no failure has an effect",
        "group {group} has too many members for keepalived to read its line of /etc/group",
        "remove {group} after {user}: then the script has the group of its user",
        "keepalived before 2.3.4 has room for 1024 bytes, which is enough for about 75 members. Later versions have room \
         for the size of /etc/group, which is too little if most of the file is this group. keepalived then logs: Unable \
         to resolve script group name.",
    );
    ACCOUNTS_UNREADABLE = note(
        "LU206",
        "the users or groups of scripts are unknown: {path} cannot be read",
        "{error}",
        "",
        "The doctor reads /etc/passwd and /etc/group to find the users that run scripts.",
    );
    USER_OPTION_UNKNOWN = problem(
        "LU207",
        "--user {user} is unknown; the users of the configuration are used instead",
        "there is no user {user} in /etc/passwd",
        "correct the name, or pass the numeric UID (LDAP users are not in /etc/passwd)",
        "The option --user replaces the users that the configuration names.",
    );

    PROGRAM_MISSING = problem(
        "LU211",
        "{name}: keepalived never runs it: {never}",
        "{path} does not exist",
        "correct the path in the line, or create {path}; then systemctl reload keepalived",
        "keepalived disables a script whose program does not exist when it starts or reloads. If the program disappears \
         later, keepalived counts each run as a success.",
    );
    NOT_IN_PATH = problem(
        "LU212",
        "{name}: keepalived never runs it: {never}",
        "{program} is in none of the folders that keepalived searches",
        "install {program}, or write its whole path",
        "keepalived searches for a program without a path in the folders of its own PATH. The doctor looks into \
         /usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin, /sbin and /bin.",
    );
    NOT_ABSOLUTE = problem(
        "LU213",
        "{name}: keepalived finds {program} only if it is started in the right folder",
        "{program} is a relative path",
        "write the whole path, beginning with /",
        "keepalived resolves a relative path in the folder in which it was started, which is / for a service.",
    );
    FOLDER_NOT_ENTERED = problem(
        "LU214",
        "{name}: keepalived never runs it: {never}",
        "user {user} has no search (x) permission on {part}",
        "move {program} to /usr/libexec/keepalived (root:root 0755), and write its new path into the line",
        "The user that runs a script needs the permission to search each folder of its path. It is safer to move the \
         script than to open a folder such as /root.",
    );
    PATH_NOT_REGULAR = problem(
        "LU215",
        "{name}: keepalived never runs it: {never}",
        "{part} is not a regular file",
        "write the path of the program itself",
        "keepalived runs regular files only.",
    );
    NOT_EXECUTABLE = problem(
        "LU216",
        "{name}: keepalived never runs it: {never}",
        "user {user} has no execute permission on {part}",
        "chmod 755 {path}, then systemctl reload keepalived",
        "keepalived disables a script that its user cannot execute. It looks at this when it starts and when it reloads.",
    );
    ON_NOEXEC = problem(
        "LU217",
        "{name}: counts as success on each run: {never}",
        "{path} is on a file system that is mounted noexec",
        "move {program} to /usr/libexec/keepalived (root:root 0755), and write its new path into the line",
        "keepalived counts a program that cannot be executed as a success.",
    );
    UNSAFE_FOLDER = problem(
        "LU218",
        "{name}: keepalived never runs it: {never}",
        "{part}: {weakness}",
        "move {program} to /usr/libexec/keepalived (root:root 0755), and write its new path into the line",
        "With enable_script_security keepalived does not run a script as root if users other than root can replace it. \
         Each folder of its path must belong to root, and only root may write to it. Debian's /usr/local/bin does not \
         satisfy this, because the group staff can write to it.",
    );
    UNSAFE_FILE = problem(
        "LU219",
        "{name}: keepalived never runs it: {never}",
        "{part}: {weakness}",
        "{repair} {path}, then systemctl reload keepalived",
        "With enable_script_security keepalived does not run a script as root if users other than root can change it.",
    );
    UNSAFE_FOLDER_RUNS = note(
        "LU220",
        "{name}: keepalived runs {program} as {user}, although others can replace it",
        "{part}: {weakness}",
        "move {program} to /usr/libexec/keepalived (root:root 0755), and write its new path into the line",
        "Without enable_script_security keepalived only logs a warning. If enable_script_security is added first, \
         keepalived drops the script.",
    );
    UNSAFE_FILE_RUNS = note(
        "LU221",
        "{name}: keepalived runs {program} as {user}, although others can change it",
        "{part}: {weakness}",
        "{repair} {path}",
        "Without enable_script_security keepalived only logs a warning. If enable_script_security is added first, \
         keepalived drops the script.",
    );
    PATH_UNREADABLE = note(
        "LU222",
        "{name}: the doctor cannot tell whether keepalived runs {program}",
        "{path} cannot be looked at: {error}",
        "run the doctor as root",
        "The doctor looks at the owner and the mode of each part of the path.",
    );
    NOT_READABLE = problem(
        "LU223",
        "{name}: always fails: {fails}",
        "user {user} cannot read the script {file}",
        "chmod 755 {file}, and let {user} search its folders",
        "The shell that runs a script reads it as the user of the script. The permission to execute it is not enough. \
         The doctor reads a script as that user, so nothing in it is examined.",
    );

    REVERSE_ZERO = problem(
        "LU231",
        "({instance}) FAULT while {name} succeeds: the node whose check fails is the one that can hold the address",
        "{name} is tracked with weight 0 reverse",
        "remove reverse",
        "reverse exchanges success and failure. With weight 0 a success then puts the instance into FAULT.",
    );
    REVERSE = problem(
        "LU232",
        "({instance}) the priority is {good} while {name} succeeds and {bad} while it fails: the address moves to the \
         node whose check fails",
        "{name} is tracked with weight {weight} reverse",
        "remove reverse",
        "reverse exchanges success and failure, and listenup check succeeds while the service is up.",
    );
    REVERSE_OTHER = note(
        "LU233",
        "({instance}) the priority is {good} while {name} succeeds and {bad} while it fails",
        "{name} is tracked with weight {weight} reverse",
        "remove reverse, unless the check succeeds while the service is down",
        "reverse exchanges success and failure. The doctor does not know what success of this check means.",
    );
    NOPREEMPT_WEIGHT = note(
        "LU234",
        "({instance}) if both nodes have nopreempt, the node whose {name} fails keeps the address",
        "{name} changes the priority only, and nopreempt keeps the other node from taking over from a lower priority",
        "weight 0 for {name}, or remove nopreempt",
        "A node with nopreempt does not take the address from a master with a lower priority. With weight 0 a failure puts \
         the master into FAULT, and the other node takes over.",
    );
    ONE_FAILURE = note(
        "LU236",
        "{name}: a single failed or timed-out run is enough: {fails}",
        "fall is {fall}; without a fall keepalived uses 1",
        "fall 2",
        "fall is the number of failures in a row that count as a failure. A run that exceeds its timeout counts as a \
         failure.",
    );
    INIT_FAIL = note(
        "LU237",
        "{name}: init_fail has no effect: the first run decides",
        "keepalived forgets it when an instance tracks the script",
        "remove init_fail",
        "Seen in keepalived 2.0.18 and later: a script that is tracked starts without a result.",
    );
    MOVES_BY_FAULT = ok(
        "LU241",
        "({instance}) if {checks} fails, this node enters FAULT and gives up {addresses}",
        "With weight 0 a failure puts the instance into FAULT. Another node takes the address. Checks whose result does \
         not depend on a service, as another finding says, are not in this line.",
    );
    MOVES_BY_PRIORITY = ok(
        "LU242",
        "({instance}) if {checks} fails, the priority changes from {good} to {bad}; {addresses} moves if another node \
         has a higher priority",
        "A weight changes the priority only. Whether the address moves depends on the priorities of the other nodes. \
         Checks whose result does not depend on a service, as another finding says, are not in this line.",
    );
    SERVER_TAKEN_OUT = ok(
        "LU244",
        "{name}: if it fails, the real server is taken out",
        "A MISC_CHECK that fails takes its real server out of the virtual server, until it succeeds again. Checks whose result \
         does not depend on a service, as another finding says, have no such line.",
    );
    NOTHING_CHECKED = note(
        "LU243",
        "({instance}) no check: {addresses} stays on this node whether or not a service runs here",
        "the instance tracks no script, no file and no process",
        "add a vrrp_script, and track_script to the vrrp_instance; see the block below",
        "Without a check keepalived moves the address only if the node or its interface fails.",
    );

    FILE_UNUSED = problem(
        "LU251",
        "track_file {name} has no effect",
        "no vrrp_instance, vrrp_sync_group or FILE_CHECK uses it",
        "add to the vrrp_instance, on lines of their own: track_file { {name} }",
        "A track_file has an effect only if something tracks it.",
    );
    FILE_WEIGHT = problem(
        "LU252",
        "track_file {name}: a 1 in the file changes the priority by {change}, and listenup watch writes 1 for a failure",
        "{cause}",
        "weight 0, in the block track_file {name}",
        "keepalived adds the number in the file, multiplied by the weight, to the priority. Without a weight it uses 1, so \
         that a failure attracts the address. With weight 0 a number other than 0 puts the instance into FAULT.",
    );
    FILE_ABSENT = problem(
        "LU253",
        "track_file {name}: keepalived uses 0 (up): {never}",
        "{path} does not exist",
        "{fix}",
        "keepalived treats a file that does not exist as 0, which means up.",
    );
    FILE_VALUE = note(
        "LU255",
        "track_file {name}: {value} ({meaning}), last written {age}",
        "keepalived uses this value whether or not something still updates {path}",
        "{status}",
        "keepalived keeps the last value of a track_file even if its writer is gone. The doctor does not look for the writer: \
         any user can start a process that looks like one.",
    );
    FILE_NO_NUMBER = problem(
        "LU256",
        "track_file {name}: keepalived keeps the value that it read before",
        "{path} does not contain a number",
        "{fix}",
        "keepalived ignores a file without a number. At the start it uses 0, which means up.",
    );
    FILE_UNREADABLE = note(
        "LU257",
        "track_file {name}: its value is unknown",
        "{path} cannot be read: {error}",
        "{fix}",
        "keepalived reads the file as root. The doctor does not open files in /proc, /sys and the like, since reading them \
         can have effects.",
    );
    FILE_UNSAFE = problem(
        "LU258",
        "track_file {name}: users other than root can force a failover, or prevent one",
        "they can change {part}",
        "keep the file in a folder to which only root can write, such as /run/keepalived; change file and its writer",
        "Who can replace the file decides whether this node holds the address. Each folder and each link of the path counts, \
         and the file itself. What is in a folder that only root can enter is safe, also if it belongs to another user: \
         listenup-watch@ keeps its file in such a folder.",
    );
    FILE_DOWN = failing(
        "LU260",
        "track_file {name} is {value}: {instances} is in FAULT until {path} says 0",
        "",
        "",
        "With weight 0 a number other than 0 puts the instance into FAULT. listenup watch writes it while a target is not \
         listening.",
    );
    TRACK_PROCESS = note(
        "LU261",
        "vrrp_track_process {name}: a process that runs but does not listen counts as up",
        "it checks that {program} runs, not that it listens",
        "track a listenup check instead; see listenup-keepalived(7)",
        "keepalived learns of the start and the end of processes from the kernel. A process that hangs, or that could not \
         bind its port, still runs.",
    );
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "does not belong to root",
            Self::Group => "its group can write to it",
            Self::Others => "all users can write to it",
        })
    }
}

impl Weakness {
    /// Returns the command that removes it, without the path.
    pub fn repair(self, is_link: bool) -> &'static str {
        match self {
            Self::Owner if is_link => "chown -h root",
            Self::Owner => "chown root",
            Self::Group => "chmod g-w",
            Self::Others => "chmod o-w",
        }
    }
}

/// What to do if this user is not allowed to read something.
#[derive(Clone, Copy, Debug)]
pub struct RunAsRoot(pub bool);

impl fmt::Display for RunAsRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "run the doctor as root" } else { "" })
    }
}

/// What a number in a track_file means.
#[derive(Clone, Copy, Debug)]
pub struct Meaning {
    /// The number.
    pub value: i32,
    /// A number other than 0 puts the instance into FAULT.
    pub by_fault: bool,
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.value, self.by_fault) {
            (0, _) => f.write_str("up"),
            (_, true) => f.write_str("down"),
            (value, false) => write!(f, "{value:+} times the weight is added to the priority"),
        }
    }
}

/// Where the weight of a track_file comes from.
#[derive(Clone, Copy, Debug)]
pub enum WeightSource {
    /// The block has none.
    Default,
    /// It is written.
    Set(i32),
}

impl fmt::Display for WeightSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the block has no weight, and keepalived uses 1"),
            Self::Set(weight) => write!(f, "its weight is {weight}"),
        }
    }
}

/// How to have a file updated.
#[derive(Clone, Debug)]
pub enum WriterFix {
    /// The unit listenup-watch@ of this name writes the file.
    Unit(String),
    /// Another program writes it.
    Other(String),
}

impl WriterFix {
    /// Returns what writes the file at this path.
    pub fn of(path: &Path) -> Self {
        let text = path.to_string_lossy();
        let unit = text
            .strip_prefix("/run/listenup-watch-")
            .and_then(|rest| rest.strip_suffix("/track"));
        match unit.filter(|unit| !unit.is_empty() && !unit.contains('/')) {
            Some(unit) => Self::Unit(unit.to_owned()),
            None => Self::Other(text.into_owned()),
        }
    }
}

impl fmt::Display for WriterFix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit(unit) => write!(f, "systemctl enable --now listenup-watch@{unit}"),
            Self::Other(path) => write!(
                f,
                "start the program that writes {path}; for a port: file /run/listenup-watch-PORT/track, and systemctl \
                 enable --now listenup-watch@PORT"
            ),
        }
    }
}

/// How to find out whether something updates a file.
#[derive(Clone, Debug)]
pub struct WriterStatus(pub WriterFix);

impl fmt::Display for WriterStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match &self.0 {
            WriterFix::Unit(unit) => unit.as_str(),
            WriterFix::Other(_) => "*",
        };
        write!(
            f,
            "to see whether its writer runs: systemctl status 'listenup-watch@{unit}'"
        )
    }
}
