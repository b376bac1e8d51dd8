//! Files that are included, and those that keepalived has loaded.

use std::path::Path;

use super::super::{Diagnostic, Problem, Reading};
use super::in_memory::InMemory;
use super::{GOOD, INSTANCE, read_files, shown};

#[test]
fn a_file_that_is_included_twice_is_not_a_duplicate() {
    let chk = format!("vrrp_script chk {{\n{GOOD}\n}}\n");
    let main = format!("include chk.conf\ninclude chk.conf\n{INSTANCE}");
    let config = read_files(None, &[("keepalived.conf", &main), ("chk.conf", &chk)]);
    assert_eq!(shown(&config), Vec::<String>::new());
    assert_eq!(config.scripts[0].tracked_by.len(), 1);
    assert_eq!(config.scripts.len(), 1);
}

#[test]
fn a_file_that_keepalived_reads_twice_is_reported() {
    for (line, count) in [("@vm include chk.conf", 1), ("include chk.conf", 0)] {
        let chk = format!("vrrp_script chk {{\n{GOOD}\n}}\n");
        let main = format!("{line}\n{INSTANCE}");
        let config = read_files(None, &[("keepalived.conf", &main), ("chk.conf", &chk)]);
        let is_it = |one: &&Diagnostic| one.problem == Problem::IncludedTwice;
        let found = config.diagnostics.iter().filter(is_it);
        assert_eq!(found.count(), count, "{line}");
        assert_eq!(config.scripts.len(), 1);
    }
}

#[test]
fn messages_in_a_loaded_configuration_are_reported() {
    let text = "# /etc/keepalived/keepalived.conf\n#! cannot open a.conf\n#! \n!\n";
    let reading = Reading {
        files: &InMemory(Vec::new()),
        id: b"vm",
        version: None,
    };
    let main = Path::new("/etc/keepalived/keepalived.conf");
    let config = reading.read_loaded(text.as_bytes(), main);
    assert_eq!(shown(&config), ["0 Message cannot open a.conf"]);
}
