//! What keepalived has read, by its own dump and by the reader, in the same words.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use listenup::keepalived_conf::{
    Command, Config, Globals, Script, Trackable, Tracked, TrackedBy, User, Weight,
};

/// A block of the dump, or of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub title: String,
    /// As the dump has them, without the blanks in front.
    pub fields: Vec<String>,
}

impl Entry {
    /// The fields that begin like this.
    pub fn only(&self, wanted: &[&str]) -> Vec<String> {
        let is_wanted = |field: &&String| wanted.iter().any(|wanted| field.starts_with(wanted));
        self.fields.iter().filter(is_wanted).cloned().collect()
    }
}

pub fn as_text(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        writeln!(text, "{}", entry.title).unwrap();
        for field in &entry.fields {
            writeln!(text, "  {field}").unwrap();
        }
    }
    text
}

const SCRIPT: &[&str] = &[
    "Command = ",
    "Interval = ",
    "Timeout = ",
    "Weight = ",
    "Rise = ",
    "Fall = ",
    "Script uid:gid = ",
    "by ",
];
const FILE: &[&str] = &["File = ", "Weight = ", "by "];
const PROCESS: &[&str] = &["Process = ", "Weight = ", "by "];
const INSTANCE: &[&str] = &["Priority = ", "Preempt = ", "Virtual IP (", "Tracked "];
const GROUP: &[&str] = &["member ", "Tracked "];
const CHECK: &[&str] = &[
    "Delay loop = ",
    "script = ",
    "timeout = ",
    "dynamic = ",
    "uid:gid = ",
];

/// The blocks of a dump that the model has, too.
pub fn of_keepalived(dump: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut list = "";
    for line in dump.lines() {
        let depth = line.len() - line.trim_start().len();
        let text = line.trim_start();
        let title = [
            ("VRRP Script = ", "script"),
            ("Track file = ", "file"),
            ("VRRP Track process = ", "process"),
            ("VRRP Instance = ", "instance"),
            ("VRRP Sync Group = ", "group"),
        ]
        .into_iter()
        .find_map(|(front, kind)| Some((kind, text.strip_prefix(front)?)));
        if let (1, Some((kind, name))) = (depth, title) {
            let name = match kind {
                "group" => name.rsplit_once(", ").unwrap().0,
                _ => name,
            };
            entries.push(new(kind, name));
        } else if let (1, Some((virtual_server, real_server))) = (depth, text.split_once(" -> ")) {
            entries.push(new("check", &format!("{virtual_server} -> {real_server}")));
        } else if line.starts_with("------<") {
            // What follows belongs to no block until the next title.
            entries.push(new("", ""));
        } else if let Some(entry) = entries.last_mut() {
            if depth == 3 {
                list = text.strip_suffix(" :").unwrap_or_default();
                entry.fields.push(text.to_owned());
            } else if depth == 5 {
                match list {
                    "Tracking instances" => entry.fields.push(format!("by {text}")),
                    "VRRP member instances" => entry.fields.push(format!("member {text}")),
                    "Tracked scripts" | "Tracked files" | "Tracked processes"
                    | "Tracked process" => {
                        let list = list.replace("processes", "process");
                        entry
                            .fields
                            .push(format!("{list}: {}", text.replace(',', "")));
                    }
                    _ => {}
                }
            }
        }
    }
    entries.retain(|entry| {
        let is_misc = |field: &String| field == "Keepalive method = MISC_CHECK";
        !entry.title.is_empty()
            && (!entry.title.starts_with("check ") || entry.fields.iter().any(is_misc))
    });
    for entry in &mut entries {
        let kind = entry.title.split(' ').next().unwrap();
        let wanted = match kind {
            "script" => SCRIPT,
            "file" => FILE,
            "process" => PROCESS,
            "instance" => INSTANCE,
            "group" => GROUP,
            _ => CHECK,
        };
        entry.fields = entry.only(wanted);
        entry.fields.retain(|field| !field.ends_with(" :"));
        if kind == "check" {
            // The protocols are not read, and which is which is told by the addresses.
            let (virtual_server, real_server) = entry.title.split_once(" -> ").unwrap();
            let address = |text: &str| text.split("]:").next().unwrap().replace(['[', ']'], "");
            entry.title = format!("{} -> {}", address(virtual_server), address(real_server));
        }
    }
    entries
}

fn new(kind: &str, name: &str) -> Entry {
    Entry {
        title: format!("{kind} {name}").trim().to_owned(),
        fields: Vec::new(),
    }
}

/// What the reader has made of it. `runs` says what keepalived makes of a program, and whether it leaves it out.
pub fn of_reader(config: &Config, runs: &dyn Fn(&Script) -> bool) -> Vec<Entry> {
    let mut entries = Vec::new();
    let kept = |script: &&Script| {
        let user = script.user.as_ref();
        ids(user, &config.globals).is_some() && runs(script)
    };
    let used = |script: &&Script| kept(script) && !script.tracked_by.is_empty();
    let scripts: Vec<&Script> = config.scripts.iter().filter(used).collect();
    let is_kept = |tracked: &Tracked| scripts.iter().any(|script| script.name == tracked.name);

    for instance in &config.instances {
        let mut entry = new("instance", &instance.name);
        let preempt = if instance.nopreempt.is_some() {
            "disabled"
        } else {
            "enabled"
        };
        entry
            .fields
            .push(format!("Priority = {}", instance.priority));
        entry.fields.push(format!("Preempt = {preempt}"));
        if !instance.addresses.is_empty() {
            entry
                .fields
                .push(format!("Virtual IP ({}):", instance.addresses.len()));
        }
        entry.fields.extend(tracks(&instance.tracks, &is_kept));
        entries.push(entry);
    }
    let is_instance = |name: &str| config.instances.iter().any(|one| one.name == name);
    for group in &config.groups {
        let members: Vec<_> = group
            .members
            .iter()
            .filter(|member| is_instance(&member.value))
            .collect();
        if members.is_empty() {
            continue;
        }
        let mut entry = new("group", &group.name);
        entry.fields.extend(
            members
                .iter()
                .map(|member| format!("member {}", member.value)),
        );
        entry.fields.extend(tracks(&group.tracks, &is_kept));
        entries.push(entry);
    }
    entries.extend(
        scripts
            .iter()
            .map(|script| of_script(script, &config.globals)),
    );
    for file in config
        .track_files
        .iter()
        .filter(|file| !file.tracked_by.is_empty())
    {
        let mut entry = new("file", &file.name);
        entry.fields.push(format!("File = {}", file.file.value));
        entry
            .fields
            .push(format!("Weight = {}", weight(file.weight)));
        entry.fields.extend(file.tracked_by.iter().map(by));
        entries.push(entry);
    }
    for process in &config.track_processes {
        let mut entry = new("process", &process.name);
        entry
            .fields
            .push(format!("Process = {}", process.process[0]));
        entry
            .fields
            .push(format!("Weight = {}", weight(process.weight)));
        entry.fields.extend(process.tracked_by.iter().map(by));
        entries.push(entry);
    }
    entries.extend(checks(config));
    entries
}

fn tracks(tracks: &[Tracked], is_kept: &dyn Fn(&Tracked) -> bool) -> Vec<String> {
    let mut lines = Vec::new();
    for one in tracks.iter().filter(|one| one.counts) {
        let list = match one.kind {
            Trackable::Script if !is_kept(one) => continue,
            Trackable::Script => "scripts",
            Trackable::File => "files",
            Trackable::Process => "process",
        };
        let weight = weight(one.weight);
        lines.push(format!("Tracked {list}: {} weight {weight}", one.name));
    }
    lines
}

/// A script in the dump's words.
pub fn of_script(script: &Script, globals: &Globals) -> Entry {
    let mut entry = new("script", &script.name);
    let (uid, gid) = ids(script.user.as_ref(), globals).unwrap();
    entry.fields = vec![
        format!("Command = {}", shown(&script.command)),
        format!("Interval = {} sec", seconds(script.interval)),
        format!(
            "Timeout = {} sec",
            seconds(script.timeout.unwrap_or_default())
        ),
        format!("Weight = {}", weight(script.weight)),
        format!("Rise = {}", script.rise),
        format!("Fall = {}", script.fall()),
        format!("Script uid:gid = {uid}:{gid}"),
    ];
    entry.fields.extend(script.tracked_by.iter().map(by));
    entry
}

/// Whole seconds where there are no decimals, as before 2.3.2.
fn seconds(time: Duration) -> String {
    match time.subsec_millis() {
        0 => time.as_secs().to_string(),
        _ => format!("{:.3}", time.as_secs_f64()),
    }
}

fn by(by: &TrackedBy) -> String {
    format!("by {}, weight {}", by.instance, weight(by.weight))
}

fn weight(weight: Weight) -> String {
    format!(
        "{}{}",
        weight.value,
        if weight.reverse { " reverse" } else { "" }
    )
}

/// The checks that keepalived keeps.
fn checks(config: &Config) -> Vec<Entry> {
    let mut entries = Vec::new();
    for check in &config.misc_checks {
        let command = &check.command;
        let ids = ids(check.user.as_ref(), &config.globals);
        let (true, Some((uid, gid))) = (can_run(command), ids) else {
            continue;
        };
        let words: Vec<&str> = check.virtual_server.split(' ').collect();
        let name = match words[..] {
            ["group", name, ..] => name.to_owned(),
            ["fwmark", mark, ..] => format!("FWM {mark}"),
            _ => words[0].to_owned(),
        };
        let address = check.real_server.split(' ').next().unwrap();
        let mut entry = new("check", &format!("{name} -> {address}"));
        let timeout = check.timeout.unwrap_or_default().as_secs();
        let dynamic = if check.dynamic { "YES" } else { "NO" };
        entry.fields = vec![
            format!("Delay loop = {} us", check.interval.as_micros()),
            format!("script = {}", shown(command)),
            format!("timeout = {timeout}"),
            format!("dynamic = {dynamic}"),
            format!("uid:gid = {uid}:{gid}"),
        ];
        entries.push(entry);
    }
    entries
}

/// The command as the dump shows it, up to the first line feed.
fn shown(command: &Command) -> String {
    let mut shown = String::new();
    for (at, word) in command.words.iter().enumerate() {
        let word = String::from_utf8_lossy(word);
        let word = if at == 0 {
            resolved(&word)
        } else {
            word.into_owned()
        };
        let quote = if at == 0 && word.starts_with('<') {
            ""
        } else {
            "'"
        };
        let gap = if at == 0 { "" } else { " " };
        write!(shown, "{gap}{quote}{word}{quote}").unwrap();
    }
    shown.lines().next().unwrap_or_default().to_owned()
}

/// Where keepalived finds a program: along PATH, behind symlinks, but under the name that it was called by.
fn resolved(program: &str) -> String {
    if program.starts_with('<') {
        return program.to_owned();
    }
    let path = match program.contains('/') {
        true => PathBuf::from(program),
        false => in_path(program).unwrap_or_else(|| PathBuf::from(program)),
    };
    let Ok(real) = fs::canonicalize(&path) else {
        return program.to_owned();
    };
    let beside = real.with_file_name(path.file_name().unwrap());
    let same = |one: &Path, other: &Path| {
        let (one, other) = (fs::metadata(one).ok()?, fs::metadata(other).ok()?);
        Some((one.dev(), one.ino()) == (other.dev(), other.ino()))
    };
    let found = if same(&beside, &real) == Some(true) {
        beside
    } else {
        real
    };
    found.display().to_string()
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap();
    let mut folders = path
        .split(':')
        .map(|folder| Path::new(folder).join(program));
    folders.find(|file| file.is_file())
}

/// Whether there is a program that may be executed.
pub fn can_run(command: &Command) -> bool {
    let program = &command.words[0];
    let program = String::from_utf8_lossy(program);
    if program
        .strip_prefix('<')
        .is_some_and(|file| file.trim_start().starts_with('/'))
    {
        return true;
    }
    let path = resolved(&program);
    let found = fs::metadata(path);
    found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Whom it runs as: its own user, `script_user`, or root. `None`: that one does not exist.
fn ids(own: Option<&User>, globals: &Globals) -> Option<(u32, u32)> {
    // Not getpwnam(3): the tests may be linked statically.
    let id = |user: &User| {
        let [uid, gid] = account("/etc/passwd", &user.user)?;
        match &user.group {
            Some(group) => Some((uid, account("/etc/group", group)?[0])),
            None => Some((uid, gid)),
        }
    };
    if let Some(own) = own {
        return id(own);
    }
    let ids: Option<Vec<_>> = globals.script_users.iter().map(id).collect();
    match ids?.last() {
        Some(last) => Some(*last),
        // Nobody has made the user keepalived_script on a machine of tests.
        None if globals.script_security.is_some() => None,
        None => Some((0, 0)),
    }
}

/// The numbers of a user or a group: the third and, for users, the fourth field.
fn account(file: &str, name: &str) -> Option<[u32; 2]> {
    let text = fs::read_to_string(file).unwrap();
    let line = text
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let fields: Vec<&str> = line.split(':').collect();
    let number = |at: usize| fields[at].parse().unwrap_or(0);
    Some([number(2), number(3)])
}
