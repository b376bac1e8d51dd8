//! What can differ between kernels, one case after the other.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use listenup::domain::Family;
use listenup::source::{netlink::Netlink, proc::Proc};
use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MntFlags, umount2};

use crate::sockets::Zoo;
use crate::table::listeners;
use crate::verdicts::{Kernel, Run, Verdicts};
use crate::{Outside, attach, product, resets, version, vrf, watch};

const SOURCES: [&str; 3] = ["auto", "sock_diag", "proc"];
const ROOT: u32 = 0;
/// A user, and a group, that own nothing.
const NOBODY: u32 = 65534;
/// Verdicts within a process, and runs of the program, for each source in each of churn's scenarios.
const LOOKS: usize = 100;
const CHECKS: usize = 10;
const SCENARIOS: usize = 6;

/// With IPv6. Nothing is loaded at the beginning, and nobody is there to load it on demand.
pub fn with_ipv6(outside: &mut Outside) {
    let _zoo = Zoo::open();
    let mut kernel = Kernel {
        sock_diag: false,
        proc: true,
        ipv6: true,
    };
    outside.report("no module", every_source(kernel, ROOT));
    outside.report("watch, no module", watch::by_proc());
    load("inet_diag");
    outside.report("inet_diag alone", every_source(kernel, ROOT));
    load("tcp_diag");
    kernel.sock_diag = true;
    for source in SOURCES {
        let run = Run { source, user: ROOT };
        outside.report(source, Verdicts::of_the_zoo(kernel, run));
    }
    outside.report("both agree", agreement(7, 7));
    outside.report("uid 65534", every_source(kernel, NOBODY));
    outside.report("no udp_diag", udp(false));
    load("udp_diag");
    outside.report("udp", udp(true));
    outside.report("events", watch::by_events());
    let churned = churn(outside);
    outside.report("churn", churned);
    outside.report("resets", resets::named());
    match watch::through_suspends() {
        Some(verdicts) => outside.report("suspend", verdicts),
        None => outside.print("lacks", "suspend"),
    }
    outside.report("subset=pid", with_only_processes_in_proc(kernel));
}

/// Loads what the cases of VRFs need. User-mode Linux has some of it built in, and then there is no file.
fn load_for_vrfs() {
    let modules = ["inet_diag", "tcp_diag", "udp_diag", "veth", "vrf"];
    let is_module = |module: &&str| Path::new(&format!("/{module}.ko")).exists();
    modules.into_iter().filter(is_module).for_each(load);
}

/// Listeners in VRFs and outside.
pub fn in_a_vrf(outside: &mut Outside) {
    load_for_vrfs();
    outside.report("vrf", vrf::verdicts());
}

/// Every combination of a listener and a client.
pub fn product(outside: &mut Outside) {
    load_for_vrfs();
    outside.report("product", product::verdicts());
}

/// On a kernel that was booted with ipv6.disable=1.
pub fn without_ipv6(outside: &mut Outside) {
    let _zoo = Zoo::without_ipv6();
    let mut kernel = Kernel {
        sock_diag: false,
        proc: true,
        ipv6: false,
    };
    let mut verdicts = every_source(kernel, ROOT);
    for module in ["inet_diag", "tcp_diag"] {
        load(module);
    }
    kernel.sock_diag = true;
    verdicts.add(every_source(kernel, ROOT));
    verdicts.add(agreement(7, 0));
    outside.report("ipv6.disable=1", verdicts);
}

/// The fixtures for the parsers' tests.
pub fn capture(outside: &mut Outside) {
    for module in ["inet_diag", "tcp_diag", "udp_diag"] {
        load(module);
    }
    let folder = Path::new("/fixtures");
    let done = Command::new("/capture").arg(folder).status().unwrap();
    assert!(done.success(), "capture: {done}");
    let names = ["tcp", "tcp6", "snmp", "netstat", "sock_diag.hex"];
    let of_udp = ["udp", "udp6", "sock_diag_udp.hex"];
    let traced = [
        "tcp_send_reset.format",
        "tcp_receive_reset.format",
        "header_page",
        "resets.hex",
    ];
    for name in names.into_iter().chain(of_udp).chain(traced) {
        for line in std::fs::read_to_string(folder.join(name)).unwrap().lines() {
            outside.print(name, line);
        }
    }
}

fn load(module: &str) {
    let file = File::open(format!("/{module}.ko")).unwrap();
    finit_module(file, c"", ModuleInitFlags::empty())
        .unwrap_or_else(|error| panic!("{module}: {error}"));
}

fn every_source(kernel: Kernel, user: u32) -> Verdicts {
    let mut verdicts = Verdicts::default();
    for source in SOURCES {
        verdicts.add(Verdicts::of_the_zoo(kernel, Run { source, user }));
    }
    verdicts
}

/// UDP sockets of every kind, with udp_diag or without.
fn udp(sock_diag: bool) -> Verdicts {
    let zoo = crate::udp::sockets();
    let mut verdicts = Verdicts::default();
    for source in SOURCES {
        for user in [ROOT, NOBODY] {
            verdicts.add(Verdicts::of_udp(sock_diag, Run { source, user }));
        }
    }
    drop(zoo);
    verdicts
}

/// Both sources show the same listeners, and so many of each family. Counts listeners.
fn agreement(v4: usize, v6: usize) -> Verdicts {
    let mut verdicts = Verdicts::default();
    for (family, count) in [(Family::V4, v4), (Family::V6, v6)] {
        let kernel = listeners(&mut Netlink::new(), family);
        let table = listeners(&mut Proc::new("/proc"), family);
        for listener in kernel.symmetric_difference(&table) {
            verdicts.wrong.push(format!("only one shows {listener}"));
        }
        verdicts.right += kernel.intersection(&table).count();
        if kernel.len() != count {
            verdicts.wrong.push(format!("{kernel:?} are not {count}"));
        }
    }
    verdicts
}

/// /proc has processes and nothing else, which 5.8 and later can do. Up to 5.12 what is below
/// /proc/self/net is listed and cannot be opened (fs/proc/inode.c, proc_reg_open).
fn with_only_processes_in_proc(mut kernel: Kernel) -> Verdicts {
    let version = version::upstream();
    let mut numbers = version.split('.').map(|number| number.parse().unwrap());
    let version: (u32, u32) = (numbers.next().unwrap(), numbers.next().unwrap());
    kernel.proc = version >= (5, 13);
    attach("proc", "/proc", Some("subset=pid"));
    let mut verdicts = every_source(kernel, ROOT);
    verdicts.note(!Path::new("/proc/net").exists(), || {
        "/proc/net is there".to_owned()
    });
    umount2("/proc", MntFlags::MNT_DETACH).unwrap();
    verdicts
}

/// A steady listener while others open and close around it.
fn churn(outside: &mut Outside) -> Verdicts {
    let said = Command::new("/churn")
        .args([LOOKS.to_string(), CHECKS.to_string()])
        .args(["20s", "/listenup"]) // emulated, and maybe on a busy machine
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&said.stdout);
    for line in text.lines() {
        outside.print("churn", line);
    }
    let verdicts = SCENARIOS * (2 * LOOKS + 3 * CHECKS);
    let last = text.lines().last().unwrap_or_default();
    let false_downs = last.strip_prefix("false down results: ").map(str::parse);
    match false_downs {
        Some(Ok(count)) if said.status.success() == (count == 0) => Verdicts {
            right: verdicts - count,
            wrong: vec!["a false \"down\"".to_owned(); count],
        },
        _ => Verdicts {
            right: 0,
            wrong: vec![format!("{said:?}")],
        },
    }
}

impl Outside {
    fn report(&mut self, case: &str, verdicts: Verdicts) {
        self.print("right", &format!("{case}|{}", verdicts.right));
        self.print("wrong", &format!("{case}|{}", verdicts.wrong.len()));
        for wrong in verdicts.wrong {
            self.print("why", &format!("{case}: {wrong}"));
        }
    }
}

impl Verdicts {
    fn add(&mut self, other: Self) {
        self.right += other.right;
        self.wrong.extend(other.wrong);
    }
}
