//! Hosts on one machine: network namespaces, each with a thread that lives in it.

use std::sync::mpsc::{Sender, channel};
use std::thread;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::gettid;

use super::ip;

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace with `lo` up. It goes with its thread, and with what was started in it.
pub struct Node {
    jobs: Option<Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
    path: String,
}

impl Node {
    pub fn new() -> Self {
        let (jobs, todo) = channel::<Job>();
        let (tell, path) = channel();
        let thread = thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET)
                .expect("this test makes a network namespace, for which it must run as root");
            ip("link set lo up");
            tell.send(format!(
                "/proc/{}/task/{}/ns/net",
                std::process::id(),
                gettid()
            ))
            .unwrap();
            todo.into_iter().for_each(|job| job());
        });
        Self {
            jobs: Some(jobs),
            thread: Some(thread),
            path: path.recv().unwrap(),
        }
    }

    /// Its namespace, as a file.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Runs something in the namespace and waits for it. What it starts stays there.
    #[track_caller]
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, answer) = channel();
        let job = Box::new(move || drop(tell.send(job())));
        self.jobs.as_ref().unwrap().send(job).unwrap();
        answer.recv().expect("the job panicked, see above")
    }

    /// Runs `ip` there.
    #[track_caller]
    pub fn ip(&self, words: &str) {
        let words = words.to_owned();
        self.run(move || ip(&words));
    }

    /// Puts one end of a cable into this node, with this name and these addresses, and leaves the
    /// other end, `port`, in the namespace of the caller.
    #[track_caller]
    pub fn plug(&self, name: &str, port: &str, addresses: &[&str]) {
        ip(&format!(
            "link add {port} type veth peer name {name} netns {}",
            self.path
        ));
        ip(&format!("link set {port} up"));
        self.ip(&format!("link set {name} up"));
        for address in addresses {
            let nodad = if address.contains(':') { " nodad" } else { "" };
            self.ip(&format!("address add {address} dev {name}{nodad}"));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.jobs.take());
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}
