//! What the success of a check means, and the command that means the same.

use std::path::Path;

use super::Analysis;
use super::probe::{Probe, Tool, What};
use super::run::{Fault, Run, Status};
use super::script::defect;
use crate::commands::doctor::codes::third_party::{Left, Stricter};
use crate::untrusted::metadata;

/// The line that replaces a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// As it is written in keepalived.conf.
    pub line: String,
    /// What the check counted as success and the replacement does not.
    pub stricter: Vec<Stricter>,
    /// Why `--rewrite` leaves the check although this line is what was meant: it fails while the port is open.
    pub fails: Option<Left>,
}

/// What success means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Everything was found.
    All,
    /// At least one thing was found.
    Any,
    /// Nothing.
    Always,
    /// There is none.
    Never,
    /// The one thing was not found.
    Inverted,
    /// Something else.
    Other,
}

/// Returns what success means in these runs.
pub fn of(runs: &[Run]) -> Meaning {
    let all = probes(runs);
    let succeeds = |run: &&Run| run.status == Some(Status::Is(0));
    if runs.iter().any(|run| run.status == Some(Status::Unknown)) {
        return Meaning::Other;
    }
    let (good, bad): (Vec<&Run>, Vec<&Run>) = runs.iter().partition(succeeds);
    let found_all = |run: &&Run| {
        run.answers.iter().all(|(_, found)| *found) && probes(&[(*run).clone()]).len() == all.len()
    };
    let found_none = |run: &&Run| {
        run.answers.iter().all(|(_, found)| !found) && probes(&[(*run).clone()]).len() == all.len()
    };
    match (good.is_empty(), bad.is_empty()) {
        (_, true) => Meaning::Always,
        (true, _) => Meaning::Never,
        _ if good.iter().all(found_all) && !bad.iter().any(found_all) => Meaning::All,
        _ if bad.iter().all(found_none) && !good.iter().any(found_none) => Meaning::Any,
        _ if all.len() == 1 && good.iter().all(found_none) && bad.iter().all(found_all) => {
            Meaning::Inverted
        }
        _ => Meaning::Other,
    }
}

/// Returns each question once.
pub fn probes(runs: &[Run]) -> Vec<Probe> {
    let mut probes: Vec<Probe> = Vec::new();
    for (probe, _) in runs.iter().flat_map(|run| &run.answers) {
        if !probes.contains(probe) {
            probes.push(probe.clone());
        }
    }
    probes
}

impl Analysis<'_> {
    /// Returns the line that was meant.
    ///
    /// # Errors
    /// Returns why there is none.
    pub fn replacement(&self) -> Result<Replacement, Left> {
        let understood = self.runs.as_ref().and(self.meant.as_ref());
        let runs = understood.map_err(|line| Left::NotUnderstood(self.place(line.0)))?;
        if let Some((act, ..)) = runs.iter().flat_map(|run| &run.acts).next() {
            return Err(Left::Acts(act.clone()));
        }
        if runs.iter().any(|run| !run.slept.is_zero()) {
            return Err(Left::Sleeps);
        }
        let probes = probes(runs);
        let mut meaning = of(runs);
        let mut stricter = Vec::new();
        // Without a shell netstat always succeeds, and so does what keepalived cannot execute.
        let program = self.words.first().map(Path::new);
        let is_missing =
            |path: &Path| path.is_absolute() && metadata(path).is_err() || defect(path).is_some();
        if self.operator.is_some() || program.is_some_and(is_missing) {
            stricter.push(Stricter::Always);
        }
        if probes
            .iter()
            .any(|probe| matches!(probe.what, What::Process(_)))
        {
            return Err(Left::Process);
        }
        if self.runs_first_word_only() {
            return Err(Left::NotItsSuccess);
        }
        if meaning == Meaning::Any && probes.len() == 1 {
            meaning = Meaning::All;
        }
        let arguments = match (meaning, probes.as_slice()) {
            (Meaning::All, [probe]) => self.of_one(probe)?,
            (Meaning::All, several) => self.of_several(several)?,
            (Meaning::Any, several) => format!("--any {}", self.of_several(several)?),
            _ => return Err(Left::NotItsSuccess),
        };
        for probe in &probes {
            stricter.extend(probe.also.map(Stricter::Port));
            stricter.extend(probe.connections.then_some(Stricter::Connections));
            stricter.extend(probe.owner.clone().map(Stricter::Owner));
            stricter.extend(probe.localhost.then_some(Stricter::Localhost));
        }
        stricter.dedup();
        let faults = self.runs.iter().flatten().flat_map(|run| &run.faults);
        let faults: Vec<Fault> = faults.map(|(fault, _)| *fault).collect();
        let is_hidden = |probe: &Probe| self.is_named(probe).is_some() || self.lacks_rights(probe);
        let is_refused = self.operator.is_some() && !self.netstat_ignores_pipe();
        let fails =
            if is_refused || faults.contains(&Fault::NoDevTcp) || probes.iter().any(is_hidden) {
                Some(Left::FailsAlways)
            } else {
                (!faults.is_empty()).then_some(Left::NotItsSuccess)
            };
        let (keyword, listenup) = (self.check.keyword, self.setting.listenup);
        Ok(Replacement {
            line: format!("{keyword} \"{listenup} check -q {arguments}\""),
            stricter,
            fails,
        })
    }

    fn of_one(&self, probe: &Probe) -> Result<String, Left> {
        let targets = targets(probe);
        let any = if targets.len() > 1 { "--any " } else { "" };
        let targets = targets.join(" ");
        match &probe.owner {
            None => Ok(format!("{any}{targets}")),
            // netstat shows the name from the command line, which can differ from that of the process.
            Some(_) if probe.tool != Tool::Ss => Err(Left::Mixed),
            Some(_) if !self.setting.is_root => Err(Left::NeedsRoot),
            Some(owner) => Ok(format!("--owner-process {owner} {any}{targets}")),
        }
    }

    fn of_several(&self, probes: &[Probe]) -> Result<String, Left> {
        let mut all: Vec<String> = Vec::new();
        for probe in probes {
            match targets(probe).as_slice() {
                [target] if probe.owner.is_none() => all.push(target.clone()),
                _ => return Err(Left::Mixed),
            }
        }
        all.dedup();
        Ok(all.join(" "))
    }
}

/// The targets, of which each is enough.
pub fn targets(probe: &Probe) -> Vec<String> {
    let What::Port {
        tcp,
        udp,
        address,
        port,
    } = &probe.what
    else {
        return Vec::new();
    };
    let place = match address {
        Some(address) => std::net::SocketAddr::new(*address, *port).to_string(),
        None => port.to_string(),
    };
    let tcp = tcp.then(|| place.clone());
    let udp = udp.then(|| format!("udp:{place}"));
    tcp.into_iter().chain(udp).collect()
}
