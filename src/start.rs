//! The preparations of std before `main` that this program needs, and nothing else.
//!
//! std also reads /proc/self/maps to find the end of the stack, and sets up a second stack for the message of a stack
//! overflow: about a tenth of the time of a whole check. If a standard stream is closed and /dev/null is missing, std
//! aborts, which would be a false "down". So the C library calls `main.rs`, as in any C program.

use std::ffi::{CStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::signal::{SigSet, Signal};

/// Makes sure that descriptors 0 to 2 are open, so that no file opened later becomes a standard stream. Also makes
/// writing to a pipe without a reader, or to a file beyond the limit of its size (RLIMIT_FSIZE), an error instead of a
/// signal.
pub fn open_standard_streams() {
    for fd in 0..=2 {
        // SAFETY: F_GETFD takes no pointer and changes nothing; a number that is not a descriptor is an error.
        let open = unsafe { libc::fcntl(fd, libc::F_GETFD) } != -1;
        if !open && Errno::last() == Errno::EBADF {
            reserve_descriptor();
        }
    }
    // Blocking signals that exist cannot fail.
    let ends: SigSet = [Signal::SIGPIPE, Signal::SIGXFSZ].into_iter().collect();
    let _ = ends.thread_block();
}

/// Reserves the lowest free descriptor permanently. It can be neither read nor written, so a report that is not
/// delivered is an error. O_PATH opens nothing, so it cannot wait; a FIFO in the place of /dev/null would.
fn reserve_descriptor() {
    let flags = OFlag::O_PATH.bits();
    // SAFETY: the path ends with a NUL, and without O_CREAT there is no third argument.
    unsafe { libc::open(c"/".as_ptr(), flags) };
}

/// Returns the arguments of `main`. std knows them only with glibc, or if its own start ran.
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
