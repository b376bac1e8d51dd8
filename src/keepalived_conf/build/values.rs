//! Values of lines: numbers, times, weights, users (lib/parser.c, `read_int_func` and so on).

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::Version;
use super::super::diagnostic::{Difference, Flaw, Problem};
use super::super::model::{Set, User, Weight};
use super::super::reader::Context;
use super::Statement;

/// Whole seconds in `interval` and `timeout` are at most this many (`UINT_MAX / TIMER_HZ`).
pub(super) const MAX_SECONDS: i64 = 4294;

/// What keepalived does with a number that has a flaw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnFlaw {
    /// It uses the digits in front, if they are in the range.
    Prefix,
    /// It uses the digits in front.
    Keep,
    /// It ignores the line.
    Ignore,
    /// It uses the digits in front, or else this number.
    PrefixOr(i64),
    /// It uses this number.
    Use(i64),
}

/// The digits of a number, as a multiple of 10 to the power of -`decimals`, and whether they are all of it. `None`: there
/// are too many digits. The zeros that are missing are added to the text, so `5s` with 3 decimals is 0.005.
fn parse(text: &str, decimals: usize) -> (Option<i64>, bool) {
    let text = text.trim_ascii_start();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = match decimals {
        0 => (text, ""),
        _ => text.split_once('.').unwrap_or((text, "")),
    };
    let fraction: String = fraction.chars().take(decimals).collect();
    let padded = format!("{whole}{fraction:0<decimals$}");
    let count = padded.bytes().take_while(u8::is_ascii_digit).count();
    let digits = padded.get(..count).unwrap_or_default();
    let value = match digits {
        "" => Some(0),
        digits => digits.parse::<i64>().ok(),
    };
    let value = value.map(|value| if negative { -value } else { value });
    (value, count == padded.len())
}

/// Returns a number of 10 to the power of -`decimals`, and reports what is wrong with it. `None`: keepalived ignores the line.
pub(super) fn decimal(
    context: &mut Context,
    statement: &Statement,
    at: usize,
    decimals: usize,
    range: RangeInclusive<i64>,
    on_flaw: OnFlaw,
) -> Option<i64> {
    let text = statement.word(at)?;
    let (value, is_clean) = parse(text, decimals);
    let in_range = value.filter(|value| range.contains(value));
    let flaw = if *range.start() >= 0 && text.trim_ascii_start().starts_with('-') {
        Flaw::Negative
    } else if !is_clean {
        Flaw::NotANumber
    } else if in_range.is_none() {
        Flaw::OutOfRange
    } else {
        return in_range;
    };
    let used = match on_flaw {
        OnFlaw::Prefix if flaw == Flaw::NotANumber => in_range,
        OnFlaw::Prefix | OnFlaw::Ignore => None,
        OnFlaw::Keep => value,
        OnFlaw::PrefixOr(other) => in_range
            .filter(|_| flaw == Flaw::NotANumber)
            .or(Some(other)),
        OnFlaw::Use(other) => Some(other),
    };
    let shown = |value: i64| match decimals {
        0 => value.to_string(),
        _ => (value as f64 / 10_f64.powi(decimals as i32)).to_string(),
    };
    let problem = Problem::Number {
        keyword: statement.word(at - 1).unwrap_or_default().to_owned(),
        text: text.to_owned(),
        flaw,
        used: used.map(shown),
        least: shown(*range.start()),
        most: shown(*range.end()),
    };
    context.report(statement.place(), problem);
    used
}

/// Returns a whole number that follows the keyword.
pub(super) fn whole(
    context: &mut Context,
    statement: &Statement,
    range: RangeInclusive<i64>,
    on_flaw: OnFlaw,
) -> Option<u32> {
    let number = decimal(context, statement, 1, 0, range, on_flaw)?;
    u32::try_from(number).ok()
}

/// Reports words that follow a value and are dropped.
pub(super) fn check_rest(context: &mut Context, statement: &Statement, from: usize) {
    if statement.words.len() > from {
        let words = statement.rest(from);
        let keyword = statement.keyword().to_owned();
        context.report(statement.place(), Problem::IgnoredWords { words, keyword });
    }
}

/// Reports a word that is none of those that are possible.
pub(super) fn wrong_word(
    context: &mut Context,
    statement: &Statement,
    at: usize,
    expected: &'static str,
    used: Option<&'static str>,
) {
    let problem = Problem::Word {
        keyword: statement.keyword().to_owned(),
        word: statement.rest(at),
        expected,
        used,
    };
    context.report(statement.place(), problem);
}

/// Returns the time of a `vrrp_script`, to milliseconds since 2.3.2.
pub(super) fn seconds(context: &mut Context, statement: &Statement) -> Option<Set<Duration>> {
    let has_decimals = context.since(Version::new(2, 3, 2));
    let is_clean = |decimals| {
        statement
            .word(1)
            .is_some_and(|word| parse(word, decimals).1)
    };
    if is_clean(3) && !is_clean(0) {
        context.differs(statement.place(), Difference::Decimals);
    }
    let (decimals, unit) = if has_decimals { (3, 1) } else { (0, 1000) };
    let most = MAX_SECONDS * 1000 / unit;
    check_rest(context, statement, 2);
    let number = decimal(context, statement, 1, decimals, 0..=most, OnFlaw::Prefix)?;
    if number == 0 {
        let problem = Problem::Number {
            keyword: statement.keyword().to_owned(),
            text: statement.rest(1),
            flaw: Flaw::OutOfRange,
            used: Some("1".to_owned()),
            least: "1".to_owned(),
            most: MAX_SECONDS.to_string(),
        };
        context.report(statement.place(), problem);
    }
    let millis = if number == 0 { 1000 } else { number * unit };
    Some(statement.set(Duration::from_millis(u64::try_from(millis).ok()?)))
}

/// Returns a time in the blocks of real servers, to microseconds.
pub(super) fn timer(
    context: &mut Context,
    statement: &Statement,
    least: i64,
) -> Option<Set<Duration>> {
    check_rest(context, statement, 2);
    let number = decimal(context, statement, 1, 6, least..=i64::MAX, OnFlaw::Prefix)?;
    Some(statement.set(Duration::from_micros(u64::try_from(number).ok()?)))
}

/// Returns a number with a sign.
pub(super) fn signed(
    context: &mut Context,
    statement: &Statement,
    at: usize,
    most: i64,
    on_flaw: OnFlaw,
) -> Option<i32> {
    let number = decimal(context, statement, at, 0, -most..=most, on_flaw)?;
    i32::try_from(number).ok()
}

/// Returns whether `reverse` follows the weight of a block.
pub(super) fn reverse(context: &mut Context, statement: &Statement) -> bool {
    match statement.word(2) {
        None => false,
        Some("reverse") => {
            check_rest(context, statement, 3);
            true
        }
        Some(_) => {
            wrong_word(context, statement, 2, "reverse", None);
            false
        }
    }
}

/// Returns a weight that a block sets. `before` is the one of a line above.
pub(super) fn weight(
    context: &mut Context,
    statement: &Statement,
    before: Option<&Set<Weight>>,
    most: i64,
    on_flaw: OnFlaw,
) -> Option<Set<Weight>> {
    let value = signed(context, statement, 1, most, on_flaw)?;
    let reverse = reverse(context, statement) || before.is_some_and(|set| set.value.reverse);
    Some(statement.set(Weight { value, reverse }))
}

/// Returns the user, and perhaps the group, that follow the keyword.
pub(super) fn user(statement: &Statement) -> Option<User> {
    Some(User {
        user: statement.word(1)?.to_owned(),
        group: statement.word(2).map(str::to_owned),
        place: statement.place().clone(),
    })
}

/// Returns whether the line means on. Without a word it does.
pub(super) fn switch(context: &mut Context, statement: &Statement) -> Option<bool> {
    match statement.word(1) {
        None | Some("true" | "on" | "yes") => Some(true),
        Some("false" | "off" | "no") => Some(false),
        Some(_) => {
            wrong_word(context, statement, 1, "on or off", None);
            None
        }
    }
}

/// Replaces a value, unless keepalived ignores the new one.
pub(super) fn replace<T>(slot: &mut Option<T>, new: Option<T>) {
    if new.is_some() {
        *slot = new;
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn numbers() {
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
