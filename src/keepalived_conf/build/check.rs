//! `virtual_server`, `real_server` and their checks (keepalived/check/check_parser.c, check_misc.c, check_file.c).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::super::blocks::Node;
use super::super::diagnostic::{Problem, Values};
use super::super::model::{MiscCheck, RealServer, Spanned, Trackable, VirtualServer};
use super::super::reader::{Context, Line};
use super::Builder;
use super::values::{MAX_SECONDS, OnFlaw};

impl Builder<'_> {
    pub(super) fn virtual_server(&mut self, node: &Node) {
        let (cx, line) = (self.cx, &node.line);
        self.config.runs_checker = true;
        let is_known = match line.word(1) {
            Some("group") => true,
            Some("fwmark") => line.word(2).is_some_and(|mark| mark.parse::<u32>().is_ok()),
            _ => cx.check_address(line),
        };
        if !is_known {
            return;
        }
        let servers = node.blocks_of("real_server");
        let servers = servers.filter_map(|node| self.real_server(node)).collect();
        self.config.virtual_servers.push(VirtualServer {
            name: line.rest(1),
            place: line.place.clone(),
            delay_loop: cx.last(node, "delay_loop", Context::delay_loop),
            real_servers: servers,
        });
    }

    fn real_server(&mut self, node: &Node) -> Option<RealServer> {
        let cx = self.cx;
        if !cx.check_address(&node.line) {
            return None;
        }
        let name = node.line.rest(1);
        let misc_checks = node.blocks_of("MISC_CHECK");
        for check in node.blocks_of("FILE_CHECK") {
            if cx.since(2, 3, 0) && !cx.since(2, 3, 3) {
                cx.report(&check.line.place, Problem::FileCheckCrash, &[]);
            }
            for file in check
                .lines_of("track_file")
                .filter_map(|line| line.set_word(1))
            {
                self.file_check(file, &name);
            }
        }
        Some(RealServer {
            place: node.line.place.clone(),
            delay_loop: cx.last(node, "delay_loop", Context::delay_loop),
            misc_checks: misc_checks.filter_map(|node| cx.misc_check(node)).collect(),
            name,
        })
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
    fn misc_check(&self, node: &Node) -> Option<MiscCheck> {
        let timeout = |cx: &Self, line: &Line| {
            cx.check_rest(line, 2);
            let number = cx.whole(line, 0..=MAX_SECONDS, OnFlaw::Prefix)?;
            Some(line.set(Duration::from_secs(number.into())))
        };
        if !node.has("misc_path") {
            self.empty(&node.line, "misc_path");
        }
        Some(MiscCheck {
            place: node.line.place.clone(),
            command: self.last(node, "misc_path", Self::check)?,
            timeout: self.last(node, "misc_timeout", timeout),
            dynamic: node
                .last_line("misc_dynamic")
                .map(|line| line.place.clone()),
            user: self.last(node, "user", Self::user),
            delay_loop: self.last(node, "delay_loop", Self::delay_loop),
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
