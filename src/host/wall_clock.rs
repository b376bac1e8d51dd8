//! The local time of day, as in keepalived's log.

use std::mem::MaybeUninit;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::libc;

/// A moment of the machine's wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallTime(SystemTime);

impl WallTime {
    /// This moment.
    pub fn now() -> Self {
        Self(SystemTime::now())
    }

    /// A moment earlier by this time.
    pub fn before(self, time: Duration) -> Self {
        Self(self.0.checked_sub(time).unwrap_or(UNIX_EPOCH))
    }

    /// A moment later by this time.
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.checked_add(time).unwrap_or(self.0))
    }

    /// Formats the time of day, such as `12:03:44`.
    pub fn time_of_day(self) -> String {
        let time = self.local();
        format!("{:02}:{:02}:{:02}", time.tm_hour, time.tm_min, time.tm_sec)
    }

    /// Formats the moment as RFC 3339 does, such as `2024-01-02T12:03:44+01:00`.
    pub fn rfc3339(self) -> String {
        let time = self.local();
        let minutes = time.tm_gmtoff / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        let minutes = minutes.unsigned_abs();
        format!(
            "{:04}-{:02}-{:02}T{}{sign}{:02}:{:02}",
            i64::from(time.tm_year) + 1900,
            time.tm_mon + 1,
            time.tm_mday,
            self.time_of_day(),
            minutes / 60,
            minutes % 60,
        )
    }

    fn local(self) -> libc::tm {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        // Its type depends on the C library.
        let seconds = since.as_secs().try_into().unwrap_or_default();
        let mut time = MaybeUninit::<libc::tm>::zeroed();
        // SAFETY: both pointers are valid for the function, for as long as it runs. All zeros, which is what it leaves
        // where it fails, is a struct tm.
        unsafe {
            libc::localtime_r(&raw const seconds, time.as_mut_ptr());
            time.assume_init()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_formatted_as_date_does() {
        let moment = WallTime(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        let date = |format: &str| {
            let words = ["-d", "@1700000000", format];
            let said = std::process::Command::new("date").args(words).output();
            String::from_utf8(said.unwrap().stdout)
                .unwrap()
                .trim()
                .to_owned()
        };
        assert_eq!(moment.time_of_day(), date("+%H:%M:%S"));
        assert_eq!(moment.rfc3339(), date("+%Y-%m-%dT%H:%M:%S%:z"));
        assert_eq!(
            moment
                .before(Duration::from_secs(60))
                .after(Duration::from_secs(60))
                .time_of_day(),
            moment.time_of_day()
        );
    }
}
