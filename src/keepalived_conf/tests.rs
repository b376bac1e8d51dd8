//! What is told, and that there is an end to everything.

use std::path::Path;
use std::time::{Duration, Instant};

use super::fuzzing::InMemory;
use super::{Config, Remark, Severity, read, read_loaded};

fn read_files(files: &[(&str, &str)]) -> Config {
    let files = files.iter().map(|(name, text)| (*name, text.as_bytes()));
    let files = InMemory(files.collect());
    let main = Path::new("/etc/keepalived/keepalived.conf");
    read(&files, Path::new("/"), main, b"vm")
}

fn read_text(text: &str) -> Config {
    read_files(&[("keepalived.conf", text)])
}

/// The remarks without what differs with the folder.
fn told(config: &Config) -> Vec<String> {
    let line = |remark: &Remark| {
        let place = remark.place.to_string();
        let place = place.rsplit('/').next().unwrap_or_default().to_owned();
        format!(
            "{place} {} | {} | {}",
            remark.effect, remark.cause, remark.cure
        )
    };
    config.remarks.iter().map(line).collect()
}

const INSTANCE: &str = "vrrp_instance VI {\n interface eth0\n virtual_router_id 1\n \
                        virtual_ipaddress {\n 192.0.2.1\n }\n track_script {\n chk\n }\n}\n";

/// A configuration with a script of these lines; they begin in line 2.
fn script(lines: &str) -> String {
    format!("vrrp_script chk {{\n{lines}\n}}\n{INSTANCE}")
}

#[test]
fn nothing_is_told_of_what_is_well() {
    let config = read_text(&script(
        "script \"/bin/true a 'b c'\" # c\ninterval 2\nweight -60",
    ));
    assert_eq!(told(&config), Vec::<String>::new());
    let chk = &config.scripts[0];
    assert_eq!(chk.interval(), Duration::from_secs(2));
    assert_eq!(chk.timeout(), chk.interval());
    assert_eq!(chk.weight().value, -60);
    assert_eq!(chk.tracked_by[0].instance, "VI");
    let command = chk.command().unwrap();
    assert_eq!(
        command.words,
        Ok(vec![b"/bin/true".to_vec(), b"a".to_vec(), b"b c".to_vec()])
    );
    assert_eq!(
        command.place.to_string(),
        "/etc/keepalived/keepalived.conf:2"
    );
    assert!(!command.expanded && command.rest.is_empty() && config.fatal.is_none());
}

#[test]
fn each_mistake_has_its_line() {
    let good = "script \"/bin/true\"";
    for (lines, expected) in [
        (
            "intervall 2",
            "keepalived.conf:3 Unknown keyword 'intervall': keepalived ignores the line | there is no such keyword in vrrp_script chk | did you mean interval?",
        ),
        (
            "nopreempt",
            "keepalived.conf:3 Unknown keyword 'nopreempt': keepalived ignores the line | nopreempt belongs in vrrp_instance, not in vrrp_script chk | ",
        ),
        (
            "interval \\",
            "keepalived.conf:3 Unknown keyword 'interval\\': keepalived ignores the line | there is no such keyword in vrrp_script chk | a line does not go on in the next; write it in one",
        ),
        (
            "interval 2.5",
            "keepalived.conf:3 keepalived takes 2 s for interval up to 2.3.1, 2.5 s from 2.3.2 on | interval 2.5 is no whole number | write whole seconds from 1 to 4294",
        ),
        (
            "timeout 1e0",
            "keepalived.conf:3 keepalived takes 1 s for timeout up to 2.3.1, 0.001 s from 2.3.2 on | timeout 1e0 is no whole number | write whole seconds from 1 to 4294",
        ),
        (
            "timeout 5000",
            "keepalived.conf:3 keepalived takes nothing for timeout | timeout 5000 is out of range | write whole seconds from 1 to 4294",
        ),
        (
            "interval 2 seconds",
            "keepalived.conf:3 keepalived ignores seconds | it stands behind the value of interval | take it out",
        ),
        (
            "weight 300",
            "keepalived.conf:3 keepalived takes 300 for the weight all the same | weight 300 is out of range | write a whole number from -253 to 253",
        ),
        (
            "fall -3",
            "keepalived.conf:3 keepalived takes 1 for fall | fall -3 is negative | write a whole number from 1 to 2147483647",
        ),
        (
            "rise",
            "keepalived.conf:3 keepalived does not start: permanent error CONFIG | nothing follows rise | write its value behind it, or take it out",
        ),
        (
            "script /bin/false --quiet",
            "keepalived.conf:3 keepalived runs /bin/false and drops --quiet | only the first word behind the keyword is the command; the rest stands outside of its quotes | write script \"/bin/false --quiet\"",
        ),
        (
            "script '/bin/true",
            "keepalived.conf:3 keepalived 2.2.7 dies of this line (SIGSEGV), each time it is started | a quote is not closed: script '/bin/true | write script \"PROGRAM ARGUMENTS\", and ' for quotes in it",
        ),
        (
            "script \"/bin/true \\\"a b\\\"\"",
            "keepalived.conf:3 keepalived up to 2.3.1 runs [/bin/true] [a b], from 2.3.2 on [/bin/true] [\"a] [b\"] | backslashes were decoded twice up to 2.3.1, and are decoded once from 2.3.2 on | do without backslashes: group with ' within the double quotes",
        ),
        (
            "script \"/bin/true $X\"",
            "keepalived.conf:3 $X stays as it is written | it is not defined above | ",
        ),
        (
            "$X=1\nscript \"/bin/true $X\"",
            "keepalived.conf:4 $X stays as it is written: the definition is not put in | what follows the name is no blank, comma, closing parenthesis or end of line | write ${X}, alone at the end of the line where it has more than one line",
        ),
        (
            "fall 2\u{0}x",
            "keepalived.conf:3 keepalived does not see the rest of the line | there is a NUL in it | take it out",
        ),
        (
            "include a.conf",
            "keepalived.conf:3 keepalived reads on without it and starts | a.conf is not there | write the name of a file that is there, relative to the file that includes it",
        ),
        (
            "includea a*",
            "keepalived.conf:3 keepalived does not start, and refuses to reload | no file fits a* | write the name of a file that is there, relative to the file that includes it",
        ),
        (
            "}",
            "keepalived.conf:4 Extra '}' found: keepalived ignores it | no block is open here | take it out, or see where the block above was closed too early",
        ),
    ] {
        let config = read_text(&script(&format!("{good}\n{lines}")));
        let told = told(&config);
        assert!(
            told.iter().any(|line| line == expected),
            "{lines}: {expected}\n{told:#?}"
        );
    }
}

/// What ends keepalived has a place of its own in the model.
#[test]
fn what_ends_keepalived() {
    for (lines, fatal) in [
        ("script \"/bin/true\"", None),
        ("script \"/bin/true", Some(2)),
        ("script \"/bin/true\"\nrise", Some(3)),
        ("includem nothing", Some(2)),
        ("$A=${B}x\n$B=${A}\n${A}", None), // it becomes too long
        ("$A=${B}\n$B=${A}\n${A}", Some(4)),
        ("$A=@vm fall 2\n$A", Some(3)),
    ] {
        let config = read_text(&script(lines));
        assert_eq!(
            config.fatal.map(|place| place.line),
            fatal,
            "{lines}\n{:#?}",
            config.remarks
        );
    }
    // Nobody reads it: there is nothing to run.
    let config = read_text("vrrp_script chk {\nrise\n}\n");
    assert_eq!((config.fatal, config.runs_vrrp), (None, false));
    let empty = read_files(&[]);
    assert_eq!(empty.fatal.map(|place| place.line), Some(0));
}

#[test]
fn unclosed_blocks_are_named() {
    let config = read_text(&INSTANCE.replace(" }\n track_script", " track_script"));
    let expected = "keepalived.conf:6 track_script is taken for a line of virtual_ipaddress, not for a keyword | virtual_ipaddress in /etc/keepalived/keepalived.conf:4 is not closed | close it with a brace before line 6";
    assert!(
        told(&config).contains(&expected.to_owned()),
        "{:#?}",
        told(&config)
    );

    let config = read_text(&script("script \"/bin/true\"").replacen("\n}\n", "\n", 1));
    let expected = "vrrp_instance may not stand in a block: perhaps vrrp_script chk in /etc/keepalived/keepalived.conf:1 is not closed";
    assert!(
        config.remarks.iter().any(|remark| remark.cause == expected),
        "{:#?}",
        told(&config)
    );
    assert!(!config.runs_vrrp);
}

#[test]
fn names_that_are_tracked() {
    for (text, expected) in [
        (
            script("script \"/bin/true\"").replace(" chk\n", " chkk\n"),
            "there is no vrrp_script of that name | did you mean chk?",
        ),
        (
            format!("{INSTANCE}vrrp_script chk {{\nscript \"/bin/true\"\n}}\n"),
            "the vrrp_script of that name stands below, and keepalived does not look back | move the vrrp_script above what tracks it",
        ),
        (
            script("interval 2"),
            "keepalived removes the vrrp_script of that name | see what is said of that block",
        ),
    ] {
        let config = read_text(&text);
        assert!(
            told(&config).iter().any(|line| line.ends_with(expected)),
            "{text}\n{:#?}",
            told(&config)
        );
        assert!(config.scripts[0].tracked_by.is_empty());
    }
}

#[test]
fn there_is_an_end_to_everything() {
    let started = Instant::now();
    let many = "${A}".repeat(200);
    for (text, told_of) in [
        ("include keepalived.conf\n".to_owned(), "it includes itself"),
        (
            "include *.conf\ninclude b.conf\n".to_owned(),
            "it includes itself",
        ),
        (
            "~SEQ(i, 1, 9223372036854775807) x\n".to_owned(),
            "they make more than",
        ),
        (
            "~SEQ(i, 1, 100000) ~SEQ(j, 1, 100000) ~SEQ(k, 1, 100000) x\n".to_owned(),
            "they make more than",
        ),
        ("$M=a \\\n$M\n\n$M\n".to_owned(), "they make more than"),
        ("$A=$A\n$A\n".to_owned(), "in a circle"),
        (
            format!("$A={many}\n{many}\n"),
            "once more behind each brace",
        ),
        (
            format!("x {}\n", "y".repeat(2000)),
            "longer than 1023 bytes",
        ),
        ("\n".repeat(1_100_000), "more than 1000000 lines"),
        ("x\n".repeat(5000), "hardly a line is understood"),
        ("x".repeat(17 << 20), "over 16 MiB"),
        (format!("include {}x\n", "{a,b}".repeat(60)), "is not there"),
        (
            format!("include {}\n", "*".repeat(300)),
            "it includes itself",
        ),
    ] {
        let config = read_files(&[
            ("keepalived.conf", &text),
            ("a.conf", "include b.conf\ninclude b.conf\n"),
            (
                "b.conf",
                "include a.conf\ninclude a.conf\ninclude keepalived.conf\n",
            ),
        ]);
        let shown = text.get(..60).unwrap_or(&text);
        let causes: Vec<&str> = config
            .remarks
            .iter()
            .map(|remark| remark.cause.as_str())
            .collect();
        assert!(
            causes.iter().any(|cause| cause.contains(told_of)),
            "{shown}: {told_of}\n{causes:#?}"
        );
        assert!(config.remarks.len() <= 1001);
    }
    // Far more than it takes, far less than without an end.
    assert!(started.elapsed() < Duration::from_secs(120));
}

#[test]
fn a_file_that_is_read_twice_is_a_note() {
    let config = read_files(&[
        (
            "keepalived.conf",
            &format!("@vm include chk.conf\n{INSTANCE}"),
        ),
        ("chk.conf", "vrrp_script chk {\nscript \"/bin/true\"\n}\n"),
    ]);
    assert_eq!(config.scripts.len(), 2);
    let problems = config
        .remarks
        .iter()
        .filter(|remark| remark.severity == Severity::Problem);
    assert_eq!(problems.count(), 0, "{:#?}", told(&config));
    assert_eq!(config.scripts[0].tracked_by.len(), 1);
    assert_eq!(
        config.scripts[1].shadowed_by,
        Some(config.scripts[0].place.clone())
    );
}

#[test]
fn comments_at_the_margin_of_what_a_host_includes_are_a_trap() {
    for (line, comment, count) in [
        ("@vm include chk.conf", "# x", 1),
        ("@vm include chk.conf", " # x", 0),
        ("include chk.conf", "# x", 0),
    ] {
        let chk = format!("{comment}\nvrrp_script chk {{\nscript \"/bin/true\"\n}}\n");
        let config = read_files(&[
            ("keepalived.conf", &format!("{line}\n{INSTANCE}")),
            ("chk.conf", &chk),
        ]);
        let told = told(&config);
        let traps = told
            .iter()
            .filter(|line| line.contains("a sign of its own"));
        assert_eq!(traps.count(), count, "{line}, {comment}: {told:#?}");
    }
}

#[test]
fn what_keepalived_said_while_it_included_files_is_told_and_silence_is_not() {
    let text = "# /etc/keepalived/keepalived.conf\n#! cannot open a.conf\n#! \n!\n";
    let main = Path::new("/etc/keepalived/keepalived.conf");
    let config = read_loaded(&InMemory(Vec::new()), text.as_bytes(), main, b"vm");
    let cause = "keepalived said so when it was started, or read again";
    assert_eq!(
        told(&config),
        [format!("keepalived.conf cannot open a.conf | {cause} | ")]
    );
}
