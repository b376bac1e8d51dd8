//! The rules by which keepalived runs a program or refuses it: the owner and mode of each part of its path
//! (lib/notify.c: `check_script_secure`, `check_security`, `is_executable`). Access control lists are not looked at.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::libc::{S_IFDIR, S_IFLNK, S_IFREG, S_ISGID, S_ISUID, S_ISVTX};
use nix::sys::statvfs::{FsFlags, statvfs};

use super::user::{Accounts, ScriptUser};
use crate::commands::doctor::checks::OnFailure;
use crate::commands::doctor::codes::Code;
use crate::commands::doctor::codes::audit::{
    FOLDER_NOT_ENTERED, NOT_ABSOLUTE, NOT_EXECUTABLE, NOT_IN_PATH, ON_NOEXEC, PATH_NOT_REGULAR,
    PATH_UNREADABLE, PROGRAM_MISSING, UNSAFE_FILE, UNSAFE_FILE_RUNS, UNSAFE_FOLDER,
    UNSAFE_FOLDER_RUNS, Weakness,
};
use crate::commands::doctor::codes::outcome::NeverRun;
use crate::commands::doctor::findings::{Finding, Values};
use crate::errno::ErrnoText;
use crate::host::folders::{Part, insecure_part};
use crate::untrusted::{self, PathHandle};

/// The folders that keepalived searches for a program without a path, unless its environment has another PATH.
const SEARCHED: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program and who runs it.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// The name of the check.
    pub name: &'a str,
    /// The program as it is written.
    pub program: &'a Path,
    /// The user.
    pub user: &'a ScriptUser,
    /// True if keepalived does not run an unsafe program (`enable_script_security`); else it logs a warning.
    pub is_secured: bool,
    /// The consequence if the program never runs.
    pub never: NeverRun,
}

impl Program<'_> {
    /// Returns the file that is run.
    ///
    /// # Errors
    /// Returns a finding if there is none.
    pub fn find(&self) -> Result<PathBuf, Finding> {
        let program = self.program;
        if program.is_absolute() {
            return Ok(program.to_owned());
        }
        if program.components().count() > 1 || program.starts_with(".") {
            return Err(self.finding(NOT_ABSOLUTE, &[]));
        }
        let found = SEARCHED
            .split(':')
            .map(|folder| Path::new(folder).join(program));
        let mut found = found.filter(|path| {
            let part = untrusted::metadata(path).map(|found| Part::new(path, &found, false));
            part.is_ok_and(|part| part.kind() == S_IFREG && part.can_execute(self.user))
        });
        found.next().ok_or_else(|| self.finding(NOT_IN_PATH, &[]))
    }

    /// Returns why keepalived does not run the file at this path, and what other users can change. If they can replace
    /// a part of the path, no fix is a chmod or chown: that could reach another file.
    pub fn examine(&self, path: &Path, accounts: &Accounts) -> Vec<Finding> {
        let resolved = match ResolvedPath::of(path) {
            Ok(resolved) => resolved,
            Err((path, error)) if error.kind() == io::ErrorKind::NotFound => {
                return vec![self.finding(PROGRAM_MISSING, &[("path", &path.display())])];
            }
            Err((path, error)) => {
                let error = ErrnoText::from(&error);
                let values: Values = &[("path", &path.display()), ("error", &error)];
                return vec![self.finding(PATH_UNREADABLE, values)];
            }
        };
        let file = &resolved.file;
        let shown = |part: &Part| accounts.shown(part);
        let is_replaceable = insecure_part(path, 0).is_some_and(|part| part.path != file.path);
        let safe = |finding: Finding| match is_replaceable {
            true => finding.with_fix(FOLDER_NOT_ENTERED.fix, ("program", &self.program.display())),
            false => finding,
        };
        let of_part = |code, part: &Part| {
            let values: Values = &[("part", &shown(part)), ("path", &part.path.display())];
            safe(self.finding(code, values))
        };
        let closed = resolved
            .folders
            .iter()
            .filter(|part| !part.can_execute(self.user));
        let mut findings: Vec<Finding> = closed
            .map(|part| of_part(FOLDER_NOT_ENTERED, part))
            .collect();
        if file.kind() != S_IFREG {
            findings.push(of_part(PATH_NOT_REGULAR, file));
        } else if !file.can_execute(self.user) {
            findings.push(of_part(NOT_EXECUTABLE, file));
        }
        // What cannot be found out is not reported.
        let place = PathHandle::of(&file.path).ok();
        let system = place.and_then(|place| statvfs(&place.path()).ok());
        if system.is_some_and(|system| system.flags().contains(FsFlags::ST_NOEXEC)) {
            findings.push(of_part(ON_NOEXEC, file));
        }
        if file.runs_privileged(self.user) {
            let parts = resolved.folders.iter().chain(&resolved.link).chain([file]);
            let found = parts.filter_map(|part| self.unsafe_part(part, &shown(part)));
            findings.extend(found.map(safe));
        }
        findings
    }

    fn unsafe_part(&self, part: &Part, shown: &str) -> Option<Finding> {
        let weakness = part.weakness()?;
        let code = match (self.is_secured, part.kind()) {
            (true, S_IFDIR) => UNSAFE_FOLDER,
            (true, _) => UNSAFE_FILE,
            (false, S_IFDIR) => UNSAFE_FOLDER_RUNS,
            (false, _) => UNSAFE_FILE_RUNS,
        };
        let path = part.path.display();
        let program = self.program.display();
        let repair = weakness.repair(part.kind() == S_IFLNK);
        let values: Values = &[
            ("part", &shown),
            ("path", &path),
            ("program", &program),
            ("weakness", &weakness),
            ("repair", &repair),
        ];
        Some(self.finding(code, values))
    }

    fn finding(&self, code: &'static Code, values: Values) -> Finding {
        let program = self.program.display();
        let common: Values = &[
            ("name", &self.name),
            ("never", &self.never),
            ("user", &self.user.name),
            ("program", &program),
        ];
        code.with(&[values, common].concat())
    }
}

/// The parts of a path after all links.
struct ResolvedPath {
    /// `/` first.
    folders: Vec<Part>,
    /// A link in the last folder. keepalived keeps its name, because some programs depend on theirs.
    link: Option<Part>,
    file: Part,
}

impl ResolvedPath {
    fn of(program: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let real = fs::canonicalize(program).map_err(|error| (program.to_owned(), error))?;
        let at = |path: &Path| match fs::symlink_metadata(path) {
            Ok(found) => Ok(Part::new(path, &found, false)),
            Err(error) => Err((path.to_owned(), error)),
        };
        let folders: Result<Vec<Part>, _> = real.ancestors().skip(1).map(at).collect();
        let mut folders = folders?;
        folders.reverse();
        let in_same_folder = program.file_name().map(|name| real.with_file_name(name));
        let is_link = |link: &PathBuf| *link != real && is_same(link, &real);
        let link = in_same_folder.filter(is_link);
        Ok(Self {
            folders,
            link: link.map(|link| at(&link)).transpose()?,
            file: at(&real)?,
        })
    }
}

/// True if two paths lead to the same file.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path| {
        untrusted::metadata(path)
            .ok()
            .map(|file| (file.dev(), file.ino()))
    };
    identity(one).is_some_and(|one| identity(other) == Some(one))
}

/// True if keepalived runs the file at this path as root, with `enable_script_security`.
pub fn is_safe(path: &Path) -> bool {
    let root = Accounts::root();
    let program = Program {
        name: "",
        program: path,
        user: &root,
        is_secured: true,
        never: NeverRun(OnFailure::Unused),
    };
    program.examine(path, &Accounts::default()).is_empty()
}

impl Part {
    /// True if the user can execute it, or search it if it is a folder.
    fn can_execute(&self, user: &ScriptUser) -> bool {
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

    /// True if it runs with root's user or group. Only then it matters to keepalived who can write.
    fn runs_privileged(&self, user: &ScriptUser) -> bool {
        let becomes_root = self.uid == 0 && self.mode & S_ISUID != 0 && self.mode & 0o100 != 0;
        let becomes_group = self.gid == 0 && self.mode & S_ISGID != 0 && self.mode & 0o010 != 0;
        user.uid == 0 || user.gid == Some(0) || becomes_root || becomes_group
    }

    /// Returns why keepalived treats it as unsafe.
    fn weakness(&self) -> Option<Weakness> {
        let is_link = self.kind() == S_IFLNK;
        let sticky = self.kind() == S_IFDIR && self.mode & S_ISVTX != 0;
        let writable = |bit| !is_link && !sticky && self.mode & bit != 0;
        if self.uid != 0 {
            Some(Weakness::Owner)
        } else if writable(0o002) {
            Some(Weakness::Others)
        } else if self.gid != 0 && writable(0o020) {
            Some(Weakness::Group)
        } else {
            None
        }
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
            is_root_only: false,
        }
    }

    fn user(uid: u32, gid: u32) -> ScriptUser {
        ScriptUser {
            name: "somebody".to_owned(),
            uid,
            gid: Some(gid),
        }
    }

    /// The real keepalived agrees, see `tests/doctor_keepalived.rs`.
    #[test]
    fn insecure_path_components() {
        const OWNER: Weakness = Weakness::Owner;
        const GROUP: Weakness = Weakness::Group;
        const OTHERS: Weakness = Weakness::Others;
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
            let weakness = part(uid, gid, mode).weakness();
            assert_eq!(weakness, expected, "{uid}:{gid} {mode:o}");
        }
    }

    #[test]
    fn users_who_can_execute() {
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
            let may = part(uid, gid, mode).can_execute(&who);
            assert_eq!(may, expected, "{who:?}, {uid}:{gid} {mode:o}");
        }
    }

    #[test]
    fn programs_that_run_privileged() {
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
