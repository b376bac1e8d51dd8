//! One query to one source.

use std::ops::ControlFlow;
use std::time::Duration;

use listenup::clock::{Deadline, SystemClock};
use listenup::domain::{Family, Protocol};
use listenup::source::{Ports, Query, Source, SourceError};

/// Whether the source shows a listener on this port. It is asked once and may stop at the first.
pub fn shows(
    source: &mut dyn Source,
    protocol: Protocol,
    family: Family,
    port: u16,
) -> Result<bool, SourceError> {
    let clock = SystemClock::start();
    let deadline = Deadline::new(&clock, Duration::from_secs(60));
    let mut found = false;
    let ports = [port];
    let query = Query {
        protocol,
        family,
        ports: Ports::These(&ports),
        deadline,
    };
    source.listeners(query, &mut |_| {
        found = true;
        ControlFlow::Break(())
    })?;
    Ok(found)
}
