//! Why nothing may listen on a target although all is well with its service.

use std::net::IpAddr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;

use super::findings::Finding;
use crate::domain::{Place, Target};
use crate::untrusted::RegularFile;

/// Bytes of the kernel's tables that are looked at.
const MOST: u64 = 1 << 20;

/// What explains that nothing listens on a target. `what` is the target or the check that asks for it.
pub fn of(target: &Target, what: &str, proc: &Path) -> Vec<Finding> {
    let found = [
        forwarded(target, what, proc),
        not_assigned(target, what, proc),
    ];
    found.into_iter().flatten().collect()
}

/// Connections that are passed on have no listener here.
fn forwarded(target: &Target, what: &str, proc: &Path) -> Option<Finding> {
    let table = |name: &str| {
        let file = RegularFile::open_in_proc(&proc.join("self/net").join(name));
        // What could not be read explains nothing.
        let text = file.and_then(|file| file.read_start(MOST)).ok()?;
        Some(String::from_utf8_lossy(&text).into_owned())
    };
    let by = if table("ip_vs").is_some_and(|text| text.lines().any(|line| is_virtual(line, target)))
    {
        "IPVS has a virtual service on it"
    } else if table("nf_conntrack")
        .is_some_and(|text| text.lines().any(|line| is_nat(line, target)))
    {
        "NAT passes its connections on"
    } else {
        return None;
    };
    Some(Finding::note(
        format!("{what}: no listener of this machine has to be there for it to be served"),
        format!("{target}: {by}"),
        "check the port that the service itself listens on",
    ))
}

/// A line of net/ip_vs: `TCP  C0000264:01BB wlc` (net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_info_seq_show).
fn is_virtual(line: &str, target: &Target) -> bool {
    let mut words = line.split_whitespace();
    if words.next() != Some("TCP") {
        return false;
    }
    let port = words.next().and_then(|place| place.rsplit_once(':'));
    let port = port.and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
    port == Some(target.port())
}

/// A line of net/nf_conntrack: the ports of the connection and of its answers, which differ where NAT changed
/// them (net/netfilter/nf_conntrack_standalone.c, ct_seq_show).
fn is_nat(line: &str, target: &Target) -> bool {
    let values = |key: &str| -> Vec<String> {
        let words = line.split_whitespace();
        let values = words
            .filter_map(|word| word.strip_prefix(key))
            .map(str::to_owned);
        values.collect()
    };
    if !line.split_whitespace().any(|word| word == "tcp") {
        return false;
    }
    let (to, from) = (values("dport="), values("sport="));
    let (dst, src) = (values("dst="), values("src="));
    let ([asked, _], [_, answers]) = (to.as_slice(), from.as_slice()) else {
        return false;
    };
    let ([asked_at, _], [_, answers_at]) = (dst.as_slice(), src.as_slice()) else {
        return false;
    };
    *asked == target.port().to_string() && (asked != answers || asked_at != answers_at)
}

/// A service that cannot bind before the address is here, and a check that keeps it away.
fn not_assigned(target: &Target, what: &str, proc: &Path) -> Option<Finding> {
    let Place::Address(address, port) = &target.place else {
        return None;
    };
    let family = match address {
        IpAddr::V4(_) => "ipv4",
        IpAddr::V6(_) => "ipv6",
    };
    let name = format!("net.{family}.ip_nonlocal_bind");
    let file = proc.join("sys/net").join(family).join("ip_nonlocal_bind");
    let value = RegularFile::open_in_proc(&file).and_then(|file| file.read_start(MOST));
    let value = String::from_utf8(value.ok()?).ok()?;
    if address.is_unspecified()
        || address.is_loopback()
        || value.trim() != "0"
        || is_assigned(*address)?
    {
        return None;
    }
    Some(Finding::problem(
        format!(
            "{what}: the check fails until the address is here, and with weight 0 it keeps it away"
        ),
        format!(
            "{address} is not assigned to this machine and {name} is 0, so the service cannot bind it yet"
        ),
        format!("check the port alone ({port}), or set {name} to 1"),
    ))
}

/// `None`: that could not be found out.
fn is_assigned(address: IpAddr) -> Option<bool> {
    let mut all = getifaddrs().ok()?;
    Some(all.any(|interface| {
        let found = interface.address;
        let v4 = || {
            found
                .as_ref()?
                .as_sockaddr_in()
                .map(|found| IpAddr::V4(found.ip()))
        };
        let v6 = || {
            found
                .as_ref()?
                .as_sockaddr_in6()
                .map(|found| IpAddr::V6(found.ip()))
        };
        v4().or_else(v6) == Some(address)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_service() {
        let target: Target = "443".parse().unwrap();
        assert!(is_virtual("TCP  C0000264:01BB rr  ", &target));
        assert!(is_virtual(
            "TCP  [2001:0db8:0000:0000:0000:0000:0000:0001]:01BB wlc ",
            &target
        ));
        for line in [
            "UDP  C0000264:01BB rr",
            "TCP  C0000264:20FB rr",
            "  -> C0000201:01BB      Masq    1      0          0",
            "IP Virtual Server version 1.2.1 (size=4096)",
            "FWM  00000001 rr",
        ] {
            assert!(!is_virtual(line, &target), "{line}");
        }
    }

    #[test]
    fn what_the_tables_explain() {
        let proc = tempfile::tempdir().unwrap();
        let net = proc.path().join("self/net");
        std::fs::create_dir_all(&net).unwrap();
        let target: Target = "443".parse().unwrap();
        let found = || forwarded(&target, "443", proc.path()).map(|finding| finding.cause);
        assert_eq!(found(), None);
        std::fs::write(
            net.join("ip_vs"),
            "IP Virtual Server\nTCP  C0000264:01BB rr\n",
        )
        .unwrap();
        assert_eq!(found().unwrap(), "443: IPVS has a virtual service on it");
        std::fs::write(
            net.join("ip_vs"),
            "IP Virtual Server\nTCP  C0000264:01BC rr\n",
        )
        .unwrap();
        assert_eq!(found(), None);
    }

    #[test]
    fn a_connection_that_was_passed_on() {
        let target: Target = "443".parse().unwrap();
        let line = |to: &str, from: &str| {
            format!(
                "ipv4     2 tcp      6 431999 ESTABLISHED src=192.0.2.3 dst=192.0.2.1 sport=40000 dport=443 \
                 src={from} dst=192.0.2.3 sport={to} dport=40000 [ASSURED] mark=0 use=1"
            )
        };
        assert!(is_nat(&line("8443", "192.0.2.1"), &target));
        assert!(is_nat(&line("443", "192.0.2.9"), &target));
        assert!(!is_nat(&line("443", "192.0.2.1"), &target));
        assert!(!is_nat(&line("8443", "192.0.2.1"), &"80".parse().unwrap()));
        assert!(!is_nat(
            &line("8443", "192.0.2.1").replace("tcp", "udp"),
            &target
        ));
    }
}
