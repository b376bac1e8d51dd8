//! Rows about what instances and groups track.

use std::fs;
use std::path::Path;

use super::{FILE, GOOD, Kind, Row, row};

const GROUP: &str = "vrrp_sync_group G {\n group {\n  gateway\n }\n}\n";
const BLOCK: &str =
    "vrrp_script chk {\n script \"FOLDER/listenup check -q 443\"\n interval 1\n fall 2\n}\n";
const OTHER: &str = "vrrp_script other {\n script \"FOLDER/listenup check -q 8443\"\n fall 2\n}\n";
const INSTANCE: &str = "vrrp_instance gateway {\n";

fn track(folder: &Path) {
    fs::write(folder.join("track"), "0\n").unwrap();
}

fn track_in_run(folder: &Path) {
    fs::create_dir(folder.join("below")).unwrap();
    fs::write(folder.join("below/track"), "0\n").unwrap();
}

pub fn tracking() -> Vec<Row> {
    let grouped = |edits: &[(&str, &str)], code: &'static str, group: &str| {
        let with_group = format!("{GOOD}{group}");
        row(code, &with_group, edits)
    };
    vec![
        row("LU174", GOOD, &[("  chk\n", "  chk\n  port8443\n")]).fix(
            "add a vrrp_script port8443 above the block that tracks it, or remove this line",
            &[(
                "vrrp_instance",
                &format!("{}vrrp_instance", OTHER.replace("other", "port8443")),
            )],
        ),
        row("LU175", GOOD, &[("  chk\n", "  chkk\n")])
            .fix("replace chkk by chk", &[("chkk", "chk")]),
        row(
            "LU176",
            GOOD,
            &[
                (BLOCK, ""),
                ("  chk\n }\n}\n", &format!("  chk\n }}\n}}\n{BLOCK}")),
            ],
        )
        .fix(
            "move vrrp_script chk above the block that tracks it",
            &[(BLOCK, ""), (INSTANCE, &format!("{BLOCK}{INSTANCE}"))],
        ),
        row(
            "LU178",
            GOOD,
            &[
                ("vrrp_instance", &format!("{OTHER}vrrp_instance")),
                ("  chk\n", "  chk other\n"),
            ],
        )
        .fix(
            "write chk, or chk weight NUMBER, each name on a line of its own",
            &[("  chk other\n", "  chk weight 0\n  other weight 0\n")],
        ),
        grouped(&[("  chk\n", "  chk weight -20\n")], "LU179", GROUP)
            .fix("chk weight 0", &[("weight -20", "weight 0")]),
        row(
            "LU180",
            GOOD,
            &[
                ("priority 100", "priority 255"),
                ("  chk\n", "  chk weight -20\n"),
            ],
        )
        .fix(
            "or a priority from 1 to 254",
            &[("priority 255", "priority 254")],
        ),
        row("LU182", GOOD, &[(" track_script {\n  chk\n }\n", "")]).fix(
            "add to the vrrp_instance: track_script { chk }",
            &[(" priority", " track_script { chk }\n priority")],
        ),
        grouped(
            &[],
            "LU183",
            &GROUP.replace("  gateway\n", "  gateway\n  other\n"),
        )
        .fix("remove other from this group", &[("  other\n", "")]),
        row("LU186", FILE, &[("FOLDER/track", "/proc/sys/kernel/panic")])
            .words("--keepalived-version 2.3.3")
            .fix(
                "keep the file in a folder below /run that exists",
                &[("/proc/sys/kernel/panic", "FOLDER/below/track")],
            )
            .after(track_in_run)
            .kind(Kind::Runs),
        row(
            "LU187",
            FILE,
            &[(" weight 0\n", " weight 0\n init_file 0\n")],
        )
        .words("--keepalived-version 2.3.1")
        .fix(
            "remove init_file, and create the file",
            &[(" init_file 0\n", "")],
        )
        .after(track)
        .kind(Kind::Runs),
    ]
}
