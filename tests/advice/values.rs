//! Rows about keywords, blocks and their values.

use super::{GOOD, Kind, Row, SERVER, row};

const TOP: &str = "global_defs {\n";
const FALL: &str = " fall 2\n";
const SECOND: &str = "vrrp_script chk {\n script \"FOLDER/listenup check -q 8443\"\n fall 2\n}\n";

pub fn blocks() -> Vec<Row> {
    let end = " track_script {\n  chk\n }\n}\n";
    let instance = "vrrp_instance gateway {\n";
    vec![
        row("LU141", GOOD, &[(FALL, " fall 2\n nonsense 1\n")])
            .fix("remove the line", &[(" nonsense 1\n", "")]),
        row("LU142", GOOD, &[("interval", "intervall")]).fix(
            "replace intervall by interval",
            &[("intervall", "interval")],
        ),
        row("LU143", GOOD, &[(FALL, " fall 2\n nopreempt\n")]).fix(
            "move the line to vrrp_instance",
            &[(" nopreempt\n", ""), (" priority", " nopreempt\n priority")],
        ),
        row("LU144", GOOD, &[(FALL, " }\n fall 2\n")])
            .fix("remove the }", &[(" }\n fall 2\n", FALL)]),
        row(
            "LU146",
            GOOD,
            &[(FALL, " fall 2\n nonsense {\n  a 1\n }\n")],
        )
        .fix(
            "remove nonsense with its block",
            &[(" nonsense {\n  a 1\n }\n", "")],
        ),
        row(
            "LU147",
            GOOD,
            &[("  192.0.2.100/24\n }\n", "  192.0.2.100/24\n")],
        )
        .fix(
            "add a line with } above this line",
            &[(" track_script {", " }\n track_script {")],
        ),
        row("LU148", GOOD, &[(end, " track_script {\n  chk\n }\n")]).fix(
            "add a line with } at the end of",
            &[("  chk\n }\n", "  chk\n }\n}\n")],
        ),
        row("LU149", GOOD, &[(TOP, "global_defs\n")]).fix_line("global_defs"),
        row(
            "LU150",
            GOOD,
            &[(end, " track_script {\n  chk\n }\n}\n{\n}\n")],
        )
        .fix("remove the { with its }", &[("}\n{\n}\n", "}\n")]),
        row(
            "LU151",
            GOOD,
            &[(end, " track_script {\n  chk\n }\n}\n}\n")],
        )
        .fix("remove the }", &[("}\n}\n}\n", "}\n}\n")]),
        row("LU152", GOOD, &[(FALL, " fall\n")])
            .fix("write a value after fall", &[(" fall\n", FALL)]),
        row("LU153", GOOD, &[(FALL, " fall 2 times\n")]).fix("remove times", &[(" times", "")]),
        row("LU154", GOOD, &[(FALL, " fall 2\n fall 3\n")])
            .fix("remove line 8", &[(" fall 2\n fall 3\n", " fall 3\n")]),
        row("LU156", GOOD, &[(FALL, " fall x\n")])
            .fix("write a number from", &[("fall x", "fall 2")]),
        row("LU157", GOOD, &[("interval 1", "interval 5000")])
            .fix("write a number from", &[("5000", "1")]),
        row("LU158", GOOD, &[("state BACKUP", "state SLAVE")])
            .fix("write MASTER or BACKUP", &[("SLAVE", "BACKUP")]),
        row("LU159", GOOD, &[(instance, "vrrp_instance {\n")]).fix(
            "vrrp_instance NAME {",
            &[("vrrp_instance {", "vrrp_instance gateway {")],
        ),
        row(
            "LU160",
            GOOD,
            &[(
                "vrrp_instance gateway",
                &format!("{SECOND}vrrp_instance gateway"),
            )],
        )
        .fix(
            "give this block another name, or remove it",
            &[(SECOND, "")],
        ),
        row(
            "LU161",
            GOOD,
            &[(" script \"FOLDER/listenup check -q 443\"\n", "")],
        )
        .fix(
            "add to the block: script VALUE",
            &[(
                " interval",
                " script \"FOLDER/listenup check -q 443\"\n interval",
            )],
        ),
        row(
            "LU164",
            SERVER,
            &[("real_server 127.0.0.1", "real_server localhost")],
        )
        .fix("real_server ADDRESS PORT {", &[("localhost", "127.0.0.1")])
        .kind(Kind::Tests),
        row("LU165", GOOD, &[("192.0.2.100/24", "vip.example.org")]).fix(
            "write ADDRESS/LENGTH",
            &[("vip.example.org", "192.0.2.100/24")],
        ),
        row(
            "LU166",
            GOOD,
            &[("192.0.2.100/24\n", "192.0.2.100/24\n  2001:db8::100/64\n")],
        )
        .fix(
            "move 2001:db8::100/64 to virtual_ipaddress_excluded",
            &[
                ("\n  2001:db8::100/64\n", "\n"),
                (
                    " track_script",
                    " virtual_ipaddress_excluded {\n  2001:db8::100/64\n }\n track_script",
                ),
            ],
        ),
        row("LU167", GOOD, &[(" virtual_router_id 51\n", "")]).fix(
            "add: virtual_router_id NUMBER",
            &[(instance, "vrrp_instance gateway {\n virtual_router_id 51\n")],
        ),
        row("LU168", GOOD, &[(" interface to-e0\n", "")]).fix(
            "write: interface",
            &[(instance, "vrrp_instance gateway {\n interface to-e0\n")],
        ),
        row("LU168", GOOD, &[("interface to-e0", "interface lo")])
            .fix("other than lo", &[("interface lo", "interface to-e0")]),
        row(
            "LU192",
            GOOD,
            &[(
                " interface to-e0\n",
                " unicast_src_ip 192.0.2.1\n unicast_peer {\n  192.0.2.2\n }\n",
            )],
        )
        .words("--keepalived-version 2.3.4")
        .fix(
            "192.0.2.100/24 dev NAME",
            &[("100/24\n", "100/24 dev to-e0\n")],
        ),
        row(
            "LU169",
            GOOD,
            &[("state BACKUP", "state MASTER\n nopreempt")],
        )
        .fix("write state BACKUP", &[("MASTER", "BACKUP")]),
        row("LU170", GOOD, &[("check -q 443\"", "check -q 443")])
            .fix("close the quote", &[("check -q 443", "check -q 443\"")]),
        row(
            "LU171",
            GOOD,
            &[("script \"FOLDER/listenup check -q 443\"", "script")],
        )
        .fix(
            "script \"PROGRAM ARGUMENTS\"",
            &[(" script\n", " script \"FOLDER/listenup check -q 443\"\n")],
        ),
        row(
            "LU172",
            GOOD,
            &[(
                "\"FOLDER/listenup check -q 443\"",
                "FOLDER/listenup check -q 443",
            )],
        )
        .fix_line("script FOLDER/listenup check -q 443"),
        row(
            "LU190",
            GOOD,
            &[(" interval 1\n fall 2\n", " interval 1 fall 2\n")],
        )
        .fix(
            "write each keyword on a line of its own",
            &[(" interval 1 fall 2\n", " interval 1\n fall 2\n")],
        ),
        row(
            "LU191",
            &format!("{GOOD}{}", second_instance()),
            &[("virtual_router_id 52", "virtual_router_id 51")],
        )
        .fix(
            "a virtual_router_id of its own",
            &[(
                "vrrp_instance second {\n state BACKUP\n interface to-e0\n virtual_router_id 51",
                "vrrp_instance second {\n state BACKUP\n interface to-e0\n virtual_router_id 52",
            )],
        ),
        row(
            "LU264",
            GOOD,
            &[("192.0.2.100/24", "192.0.2.100/24 dev to-e1")],
        )
        .fix("correct the name", &[("dev to-e1", "dev to-e0")]),
    ]
}

/// Another instance on the same interface.
fn second_instance() -> String {
    let (_, instance) = GOOD.split_once("vrrp_instance").unwrap();
    let instance = instance
        .replace(" gateway", " second")
        .replace(" 51", " 52");
    format!("vrrp_instance{}", instance.replace("2.100", "2.101"))
}
