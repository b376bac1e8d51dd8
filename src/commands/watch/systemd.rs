//! Messages to systemd (sd_notify(3)), if NOTIFY_SOCKET names its socket.
//!
//! The crate sd-notify waits while that socket is full, and the file would wait, too. Here a message that does not fit is sent
//! again at the next beat.

use std::env;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, sendto, socket};
use rustix::time::{ClockId, clock_gettime};

use crate::untrusted::text::printable;

/// The longest start, if the file says what it should: a first look can take longer.
const READY_AFTER: Duration = Duration::from_secs(1);

/// The most characters of a status: systemd ignores a message of more than 4,096 bytes, with all that is in it.
const LONGEST_STATUS: usize = 900;

/// The shortest time between two beats.
const SHORTEST_BEAT: Duration = Duration::from_millis(1);

/// The connection to systemd, and the messages that were not sent yet.
#[derive(Debug)]
pub struct Systemd {
    address: Option<UnixAddr>,
    socket: Option<OwnedFd>,
    watchdog: Option<Duration>,
    fed: Option<Duration>,
    /// True if the file says what it should. Otherwise the watchdog is not fed.
    pub is_file_right: bool,
    /// From when on READY=1 is sent, once the file is right. `None`: it was sent.
    ready_at: Option<Duration>,
    unsent: String,
    status: String,
    is_status_sent: bool,
}

impl Systemd {
    /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    pub fn new() -> Self {
        let number = |name| env::var(name).ok()?.parse::<u64>().ok();
        let is_own = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        // 0 means that there is no watchdog (sd_watchdog_enabled(3)).
        let watchdog = number("WATCHDOG_USEC").filter(|usec| is_own && *usec > 0);
        let path = env::var_os("NOTIFY_SOCKET");
        let address = path.and_then(|path| match path.as_bytes() {
            [b'@', name @ ..] => UnixAddr::new_abstract(name).ok(),
            _ => UnixAddr::new(path.as_os_str()).ok(),
        });
        let mut systemd = Self {
            address,
            socket: None,
            watchdog: watchdog.map(Duration::from_micros),
            fed: None,
            is_file_right: false,
            ready_at: Some(READY_AFTER),
            unsent: String::new(),
            status: String::new(),
            is_status_sent: true,
        };
        // Now, since later there may be no descriptor left.
        systemd.open();
        systemd
    }

    /// Returns the longest time between two beats.
    pub fn beat_every(&self) -> Option<Duration> {
        let every = self.watchdog.map(|watchdog| watchdog / 4);
        every.map(|every| every.max(SHORTEST_BEAT))
    }

    /// Ends the start or the reload, once the file says what it should.
    pub fn ready(&mut self) {
        self.ready_at = self.ready_at.map(|_| Duration::ZERO);
    }

    /// Begins a reload.
    pub fn reloading(&mut self) {
        self.ready_at = Some(Duration::MAX);
        let monotonic = clock_gettime(ClockId::Monotonic);
        let usec = monotonic.tv_sec * 1_000_000 + monotonic.tv_nsec / 1_000;
        self.unsent += &format!("RELOADING=1\nMONOTONIC_USEC={usec}\n");
        self.send("");
    }

    /// Sets the line that `systemctl status` shows.
    pub fn status(&mut self, status: &str) {
        let mut status = printable(status);
        if let Some((end, _)) = status.char_indices().nth(LONGEST_STATUS) {
            status.truncate(end);
            status += "...";
        }
        if status != self.status {
            self.status = status;
            self.is_status_sent = false;
        }
    }

    /// Announces the end.
    pub fn stopping(&mut self) {
        self.unsent += "STOPPING=1\n";
        self.send("");
    }

    /// Sends the messages that were not sent yet, and feeds the watchdog four times as often as necessary.
    pub fn beat(&mut self, now: Duration) {
        if self.is_file_right && self.ready_at.is_some_and(|at| now >= at) {
            self.ready_at = None;
            self.unsent += "READY=1\n";
        }
        let is_hungry = |every| self.fed.is_none_or(|fed| now.saturating_sub(fed) >= every);
        let is_due = self.is_file_right && self.beat_every().is_some_and(is_hungry);
        let is_unsent = !self.unsent.is_empty() || !self.is_status_sent;
        if is_due && self.send("WATCHDOG=1\n") {
            self.fed = Some(now);
        } else if is_unsent {
            self.send("");
        }
    }

    /// Sends this together with the messages that were not sent yet. Returns true if that succeeded.
    fn send(&mut self, more: &str) -> bool {
        let status = match self.is_status_sent {
            true => String::new(),
            false => format!("STATUS={}\n", self.status),
        };
        let message = format!("{}{status}{more}", self.unsent);
        let sent = match (self.open(), &self.address) {
            (Some(socket), Some(address)) => {
                let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
                sendto(socket, message.trim_end().as_bytes(), address, flags).map(drop)
            }
            (None, Some(_)) => Err(Errno::EMFILE),
            _ => Ok(()),
        };
        if sent.is_ok() {
            self.unsent.clear();
            self.is_status_sent = true;
        }
        sent.is_ok()
    }

    fn open(&mut self) -> Option<i32> {
        if self.socket.is_none() && self.address.is_some() {
            let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
            self.socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None).ok();
        }
        self.socket.as_ref().map(AsRawFd::as_raw_fd)
    }
}
