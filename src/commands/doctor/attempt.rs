//! What the trial of a check says about it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::accounts::ScriptUser;
use super::checks::{Check, OnFailure};
use super::findings::{Finding, Severity};
use super::hints;
use super::namespace::within;
use super::own_image::OwnImage;
use super::trial::{self, TimeLeft, Trial};
use crate::cli::CheckOptions;
use crate::clock::Shown;
use crate::domain::Wanted;
use crate::keepalived_conf::{Place, Set};
use crate::untrusted::{ReadError, RegularFile};

/// How keepalived would run a check.
pub struct Attempt<'a> {
    /// The check.
    pub check: &'a Check<'a>,
    /// Its options.
    pub options: &'a CheckOptions,
    /// Its user.
    pub user: &'a ScriptUser,
    /// The program that is executed in place of the one in the configuration.
    pub image: &'a Result<OwnImage, ReadError>,
    /// The time for all trials together.
    pub left: &'a TimeLeft,
    /// The network namespace of keepalived, where it is written.
    pub netns: Option<&'a Set<String>>,
    /// What a success does.
    pub does: String,
}

impl Attempt<'_> {
    /// Runs the check, and says what that shows.
    pub fn examine(&self) -> Vec<Finding> {
        let own = nix::unistd::geteuid().as_raw();
        if own != 0 && own != self.user.uid {
            let note = Finding::note(
                format!("{}: the check was not tried", self.check.name),
                format!("only root can run it as {}", self.user.name),
                "run the doctor as root",
            );
            return vec![note.at(self.check.place())];
        }
        let image = match self.image() {
            Ok(image) => image,
            Err(note) => return vec![note.at(self.check.place())],
        };
        let netns = self.netns.map(|set| set.value.as_str());
        let tried = within(netns, || {
            let tried = self.run(image);
            let hints = self.hints(&tried);
            (tried, hints)
        });
        let (tried, hints) = match tried {
            Ok(tried) => tried,
            Err(why) => return vec![self.no_namespace(why)],
        };
        let finding = match (&tried, self.netns) {
            (Trial::Fails(inside), Some(set)) => self.elsewhere(image, inside, set),
            _ => None,
        };
        let finding = finding.unwrap_or_else(|| self.finding(&tried));
        let place = self.check.place();
        let all = std::iter::once(finding).chain(hints);
        all.map(|finding| match finding.place {
            Some(_) => finding,
            None => finding.at(place),
        })
        .collect()
    }

    /// The program to execute, if it is the one in the configuration.
    ///
    /// # Errors
    /// Returns a note if it is another one, or if that is not known.
    fn image(&self) -> Result<&OwnImage, Finding> {
        let name = &self.check.name;
        let path = Path::new(OsStr::from_bytes(self.check.program()));
        let shown = path.display();
        let unknown = |error: &ReadError| {
            let effect =
                format!("{name}: {shown} was not run: whether it is this listenup is not known");
            Finding::note(effect, error.to_string(), "")
        };
        let image = self.image.as_ref().map_err(unknown)?;
        let same = RegularFile::open(path).and_then(|file| image.is_in(&file));
        match same {
            Ok(true) => Ok(image),
            Ok(false) => Err(Finding::note(
                format!("{name}: {shown} was not run: it is a different file"),
                "the doctor only runs its own program file, of which this is not a copy",
                "install the same version of listenup in both places",
            )),
            Err(error) => Err(unknown(&error)),
        }
    }

    fn run(&self, image: &OwnImage) -> Trial {
        trial::run(
            image,
            self.check.words,
            self.user,
            self.check.timeout,
            self.left,
        )
    }

    /// Why nothing may listen on its targets.
    fn hints(&self, tried: &Trial) -> Vec<Finding> {
        if !matches!(tried, Trial::Fails(_)) || self.options.wanted != Wanted::Listening {
            return Vec::new();
        }
        let of = |target| hints::of(target, &self.check.name, Path::new("/proc"));
        let hints = self.options.targets.iter().flat_map(of);
        // Only FAULT keeps the address away.
        let worst = match self.check.on_failure {
            OnFailure::Fault => Severity::Problem,
            _ => Severity::Note,
        };
        hints
            .map(|hint| Finding {
                severity: hint.severity.max(worst),
                ..hint
            })
            .collect()
    }

    fn finding(&self, tried: &Trial) -> Finding {
        let Check {
            name, on_failure, ..
        } = self.check;
        let user = &self.user.name;
        let never = || format!("{name}: {}", on_failure.of_failing_always());
        match tried {
            Trial::Listening(words) => Finding::ok(format!(
                "{name}: {}: run as {user} it succeeds ({words}){}",
                self.check.in_words(),
                self.does
            )),
            Trial::Fails(words) => Finding::note(
                format!("{name}: it fails now: {}", self.now()),
                format!("run as {user} it says {words}"),
                "",
            ),
            Trial::SucceedsBlindly(words) => Finding::problem(
                format!("{name}: it succeeds whatever listens"),
                format!("run as {user} it says {words}, and --on-unknown up takes that for up"),
                "give it a user who may look, or take --on-unknown up out",
            ),
            Trial::CouldNotTell(words) => Finding::problem(
                never(),
                format!("run as {user} it says {words}"),
                "write user root into the block, or leave out what takes more rights",
            ),
            Trial::Refused(words) => Finding::problem(
                never(),
                format!("run as {user} it says {words}"),
                "name what is there",
            ),
            Trial::TooSlow => Finding::problem(
                never(),
                format!(
                    "it has not ended after {}, when keepalived kills it",
                    Shown(self.check.timeout)
                ),
                "see what it waits for with -v, or raise keepalived's timeout",
            ),
            Trial::Unfinished(limit) => Finding::note(
                format!("{name}: what the check finds is not known"),
                format!(
                    "it was ended after {}; keepalived waits {} for it",
                    Shown(*limit),
                    Shown(self.check.timeout)
                ),
                "run it by hand",
            ),
            Trial::NotTried(why) => {
                Finding::note(format!("{name}: the check was not tried"), why, "")
            }
            Trial::Unknown => Finding::note(
                format!("{name}: what the check finds is not known"),
                format!("run as {user} it ended without an answer"),
                "run it by hand",
            ),
        }
    }

    /// What follows while it fails.
    fn now(&self) -> &'static str {
        match self.check.on_failure {
            OnFailure::Unused => "no instance minds",
            OnFailure::Fault => "FAULT on this node until that changes",
            OnFailure::Priority => "the priority is that of a failure until that changes",
            OnFailure::Server { .. } => "the real server is down until that changes",
        }
    }

    /// It fails in keepalived's namespace and succeeds here.
    fn elsewhere(&self, image: &OwnImage, inside: &str, set: &Set<String>) -> Option<Finding> {
        let Trial::Listening(outside) = self.run(image) else {
            return None;
        };
        let finding = Finding::problem(
            format!(
                "{}: {}",
                self.check.name,
                self.check.on_failure.of_failing_always()
            ),
            format!(
                "in net_namespace {} it says {inside}, and here {outside}",
                set.value
            ),
            "run the service in that namespace, or take net_namespace out",
        );
        Some(finding.at(&set.place))
    }

    fn no_namespace(&self, why: String) -> Finding {
        let place: &Place = self.netns.map_or(self.check.place(), |set| &set.place);
        Finding::problem(
            "Unable to set network namespace: keepalived does not start",
            why,
            "make it with ip netns add, or take net_namespace out",
        )
        .at(place)
    }
}
