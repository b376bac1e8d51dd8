//! The scripts that the packages run before their removal and after their installation: what they warn of.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::process::Command;

use common::program::ProgramOutput;

/// The scripts that a package runs: after its installation, and before its removal.
fn package_scripts() -> [[String; 2]; 2] {
    let file = |name| fs::read_to_string(name).unwrap();
    let spec = file("packaging/rpm/listenup.spec");
    let section = |name: &str| {
        let (_, rest) = spec.split_once(&format!("\n{name}\n")).unwrap();
        let rest = rest.split("\n%").next().unwrap();
        format!("set -- \"$2\"\n{rest}")
    };
    [
        [file("packaging/deb/postinst"), file("packaging/deb/prerm")],
        [section("%post"), section("%preun")],
    ]
}

/// Runs a script of a package with these files in /etc/keepalived and /etc/systemd/system. `words` has the first argument
/// for Debian's scripts, and the one for rpm's.
fn run_package_script(script: &str, words: &str, conf: &str, unit: bool) -> String {
    let script = format!(
        "mount -t tmpfs -o mode=755 listenup-test /run
        mkdir -p /etc/keepalived /etc/systemd/system
        mount -t tmpfs -o mode=755 listenup-test /etc/keepalived
        mount -t tmpfs -o mode=755 listenup-test /etc/systemd/system
        printf %s \"$CONF\" >/etc/keepalived/keepalived.conf
        [ \"$UNIT\" = false ] || : >/etc/systemd/system/listenup-watch@.service
        systemctl() {{ return 1; }}
        {script}"
    );
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "sh", "-c", &script, "sh"]);
    unshare.args(words.split(' '));
    unshare.env("CONF", conf).env("UNIT", unit.to_string());
    ProgramOutput::by(&mut unshare).exits(0).stdout("").stderr
}

#[test]
fn the_packages_warn_if_keepalived_still_uses_a_program_that_is_removed() {
    let used = "vrrp_script a {\n script \"/usr/libexec/keepalived/listenup check 443\"\n}\n";
    let unused = "# script \"/usr/libexec/keepalived/listenup check 443\"\n";
    for [_, before_removal] in package_scripts() {
        let removed = |conf| run_package_script(&before_removal, "remove 0", conf, false);
        let warning = removed(used);
        assert!(
            warning.contains("keepalived still uses listenup: /etc/keepalived/keepalived.conf"),
            "{warning}"
        );
        assert_eq!(removed(unused), "");
        let upgraded = run_package_script(&before_removal, "upgrade 1", used, false);
        assert_eq!(upgraded, "");
    }
}

#[test]
fn the_packages_warn_if_a_unit_in_etc_replaces_theirs() {
    for [after_installation, _] in package_scripts() {
        let installed = |unit| run_package_script(&after_installation, "configure 1", "", unit);
        let warning = installed(true);
        assert!(
            warning.contains("/etc/systemd/system/listenup-watch@.service replaces the package's"),
            "{warning}"
        );
        assert_eq!(installed(false), "");
    }
}
