//! A `listenup resets` that runs while a test does something.

use std::process::{Child, Command, Stdio};

use nix::libc;

use super::program::{LISTENUP, Said, await_call};

// What is said to look at next.
pub const NO_SOCKET: &str = "tcpdump -ni any 'tcp[tcpflags] & tcp-rst != 0' shows the port, listenup \
    check PORT whether it is open; if it is, the connections are not known here, as after a \
    virtual IP has moved";
pub const ACCEPT_QUEUE: &str = "ss -ltn shows the listener, with Recv-Q above Send-Q: its program \
    accepts too slowly, or its backlog (at most net.core.somaxconn) is too small";
pub const UNREAD_DATA: &str = "the log of the program that closes: it gave up before it had read all \
    (OnClose), or before all had come, or has SO_LINGER 0 (OnData)";
pub const TIME_OUT: &str = "ss -tno shows connections with retransmissions: their peer is gone, or \
    something on the way drops packets";
pub const CONNTRACK: &str = "dmesg for \"table full\", then net.netfilter.nf_conntrack_max; invalid \
    packets pass NAT by, and who gets them answers with a reset";
pub const CUT: &str = "what no line above explains was reset by the peer: look at its log";
pub const SENT: &str = "the lines above say why";

/// A `listenup resets` that has taken its first sample.
pub struct Watch(Option<Child>);

impl Watch {
    #[track_caller]
    pub fn start(words: &str) -> Self {
        let mut command = Command::new(LISTENUP);
        command.arg("resets").args(words.split_whitespace());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let watch = Self(Some(command.stderr(Stdio::piped()).spawn().unwrap()));
        // It waits for its reader to go from its first sample on.
        let pid = watch.0.as_ref().unwrap().id();
        await_call(pid, &[libc::SYS_poll, libc::SYS_ppoll]);
        watch
    }

    /// Waits for its end and says what it said, with the rates, which are not exact, as R/s.
    #[track_caller]
    pub fn end(mut self) -> Said {
        let mut said = Said::of(
            "listenup resets".to_owned(),
            self.0.take().unwrap().wait_with_output().unwrap(),
        );
        said.stdout = said
            .stdout
            .split_inclusive(' ')
            .map(|word| match word.split_once("/s, ") {
                Some((rate, "")) => {
                    let rate: f64 = rate.trim_start_matches('(').parse().unwrap();
                    assert!(rate > 0.0);
                    "(R/s, "
                }
                _ => word,
            })
            .collect();
        said
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
