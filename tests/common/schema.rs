//! JSON and its schemas.

use std::process::Command;

use serde_json::Value;

/// The document that a subcommand printed, which must be one line and meet the subcommand's schema.
#[track_caller]
pub fn document(stdout: &str, subcommand: &str) -> Value {
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("document.json");
    std::fs::write(&file, stdout).unwrap();
    // Not one of another Python's, which may come first on the PATH.
    let valid = Command::new("/usr/bin/jsonschema")
        .arg("-i")
        .arg(&file)
        .arg(format!("packaging/schema/{subcommand}.json"))
        .output()
        .expect("this test needs Debian's python3-jsonschema, which scripts/test installs");
    assert!(valid.status.success(), "{valid:?} of {stdout}");
    serde_json::from_str(stdout).unwrap()
}
