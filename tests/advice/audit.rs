//! Rows about users, paths, weights and track files.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use super::{FILE, GOOD, Kind, Row, row};

const SECURITY: &str = " enable_script_security\n";
const USER: &str = " script_user root\n";
const NOBODY: u32 = 65534;

fn folder_with(folder: &Path, name: &str, mode: u32, of_file: u32) {
    let inner = folder.join(name);
    fs::create_dir(&inner).unwrap();
    fs::copy(folder.join("listenup"), inner.join("listenup")).unwrap();
    fs::set_permissions(inner.join("listenup"), Permissions::from_mode(of_file)).unwrap();
    fs::set_permissions(inner, Permissions::from_mode(mode)).unwrap();
}

fn track(folder: &Path) {
    fs::write(folder.join("track"), "0\n").unwrap();
}

fn track_down(folder: &Path) {
    fs::write(folder.join("track"), "1\n").unwrap();
}

fn words(folder: &Path) {
    fs::write(folder.join("track"), "soon\n").unwrap();
}

fn open(folder: &Path) {
    track(folder);
    fs::create_dir(folder.join("open")).unwrap();
    fs::set_permissions(folder.join("open"), Permissions::from_mode(0o777)).unwrap();
    fs::write(folder.join("open/track"), "0\n").unwrap();
}

/// A script that all users can execute, and only root can read.
fn script_of_root(folder: &Path) {
    let script = folder.join("check.sh");
    fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    fs::set_permissions(script, Permissions::from_mode(0o711)).unwrap();
}

/// A group with 100 members.
fn big_group(folder: &Path) {
    let members: Vec<String> = (0..100).map(|member| format!("member{member}")).collect();
    let group = fs::read_to_string("/etc/group").unwrap();
    fs::write(
        folder.join("group"),
        format!("big:x:7777:{}\n{group}", members.join(",")),
    )
    .unwrap();
}

/// The command is this program of the folder.
fn program(code: &'static str, name: &str, user: &str) -> Row {
    let to = format!("FOLDER/{name} check");
    let user = format!(" user {user}\n fall 2\n");
    row(
        code,
        GOOD,
        &[("FOLDER/listenup check", &to), (" fall 2\n", &user)],
    )
}

/// It is moved to a folder where keepalived runs it.
fn moved(row: Row, from: &str) -> Row {
    row.fix(
        "and write its new path into the line",
        &[(from, "FOLDER/listenup")],
    )
}

pub fn audit() -> Vec<Row> {
    let weight = |line: &str, code: &'static str| {
        row(code, GOOD, &[("  chk\n", &format!("  chk {line}\n"))])
    };
    let insecure = |row: Row| Row {
        broken: row.broken.replace(SECURITY, ""),
        ..row
    };
    vec![
        row("LU201", GOOD, &[(SECURITY, ""), (USER, "")])
            .fix("enable_script_security, and below it: script_user root", &[("global_defs {\n", "global_defs {\n enable_script_security\n script_user root\n")]),
        row("LU202", GOOD, &[(USER, "")]).fix("add to global_defs: script_user root", &[(SECURITY, " enable_script_security\n script_user root\n")]),
        row("LU203", GOOD, &[("script_user root", "script_user rot")]).fix("correct the name", &[("rot\n", "root\n")]),
        row("LU204", GOOD, &[("script_user root", "script_user root rot")]).fix("or remove it", &[(" rot\n", "\n")]),
        row("LU205", GOOD, &[("script_user root", "script_user root big")])
            .before(big_group)
            .hidden("/etc/group", "FOLDER/group")
            .fix("remove big after root", &[("root big", "root")])
            .kind(Kind::Runs),
        row("LU206", GOOD, &[])
            .words("--user 0")
            .hidden("/etc/passwd", "/dev/null"),
        row("LU207", GOOD, &[]).words("--user rot").fix("correct the name", &[]).words_after("--user root"),

        program("LU211", "listenupp", "root").fix("correct the path in the line", &[("listenupp", "listenup")]),
        row("LU212", GOOD, &[("FOLDER/listenup check", "listenup-nowhere check")])
            .fix("or write its whole path", &[("listenup-nowhere", "FOLDER/listenup")]),
        row("LU213", GOOD, &[("FOLDER/listenup check", "./listenup check")]).fix("write the whole path", &[("./listenup", "FOLDER/listenup")]),
        moved(program("LU214", "a/listenup", "nobody"), "FOLDER/a/listenup").before(|folder| folder_with(folder, "a", 0o700, 0o755)),
        program("LU215", "a", "root").before(|folder| folder_with(folder, "a", 0o755, 0o755)).fix("the program itself", &[("FOLDER/a", "FOLDER/a/listenup")]).after(|_| ()),
        program("LU216", "a/listenup", "nobody").before(|folder| folder_with(folder, "a", 0o755, 0o700)).fix_command("chmod 755 FOLDER/a/listenup"),
        row("LU223", GOOD, &[("FOLDER/listenup check -q 443", "FOLDER/check.sh"), (" fall 2\n", " user nobody\n fall 2\n")])
            .before(script_of_root)
            .fix("and write its new path into the line", &[("FOLDER/check.sh", "FOLDER/listenup check -q 443")]),
        moved(program("LU218", "a/listenup", "root"), "FOLDER/a/listenup").before(|folder| folder_with(folder, "a", 0o777, 0o755)),
        program("LU219", "a/listenup", "root").before(|folder| folder_with(folder, "a", 0o755, 0o757)).fix_command("chmod o-w FOLDER/a/listenup"),
        moved(insecure(program("LU220", "a/listenup", "root")), "FOLDER/a/listenup").before(|folder| folder_with(folder, "a", 0o777, 0o755)).kind(Kind::Read),
        insecure(program("LU221", "a/listenup", "root"))
            .before(|folder| {
                folder_with(folder, "a", 0o755, 0o755);
                chown(folder.join("a/listenup"), Some(NOBODY), None).unwrap();
            })
            .fix_command("chown root FOLDER/a/listenup")
            .kind(Kind::Read),

        weight("weight 0 reverse", "LU231").fix("remove reverse", &[(" reverse", "")]),
        weight("weight 20 reverse", "LU232").fix("remove reverse", &[(" reverse", "")]),
        row("LU233", GOOD, &[("  chk\n", "  chk weight 20 reverse\n"), ("FOLDER/listenup check -q 443", "/usr/bin/test -e /run")])
            .fix("remove reverse", &[(" reverse", "")]),
        row("LU234", GOOD, &[("  chk\n", "  chk weight -20\n"), (" priority", " nopreempt\n priority")]).fix("weight 0 for chk", &[("weight -20", "weight 0")]),
        row("LU236", GOOD, &[(" fall 2\n", " fall 1\n")]).fix_line("fall 1"),
        row("LU237", GOOD, &[(" fall 2\n", " fall 2\n init_fail\n")]).fix("remove init_fail", &[(" init_fail\n", "")]),
        row("LU241", GOOD, &[]),
        weight("weight -20", "LU242"),
        row("LU243", GOOD, &[(" track_script {\n  chk\n }\n", ""), ("vrrp_script chk {\n script \"FOLDER/listenup check -q 443\"\n interval 1\n fall 2\n}\n", "")])
            .fix("see listenup-keepalived(7)", &[
                ("vrrp_instance", "vrrp_script chk_listenup {\n script \"FOLDER/listenup check -q --log journald 443\"\n interval 1\n timeout 1\n fall 2\n rise 2\n}\nvrrp_instance"),
                (" priority", " track_script {\n  chk_listenup\n }\n priority"),
            ]),

        row("LU251", FILE, &[(" track_file {\n  tf\n }\n", "")])
            .before(track)
            .fix("track_file { tf }", &[(" priority", " track_file { tf }\n priority")]),
        row("LU252", FILE, &[(" weight 0\n", "")]).before(track).fix("weight 0, in the block track_file tf", &[(" file", " weight 0\n file")]),
        row("LU253", FILE, &[]).fix("start the program that writes FOLDER/track", &[]).after(track),
        row("LU255", FILE, &[])
            .before(track)
            .looks_up("to see whether its writer runs: systemctl status"),
        row("LU256", FILE, &[]).before(words).fix("start the program that writes FOLDER/track", &[]).after(track),
        row("LU257", FILE, &[("FOLDER/track", "/proc/sys/kernel/panic")]).words("--keepalived-version 2.2.7"),
        row("LU258", FILE, &[("FOLDER/track", "FOLDER/open/track")])
            .before(open)
            .fix("keep the file in a folder to which only root can write", &[("FOLDER/open/track", "FOLDER/track")])
            .after(|_| ()),
        row("LU260", FILE, &[]).before(track_down),
        row("LU261", GOOD, &[("vrrp_instance", "vrrp_track_process p {\n process keepalived\n}\nvrrp_instance"), ("  chk\n }\n", "  chk\n }\n track_process {\n  p\n }\n")])
            .fix("track a listenup check instead", &[("vrrp_track_process p {\n process keepalived\n}\n", ""), (" track_process {\n  p\n }\n", "")]),
    ]
}
