//! The messages about the file: the beginning of each trouble, and its end.

use std::time::Duration;

/// The shortest time between two messages with the same text.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// The messages that were not printed yet.
#[derive(Debug, Default)]
pub(super) struct Messages {
    new: Vec<String>,
    /// The messages of the last minute.
    said: Vec<(String, Duration)>,
}

impl Messages {
    /// Adds a message, unless it was one of the last minute. Returns true if it was added.
    pub fn say(&mut self, text: &str, now: Duration) -> bool {
        self.said
            .retain(|(_, at)| now.saturating_sub(*at) < SAY_AGAIN);
        let is_new = self.said.iter().all(|(said, _)| said != text);
        if is_new {
            self.said.push((text.to_owned(), now));
            self.new.push(text.to_owned());
        }
        is_new
    }

    /// Returns the messages since the last call.
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.new)
    }
}

/// A trouble that can end.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    pub now: Option<String>,
    /// The trouble that was reported, and not yet its end.
    said: Option<String>,
}

impl Trouble {
    /// Reports a trouble that begins, and the end of a trouble that was reported.
    pub fn update(
        &mut self,
        new: Option<String>,
        end: impl Fn() -> String,
        now: Duration,
        to: &mut Messages,
    ) {
        match (&new, &self.said) {
            (Some(text), said) if said.as_ref() != Some(text) && to.say(text, now) => {
                self.said.clone_from(&new);
            }
            (None, Some(said)) if to.say(&end(), now) => {
                // If it begins again, that is said at once: the last message is true.
                to.said.retain(|(text, _)| text != said);
                self.said = None;
            }
            _ => {}
        }
        self.now = new;
    }
}
