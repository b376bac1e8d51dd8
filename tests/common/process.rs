//! A process that a test starts and ends.

use std::io::Read;
use std::process::{Child, Command, Stdio};

/// A process that a test starts. It is killed with this value.
pub struct Process(pub Child);

impl Process {
    /// Starts it, and waits until it has said "ready".
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut ready = [0; 5];
        let stdout = child.stdout.as_mut().unwrap();
        stdout.read_exact(&mut ready).unwrap();
        Self(child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
