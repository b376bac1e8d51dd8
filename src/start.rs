//! What std does before `main` that this program needs, and nothing else.
//!
//! std's start also reads /proc/self/maps to find the end of the stack and sets up a second stack for
//! a handler that words a stack overflow: about a tenth of what a whole check takes. And it aborts
//! where a standard stream is closed and /dev/null is not there, which would be a false "down". So
//! `main.rs` is entered by the C library, like any C program.

use std::ffi::{CStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::signal::{SigSet, Signal};

/// Makes sure that descriptors 0 to 2 are open, so that nothing opened later becomes a standard
/// stream, and that writing to a pipe without a reader, or to a file beyond the limit of its size (RLIMIT_FSIZE), is an
/// error and not the end.
pub fn standard_streams() {
    for fd in 0..=2 {
        // SAFETY: F_GETFD takes no pointer and changes nothing; a number that is no descriptor is an
        // error.
        let open = unsafe { libc::fcntl(fd, libc::F_GETFD) } != -1;
        if !open && Errno::last() == Errno::EBADF {
            occupy();
        }
    }
    // Blocking signals that exist cannot fail.
    let ends: SigSet = [Signal::SIGPIPE, Signal::SIGXFSZ].into_iter().collect();
    let _ = ends.thread_block();
}

/// Takes the lowest free descriptor, for good, with what can be neither read nor written: what was asked for must
/// not pass for delivered. O_PATH opens nothing, so it cannot wait; a FIFO in the place of /dev/null would.
fn occupy() {
    let flags = OFlag::O_PATH.bits();
    // SAFETY: the path ends with a NUL, and without O_CREAT there is no third argument.
    unsafe { libc::open(c"/".as_ptr(), flags) };
}

/// The arguments of `main`. Not std's: outside glibc it only knows them if it was started itself.
///
/// # Safety
/// `argv` points to `argc` strings that end with a NUL and live as long as the process.
pub unsafe fn arguments(argc: c_int, argv: *const *const c_char) -> Vec<OsString> {
    let count = usize::try_from(argc).unwrap_or(0);
    let argument = |index| {
        // SAFETY: `index` is below argc, so there is a pointer, and it points to such a string.
        let text = unsafe { CStr::from_ptr(*argv.add(index)) };
        OsString::from_vec(text.to_bytes().to_vec())
    };
    (0..count).map(argument).collect()
}
