//! `-v`: what the program does, to stderr.

use tracing::Level;

/// Sets up the subscriber. Without it an event costs next to nothing, so it is set up for `-v`
/// only.
pub fn to_stderr() {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::DEBUG)
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        // It would use eprintln!, which panics when stderr is full.
        .log_internal_errors(false)
        .finish();
    // Fails only when there is one already.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
