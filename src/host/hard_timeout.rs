//! The last resort against a system call that does not return: a thread that ends the process.
//!
//! The waits of this program keep the time limit themselves. But the kernel has waits of its own: a file system that
//! does not answer, a module that it loads for the caller (for `--interface` and for sock_diag), a pipe that another
//! process fills between poll(2) and write(2). A handler of SIGALRM cannot end them: most of these waits end for a
//! fatal signal alone (TASK_KILLABLE), and a process that is killed by a signal cannot choose its exit code.
//! exit_group(2) in another thread ends them, too, and keeps the code.
//!
//! If there can be no second thread (a limit on processes, seccomp), alarm(2) ends the process: by a signal, which
//! keepalived counts as a failure, and later, since it counts whole seconds.
//!
//! No signal ends a wait in TASK_UNINTERRUPTIBLE, or the walk within one read of /proc; neither can this thread.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, Signal};
use tracing::debug;

use crate::clock::{HumanDuration, sleep};
use crate::domain::UnknownReason;
use crate::errno::ErrnoText;

/// The time that the run gets beyond its limit, since its own messages are better.
const GRACE: Duration = Duration::from_millis(20);
/// The time for the report, in milliseconds.
const REPORT_TIME: usize = 50;
/// Bytes of a thread's stack: enough for a report.
const STACK: usize = 128 * 1024;

/// The end of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The process exits with this code.
    Exit(u8),
    /// The run has no time limit any more.
    Free,
}

/// A run with a hard time limit. The run or the timeout thread, whichever finishes first, decides the exit code.
#[derive(Debug)]
pub struct HardTimeout(Arc<OnceLock<Ending>>);

impl HardTimeout {
    /// Starts the thread: soon after the limit the process has ended. If the exit code is not decided by then, the thread
    /// runs `report`, and the code is `undecided`.
    pub fn start(limit: Duration, undecided: u8, report: impl FnOnce() + Send + 'static) -> Self {
        let hard_timeout = Self(Arc::new(OnceLock::new()));
        let end = Arc::clone(&hard_timeout.0);
        let thread = spawn(move || {
            sleep(limit.saturating_add(GRACE));
            if end.set(Ending::Exit(undecided)).is_ok() {
                report_on_thread(report);
            }
            if let Some(Ending::Exit(code)) = end.get() {
                exit(*code);
            }
        });
        if let Err(errno) = thread {
            let why = ErrnoText(errno);
            debug!("no thread: {why}; SIGALRM will end a system call that does not return");
            set_alarm(limit.saturating_add(GRACE));
        }
        hard_timeout
    }

    /// Sets the exit code of the run; its reports can take until the limit.
    pub fn set_exit_code(&self, code: u8) {
        self.end(Ending::Exit(code));
    }

    /// Ends the time limit.
    pub fn disarm(self) {
        self.end(Ending::Free);
        // SAFETY: alarm(2) takes a number and touches no memory; 0 takes an alarm back.
        unsafe { libc::alarm(0) };
    }

    fn end(&self, end: Ending) {
        while self.0.set(end).is_err() {
            // The other thread is already reporting, and will exit the process.
            sleep(Duration::MAX);
        }
    }
}

/// Makes SIGALRM end the process after this time, also if this process inherited that signal as ignored or blocked.
fn set_alarm(after: Duration) {
    let seconds = after
        .as_secs()
        .saturating_add(1)
        .try_into()
        .unwrap_or(u32::MAX);
    // SAFETY: SIG_DFL runs no code of this program, and alarm(2) takes a number.
    unsafe {
        libc::signal(libc::SIGALRM, libc::SIG_DFL);
        libc::alarm(seconds);
    }
    // Unblocking a signal that exists cannot fail.
    let alarm: SigSet = [Signal::SIGALRM].into_iter().collect();
    let _ = alarm.thread_unblock();
}

/// Reports on a thread of its own, since the report can get stuck like the run.
fn report_on_thread(report: impl FnOnce() + Send + 'static) {
    let reported = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&reported);
    let thread = spawn(move || {
        report();
        done.store(true, Ordering::Relaxed);
    });
    let is_unfinished = || thread.is_ok() && !reported.load(Ordering::Relaxed);
    for _ in (0..REPORT_TIME).take_while(|_| is_unfinished()) {
        sleep(Duration::from_millis(1));
    }
}

type Work = Box<dyn FnOnce() + Send>;

/// Starts a thread without std. A thread of std allocates memory first, for which the C library makes another heap, and
/// every check would pay for that.
///
/// # Errors
/// Returns an error if there can be no thread: a limit on processes or memory, seccomp.
fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), Errno> {
    extern "C" fn run(work: *mut c_void) -> *mut c_void {
        // SAFETY: the pointer comes from into_raw below, and nothing else uses it.
        let work: Box<Work> = unsafe { Box::from_raw(work.cast()) };
        work();
        ptr::null_mut()
    }

    let work: *mut Work = Box::into_raw(Box::new(Box::new(work)));
    let (mut attributes, mut thread) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: the attributes are made by the first call, and `run` gets the pointer that it expects. The thread ends
    // with this process at the latest.
    let error = unsafe {
        libc::pthread_attr_init(attributes.as_mut_ptr());
        libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), STACK);
        let attributes = attributes.as_ptr();
        libc::pthread_create(thread.as_mut_ptr(), attributes, run, work.cast())
    };
    match error {
        0 => Ok(()),
        error => Err(Errno::from_raw(error)),
    }
}

/// Returns the reason for the timeout: the limit, and the kernel function in which the main thread waits, if the kernel
/// says so (proc_pid_wchan(5)).
pub fn timeout_reason(limit: Duration) -> UnknownReason {
    let limit = HumanDuration(limit);
    let wchan = std::fs::read_to_string("/proc/self/wchan").unwrap_or_default();
    // The file says 0 for a thread that does not wait.
    let what = match wchan.trim() {
        "" => "before the work was done".to_owned(),
        "0" => "while the work was still going on".to_owned(),
        function => format!("in a system call that does not return (kernel function {function})"),
    };
    UnknownReason::new(format_args!("timed out after {limit}, {what}"))
}

/// Ends the process without anything that could wait: no lock, no destructor, no buffer.
pub fn exit(code: u8) -> ! {
    // SAFETY: _exit(2) takes a number, touches no memory and may be called at any time.
    unsafe { libc::_exit(code.into()) }
}
