//! Whether keepalived would run a program, by the owner and mode of each part of its path
//! (lib/notify.c: `check_script_secure`, `check_security`, `is_executable`). Access control lists
//! are not looked at.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::libc::{S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, S_ISGID, S_ISUID, S_ISVTX};
use nix::sys::statvfs::{FsFlags, statvfs};

use super::accounts::{Accounts, ScriptUser};
use super::findings::{Finding, Severity};
use crate::errno::ErrnoText;

/// What becomes of a script that cannot be run, at the start and later.
const UNCHECKED: &str = "keepalived leaves the script out, or takes its failure to start for success: the address never moves";

/// Whether keepalived leaves out what is unsafe, or only warns of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// `enable_script_security`, or nothing is known.
    Enabled,
    /// keepalived.conf does not have it.
    Disabled,
}

/// A folder, link or file on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    path: PathBuf,
    uid: u32,
    gid: u32,
    mode: u32,
}

/// Looks at a program for a user. One finding when nothing is wrong.
pub fn examine(
    program: &Path,
    user: &ScriptUser,
    security: Security,
    accounts: &Accounts,
) -> Vec<Finding> {
    let way = match Way::to(program) {
        Ok(way) => way,
        Err((path, error)) => return vec![cannot_be_looked_at(&path, &error)],
    };
    let file = &way.file;
    let mut findings = Vec::new();
    let shown = |part: &Part| {
        let Part { uid, gid, mode, .. } = part;
        let owner = accounts.owner(*uid, *gid);
        format!("{} ({owner} {:04o})", part.path.display(), mode & 0o7777)
    };
    let name = &user.name;
    for folder in way
        .folders
        .iter()
        .filter(|folder| !folder.may_execute(user))
    {
        findings.push(Finding::problem(
            UNCHECKED,
            format!("{}: {name} may not enter it", shown(folder)),
            format!(
                "chmod o+x {}, or run it as another user",
                folder.path.display()
            ),
        ));
    }
    if file.kind() != S_IFREG {
        findings.push(Finding::problem(
            UNCHECKED,
            format!("{}: is no file", shown(file)),
            "name the program itself",
        ));
    } else if !file.may_execute(user) {
        findings.push(Finding::problem(
            UNCHECKED,
            format!("{}: {name} may not execute it", shown(file)),
            format!("chmod 755 {}", file.path.display()),
        ));
    }
    findings.extend(cannot_execute(&file.path));
    if file.runs_privileged(user) {
        let parts = way.folders.iter().chain(&way.link).chain([file]);
        findings.extend(parts.filter_map(|part| weak_part(part, &shown(part), security)));
    }
    if findings.is_empty() {
        let text = format!("{}: {name} may run it", program.display());
        findings.push(Finding::ok(match file.runs_privileged(user) {
            true => format!("{text}, and its path is safe"),
            false => text,
        }));
    }
    findings
}

/// What leads to a program, behind all links.
struct Way {
    /// `/` first.
    folders: Vec<Part>,
    /// A link in the last folder: keepalived keeps its name, for some programs go by theirs.
    link: Option<Part>,
    file: Part,
}

impl Way {
    fn to(program: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let real = fs::canonicalize(program).map_err(|error| (program.to_owned(), error))?;
        let mut folders = Vec::new();
        for folder in real.ancestors().skip(1) {
            folders.push(Part::at(folder)?);
        }
        folders.reverse();
        let beside = program.file_name().map(|name| real.with_file_name(name));
        let is_link = |link: &PathBuf| *link != real && is_same(link, &real);
        Ok(Self {
            folders,
            link: beside
                .filter(is_link)
                .map(|link| Part::at(&link))
                .transpose()?,
            file: Part::at(&real)?,
        })
    }
}

/// The same file, by whatever name.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    identity(one).is_some_and(|one| identity(other) == Some(one))
}

impl Part {
    fn at(path: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let part = fs::symlink_metadata(path).map_err(|error| (path.to_owned(), error))?;
        Ok(Self {
            path: path.to_owned(),
            uid: part.uid(),
            gid: part.gid(),
            mode: part.mode(),
        })
    }

    fn kind(&self) -> u32 {
        self.mode & S_IFMT
    }

    /// Whether the user may execute it, or enter it.
    fn may_execute(&self, user: &ScriptUser) -> bool {
        if user.uid == 0 {
            return self.kind() == S_IFDIR || self.mode & 0o111 != 0;
        }
        let bit = if user.uid == self.uid {
            0o100
        } else if user.gid == Some(self.gid) {
            0o010
        } else {
            0o001
        };
        self.mode & bit != 0
    }

    /// Whether it would run with root's user or group: only then keepalived minds who can write.
    fn runs_privileged(&self, user: &ScriptUser) -> bool {
        let becomes_root = self.uid == 0 && self.mode & S_ISUID != 0 && self.mode & 0o100 != 0;
        let becomes_group = self.gid == 0 && self.mode & S_ISGID != 0 && self.mode & 0o010 != 0;
        user.uid == 0 || user.gid == Some(0) || becomes_root || becomes_group
    }

    /// What keepalived finds unsafe about it, and what mends that.
    fn weakness(&self) -> Option<(&'static str, &'static str)> {
        let is_link = self.kind() == S_IFLNK;
        let sticky = self.kind() == S_IFDIR && self.mode & S_ISVTX != 0;
        let writable = |bit| !is_link && !sticky && self.mode & bit != 0;
        if self.uid != 0 {
            let cure = if is_link {
                "chown -h root"
            } else {
                "chown root"
            };
            Some(("does not belong to root", cure))
        } else if writable(0o002) {
            Some(("everybody may write to it", "chmod o-w"))
        } else if self.gid != 0 && writable(0o020) {
            Some(("its group may write to it", "chmod g-w"))
        } else {
            None
        }
    }
}

fn weak_part(part: &Part, shown: &str, security: Security) -> Option<Finding> {
    let (what, cure) = part.weakness()?;
    let path = part.path.display();
    let (severity, effect) = match security {
        Security::Enabled => (
            Severity::Problem,
            "keepalived disables the script: the address never moves",
        ),
        Security::Disabled => (
            Severity::Note,
            "keepalived warns of the script, and runs it",
        ),
    };
    Some(Finding::new(
        severity,
        effect,
        format!("{shown}: {what}"),
        format!("{cure} {path}, or install listenup in /usr/libexec/keepalived"),
    ))
}

fn cannot_be_looked_at(path: &Path, error: &io::Error) -> Finding {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => Finding::problem(
            UNCHECKED,
            format!("{path}: is not there"),
            "install it there",
        ),
        _ => Finding::problem(
            format!("{path}: could not be looked at"),
            ErrnoText::from(error).to_string(),
            "run the doctor as root",
        ),
    }
}

/// A file system that executes nothing.
fn cannot_execute(path: &Path) -> Option<Finding> {
    match statvfs(path) {
        Ok(mounted) if !mounted.flags().contains(FsFlags::ST_NOEXEC) => None,
        Ok(_) => Some(Finding::problem(
            "it cannot be executed, which keepalived counts as success: the address never moves",
            format!("{}: lies on a file system mounted noexec", path.display()),
            "install it elsewhere",
        )),
        Err(errno) => Some(cannot_be_looked_at(path, &errno.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(uid: u32, gid: u32, mode: u32) -> Part {
        let path = PathBuf::from("/x");
        Part {
            path,
            uid,
            gid,
            mode,
        }
    }

    fn user(uid: u32, gid: u32) -> ScriptUser {
        ScriptUser {
            name: "somebody".to_owned(),
            uid,
            gid: Some(gid),
        }
    }

    /// keepalived 2.2.7 has the same opinion, see `tests/doctor_keepalived.rs`.
    #[test]
    fn what_is_weak() {
        const OWNER: &str = "does not belong to root";
        const GROUP: &str = "its group may write to it";
        const OTHERS: &str = "everybody may write to it";
        for (uid, gid, mode, expected) in [
            (0, 0, S_IFDIR | 0o755, None),
            (0, 50, S_IFDIR | 0o755, None),
            (0, 0, S_IFDIR | 0o775, None),  // the group is root
            (0, 0, S_IFDIR | 0o1777, None), // sticky, like /tmp
            (0, 50, S_IFDIR | 0o1775, None),
            (0, 50, S_IFDIR | 0o2775, Some(GROUP)), // Debian's /usr/local/bin
            (0, 0, S_IFDIR | 0o757, Some(OTHERS)),
            (0, 50, S_IFDIR | 0o777, Some(OTHERS)),
            (1000, 0, S_IFDIR | 0o755, Some(OWNER)),
            (1000, 0, S_IFDIR | 0o1755, Some(OWNER)),
            (0, 0, S_IFREG | 0o755, None),
            (0, 0, S_IFREG | 0o1757, Some(OTHERS)), // sticky does not help a file
            (0, 50, S_IFREG | 0o1775, Some(GROUP)),
            (1000, 0, S_IFREG | 0o755, Some(OWNER)),
            (0, 50, S_IFLNK | 0o777, None),
            (1000, 0, S_IFLNK | 0o777, Some(OWNER)),
        ] {
            let weakness = part(uid, gid, mode).weakness().map(|(what, _)| what);
            assert_eq!(weakness, expected, "{uid}:{gid} {mode:o}");
        }
    }

    #[test]
    fn who_may_execute() {
        for (who, uid, gid, mode, expected) in [
            (user(0, 0), 0, 0, S_IFREG | 0o755, true),
            (user(0, 0), 5, 5, S_IFREG | 0o001, true),
            (user(0, 0), 0, 0, S_IFREG | 0o644, false),
            (user(0, 0), 5, 5, S_IFDIR | 0o600, true),
            (user(5, 6), 5, 6, S_IFREG | 0o100, true),
            (user(5, 6), 5, 6, S_IFREG | 0o011, false),
            (user(5, 6), 0, 6, S_IFREG | 0o010, true),
            (user(5, 6), 0, 6, S_IFREG | 0o701, false),
            (user(5, 6), 0, 0, S_IFREG | 0o001, true),
            (user(5, 6), 0, 0, S_IFREG | 0o750, false),
            (user(5, 6), 0, 0, S_IFDIR | 0o700, false),
            (user(5, 0), 0, 0, S_IFDIR | 0o710, true),
        ] {
            let may = part(uid, gid, mode).may_execute(&who);
            assert_eq!(may, expected, "{who:?}, {uid}:{gid} {mode:o}");
        }
    }

    #[test]
    fn when_it_matters_who_can_write() {
        let nobody = user(5, 6);
        for (who, uid, gid, mode, expected) in [
            (&user(0, 0), 5, 5, 0o755, true),
            (&user(5, 0), 5, 5, 0o755, true),
            (&nobody, 0, 0, 0o755, false),
            (&nobody, 0, 0, 0o4755, true),
            (&nobody, 0, 0, 0o2755, true),
            (&nobody, 5, 5, 0o6755, false),
        ] {
            let privileged = part(uid, gid, S_IFREG | mode).runs_privileged(who);
            assert_eq!(privileged, expected, "{who:?}, {uid}:{gid} {mode:o}");
        }
    }
}
