//! A tracing instance of our own, which disturbs no other tracing (Documentation/trace/ftrace.rst, "Instances"). It is
//! removed when it is dropped. If a run was killed, the next run removes its instance.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg, OFlag};

use crate::errno::ErrnoText;

/// The places where tracefs is mounted: on its own, or by debugfs on older systems.
pub const MOUNTS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The beginning of an instance's name.
const PREFIX: &str = "listenup-resets-";

/// The ring buffer of each processor, in KiB: some 2,700 resets.
const BUFFER: &str = "256";

/// How many runs can have the same process number, each in a container of its own.
const MAX_NAMES: u32 = 10;

/// An instance. Its lock shows other runs that it is in use.
#[derive(Debug)]
pub struct TraceInstance {
    path: PathBuf,
    _lock: Flock<File>,
}

impl TraceInstance {
    /// Creates an instance below the first of these mounts that has tracefs.
    ///
    /// # Errors
    /// Returns the reason why that is not possible.
    pub fn create(mounts: &[&str]) -> Result<Self, String> {
        let folders = mounts
            .iter()
            .map(|mount| Path::new(mount).join("instances"));
        let found = folders.map(|folder| (lock(&folder, FlockArg::LockExclusive), folder));
        let mut found = found
            .filter(|(lock, _)| !matches!(lock, Err(error) if error.kind() == ErrorKind::NotFound));
        let Some((lock, folder)) = found.next() else {
            return Err(format!(
                "tracefs is not mounted at {}",
                mounts.first().unwrap_or(&"")
            ));
        };
        // While it is held, no other run creates or removes an instance.
        let _lock = lock.map_err(|error| refused(&folder, "opened", &error))?;
        remove_leftovers(&folder);
        let instance = Self::create_in(&folder)?;
        instance.write("buffer_size_kb", BUFFER)?;
        // If the buffer is full, new events are counted and lost, which costs the sender next to nothing.
        instance.write("options/overwrite", "0")?;
        Ok(instance)
    }

    fn create_in(folder: &Path) -> Result<Self, String> {
        let name = |number| format!("{PREFIX}{}-{number}", std::process::id());
        let mut paths = (1..=MAX_NAMES).map(|number| folder.join(name(number)));
        let mut created = Err(format!("{} has too many instances", folder.display()));
        let path = paths.find(|path| {
            let made = fs::DirBuilder::new().mode(0o700).create(path);
            let is_taken = matches!(&made, Err(error) if error.kind() == ErrorKind::AlreadyExists);
            created = made.map_err(|error| refused(path, "created", &error));
            !is_taken
        });
        created?;
        let path = path.unwrap_or_default();
        match lock(&path, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self { path, _lock: lock }),
            Err(error) => {
                let _ = fs::remove_dir(&path);
                Err(refused(&path, "locked", &error))
            }
        }
    }

    /// Writes to a file of the instance.
    ///
    /// # Errors
    /// Returns the reason why that is not possible.
    pub fn write(&self, file: &str, text: &str) -> Result<(), String> {
        let path = self.path.join(file);
        fs::write(&path, text).map_err(|error| refused(&path, "written", &error))
    }

    /// Reads a file of the instance in one read if that is possible: of `header_page` the kernel gives no second part
    /// (kernel/trace/trace_events.c, show_header).
    ///
    /// # Errors
    /// Returns the reason why that is not possible.
    pub fn read(&self, file: &str) -> Result<String, String> {
        let path = self.path.join(file);
        read(&path).map_err(|error| refused(&path, "read", &error))
    }

    /// Reads the file saved_cmdlines up to 1 MiB. It has 128 names, unless an administrator has asked for more.
    ///
    /// # Errors
    /// Returns an error if it could not be read.
    pub fn thread_names(&self) -> io::Result<String> {
        read(&self.path.join("../../saved_cmdlines"))
    }

    /// Opens the ring buffer of each processor, to be read without waiting.
    ///
    /// # Errors
    /// Returns the reason why that is not possible.
    pub fn buffers(&self) -> Result<Vec<CpuBuffer>, String> {
        let folder = self.path.join("per_cpu");
        let open = |entry: io::Result<fs::DirEntry>| {
            let path = entry?.path();
            let mut options = OpenOptions::new();
            options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
            let pipe = options.open(path.join("trace_pipe_raw"))?;
            Ok(CpuBuffer {
                pipe,
                stats: path.join("stats"),
            })
        };
        let all = fs::read_dir(&folder).and_then(|list| list.map(open).collect());
        all.map_err(|error| refused(&folder, "read", &error))
    }
}

impl Drop for TraceInstance {
    /// Removes the instance. The kernel disables its events.
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}

/// The ring buffer of one processor.
#[derive(Debug)]
pub struct CpuBuffer {
    pipe: File,
    stats: PathBuf,
}

impl CpuBuffer {
    /// Reads a page into the buffer, which has the length of one. `None` if there is nothing to read.
    pub fn page<'a>(&mut self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        loop {
            match self.pipe.read(buffer) {
                Ok(0) => return None,
                Ok(length) => return buffer.get(..length),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }

    /// Returns how many records were lost, or are still there. `None` if the kernel does not say.
    pub fn lost_records(&self) -> Option<u64> {
        let text = read(&self.stats).ok()?;
        let of = |name: &str| {
            let mut values = text.lines().filter_map(|line| line.strip_prefix(name));
            values.next()?.trim().parse::<u64>().ok()
        };
        Some(
            of("dropped events:")?
                .saturating_add(of("overrun:")?)
                .saturating_add(of("entries:")?),
        )
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?.take(1 << 20);
    let (mut buffer, mut text) = (vec![0; 64 * 1024], Vec::new());
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(String::from_utf8_lossy(&text).into_owned()),
            Ok(length) => text.extend(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn lock(path: &Path, kind: FlockArg) -> io::Result<Flock<File>> {
    Flock::lock(File::open(path)?, kind).map_err(|(_, errno)| errno.into())
}

/// Removes the instances of runs that have ended: they have no lock.
fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            if let Ok(_lock) = lock(&entry.path(), FlockArg::LockExclusiveNonblock) {
                let _ = fs::remove_dir(entry.path());
            }
        }
    }
}

fn refused(path: &Path, what: &str, error: &io::Error) -> String {
    format!(
        "{} cannot be {what}: {}",
        path.display(),
        ErrnoText::from(error)
    )
}
