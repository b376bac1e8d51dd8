//! What a running keepalived has loaded: since 2.2.0 it keeps that in a file without a name, which root can read
//! in /proc/PID/fd (lib/parser.c, `open_conf_memfd`).

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::geteuid;

use super::findings::Finding;
use crate::clock::{Deadline, SystemClock};
use crate::errno::ErrnoText;
use crate::host::processes::Processes;
use crate::keepalived_conf::instance_id;

/// The name of that file.
const MEMFD: &[u8] = b"/memfd:/keepalived/consolidated_configuration";
/// Bytes that are read of it.
const MOST: u64 = 16 << 20;
/// How long it may take to list the processes.
const LIMIT: Duration = Duration::from_secs(5);

/// A keepalived of this network namespace, and what it has loaded.
#[derive(Debug)]
pub struct Running {
    /// Its main process.
    pub pid: u32,
    /// What it has loaded, comments cut and files included.
    pub text: Vec<u8>,
    /// Its main file.
    pub main: PathBuf,
    /// Where it was started.
    pub folder: PathBuf,
    /// What `@id` means to it.
    pub id: Vec<u8>,
}

/// All that can be seen. One that cannot is told.
pub fn find(proc: &Path, findings: &mut Vec<Finding>) -> Vec<Running> {
    let clock = SystemClock::start();
    let Ok(processes) = Processes::read(proc, Deadline::new(&clock, LIMIT)) else {
        return Vec::new(); // Without /proc nothing runs that could be seen; the sources tell.
    };
    let called = processes
        .all()
        .filter(|process| process.is_called("keepalived"));
    let pids: Vec<u32> = called.map(|process| process.pid()).collect();
    let mut running = Vec::new();
    for pid in &pids {
        let process = proc.join(pid.to_string());
        let is_child = parent(&process).is_some_and(|parent| pids.contains(&parent));
        if is_child || !is_trusted(&process) {
            continue;
        }
        match is_here(proc, &process)
            .and_then(|here| if here { look(*pid, &process) } else { Ok(None) })
        {
            Ok(found) => running.extend(found),
            Err(error) => findings.push(Finding::note(
                format!("what the running keepalived ({pid}) has loaded is not known"),
                ErrnoText::from(&error).to_string(),
                "run the doctor as root",
            )),
        }
    }
    running
}

/// Anybody can name a process, and what it has loaded says what is run to try it.
fn is_trusted(process: &Path) -> bool {
    let owner = fs::metadata(process).map(|found| found.uid());
    owner.is_ok_and(|owner| owner == 0 || owner == geteuid().as_raw())
}

/// `None`: it has no such file, as before 2.2.0, or has ended.
fn look(pid: u32, process: &Path) -> io::Result<Option<Running>> {
    let Some(text) = text(process)? else {
        return Ok(None);
    };
    let line = fs::read(process.join("cmdline"))?;
    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    let folder = fs::read_link(process.join("cwd"))?;
    let main = option(&words, b"-f", b"--use-file");
    let main = main.unwrap_or(b"/etc/keepalived/keepalived.conf");
    let main = folder.join(std::ffi::OsString::from_vec(main.to_owned()));
    let host = fs::read("/proc/sys/kernel/hostname").unwrap_or_default();
    let id = option(&words, b"-i", b"--config-id");
    let id = id
        .unwrap_or_else(|| instance_id(host.trim_ascii_end()))
        .to_owned();
    Ok(Some(Running {
        pid,
        text,
        main,
        folder,
        id,
    }))
}

fn text(process: &Path) -> io::Result<Option<Vec<u8>>> {
    for entry in fs::read_dir(process.join("fd"))? {
        let path = entry?.path();
        let Ok(link) = fs::read_link(&path) else {
            continue;
        };
        if link.as_os_str().as_bytes().starts_with(MEMFD) {
            let mut text = Vec::new();
            File::open(path)?.take(MOST).read_to_end(&mut text)?;
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// The value of an option of getopt_long(3), in one word or two.
pub fn option<'w>(words: &[&'w [u8]], short: &[u8], long: &[u8]) -> Option<&'w [u8]> {
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        if *word == short || *word == long {
            return words.next().copied();
        }
        let behind_long = word
            .strip_prefix(long)
            .and_then(|rest| rest.strip_prefix(b"="));
        if let Some(value) = behind_long.or_else(|| word.strip_prefix(short)) {
            return Some(value);
        }
    }
    None
}

/// proc_pid_stat(5); the name in brackets may have anything in it.
fn parent(process: &Path) -> Option<u32> {
    let stat = fs::read(process.join("stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

/// Whether it has the network and the files of this process: the same namespaces, by device and inode of what
/// stands for them. One that has ended is not here.
fn is_here(proc: &Path, process: &Path) -> io::Result<bool> {
    for name in ["ns/net", "ns/mnt"] {
        let identity =
            |of: &Path| fs::metadata(of.join(name)).map(|found| (found.dev(), found.ino()));
        let theirs = match identity(process) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            theirs => theirs?,
        };
        if theirs != identity(&proc.join("self"))? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::option;

    #[test]
    fn options_in_one_word_or_two() {
        for (line, expected) in [
            ("keepalived -f a.conf -D", Some("a.conf")),
            ("keepalived -D -fa.conf", Some("a.conf")),
            ("keepalived --use-file=a.conf", Some("a.conf")),
            ("keepalived --use-file a.conf", Some("a.conf")),
            ("keepalived -D -n", None),
            ("-f", None),
            ("keepalived -f", None),
        ] {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let found = option(&words, b"-f", b"--use-file");
            assert_eq!(found, expected.map(str::as_bytes), "{line}");
        }
    }
}
