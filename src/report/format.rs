//! The form of a report.

/// The format of a report on stdout, `--format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Lines for a person.
    #[default]
    Text,
    /// A single JSON document.
    Json,
    /// A line with performance data, as monitoring plugins print it.
    Nagios,
}
