//! `listenup watch`: the verdict of `check`, kept in a file that keepalived tracks.
//!
//! The kernel's event that a listener is gone is a reason to look, and so is the time since the last look. The watch fails
//! shut: the file says down until the first verdict, after the end, and if the state of the targets is not certain. While
//! the file cannot be written, the service manager's watchdog is not fed.
//!
//! | module | subject |
//! |---|---|
//! | [`track_file`] | the file, and the trouble with it |
//! | [`looks`] | when and where to look, and the cost |
//! | [`state`] | from verdicts to up and down |
//! | [`pulse`], [`systemd`] | signals, the service manager and the hard time limit, also during a look |
//! | [`reload`], [`status`] | SIGHUP and `--check-options`; `--status` |
//! | [`report`], [`metrics`] | messages, and the state for Prometheus |

mod looks;
mod metrics;
mod pulse;
mod reload;
mod report;
mod state;
mod status;
mod systemd;
mod track_file;

use std::cell::RefCell;
use std::fs::File;
use std::time::Duration;

use tracing::debug;

use self::looks::Looks;
use self::metrics::Metrics;
use self::pulse::Pulse;
use self::reload::{Program, Trial};
use self::report::{Report, Reporter};
use self::state::{Debouncer, History, State};
use self::track_file::{TrackFile, Unfit};
use super::checker::{self, Checker, check_result};
use crate::cli::{CheckOptions, Errand, Initial, WatchOptions};
use crate::clock::{Clock, Deadline, HumanDuration, SystemClock};
use crate::domain::{ExitCodes, ExitReason, ExitStatus, SetupError, Verdict};
use crate::engine::Outcome;
use crate::errno::ErrnoText;
use crate::host::inherited;
use crate::log;
use crate::report::CheckResult;
use crate::report::writer::{self, Wait};

/// How much longer than `--timeout` a look can hang before the hard time limit ends the watch.
const GRACE: Duration = Duration::from_secs(2);
/// The longest look of `--check-options`.
const TRIAL: Duration = Duration::from_secs(1);

/// Runs a watch, or the other task that the options name. Returns how to exit.
pub fn run(options: &WatchOptions) -> ExitStatus {
    let reporter = Reporter::new(options);
    let done = match options.errand {
        Errand::Status => return status::run(options),
        Errand::CheckOptions => check_options(options),
        Errand::Watch => {
            inherited::close_inherited(options.reloaded);
            Watch::begin(options, &reporter).map(Watch::run)
        }
    };
    done.unwrap_or_else(|(why, status)| {
        reporter.trouble(&why);
        status
    })
}

/// The reason why a watch cannot begin, and the exit status.
type StartError = (String, ExitStatus);

/// Returns an error of wrong options: systemd does not start the watch again.
fn start_error(why: String) -> StartError {
    (why, ExitStatus::plain(ExitReason::Failed))
}

/// Returns the status of an end in trouble: 3, so that it differs from wrong options.
fn ended_in_trouble() -> ExitStatus {
    ExitStatus {
        codes: ExitCodes::Nagios,
        ..ExitStatus::plain(ExitReason::Failed)
    }
}

/// `--check-options`: checks everything that could stop a watch from starting, or from becoming ready.
fn check_options(options: &WatchOptions) -> Result<ExitStatus, StartError> {
    let unfit = |why| start_error(format!("{}: {why}", options.track_file.display()));
    track_file::value(&options.track_file).map_err(unfit)?;
    match options.reloaded {
        Some(fd) => {
            let file = inherited::adopt(fd).map_err(|_| unfit(Unfit::NotHandedOver))?;
            if !track_file::is_same(&file.into(), &options.track_file) {
                return Err(unfit(Unfit::NotHandedOver));
            }
        }
        None => track_file::check_writable(&options.track_file).map_err(|why| {
            let path = options.track_file.display();
            start_error(format!("{path} cannot be written: {why}"))
        })?,
    }
    let clock = SystemClock::start();
    let deadline = Deadline::new(&clock, options.check.timing.timeout.min(TRIAL));
    let mut timing = options.check.timing;
    timing.retry_for = Duration::ZERO;
    let checked = Checker::in_netns(&options.check);
    match checked.and_then(|mut checker| checker.check_with(timing, deadline)) {
        Err(SetupError::NoSuch(what)) => Err(start_error(what)),
        // A look can fail for a moment.
        Err(SetupError::Unknown(_)) | Ok(_) => {
            if options.reloaded.is_some() {
                // If it is lost, there is no reload.
                let _ = writer::stdout(reload::ANSWER, Wait::Always);
            }
            Ok(ExitStatus::plain(ExitReason::Done))
        }
    }
}

/// Returns the state that an outcome stands for.
fn state_of(options: &CheckOptions, outcome: &Outcome) -> State {
    let answers = outcome.answers.iter().map(|(_, answer)| answer);
    let verdict = Verdict::of(answers, options.needed, options.wanted);
    let status = checker::exit_status(options, ExitReason::Verdict(verdict));
    State::of(status.code().into())
}

struct Watch<'a> {
    options: &'a WatchOptions,
    reporter: &'a Reporter<'a>,
    pulse: Pulse,
    file: TrackFile,
    looks: Looks<'a>,
    debouncer: Debouncer,
    history: History,
    last: Option<CheckResult>,
    metrics: RefCell<Option<Metrics>>,
    program: Program,
    trial: Option<Trial>,
    /// The trouble with the file in the last report.
    trouble: Option<String>,
    /// When the service manager and the metrics got the last report.
    reported: Duration,
}

impl<'a> Watch<'a> {
    /// Opens the file, which says down from now on unless its value is kept.
    fn begin(options: &'a WatchOptions, reporter: &'a Reporter<'a>) -> Result<Self, StartError> {
        let unfit = |why| {
            let text = format!("{}: {why}", options.track_file.display());
            match why {
                // The file system is full. systemd tries again.
                Unfit::System(_) => (text, ended_in_trouble()),
                _ => start_error(text),
            }
        };
        // Before the file is opened, so that no signal can end the start with 0 in it.
        let pulse = Pulse::new();
        let handed_over = options.reloaded.map(inherited::adopt).transpose();
        let handed_over = handed_over.map_err(|_| unfit(Unfit::NotHandedOver))?;
        let is_kept = handed_over.is_some() || options.initial == Initial::Keep;
        let (path, down) = (&options.track_file, options.down_value);
        let handed_over = handed_over.map(File::from);
        let (mut file, found) = TrackFile::open(path, handed_over, down).map_err(unfit)?;
        let before = found.filter(|_| is_kept).map(State::of);
        if before.is_none() {
            file.ensure_value(options.down_value, Duration::ZERO);
        }
        let pulse = pulse.map_err(|errno| {
            file.ensure_value(options.down_value, Duration::ZERO);
            let why = ErrnoText(errno);
            (
                format!("signals cannot be waited for: {why}"),
                ended_in_trouble(),
            )
        })?;
        let limit = options.check.timing.timeout + GRACE;
        let code = ended_in_trouble().code();
        if let Err(error) = pulse.start_hard_timeout(limit, path, down, code) {
            let why = ErrnoText::from(&error);
            reporter.trouble(&format!(
                "a system call that does not return cannot be ended: no thread: {why}"
            ));
        }
        if let Some(folder) = file.insecure_folder() {
            let folder = folder.display();
            reporter.trouble(&format!(
                "users other than root can write to {folder}, and can move the address"
            ));
        }
        let metrics = options.metrics.as_ref();
        let metrics = metrics.map(|path| Metrics::new(path, &options.track_file));
        let mut watch = Self {
            options,
            reporter,
            pulse,
            file,
            looks: Looks::new(&options.check, options.every),
            debouncer: Debouncer::new(options.rise, options.fall, before),
            history: History::new(),
            last: None,
            metrics: RefCell::new(metrics),
            program: Program::of(&options.line),
            trial: None,
            trouble: None,
            reported: Duration::ZERO,
        };
        watch.update_file(None);
        Ok(watch)
    }

    /// Watches until a signal ends it.
    fn run(mut self) -> ExitStatus {
        self.look(None);
        self.pulse.systemd().ready();
        loop {
            let pending = self.debouncer.next_change_in(self.pulse.now());
            let (event, is_due) = self.looks.wait(&self.pulse, pending);
            let asked = self.pulse.asked();
            if asked.end {
                return self.end();
            }
            if is_due {
                self.look(event);
            } else {
                self.update_file(None);
            }
            if let Some(report) = self.report(None).filter(|_| asked.state) {
                self.reporter.state(&report);
            }
            if asked.reload {
                self.begin_reload();
            }
            self.go_on_with_reload();
        }
    }

    fn look(&mut self, event: Option<Duration>) {
        let begun = self.pulse.now();
        let (check, state) = (&self.options.check, self.debouncer.state());
        let is_steady = |outcome: &Outcome| Some(state_of(check, outcome)) == state;
        let outcome = self.looks.look(&self.pulse, event.is_some(), is_steady);
        if self.pulse.is_ended() {
            return;
        }
        let checked = check_result(check, outcome);
        let verdict = State::of(checked.status.code().into());
        let now = self.pulse.now();
        let is_changed = self.debouncer.update(verdict, now);
        let is_first = self.last.is_none();
        if event.is_some() || !checked.verdict.is_healthy() {
            debug!("{}: {}", checked.verdict, checked.reason());
        }
        self.last = Some(checked);
        if is_changed && !is_first {
            self.history.changed(now);
        }
        self.update_file((is_changed || is_first).then_some(event));
        // At the end, since writing it takes time.
        if let Some(at) = event {
            let since = HumanDuration(begun.saturating_sub(at));
            debug!("that look began {since} after the event");
        }
    }

    /// Makes the file say what it should, and reports. `changed` is a new state with the event that was the reason.
    fn update_file(&mut self, changed: Option<Option<Duration>>) {
        let now = self.pulse.now();
        self.file.ensure_value(self.value(), now);
        let since_event = changed
            .flatten()
            .map(|at| self.pulse.now().saturating_sub(at));
        self.pulse.systemd().is_file_right = self.file.is_right();
        let news = self.file.news();
        for text in news.iter().chain(&self.looks.news()) {
            self.reporter.trouble(text);
        }
        let trouble = self.file.trouble();
        let is_new = changed.is_some() || trouble != self.trouble;
        if !is_new && now.saturating_sub(self.reported) < track_file::BEAT {
            return;
        }
        self.reported = now;
        self.trouble = trouble;
        self.history.forget(now);
        let Some(report) = self.report(since_event) else {
            return;
        };
        match changed {
            Some(_) => self.reporter.changed(&report),
            None if is_new => self.reporter.file_changed(&report),
            None => {}
        }
        self.pulse.systemd().status(&report.status());
        let mut metrics = self.metrics.borrow_mut();
        let metrics = metrics.as_mut();
        let trouble = metrics.and_then(|metrics| metrics.update(&report, &self.looks, now, is_new));
        trouble.iter().for_each(|text| self.reporter.trouble(text));
    }

    fn report(&self, since_event: Option<Duration>) -> Option<Report<'_>> {
        Some(Report {
            state: self.debouncer.state()?,
            value: self.value(),
            checked: self.last.as_ref()?,
            since_event,
            history: &self.history,
            trouble: self.file.trouble(),
            is_file_right: self.file.is_right(),
        })
    }

    fn value(&self) -> i16 {
        match self.debouncer.state() {
            Some(State::Up) => 0,
            Some(State::Down) | None => self.options.down_value,
        }
    }

    fn begin_reload(&mut self) {
        let now = self.pulse.now();
        self.pulse.systemd().reloading();
        // The program on disk must begin in the same namespace as this one.
        self.looks.go_home();
        let trial = match self.file.fd() {
            Some(file) => self.program.start_trial(file, now),
            None => Err(self.file.trouble().unwrap_or("there is no file".to_owned())),
        };
        match trial {
            Ok(trial) => self.trial = Some(trial),
            Err(why) => self.no_reload(&why),
        }
    }

    fn go_on_with_reload(&mut self) {
        let now = self.pulse.now();
        let Some(result) = self.trial.as_mut().and_then(|trial| trial.result(now)) else {
            return;
        };
        self.trial = None;
        reload::reap();
        let executed = result.and_then(|()| {
            self.looks.go_home();
            let file = self.file.fd().ok_or("there is no file")?;
            self.program.execute(file).map(drop)
        });
        if let Err(why) = executed {
            self.no_reload(&why);
        }
    }

    fn no_reload(&mut self, why: &str) {
        self.reporter.trouble(&format!(
            "reload failed, the watch goes on as before: {why}"
        ));
        self.pulse.systemd().ready();
    }

    fn end(mut self) -> ExitStatus {
        self.pulse.systemd().stopping();
        let (down, now) = (self.options.down_value, self.pulse.now());
        self.file.ensure_value(down, now);
        for text in self.file.news() {
            self.reporter.trouble(&text);
        }
        let report = self.report(None).map(|report| Report {
            state: State::Down,
            ..report
        });
        if let (Some(metrics), Some(report)) = (self.metrics.borrow_mut().as_mut(), report) {
            let trouble = metrics.update(&report, &self.looks, now, true);
            trouble.iter().for_each(|text| self.reporter.trouble(text));
        }
        log::verbose::flush(Wait::No);
        let is_well = self.file.is_right() && !self.file.is_unseen() && !self.pulse.has_hung();
        match is_well {
            true => ExitStatus::plain(ExitReason::Done),
            false => ended_in_trouble(),
        }
    }
}
