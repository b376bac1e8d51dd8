//! The form of a report.

/// How to say it on stdout, `--format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Lines for a person.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// One line and performance data, as the monitoring plugins have it.
    Nagios,
}
