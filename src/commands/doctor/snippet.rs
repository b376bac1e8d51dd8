//! The block to paste.

use std::path::Path;

use super::command::is_safe;
use crate::domain::Target;
use crate::untrusted::metadata;

/// The path at which the packages install listenup for keepalived, and at which SELinux lets it do its work.
const HOME: &str = "/usr/libexec/keepalived/listenup";

/// Returns the path if it can be written into keepalived.conf without quotes of its own.
pub fn needs_no_quoting(program: &Path) -> Option<&str> {
    let is_plain = |path: &&str| {
        path.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte))
    };
    program.to_str().filter(is_plain)
}

/// Returns the program to write into keepalived.conf: the one of the packages, or this one if keepalived runs it.
pub fn program(own: Option<&Path>) -> String {
    let own = own.filter(|own| metadata(Path::new(HOME)).is_err() && is_safe(own));
    own.and_then(needs_no_quoting).unwrap_or(HOME).to_owned()
}

/// Returns a vrrp_script for these targets, and the lines that track it.
pub fn block(program: &str, targets: &[Target]) -> String {
    let mut ports: Vec<String> = Vec::new();
    for target in targets.iter().map(ToString::to_string) {
        if !ports.contains(&target) {
            ports.push(target);
        }
    }
    let mut first = "To paste into keepalived.conf".to_owned();
    if ports.is_empty() {
        ports.push("PORT".to_owned());
        first += ", with the port in place of PORT";
    }
    if metadata(Path::new(program)).is_err() {
        first += ", once listenup is installed there";
    }
    let ports = ports.join(" ");
    format!(
        "{first}:\n\n\
         vrrp_script chk_listenup {{\n    \
             script \"{program} check -q --log journald {ports}\"\n    \
             interval 1\n    \
             timeout 1\n    \
             fall 2\n    \
             rise 2\n\
         }}\n\n\
         and into its vrrp_instance, below it:\n\n    \
             track_script {{\n        \
                 chk_listenup\n    \
             }}\n"
    )
}
