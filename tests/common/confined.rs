//! The program where a real kernel refuses it things: calls, files, users, descriptors, memory.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{chdir, chroot, close, setgid, setgroups, setuid};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use super::program::{LISTENUP, ProgramOutput};

/// A user, and a group, that own nothing.
pub const NOBODY: u32 = 65534;

/// A command under restrictions, which are put on between fork and exec: this process is under none
/// of them.
pub struct Confined(Command);

impl Confined {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        Self(command)
    }

    /// The program, where cargo built it.
    pub fn listenup() -> Self {
        Self::new(LISTENUP)
    }

    /// The program as `/listenup` of another root.
    pub fn listenup_in_root(root: &Path) -> Self {
        let root = root.to_owned();
        Self::new("/listenup").before_exec(move || {
            chroot(&root)?;
            chdir("/")
        })
    }

    /// Runs it with these words as arguments.
    #[track_caller]
    pub fn run(mut self, words: &str) -> ProgramOutput {
        ProgramOutput::by(self.0.args(words.split_whitespace()))
    }

    /// The command, for who starts it himself.
    pub fn into_command(self) -> Command {
        self.0
    }

    /// The system call, with any arguments but as told, fails with this error.
    pub fn without(self, call: Call, errno: Errno) -> Self {
        let filter = call.filter(errno);
        self.before_exec(move || apply_filter(&filter).map_err(|_| Errno::last()))
    }

    /// The calls by which keepalived speaks to IPVS succeed and do nothing, where the kernel has none.
    pub fn with_ipvs_that_does_nothing(self) -> Self {
        /// `IP_VS_BASE_CTL` of linux/ip_vs.h; its options begin there.
        const FIRST: u64 = 64 + 1024 + 64;
        let at_least = SeccompCmpOp::Ge;
        let option = SeccompCondition::new(2, SeccompCmpArgLen::Dword, at_least, FIRST).unwrap();
        let rule = SeccompRule::new(vec![argument(1, libc::IPPROTO_IP), option]).unwrap();
        let calls = [libc::SYS_getsockopt, libc::SYS_setsockopt];
        let filter = SeccompFilter::new(
            calls.map(|call| (call, vec![rule.clone()])).into(),
            SeccompAction::Allow,
            SeccompAction::Errno(0),
            std::env::consts::ARCH.try_into().unwrap(),
        );
        let filter: BpfProgram = filter.unwrap().try_into().unwrap();
        self.before_exec(move || apply_filter(&filter).map_err(|_| Errno::last()))
    }

    /// This system call does not return: it waits for an answer of a supervisor (seccomp_unotify(2)) that
    /// is the program itself.
    pub fn stuck_in(self, call: libc::c_long) -> Self {
        /// SECCOMP_RET_USER_NOTIF of linux/seccomp.h.
        const NOTIFY: u32 = 0x7fc0_0000;
        let step = |code: u32, jf, k| libc::sock_filter {
            code: code as u16,
            jt: 0,
            jf,
            k,
        };
        let mut filter = [
            step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0), // seccomp_data.nr
            step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, call as u32),
            step(libc::BPF_RET | libc::BPF_K, 0, NOTIFY),
            step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
        ];
        self.before_exec(move || {
            let program = libc::sock_fprog {
                len: 4,
                filter: filter.as_mut_ptr(),
            };
            let (mode, flag) = (
                libc::SECCOMP_SET_MODE_FILTER,
                libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            );
            // SAFETY: the program and its filter live until the call is over.
            let supervisor = unsafe { libc::syscall(libc::SYS_seccomp, mode, flag, &program) };
            let supervisor = Errno::result(supervisor)? as i32;
            // SAFETY: it changes a flag of the descriptor that the kernel has just made, and no memory.
            Errno::result(unsafe { libc::fcntl(supervisor, libc::F_SETFD, 0) }).map(drop)
        })
    }

    /// /proc has processes and nothing else, as with systemd's ProcSubset=pid. In a mount namespace
    /// of its own, which goes with the process.
    pub fn with_only_processes_in_proc(self) -> Self {
        self.before_exec(|| {
            own_mounts()?;
            let no_flags = MsFlags::empty();
            mount(
                Some("proc"),
                "/proc",
                Some("proc"),
                no_flags,
                Some("subset=pid"),
            )
        })
    }

    /// As a user without groups and capabilities, to whom /proc shows no process of other users. In a mount namespace of its
    /// own, which goes with the process.
    pub fn by_nobody_who_sees_no_others(self) -> Self {
        self.before_exec(|| {
            own_mounts()?;
            let (kind, no_flags) = (Some("proc"), MsFlags::empty());
            mount(kind, "/proc", kind, no_flags, Some("hidepid=2"))?;
            setgroups(&[])?;
            setgid(NOBODY.into())?;
            setuid(NOBODY.into())
        })
    }

    /// With a tracefs at its place, in a mount namespace of its own, which goes with the process.
    pub fn with_tracefs(self) -> Self {
        self.before_exec(|| {
            own_mounts()?;
            let (tracefs, no_flags) = (Some("tracefs"), MsFlags::empty());
            mount(
                tracefs,
                "/sys/kernel/tracing",
                tracefs,
                no_flags,
                None::<&str>,
            )
        })
    }

    /// The same, and then as a user without groups and capabilities.
    pub fn with_tracefs_for_nobody(self) -> Self {
        self.with_tracefs().before_exec(|| {
            setgroups(&[])?;
            setgid(NOBODY.into())?;
            setuid(NOBODY.into())
        })
    }

    /// As a user without groups and capabilities. It is put on first, so it does not go with those
    /// for which one must be root.
    pub fn by_nobody(mut self) -> Self {
        self.0.uid(NOBODY).gid(NOBODY); // std gives up the other groups with it
        self
    }

    pub fn without_environment(mut self) -> Self {
        self.0.env_clear();
        self
    }

    /// With these of the descriptors 0 to 2 closed.
    pub fn without_streams(self, streams: &'static [i32]) -> Self {
        self.before_exec(|| streams.iter().try_for_each(|&stream| close(stream)))
    }

    /// With a limit, and without a core file if it dies of it.
    pub fn limited(self, resource: Resource, limit: u64) -> Self {
        self.before_exec(move || {
            setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
            setrlimit(resource, limit, limit)
        })
    }

    /// Private, since a step must only make system calls.
    fn before_exec(
        mut self,
        mut step: impl FnMut() -> Result<(), Errno> + Send + Sync + 'static,
    ) -> Self {
        // SAFETY: after fork only async-signal-safe functions may be called. The steps above make
        // system calls with arguments that are there already, allocate nothing and take no locks.
        unsafe { self.0.pre_exec(move || Ok(step()?)) };
        self
    }
}

/// A mount namespace for this thread, whose mounts other processes do not see.
pub fn own_mounts() -> Result<(), Errno> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
}

/// The calls by which sock_diag is asked.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    /// socket(2) for AF_NETLINK alone.
    NetlinkSocket,
    /// socket(2) for AF_NETLINK with NETLINK_SOCK_DIAG: what SELinux refuses keepalived_t.
    SockDiagSocket,
    Sendto,
    Recvmsg,
    /// bind(2), by which groups are joined.
    Bind,
    /// What std sleeps by.
    ClockNanosleep,
    /// What the C libraries start a thread by.
    Clone3,
    Clone,
}

impl Call {
    fn filter(self, errno: Errno) -> BpfProgram {
        let (number, rules) = match self {
            Self::NetlinkSocket => (
                libc::SYS_socket,
                vec![SeccompRule::new(vec![argument(0, libc::AF_NETLINK)]).unwrap()],
            ),
            Self::SockDiagSocket => {
                let conditions = vec![
                    argument(0, libc::AF_NETLINK),
                    argument(2, libc::NETLINK_SOCK_DIAG),
                ];
                (
                    libc::SYS_socket,
                    vec![SeccompRule::new(conditions).unwrap()],
                )
            }
            Self::Sendto => (libc::SYS_sendto, Vec::new()),
            Self::Recvmsg => (libc::SYS_recvmsg, Vec::new()),
            Self::Bind => (libc::SYS_bind, Vec::new()),
            Self::ClockNanosleep => (libc::SYS_clock_nanosleep, Vec::new()),
            Self::Clone3 => (libc::SYS_clone3, Vec::new()),
            Self::Clone => (libc::SYS_clone, Vec::new()),
        };
        let filter = SeccompFilter::new(
            [(number, rules)].into(),
            SeccompAction::Allow,
            SeccompAction::Errno(errno as u32),
            std::env::consts::ARCH.try_into().unwrap(),
        );
        filter.unwrap().try_into().unwrap()
    }
}

/// The argument with this index is this.
fn argument(index: u8, value: i32) -> SeccompCondition {
    let equal = SeccompCmpOp::Eq;
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, equal, value as u64).unwrap()
}

/// A folder with nothing in it but the program, which every user may execute.
pub fn folder_with_listenup() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    // Not std::fs::copy: a child that another test forks meanwhile would hold the file open for
    // writing, and then it cannot be executed (ETXTBSY).
    let copied = Command::new("install")
        .args(["-m", "755", LISTENUP])
        .arg(folder.path().join("listenup"))
        .status();
    assert!(copied.unwrap().success());
    folder
}
