//! `virtual_server`, `real_server` and their checks (keepalived/check/check_parser.c, check_misc.c, check_file.c).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::super::blocks::Node;
use super::super::diagnostic::{Problem, Values};
use super::super::model::{MiscCheck, Spanned, Trackable};
use super::super::reader::{Context, Line};
use super::Builder;
use super::values::{MAX_SECONDS, OnFlaw};

/// `KEEPALIVED_DEFAULT_DELAY`.
const DELAY_LOOP: Duration = Duration::from_secs(60);

/// A real server.
struct Server {
    virtual_server: String,
    real_server: String,
    /// The time between two checks of the servers of its virtual server.
    delay_loop: Duration,
    /// The time between two of its own checks.
    interval: Duration,
}

impl Builder<'_> {
    pub(super) fn virtual_server(&mut self, node: &Node) {
        let (cx, line) = (self.cx, &node.line);
        self.config.runs_checker = true;
        let is_known = match line.word(1) {
            Some("group") => true,
            Some("fwmark") => line.word(2).is_some_and(|mark| mark.parse::<u32>().is_ok()),
            _ => cx.check_address(line),
        };
        if is_known {
            let delay_loop = cx.last(node, "delay_loop", Context::delay_loop);
            for server in node.blocks_of("real_server") {
                self.real_server(server, line.rest(1), delay_loop.unwrap_or(DELAY_LOOP));
            }
        }
    }

    fn real_server(&mut self, node: &Node, virtual_server: String, delay_loop: Duration) {
        let cx = self.cx;
        if !cx.check_address(&node.line) {
            return;
        }
        let interval = cx.last(node, "delay_loop", Context::delay_loop);
        let server = Server {
            virtual_server,
            real_server: node.line.rest(1),
            delay_loop,
            interval: interval.unwrap_or(delay_loop),
        };
        for check in node.blocks_of("FILE_CHECK") {
            if cx.since(2, 3, 0) && !cx.since(2, 3, 3) {
                cx.report(&check.line.place, Problem::FileCheckCrash, &[]);
            }
            for line in check.lines_of("track_file") {
                if let Some(file) = line.set_word(1) {
                    self.file_check(file, &server.real_server);
                }
            }
        }
        let checks = node.blocks_of("MISC_CHECK");
        let checks = checks.filter_map(|node| cx.misc_check(node, &server));
        self.config.misc_checks.extend(checks);
    }

    fn file_check(&mut self, file: Spanned<String>, server: &str) {
        let index = self.find(Trackable::File, &file.value);
        match index.and_then(|index| self.config.track_files.get_mut(index)) {
            Some(file) => file.checked_by.push(server.to_owned()),
            None => {
                let tracker = format!("FILE_CHECK {server}");
                self.missing.push((tracker, Trackable::File, file));
            }
        }
    }
}

impl Context<'_> {
    fn misc_check(&self, node: &Node, server: &Server) -> Option<MiscCheck> {
        let timeout = |cx: &Self, line: &Line| {
            cx.check_rest(line, 2);
            let number = cx.whole(line, 0..=MAX_SECONDS, OnFlaw::Prefix)?;
            Some(Duration::from_secs(number.into()))
        };
        if !node.has("misc_path") {
            self.empty(&node.line, "misc_path");
        }
        Some(MiscCheck {
            virtual_server: server.virtual_server.clone(),
            real_server: server.real_server.clone(),
            command: self.last(node, "misc_path", Self::check)?,
            timeout: self
                .last(node, "misc_timeout", timeout)
                .filter(|set| !set.is_zero()),
            default_timeout: server.delay_loop,
            dynamic: node.last_line("misc_dynamic").is_some(),
            user: self.last(node, "user", Self::user),
            interval: self
                .last(node, "delay_loop", Self::delay_loop)
                .unwrap_or(server.interval),
        })
    }

    /// Returns whether the keyword is followed by an address, and then by a port or nothing. `inet_stosockaddr` ignores the
    /// text after `-` or `/`.
    fn check_address(&self, line: &Line) -> bool {
        let address = line.word(1).unwrap_or_default();
        let port = line.word(2).is_none_or(|port| port.parse::<u16>().is_ok());
        let bare = address.split(['-', '/']).next().unwrap_or_default();
        let is_known = match address.contains(':') {
            true => bare.parse::<Ipv6Addr>().is_ok(),
            false => bare.parse::<Ipv4Addr>().is_ok(),
        };
        let is_known = is_known && port;
        if !is_known && !line.unread {
            let values: Values = &[("block", &line.keyword()), ("address", &line.rest(1))];
            self.report(&line.place, Problem::ServerAddress, values);
        }
        is_known
    }
}
