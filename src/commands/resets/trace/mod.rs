//! Resets one by one, as the kernel traces them: the tracepoints tcp:tcp_send_reset and tcp:tcp_receive_reset. They
//! require root and tracefs, and cover the whole host.

pub mod event;
pub mod format;
#[cfg(fuzzing)]
pub mod fuzzing;
mod instance;
pub mod page;

use std::collections::BTreeMap;
use std::time::Duration;

use self::event::{Direction, Event, Reset};
use self::format::EventFormat;
use self::instance::{CpuBuffer, MOUNTS, TraceInstance};
use self::page::PageLayout;
use crate::source::ByteOrder;

/// How often the buffers are read.
pub const TICK: Duration = Duration::from_millis(100);

/// How many pages of all processors are read in a tick, with the same share for each processor. A page has some 40
/// resets, so 20,000 a second are read and the rest is counted.
const PAGES: usize = 50;

/// Traces until it is dropped.
#[derive(Debug)]
pub struct Tracer {
    // These must be closed before the instance can be removed, and fields are dropped in this order.
    buffers: Vec<CpuBuffer>,
    instance: TraceInstance,
    layout: PageLayout,
    events: Vec<Event>,
    page: Vec<u8>,
    /// The names of the reasons of resets sent, by number.
    pub reasons: BTreeMap<u64, String>,
}

impl Tracer {
    /// Begins to trace.
    ///
    /// # Errors
    /// Returns the reason why that is not possible.
    pub fn start() -> Result<Self, String> {
        const EVENTS: [(&str, Direction); 2] = [
            ("tcp_send_reset", Direction::Sent),
            ("tcp_receive_reset", Direction::Received),
        ];
        let instance = TraceInstance::create(&MOUNTS)?;
        let layout = PageLayout::parse(&instance.read("events/header_page")?, ByteOrder::NATIVE);
        let layout = layout.ok_or("events/header_page has an unknown format")?;
        let mut events = Vec::new();
        let mut reasons = BTreeMap::new();
        for (name, direction) in EVENTS {
            let format = EventFormat::parse(&instance.read(&format!("events/tcp/{name}/format"))?);
            let event = Event::new(&format, direction, ByteOrder::NATIVE);
            events.push(event.ok_or_else(|| format!("the event {name} has an unknown format"))?);
            if direction == Direction::Sent {
                reasons = format.reasons;
            }
        }
        let buffers = instance.buffers()?;
        for (name, _) in EVENTS {
            instance.write(&format!("events/tcp/{name}/enable"), "1")?;
        }
        Ok(Self {
            buffers,
            instance,
            page: vec![0; layout.page_size()],
            layout,
            events,
            reasons,
        })
    }

    /// True if the kernel traces resets without a socket, and gives reasons: from Linux 6.10 on.
    pub fn has_reasons(&self) -> bool {
        !self.reasons.is_empty()
    }

    /// Shows the resets that are in the buffers, up to a limit, and the kernel's name for the reason.
    pub fn read(&mut self, visit: &mut dyn FnMut(&Reset, Option<&str>)) {
        let share = PAGES.div_ceil(self.buffers.len().max(1));
        for buffer in &mut self.buffers {
            for _ in 0..share {
                let Some(page) = buffer.page(&mut self.page) else {
                    break;
                };
                for record in self.layout.records(page) {
                    let reset = self.events.iter().find_map(|event| event.read(record));
                    if let Some(reset) = reset {
                        let reason = reset.reason.and_then(|number| self.reasons.get(&number));
                        visit(&reset, reason.map(String::as_str));
                    }
                }
            }
        }
    }

    /// Stops recording. The resets in the buffers can still be read.
    pub fn stop(&mut self) {
        // Recording ends with the instance at the latest.
        let _ = self.instance.write("tracing_on", "0");
    }

    /// Returns the names that the kernel keeps of threads, by number, also of those that have ended. `None` if a number
    /// has two names.
    pub fn thread_names(&self) -> BTreeMap<u32, Option<String>> {
        let mut names = BTreeMap::new();
        let text = self.instance.thread_names().unwrap_or_default();
        for (number, name) in text.lines().filter_map(|line| line.split_once(' ')) {
            if let Ok(number) = number.parse() {
                let known = names.entry(number).or_insert_with(|| Some(name.to_owned()));
                known.take_if(|known| known != name);
            }
        }
        names
    }

    /// Returns how many resets were not traced. `None` if the kernel does not say.
    pub fn lost(&self) -> Option<u64> {
        self.buffers.iter().map(CpuBuffer::lost_records).sum()
    }
}

#[cfg(test)]
mod tests;
