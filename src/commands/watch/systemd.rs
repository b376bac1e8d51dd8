//! What systemd is told (sd_notify(3)). Without NOTIFY_SOCKET nobody is.

use std::time::Duration;

use sd_notify::{NotifyState, notify, watchdog_enabled};

/// The service manager.
#[derive(Debug)]
pub struct Systemd {
    /// How often it wants to hear that looks are completed. `None`: it does not.
    watchdog: Option<Duration>,
    fed: Option<Duration>,
}

impl Systemd {
    /// As the environment has it (WATCHDOG_USEC).
    pub fn new() -> Self {
        let mut micros = 0;
        let enabled = watchdog_enabled(false, &mut micros);
        Self {
            watchdog: enabled.then(|| Duration::from_micros(micros)),
            fed: None,
        }
    }

    /// How often it wants to hear.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// There is a first verdict.
    pub fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// What `systemctl status` shows.
    pub fn status(&self, status: &str) {
        tell(&[NotifyState::Status(status)]);
    }

    /// A look was completed at this moment. It is told four times as often as it must be.
    pub fn looked(&mut self, now: Duration) {
        let Some(watchdog) = self.watchdog else {
            return;
        };
        let is_due = |fed| now.saturating_sub(fed) >= watchdog / 4;
        if self.fed.is_none_or(is_due) {
            tell(&[NotifyState::Watchdog]);
            self.fed = Some(now);
        }
    }

    /// The end has begun.
    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }
}

fn tell(what: &[NotifyState<'_>]) {
    // A manager that does not listen is no reason to end.
    let _ = notify(false, what);
}
