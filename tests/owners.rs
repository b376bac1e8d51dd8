//! Who holds a listener, where that is not in the descriptors of one main thread with the name of its program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;

use nix::libc;
use nix::sys::inotify::InitFlags;
use nix::unistd::{ForkResult, Pid, fork, pipe};

use common::confined::{Confined, folder_with_listenup};
use common::program::{example, listenup};
use common::service::Service;
use common::sockets::listen;
use common::traced::is_on_host;
use common::{in_namespace, ip};

/// A child of this process that does something with a listener on 127.0.0.1:443. It is killed with this value.
struct Forked(Pid);

impl Forked {
    /// `hold` runs in the child, and says by a byte that all is as it should be.
    fn that(hold: impl FnOnce(&dyn Fn())) -> Self {
        let (said, say) = pipe().unwrap();
        // SAFETY: the child makes only system calls and threads, and ends by a signal or _exit(2).
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => {
                // SAFETY: prctl(2) takes numbers here.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                hold(&|| {
                    let _ = nix::unistd::write(&say, b"!");
                });
                // SAFETY: sleep(2) and _exit(2) touch no memory.
                unsafe {
                    libc::pause();
                    libc::_exit(0)
                }
            }
            ForkResult::Parent { child } => {
                drop(say);
                let forked = Self(child);
                std::fs::File::from(said)
                    .read_exact(&mut [0])
                    .expect("the child has failed");
                forked
            }
        }
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        let _ = nix::sys::signal::kill(self.0, nix::sys::signal::Signal::SIGKILL);
        let _ = nix::sys::wait::waitpid(self.0, None);
    }
}

fn set_name(name: &std::ffi::CStr) {
    // SAFETY: the name ends with a NUL.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// A thread that has a table of descriptors of its own, with a listener in it.
fn listen_in_a_thread_apart(ready: &dyn Fn()) {
    extern "C" fn apart(sender: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: unshare(2) takes a number.
        unsafe { libc::unshare(libc::CLONE_FILES) };
        let _listener = listen("127.0.0.1", 443);
        // SAFETY: it is the descriptor of a pipe that this process has open.
        unsafe { libc::write(sender as i32, b"!".as_ptr().cast(), 1) };
        loop {
            // SAFETY: sleep(2) touches no memory.
            unsafe { libc::pause() };
        }
    }
    let (done, tell) = pipe().unwrap();
    let mut thread = 0;
    let number = tell.as_raw_fd() as *mut libc::c_void;
    // SAFETY: the function takes a number, and the attributes are the usual ones.
    unsafe { libc::pthread_create(&raw mut thread, std::ptr::null(), apart, number) };
    std::fs::File::from(done).read_exact(&mut [0]).unwrap();
    ready();
}

#[test]
fn a_listener_held_only_by_a_thread_is_found() {
    in_namespace(|| {
        let _forked = Forked::that(|ready| {
            set_name(c"apart");
            listen_in_a_thread_apart(ready);
        });
        listenup("check --timeout 20s --owner-process apart 443").exits(0);
        listenup("check --timeout 20s --owner-process another 443")
            .exits(1)
            .stdout_has("is held by apart (");
        listenup("list -p --timeout 60s 443")
            .exits(0)
            .stdout_has("apart (");
    });
}

#[test]
fn a_listener_whose_main_thread_has_ended_is_found() {
    in_namespace(|| {
        let _forked = Forked::that(|ready| {
            set_name(c"headless");
            listen_in_a_thread_apart(ready);
            // SAFETY: it ends the calling thread alone, which is the main one here.
            unsafe { libc::syscall(libc::SYS_exit, 0) };
        });
        listenup("check --timeout 20s --owner-process headless 443").exits(0);
        let program = std::env::current_exe().unwrap();
        let program = program.file_name().unwrap().to_str().unwrap();
        listenup(&format!(
            "check --timeout 20s --owner-process {program} 443"
        ))
        .exits(0);
    });
}

/// Makes an io_uring with these files in its table. -1 is an empty place.
fn make_ring(files: &[i32]) {
    let mut parameters = [0_u8; 120];
    // SAFETY: io_uring_setup(2) fills the 120 bytes, and io_uring_register(2) reads the numbers.
    unsafe {
        let ring = libc::syscall(libc::SYS_io_uring_setup, 8, parameters.as_mut_ptr());
        assert!(ring >= 0, "this kernel has no io_uring");
        let register_files = 2;
        let done = libc::syscall(
            libc::SYS_io_uring_register,
            ring,
            register_files,
            files.as_ptr(),
            files.len(),
        );
        assert_eq!(done, 0);
    }
}

#[test]
fn a_listener_held_only_by_io_uring_is_found() {
    in_namespace(|| {
        let _forked = Forked::that(|ready| {
            set_name(c"ring");
            let listener = listen("127.0.0.1", 443);
            make_ring(&[listener.as_raw_fd()]);
            drop(listener);
            ready();
        });
        listenup("check 443").exits(0);
        listenup("check --timeout 20s --owner-process ring 443").exits(0);
    });
}

#[test]
fn an_idle_io_uring_does_not_hide_that_another_process_holds_the_listener() {
    in_namespace(|| {
        let _forked = Forked::that(|ready| {
            set_name(c"ring");
            let inotify = nix::sys::inotify::Inotify::init(InitFlags::empty()).unwrap();
            make_ring(&[-1; 8]);
            make_ring(&[-1, inotify.as_fd().as_raw_fd()]);
            ready();
        });
        let _listener = listen("127.0.0.1", 443);
        for option in ["", "--on-unknown up "] {
            listenup(&format!(
                "check {option}--timeout 20s --owner-process ring 443"
            ))
            .exits(1)
            .stdout_has("443: wrong owner: 127.0.0.1:443 is held by ");
        }
    });
}

#[test]
fn a_socket_of_the_kernel_is_reported_as_the_kernel_s() {
    in_namespace(|| {
        ip("link add vx0 type vxlan id 7 dstport 4789 local 127.0.0.1");
        ip("link set vx0 up");
        listenup("check udp:4789").exits(0);
        let check = listenup("check --timeout 60s --owner-process haproxy udp:4789").exits(1);
        let list = listenup("list -p -u --timeout 60s").exits(0);
        // Some virtual machines have a first process that not even root can look into: it could hold the socket. So could a
        // process of the host where this is a container.
        match std::fs::read_link("/proc/1/fd/0") {
            Ok(_) if !is_on_host() => {
                check.stdout_has("4789 is bound, but its process is unknown: no process that can be seen holds it\n");
                list.stdout_has("  ?\n");
            }
            Ok(_) => {
                check.stdout_has("4789 is held by the kernel, not by haproxy\n");
                list.stdout_has("  kernel\n");
            }
            Err(_) => {
                check.stdout_has("4789 is bound, but its process is unknown: no permission");
                list.stderr_has(
                    "marked ? are held by unknown processes: no permission to examine ",
                );
            }
        }
    });
}

#[test]
fn a_process_matches_by_name_file_and_first_argument() {
    in_namespace(|| {
        let _forked = Forked::that(|ready| {
            set_name(c"MainThread");
            std::mem::forget(listen("127.0.0.1", 443));
            ready();
        });
        let file = std::env::current_exe().unwrap();
        let file = file.file_name().unwrap().to_str().unwrap();
        listenup("check --timeout 60s --owner-process MainThread 443").exits(0);
        listenup(&format!(
            "check -v --timeout 60s --owner-process {file} 443"
        ))
        .exits(0)
        .stderr_has(" by the file that it runs");
        listenup("check --timeout 60s --owner-process haproxy 443")
            .exits(1)
            .stdout_has(&format!(", which runs {file}, not by haproxy\n"));
        let script = "exec -a other-name \"$0\" 127.0.0.1:444";
        let mut bash = Command::new("bash");
        let _other = Service::start(bash.args(["-c", script]).arg(example("listener")), 1);
        listenup("check -v --timeout 60s --owner-process other-name 444")
            .exits(0)
            .stderr_has(" by its first argument");
    });
}

/// How many of these calls of a check are about files with this text in their path.
fn calls_about(calls: &str, text: &str, words: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let status = Command::new("strace")
        .arg("-o")
        .arg(&trace)
        .args(["-e", calls, common::program::LISTENUP, "check", "-q"])
        .args(words.split_whitespace())
        .status();
    assert!(status.unwrap().success(), "{words}");
    let lines = std::fs::read_to_string(trace).unwrap();
    lines.lines().filter(|line| line.contains(text)).count()
}

/// How many links of descriptors a check reads.
fn links_read(words: &str) -> usize {
    calls_about("trace=readlinkat", "", words)
}

/// A process can hold up each read of its own command line, because the kernel reads its memory for it.
#[test]
fn the_command_line_is_read_only_of_the_holder_if_that_has_the_name() {
    in_namespace(|| {
        let script = "exec -a other-name \"$0\" 127.0.0.1:444";
        let mut bash = Command::new("bash");
        let _other = Service::start(bash.args(["-c", script]).arg(example("listener")), 1);
        let _renamed = Forked::that(|ready| {
            set_name(c"MainThread");
            std::mem::forget(listen("127.0.0.1", 443));
            ready();
        });
        let file = std::env::current_exe().unwrap();
        let file = file.file_name().unwrap().to_str().unwrap();
        for (name, port, read) in [
            ("MainThread", 443, 0),
            (file, 443, 0),
            ("other-name", 444, 1),
        ] {
            let line = format!("--timeout 60s --owner-process {name} {port}");
            let calls = "trace=open,openat,openat2";
            assert_eq!(calls_about(calls, "/cmdline\"", &line), read, "{name}");
        }
    });
}

#[test]
fn old_workers_with_many_descriptors_do_not_slow_the_search() {
    in_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(format!("proxy-{}", std::process::id()));
        std::os::unix::fs::symlink(example("listener"), &program).unwrap();
        let name = program.file_name().unwrap().to_str().unwrap().to_owned();
        let _old: Vec<Service> = (0..3)
            .map(|_| Service::start(Command::new(&program).args(["--open", "5000"]), 1))
            .collect();
        let newest = Service::start(Command::new(&program).arg("127.0.0.1:443"), 1);
        let line = format!("--timeout 20s --owner-process {name} 443");
        assert!(links_read(&line) < 300);
        drop(newest);
        // One that is older than they are is found before the rest of their descriptors is read.
        let _listener = listen("127.0.0.1", 444);
        let own = std::fs::read_to_string("/proc/self/comm").unwrap();
        let line = format!("--timeout 20s --owner-process {} 444", own.trim_end());
        assert!(links_read(&line) < 5000);
    });
}

#[test]
fn a_list_reports_once_why_holders_are_unknown() {
    in_namespace(|| {
        let _service = Service::on(&["127.0.0.1:8443", "127.0.0.1:8444"]);
        let folder = folder_with_listenup();
        let said = Confined::new(folder.path().join("listenup"))
            .by_nobody()
            .run("list -p -t");
        let said = said
            .exits(0)
            .stderr_has("marked ? are held by unknown processes: no permission to examine ");
        assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
        assert!(said.stderr.ends_with("(run as root)\n"), "{said:?}");
        assert_eq!(said.stdout.matches("  ?\n").count(), 2, "{said:?}");
        let said = listenup("list -p -t --timeout 1us");
        assert_eq!(said.code, Some(2), "{said:?}");
        let said = listenup("list --format json -p -t").exits(0);
        let document = common::schema::document(&said.stdout, "list");
        assert_eq!(document["complete"], true);
    });
}
