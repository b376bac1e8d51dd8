//! Exit numbers, with streams in every state: what keepalived and others act on.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use common::confined::folder_with_listenup;
use common::in_namespace;
use common::program::{LISTENUP, ProgramOutput, await_call, listenup, listenup_with, sh};
use common::sockets::listen;

#[test]
fn every_row_of_the_table() {
    in_namespace(|| {
        let _v4 = listen("127.0.0.1", 443);
        let _dual = listen("::", 444);
        for (line, keepalived, nagios, distinct) in [
            ("443", 0, 0, 0),
            ("443 444", 0, 0, 0),
            ("80", 1, 2, 1),
            ("80 443", 1, 2, 1),
            ("--source proc 127.0.0.1:444", 1, 3, 3), // could not tell: V6ONLY
            ("--source proc 127.0.0.1:444 443", 1, 3, 3), // it hangs on the one in doubt
            ("--source proc 127.0.0.1:444 80", 1, 2, 1), // it does not
            ("--source proc --any 127.0.0.1:444 443", 0, 0, 0),
            ("--source proc --any 127.0.0.1:444 80", 1, 3, 3),
            ("0", 1, 3, 1),
            ("443 443x", 1, 3, 1),
            ("", 1, 3, 1),
            ("--no-such-option 443", 1, 3, 1),
            ("--at-least 2 443", 1, 3, 1),
            ("--help", 1, 3, 1), // beside a set of exit codes
        ] {
            if line != "--help" {
                listenup(&format!("check {line}")).exits(keepalived);
            }
            listenup(&format!("check --exit-codes keepalived {line}")).exits(keepalived);
            listenup(&format!("check --exit-codes nagios {line}")).exits(nagios);
            listenup(&format!("check --exit-codes=nagios {line}")).exits(nagios);
            listenup(&format!("check {line} --exit-codes distinct")).exits(distinct);
            listenup(&format!("check {line} --exit-codes nagios")).exits(nagios);
            listenup(&format!("check {line} --format=nagios")).exits(nagios);
        }
    });
}

#[test]
fn an_option_repeated_with_the_same_value_is_accepted() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 443);
        for line in [
            "check -q -q 443",
            "check -q --quiet -q 443",
            "check --any --any 443 80",
            "check --timeout 1s 443 --timeout=1s",
            "check --source proc --source proc -q -q 443",
            "list -p -p 443",
        ] {
            listenup(line).exits(0).stderr("");
        }
        listenup("check -q -q 80").exits(1).stderr("");
        // Still a contradiction, or wrong for another reason.
        listenup("check -q -q --any --at-least 1 443").exits(1);
        listenup("check -q -q 443x").exits(1);
    });
}

#[test]
fn wrong_usage_is_1_says_so_on_stderr_and_never_looks_listening() {
    let wrong: &[&[&str]] = &[
        &[],
        &["chek", "443"],
        &["443"],
        &["check"],
        &["check", ""],
        &["check", "443", ""],
        &["check", " "],
        &["check", "443 444"],
        &["check", "443", "|", "grep", "LISTEN"], // keepalived starts no shell
        &["check", "443", ">", "/dev/null"],
        &["check", "$PORT"],
        &["check", "--exit-codes", "443"],
        &["check", "--exit-codes", "none", "443"],
        &["check", "--source", "ss", "443"],
        &["check", "--any", "--at-least", "1", "443"],
        &["check", "--at-least", "0", "443"],
        &["check", "--at-least", "-1", "443"],
        &["check", "--at-least", "x", "443"],
        &["check", "--at-least", "18446744073709551615", "443"],
        &["check", "--timeout", "1s", "443", "--timeout", "2s"],
        &["check", "--source=proc", "443", "--source", "auto"],
        &["check", "--log", "none", "--log", "stderr", "443"],
        // The habit from check_tcp, which would be "listening" forever.
        &["check", "-q", "-h", "127.0.0.1", "443"],
        &["check", "-h", "443"],
        &["check", "443", "-V"],
        &["check", "-q", "--help"],
        &["check", "-qh"],
        &["check", "--version", "443"],
        &["-h", "check", "443"],
        &["-V", "check", "443"],
        &["--help", "check"],
        &["watch", "--track-file", "/tmp/x", "-h", "443"],
        // Nothing connects there.
        &["check", "224.0.0.1:443"],
        &["check", "255.255.255.255:443"],
        &["check", "[ff02::1]:443"],
        &["check", "udp:224.0.0.251:5353"],
    ];
    for args in wrong {
        let said = listenup_with(args).exits(1).stdout("");
        assert!(!said.stderr.is_empty(), "{said:?}");
    }
}

#[test]
fn a_thousand_targets_are_checked_in_time_and_more_are_refused() {
    in_namespace(|| {
        let ports = |count: u16| (1..=count).map(|port| port.to_string()).collect::<Vec<_>>();
        let run = |mut words: Vec<String>| {
            words.insert(0, "check".to_owned());
            listenup_with(&words.iter().map(String::as_str).collect::<Vec<_>>())
        };
        run(ports(1001))
            .exits(1)
            .stdout("")
            .stderr_has("1001 different targets are given, and 1000 are allowed");
        // The same one again does not count.
        let listeners: Vec<_> = (1..=1000).map(|port| listen("127.0.0.1", port)).collect();
        run([ports(1000), ports(1000)].concat()).exits(0).stderr("");
        drop(listeners);
        run([ports(1000), vec!["--timeout=20s".to_owned()]].concat())
            .exits(1)
            .stderr("");
        let addresses = (0..40_000_u32).map(|number| {
            format!(
                "10.{}.{}.{}:443",
                number >> 16,
                number >> 8 & 255,
                number & 255
            )
        });
        run(addresses.collect())
            .exits(1)
            .stderr_has("40000 different targets are given");
    });
}

#[test]
fn an_invalid_target_is_quoted_with_the_expected_form() {
    for text in [
        "",
        "0",
        "65536",
        "443x",
        "+443",
        "-443",
        "0x1bb",
        "4 43",
        "\u{664}\u{664}\u{663}",
        "::1:443",
        "2001:db8::1",
    ] {
        listenup_with(&["check", text])
            .exits(1)
            .stdout("")
            .stderr_has(&format!("'{text}'"))
            .stderr_has("expected PORT, *:PORT, ADDRESS:PORT or [IPV6]:PORT");
    }
}

#[test]
fn a_misspelled_option_gets_a_suggestion() {
    for (line, similar) in [
        (
            "check 443 --retry 3ms",
            "a similar argument exists: '--retry-",
        ),
        (
            "check 443 --timeot 3ms",
            "a similar argument exists: '--timeout'",
        ),
        ("lst", "a similar subcommand exists: 'list'"),
        ("check --port 443", "unexpected argument '--port' found"),
    ] {
        let said = listenup(line).exits(1).stdout("").stderr_has(similar);
        assert!(!said.stderr.contains("use '--"), "{said:?}");
    }
}

#[test]
fn a_target_that_is_not_utf8_is_refused() {
    sh(r#"exec "$0" check "$(printf '44\377')""#)
        .exits(1)
        .stdout("")
        .stderr_has("expected PORT");
}

/// What keepalived makes of an exit code: as a vrrp_script, a MISC_CHECK, and a MISC_CHECK with
/// misc_dynamic (keepalived's vrrp_track.c and check_misc.c). IPVS may be missing in the kernel here, so
/// this table stands for the checker.
fn keepalived_takes_for_up(code: i32) -> [bool; 3] {
    // Also 126 and 127: those of a program that execve(2) runs are failures.
    let vrrp_script = code == 0;
    let misc_check = code == 0;
    let misc_dynamic = code == 0 || (2..=255).contains(&code);
    [vrrp_script, misc_check, misc_dynamic]
}

#[test]
fn keepalived_cannot_misread_an_exit_code() {
    in_namespace(|| {
        let _listener = listen("::", 443);
        for (line, up) in [
            ("443", true),
            ("80", false),
            ("443 80", false),
            ("--source proc 127.0.0.1:443", false),
            ("--source proc --on-unknown up 127.0.0.1:443", true),
            ("--on-unknown up 80", false),
            ("--timeout 1ns 80", false),
            ("--timeout 49ms --on-unknown up 80", false),
            (
                "--timeout 500ms --retry-for 451ms --on-unknown up 80",
                false,
            ),
            ("--timeout 50ms --on-unknown up 80", false),
            ("--timeout 50ms --on-unknown up 443", true),
            ("", false),
            ("443x", false),
            ("--no-such-option 443", false),
        ] {
            let code = listenup(&format!("check {line}")).code.unwrap();
            assert_eq!(keepalived_takes_for_up(code), [up; 3], "{line}: {code}");
        }
        // The message does not name an option that was not given.
        let short = listenup("check --timeout 49ms 80");
        assert!(!short.stderr.contains("--retry-for"), "{short:#?}");
        short.stderr_has("--timeout must be at least 50ms");
    });
}

#[test]
fn help_and_version_exit_0() {
    for line in [
        "--help",
        "-h",
        "--version",
        "-V",
        "help",
        "help check",
        "check --help",
        "check -h",
        "check -V",
        "check --version",
        "list --help",
    ] {
        let said = listenup(line).exits(0).stderr("");
        assert!(said.stdout.contains("listenup"), "{said:?}");
    }
    // As a monitoring plugin does: its name and the version.
    let version = format!("listenup-check {}\n", env!("CARGO_PKG_VERSION"));
    listenup("check -V").exits(0).stdout(&version).stderr("");
    // Beside anything else it is wrong usage, which Nagios shows as UNKNOWN.
    listenup("check --format nagios --version")
        .exits(3)
        .stdout_has("LISTENUP UNKNOWN - wrong usage: help and the version are shown only if");
}

#[test]
fn closed_or_full_streams_do_not_change_the_verdict() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 443);
        for streams in [
            ">&-",
            "2>&-",
            "<&-",
            "<&- >&- 2>&-",
            ">/dev/full",
            "2>/dev/full",
            ">/dev/full 2>&1",
            "</dev/null >/dev/null 2>&1",
        ] {
            for (args, code) in [
                ("443", 0),
                ("80", 1),
                ("-v 443", 0),
                ("-v 80", 1),
                ("-q 443", 0),
                ("--exit-codes nagios 80", 2),
                ("--exit-codes nagios 0", 3),
                ("--exit-codes distinct x", 1),
            ] {
                // What was asked for and did not arrive is an error; a verdict is one all the same.
                let in_vain = args == "--help" && streams.starts_with(">/dev/full");
                let code = if in_vain { 1 } else { code };
                sh(&format!(r#"exec "$0" check {args} {streams}"#)).exits(code);
            }
        }
    });
}

#[test]
fn closed_streams_do_not_need_dev_null() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 443);
        let root = folder_with_listenup();
        for (port, code) in [("443", 0), ("80", 1)] {
            let line = format!(
                "exec chroot {} /listenup check -v {port} <&- >&- 2>&-",
                root.path().display()
            );
            ProgramOutput::by(Command::new("sh").args(["-c", &line])).exits(code);
        }
    });
}

#[test]
fn a_closed_pipe_does_not_change_the_verdict() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 443);
        for (port, code) in [("443", 0), ("80", 1)] {
            // The pipe's reader is gone before the program writes, with SIGPIPE at its default as keepalived leaves it.
            let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
            drop(reader);
            ProgramOutput::by(
                Command::new("env")
                    .args(["--default-signal=PIPE", LISTENUP, "check", "-v", port])
                    .stdout(writer.try_clone().unwrap())
                    .stderr(writer),
            )
            .exits(code);
        }
    });
}

#[test]
fn a_file_size_limit_does_not_change_the_verdict() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 443);
        let folder = tempfile::tempdir().unwrap();
        // The kernel sends SIGXFSZ to who writes beyond RLIMIT_FSIZE.
        let written_to_a_file = |words: &str| {
            let line = r#"ulimit -f 0; exec "$0" WORDS >"FILE" 2>&1"#;
            let file = folder.path().join("said").display().to_string();
            sh(&line.replace("WORDS", words).replace("FILE", &file))
        };
        for (words, code) in [
            ("check -v 443", 0),
            ("check -v 80", 1),
            ("check --log stderr --exit-codes distinct 80", 1),
            ("list", 2),
            ("list 443 80 --format json", 2),
            ("doctor 443", 1),
            ("resets --trace off --for 10ms", 1),
            ("--version", 1),
        ] {
            written_to_a_file(words).exits(code);
        }
    });
}

#[test]
fn requested_output_that_cannot_be_written_is_an_error() {
    in_namespace(|| {
        let _listener = listen("127.0.0.1", 443);
        for (words, code) in [
            ("list", 2),
            ("list --format json", 2),
            ("list --help", 2),
            ("doctor 443", 1),
            ("resets --trace off --for 10ms", 1),
            ("resets --trace off --for 10ms --every 5ms", 1),
            ("resets --trace off --for 10ms --format json", 1),
            ("--help", 1),
            ("check --help", 1),
            ("--version", 1),
        ] {
            let said = sh(&format!(r#"exec "$0" {words} >/dev/full"#)).exits(code);
            let why = "listenup: cannot write to stdout: No space left on device (ENOSPC)\n";
            assert!(said.stderr.ends_with(why), "{said:?}");
            sh(&format!(r#"exec "$0" {words} >&-"#))
                .exits(code)
                .stderr_has("cannot write to stdout: Bad file number (EBADF)");
            // A reader who has seen enough, as `head` has, needs no message.
            let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
            drop(reader);
            let mut command = Command::new(LISTENUP);
            command.args(words.split_whitespace()).stdout(writer);
            ProgramOutput::by(&mut command).exits(code).stderr("");
        }
        for words in ["list", "resets --trace off --for 10ms", "--help"] {
            sh(&format!(r#"exec "$0" {words} >/dev/null"#)).exits(0);
        }
    });
}

#[test]
fn sigterm_keeps_its_default_action() {
    // A program that caught it and exited 0 would count as success for keepalived.
    in_namespace(|| {
        let mut child = Command::new(LISTENUP)
            .args(["check", "--retry-for", "50s", "--retry-every", "50s"])
            .args(["--timeout", "60s", "443"])
            .spawn()
            .unwrap();
        await_call(child.id(), &[libc::SYS_ppoll]);
        kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::SIGTERM as i32));
    });
}
