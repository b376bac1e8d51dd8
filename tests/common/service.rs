//! A process of its own that listens.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::program::example;

/// scripts/listener.rs. It ends with this value.
pub struct Service(Child);

impl Service {
    /// On these places, in the namespace of the calling thread.
    pub fn on(places: &[&str]) -> Self {
        Self::start(Command::new(example("listener")).args(places), places.len())
    }

    /// By a command that ends up as the program, and has so many ports to say.
    pub fn start(command: &mut Command, ports: usize) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let service = Self(child);
        assert_eq!(
            said.lines().take(ports).filter(Result::is_ok).count(),
            ports
        );
        service
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
