//! The keywords that keepalived knows, and where (the `install_keyword` calls of keepalived 2.2.7, and what
//! came with later versions up to 2.4.3). Which of them end keepalived where their value is missing was tried with
//! the real 2.2.7.

use super::keywords_check::{REAL_SERVER_ROOTS, SSL, VIRTUAL_SERVER};
use super::keywords_global::GLOBAL_DEFS;
use super::keywords_vrrp::{
    BFD_INSTANCE, GARP_GROUP, SYNC_GROUP, TRACK_FILE, TRACK_GROUP, TRACK_PROCESS, VRRP_INSTANCE,
    VRRP_SCRIPT,
};

/// A keyword and what follows it.
#[derive(Debug)]
pub(super) struct Keyword {
    pub name: &'static str,
    pub kind: Kind,
    /// The first version that knows it, where 2.2.7 does not.
    pub since: Option<&'static str>,
}

/// What follows a keyword.
#[derive(Debug)]
pub(super) enum Kind {
    /// Values, or none.
    Values,
    /// At least one value; without it keepalived ends.
    Value,
    /// A block whose lines are values.
    List,
    /// A block with keywords of its own.
    Block(Block, &'static [Keyword]),
}

/// The blocks that can be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Block {
    Root,
    GlobalDefs,
    Script,
    Instance,
    SyncGroup,
    TrackFile,
    TrackProcess,
    VirtualServer,
    RealServer,
    MiscCheck,
    OtherCheck,
    /// Nothing in it is of interest.
    Other,
}

/// The processes of keepalived. Each reads everything, and takes no notice of what is not for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Process {
    /// Reads the files, and takes `global_defs`.
    Parent,
    Vrrp,
    Checker,
}

/// A keyword that stands in no block, and the processes that take notice of it.
#[derive(Debug)]
pub(super) struct Root {
    pub keyword: Keyword,
    pub processes: &'static [Process],
}

pub(super) const fn values(name: &'static str) -> Keyword {
    keyword(name, Kind::Values)
}

pub(super) const fn value(name: &'static str) -> Keyword {
    keyword(name, Kind::Value)
}

pub(super) const fn list(name: &'static str) -> Keyword {
    keyword(name, Kind::List)
}

pub(super) const fn block(
    name: &'static str,
    block: Block,
    keywords: &'static [Keyword],
) -> Keyword {
    keyword(name, Kind::Block(block, keywords))
}

pub(super) const fn since(version: &'static str, keyword: Keyword) -> Keyword {
    Keyword {
        since: Some(version),
        ..keyword
    }
}

const fn keyword(name: &'static str, kind: Kind) -> Keyword {
    Keyword {
        name,
        kind,
        since: None,
    }
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

/// A keyword that was probably meant: one or two letters are wrong, or two are swapped.
pub(super) fn meant<'a>(name: &[u8], known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = match name.len() {
        0..=2 => return None,
        3..=5 => 1,
        6..=64 => 2,
        _ => return None,
    };
    let close = |known: &'a str| {
        let distance = distance(name, known.as_bytes());
        (distance <= most).then_some((distance, known))
    };
    let best = known.into_iter().filter_map(close).min();
    best.map(|(_, known)| known)
}

/// How many letters must be put in, taken out, changed, or swapped with the next.
fn distance(one: &[u8], other: &[u8]) -> usize {
    if one.len().abs_diff(other.len()) > 2 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    let mut previous = None;
    for (row, byte) in (1..).zip(one) {
        let mut line = vec![row];
        for (column, letter) in (1..).zip(other) {
            let cell = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX - 1);
            let change = cell(&above, column - 1) + usize::from(byte != letter);
            let mut best = change
                .min(cell(&above, column) + 1)
                .min(cell(&line, column - 1) + 1);
            let swapped =
                column > 1 && previous == Some(letter) && other.get(column - 2) == Some(byte);
            if swapped {
                best = best.min(cell(&before, column - 2) + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut above, line);
        previous = Some(byte);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::{distance, home, meant};

    #[test]
    fn what_was_meant() {
        assert_eq!(distance(b"weigth", b"weight"), 1);
        assert_eq!(distance(b"", b"ab"), 2);
        assert_eq!(distance(b"abc", b"abc"), 0);
        let known = ["interval", "weight", "user"];
        for (name, expected) in [
            ("intervall", Some("interval")),
            ("weigth", Some("weight")),
            ("weigh", Some("weight")),
            ("Users", None),
            ("usr", Some("user")),
            ("us", None),
        ] {
            assert_eq!(meant(name.as_bytes(), known), expected, "{name}");
        }
    }

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
