//! The listenup command that means the same as a check.

use std::path::Path;

use super::Analysis;
use super::look::Look;
use super::script::is_missing;
use super::search;
use super::shape::Meaning;
use crate::commands::doctor::codes::third_party::{Difference, Left};

/// The line that replaces a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The line for keepalived.conf.
    pub line: String,
    /// The options and targets in it, without `-q`.
    pub arguments: String,
    /// The differences in meaning from the check.
    pub differences: Vec<Difference>,
    /// The reason why `--rewrite` leaves the check although this line was intended: the check fails while the port is
    /// open. `None` if no such reason is known.
    pub fails: Option<Left>,
}

impl Analysis<'_> {
    /// Returns the intended line.
    ///
    /// # Errors
    /// Returns why there is none.
    pub fn replacement(&self) -> Result<Replacement, Left> {
        if let Some(act) = search::acts(&self.commands).next() {
            return Err(Left::Acts(act.words.join(" ")));
        }
        let shape = self
            .shape
            .as_ref()
            .map_err(|line| Left::NotUnderstood(self.place(*line)))?;
        let looks = &shape.looks;
        if looks.iter().any(|look| look.port == 0) {
            return Err(Left::Process);
        } else if self.runs_first_word_only() {
            return Err(Left::NotItsSuccess);
        }
        let is_any = match shape.meaning {
            Some(Meaning::All) => looks.iter().any(|look| targets(look).len() > 1),
            Some(Meaning::Any) => true,
            Some(Meaning::Always) => return Err(Left::NotItsSuccess),
            None => return Err(Left::NotUnderstood(self.file())),
        };
        let owners: Vec<&String> = looks
            .iter()
            .filter_map(|look| look.owner.as_ref())
            .collect();
        let is_one = looks.len() == 1;
        let owner = match owners.as_slice() {
            [] => String::new(),
            // netstat shows the name from the command line, which can differ from that of the process.
            [owner] if is_one && looks.iter().all(|look| look.program == "ss") => {
                format!("--owner-process {owner} ")
            }
            _ => return Err(Left::Mixed),
        };
        if !owners.is_empty() && self.setting.user.uid != 0 {
            return Err(Left::NeedsRoot);
        }
        let targets: Vec<String> = looks.iter().flat_map(targets).collect();
        // One port of all, or one protocol of one port.
        if is_any && !is_one && targets.len() > looks.len() {
            return Err(Left::Mixed);
        }
        let any = if is_any { "--any " } else { "" };
        let (keyword, listenup) = (self.check.keyword, self.setting.listenup);
        let arguments = format!("{owner}{any}{}", targets.join(" "));
        Ok(Replacement {
            line: format!("{keyword} \"{listenup} check -q {arguments}\""),
            arguments,
            differences: self.differences(looks),
            fails: self.fails(looks, shape.one.is_some()),
        })
    }

    /// Returns the arguments of the intended line, or else the ports, if they are all that the check looks for.
    pub fn arguments(&self) -> Option<String> {
        if let Ok(replacement) = self.replacement() {
            return Some(replacement.arguments);
        }
        let looks = &self.shape.as_ref().ok()?.looks;
        let is_port = |look: &Look| look.owner.is_none() && targets(look).len() == 1;
        let ports: Vec<String> = looks.iter().flat_map(targets).collect();
        (!looks.is_empty() && looks.iter().all(is_port)).then(|| ports.join(" "))
    }

    fn differences(&self, looks: &[Look]) -> Vec<Difference> {
        // Without a shell netstat always succeeds, and so does what keepalived cannot execute.
        let is_missing = self
            .words
            .first()
            .is_some_and(|program| is_missing(Path::new(program)));
        let always = self.operator.is_some() || is_missing;
        let mut differences: Vec<Difference> =
            always.then_some(Difference::Always).into_iter().collect();
        for look in looks {
            differences.extend(
                look.is_loose
                    .then(|| Difference::Pattern(look.pattern.clone())),
            );
            differences.extend(look.connections.then_some(Difference::Connections));
            differences.extend(look.owner.clone().map(Difference::Owner));
            differences.extend(look.localhost.then_some(Difference::Localhost));
            let connects = look
                .address
                .map(|_| Difference::Connects(look.program.clone()));
            differences.extend(connects);
        }
        differences.dedup();
        differences
    }

    /// Returns why the check fails while the port is open. `None` if no reason is known.
    fn fails(&self, looks: &[Look], compares_with_one: bool) -> Option<Left> {
        let is_refused = self.operator.is_some() && !self.netstat_ignores_pipe();
        let is_hidden = |look: &Look| {
            look.lacks_bash || self.name_of(look).is_some() || self.lacks_rights(look)
        };
        let is_random = compares_with_one || search::early_end(&self.commands).is_some();
        match is_refused || looks.iter().any(is_hidden) {
            true => Some(Left::FailsAlways),
            false => is_random.then_some(Left::FailsAtTimes),
        }
    }
}

/// Returns the targets of which each is enough.
pub fn targets(look: &Look) -> Vec<String> {
    let place = match look.address {
        Some(address) => std::net::SocketAddr::new(address, look.port).to_string(),
        None => look.port.to_string(),
    };
    let known = look.port != 0;
    let tcp = (known && look.tcp).then(|| place.clone());
    let udp = (known && look.udp).then(|| format!("udp:{place}"));
    tcp.into_iter().chain(udp).collect()
}
