//! The block to paste.

use std::fmt::Write as _;
use std::path::Path;

use super::accounts::Accounts;
use super::findings::Finding;
use super::path_security::{self, Security};
use crate::domain::Target;

/// Where keepalived accepts a program, and where SELinux lets it do its work.
pub const HOME: &str = "/usr/libexec/keepalived/listenup";

/// A path that can be written into keepalived.conf: what its quotes would take apart is not fit for it.
pub fn plain(program: &Path) -> Option<&str> {
    let is_plain = |path: &&str| {
        path.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte))
    };
    program.to_str().filter(is_plain)
}

/// The program to write into keepalived.conf: the one at [`HOME`], or this one where it lies as safely.
pub fn suggested(own: Option<&Path>, accounts: &Accounts) -> String {
    let is_safe = |path: &Path| {
        let found = path_security::examine(path, &Accounts::root(), Security::Enabled, accounts);
        !found.iter().any(Finding::is_problem)
    };
    let own = own.filter(|own| !Path::new(HOME).exists() && is_safe(own));
    own.and_then(plain).unwrap_or(HOME).to_owned()
}

/// A vrrp_script for these targets, and the lines that track it.
pub fn block(program: &str, targets: &[Target]) -> String {
    let first = match Path::new(program).exists() {
        true => "To paste into keepalived.conf:",
        false => "To paste into keepalived.conf, once listenup is there:",
    };
    let mut arguments = String::new();
    for target in targets {
        // Writing to a String cannot fail.
        let _ = write!(arguments, " {target}");
    }
    format!(
        "{first}\n\n\
         vrrp_script chk_listenup {{\n    \
             script \"{} check -q{arguments}\"\n    \
             interval 1\n    \
             timeout 1\n    \
             fall 2\n    \
             rise 2\n\
         }}\n\n\
         and into its vrrp_instance, below it:\n\n    \
             track_script {{\n        \
                 chk_listenup\n    \
             }}\n",
        program
    )
}
