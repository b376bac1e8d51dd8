//! What listens on a port now, and whose it is: the looks of `listenup check`, the owners of
//! `listenup list -p`.

use std::fmt;
use std::time::Duration;

use crate::cli::ListOptions;
use crate::clock::{Clock, Deadline};
use crate::commands::list::{self, Listing};
use crate::domain::{Answer, Listener, NoRequirements, Protocol, Queue, Target};
use crate::engine::{CheckSpec, SourceChain, Timing, judge};
use crate::host::processes::Process;
use crate::report::Format;
use crate::source::SourceChoice;

/// The limit on the looks; and on finding the owners, which is that of `list`:
/// processes with very many sockets take long.
const LOOKS: Duration = Duration::from_secs(2);
const OWNERS: Duration = Duration::from_secs(10);

/// Whose a listener is, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Who holds it.
    pub processes: Vec<Process>,
    /// The systemd unit that it was made in.
    pub unit: Option<String>,
}

impl fmt::Display for Owner {
    /// `haproxy (812) and 3 more in haproxy.service`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.processes.as_slice() {
            [] => return f.write_str(self.unit.as_deref().unwrap_or_default()),
            [one] => one.fmt(f)?,
            [first, more @ ..] => write!(f, "{first} and {} more", more.len())?,
        }
        match &self.unit {
            Some(unit) => write!(f, " in {unit}"),
            None => Ok(()),
        }
    }
}

/// What listens.
#[derive(Debug, Default)]
pub struct Now {
    answers: Vec<(Target, Answer)>,
    listing: Option<Listing>,
}

impl Now {
    /// Looks at these targets, each once.
    pub fn look(targets: Vec<Target>, clock: &dyn Clock) -> Self {
        if targets.is_empty() {
            return Self::default();
        }
        let deadline = Deadline::new(clock, LOOKS);
        let timing = Timing {
            timeout: LOOKS,
            retry_for: Duration::ZERO,
            retry_every: Duration::ZERO,
        };
        let spec = CheckSpec::all_listening(targets.iter().copied());
        let mut chain = SourceChain::chosen(SourceChoice::Auto, "/proc");
        let outcome = judge(&spec, &mut chain, &mut NoRequirements, timing, deadline);
        let listing = list::find_out(
            &ListOptions {
                protocols: vec![Protocol::Tcp],
                targets,
                source: SourceChoice::Auto,
                netns: None,
                processes: true,
                timeout: OWNERS,
                format: Format::Text,
            },
            clock,
        );
        Self {
            answers: outcome.answers,
            listing: listing.ok(),
        }
    }

    /// The answer for one of the targets.
    pub fn answer(&self, target: Target) -> Option<&Answer> {
        let mut answers = self.answers.iter();
        Some(&answers.find(|(asked, _)| *asked == target)?.1)
    }

    /// The processes and the unit of a listener, as far as they are known.
    pub fn owner(&self, listener: &Listener) -> Option<Owner> {
        let listing = self.listing.as_ref()?;
        let known = listing.listeners.iter().find(|one| one.is_same(listener))?;
        let processes = listing.processes(known).unwrap_or_default();
        let owner = Owner {
            processes: processes.into_iter().cloned().collect(),
            unit: listing.unit(known).map(str::to_owned),
        };
        (owner != Owner::default()).then_some(owner)
    }

    /// Why owners may be missing.
    pub fn warnings(&self) -> impl Iterator<Item = &String> {
        self.listing.iter().flat_map(|listing| &listing.warnings)
    }

    /// The queue of a listener now.
    pub fn queue(&self, listener: &Listener) -> Option<Queue> {
        let listing = self.listing.as_ref()?;
        let known = listing.listeners.iter().find(|one| one.is_same(listener));
        known?.queue
    }
}
