//! The block to paste.

use std::path::Path;

use super::command::is_safe;
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

/// Returns a vrrp_script for the arguments of these checks, and the lines that track it. One check cannot stand for
/// several if one of them has options, such as `--any`: then the block has no port. `user` is the user of the script if it
/// must have one of its own.
pub fn block(program: &str, checks: &[String], user: Option<&str>) -> String {
    let has_option = checks.iter().any(|check| check.starts_with('-'));
    let mut ports: Vec<&str> = Vec::new();
    let words: Vec<&str> = match (checks, has_option) {
        ([first, others @ ..], true) if others.iter().all(|other| other == first) => vec![first],
        (_, true) => Vec::new(),
        _ => checks.iter().flat_map(|check| check.split(' ')).collect(),
    };
    for word in words {
        if !ports.contains(&word) {
            ports.push(word);
        }
    }
    let mut first = "To paste into keepalived.conf".to_owned();
    if ports.is_empty() {
        ports.push("PORT");
        first += ", with the port in place of PORT";
    }
    if metadata(Path::new(program)).is_err() {
        first += ", once listenup is installed there";
    }
    let ports = ports.join(" ");
    let user = user.map_or_else(String::new, |user| format!("    user {user}\n"));
    format!(
        "{first}:\n\n\
         vrrp_script chk_listenup {{\n    \
             script \"{program} check -q --log journald {ports}\"\n    \
             interval 1\n    \
             timeout 1\n    \
             fall 2\n    \
             rise 2\n\
         {user}}}\n\n\
         and into its vrrp_instance, below it:\n\n    \
             track_script {{\n        \
                 chk_listenup\n    \
             }}\n"
    )
}
