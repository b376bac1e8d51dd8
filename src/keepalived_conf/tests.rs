//! What is reported about a configuration.

pub mod in_memory;
mod includes;
mod limits;
mod versions;

use std::path::Path;
use std::time::Duration;

use super::{Config, Diagnostic, Files, Kind, Reading, Version};
use in_memory::InMemory;

fn read_files(version: Option<Version>, files: &[(&str, &str)]) -> Config {
    let files = files.iter().map(|(name, text)| (*name, text.as_bytes()));
    let files = InMemory(files.collect());
    let reading = Reading {
        files: &files,
        id: b"vm",
        version,
    };
    reading.read(Path::new("/"), Path::new("/etc/keepalived/keepalived.conf"))
}

fn read_as(version: &str, text: &str) -> Config {
    read_files(version.parse().ok(), &[("keepalived.conf", text)])
}

fn read_text(text: &str) -> Config {
    read_as("2.3.3", text)
}

/// The diagnostics as a person would abbreviate them.
fn shown(config: &Config) -> Vec<String> {
    let line = |one: &Diagnostic| {
        let values: Vec<&str> = one.values.iter().map(|(_, value)| value.as_str()).collect();
        format!("{} {:?} {}", one.place.line, one.problem, values.join("|"))
            .trim()
            .to_owned()
    };
    config.diagnostics.iter().map(line).collect()
}

const INSTANCE: &str = "vrrp_instance VI {\n interface eth0\n virtual_router_id 1\n \
                        virtual_ipaddress {\n 192.0.2.1\n }\n track_script {\n chk\n }\n}\n";

/// A configuration with a script of these lines, which begin in line 2.
fn script(lines: &str) -> String {
    format!("vrrp_script chk {{\n{lines}\n}}\n{INSTANCE}")
}

const GOOD: &str = "script \"/bin/true\"";

#[test]
fn a_correct_configuration_has_no_diagnostics() {
    let config = read_text(&script(
        "script \"/bin/true a 'b c'\" # c\ninterval 2\nweight -60",
    ));
    assert_eq!(shown(&config), Vec::<String>::new());
    let chk = &config.scripts[0];
    assert_eq!(chk.interval, Duration::from_secs(2));
    assert_eq!(chk.timeout(), chk.interval);
    assert_eq!(chk.weight.value, -60);
    assert_eq!(chk.tracked_by[0].instance, "VI");
    let command = &chk.command;
    let words = [&b"/bin/true"[..], b"a", b"b c"];
    assert_eq!(command.words, words);
    assert_eq!(
        command.place.to_string(),
        "/etc/keepalived/keepalived.conf:2"
    );
    assert!(!command.expanded && command.rest.is_empty());
    assert!(config.complete && config.runs_vrrp && config.fatal.is_none());
}

#[test]
fn each_mistake_is_reported_with_its_line() {
    for (lines, expected) in [
        (
            "intervall 2",
            "3 MisspelledKeyword intervall|vrrp_script chk||interval",
        ),
        ("nonsense 2", "3 UnknownKeyword nonsense|vrrp_script chk||"),
        (
            "nopreempt",
            "3 MisplacedKeyword nopreempt|vrrp_script chk|vrrp_instance|",
        ),
        (
            "interval \\",
            "3 MisspelledKeyword interval\\|vrrp_script chk||interval",
        ),
        (
            "interval 5s",
            "3 NumberUsed interval|5s|a number with or without decimals|from 0 to 4294|0.005",
        ),
        (
            "timeout 5000",
            "3 NumberIgnored timeout|5000|a number with or without decimals|from 0 to 4294|0",
        ),
        (
            "interval 0",
            "3 NumberUsed interval|0|a number with or without decimals|from 0.001 to 4294|1",
        ),
        ("interval 2 seconds", "3 IgnoredWords seconds|interval"),
        (
            "weight 300",
            "3 NumberUsed weight|300|digits only|from -253 to 253|300",
        ),
        (
            "weight 5 backwards",
            "3 WordIgnored weight|backwards|reverse",
        ),
        (
            "fall -3",
            "3 NumberUsed fall|-3|digits only|from 1 to 2147483647|1",
        ),
        ("rise", "3 MissingValue rise"),
        (
            "script /bin/false --quiet",
            "3 CommandDropped script|/bin/false|--quiet|/bin/false --quiet",
        ),
        (
            "script /bin/sh -c 'a b'",
            "3 CommandDropped script|/bin/sh|-c a b|/bin/sh -c 'a b'",
        ),
        (
            "script \"/bin/nc -z\" interval 1 fall 2",
            "3 KeywordDropped interval 1 fall 2|script",
        ),
        (
            "script /bin/su user",
            "3 CommandDropped script|/bin/su|user|/bin/su user",
        ),
        ("interval 1 fall 2", "3 KeywordDropped fall 2|interval"),
        ("script '/bin/true", "3 CommandCrash script"),
        ("script", "3 CommandEmpty script"),
        ("script \"/bin/true\"", "3 Repeated script|3|2"),
        ("script \"/bin/true \\x41\"", "3 NotFollowed \\x"),
        ("rise $X", "3 Undefined X"),
        ("$X=1\nscript \"/bin/true $X\"", "4 NotDelimited X"),
        ("fall 2\u{0}x", "3 Garbled"),
        ("user \"x", "3 OpenQuote"),
        ("include a.conf", "3 IncludeMissing a.conf"),
        ("include \"a.conf\"", "3 IncludeQuoted a.conf"),
        ("include a*", "3 IncludeMatchesNothing a*"),
        ("includea a*", "3 FileMissing a*"),
        ("@vm include a.conf", "3 IncludedTwice"),
        ("~SEQ(i, 1, 3) interval ${i}", "3 NotFollowed ~SEQ"),
        ("interval ${_RANDOM}", "3 NotFollowed ${_RANDOM}"),
        ("interval ${_RANDOM 3 2}", "3 NotFollowed ${_RANDOM 3 2}"),
        ("interval ${_ENV X}", "3 NotFollowed ${_ENV X}"),
        ("$X=1\ninterval ${X a=2}", "4 NotFollowed ${X a=2}"),
        ("}", "4 ExtraClose"),
    ] {
        let config = read_text(&script(&format!("{GOOD}\n{lines}")));
        let shown = shown(&config);
        let is_there = shown.iter().any(|line| line == expected);
        assert!(is_there, "{lines}: {expected}\n{shown:#?}");
    }
}

/// A brace too many or too few is one diagnostic, where it is.
#[test]
fn unbalanced_braces_are_reported_once() {
    let good = script(GOOD);
    let second = good.replace("chk", "other").replace("VI", "VI_2");
    for (text, expected) in [
        (
            good.replacen("\n}\n", "\n", 1),
            "3 MissingClose vrrp_script chk|1|vrrp_instance",
        ),
        (
            good.replace(" }\n track", " track"),
            "9 MissingClose virtual_ipaddress|7|track_script",
        ),
        (
            good.replace(" }\n}\n", "}\n"),
            "4 MissingCloseAtEnd vrrp_instance VI|4|",
        ),
        (
            format!("{}{second}", good.replace(" }\n}\n", "}\n")),
            "13 MissingClose vrrp_instance VI|4|vrrp_script",
        ),
        (
            good.replace(" chk\n }\n}", " chk\n}"),
            "4 MissingCloseAtEnd vrrp_instance VI|4|",
        ),
        (
            good.replace(" interface eth0", " interface eth0\n }"),
            "7 BlockEndsEarly virtual_router_id||vrrp_instance|",
        ),
        (
            good.replace("track_script {", "track_script"),
            "10 MissingOpen track_script",
        ),
        (
            good.replace(" interface", " monitor {\n x\n }\n interface"),
            "5 UnknownBlock monitor|vrrp_instance VI||",
        ),
        (
            good.replace("vrrp_script", "vrrp_scirpt"),
            "1 MisspelledKeyword vrrp_scirpt|||vrrp_script",
        ),
        (
            format!("{good}track_process p {{\n process x\n}}\n"),
            "14 MisspelledKeyword track_process||vrrp_instance|vrrp_track_process",
        ),
        (format!("{good}}}\n"), "14 ExtraClose"),
    ] {
        let config = read_text(&text);
        assert_eq!(shown(&config), [expected], "{text}");
        assert_eq!(config.complete, expected.contains("ExtraClose"), "{text}");
    }
    // keepalived tolerates this one.
    let config = read_text(&good.replace("vrrp_script chk {", "vrrp_script chk"));
    assert_eq!(shown(&config), ["1 MissingOpen vrrp_script chk"]);
}

#[test]
fn a_template_gives_one_diagnostic() {
    let jinja = script(&format!(
        "{GOOD}\ninterval {{{{ interval }}}}\nfall {{{{ fall }}}}"
    ));
    let config = read_text(&jinja);
    assert_eq!(shown(&config), ["3 Template {{ interval }}"]);
    assert!(!config.complete);
    let docker = script("script \"/bin/docker inspect -f '{{.State.Running}}' web\"");
    assert_eq!(shown(&read_text(&docker)), Vec::<String>::new());
}

#[test]
fn two_instances_with_the_same_number_on_an_interface_are_reported() {
    let second = INSTANCE.replace("VI", "VI_2");
    let with = |second: &str| format!("{}{second}", script(GOOD));
    for (text, expected) in [
        (with(&second), Some("14 SameRouterId VI and VI_2|")),
        (with(&second.replace("router_id 1", "router_id 2")), None),
        (with(&second.replace("eth0", "eth1")), None),
        (with(&second.replace("192.0.2.1", "2001:db8::1")), None),
        (
            with(&second.replace(
                " virtual_router",
                " mcast_dst_ip 224.0.0.19\n virtual_router",
            )),
            None,
        ),
        (
            with(&second.replace(
                " virtual_router",
                " unicast_peer {\n 192.0.2.9\n }\n virtual_router",
            )),
            None,
        ),
        (
            format!("{}global_defs {{\n dynamic_interfaces\n}}\n", with(&second)),
            None,
        ),
    ] {
        let config = read_text(&text);
        let shown = shown(&config);
        assert_eq!(shown.first().map(String::as_str), expected, "{text}");
        assert_eq!(config.fatal.is_some(), expected.is_some(), "{text}");
    }
}

#[test]
fn all_interfaces_are_known() {
    let lines = " vrf a\n track_interface {\n b\n }\n virtual_ipaddress_excluded {\n 192.0.2.2 dev c\n }\n virtual_routes \
                 {\n 192.0.2.3 dev d\n }\n virtual_router_id";
    let instance = INSTANCE.replacen(" virtual_router_id", lines, 1);
    let group = "vrrp_sync_group G {\n group {\n VI\n }\n track_interface {\n e weight 2\n }\n}\n";
    let fixed = "static_ipaddress {\n 192.0.2.4 dev f\n}\n";
    let config = read_text(&format!("{instance}{group}{fixed}"));
    let names = config.interfaces.iter().map(|one| one.value.as_str());
    assert_eq!(names.collect::<Vec<_>>().join(" "), "eth0 a b c d e f");
}

#[test]
fn fatal_lines_are_reported() {
    for (lines, fatal) in [
        (GOOD, None),
        ("script \"/bin/true", Some(2)),
        ("script \"/bin/true\"\nrise", Some(3)),
        ("includem nothing", Some(2)),
    ] {
        let config = read_text(&script(lines));
        let line = config.fatal.as_ref().map(|place| place.line);
        assert_eq!(line, fatal, "{lines}\n{:#?}", shown(&config));
    }
    let empty = read_files(None, &[]);
    assert_eq!(empty.fatal.map(|place| place.line), Some(0));
}

#[test]
fn tracked_names_must_exist_and_be_used() {
    let good = script(GOOD);
    let below = format!("{INSTANCE}vrrp_script chk {{\n{GOOD}\n}}\n");
    let group = "vrrp_sync_group G {\n group {\n VI\n }\n}\n";
    for (text, expected) in [
        (
            good.replace(" chk\n", " chkk\n"),
            &[
                "11 TrackedMisspelled VI|vrrp_script|chkk|chk",
                "1 Untracked chk",
            ][..],
        ),
        (below, &["8 TrackedBelow VI|vrrp_script|chk|"]),
        (script("interval 2"), &["1 Empty vrrp_script chk|script"]),
        (
            good.replace(" chk\n", " chk weigth 5\n"),
            &["11 TrackOption chk|weigth 5"],
        ),
        (good.replace(" chk\n", " chk\n chk\n"), &[]),
        (good.replace(" chk\n", ""), &["1 Untracked chk"]),
        (
            format!("{group}{}", good.replace(" chk\n", " chk weight -5\n")),
            &["16 WeightInGroup VI|chk|-5|G"],
        ),
        (
            good.replace("virtual_router_id 1", "preempt"),
            &["4 NoRouterId VI|"],
        ),
        (
            // The line that is not read could define it.
            format!("~SEQ(i, 1, 2) vrrp_script chk${{i}} {{ {GOOD} }}\n{INSTANCE}"),
            &["1 NotFollowed ~SEQ"],
        ),
    ] {
        let config = read_text(&text);
        assert_eq!(shown(&config), expected, "{text}");
        let acts = config
            .scripts
            .iter()
            .any(|script| !script.tracked_by.is_empty());
        let is_tracked = expected
            .first()
            .is_none_or(|first| *first == "4 NoRouterId VI|");
        assert_eq!(acts, is_tracked, "{text}");
    }
}
