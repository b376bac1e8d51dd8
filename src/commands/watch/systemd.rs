//! What systemd is told (sd_notify(3)). Without NOTIFY_SOCKET nobody is.
//!
//! Not by crate sd-notify: it waits while the manager's socket is full, and whoever does not read must not keep
//! the file from its value. What cannot be sent at once is lost.

use std::env;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, sendto, socket};

/// The service manager.
#[derive(Debug)]
pub struct Systemd {
    /// How often it wants to hear that looks are completed. `None`: it does not.
    watchdog: Option<Duration>,
    fed: Option<Duration>,
}

impl Systemd {
    /// As the environment has it (WATCHDOG_USEC, WATCHDOG_PID).
    pub fn new() -> Self {
        let number = |name| env::var(name).ok()?.parse::<u64>().ok();
        let is_own = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        // 0 is none (sd_watchdog_enabled(3)).
        let watchdog = number("WATCHDOG_USEC").filter(|usec| is_own && *usec > 0);
        Self {
            watchdog: watchdog.map(Duration::from_micros),
            fed: None,
        }
    }

    /// How often it wants to hear.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// There is a first verdict.
    pub fn ready(&self) {
        tell("READY=1");
    }

    /// What `systemctl status` shows, on one line.
    pub fn status(&self, status: &str) {
        tell(&format!("STATUS={}", status.replace('\n', " ")));
    }

    /// A look was completed at this moment. It is told four times as often as it must be.
    pub fn looked(&mut self, now: Duration) {
        let Some(watchdog) = self.watchdog else {
            return;
        };
        let is_due = |fed| now.saturating_sub(fed) >= watchdog / 4;
        if self.fed.is_none_or(is_due) {
            tell("WATCHDOG=1");
            self.fed = Some(now);
        }
    }

    /// The end has begun.
    pub fn stopping(&self) {
        tell("STOPPING=1");
    }
}

fn tell(what: &str) {
    // A manager that does not listen is no reason to end.
    let _ = send(what);
}

fn send(what: &str) -> Result<(), Errno> {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else {
        return Ok(());
    };
    let address = match path.as_bytes() {
        [b'@', name @ ..] => UnixAddr::new_abstract(name)?,
        _ => UnixAddr::new(path.as_os_str())?,
    };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
    let flags = MsgFlags::MSG_NOSIGNAL;
    sendto(socket.as_raw_fd(), what.as_bytes(), &address, flags).map(drop)
}
