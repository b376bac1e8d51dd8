//! Which kernel this is.

use nix::sys::utsname::uname;

/// As upstream counts: "5.10.262". Debian's release does not say it ("5.10.0-46-amd64"), its version
/// does ("#1 SMP Debian 5.10.262-1 (2026-07-31)").
pub fn upstream() -> String {
    let name = uname().unwrap();
    let (release, version) = (name.release(), name.version());
    let (release, version) = (release.to_string_lossy(), version.to_string_lossy());
    let debian = version.split_once(" Debian ").map(|(_, rest)| rest);
    let number = debian.unwrap_or(&release).split(['-', '+', '~']).next();
    number.unwrap().to_owned()
}
