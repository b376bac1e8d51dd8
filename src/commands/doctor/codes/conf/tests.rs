//! Each problem of the reader has a code, and the values that the texts of the code name.

use std::collections::HashSet;
use std::path::Path;

use super::*;
use crate::keepalived_conf::tests::in_memory::InMemory;
use crate::keepalived_conf::{Config, Problem::*, Reading};

const INSTANCE: &str =
    "vrrp_instance VI {\n interface a\n virtual_router_id 1\n track_script {\n chk\n }\n}\n";

fn script(lines: &str) -> String {
    format!("vrrp_script chk {{\n script \"/bin/true\"\n {lines}\n}}\n{INSTANCE}")
}

fn instance(lines: &str) -> String {
    script("").replace(
        " virtual_router_id",
        &format!(" {lines}\n virtual_router_id"),
    )
}

fn read(text: &str, version: &str) -> Config {
    let circle = &b"include circle.conf\n"[..];
    let files = [
        ("keepalived.conf", text.as_bytes()),
        ("circle.conf", circle),
    ];
    let files = InMemory(files.to_vec());
    let reading = Reading {
        files: &files,
        id: b"vm",
        version: version.parse().ok(),
    };
    let folder = Path::new("/etc/keepalived");
    match text.starts_with("# /etc") {
        true => reading.read_loaded(text.as_bytes(), &folder.join("keepalived.conf")),
        false => reading.read(folder, Path::new("keepalived.conf")),
    }
}

/// A configuration with each problem; an empty version is not known.
fn examples() -> Vec<(Problem, String, &'static str)> {
    let group = |lines: &str| format!("vrrp_sync_group G {{\n {lines}\n}}\n{}", script(""));
    let members = "group {\n VI\n }";
    let track_file = |lines: &str| format!("track_file tf {{\n {lines}\n}}\n");
    let server = |lines: &str| {
        format!("virtual_server 192.0.2.1 80 {{\n real_server 192.0.2.2 80 {{\n {lines}\n }}\n}}\n")
    };
    let misspelled = script("").replace(" chk\n", " chkk\n");
    let address = "virtual_ipaddress {\n 192.0.2.1\n }";
    let second = "vrrp_script chk {\n script \"/bin/true\"\n}\n";
    vec![
        (IncludeMissing, "include a\n".into(), "2.3.3"),
        (IncludeQuoted, "include \"a\"\n".into(), "2.3.3"),
        (IncludeMatchesNothing, "include a*\n".into(), "2.3.3"),
        (FileMissing, "includem a\n".into(), "2.3.3"),
        (FileRefused, "includer /etc/keepalived\n".into(), "2.3.3"),
        (IncludeCircle, "include circle.conf\n".into(), "2.3.3"),
        (IncludedTwice, "@vm include circle.conf\n".into(), "2.3.3"),
        (Template, "x {{ y }}\n".into(), "2.3.3"),
        (
            Message,
            "# /etc/keepalived/keepalived.conf\n#! cannot open\n!\n".into(),
            "2.3.3",
        ),
        (TooMany, "x\n".repeat(2000), "2.3.3"),
        (NotFollowed, "~SEQ(i, 1, 2) x\n".into(), "2.3.3"),
        (Garbled, "x".repeat(2000), "2.3.3"),
        (FileCheckCrash, server("FILE_CHECK {\n }"), "2.3.1"),
        (ByteOrderMark, "\u{feff}global_defs {\n}\n".into(), "2.3.3"),
        (
            OpenQuote,
            "global_defs {\n router_id \"x\n}\n".into(),
            "2.3.3",
        ),
        (NotReadAgain, "$A=@vm x\n$A\n".into(), "2.4.0"),
        (
            NotDelimited,
            script("$A=1\n script \"/bin/true $A\""),
            "2.3.3",
        ),
        (Undefined, script("fall $A"), "2.3.3"),
        (UnknownKeyword, script("nonsense"), "2.3.3"),
        (MisspelledKeyword, script("intervall 1"), "2.3.3"),
        (MisplacedKeyword, script("nopreempt"), "2.3.3"),
        (BlockEndsEarly, script("}\n fall 2"), "2.3.3"),
        (UnknownBlock, script("nonsense {\n }"), "2.3.3"),
        (MissingClose, script("").replacen("}", "", 1), "2.3.3"),
        (MissingCloseAtEnd, "global_defs {\n".into(), "2.3.3"),
        (
            MissingOpen,
            "global_defs\n router_id x\n}\n".into(),
            "2.3.3",
        ),
        (ExtraOpen, "{\n}\n".into(), "2.3.3"),
        (ExtraClose, "}\n".into(), "2.3.3"),
        (MissingValue, script("fall"), "2.3.3"),
        (IgnoredWords, script("fall 2 3"), "2.3.3"),
        (Repeated, script("fall 2\n fall 3"), "2.3.3"),
        (NumberUsed, script("fall x"), "2.3.3"),
        (NumberIgnored, script("interval 5000"), "2.3.3"),
        (WordIgnored, instance("state MASTR"), "2.3.3"),
        (NameMissing, "vrrp_instance {\n}\n".into(), "2.3.3"),
        (DuplicateBlock, format!("{second}{second}"), "2.3.3"),
        (Empty, "vrrp_script x {\n}\n".into(), "2.3.3"),
        (ServerAddress, "virtual_server x 80 {\n}\n".into(), "2.3.3"),
        (Address, instance("virtual_ipaddress {\n x\n }"), "2.3.3"),
        (
            AddressFamily,
            instance("virtual_ipaddress {\n 192.0.2.1\n ::1\n }"),
            "2.3.3",
        ),
        (NoRouterId, "vrrp_instance VI {\n}\n".into(), "2.3.3"),
        (
            NoInterface,
            "vrrp_instance VI {\n virtual_router_id 1\n}\n".into(),
            "2.3.3",
        ),
        (
            NopreemptIgnored,
            instance("state MASTER\n nopreempt"),
            "2.3.3",
        ),
        (CommandCrash, script("script '/bin/true"), "2.3.3"),
        (CommandEmpty, script("script"), "2.3.3"),
        (CommandDropped, script("script /bin/true a"), "2.3.3"),
        (
            TrackedAbsent,
            script("").replace(" chk\n", " other\n"),
            "2.3.3",
        ),
        (TrackedMisspelled, misspelled, "2.3.3"),
        (TrackedBelow, format!("{INSTANCE}{second}"), "2.3.3"),
        (
            TrackOption,
            script("").replace(" chk\n", " chk weigth 2\n"),
            "2.3.3",
        ),
        (
            WeightInGroup,
            group(members).replace(" chk\n", " chk weight 2\n"),
            "2.3.3",
        ),
        (
            WeightOfOwner,
            instance("priority 255").replace(" chk\n", " chk weight 2\n"),
            "2.3.3",
        ),
        (Untracked, second.to_owned(), "2.3.3"),
        (NotMember, group("group {\n VI_2\n }"), "2.3.3"),
        (TrackFileDropped, track_file("file /nowhere/x"), "2.3.3"),
        (
            InitFileOverwrites,
            track_file("file x\n init_file"),
            "2.3.1",
        ),
        (KeywordDropped, script("fall 2 rise 2"), "2.3.3"),
        (
            SameRouterId,
            format!(
                "{}{}",
                instance(address),
                instance(address).replace("VI", "VI_2")
            ),
            "2.3.3",
        ),
        (
            NoDevice,
            instance(address).replace(
                " interface a\n",
                " unicast_src_ip 192.0.2.2\n unicast_peer {\n }\n",
            ),
            "2.3.3",
        ),
    ]
}

/// These require a disk, much time, or a file of several lines that is included.
const WITHOUT_EXAMPLE: &[Problem] = &[FileDenied, FileExecutable, FileUnreadable, Limits];

/// Returns whether a name in braces is left in a text. Blocks of keepalived.conf have blanks.
fn has_placeholder(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let name = after.split_once('}').map_or("", |(name, _)| name);
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return true;
        }
        rest = after;
    }
    false
}

#[test]
fn each_code_is_reported_with_all_its_values() {
    let mut reported = HashSet::new();
    for (problem, text, version) in examples() {
        if WITHOUT_EXAMPLE.contains(&problem) {
            continue;
        }
        let config = read(&text, version);
        let found = config.diagnostics.iter().find(|one| one.problem == problem);
        let shown = text.get(..200).unwrap_or(&text);
        let found = found.unwrap_or_else(|| {
            let some = config.diagnostics.get(..5).unwrap_or(&config.diagnostics);
            panic!("{problem:?}: {shown}\n{some:#?}")
        });
        let finding = finding(found);
        assert_eq!(finding.code.id, code(problem).id);
        for text in [finding.effect(), finding.cause(), finding.fix()] {
            assert!(!has_placeholder(&text), "{problem:?}: {text}");
        }
        reported.insert(problem);
    }
    for problem in Problem::ALL {
        let is_covered = reported.contains(problem) || WITHOUT_EXAMPLE.contains(problem);
        assert!(is_covered, "{problem:?}");
    }
}

#[test]
fn each_problem_has_a_code_of_its_own() {
    let mut ids = HashSet::new();
    for problem in Problem::ALL {
        let Code {
            id,
            effect,
            explanation,
            ..
        } = code(*problem);
        assert!(ids.insert(id) && id.starts_with("LU1"), "{id}");
        assert!(!effect.is_empty() && !explanation.is_empty(), "{id}");
    }
}
