//! The choice of sources.

/// The value of `--source`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceChoice {
    /// sock_diag, and /proc if sock_diag cannot answer.
    #[default]
    Auto,
    /// sock_diag alone.
    SockDiag,
    /// /proc alone.
    Proc,
}
