//! The sources of a check, and their order.

use crate::source::netlink::Netlink;
use crate::source::proc::Proc;
use crate::source::{Source, SourceChoice};

/// The sources of one or several checks.
pub struct SourceChain<'a> {
    /// In this order: the next source is asked if the one before cannot answer.
    sources: Vec<Box<dyn Source + 'a>>,
    /// Asked before a "no" of the first source. Only a "yes" of the second opinion counts.
    second_opinion: Option<Box<dyn Source + 'a>>,
    /// True if the second opinion is left out for now.
    is_second_opinion_spared: bool,
}

impl SourceChain<'_> {
    /// Returns the sources for `--source`. A named source is used alone, without a second opinion. `proc` is the path of
    /// /proc.
    pub fn chosen(choice: SourceChoice, proc: &str) -> Self {
        let (sock_diag, files) = (Netlink::new(), Proc::new(proc));
        match choice {
            SourceChoice::Auto => Self::new(vec![Box::new(sock_diag), Box::new(files)])
                .with_second_opinion(Proc::second_opinion(proc)),
            SourceChoice::SockDiag => Self::of(sock_diag),
            SourceChoice::Proc => Self::of(files),
        }
    }
}

impl<'a> SourceChain<'a> {
    /// Returns a chain of these sources, in this order.
    pub fn new(sources: Vec<Box<dyn Source + 'a>>) -> Self {
        Self {
            sources,
            second_opinion: None,
            is_second_opinion_spared: false,
        }
    }

    /// Returns a chain of one source.
    pub fn of(source: impl Source + 'a) -> Self {
        Self::new(vec![Box::new(source)])
    }

    /// Returns the same chain with a second opinion on a "no" of the first source.
    #[must_use]
    pub fn with_second_opinion(self, other: impl Source + 'a) -> Self {
        Self {
            second_opinion: Some(Box::new(other)),
            ..self
        }
    }

    /// Leaves the second opinion out from now on, or uses it again.
    pub fn spare_second_opinion(&mut self, is_spared: bool) {
        self.is_second_opinion_spared = is_spared;
    }

    /// Begins a check.
    pub fn begin_check(&mut self) {
        let all = self.sources.iter_mut().chain(&mut self.second_opinion);
        all.for_each(|source| source.begin_check());
    }

    /// Closes what the sources have open: the calling thread can be in another network namespace now.
    pub fn close(&mut self) {
        let all = self.sources.iter_mut().chain(&mut self.second_opinion);
        all.for_each(|source| source.close());
    }

    /// Returns the sources in their order.
    pub fn sources(&mut self) -> impl Iterator<Item = &mut (dyn Source + 'a)> {
        self.sources.iter_mut().map(|source| &mut **source as _)
    }

    /// Returns the source with this index, and the second opinion on its answer.
    #[allow(clippy::type_complexity)]
    pub fn get(
        &mut self,
        index: usize,
    ) -> Option<(&mut (dyn Source + 'a), Option<&mut (dyn Source + 'a)>)> {
        let source = self.sources.get_mut(index)?;
        let is_wanted = index == 0 && !self.is_second_opinion_spared;
        let second = self.second_opinion.as_deref_mut().filter(|_| is_wanted);
        Some((&mut **source, second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_source_has_a_second_opinion_and_only_while_it_is_not_spared() {
        let has_second = |chain: &mut SourceChain<'_>, index| {
            let found = chain.get(index).map(|(_, second)| second.is_some());
            found.unwrap_or_default()
        };
        let mut chain = SourceChain::chosen(SourceChoice::Auto, "/proc");
        for is_spared in [false, true, false] {
            chain.spare_second_opinion(is_spared);
            let found = [0, 1, 2].map(|index| has_second(&mut chain, index));
            assert_eq!(found, [!is_spared, false, false]);
        }
    }
}
