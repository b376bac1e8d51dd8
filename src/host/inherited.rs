//! Descriptors that a process inherits from the one that executed it.

use std::fs;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;

/// Closes all descriptors from 3 on except for `kept`, and makes /dev/null the standard input. One of them could be the
/// listener of the service that is watched, which would then stay open after the service has died. The caller must not
/// have opened anything else yet.
pub fn close_inherited(kept: Option<RawFd>) {
    let kept = kept.and_then(|fd| u32::try_from(fd).ok());
    let ranges = match kept {
        Some(fd) => [(3, fd.saturating_sub(1)), (fd.saturating_add(1), u32::MAX)],
        None => [(3, u32::MAX), (1, 0)],
    };
    for (first, last) in ranges.into_iter().filter(|(first, last)| first <= last) {
        // SAFETY: nothing in this process owns a descriptor above 2 yet, except for `kept`.
        let closed = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        if closed != 0 {
            // Linux before 5.9.
            close_one_by_one(first, last);
        }
    }
    // SAFETY: the path ends with a NUL; the standard input is replaced and never closed.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if null > 0 {
            libc::dup2(null, 0);
            libc::close(null);
        }
    }
}

fn close_one_by_one(first: u32, last: u32) {
    let Ok(open) = fs::read_dir("/proc/self/fd") else {
        return;
    };
    let open = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    // The listing itself has a descriptor, which is closed when it ends.
    let open: Vec<u32> = open.collect();
    for fd in open.into_iter().filter(|fd| (first..=last).contains(fd)) {
        // SAFETY: nothing in this process owns a descriptor above 2 yet, except for the one to be kept.
        let _ = RawFd::try_from(fd).map(|fd| unsafe { libc::close(fd) });
    }
}

/// Takes over an open descriptor that the program before left for this one, and closes it at the next execve(2).
///
/// # Errors
/// Returns EBADF if it is not open.
pub fn adopt(fd: RawFd) -> Result<OwnedFd, Errno> {
    if fd < 0 {
        return Err(Errno::EBADF);
    }
    // SAFETY: F_GETFD takes no pointer and changes nothing; a number that is not open is an error.
    Errno::result(unsafe { libc::fcntl(fd, libc::F_GETFD) })?;
    // SAFETY: it is open, and nothing else in this process owns it.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    fcntl(&owned, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(owned)
}
