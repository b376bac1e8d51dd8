//! The last resort against a system call that does not return: a thread that ends the process.
//!
//! What waits in this program keeps the time limit itself. But the kernel has waits of its own: a file
//! system that does not answer, a module that it loads for the caller (for `--interface` and for
//! sock_diag), a pipe that somebody else fills between poll(2) and write(2). A handler of SIGALRM would
//! not do: most of these waits end for a fatal signal alone (TASK_KILLABLE), and who dies of a signal
//! has no say in the exit code. exit_group(2) by another thread ends them too, and keeps the code.
//!
//! Where there can be no second thread (a limit on processes, seccomp) alarm(2) ends the process: by a signal, which
//! keepalived counts as a failure, and later, since it counts whole seconds.
//!
//! What it cannot end is what no signal ends: TASK_UNINTERRUPTIBLE, and the walk within one read of
//! /proc.

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

use crate::clock::{Shown, sleep};
use crate::domain::Doubt;
use crate::errno::ErrnoText;

/// How much longer than the limit the program may run, which has better words for its end.
const GRACE: Duration = Duration::from_millis(20);
/// How many times a millisecond the last words may take.
const LAST_WORDS: usize = 50;
/// Bytes of a thread's stack: for words and not for work.
const STACK: usize = 128 * 1024;

/// How the run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With this code.
    Exit(u8),
    /// In its own time.
    Free,
}

/// A run that is guarded. Who comes first sets its end, the run or the guard.
#[derive(Debug)]
pub struct Guard(Arc<OnceLock<End>>);

impl Guard {
    /// Guards the run from here on: soon after the limit the process has ended. If nothing is decided
    /// by then, `last_words` are said and the code is `undecided`.
    pub fn set(limit: Duration, undecided: u8, last_words: impl FnOnce() + Send + 'static) -> Self {
        let guard = Self(Arc::new(OnceLock::new()));
        let end = Arc::clone(&guard.0);
        let thread = spawn(move || {
            sleep(limit.saturating_add(GRACE));
            if end.set(End::Exit(undecided)).is_ok() {
                say(last_words);
            }
            if let Some(End::Exit(code)) = end.get() {
                exit(*code);
            }
        });
        if let Err(errno) = thread {
            let why = ErrnoText(errno);
            debug!("no thread: {why}; a system call that does not return is ended by SIGALRM");
            set_alarm(limit.saturating_add(GRACE));
        }
        guard
    }

    /// The run will exit with this code; what it still has to say may take until the limit.
    pub fn decide(&self, code: u8) {
        self.end(End::Exit(code));
    }

    /// The limit is not on what follows.
    pub fn lift(self) {
        self.end(End::Free);
        // SAFETY: alarm(2) takes a number and touches no memory; 0 takes an alarm back.
        unsafe { libc::alarm(0) };
    }

    fn end(&self, end: End) {
        while self.0.set(end).is_err() {
            // The guard has the word, and ends the process when it has said it.
            sleep(Duration::MAX);
        }
    }
}

/// Has SIGALRM end the process after this time, whatever the caller of this process had made of that signal.
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

/// On a thread of its own, since words may meet what the run met.
fn say(last_words: impl FnOnce() + Send + 'static) {
    let said = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&said);
    let thread = spawn(move || {
        last_words();
        done.store(true, Ordering::Relaxed);
    });
    let unsaid = || thread.is_ok() && !said.load(Ordering::Relaxed);
    for _ in (0..LAST_WORDS).take_while(|_| unsaid()) {
        sleep(Duration::from_millis(1));
    }
}

type Work = Box<dyn FnOnce() + Send>;

/// Starts a thread. Not one of std's: that allocates before it does anything, for which the C library
/// makes another heap, and every check pays for it.
///
/// # Errors
/// Why there is none: a limit on processes or memory, seccomp.
fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), Errno> {
    extern "C" fn run(work: *mut c_void) -> *mut c_void {
        // SAFETY: it comes from into_raw below, and nobody else has it.
        let work: Box<Work> = unsafe { Box::from_raw(work.cast()) };
        work();
        ptr::null_mut()
    }

    let work: *mut Work = Box::into_raw(Box::new(Box::new(work)));
    let (mut attributes, mut thread) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: the attributes are made by the first call, and `run` gets what it wants, from this
    // process, which has the thread until both end.
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

/// What there is to say for last words: the limit that is over, and the function of the kernel that the
/// main thread waits in, where the kernel tells (proc_pid_wchan(5)).
pub fn overdue(limit: Duration) -> Doubt {
    let limit = Shown(limit);
    let wchan = std::fs::read_to_string("/proc/self/wchan").unwrap_or_default();
    // The kernel says 0 of a thread that does not wait.
    let what = match wchan.trim() {
        "" => "and the work is not done".to_owned(),
        "0" => "and the work is still going on".to_owned(),
        function => format!("and a system call has not returned (it waits in {function})"),
    };
    Doubt::new(format_args!("the time limit of {limit} is over, {what}"))
}

/// Ends the process without anything that could wait: no lock, no destructor, no buffer.
fn exit(code: u8) -> ! {
    // SAFETY: _exit(2) takes a number, touches no memory and may be called at any time.
    unsafe { libc::_exit(code.into()) }
}
