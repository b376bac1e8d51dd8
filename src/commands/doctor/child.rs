//! Starts this program once more, as keepalived starts a check: lib/notify.c, `system_call` and `notify_exec`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;

use super::accounts::ScriptUser;

/// The group of a user whose group is not known: the one that owns nothing. Its own number could be that of a group with
/// rights.
const NO_GROUP: u32 = 65534;

/// What is started.
pub struct Call<'a> {
    /// The program.
    pub image: &'a Path,
    /// Its name for itself, as the configuration has it.
    pub name: &'a OsStr,
    /// Its arguments.
    pub arguments: &'a [OsString],
    /// Its user, who has no other group than one.
    pub user: &'a ScriptUser,
}

/// Starts it, with nothing on its standard input. It ends when this process ends, in whatever way.
///
/// # Errors
/// Returns an error if it cannot be started.
pub fn start(call: &Call<'_>) -> io::Result<Child> {
    let mut command = Command::new(call.image);
    command
        .arg0(call.name)
        .args(call.arguments)
        .env_clear()
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // Another user than root can only start it as itself.
    if nix::unistd::geteuid().is_root() {
        // std gives up all other groups.
        command
            .gid(call.user.gid.unwrap_or(NO_GROUP))
            .uid(call.user.uid);
    }
    let parent = std::process::id();
    // SAFETY: between fork(2) and execve(2) it makes two system calls, and neither allocates nor takes a lock. std runs it
    // after the change of the user, which would undo it.
    unsafe {
        command.pre_exec(move || end_with(parent));
    }
    command.spawn()
}

/// Has the kernel kill this process when its parent ends, also if the parent has ended already.
fn end_with(parent: u32) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    match u32::try_from(getppid().as_raw()) {
        Ok(now) if now == parent => Ok(()),
        _ => Err(Errno::ESRCH.into()),
    }
}
