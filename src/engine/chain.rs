//! The sources of a check, and their order.

use crate::source::netlink::Netlink;
use crate::source::proc::Proc;
use crate::source::{Source, SourceChoice};

/// The sources of one or several checks.
pub struct SourceChain<'a> {
    /// In this order: the next source is asked if the one before cannot answer.
    sources: Vec<Box<dyn Source + 'a>>,
    /// Asked before a "no" of the first source. Only a "yes" of the cross-check counts.
    cross_check: Option<Box<dyn Source + 'a>>,
    /// True if the cross-check is left out for now.
    is_cross_check_skipped: bool,
}

impl SourceChain<'_> {
    /// Returns the sources for `--source`. A named source is used alone, without a cross-check. `proc` is the path of
    /// /proc.
    pub fn from_choice(choice: SourceChoice, proc: &str) -> Self {
        let (sock_diag, files) = (Netlink::new(), Proc::new(proc));
        match choice {
            SourceChoice::Auto => Self::new(vec![Box::new(sock_diag), Box::new(files)])
                .with_cross_check(Proc::cross_check(proc)),
            SourceChoice::SockDiag => Self::single(sock_diag),
            SourceChoice::Proc => Self::single(files),
        }
    }
}

impl<'a> SourceChain<'a> {
    /// Returns a chain of these sources, in this order.
    pub fn new(sources: Vec<Box<dyn Source + 'a>>) -> Self {
        Self {
            sources,
            cross_check: None,
            is_cross_check_skipped: false,
        }
    }

    /// Returns a chain of one source.
    pub fn single(source: impl Source + 'a) -> Self {
        Self::new(vec![Box::new(source)])
    }

    /// Returns the same chain with a cross-check on a "no" of the first source.
    #[must_use]
    pub fn with_cross_check(self, other: impl Source + 'a) -> Self {
        Self {
            cross_check: Some(Box::new(other)),
            ..self
        }
    }

    /// Leaves the cross-check out from now on, or uses it again.
    pub fn skip_cross_check(&mut self, is_skipped: bool) {
        self.is_cross_check_skipped = is_skipped;
    }

    /// Begins a check.
    pub fn begin_check(&mut self) {
        let all = self.sources.iter_mut().chain(&mut self.cross_check);
        all.for_each(|source| source.begin_check());
    }

    /// Closes what the sources have open: the calling thread can be in another network namespace now.
    pub fn close(&mut self) {
        let all = self.sources.iter_mut().chain(&mut self.cross_check);
        all.for_each(|source| source.close());
    }

    /// Returns the sources in their order.
    pub fn sources(&mut self) -> impl Iterator<Item = &mut (dyn Source + 'a)> {
        self.sources.iter_mut().map(|source| &mut **source as _)
    }

    /// Returns the source with this index, and the cross-check on its answer.
    #[allow(clippy::type_complexity)]
    pub fn get(
        &mut self,
        index: usize,
    ) -> Option<(&mut (dyn Source + 'a), Option<&mut (dyn Source + 'a)>)> {
        let source = self.sources.get_mut(index)?;
        let is_wanted = index == 0 && !self.is_cross_check_skipped;
        let second = self.cross_check.as_deref_mut().filter(|_| is_wanted);
        Some((&mut **source, second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_source_has_a_cross_check_and_not_while_it_is_skipped() {
        let has_cross_check = |chain: &mut SourceChain<'_>, index| {
            let found = chain.get(index).map(|(_, second)| second.is_some());
            found.unwrap_or_default()
        };
        let mut chain = SourceChain::from_choice(SourceChoice::Auto, "/proc");
        for is_skipped in [false, true, false] {
            chain.skip_cross_check(is_skipped);
            let found = [0, 1, 2].map(|index| has_cross_check(&mut chain, index));
            assert_eq!(found, [!is_skipped, false, false]);
        }
    }
}
