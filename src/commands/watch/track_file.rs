//! The file that keepalived tracks: what it says, what keeps it from saying so, and what is said of that.
//!
//! keepalived reads the file when a descriptor that was open for writing is closed, and calls strtol(3) on it: a file that
//! is removed, empty or not a number is 0, which is up (trackers/track_file.c, process_track_file). So the file is written
//! in place, by one pwrite(2) of the number and a line feed, where strtol ends: each reader sees the old or the new number,
//! whatever follows. That needs no new inode, no space, and no permission for the folder; and since the descriptors are
//! open already, it does not need a free one either.

mod open_file;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;

use crate::errno::ErrnoText;
use crate::host::folders;

use self::open_file::{Held, Id, Mark, id, is_in_the_way, line};
pub use self::open_file::{is_locked, is_same, replace, value, write_once};

/// How often the modification time is set, by which `--status` knows that the watch is alive.
pub const BEAT: Duration = Duration::from_secs(1);
/// How long it is not said again that the file was changed by others.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// The file, its lock and its trouble.
#[derive(Debug)]
pub struct TrackFile {
    path: PathBuf,
    held: Option<Held>,
    /// What it was left with. `None`: it is not known.
    value: Option<i16>,
    /// The folder of the first write, which keepalived watches.
    folder: Option<Id>,
    /// When the modification time was set.
    beaten: Option<Duration>,
    /// Why the file does not say what it should.
    wrong: Option<String>,
    /// Why the modification time cannot be set: the next write will fail, too.
    frozen: Option<String>,
    /// When it was said that others have changed the file.
    said_changed: Option<Duration>,
    news: Vec<String>,
}

/// Why a file cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Something else exists there.
    NotRegular,
    /// It holds something that is not a number.
    NotANumber,
    /// Another watch has the lock.
    Locked,
    /// It is not the file of the watch before a reload.
    NotHandedOver,
    /// A call of the system fails, maybe for a time.
    System(Errno),
    /// It was written, but no descriptor can be closed for keepalived to notice.
    NotTold(Errno),
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Self {
        Self::System(ErrnoText::from(&error).0)
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRegular => "it is not a regular file",
            Self::NotANumber => "it holds something that is not a number",
            Self::Locked => "another watch keeps it",
            Self::NotHandedOver => "a reload cannot change the file",
            Self::System(errno) | Self::NotTold(errno) => return ErrnoText(*errno).fmt(f),
        })
    }
}

impl TrackFile {
    /// Opens or makes the file and locks it. Returns the number in it, too. A temporary obstacle, such as a folder that does not
    /// exist, is left to [`TrackFile::keep`].
    ///
    /// # Errors
    /// Returns why no watch can begin with this file. Then a file that was handed over says `down`.
    pub fn open(
        path: &Path,
        handed_over: Option<File>,
        down: i16,
    ) -> Result<(Self, Option<i64>), Unfit> {
        let mut file = Self {
            path: path.to_owned(),
            held: None,
            value: None,
            folder: None,
            beaten: None,
            wrong: None,
            frozen: None,
            said_changed: None,
            news: Vec::new(),
        };
        let (found, held) = match handed_over {
            Some(handed_over) if is_same(&handed_over, path) => (
                value(path).unwrap_or_default(),
                Held::new(handed_over, path),
            ),
            Some(handed_over) => {
                let _ = handed_over.write_all_at(line(down).as_bytes(), 0);
                return Err(Unfit::NotHandedOver);
            }
            None => (value(path)?, Held::open(path)),
        };
        let mut held = match held {
            Err(Unfit::System(_)) => return Ok((file, found)),
            held => held?,
        };
        if !held.lock() {
            return Err(Unfit::Locked);
        }
        file.folder = id(file.folder_path()).ok();
        // What it says already need not be written.
        let mark = held.mark;
        held.fresh = Some(Duration::ZERO);
        let says = |value: &i16| held.says(*value, &mark, Duration::ZERO).unwrap_or(false);
        file.value = found.and_then(|found| found.try_into().ok()).filter(says);
        file.held = Some(held);
        Ok((file, found))
    }

    /// Makes sure that the file says this, and that its modification time is of this second.
    pub fn keep(&mut self, value: i16, now: Duration) {
        self.beat(now);
        let kept = self.kept(value, now);
        let path = self.path.display();
        let wrong = kept
            .err()
            .map(|why| format!("{path} cannot be written: {why}"));
        if wrong != self.wrong {
            self.news.push(match &wrong {
                Some(wrong) => wrong.clone(),
                None => format!("{path} is written again: it says {value}"),
            });
            self.wrong = wrong;
        }
    }

    fn beat(&mut self, now: Duration) {
        let is_due = |beaten| now.saturating_sub(beaten) >= BEAT;
        let Some(held) = self
            .held
            .as_mut()
            .filter(|_| self.beaten.is_none_or(is_due))
        else {
            return;
        };
        self.beaten = Some(now);
        held.fresh = Some(now);
        let beaten = futimens(&held.file, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW);
        let path = self.path.display();
        let frozen = beaten.err().map(ErrnoText);
        let frozen = frozen.map(|why| format!("{path} cannot be changed any more: {why}"));
        if frozen != self.frozen {
            self.news.extend(frozen.clone());
            self.frozen = frozen;
        }
    }

    fn kept(&mut self, value: i16, now: Duration) -> Result<(), Unfit> {
        let found = fs::symlink_metadata(&self.path).map(|found| Mark::of(&found));
        let is_it = |held: &&mut Held| match &found {
            Ok(found) => found.id == held.mark.id,
            // It cannot be told, and then the open file is the best there is.
            Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        };
        let Some(held) = self.held.as_mut().filter(is_it) else {
            return self.kept_again(value, now);
        };
        let was = self.value;
        if was == Some(value) && held.says(value, &found?, now)? {
            return Ok(());
        }
        self.value = None;
        if let Err(why) = held.write(value, &self.path, now) {
            // The last way to have keepalived read it: all descriptors are closed.
            self.held = self
                .held
                .take()
                .filter(|_| !matches!(why, Unfit::NotTold(_)));
            return Err(why);
        }
        self.value = Some(value);
        if was == Some(value) {
            self.tell_changed(value, now);
        }
        Ok(())
    }

    /// The file is not there, or is another one.
    fn kept_again(&mut self, value: i16, now: Duration) -> Result<(), Unfit> {
        let opened = Held::open(&self.path);
        let mut held = match opened {
            // A symbolic link or a FIFO that was put there, or a file that keepalived's init_file has made as root.
            Err(why)
                if why == Unfit::System(Errno::EACCES)
                    || self.folder.is_some() && is_in_the_way(&self.path) =>
            {
                Held::new(replace(&self.path, line(value).as_bytes())?, &self.path)?
            }
            opened => opened?,
        };
        if !held.lock() {
            return Err(Unfit::Locked);
        }
        held.write(value, &self.path, now)?;
        // The old one is closed after that: where its folder has moved, keepalived would find no file.
        self.held = Some(held);
        let had = self.value.replace(value);
        let folder = id(self.folder_path())?;
        if self.folder.replace(folder) != Some(folder) {
            self.news.push(format!(
                "{} is another folder than when the watch began: reload keepalived, which does not see the file in it",
                self.folder_path().display()
            ));
        } else if had == Some(value) {
            self.tell_changed(value, now);
        }
        Ok(())
    }

    fn tell_changed(&mut self, value: i16, now: Duration) {
        let is_said = |said| now.saturating_sub(said) < SAY_AGAIN;
        if !self.said_changed.is_some_and(is_said) {
            self.said_changed = Some(now);
            let path = self.path.display();
            self.news.push(format!(
                "another process had changed {path}; it says {value} again"
            ));
        }
    }

    /// True if the file says what it should.
    pub fn is_right(&self) -> bool {
        self.wrong.is_none()
    }

    /// Returns what is wrong with the file.
    pub fn trouble(&self) -> Option<&str> {
        self.wrong.as_deref().or(self.frozen.as_deref())
    }

    /// Returns what has happened to the file, to be said once.
    pub fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }

    /// The descriptor that has the lock.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.held.as_ref().map(|held| held.file.as_fd())
    }

    /// Returns the first part of the way to the file that users other than root and this one can write to.
    pub fn weak_folder(&self) -> Option<PathBuf> {
        folders::weak_folder(&self.path, nix::unistd::geteuid().as_raw())
    }

    fn folder_path(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }
}

#[cfg(test)]
mod tests;
