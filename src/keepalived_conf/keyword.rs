//! What a keyword is, and the blocks that it may open.

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
