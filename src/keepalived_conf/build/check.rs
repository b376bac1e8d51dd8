//! `virtual_server`, `real_server` and their checks (keepalived/check/check_parser.c, check_misc.c, check_file.c).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::super::diagnostic::{Problem, Values};
use super::super::model::{MiscCheck, RealServer, VirtualServer};
use super::super::reader::{Context, Line};
use super::values::{MAX_SECONDS, OnFlaw, replace};
use super::{Builder, Kind};

impl Builder<'_> {
    pub(super) fn begin_virtual_server(&mut self, line: &Line) -> bool {
        self.config.runs_checker = true;
        let is_known = match line.word(1) {
            Some("group") => true,
            Some("fwmark") => line.word(2).is_some_and(|mark| mark.parse::<u32>().is_ok()),
            _ => check_address(self.cx, line),
        };
        if is_known {
            self.config.virtual_servers.push(VirtualServer {
                name: line.rest(1),
                place: line.place.clone(),
                ..VirtualServer::default()
            });
        }
        is_known
    }

    pub(super) fn begin_real_server(&mut self, line: &Line) -> bool {
        let is_known = check_address(self.cx, line);
        if let Some(virtual_server) = self.config.virtual_servers.last_mut().filter(|_| is_known) {
            virtual_server.real_servers.push(RealServer {
                name: line.rest(1),
                place: line.place.clone(),
                ..RealServer::default()
            });
        }
        is_known
    }

    pub(super) fn begin_misc_check(&mut self, line: &Line) {
        if let Some(real_server) = self.real_server() {
            real_server.misc_checks.push(MiscCheck {
                place: line.place.clone(),
                ..MiscCheck::default()
            });
        }
    }

    pub(super) fn begin_file_check(&mut self, line: &Line) {
        if self.cx.since(2, 3, 0) && !self.cx.since(2, 3, 3) {
            self.cx.report(&line.place, Problem::FileCheckCrash, &[]);
        }
    }

    pub(super) fn virtual_server_value(&mut self, line: &Line) {
        let cx = self.cx;
        match (line.keyword(), self.config.virtual_servers.last_mut()) {
            ("quorum_up" | "quorum_down", _) => cx.notify(line),
            ("delay_loop", Some(server)) => replace(&mut server.delay_loop, cx.delay_loop(line)),
            _ => {}
        }
    }

    pub(super) fn real_server_value(&mut self, line: &Line) {
        let cx = self.cx;
        match (line.keyword(), self.real_server()) {
            ("notify_up" | "notify_down", _) => cx.notify(line),
            ("delay_loop", Some(server)) => replace(&mut server.delay_loop, cx.delay_loop(line)),
            _ => {}
        }
    }

    pub(super) fn misc_check_value(&mut self, line: &Line) {
        let cx = self.cx;
        let Some(check) = self.misc_check() else {
            return;
        };
        match line.keyword() {
            "misc_path" => {
                if let Some(before) = &check.command {
                    cx.repeated(line, before.place.line);
                }
                replace(&mut check.command, cx.check(line));
            }
            "misc_timeout" => {
                cx.check_rest(line, 2);
                let number = cx.whole(line, 0..=MAX_SECONDS, OnFlaw::Prefix);
                let time = number.map(|number| line.set(Duration::from_secs(number.into())));
                replace(&mut check.timeout, time);
            }
            "misc_dynamic" => check.dynamic = Some(line.place.clone()),
            "user" => replace(&mut check.user, cx.user(line)),
            "delay_loop" => replace(&mut check.delay_loop, cx.delay_loop(line)),
            _ => {}
        }
    }

    pub(super) fn file_check_value(&mut self, line: &Line) {
        let (cx, Some(name)) = (self.cx, line.set_word(1)) else {
            return;
        };
        if line.keyword() != "track_file" {
            return;
        }
        let index = self.find(Kind::File, &name.value);
        let Some(server) = self.real_server() else {
            return;
        };
        let tracker = format!("FILE_CHECK {}", server.name);
        let Some(index) = index else {
            let mut files = self.config.track_files.iter();
            // A file that is dropped has a problem of its own.
            if !files.any(|file| file.name == name.value) {
                let values: Values = &[
                    ("tracker", &tracker),
                    ("block", &"track_file"),
                    ("name", &name.value),
                ];
                cx.report(&line.place, Problem::TrackedAbsent, values);
            }
            return;
        };
        server.file_checks.push(name);
        let server = server.name.clone();
        if let Some(file) = self.config.track_files.get_mut(index) {
            file.checked_by.push(server);
        }
    }

    pub(super) fn end_misc_check(&mut self) {
        let (cx, has_line) = (self.cx, self.has_command_line);
        let check = self.misc_check().filter(|check| check.command.is_none());
        if let Some(check) = check.filter(|_| !has_line) {
            let values: Values = &[("block", &"MISC_CHECK"), ("keyword", &"misc_path")];
            cx.report(&check.place, Problem::NoCommand, values);
        }
    }

    fn real_server(&mut self) -> Option<&mut RealServer> {
        let virtual_server = self.config.virtual_servers.last_mut()?;
        virtual_server.real_servers.last_mut()
    }

    fn misc_check(&mut self) -> Option<&mut MiscCheck> {
        self.real_server()?.misc_checks.last_mut()
    }
}

/// Returns whether an address, and perhaps a port, follow the keyword. `inet_stosockaddr` ignores what follows `-` or `/`.
fn check_address(cx: &Context, line: &Line) -> bool {
    let address = line.word(1).unwrap_or_default();
    let port = line.word(2).is_none_or(|port| port.parse::<u16>().is_ok());
    let bare = address.split(['-', '/']).next().unwrap_or_default();
    let is_known = match address.contains(':') {
        true => bare.parse::<Ipv6Addr>().is_ok(),
        false => bare.parse::<Ipv4Addr>().is_ok(),
    };
    let is_known = is_known && port;
    if !is_known && !line.unread {
        let (block, address) = (line.keyword(), line.rest(1));
        let values: Values = &[("block", &block), ("address", &address)];
        cx.report(&line.place, Problem::ServerAddress, values);
    }
    is_known
}
