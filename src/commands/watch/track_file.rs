//! The file that keepalived tracks, its value, and the trouble with it.
//!
//! keepalived reads the file when a descriptor that was open for writing is closed, and calls strtol(3) on it: a file that
//! is removed, empty or not a number is 0, which is up (trackers/track_file.c, process_track_file). So the file is written
//! in place, by one pwrite(2) of the number and a line feed, where strtol ends: each reader sees the old or the new number,
//! also if more bytes follow. That needs no new inode, no space, and no permission for the folder. The descriptors are open
//! already, so no free one is needed either.

mod messages;
mod open_file;
mod place;

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

use self::messages::{Messages, Trouble};
use self::open_file::{Held, Mark, is_in_the_way, line};
pub use self::open_file::{Watched, check_writable, is_same, replace, value, watched, write_once};
use self::place::Place;
pub use self::place::{Lost, unseen};

/// How often the modification time is set, which shows `--status` that the watch is alive.
pub const BEAT: Duration = Duration::from_secs(1);
/// The reasons why a new file cannot be filled. Without a file no watch begins.
const FULL: [Errno; 3] = [Errno::ENOSPC, Errno::EDQUOT, Errno::EFBIG];

/// The file, its lock and its trouble.
#[derive(Debug)]
pub struct TrackFile {
    path: PathBuf,
    held: Option<Held>,
    /// The value that was written last. `None`: unknown.
    value: Option<i16>,
    /// The place of the file. `None`: the folder did not exist.
    place: Option<Place>,
    /// The way in which keepalived lost the file. It stays until a reload of the watch: only an operator knows when it ends.
    lost: Option<Lost>,
    /// When the modification time was set.
    beaten: Option<Duration>,
    /// The reason why the file has the wrong value.
    wrong: Trouble,
    /// The reason why the modification time cannot be set: the next write would fail, too.
    frozen: Trouble,
    /// The reason why the file is not locked.
    unlocked: Trouble,
    messages: Messages,
}

/// The reason why a file cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Something else exists there.
    NotRegular,
    /// It holds something that is not a number.
    NotANumber,
    /// Another watch has the lock.
    Locked,
    /// It is not the file that the program before the reload kept.
    NotHandedOver,
    /// A system call failed, perhaps temporarily.
    System(Errno),
    /// Its content cannot be read.
    Unread(Errno),
    /// It was written, but there is no descriptor whose close(2) would notify keepalived.
    NotNotified(Errno),
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
            Self::System(errno) | Self::Unread(errno) | Self::NotNotified(errno) => {
                return ErrnoText(*errno).fmt(f);
            }
        })
    }
}

impl TrackFile {
    /// Opens or makes the file and locks it. Returns the number in it, too. A temporary obstacle, such as a folder that does not
    /// exist, is left to [`TrackFile::ensure_value`].
    ///
    /// # Errors
    /// Returns why no watch can begin with this file. Then a file that was handed over says `down`, unless another watch keeps it.
    pub fn open(
        path: &Path,
        handed_over: Option<File>,
        down: i16,
    ) -> Result<(Self, Option<i64>), Unfit> {
        let mut file = Self {
            path: path.to_owned(),
            held: None,
            value: None,
            place: Place::of(path).ok(),
            lost: None,
            beaten: None,
            wrong: Trouble::default(),
            frozen: Trouble::default(),
            unlocked: Trouble::default(),
            messages: Messages::default(),
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
            None => (value(path)?, Held::open(path, down)),
        };
        let mut held = match held {
            Err(Unfit::System(errno)) if !FULL.contains(&errno) => return Ok((file, found)),
            held => held?,
        };
        held.lock(None)?;
        // The value that it holds need not be written.
        let mark = held.mark;
        held.fresh = Some(Duration::ZERO);
        let says = |value: &i16| held.says(*value, &mark, Duration::ZERO).unwrap_or(false);
        file.value = found.and_then(|found| found.try_into().ok()).filter(says);
        file.held = Some(held);
        file.check_place(Duration::ZERO);
        if file.place.as_ref().is_some_and(Place::is_unknown) {
            let path = path.display();
            let text =
                format!("/proc does not show the mount of {path}: its changes may go unnoticed");
            file.messages.say(&text, Duration::ZERO);
        }
        Ok((file, found))
    }

    /// Makes sure that the file holds this value, and that its modification time is of this second.
    pub fn ensure_value(&mut self, value: i16, now: Duration) {
        self.beat(now);
        let kept = self.try_ensure(value, now);
        let path = self.path.display();
        let wrong = kept.err().map(|why| match why {
            Unfit::Unread(_) => format!("{path} cannot be read: {why}"),
            _ => format!("{path} cannot be written: {why}"),
        });
        let again = || format!("{path} is written again: it says {value}");
        self.wrong.update(wrong, again, now, &mut self.messages);
        let is_read_locked = self.held.as_ref().is_some_and(|held| held.is_read_locked);
        let unlocked = is_read_locked.then(|| {
            format!("another process has a lock on {path}: a second watch would not be refused")
        });
        let again = || format!("{path} is locked: a second watch is refused again");
        self.unlocked
            .update(unlocked, again, now, &mut self.messages);
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
        let again = || format!("{path} can be changed again");
        self.frozen.update(frozen, again, now, &mut self.messages);
        self.check_place(now);
    }

    fn try_ensure(&mut self, value: i16, now: Duration) -> Result<(), Unfit> {
        let found = fs::symlink_metadata(&self.path).map(|found| Mark::of(&found));
        let is_it = |held: &&mut Held| match &found {
            Ok(found) => found.id == held.mark.id,
            // Without an answer the open file is the best choice.
            Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        };
        let Some(held) = self.held.as_mut().filter(is_it) else {
            return self.reopen_and_write(value, now);
        };
        held.lock(self.lost)?;
        if self.value == Some(value) && held.says(value, &found?, now)? {
            return Ok(());
        }
        held.refill(value, &self.path)?;
        let was = self.value.take();
        if let Err(why) = held.write(value, &self.path, now) {
            // The last way to notify keepalived: all descriptors are closed.
            self.held = self
                .held
                .take()
                .filter(|_| !matches!(why, Unfit::NotNotified(_)));
            return Err(why);
        }
        self.value = Some(value);
        if was == Some(value) {
            self.warn_changed(value, now);
        } else {
            self.check_place(now);
        }
        Ok(())
    }

    /// Opens the file that is at the path now, which may not exist, and writes to it.
    fn reopen_and_write(&mut self, value: i16, now: Duration) -> Result<(), Unfit> {
        let opened = Held::open(&self.path, value);
        let mut held = match opened {
            // A symbolic link or a FIFO that was put there, or a file that keepalived's init_file created as root.
            Err(why)
                if why == Unfit::System(Errno::EACCES)
                    || self.place.is_some() && is_in_the_way(&self.path) =>
            {
                Held::new(replace(&self.path, line(value).as_bytes())?, &self.path)?
            }
            opened => opened?,
        };
        held.lock(self.lost)?;
        held.refill(value, &self.path)?;
        held.write(value, &self.path, now)?;
        // The old file is closed after that. If its folder was moved, this notifies keepalived once more.
        self.held = Some(held);
        let had = self.value.replace(value);
        self.check_place(now);
        if self.lost.is_none() && had == Some(value) {
            self.warn_changed(value, now);
        }
        Ok(())
    }

    /// Reports once that keepalived may have lost the file.
    fn check_place(&mut self, now: Duration) {
        if self.lost.is_some() {
            return;
        }
        self.lost = match (&self.place, Place::of(&self.path)) {
            (Some(old), Ok(new)) => old.lost_at(&new),
            // keepalived ignores a file whose folder did not exist.
            (None, Ok(_)) => Some(Lost::Folder),
            (_, Err(_)) => None,
        };
        if let Some(lost) = self.lost {
            self.messages.say(&unseen(&self.path, lost), now);
            self.held.iter().for_each(|held| held.mark_unseen(lost));
        }
    }

    fn warn_changed(&mut self, value: i16, now: Duration) {
        let path = self.path.display();
        let text = format!("another process changed {path}; it says {value} again");
        self.messages.say(&text, now);
    }

    /// True if the file says what it should.
    pub fn is_right(&self) -> bool {
        self.wrong.now.is_none()
    }

    /// True if keepalived may not see the file.
    pub fn is_unseen(&self) -> bool {
        self.lost.is_some()
    }

    /// Returns the trouble with the file.
    pub fn trouble(&self) -> Option<String> {
        let written = self.wrong.now.as_deref();
        let written = written.or(self.frozen.now.as_deref());
        let unseen = self.lost.map(|lost| unseen(&self.path, lost));
        let all: Vec<&str> = written.into_iter().chain(unseen.as_deref()).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// Returns the messages about the file since the last call.
    pub fn news(&mut self) -> Vec<String> {
        self.messages.take()
    }

    /// Returns the descriptor that has the lock.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.held.as_ref().map(|held| held.file.as_fd())
    }

    /// Returns the first folder in the path to which users other than root and this one can write.
    pub fn insecure_folder(&self) -> Option<PathBuf> {
        folders::insecure_folder(&self.path, nix::unistd::geteuid().as_raw())
    }
}

#[cfg(test)]
mod tests;
