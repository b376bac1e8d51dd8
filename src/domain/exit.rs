//! Exit codes. No other file has their numbers.
//!
//! Every failure is 1 by default. keepalived's `vrrp_script` treats any other number as a failure, too, but a `MISC_CHECK`
//! with `misc_dynamic` treats 2 to 255 as *up* with the weight code - 2 (keepalived's check_misc.c).

use super::verdict::Verdict;

/// The result of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitReason {
    /// The verdict of a check.
    Verdict(Verdict),
    /// The command line was wrong, so no target was checked.
    Usage,
    /// The command is complete: it printed help or a whole list, or found no problem.
    Done,
    /// A search is complete and found nothing.
    NothingFound,
    /// The command failed, or found a problem.
    Failed,
    /// There is no problem, but a check is failing right now.
    Failing,
}

/// A set of exit codes: `--exit-codes`, and [`ExitCodes::Search`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ExitCodes {
    /// 0 or 1, which keepalived cannot misread.
    #[default]
    Keepalived,
    /// 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (Monitoring Plugins Development Guidelines, "Plugin Return
    /// Codes").
    Nagios,
    /// A different code for each verdict.
    Distinct,
    /// 0 found, 1 nothing found, 2 an error, as for grep(1). `listenup list` uses it.
    Search,
}

/// The result that "could not tell" counts as in the keepalived set: `--on-unknown`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnUnknown {
    /// Like "not listening".
    #[default]
    Down,
    /// Like "listening".
    Up,
}

impl ExitReason {
    /// Returns the exit code.
    pub const fn code(self, codes: ExitCodes, on_unknown: OnUnknown) -> u8 {
        let unknown = match on_unknown {
            OnUnknown::Down => 1,
            OnUnknown::Up => 0,
        };
        let [keepalived, nagios, distinct, search] = match self {
            Self::Done | Self::Verdict(Verdict::Listening | Verdict::Absent) => [0, 0, 0, 0],
            Self::Verdict(Verdict::NotListening | Verdict::Present) => [1, 2, 1, 1],
            Self::NothingFound => [1, 2, 1, 1],
            Self::Verdict(Verdict::QueueTooLong) => [1, 1, 4, 1],
            Self::Verdict(Verdict::WrongOwner) => [1, 2, 5, 1],
            Self::Verdict(Verdict::CouldNotTell) => [unknown, 3, 3, 2],
            Self::Usage | Self::Failed => [1, 3, 1, 2],
            // Only `doctor` has it, which keepalived does not run.
            Self::Failing => [3, 3, 3, 3],
        };
        match codes {
            ExitCodes::Keepalived => keepalived,
            ExitCodes::Nagios => nagios,
            ExitCodes::Distinct => distinct,
            ExitCodes::Search => search,
        }
    }
}

/// The result of a run, with the set of exit codes for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitStatus {
    /// The result.
    pub reason: ExitReason,
    /// The set of exit codes.
    pub codes: ExitCodes,
    /// The result that "could not tell" counts as.
    pub on_unknown: OnUnknown,
}

impl ExitStatus {
    /// Returns the status of a subcommand without `--exit-codes`: 0, or 1 for a failure. `doctor` also has 3, for
    /// [`ExitReason::Failing`].
    pub fn plain(reason: ExitReason) -> Self {
        Self {
            reason,
            codes: ExitCodes::Keepalived,
            on_unknown: OnUnknown::Down,
        }
    }

    /// Returns the status of a search.
    pub fn for_list(reason: ExitReason) -> Self {
        Self {
            codes: ExitCodes::Search,
            ..Self::plain(reason)
        }
    }

    /// Returns the exit code.
    pub fn code(self) -> u8 {
        self.reason.code(self.codes, self.on_unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_depends_on_the_chosen_set() {
        let status = |codes, on_unknown| {
            let reason = ExitReason::Verdict(Verdict::CouldNotTell);
            let status = ExitStatus {
                reason,
                codes,
                on_unknown,
            };
            status.code()
        };
        assert_eq!(status(ExitCodes::Keepalived, OnUnknown::Down), 1);
        assert_eq!(status(ExitCodes::Keepalived, OnUnknown::Up), 0);
        assert_eq!(status(ExitCodes::Nagios, OnUnknown::Up), 3);
        let plain = [ExitReason::Done, ExitReason::Failed, ExitReason::Failing];
        assert_eq!(
            plain.map(|reason| ExitStatus::plain(reason).code()),
            [0, 1, 3]
        );
        let search = [
            ExitReason::Done,
            ExitReason::NothingFound,
            ExitReason::Failed,
            ExitReason::Usage,
        ];
        let search = search.map(|reason| ExitStatus::for_list(reason).code());
        assert_eq!(search, [0, 1, 2, 2]);
    }

    #[test]
    fn exit_codes_match_the_table_of_the_help() {
        for (exit, numbers) in [
            (ExitReason::Verdict(Verdict::Listening), [0, 0, 0]),
            (ExitReason::Verdict(Verdict::Absent), [0, 0, 0]),
            (ExitReason::Verdict(Verdict::NotListening), [1, 2, 1]),
            (ExitReason::Verdict(Verdict::Present), [1, 2, 1]),
            (ExitReason::Verdict(Verdict::QueueTooLong), [1, 1, 4]),
            (ExitReason::Verdict(Verdict::WrongOwner), [1, 2, 5]),
            (ExitReason::Verdict(Verdict::CouldNotTell), [1, 3, 3]),
            (ExitReason::Usage, [1, 3, 1]),
            (ExitReason::Failed, [1, 3, 1]),
            (ExitReason::Done, [0, 0, 0]),
        ] {
            let sets = [
                ExitCodes::Keepalived,
                ExitCodes::Nagios,
                ExitCodes::Distinct,
            ];
            for on_unknown in [OnUnknown::Down, OnUnknown::Up] {
                let mut numbers = numbers;
                if (exit, on_unknown) == (ExitReason::Verdict(Verdict::CouldNotTell), OnUnknown::Up)
                {
                    numbers[0] = 0;
                }
                assert_eq!(
                    sets.map(|codes| exit.code(codes, on_unknown)),
                    numbers,
                    "{exit:?}"
                );
            }
        }
    }
}
