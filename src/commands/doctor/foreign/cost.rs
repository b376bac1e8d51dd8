//! What other programs' looks cost here and now.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use super::tools::Tool;
use crate::clock::{Clock, Shown};
use crate::source::proc::cost;
use crate::untrusted::RegularFile;

/// Bytes of /proc/self/net/sockstat, which has six short lines.
const LONGEST_SOCKSTAT: u64 = 4096;
/// Longer is not walked.
const LIMIT: Duration = Duration::from_secs(2);

/// The sockets of this moment, and a walk over them.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    sockets: Option<u32>,
    /// What reading both tables to their ends took. `None`: they cannot be read.
    walk: Option<Duration>,
    in_time: bool,
}

impl Cost {
    /// Reads both tables as netstat does.
    pub fn measure(proc: &Path, clock: &dyn Clock) -> Self {
        let sockstat = RegularFile::open_in_proc(&proc.join("self/net/sockstat"))
            .and_then(|file| file.read_start(LONGEST_SOCKSTAT));
        let started = clock.now();
        let (mut walked, mut in_time) = (false, true);
        let mut buffer = vec![0; 64 << 10];
        for name in ["tcp", "tcp6"] {
            let table = RegularFile::open_in_proc(&proc.join("self/net").join(name));
            let Ok(mut file) = table.map(RegularFile::into_file) else {
                continue;
            };
            while in_time {
                match file.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(_) => walked = true,
                    Err(_) => {
                        return Self {
                            sockets: None,
                            walk: None,
                            in_time: true,
                        };
                    }
                }
                in_time = clock.now().saturating_sub(started) < LIMIT;
            }
        }
        let took = clock.now().saturating_sub(started);
        Self {
            sockets: sockstat.ok().and_then(|text| cost::sockets(&text)),
            walk: walked.then_some(took),
            in_time,
        }
    }

    /// What each run of this program costs.
    pub fn of(&self, tool: Tool) -> String {
        let sockets = match self.sockets {
            Some(1) => "1 TCP socket".to_owned(),
            Some(count) => format!("{count} TCP sockets"),
            None => "an unknown number of TCP sockets".to_owned(),
        };
        let walk = match (self.walk, self.in_time) {
            (Some(took), true) => format!("which took {} now", Shown(took)),
            (Some(took), false) => format!("which had not ended after {}", Shown(took)),
            (None, _) => "which cannot be measured here".to_owned(),
        };
        match tool {
            Tool::Netstat => {
                format!("each run reads all of /proc/net/tcp and tcp6, {walk} beside {sockets}")
            }
            Tool::Ss => format!(
                "each run has the kernel walk past all connections of the host ({sockets} now)"
            ),
            Tool::Descriptors => {
                format!(
                    "each run looks at every descriptor of every process, and reads /proc/net/tcp, {walk}"
                )
            }
            Tool::Connection => {
                "each run is a connection to the service, which its log and its accept queue see"
                    .to_owned()
            }
            Tool::Process => "each run looks at every process".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn what_is_measured() {
        let proc = tempfile::tempdir().unwrap();
        let net = proc.path().join("self/net");
        fs::create_dir_all(&net).unwrap();
        let of = |tool| Cost::measure(proc.path(), &SystemClock::start()).of(tool);
        let unknown = of(Tool::Netstat);
        assert!(
            unknown.contains("which cannot be measured here beside an unknown number"),
            "{unknown}"
        );

        fs::write(net.join("tcp"), "  sl  local_address\n").unwrap();
        fs::write(
            net.join("sockstat"),
            "TCP: inuse 1 orphan 0 tw 2 alloc 5 mem 0\n",
        )
        .unwrap();
        let known = of(Tool::Netstat);
        assert!(
            known.contains("which took ") && known.ends_with("beside 7 TCP sockets"),
            "{known}"
        );
        assert!(of(Tool::Ss).ends_with("(7 TCP sockets now)"));
        assert!(of(Tool::Descriptors).contains("which took "));

        let never = Cost {
            sockets: None,
            walk: Some(LIMIT),
            in_time: false,
        };
        assert!(
            never
                .of(Tool::Netstat)
                .contains("which had not ended after 2s")
        );
    }
}
