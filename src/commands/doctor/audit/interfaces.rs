//! The interfaces and the network namespace that the configuration names and this host does not have.

use std::collections::HashSet;

use nix::ifaddrs::getifaddrs;

use super::super::codes::audit::NO_INTERFACE_HERE;
use super::super::codes::command::NO_NAMESPACE;
use super::super::command::in_netns;
use super::super::examined::Conf;
use super::super::findings::Finding;
use crate::domain::SetupError;
use crate::host::netns::Netns;
use crate::keepalived_conf::Version;

/// Reports each interface without which keepalived does not start on this host (keepalived/vrrp/vrrp_if.c,
/// `if_get_by_ifname`), or its network namespace. Nothing else follows from a configuration with which it does not start.
pub fn missing(conf: &mut Conf) -> Vec<Finding> {
    let (config, first) = (&mut conf.config, Version::new(2, 0, 0));
    let is_old = conf.version.is_some_and(|version| version < first);
    if !config.complete || is_old {
        return Vec::new();
    }
    let set = config.globals.net_namespace.as_ref();
    let netns = set.map(|name| Netns::parse(&name.value));
    if matches!(netns, Some(None)) {
        return Vec::new();
    }
    let present = in_netns(netns.flatten().as_ref(), || {
        let all = getifaddrs()?;
        Ok::<HashSet<String>, nix::Error>(all.map(|one| one.interface_name).collect())
    });
    let present = match (present, set) {
        (Ok(Ok(present)), _) => present,
        (Err(SetupError::NoSuch(why)), Some(set)) if conf.running.is_none() => {
            config.fatal.get_or_insert(set.place.clone());
            let finding = NO_NAMESPACE.with(&[("netns", &set.value), ("why", &why)]);
            return vec![finding.at(&set.place)];
        }
        _ => return Vec::new(),
    };
    if config.globals.dynamic_interfaces {
        return Vec::new();
    }
    let interfaces = config.interfaces.iter();
    let absent: Vec<_> = interfaces
        .filter(|name| !present.contains(&name.value))
        .collect();
    // One that runs has started, and goes on without the interface.
    if let (Some(first), None) = (absent.first(), &conf.running) {
        config.fatal.get_or_insert(first.place.clone());
    }
    let findings = absent.iter().map(|name| {
        let finding = NO_INTERFACE_HERE.with(&[("interface", &name.value)]);
        finding.at(&name.place)
    });
    findings.collect()
}
