//! What the program does, to stderr: `-v`, and `--log stderr`.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::{LookupSpan, Registry};

/// Sets up the subscriber of `-v`. Without it an event costs next to nothing.
pub fn to_stderr() {
    let subscriber = Registry::default().with(stderr_layer().with_filter(LevelFilter::DEBUG));
    // Fails only when there is one already.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Writes an event as a line.
pub fn stderr_layer<S>() -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(false)
        .without_time()
        // It would use eprintln!, which panics when stderr is full.
        .log_internal_errors(false)
}
