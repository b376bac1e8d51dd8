//! Which sources are asked, and in which order.

use super::Source;

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

impl SourceChoice {
    /// Which of the two are asked: the next one where the one before cannot answer.
    pub fn in_order<'a>(
        self,
        netlink: &'a mut dyn Source,
        proc: &'a mut dyn Source,
    ) -> Vec<&'a mut dyn Source> {
        match self {
            Self::Auto => vec![netlink, proc],
            Self::SockDiag => vec![netlink],
            Self::Proc => vec![proc],
        }
    }
}
