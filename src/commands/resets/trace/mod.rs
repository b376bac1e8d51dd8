//! Resets one by one, as the kernel traces them: the tracepoints tcp:tcp_send_reset and
//! tcp:tcp_receive_reset, which take root and tracefs and are of the whole host.

pub mod event;
pub mod format;
#[cfg(fuzzing)]
pub mod fuzzing;
mod instance;
pub mod page;

use std::collections::BTreeMap;
use std::time::Duration;

use self::event::{Direction, Event, Reset};
use self::format::Format;
use self::instance::{Instance, PLACES, Processor, Refusal};
use self::page::PageLayout;
use crate::source::ByteOrder;

/// How often the buffers are read.
pub const TICK: Duration = Duration::from_millis(100);

/// How many pages are read in a tick, of all processors together: some 40 resets each, so 40,000 a second
/// are looked at and the rest is counted.
const PAGES: usize = 100;

/// Traces until it is dropped.
#[derive(Debug)]
pub struct Tracer {
    // They must be closed before the instance can be removed, and fields are dropped in this order.
    processors: Vec<Processor>,
    instance: Instance,
    layout: PageLayout,
    events: Vec<Event>,
    page: Vec<u8>,
    /// The names of the reasons of resets sent, by number.
    pub reasons: BTreeMap<u64, String>,
    turn: usize,
}

impl Tracer {
    /// Begins to trace.
    ///
    /// # Errors
    /// Why that is not possible.
    pub fn start() -> Result<Self, Refusal> {
        let instance = Instance::make(&PLACES)?;
        let layout = instance.pages()?;
        let mut events = Vec::new();
        let mut reasons = BTreeMap::new();
        for (name, direction) in [
            ("tcp_send_reset", Direction::Sent),
            ("tcp_receive_reset", Direction::Received),
        ] {
            let format = Format::parse(&instance.read(&format!("events/tcp/{name}/format"))?);
            let event = Event::new(&format, direction, ByteOrder::NATIVE);
            events.push(
                event.ok_or_else(|| {
                    Refusal(format!("the format of the event {name} is not known"))
                })?,
            );
            if direction == Direction::Sent {
                reasons = format.reasons;
            }
        }
        let processors = instance.processors()?;
        for name in ["tcp_send_reset", "tcp_receive_reset"] {
            instance.write(&format!("events/tcp/{name}/enable"), "1")?;
        }
        Ok(Self {
            processors,
            instance,
            page: vec![0; layout.page_size()],
            layout,
            events,
            reasons,
            turn: 0,
        })
    }

    /// True if the kernel traces resets without a socket, and gives reasons: from Linux 6.10 on.
    pub fn has_reasons(&self) -> bool {
        !self.reasons.is_empty()
    }

    /// Shows the resets that are in the buffers, up to a limit, and the kernel's name for the reason.
    pub fn read(&mut self, visit: &mut dyn FnMut(&Reset, Option<&str>)) {
        let count = self.processors.len();
        let mut left = PAGES;
        // No processor may keep the others from their turn.
        self.turn = self.turn.wrapping_add(1);
        for number in 0..count {
            let share = left.div_ceil(count - number);
            let index = self.turn.wrapping_add(number) % count;
            let Some(processor) = self.processors.get_mut(index) else {
                continue;
            };
            for _ in 0..share {
                let Some(page) = processor.page(&mut self.page) else {
                    break;
                };
                left = left.saturating_sub(1);
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

    /// No more resets are recorded; those in the buffers can still be read.
    pub fn stop(&mut self) {
        // Where it cannot be switched off it ends with the instance.
        let _ = self.instance.write("tracing_on", "0");
    }

    /// The names that the kernel keeps of threads, by number; also of those that have ended. A number with two names
    /// has none.
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

    /// How many resets were not traced. `None`: the kernel does not say.
    pub fn lost(&self) -> Option<u64> {
        self.processors.iter().map(Processor::not_read).sum()
    }
}

#[cfg(test)]
mod tests;
