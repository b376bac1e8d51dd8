//! Rows about commands that call listenup.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{GOOD, Kind, Row, SERVER, row};

const CALL: &str = "check -q 443";

fn other(folder: &Path) {
    fs::create_dir(folder.join("a")).unwrap();
    fs::write(folder.join("a/listenup"), "#!/bin/sh\nexit 0\n").unwrap();
    fs::set_permissions(folder.join("a/listenup"), Permissions::from_mode(0o755)).unwrap();
}

fn same(folder: &Path) {
    fs::copy(folder.join("listenup"), folder.join("a/listenup")).unwrap();
}

pub fn commands() -> Vec<Row> {
    let call = |code: &'static str, with: &str| row(code, GOOD, &[(CALL, with)]);
    let nobody = |code: &'static str, with: &str| {
        row(
            code,
            GOOD,
            &[(CALL, with), (" fall 2\n", " fall 2\n user nobody\n")],
        )
    };
    vec![
        row(
            "LU401",
            GOOD,
            &[("FOLDER/listenup", "/usr/bin/env FOLDER/listenup")],
        )
        .fix("call listenup directly", &[("/usr/bin/env ", "")]),
        call("LU402", "check -q 443 >/dev/null")
            .fix("remove \">/dev/null\"", &[(" >/dev/null", "")]),
        call("LU403", "list 443").fix("write listenup check -q PORT, with the number of the port", &[("list 443", CALL)]),
        call("LU404", "check --help").fix(
            "write listenup check -q PORT, with the number of the port",
            &[("check --help", CALL)],
        ),
        call("LU405", "check --quite 443").fix("correct the line", &[("--quite", "--quiet")]),
        call("LU406", "check -q --timeout 1s 443")
            .fix("or write a --timeout below 1s after check", &[("--timeout 1s", "--timeout 500ms")]),
        row(
            "LU407",
            GOOD,
            &[
                (CALL, "check -q --timeout 1s 443"),
                (" interval 1\n", " interval 1\n timeout 3\n"),
            ],
        )
        .words("--keepalived-version 2.2.8")
        .fix(
            "or set the interval to more than 1s",
            &[("interval 1", "interval 2")],
        )
        .kind(Kind::Runs),
        row(
            "LU408",
            SERVER,
            &[
                (CALL, "check -q --exit-codes nagios 443"),
                (
                    "   misc_timeout 1\n",
                    "   misc_timeout 1\n   misc_dynamic\n",
                ),
            ],
        )
        .fix(
            "write --exit-codes keepalived after check, in place of any other --exit-codes",
            &[("--exit-codes nagios", "--exit-codes keepalived")],
        )
        .kind(Kind::Tests),
        row("LU411", GOOD, &[]),
        row("LU244", SERVER, &[]),
        row(
            "LU416",
            SERVER,
            &[
                ("real_server 127.0.0.1", "real_server 192.0.2.9"),
                ("check -q 443", "check -q 192.0.2.9:443"),
            ],
        )
        .fix(
            "use a TCP_CHECK in place of the MISC_CHECK",
            &[(
                "MISC_CHECK {\n   misc_path \"FOLDER/listenup check -q 192.0.2.9:443\"\n   misc_timeout 1\n",
                "TCP_CHECK {\n",
            )],
        )
        .kind(Kind::Tests),
        call("LU412", "check -q 8080"),
        nobody(
            "LU413",
            "check -q --on-unknown up --owner-process doctor_advice 443",
        )
        .fix(
            "add to its block: user root; or remove --on-unknown up",
            &[("--on-unknown up --owner-process doctor_advice ", "")],
        ),
        nobody("LU414", "check -q --owner-process doctor_advice 443").fix(
            "or remove the options that require root",
            &[("--owner-process doctor_advice ", "")],
        ),
        call("LU415", "check -q --interface nosuch 443").fix(
            "correct the name in the line",
            &[("--interface nosuch ", "")],
        ),
        row("LU418", GOOD, &[("FOLDER/listenup", "FOLDER/a/listenup")])
            .before(other)
            .fix("install the same program file in both places", &[])
            .after(same),
        row(
            "LU422",
            GOOD,
            &[("global_defs", "net_namespace listenup-nosuch\nglobal_defs")],
        )
        .fix(
            "or remove net_namespace",
            &[("net_namespace listenup-nosuch\n", "")],
        ),
        call("LU423", "check -q 192.0.2.77:8080")
            .fix("check the port alone: 8080", &[("192.0.2.77:8080", "443")]),
    ]
}
