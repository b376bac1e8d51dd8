//! Rows about files, lines and definitions.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{GOOD, Kind, Row, SERVER, row};

const TOP: &str = "global_defs {\n";

fn include(code: &'static str, line: &str) -> Row {
    row(code, GOOD, &[(TOP, &format!("{line}\n{TOP}"))])
}

fn part(folder: &Path) {
    fs::write(folder.join("part.conf"), "\n").unwrap();
}

fn part_executable(folder: &Path) {
    part(folder);
    fs::set_permissions(folder.join("part.conf"), Permissions::from_mode(0o755)).unwrap();
}

fn fifo(folder: &Path) {
    let made = Command::new("mkfifo")
        .arg(folder.join("part.conf"))
        .status();
    assert!(made.unwrap().success());
}

fn part_again(folder: &Path) {
    fs::remove_file(folder.join("part.conf")).unwrap();
    part(folder);
}

fn many_lines(folder: &Path) {
    fs::write(folder.join("part.conf"), "x".repeat(17 << 20)).unwrap();
}

pub fn reading() -> Vec<Row> {
    let long = "x".repeat(1100);
    let junk = "x\n".repeat(1100);
    let define = |line: &str, with: &str| -> [(String, String); 2] {
        [
            (" fall 2\n".to_owned(), with.to_owned()),
            (TOP.to_owned(), format!("{line}\n{TOP}")),
        ]
    };
    let defined = |code: &'static str, line: &str, with: &str| {
        let edits = define(line, with);
        let edits: Vec<(&str, &str)> = edits
            .iter()
            .map(|(old, new)| (old.as_str(), new.as_str()))
            .collect();
        row(code, GOOD, &edits)
    };
    vec![
        include("LU101", "include FOLDER/part.conf").fix("create the file", &[]).after(part),
        include("LU102", "include \"FOLDER/part.conf\"").before(part).fix_line("include \"FOLDER/part.conf\""),
        include("LU103", "include FOLDER/part*.conf").fix("ls FOLDER/part*.conf", &[]).after(part),
        include("LU104", "includem FOLDER/part.conf").fix("create the file", &[]).after(part),
        include("LU105", "includer FOLDER/part.conf").before(part_executable).fix("chmod a-x FOLDER/part.conf", &[]).after(
            |folder| fs::set_permissions(folder.join("part.conf"), Permissions::from_mode(0o644)).unwrap(),
        ),
        include("LU107", "include FOLDER/part.conf").before(part_executable).fix_command("chmod a-x FOLDER/part.conf"),
        include("LU108", "include FOLDER/part.conf").before(fifo).fix("ls -ld FOLDER/part.conf", &[]).after(part_again),
        include("LU109", "include FOLDER/keepalived.conf").fix("remove this include", &[("include FOLDER/keepalived.conf\n", "")]),
        include("LU110", "@^nosuch include FOLDER/part.conf")
            .before(part)
            .fix("begin the line with include", &[("@^nosuch include", "include")]),
        row("LU111", GOOD, &[(" fall 2\n", " fall {{ fall }}\n")]).fix("render the template", &[("{{ fall }}", "2")]),
        row("LU113", GOOD, &[(TOP, &format!("{junk}{TOP}"))]).fix("check that this is a keepalived.conf", &[(&junk, "")]),
        include("LU114", "~SEQ(i, 1, 2) $X${i}=1"),
        include("LU118", "include FOLDER/part.conf").before(many_lines),
        row("LU119", GOOD, &[(TOP, &format!("{TOP} router_id {long}\n"))]).fix("make the line or its definitions shorter", &[(&long, "x")]),
        row("LU124", SERVER, &[(
            "  MISC_CHECK {\n   misc_path \"FOLDER/listenup check -q 443\"\n   misc_timeout 1\n",
            "  FILE_CHECK {\n   track_file tf\n",
        )])
        .words("--keepalived-version 2.3.1")
        .fix("use a MISC_CHECK in place of FILE_CHECK", &[(
            "FILE_CHECK {\n   track_file tf\n",
            "MISC_CHECK {\n   misc_path \"FOLDER/listenup check -q 443\"\n   misc_timeout 1\n",
        )])
        .kind(Kind::Tests),
        row("LU133", &format!("\u{feff}\n{GOOD}"), &[])
            .fix("sed -i '1s/^\\xEF\\xBB\\xBF//' FOLDER/keepalived.conf", &[("\u{feff}", "")]),
        row("LU134", GOOD, &[(TOP, &format!("{TOP} router_id \"x\n"))]).fix("close the quote", &[("\"x\n", "\"x\"\n")]),
        defined("LU138", "$A=@^nosuch fall 2", " $A\n")
            .words("--keepalived-version 2.4.0")
            .fix("write the text of the definition in place of its name", &[(" $A\n", " @^nosuch fall 2\n")])
            .kind(Kind::Runs),
        row("LU139", GOOD, &[(TOP, &format!("$P=443\n{TOP}")), ("-q 443", "-q $P")])
            .fix("write ${P}", &[("-q $P", "-q ${P}")]),
        row("LU140", GOOD, &[(" fall 2\n", " fall ${A}\n")]).fix("add above this line: $A=VALUE", &[(" fall ${A}", " $A=2\n fall ${A}")]),
    ]
}
