//! The questions that checks ask.

use std::net::IpAddr;

use super::pattern::Pattern;
use crate::keepalived_conf::Config;

/// The programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// netstat(8)
    Netstat,
    /// ss(8)
    Ss,
    /// lsof(8)
    Lsof,
    /// nc(1), or the shell's /dev/tcp
    Connection,
    /// `killall -0`
    Killall,
    /// pidof, pgrep, ps
    Processes,
}

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A listener.
    Port {
        /// TCP counts.
        tcp: bool,
        /// UDP counts.
        udp: bool,
        /// The address that a connection goes to.
        address: Option<IpAddr>,
        /// The port.
        port: u16,
    },
    /// A process of this name.
    Process(String),
}

/// A question to the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The kind of program.
    pub tool: Tool,
    /// Its name as it is written.
    pub program: String,
    /// What is looked for.
    pub what: What,
    /// The pattern for the port as it is written.
    pub pattern: String,
    /// Another port that the pattern matches.
    pub also: Option<u16>,
    /// True if connections count like listeners.
    pub connections: bool,
    /// True if ports are printed by their names.
    pub names: bool,
    /// The process that must have the socket.
    pub owner: Option<String>,
    /// True if a match for the script itself counts.
    pub finds_itself: bool,
    /// True if the host was written as localhost.
    pub localhost: bool,
}

/// The output of a pipe that found something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The lines that were found.
    Lines,
    /// Their number.
    Count,
    /// A number above 0.
    Positive,
    /// Nothing.
    Nothing,
}

/// A pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipe {
    /// What it asks.
    pub probe: Probe,
    /// Its output.
    pub output: Output,
    /// True if it succeeds whether or not it finds something.
    pub succeeds: bool,
    /// True if that is so for all of its programs.
    pub never_fails: bool,
    /// True if `grep -q` can end before the program that it reads from.
    pub closes_early: bool,
}

/// Where the pipe runs.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The configuration, whose addresses move.
    pub config: &'a Config,
    /// The command line of the script, which the list of processes shows.
    pub script: &'a str,
    /// Its user is root.
    pub is_root: bool,
}

/// A program's name without its folder.
pub fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

pub fn is_option(word: &str) -> bool {
    word.starts_with('-')
}

/// The `grep` and `wc -l` behind a program.
#[derive(Debug)]
pub struct Filters {
    /// At least one grep.
    pub(super) greps: bool,
    pub(super) port: Option<(Pattern, String)>,
    pub(super) listen: bool,
    /// Names, which processes can have.
    pub(super) names: Vec<String>,
    pub(super) without_grep: bool,
    pub(super) output: Output,
    /// It ends in `wc`.
    pub(super) counts: bool,
    pub(super) quiet: bool,
}
