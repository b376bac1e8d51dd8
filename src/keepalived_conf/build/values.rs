//! Values of lines: numbers, times, weights, users.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::model::{Set, Time, User, Weight};
use super::super::numbers::{Flaw, Flawed, Number, decimal, int, unsigned};
use super::super::reader::Shared;
use super::super::remark::lossy;
use super::super::statement::Statement;

/// 2.2.7 takes so many seconds in `interval` and `timeout` at most (`UINT_MAX / TIMER_HZ`).
const MOST_SECONDS: u32 = 4294;

/// What a person calls a flaw.
fn cause(statement: &Statement, at: usize, flaw: Flaw) -> String {
    let text = statement.text(at).unwrap_or_default();
    let keyword = statement.text(0).unwrap_or_default();
    match flaw {
        Flaw::NoNumber => format!("{keyword} {text} is no whole number"),
        Flaw::Negative => format!("{keyword} {text} is negative"),
        Flaw::Range => format!("{keyword} {text} is out of range"),
        Flaw::Decimals => format!("{keyword} {text} has too many decimal places"),
    }
}

/// Tells what keepalived makes of a number with a flaw.
fn judge<T: Copy>(
    shared: &mut Shared,
    statement: &Statement,
    at: usize,
    number: Number<T>,
    taken: impl FnOnce(T) -> String,
    otherwise: &str,
    cure: &str,
) {
    let Some(flaw) = number.flaw else {
        return;
    };
    let effect = match number.taken {
        true => taken(number.value),
        false => otherwise.to_owned(),
    };
    let cause = cause(statement, at, flaw);
    shared
        .remarks
        .problem(&statement.line.place, effect, cause, cure);
}

/// A whole number. `None`: keepalived ignores the line.
pub(super) fn whole(
    shared: &mut Shared,
    statement: &Statement,
    range: RangeInclusive<u32>,
    flawed: Flawed,
    otherwise: &str,
) -> Option<u32> {
    let number = unsigned(statement.word(1)?, range.clone(), flawed);
    let keyword = statement.text(0).unwrap_or_default();
    let cure = format!(
        "write a whole number from {} to {}",
        range.start(),
        range.end()
    );
    let taken = |value| format!("keepalived takes {value} for {keyword}");
    judge(shared, statement, 1, number, taken, otherwise, &cure);
    number.taken.then_some(number.value)
}

/// Words that follow a value and are dropped.
pub(super) fn judge_rest(shared: &mut Shared, statement: &Statement, from: usize) {
    if statement.words.len() > from {
        let keyword = statement.text(0).unwrap_or_default();
        shared.remarks.note(
            &statement.line.place,
            format!("keepalived ignores {}", statement.texts(from)),
            format!("it stands behind the value of {keyword}"),
            "take it out",
        );
    }
}

/// Seconds of a `vrrp_script`.
pub(super) fn seconds(shared: &mut Shared, statement: &Statement) -> Option<Set<Time>> {
    let text = statement.word(1)?;
    let keyword = statement.text(0)?;
    let whole = unsigned(text, 0..=MOST_SECONDS, Flawed::Taken);
    let thousandths = decimal(text, 0..=u64::from(MOST_SECONDS) * 1000, 3, Flawed::Taken);
    let at_least_one = |value, one| if value == 0 { one } else { value };
    let time = Time {
        whole: whole
            .taken
            .then(|| Duration::from_secs(at_least_one(whole.value.into(), 1))),
        decimal: thousandths
            .taken
            .then(|| Duration::from_millis(at_least_one(thousandths.value, 1000))),
    };
    let shown = |time: Option<Duration>| match time {
        Some(time) => format!("{} s", time.as_secs_f64()),
        None => "nothing".to_owned(),
    };
    let cure = format!("write whole seconds from 1 to {MOST_SECONDS}");
    let written = lossy(text);
    if let Some(flaw) = whole.flaw {
        let effect = match time.whole == time.decimal {
            true => format!("keepalived takes {} for {keyword}", shown(time.whole)),
            false => format!(
                "keepalived takes {} for {keyword} up to 2.3.1, {} from 2.3.2 on",
                shown(time.whole),
                shown(time.decimal)
            ),
        };
        let cause = cause(statement, 1, flaw);
        let place = &statement.line.place;
        // A time with decimals is one, if not to all versions.
        if thousandths.flaw.is_none() && time.whole.is_some() && thousandths.value != 0 {
            shared.remarks.note(place, effect, cause, cure);
        } else {
            shared.remarks.problem(place, effect, cause, cure);
        }
    } else if whole.value == 0 {
        shared.remarks.problem(
            &statement.line.place,
            format!("keepalived takes 1 s for {keyword}"),
            format!("{keyword} {written} is not greater than 0"),
            cure,
        );
    }
    judge_rest(shared, statement, 2);
    Some(Set {
        value: time,
        place: statement.line.place.clone(),
    })
}

/// A time with decimals, in the blocks of real servers. `None`: keepalived ignores the line.
pub(super) fn timer(
    shared: &mut Shared,
    statement: &Statement,
    least: u64,
) -> Option<Set<Duration>> {
    let number = decimal(statement.word(1)?, least..=u64::MAX - 1, 6, Flawed::Taken);
    let keyword = statement.text(0)?;
    let taken = |value| {
        let time = Duration::from_micros(value).as_secs_f64();
        format!("keepalived takes {time} s for {keyword}")
    };
    let otherwise = format!("keepalived ignores {keyword}");
    let cure = "write seconds";
    judge(shared, statement, 1, number, taken, &otherwise, cure);
    judge_rest(shared, statement, 2);
    number.taken.then(|| Set {
        value: Duration::from_micros(number.value),
        place: statement.line.place.clone(),
    })
}

/// A number with a sign. `None`: keepalived does not take it.
pub(super) fn signed(
    shared: &mut Shared,
    statement: &Statement,
    at: usize,
    most: i32,
    otherwise: &str,
) -> Option<i32> {
    let number = int(statement.word(at)?, -most..=most, Flawed::Taken);
    let taken = |value| format!("keepalived takes {value} for the weight");
    let cure = format!("write a whole number from -{most} to {most}");
    judge(shared, statement, at, number, taken, otherwise, &cure);
    number.taken.then_some(number.value)
}

/// `reverse` in the line of a block of its own. keepalived ignores anything else.
pub(super) fn reverse(shared: &mut Shared, statement: &Statement) -> bool {
    match statement.word(2) {
        None => false,
        Some(b"reverse") => {
            judge_rest(shared, statement, 3);
            true
        }
        Some(_) => {
            shared.remarks.problem(
                &statement.line.place,
                format!(
                    "unknown weight option {}: keepalived ignores it",
                    statement.texts(2)
                ),
                "only reverse may follow the weight",
                "",
            );
            false
        }
    }
}

/// A weight of a `vrrp_script`, which counts even where keepalived complains of it.
pub(super) fn script_weight(shared: &mut Shared, statement: &Statement) -> Option<Set<Weight>> {
    let number = int(statement.word(1)?, -253..=253, Flawed::Taken);
    let complained = Number {
        taken: true,
        ..number
    };
    let taken = |value| format!("keepalived takes {value} for the weight all the same");
    let cure = "write a whole number from -253 to 253";
    judge(shared, statement, 1, complained, taken, "", cure);
    let reverse = reverse(shared, statement);
    Some(Set {
        value: Weight {
            value: number.value,
            reverse,
        },
        place: statement.line.place.clone(),
    })
}

/// A user and perhaps a group, from this word on.
pub(super) fn user(statement: &Statement, at: usize) -> Option<User> {
    Some(User {
        user: statement.text(at)?,
        group: statement.text(at + 1),
        place: statement.line.place.clone(),
    })
}

/// `on`, `true` and `yes`, or their opposites; on without a word.
pub(super) fn switch(shared: &mut Shared, statement: &Statement) -> Option<bool> {
    match statement.word(1) {
        None | Some(b"true" | b"on" | b"yes") => Some(true),
        Some(b"false" | b"off" | b"no") => Some(false),
        Some(_) => {
            shared.remarks.problem(
                &statement.line.place,
                "keepalived ignores the line",
                format!("{} is neither on nor off", statement.texts(1)),
                "write on or off",
            );
            None
        }
    }
}

/// A text and its place.
pub(super) fn text(statement: &Statement, at: usize) -> Option<Set<String>> {
    Some(Set {
        value: statement.text(at)?,
        place: statement.line.place.clone(),
    })
}
