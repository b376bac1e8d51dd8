//! A datagram to a socket of the machine, at once or not at all.

use std::io;
use std::os::unix::net::UnixDatagram;

use tracing::debug;

/// Sends it. A socket that is missing, closed to this user or full changes nothing; `-v` says so.
pub(super) fn send(path: &str, datagram: &[u8]) {
    let sent = UnixDatagram::unbound().and_then(|socket| {
        socket.set_nonblocking(true)?;
        socket.send_to(datagram, path)
    });
    if let Err(error) = sent {
        lost(path, &error);
    }
}

fn lost(path: &str, error: &io::Error) {
    debug!("the log at {path} did not take the line: {error}");
}
