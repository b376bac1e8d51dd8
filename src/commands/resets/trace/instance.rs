//! A tracing instance of our own, which disturbs nobody else's tracing (Documentation/trace/ftrace.rst,
//! "Instances"). It is removed when it is dropped; what a run left that was killed, the next one removes.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg, OFlag};

use super::page::PageLayout;
use crate::errno::ErrnoText;
use crate::source::ByteOrder;

/// Where tracefs is mounted: on its own, or by debugfs on older systems.
pub const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// What the name of an instance begins with.
const PREFIX: &str = "listenup-resets-";

/// The ring buffer of each processor, in KiB: some 2,700 resets.
const BUFFER: &str = "256";

/// How often to try to make one.
const TRIES: u32 = 10;

/// Why there is no tracing, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An instance. Its lock tells a later run that it is in use.
#[derive(Debug)]
pub struct Instance {
    path: PathBuf,
    _lock: Flock<File>,
}

impl Instance {
    /// Makes one below the first of these places that has tracefs.
    ///
    /// # Errors
    /// There is none, or it may not be used.
    pub fn make(places: &[&str]) -> Result<Self, Refusal> {
        let mut refusal = Refusal(format!(
            "tracefs is not mounted ({})",
            places.first().unwrap_or(&"")
        ));
        for place in places {
            let instances = Path::new(place).join("instances");
            match fs::read_dir(&instances) {
                Ok(_) => {
                    remove_leftovers(&instances);
                    return Self::make_in(&instances);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => refusal = refused(&instances, "opened", &error),
            }
        }
        Err(refusal)
    }

    fn make_in(instances: &Path) -> Result<Self, Refusal> {
        let mut tries = 0;
        let instance = loop {
            tries += 1;
            match Self::make_and_lock(instances, tries) {
                Ok(instance) => break instance,
                // A container may have a process of the same number, and another run may take for a
                // leftover what is not locked yet.
                Err((
                    _,
                    ErrorKind::AlreadyExists | ErrorKind::NotFound | ErrorKind::WouldBlock,
                )) if tries < TRIES => {}
                Err((refusal, _)) => return Err(refusal),
            }
        };
        instance.write("buffer_size_kb", BUFFER)?;
        // What comes while the buffer is full is counted and lost, which costs the sender next to nothing.
        instance.write("options/overwrite", "0")?;
        Ok(instance)
    }

    fn make_and_lock(instances: &Path, number: u32) -> Result<Self, (Refusal, ErrorKind)> {
        let path = instances.join(format!("{PREFIX}{}-{number}", std::process::id()));
        let fail = |what, error: &io::Error| (refused(&path, what, error), error.kind());
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| fail("made", &error))?;
        match lock(&path) {
            Ok(lock) => Ok(Self { path, _lock: lock }),
            Err(error) => {
                let _ = fs::remove_dir(&path);
                Err(fail("locked", &error))
            }
        }
    }

    /// # Errors
    /// Why it could not be written.
    pub fn write(&self, file: &str, text: &str) -> Result<(), Refusal> {
        let path = self.path.join(file);
        fs::write(&path, text).map_err(|error| refused(&path, "written", &error))
    }

    /// A file of it.
    ///
    /// # Errors
    /// Why it could not be read.
    pub fn read(&self, file: &str) -> Result<String, Refusal> {
        let path = self.path.join(file);
        read(&path).map_err(|error| refused(&path, "read", &error))
    }

    /// The file saved_cmdlines, of which 1 MiB is read: 128 names, unless an administrator has asked for more.
    ///
    /// # Errors
    /// Why it could not be read.
    pub fn thread_names(&self) -> io::Result<String> {
        let mut text = Vec::new();
        let file = File::open(self.path.join("../../saved_cmdlines"))?;
        file.take(1 << 20).read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The ring buffer of each processor, to be read without waiting, and its account.
    ///
    /// # Errors
    /// One cannot be opened.
    pub fn processors(&self) -> Result<Vec<Processor>, Refusal> {
        let folder = self.path.join("per_cpu");
        let open = |entry: io::Result<fs::DirEntry>| {
            let path = entry?.path();
            let mut options = OpenOptions::new();
            options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
            let pipe = options.open(path.join("trace_pipe_raw"))?;
            Ok(Processor {
                pipe,
                stats: path.join("stats"),
            })
        };
        let all = fs::read_dir(&folder).and_then(|list| list.map(open).collect());
        all.map_err(|error| refused(&folder, "read", &error))
    }

    /// How its pages lie in memory.
    ///
    /// # Errors
    /// It cannot be read, or does not say.
    pub fn pages(&self) -> Result<PageLayout, Refusal> {
        let text = self.read("events/header_page")?;
        PageLayout::parse(&text, ByteOrder::NATIVE).ok_or_else(|| {
            let path = self.path.join("events/header_page");
            Refusal(format!(
                "{} is not in the form that is known",
                path.display()
            ))
        })
    }
}

impl Drop for Instance {
    /// The kernel switches its events off with it.
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}

/// The ring buffer of one processor.
#[derive(Debug)]
pub struct Processor {
    pipe: File,
    stats: PathBuf,
}

impl Processor {
    /// Reads a page into the buffer, which has the length of one. `None`: there is nothing to read.
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

    /// How many records were lost, or are still there. `None`: the kernel does not say.
    pub fn not_read(&self) -> Option<u64> {
        let text = read(&self.stats).ok()?;
        let of = |name: &str| {
            let lines = text.lines();
            let mut found = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            found.next()?.trim().parse::<u64>().ok()
        };
        Some(
            of("dropped events")?
                .saturating_add(of("overrun")?)
                .saturating_add(of("entries")?),
        )
    }
}

/// All of a file in one read if that is possible: of `header_page` the kernel gives no second part
/// (kernel/trace/trace_events.c, show_header).
fn read(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
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

/// # Errors
/// Somebody else has the lock, or it cannot be had.
fn lock(path: &Path) -> io::Result<Flock<File>> {
    let file = File::open(path)?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno.into())
}

/// Instances whose run is gone: nobody has their lock.
fn remove_leftovers(instances: &Path) {
    let entries = fs::read_dir(instances).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(PREFIX) {
            if let Ok(_lock) = lock(&entry.path()) {
                let _ = fs::remove_dir(entry.path());
            }
        }
    }
}

fn refused(path: &Path, what: &str, error: &io::Error) -> Refusal {
    let why = ErrnoText::from(error);
    Refusal(format!("{} cannot be {what}: {why}", path.display()))
}
