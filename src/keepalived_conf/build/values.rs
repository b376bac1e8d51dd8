//! Values of lines: numbers, times, weights, users (lib/parser.c, `read_int_func` and so on).

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::diagnostic::{Problem, Values};
use super::super::keywords::parent_block;
use super::super::model::{User, Weight};
use super::super::reader::{Context, Line};

/// The most seconds in `interval` and `timeout` (`UINT_MAX / TIMER_HZ`).
pub(super) const MAX_SECONDS: i64 = 4294;

/// The reaction of keepalived to a number that has a flaw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnFlaw {
    /// It uses the digits in front if they are in the range, or else ignores the line.
    Prefix,
    /// It uses the digits in front if they are in the range, or else this number.
    PrefixOr(i64),
    /// It uses the digits in front.
    Keep,
    /// It uses this number.
    Use(i64),
    /// It ignores the line.
    Ignore,
}

/// Returns a number as a multiple of 10 to the power of -`decimals`, and whether the text is nothing else. `None`: there are
/// too many digits.
///
/// keepalived adds the zeros that are missing to the text, so with 3 decimals `5s` is 0.005.
fn parse(text: &str, decimals: usize) -> (Option<i64>, bool) {
    let text = text.trim_ascii_start();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let point = digits.split_once('.').filter(|_| decimals > 0);
    let (whole, fraction) = point.unwrap_or((digits, ""));
    let fraction: String = fraction.chars().take(decimals).collect();
    let padded = format!("{whole}{fraction:0<decimals$}");
    let count = padded.bytes().take_while(u8::is_ascii_digit).count();
    let digits = padded.get(..count).filter(|digits| !digits.is_empty());
    let value = digits.map_or(Ok(0), str::parse::<i64>).ok();
    (value.map(|value| value * sign), count == padded.len())
}

impl Context<'_> {
    /// Returns the number that is the word there, and reports what is wrong with it. `None`: keepalived ignores the line.
    pub(super) fn number(
        &self,
        line: &Line,
        (at, decimals): (usize, usize),
        range: RangeInclusive<i64>,
        on_flaw: OnFlaw,
    ) -> Option<i64> {
        let text = line.word(at)?;
        let (value, is_clean) = parse(text, decimals);
        let in_range = value.filter(|value| range.contains(value));
        let is_negative = *range.start() >= 0 && text.trim_ascii_start().starts_with('-');
        if is_clean && !is_negative && in_range.is_some() {
            return in_range;
        }
        let prefix = in_range.filter(|_| !is_clean && !is_negative);
        let used = match on_flaw {
            OnFlaw::Prefix => prefix,
            OnFlaw::PrefixOr(other) => prefix.or(Some(other)),
            OnFlaw::Keep => value,
            OnFlaw::Use(other) => Some(other),
            OnFlaw::Ignore => None,
        };
        let shown = |value: i64| value as f64 / 10_f64.powi(decimals as i32);
        let keyword = line.word(at - 1).unwrap_or_default();
        let form = match decimals {
            0 => "digits only",
            _ => "a number with or without decimals",
        };
        let (least, most) = (shown(*range.start()), *range.end());
        let range = match most {
            i64::MAX => format!("of {least} or more"),
            most => format!("from {least} to {}", shown(most)),
        };
        let problem = match used {
            Some(_) => Problem::NumberUsed,
            None => Problem::NumberIgnored,
        };
        let used_shown = used.map(shown).unwrap_or_default();
        let values: Values = &[
            ("keyword", &keyword),
            ("text", &text),
            ("form", &form),
            ("range", &range),
            ("used", &used_shown),
        ];
        self.report(&line.place, problem, values);
        used
    }

    /// Returns the whole number that follows the keyword.
    pub(super) fn whole(&self, line: &Line, range: RangeInclusive<i64>, on: OnFlaw) -> Option<u32> {
        u32::try_from(self.number(line, (1, 0), range, on)?).ok()
    }

    /// Reports words that follow a value and are dropped.
    pub(super) fn check_rest(&self, line: &Line, from: usize) {
        if line.words.len() > from {
            let (words, keyword) = (line.rest(from), line.keyword());
            let is_keyword = line
                .word(from)
                .is_some_and(|word| parent_block(word).is_some());
            let problem = match is_keyword {
                true => Problem::KeywordDropped,
                false => Problem::IgnoredWords,
            };
            let values: Values = &[("words", &words), ("keyword", &keyword)];
            self.report(&line.place, problem, values);
        }
    }

    /// Reports a word that is not one of those that are possible. keepalived ignores it.
    pub(super) fn wrong_word(&self, line: &Line, at: usize, expected: &str) {
        let (keyword, word) = (line.keyword(), line.rest(at));
        let values: Values = &[
            ("keyword", &keyword),
            ("word", &word),
            ("expected", &expected),
        ];
        self.report(&line.place, Problem::WordIgnored, values);
    }

    /// Returns the time of a `vrrp_script`, to milliseconds since 2.3.2.
    pub(super) fn seconds(&self, line: &Line) -> Option<Duration> {
        self.check_rest(line, 2);
        let (decimals, unit) = if self.since(2, 3, 2) {
            (3, 1)
        } else {
            (0, 1000)
        };
        let least = if line.word(1) == Some("0") { 1 } else { 0 };
        let range = least..=MAX_SECONDS * 1000 / unit;
        let on_flaw = match least {
            0 => OnFlaw::Prefix,
            _ => OnFlaw::Use(1000 / unit),
        };
        let number = self.number(line, (1, decimals), range, on_flaw)? * unit;
        let millis = if number == 0 { 1000 } else { number };
        Some(Duration::from_millis(millis.unsigned_abs()))
    }

    /// Returns the time `delay_loop` of real servers, to microseconds.
    pub(super) fn delay_loop(&self, line: &Line) -> Option<Duration> {
        self.check_rest(line, 2);
        let number = self.number(line, (1, 6), 1..=i64::MAX, OnFlaw::Prefix)?;
        Some(Duration::from_micros(number.unsigned_abs()))
    }

    /// Returns a weight that a block sets.
    pub(super) fn weight(&self, line: &Line, most: i64, on_flaw: OnFlaw) -> Option<Weight> {
        let value = self.number(line, (1, 0), -most..=most, on_flaw)?;
        let value = i32::try_from(value).ok()?;
        let reverse = line.word(2) == Some("reverse");
        if !reverse && line.words.len() > 2 {
            self.wrong_word(line, 2, "reverse");
        }
        Some(Weight { value, reverse })
    }

    /// Returns the user, and perhaps the group, that follow the keyword.
    pub(super) fn user(&self, line: &Line) -> Option<User> {
        let Some(user) = line.word(1) else {
            self.wrong_word(line, 1, "USER");
            return None;
        };
        Some(User {
            user: user.to_owned(),
            group: line.word(2).map(str::to_owned),
            place: line.place.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn numbers_are_parsed_as_keepalived_does() {
        for (text, decimals, value, is_clean) in [
            ("3", 0, Some(3), true),
            ("  3", 0, Some(3), true),
            ("+3", 0, Some(3), true),
            ("-20", 0, Some(-20), true),
            ("2.5", 0, Some(2), false),
            ("5s", 0, Some(5), false),
            ("abc", 0, Some(0), false),
            ("", 0, Some(0), true),
            ("99999999999999999999", 0, None, true),
            ("3", 3, Some(3000), true),
            ("2.5", 3, Some(2500), true),
            (".5", 3, Some(500), true),
            ("1.", 3, Some(1000), true),
            ("0.0009", 3, Some(0), true),
            ("5s", 3, Some(5), false),
            ("2.5s", 3, Some(25), false),
            ("abc", 3, Some(0), false),
        ] {
            assert_eq!(parse(text, decimals), (value, is_clean), "{text}");
        }
    }
}
