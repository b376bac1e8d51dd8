//! How long it takes from the end of a listener to the new value in the file of `listenup watch`, and what the watch costs.
//!
//! `latency PROGRAM ROUNDS close|kill [WATCH-OPTION...]` prints, tab-separated: rounds, p50, p99 and the largest in
//! microseconds, and how many of the changes were by the kernel's event. `latency PROGRAM SECONDS idle [WATCH-OPTION...]`
//! prints the watch's processor time in percent of one core, its resident size at the beginning and at the end in KB, its
//! descriptors at both, and how often the file changed. `latency - SECONDS asleep MS` prints the processor time of a thread
//! that only sleeps so many milliseconds again and again, for comparison. As root, in a network namespace where port 443 is
//! free. With CHURN=N in the environment, beside N connections a second on that and on another port that come and go.

#![allow(clippy::print_stdout)]

#[path = "shared/percentile.rs"]
mod percentile;

use std::error::Error;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use percentile::percentile;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const PORT: u16 = 443;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [program, count, what, options @ ..] = args.as_slice() else {
        return Err("usage: latency PROGRAM COUNT close|kill|idle|asleep [OPTION...]".into());
    };
    let folder = std::env::temp_dir().join(format!("listenup-latency-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let result = run(program, count.parse()?, what, options, &folder);
    fs::remove_dir_all(&folder)?;
    result
}

fn run(program: &str, count: u64, what: &str, options: &[String], folder: &Path) -> Result<()> {
    if what == "asleep" {
        let pause = options.first().ok_or("asleep for how long?")?.parse()?;
        return asleep(Duration::from_secs(count), Duration::from_millis(pause));
    }
    let churn = std::env::var("CHURN")
        .ok()
        .map(|rate| rate.parse())
        .transpose()?;
    let _churn = churn.map(Churn::start).transpose()?;
    let mut watch = Watch::start(program, options, folder)?;
    match what {
        "idle" => idle(&mut watch, Duration::from_secs(count)),
        "close" => rounds(&mut watch, count, || Service::here(PORT)),
        "kill" => rounds(&mut watch, count, || Service::elsewhere(PORT)),
        _ => Err("close, kill, idle or asleep".into()),
    }
}

/// A `listenup watch`, which is killed with this value.
struct Watch {
    child: Child,
    file: PathBuf,
    /// Waits for the event after which keepalived reads the file: one that was open for writing is closed.
    writes: Inotify,
}

impl Watch {
    fn start(program: &str, options: &[String], folder: &Path) -> Result<Self> {
        let file = folder.join("track");
        let mut command = Command::new(program);
        command
            .args(["watch", "--track-file"])
            .arg(&file)
            .args(options)
            .arg(PORT.to_string());
        let writes = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        writes.add_watch(folder, AddWatchFlags::IN_CLOSE_WRITE)?;
        let said = fs::File::create(folder.join("said"))?;
        let child = command.stdout(said).spawn()?;
        let watch = Self {
            child,
            file,
            writes,
        };
        watch.wait_for("1\n")?;
        // The first verdict says so, too, and has a line.
        let deadline = Instant::now() + Duration::from_secs(20);
        while fs::metadata(folder.join("said"))?.len() == 0 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        Ok(watch)
    }

    /// When the file says this. It sleeps until then, and takes no processor from the watch.
    fn wait_for(&self, value: &str) -> Result<Instant> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while fs::read_to_string(&self.file).unwrap_or_default() != value {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("the file does not say {value:?}").into());
            }
            let mut readable = [PollFd::new(self.writes.as_fd(), PollFlags::POLLIN)];
            poll(&mut readable, PollTimeout::try_from(left)?)?;
            match self.writes.read_events() {
                Ok(_) | Err(Errno::EAGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(Instant::now())
    }

    /// What /proc has of it.
    fn proc(&self, name: &str) -> PathBuf {
        Path::new("/proc")
            .join(self.child.id().to_string())
            .join(name)
    }

    /// Processor time of its one thread so far, in seconds.
    fn time(&self) -> Result<f64> {
        processor_time(&self.proc("schedstat"))
    }

    fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(self.proc("status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .ok_or("VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    fn descriptors(&self) -> Result<usize> {
        Ok(fs::read_dir(self.proc("fd"))?.count())
    }

    /// Ends it; how many of its lines have both of these in them.
    fn end(&mut self, one: &str, other: &str) -> Result<usize> {
        self.child.kill()?;
        self.child.wait()?;
        let said = fs::read_to_string(self.file.with_file_name("said"))?;
        let wanted = |line: &&str| line.contains(one) && line.contains(other);
        Ok(said.lines().filter(wanted).count())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In seconds; /proc/PID/stat counts in ticks of 10 ms.
fn processor_time(schedstat: &Path) -> Result<f64> {
    let schedstat = fs::read_to_string(schedstat)?;
    let nanoseconds: f64 = schedstat.split(' ').next().ok_or("schedstat")?.parse()?;
    Ok(nanoseconds / 1e9)
}

/// What waking takes by itself.
fn asleep(time: Duration, pause: Duration) -> Result<()> {
    let schedstat = Path::new("/proc/thread-self/schedstat");
    let (began, before) = (Instant::now(), processor_time(schedstat)?);
    while began.elapsed() < time {
        thread::sleep(pause);
    }
    let used = processor_time(schedstat)? - before;
    println!("{:.3}", used / began.elapsed().as_secs_f64() * 100.0);
    Ok(())
}

/// What listens, in this process or in one of its own.
enum Service {
    Here(TcpListener),
    Elsewhere(Child),
}

impl Service {
    fn here(port: u16) -> Result<Self> {
        Ok(Self::Here(TcpListener::bind(("127.0.0.1", port))?))
    }

    fn elsewhere(port: u16) -> Result<Self> {
        let listener = std::env::current_exe()?.with_file_name("listener");
        let mut command = Command::new(listener);
        let child = command
            .arg(format!("127.0.0.1:{port}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        Ok(Self::Elsewhere(child.spawn()?))
    }

    /// Ends it; when that began.
    fn end(self) -> Result<Instant> {
        let began = Instant::now();
        match self {
            Self::Here(listener) => drop(listener),
            Self::Elsewhere(mut child) => {
                child.kill()?;
                child.wait()?;
            }
        }
        Ok(began)
    }
}

fn rounds(watch: &mut Watch, count: u64, service: impl Fn() -> Result<Service>) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..count {
        let service = service()?;
        watch.wait_for("0\n")?;
        // Its own look after the change is over.
        thread::sleep(Duration::from_millis(2));
        let began = service.end()?;
        times.push(watch.wait_for("1\n")?.saturating_duration_since(began));
    }
    let (median, most) = (percentile(&times, 50), percentile(&times, 99));
    let largest = percentile(&times, 100);
    // It writes the file first, and then its line.
    thread::sleep(Duration::from_millis(100));
    let by_event = watch.end(" down (", "after the event")?;
    println!("{count}\t{median:.0}\t{most:.0}\t{largest:.0}\t{by_event}");
    Ok(())
}

fn idle(watch: &mut Watch, time: Duration) -> Result<()> {
    let _service = Service::here(PORT)?;
    watch.wait_for("0\n")?;
    thread::sleep(Duration::from_millis(500));
    let (before, resident, open) = (watch.time()?, watch.resident()?, watch.descriptors()?);
    thread::sleep(time);
    let used = (watch.time()? - before) / time.as_secs_f64() * 100.0;
    let (resident_after, open_after) = (watch.resident()?, watch.descriptors()?);
    let changes = watch.end(" (", "")?;
    println!("{used:.3}\t{resident}\t{resident_after}\t{open}\t{open_after}\t{changes}");
    Ok(())
}

/// Connections that come and go, half of them to the port that is watched.
struct Churn {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Churn {
    /// About so many a second; it takes most of a core.
    fn start(rate: u64) -> Result<Self> {
        let other = TcpListener::bind(("127.0.0.1", 0))?;
        let places = [
            other.local_addr()?,
            SocketAddr::from(([127, 0, 0, 1], PORT)),
        ];
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let began = Instant::now();
            let mut made = 0;
            while !seen.load(Ordering::Relaxed) {
                for place in places {
                    // Closed with a reset, so that no port is used up by TIME_WAIT. Nothing may listen at the moment.
                    if let Ok(stream) = TcpStream::connect(place) {
                        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                    }
                }
                if let Ok((accepted, _)) = other.accept() {
                    drop(accepted);
                }
                made += 2;
                let due = Duration::from_secs_f64(made as f64 / rate as f64);
                thread::sleep(due.saturating_sub(began.elapsed()));
            }
        });
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Churn {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}
