//! Which sources are asked.

/// Whom to ask, `--source`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceChoice {
    /// sock_diag, and /proc where it cannot answer.
    #[default]
    Auto,
    /// sock_diag alone.
    SockDiag,
    /// /proc alone.
    Proc,
}
