//! The keywords that keepalived knows, and where (the `install_keyword` calls of keepalived 2.2.7, and what
//! came with later versions up to 2.4.3). Which of them end keepalived where their value is missing was tried with
//! the real 2.2.7.

use super::keyword::{Block, Keyword, Kind, Process, block, list, value, values};
use super::keywords_check::{REAL_SERVER_ROOTS, SSL, VIRTUAL_SERVER};
use super::keywords_global::GLOBAL_DEFS;
use super::keywords_vrrp::{
    BFD_INSTANCE, GARP_GROUP, SYNC_GROUP, TRACK_FILE, TRACK_GROUP, TRACK_PROCESS, VRRP_INSTANCE,
    VRRP_SCRIPT,
};

/// A keyword that stands in no block, and the processes that take notice of it.
#[derive(Debug)]
pub(super) struct Root {
    pub keyword: Keyword,
    pub processes: &'static [Process],
}

const fn parent(keyword: Keyword) -> Root {
    root(keyword, &[Process::Parent])
}

const fn vrrp(keyword: Keyword) -> Root {
    root(keyword, &[Process::Vrrp])
}

const fn both(keyword: Keyword) -> Root {
    root(keyword, &[Process::Vrrp, Process::Checker])
}

const fn checker(keyword: Keyword) -> Root {
    root(keyword, &[Process::Checker])
}

const fn root(keyword: Keyword, processes: &'static [Process]) -> Root {
    Root { keyword, processes }
}

/// Everything that may stand in no block.
pub(super) static ROOTS: &[Root] = &[
    parent(values("linkbeat_use_polling")),
    parent(values("net_namespace")),
    parent(values("net_namespace_ipvs")),
    parent(values("namespace_with_ipsets")),
    parent(values("use_pid_dir")),
    parent(values("instance")),
    parent(value("child_wait_time")),
    parent(block("global_defs", Block::GlobalDefs, GLOBAL_DEFS)),
    vrrp(block("track_group", Block::Other, TRACK_GROUP)),
    vrrp(list("static_ipaddress")),
    vrrp(list("static_routes")),
    vrrp(list("static_rules")),
    vrrp(block("vrrp_sync_group", Block::SyncGroup, SYNC_GROUP)),
    vrrp(block("garp_group", Block::Other, GARP_GROUP)),
    vrrp(list("linkbeat_interfaces")),
    vrrp(block("vrrp_instance", Block::Instance, VRRP_INSTANCE)),
    vrrp(block("vrrp_script", Block::Script, VRRP_SCRIPT)),
    vrrp(block(
        "vrrp_track_process",
        Block::TrackProcess,
        TRACK_PROCESS,
    )),
    vrrp(list("interface_up_down_delays")),
    both(block("bfd_instance", Block::Other, BFD_INSTANCE)),
    both(block("track_file", Block::TrackFile, TRACK_FILE)),
    both(block("vrrp_track_file", Block::TrackFile, TRACK_FILE)),
    checker(block("SSL", Block::Other, SSL)),
    checker(list("virtual_server_group")),
    checker(block(
        "virtual_server",
        Block::VirtualServer,
        VIRTUAL_SERVER,
    )),
];

/// The keyword of that name that stands in no block.
pub(super) fn root_of(name: &[u8]) -> Option<&'static Root> {
    let is_it = |root: &&Root| root.keyword.name.as_bytes() == name;
    ROOTS.iter().find(is_it)
}

/// The keyword of that name among these.
pub(super) fn find(keywords: &'static [Keyword], name: &[u8]) -> Option<&'static Keyword> {
    let is_it = |keyword: &&Keyword| keyword.name.as_bytes() == name;
    keywords.iter().find(is_it)
}

/// The name of a block in which a keyword may stand that may not stand where it does.
pub(super) fn home(name: &[u8]) -> Option<&'static str> {
    const HOMES: &[&str] = &[
        "vrrp_script",
        "vrrp_instance",
        "vrrp_sync_group",
        "global_defs",
        "virtual_server",
        "track_file",
        "vrrp_track_process",
    ];
    if root_of(name).is_some() {
        return Some("no block");
    }
    let mut homes = HOMES.iter().copied();
    let home = homes.find(|home| {
        let root = root_of(home.as_bytes()).map(|root| &root.keyword.kind);
        matches!(root, Some(Kind::Block(_, keywords)) if find(keywords, name).is_some())
    });
    let check = || {
        REAL_SERVER_ROOTS
            .iter()
            .any(|known| known.as_bytes() == name)
    };
    home.or_else(|| check().then_some("real_server"))
}

#[cfg(test)]
mod tests {
    use super::home;

    #[test]
    fn where_a_keyword_belongs() {
        for (name, expected) in [
            ("vrrp_script", Some("no block")),
            ("interval", Some("vrrp_script")),
            ("script_user", Some("global_defs")),
            ("MISC_CHECK", Some("real_server")),
            ("nonsense", None),
        ] {
            assert_eq!(home(name.as_bytes()), expected, "{name}");
        }
    }
}
