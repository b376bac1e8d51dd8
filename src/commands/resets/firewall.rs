//! Rules of nftables that reject with a TCP reset. Neither TCP's counters nor the trace have these resets.
//! NFT_MSG_GETRULE, in linux/netfilter/nf_tables.h.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::netlink::{attribute, attributes, dump};
use crate::errno::ErrnoText;
use crate::source::ByteOrder;
use crate::untrusted::text::printable_bytes;

/// NFNL_SUBSYS_NFTABLES and NFT_MSG_GETRULE.
const GET_RULES: u16 = 10 << 8 | 7;
const NFTA_RULE_TABLE: u16 = 1;
const NFTA_RULE_CHAIN: u16 = 2;
const NFTA_RULE_HANDLE: u16 = 3;
const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_COUNTER_PACKETS: u16 = 2;
const NFTA_REJECT_TYPE: u16 = 1;
const NFT_REJECT_TCP_RST: u32 = 1;
const NFTA_TARGET_NAME: u16 = 1;
const NFTA_TARGET_INFO: u16 = 3;
/// IPT_TCP_RESET of linux/netfilter_ipv4/ipt_REJECT.h, and IP6T_TCP_RESET.
const TCP_RESET_OF_IPTABLES: [u32; 2] = [7, 6];
/// nfgen_family of IPv6.
const AF_INET6: u8 = 10;

/// How many rules are remembered.
const MAX_RULES: usize = 1000;

/// A rule, by its family, table, chain and handle.
pub type Rule = (u8, String, String, u64);

/// The rules that reject with a TCP reset, and the generation of all rules.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The packets that each has rejected. `None` if a rule has no counter for them alone.
    pub packets: BTreeMap<Rule, Option<u64>>,
    /// Another one for each change of any rule (res_id of struct nfgenmsg). `None` without rules.
    pub generation: Option<[u8; 2]>,
}

/// Reads the rules of the network namespace of this thread.
///
/// # Errors
/// Returns the reason why they could not be read.
pub fn read() -> Result<Rules, String> {
    let mut rules = Rules::default();
    if !is_loaded()? {
        return legacy(rules);
    }
    // struct nfgenmsg, of any family.
    let asked = dump(
        SockProtocol::NetlinkNetFilter,
        GET_RULES,
        &[0; 4],
        &mut |body| {
            rules.generation = body.get(2..).and_then(|id| id.first_chunk().copied());
            if rules.packets.len() < MAX_RULES {
                rules.packets.extend(parse(body, ByteOrder::NATIVE));
            }
        },
    );
    match asked {
        // The kernel has no nftables.
        Ok(()) | Err(Errno::EPROTONOSUPPORT | Errno::EINVAL) => legacy(rules),
        Err(errno) => Err(ErrnoText(errno).to_string()),
    }
}

/// True if the kernel has nftables loaded. A question would load its module.
///
/// # Errors
/// Returns an error if that could not be read.
fn is_loaded() -> Result<bool, String> {
    let is_there = |path: &str| Path::new(path).exists();
    if !is_there("/proc/modules") || is_there("/sys/module/nf_tables") {
        return Ok(true);
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let built_in = format!("/lib/modules/{}/modules.builtin", release.trim());
    let built_in = fs::read_to_string(built_in);
    let unknown = "cannot find out whether nftables is loaded";
    Ok(built_in.map_err(|_| unknown)?.contains("/nf_tables.ko"))
}

/// Returns an error if iptables-legacy can have rules, which are not read.
fn legacy(rules: Rules) -> Result<Rules, String> {
    let has = |file: &str, word: &str| {
        let text = fs::read_to_string(format!("/proc/self/net/{file}")).unwrap_or_default();
        text.lines().any(|line| line.contains(word))
    };
    let is_in_use = |family: &str| {
        has(&format!("{family}_tables_names"), "")
            && has(&format!("{family}_tables_targets"), "REJECT")
    };
    match is_in_use("ip") || is_in_use("ip6") {
        true => Err("rules of iptables-legacy are not read".to_owned()),
        false => Ok(rules),
    }
}

/// Reads a rule. `None` if it does not reject with a TCP reset.
fn parse(body: &[u8], order: ByteOrder) -> Option<(Rule, Option<u64>)> {
    let (family, body) = (*body.first()?, body.get(4..)?);
    let of = |kind| attribute(body, kind, order);
    let text = |kind| Some(printable_bytes(of(kind)?.strip_suffix(&[0])?));
    let (mut packets, mut rejects) = (None, false);
    for (_, expression) in attributes(of(NFTA_RULE_EXPRESSIONS)?, order) {
        let name = attribute(expression, NFTA_EXPR_NAME, order)?;
        let data = attribute(expression, NFTA_EXPR_DATA, order).unwrap_or_default();
        if is_reset(name, data, family, order) {
            rejects = true;
            break;
        }
        // A counter counts what is rejected only if nothing is compared after it.
        packets = match name {
            b"counter\0" => attribute(data, NFTA_COUNTER_PACKETS, order),
            b"log\0" => packets,
            _ => None,
        };
    }
    let packets = packets.and_then(|bytes| Some(u64::from_be_bytes(*bytes.first_chunk()?)));
    let handle = u64::from_be_bytes(*of(NFTA_RULE_HANDLE)?.first_chunk()?);
    let rule = (
        family,
        text(NFTA_RULE_TABLE)?,
        text(NFTA_RULE_CHAIN)?,
        handle,
    );
    rejects.then_some((rule, packets))
}

/// True if an expression rejects with a TCP reset: nft's own, or that of iptables-nft.
fn is_reset(name: &[u8], data: &[u8], family: u8, order: ByteOrder) -> bool {
    let number = |kind| attribute(data, kind, order).and_then(|bytes| bytes.first_chunk());
    match name {
        b"reject\0" => {
            number(NFTA_REJECT_TYPE).map(|kind| u32::from_be_bytes(*kind))
                == Some(NFT_REJECT_TCP_RST)
        }
        b"target\0" => {
            let [v4, v6] = TCP_RESET_OF_IPTABLES;
            let wanted = if family == AF_INET6 { v6 } else { v4 };
            attribute(data, NFTA_TARGET_NAME, order) == Some(b"REJECT\0")
                && number(NFTA_TARGET_INFO).map(|kind| order.u32(*kind)) == Some(wanted)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::resets::netlink::tests::encode;

    const ORDER: ByteOrder = ByteOrder::Little;

    fn expression(name: &[u8], data: &[u8]) -> Vec<u8> {
        let parts = [
            encode(NFTA_EXPR_NAME, name, ORDER),
            encode(NFTA_EXPR_DATA, data, ORDER),
        ];
        encode(1, &parts.concat(), ORDER)
    }

    fn counter(packets: u64) -> Vec<u8> {
        expression(
            b"counter\0",
            &encode(NFTA_COUNTER_PACKETS, &packets.to_be_bytes(), ORDER),
        )
    }

    fn reject(kind: u32) -> Vec<u8> {
        expression(
            b"reject\0",
            &encode(NFTA_REJECT_TYPE, &kind.to_be_bytes(), ORDER),
        )
    }

    fn target(name: &[u8], kind: u32) -> Vec<u8> {
        let parts = [
            encode(NFTA_TARGET_NAME, name, ORDER),
            encode(NFTA_TARGET_INFO, &kind.to_le_bytes(), ORDER),
        ];
        expression(b"target\0", &parts.concat())
    }

    /// What is known of a rule of this family with these expressions.
    fn packets(family: u8, expressions: &[Vec<u8>]) -> Option<Option<u64>> {
        let body = [
            vec![family, 0, 0, 0],
            encode(NFTA_RULE_TABLE, b"t\0", ORDER),
            encode(NFTA_RULE_CHAIN, b"a\x1bc\0", ORDER),
            encode(NFTA_RULE_HANDLE, &7_u64.to_be_bytes(), ORDER),
            encode(NFTA_RULE_EXPRESSIONS, &expressions.concat(), ORDER),
        ];
        let (rule, packets) = parse(&body.concat(), ORDER)?;
        assert_eq!(rule, (family, "t".to_owned(), "a\u{fffd}c".to_owned(), 7));
        Some(packets)
    }

    #[test]
    fn rules_that_reject_with_a_reset_and_their_counters() {
        let compare = expression(b"cmp\0", &[]);
        assert_eq!(packets(2, &[counter(5), reject(1)]), Some(Some(5)));
        let before = [counter(5), compare.clone(), reject(1)];
        assert_eq!(
            packets(2, &before),
            Some(None),
            "it counts more than was rejected"
        );
        assert_eq!(packets(2, &[reject(1), counter(5)]), Some(None));
        let logged = [counter(5), expression(b"log\0", &[]), reject(1)];
        assert_eq!(packets(2, &logged), Some(Some(5)));
        assert_eq!(packets(2, &[counter(5), reject(0)]), None, "by ICMP");
        assert_eq!(packets(2, &[counter(5), compare]), None);
        // iptables-nft and ip6tables-nft.
        assert_eq!(
            packets(2, &[counter(5), target(b"REJECT\0", 7)]),
            Some(Some(5))
        );
        assert_eq!(
            packets(10, &[counter(5), target(b"REJECT\0", 6)]),
            Some(Some(5))
        );
        assert_eq!(packets(10, &[counter(5), target(b"REJECT\0", 7)]), None);
        assert_eq!(packets(2, &[counter(5), target(b"DROP\0", 7)]), None);
    }
}
