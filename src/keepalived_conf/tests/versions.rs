//! What versions of keepalived read differently.

use super::{GOOD, read_as, script, shown};

/// What a version does, and that nothing is said about others.
#[test]
fn diagnostics_depend_on_the_version() {
    let track_file = "track_file tf {\n file /nowhere/tf\n init_file 0\n}\n";
    let definition = |value: &str| script(&format!("{GOOD}\n$X={value}\n$X"));
    let comment = "$B=\\\n script \"/bin/true\" \\\n interval 3 # s \\\n fall 4\n";
    let comment = format!("{comment}{}", script("$B"));
    let escaped = script("script \"/bin/true \\\"a b\\\"\"");
    let decimal = script(&format!("{GOOD}\ninterval 2.5"));
    let file_check = "virtual_server 192.0.2.1 80 {\n real_server 192.0.2.2 80 {\n FILE_CHECK {\n \
                      track_file tf\n }\n }\n}\n";
    for (text, version, expected) in [
        (
            decimal.as_str(),
            "2.3.1",
            vec!["3 NumberUsed interval|2.5|digits only|from 0 to 4294|2"],
        ),
        (&decimal, "2.3.2", vec![]),
        (&decimal, "", vec![]),
        (&escaped, "2.2.8", vec![]),
        (&escaped, "2.3.3", vec![]),
        (
            &definition("@vm fall 2"),
            "2.3.4",
            vec!["4 NotFollowed @vm"],
        ),
        (
            &definition("@vm fall 2"),
            "2.4.0",
            vec!["4 NotReadAgain @vm"],
        ),
        (
            &definition("~SEQ(I,1,2) fall ${I}"),
            "2.3.4",
            vec!["4 NotFollowed ~SEQ"],
        ),
        (
            &definition("~SEQ(I,1,2) fall ${I}"),
            "2.4.3",
            vec!["4 NotReadAgain ~SEQ"],
        ),
        (&comment, "2.3.4", vec![]),
        (
            &comment,
            "2.4.0",
            vec!["4 MisplacedKeyword fall||vrrp_script|"],
        ),
        (
            "$S=~SEQ(I, 1, 2) vrrp_script chk${I} { script \"/bin/true\" }\n$S\n",
            "2.3.4",
            vec!["2 NotFollowed ~SEQ"],
        ),
        (
            "$S=~SEQ(N,1,2)\n$B=\\\nvrrp_script c${N} { \\\n fall 2 \\\n}\n$S $B\n",
            "2.3.4",
            vec!["6 NotFollowed ~SEQ"],
        ),
        (
            "$S=~SEQ(N,1,2)\n$B=\\\nvrrp_script c${N} { \\\n fall 2 \\\n}\n$S $B\n",
            "2.4.3",
            vec!["6 NotReadAgain ~SEQ"],
        ),
        (
            "track_file tf {\n file /proc/sys/kernel/panic\n}\n",
            "2.2.8",
            vec!["2 TrackFileDropped tf|/proc/sys/kernel"],
        ),
        (track_file, "2.2.7", vec![]),
        (
            track_file,
            "2.2.8",
            vec!["3 InitFileOverwrites tf", "2 TrackFileDropped tf|/nowhere"],
        ),
        (track_file, "2.3.3", vec!["2 TrackFileDropped tf|/nowhere"]),
        (
            &format!(
                "{}{file_check}",
                track_file.replace(" file /nowhere/tf\n init_file 0\n", " file tf\n")
            ),
            "2.3.3",
            vec![],
        ),
        (
            &format!(
                "{}{file_check}",
                track_file.replace(" file /nowhere/tf\n init_file 0\n", " file tf\n")
            ),
            "2.3.1",
            vec!["6 FileCheckCrash"],
        ),
        (
            "vrrp_instance VI {\n interface a\n virtual_router_id 1\n no_virtual_ipaddress\n}\n",
            "2.2.7",
            vec![
                "4 UnknownKeyword no_virtual_ipaddress|vrrp_instance VI|vrrp_instance|no_virtual_ipaddress",
            ],
        ),
        (
            "global_defs {\n set_supplementary_groups\n}\n",
            "2.4.4",
            vec![],
        ),
        (
            "global_defs {\n of_a_new_version 2\n script_usr a\n}\n",
            "2.2.7",
            vec![
                "2 UnknownKeyword of_a_new_version|global_defs||",
                "3 MisspelledKeyword script_usr|global_defs||script_user",
            ],
        ),
        (
            "global_defs {\n net_namespace a\n vrrp_strict\n lvs_timeouts tcp 1\n}\n",
            "2.2.7",
            vec!["2 MisplacedKeyword net_namespace|global_defs||"],
        ),
        (
            "global_defs {\n set_supplementary_groups\n}\n",
            "2.4.3",
            vec![
                "2 UnknownKeyword set_supplementary_groups|global_defs|global_defs|set_supplementary_groups",
            ],
        ),
    ] {
        let config = read_as(version, text);
        assert_eq!(shown(&config), expected, "{version}\n{text}");
    }
    let words = |version| {
        let config = read_as(version, &escaped);
        config.scripts[0].command.words.len()
    };
    assert_eq!((words("2.2.8"), words("2.3.3")), (2, 3));
    let fall = |version| read_as(version, &comment).scripts[0].fall();
    assert_eq!((fall("2.3.4"), fall("2.4.0")), (4, 1));
}

/// Seen with 2.2.7 and 2.3.4; the other versions are read in the source.
#[test]
fn an_instance_without_an_interface_runs_only_with_unicast() {
    let unicast = "unicast_src_ip 192.0.2.2\n unicast_peer {\n 192.0.2.3\n }";
    let lo = format!("interface lo\n {unicast}");
    for (version, lines, expected) in [
        ("1.3.5", "interface lo", ""),
        ("2.2.7", "interface lo", "NoInterface"),
        ("2.2.7", "interface eth0\n interface lo", "NoInterface"),
        ("2.2.7", "interface lo\n interface eth0", ""),
        ("2.0.20", unicast, "NoInterface"),
        ("2.1.0", unicast, "NoDevice"),
        ("2.2.5", unicast, "NoInterface"),
        ("2.2.7", &lo, "NoInterface"),
        ("2.3.4", &lo, "NoDevice"),
        ("2.3.4", "unicast_peer {\n 192.0.2.3\n }", "NoInterface"),
    ] {
        for (address, is_removed) in [("192.0.2.1", true), ("192.0.2.1 dev eth0", false)] {
            let text = format!(
                "vrrp_instance VI {{\n {lines}\n virtual_router_id 1\n virtual_ipaddress {{\n {address}\n }}\n}}\n"
            );
            let config = read_as(version, &text);
            let problems = config
                .diagnostics
                .iter()
                .map(|one| format!("{:?}", one.problem));
            let problems: Vec<String> = problems.filter(|one| one.starts_with("No")).collect();
            let is_expected = is_removed || expected != "NoDevice";
            let expected = if is_expected { expected } else { "" };
            assert_eq!(problems.join(" "), expected, "{version}: {text}");
            let is_kept = expected != "NoDevice";
            assert_eq!(
                config.instances[0].addresses.len(),
                usize::from(is_kept),
                "{version}: {text}"
            );
        }
    }
}
