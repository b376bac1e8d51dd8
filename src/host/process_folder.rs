//! A process in /proc, through a descriptor of its folder.
//!
//! The number of a process that has ended can be given to another process. A descriptor of its folder cannot: reading
//! through it then is an error.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::untrusted::{Limits, ReadError, RegularFile, open_path};

/// Limits for /proc/PID/status, which has some 60 lines.
const STATUS: Limits = Limits {
    bytes: 64 << 10,
    lines: 1000,
};
/// Limits for /proc/PID/cmdline. No daemon has a longer one.
const COMMAND_LINE: Limits = Limits {
    bytes: 64 << 10,
    lines: 1000,
};

/// Limits for a file in /proc/PID/fdinfo. An inotify instance has a line for each watch.
const DESCRIPTION: Limits = Limits {
    bytes: 1 << 20,
    lines: 10_000,
};

/// The folder of a process.
#[derive(Debug)]
pub struct ProcessFolder {
    /// The path of the folder through its descriptor.
    path: PathBuf,
    _descriptor: File,
}

/// The parent and the users of a process (proc_pid_status(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The process that started it.
    pub parent: u32,
    /// The real, the effective and the saved user.
    pub users: [u32; 3],
}

impl ProcessFolder {
    /// Opens the folder of the process with this number.
    ///
    /// # Errors
    /// Returns an error if there is no such process.
    pub fn open(proc: &Path, pid: u32) -> Result<Self, ReadError> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
        let descriptor = open_path(&proc.join(pid.to_string()), flags)?;
        Ok(Self {
            path: PathBuf::from(format!("/proc/self/fd/{}", descriptor.as_raw_fd())),
            _descriptor: descriptor,
        })
    }

    /// Its parent and its users.
    ///
    /// # Errors
    /// Returns an error if the process has ended.
    pub fn status(&self) -> Result<Status, ReadError> {
        let text = RegularFile::open_in_proc(&self.path.join("status"))?.read(STATUS)?;
        Status::parse(&text).ok_or(ReadError::System(Errno::EINVAL))
    }

    /// The executable that it runs, which may have been replaced or removed since.
    ///
    /// # Errors
    /// Returns an error if the process has ended, or this user is not allowed to look.
    pub fn executable(&self) -> Result<RegularFile, ReadError> {
        RegularFile::open_magic_link(&self.path.join("exe"))
    }

    /// The path of that executable, for a person.
    pub fn executable_path(&self) -> PathBuf {
        fs::read_link(self.path.join("exe")).unwrap_or_default()
    }

    /// Its command line, which the process itself can change. The last word is empty.
    ///
    /// # Errors
    /// Returns an error if the process has ended.
    pub fn words(&self) -> Result<Vec<Vec<u8>>, ReadError> {
        let line = RegularFile::open_in_proc(&self.path.join("cmdline"))?.read(COMMAND_LINE)?;
        let words = line.split(|byte| *byte == 0);
        Ok(words.map(<[u8]>::to_vec).collect())
    }

    /// Its working folder.
    ///
    /// # Errors
    /// Returns an error if the process has ended, or this user is not allowed to look.
    pub fn working_folder(&self) -> Result<PathBuf, ReadError> {
        Ok(fs::read_link(self.path.join("cwd"))?)
    }

    /// True if it is in the same namespace of this kind, such as `net`, as the calling process.
    ///
    /// # Errors
    /// Returns an error if the process has ended, or this user is not allowed to look.
    pub fn shares_namespace(&self, kind: &str) -> Result<bool, ReadError> {
        // The device and inode of what stands for a namespace.
        let identity = |process: &Path| {
            let found = fs::metadata(process.join("ns").join(kind));
            found.map(|found| (found.dev(), found.ino()))
        };
        Ok(identity(&self.path)? == identity(Path::new("/proc/self"))?)
    }

    /// Opens the first of its open files whose link in /proc/PID/fd begins with this text. `None` if it has none.
    ///
    /// # Errors
    /// Returns an error if the process has ended, this user is not allowed to look, or no such file can be opened.
    pub fn open_file(&self, link: &[u8]) -> Result<Option<RegularFile>, ReadError> {
        let mut refused = Ok(None);
        for entry in fs::read_dir(self.path.join("fd"))? {
            let path = entry?.path();
            // A descriptor can be closed at any moment.
            let found = fs::read_link(&path).unwrap_or_default();
            if !found.as_os_str().as_bytes().starts_with(link) {
                continue;
            }
            match RegularFile::open_magic_link(&path) {
                Ok(file) => return Ok(Some(file)),
                Err(error) => refused = Err(error),
            }
        }
        refused
    }
}

impl ProcessFolder {
    /// Returns /proc/PID/fdinfo of each open file whose link in /proc/PID/fd is this text.
    ///
    /// # Errors
    /// Returns an error if the process has ended, or this user is not allowed to look.
    pub fn descriptions(&self, link: &str) -> Result<Vec<String>, ReadError> {
        let mut descriptions = Vec::new();
        for entry in fs::read_dir(self.path.join("fd"))? {
            let entry = entry?;
            if fs::read_link(entry.path()).unwrap_or_default() == Path::new(link) {
                let file = self.path.join("fdinfo").join(entry.file_name());
                let text = RegularFile::open_in_proc(&file)?.read(DESCRIPTION)?;
                descriptions.push(String::from_utf8_lossy(&text).into_owned());
            }
        }
        Ok(descriptions)
    }

    /// Returns the page faults of its children that have ended and for which it has waited (proc_pid_stat(5), `cminflt`).
    ///
    /// # Errors
    /// Returns an error if the process has ended.
    pub fn children_faults(&self) -> Result<u64, ReadError> {
        let text = RegularFile::open_in_proc(&self.path.join("stat"))?.read(STATUS)?;
        let text = String::from_utf8_lossy(&text);
        // The name in brackets can contain anything. After it the fields begin with the third.
        let fields = text.rsplit_once(')').map(|(_, fields)| fields);
        let field = fields.and_then(|fields| fields.split_whitespace().nth(8)?.parse().ok());
        field.ok_or(ReadError::System(Errno::EINVAL))
    }
}

impl Status {
    /// True if it runs as root alone: neither the user who started it nor one it can go back to is another.
    pub fn is_root_alone(self) -> bool {
        self.users == [0; 3]
    }

    /// Parses the file. Its first line has the name, which the process chooses; the kernel escapes line feeds in it.
    fn parse(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        let numbers = |key: &str| {
            let line = text
                .lines()
                .skip(1)
                .find_map(|line| line.strip_prefix(key))?;
            let numbers = line.split_whitespace().map(str::parse);
            numbers.collect::<Result<Vec<u32>, _>>().ok()
        };
        let &[real, effective, saved, _] = numbers("Uid:")?.as_slice() else {
            return None;
        };
        Some(Self {
            parent: *numbers("PPid:")?.first()?,
            users: [real, effective, saved],
        })
    }
}

/// The value of an option of getopt_long(3), in one word or two.
pub fn option<'w>(words: &'w [Vec<u8>], short: &str, long: &str) -> Option<&'w OsStr> {
    let mut words = words.iter().skip(1).map(Vec::as_slice);
    while let Some(word) = words.next() {
        if word == short.as_bytes() || word == long.as_bytes() {
            return words.next().map(OsStr::from_bytes);
        }
        let after_long = word
            .strip_prefix(long.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"="));
        if let Some(value) = after_long.or_else(|| word.strip_prefix(short.as_bytes())) {
            return Some(OsStr::from_bytes(value));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_value_is_found_in_one_word_or_two() {
        for (line, expected) in [
            ("keepalived -f a.conf -D", Some("a.conf")),
            ("keepalived -D -fa.conf", Some("a.conf")),
            ("keepalived --use-file=a.conf", Some("a.conf")),
            ("keepalived --use-file a.conf", Some("a.conf")),
            ("keepalived -D -n", None),
            ("-f", None),
            ("keepalived -f", None),
        ] {
            let words: Vec<Vec<u8>> = line.split(' ').map(Into::into).collect();
            let found = option(&words, "-f", "--use-file");
            assert_eq!(found, expected.map(OsStr::new), "{line}");
        }
    }

    #[test]
    fn a_process_name_cannot_fake_the_users_in_status() {
        let status = |name: &str, users: &str| {
            let text =
                format!("Name:\t{name}\nUmask:\t0022\nPPid:\t7\nUid:\t{users}\nGid:\t0\t0\t0\t0\n");
            Status::parse(text.as_bytes())
        };
        let is_root = |name, users| status(name, users).unwrap().is_root_alone();
        assert!(is_root("keepalived", "0\t0\t0\t0"));
        for users in ["65534\t0\t0\t0", "0\t65534\t0\t0", "0\t0\t65534\t0"] {
            assert!(!is_root("keepalived", users), "{users}");
        }
        assert!(!is_root("Uid:\\n0 0 0 0", "5\t5\t5\t5"));
        assert_eq!(status("x", "0\t0").map(drop), None);
        assert_eq!(status("x", "0\t0\t0\t0").unwrap().parent, 7);
    }

    #[test]
    fn page_faults_of_ended_children_are_counted() {
        let own = ProcessFolder::open(Path::new("/proc"), std::process::id()).unwrap();
        let before = own.children_faults().unwrap();
        assert!(
            std::process::Command::new("true")
                .status()
                .unwrap()
                .success()
        );
        assert!(own.children_faults().unwrap() > before);
    }

    #[test]
    fn a_descriptor_that_is_refused_does_not_hide_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        nix::unistd::mkfifo(&path("a-fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let open = |name: &str| File::options().read(true).write(true).open(path(name));
        let _fifo = open("a-fifo").unwrap();
        fs::write(path("a-file"), "x").unwrap();
        let itself = ProcessFolder::open(Path::new("/proc"), std::process::id()).unwrap();
        let link = path("a-").into_os_string().into_encoded_bytes();
        let refused = itself.open_file(&link).map(drop);
        assert_eq!(refused, Err(ReadError::NotRegular));
        let _file = open("a-file").unwrap();
        assert!(itself.open_file(&link).unwrap().is_some());
    }

    #[test]
    fn a_process_that_has_ended_is_an_error() {
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let folder = ProcessFolder::open(Path::new("/proc"), child.id()).unwrap();
        assert_eq!(folder.status().unwrap().parent, std::process::id());
        assert_eq!(folder.shares_namespace("net"), Ok(true));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(folder.status().is_err());
        assert!(folder.executable().is_err());
        assert!(folder.words().is_err());
        assert!(folder.shares_namespace("net").is_err());
    }
}
