//! Numbers as keepalived 2.2.7 reads them (lib/parser.c, `read_int_func` and so on): what it complains of it
//! may take all the same, as far as it goes.

use std::ops::RangeInclusive;

use super::words::is_space;

/// What is wrong with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Flaw {
    /// Something follows the digits, or there are none.
    NoNumber,
    /// It begins with a minus.
    Negative,
    /// It is too small or too large.
    Range,
    /// There are more digits behind the point than are looked at.
    Decimals,
}

/// A number that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number<T> {
    /// What the digits say, cut to the size of the type as C does.
    pub value: T,
    /// Whether keepalived goes on with the value.
    pub taken: bool,
    /// What it complains of.
    pub flaw: Option<Flaw>,
}

/// What to do about a flaw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flawed {
    /// The value counts, if it is in the range.
    Taken,
    /// The value does not count.
    Refused,
}

/// With a sign (`read_int_func`).
pub(super) fn int(text: &[u8], range: RangeInclusive<i32>, flawed: Flawed) -> Number<i32> {
    let c = c_integer(text, 10);
    let value = c.signed();
    let fits = i32::try_from(value).is_ok_and(|value| range.contains(&value));
    let flaw = if c.behind.is_some() {
        Some(Flaw::NoNumber)
    } else if c.overflow || !fits {
        Some(Flaw::Range)
    } else {
        None
    };
    Number {
        value: value as i32,
        taken: flaw.is_none() || (flawed == Flawed::Taken && fits),
        flaw,
    }
}

/// Without a sign (`read_unsigned_func`).
pub(super) fn unsigned(text: &[u8], range: RangeInclusive<u32>, flawed: Flawed) -> Number<u32> {
    let spaces = text.iter().take_while(|byte| is_space(**byte)).count();
    let text = text.get(spaces..).unwrap_or_default();
    let c = c_integer(text, 10);
    let value = c.unsigned();
    let fits = u32::try_from(value).is_ok_and(|value| range.contains(&value));
    let flaw = if text.starts_with(b"-") {
        Some(Flaw::Negative)
    } else if c.behind.is_some() {
        Some(Flaw::NoNumber)
    } else if c.overflow || !fits {
        Some(Flaw::Range)
    } else {
        None
    };
    Number {
        value: value as u32,
        taken: flaw.is_none() || (flawed == Flawed::Taken && fits),
        flaw,
    }
}

/// With a decimal point, as a multiple of 10 to the power of -`places` (`read_decimal_unsigned_long_func`). The
/// zeros that are missing are put behind the text, so `5s` with 6 places is 5, not 5000000.
pub(super) fn decimal(
    text: &[u8],
    range: RangeInclusive<u64>,
    places: usize,
    flawed: Flawed,
) -> Number<u64> {
    let refused = |flaw| Number {
        value: 0,
        taken: false,
        flaw: Some(flaw),
    };
    if text.starts_with(b"-") {
        return refused(Flaw::Negative);
    }
    let point = text.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(at) => (text.get(..at), text.get(at + 1..)),
        None => (Some(text), None),
    };
    let fraction = fraction.unwrap_or_default();
    let kept = fraction.get(..places).unwrap_or(fraction);
    let rounds_up = fraction.get(places).is_some_and(|digit| *digit >= b'5');
    let mut digits = whole.unwrap_or_default().to_owned();
    digits.extend(kept);
    digits.resize(digits.len() + (places - kept.len()), b'0');
    let c = c_integer(&digits, 10);
    let value = c.unsigned().wrapping_add(u64::from(rounds_up));
    let fits = range.contains(&value);
    let flaw = if c.behind.is_some() {
        Some(Flaw::NoNumber)
    } else if c.overflow {
        return refused(Flaw::Range);
    } else if !fits {
        Some(Flaw::Range)
    } else if fraction.len() > places {
        Some(Flaw::Decimals)
    } else {
        None
    };
    Number {
        value,
        taken: fits && (flaw.is_none_or(|flaw| flaw == Flaw::Decimals) || flawed == Flawed::Taken),
        flaw,
    }
}

/// What strtol(3) and strtoul(3) make of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct CInteger<'a> {
    negative: bool,
    magnitude: u64,
    overflow: bool,
    /// What is not part of the number, where that is not nothing.
    pub behind: Option<&'a [u8]>,
}

impl CInteger<'_> {
    /// strtol's result.
    pub fn signed(self) -> i64 {
        match (self.negative, i64::try_from(self.magnitude)) {
            (false, Ok(value)) if !self.overflow => value,
            (true, Ok(value)) if !self.overflow => -value,
            (false, _) => i64::MAX,
            (true, _) => i64::MIN,
        }
    }

    /// strtoul's result.
    fn unsigned(self) -> u64 {
        match (self.overflow, self.negative) {
            (true, _) => u64::MAX,
            (false, true) => self.magnitude.wrapping_neg(),
            (false, false) => self.magnitude,
        }
    }
}

/// Base 10, or 0 for what the text says: 0x is hexadecimal, 0 octal.
pub(super) fn c_integer(text: &[u8], base: u32) -> CInteger<'_> {
    let spaces = text.iter().take_while(|byte| is_space(**byte)).count();
    let unspaced = text.get(spaces..).unwrap_or_default();
    let (negative, unsigned) = match unspaced.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, unspaced),
    };
    let (base, digits) = match (base, unsigned) {
        (0, [b'0', b'x' | b'X', rest @ ..]) if rest.first().is_some_and(u8::is_ascii_hexdigit) => {
            (16, rest)
        }
        (0, [b'0', ..]) => (8, unsigned),
        (0, _) => (10, unsigned),
        _ => (base, unsigned),
    };
    let mut magnitude = 0_u64;
    let mut overflow = false;
    let mut count = 0;
    for byte in digits {
        let Some(digit) = char::from(*byte).to_digit(base) else {
            break;
        };
        count += 1;
        let next = magnitude
            .checked_mul(base.into())
            .and_then(|value| value.checked_add(digit.into()));
        overflow |= next.is_none();
        magnitude = next.unwrap_or(magnitude);
    }
    let behind = match count {
        0 => text,
        _ => digits.get(count..).unwrap_or_default(),
    };
    CInteger {
        negative,
        magnitude,
        overflow,
        behind: (!behind.is_empty()).then_some(behind),
    }
}

#[cfg(test)]
mod tests {
    use super::{Flaw, Flawed, decimal, int, unsigned};

    #[test]
    fn whole_numbers() {
        for (text, value, taken, flaw) in [
            ("3", 3, true, None),
            ("  3", 3, true, None),
            ("+3", 3, true, None),
            ("2.5", 2, true, Some(Flaw::NoNumber)),
            ("1e0", 1, true, Some(Flaw::NoNumber)),
            ("5s", 5, true, Some(Flaw::NoNumber)),
            ("abc", 0, true, Some(Flaw::NoNumber)),
            ("", 0, true, None),
            ("-0", 0, true, Some(Flaw::Negative)),
            ("-3", u32::MAX - 2, false, Some(Flaw::Negative)),
            ("5000", 5000, false, Some(Flaw::Range)),
            ("4294967296", 0, false, Some(Flaw::Range)),
            ("99999999999999999999", u32::MAX, false, Some(Flaw::Range)),
        ] {
            let found = unsigned(text.as_bytes(), 0..=4294, Flawed::Taken);
            let found = (found.value, found.taken, found.flaw);
            assert_eq!(found, (value, taken, flaw), "{text}");
        }
        assert!(!unsigned(b"2.5", 0..=9, Flawed::Refused).taken);
    }

    #[test]
    fn with_a_sign() {
        for (text, value, taken, flaw) in [
            ("-20", -20, true, None),
            ("\t-20", -20, true, None),
            ("300", 300, false, Some(Flaw::Range)),
            ("-2x", -2, true, Some(Flaw::NoNumber)),
            ("99999999999999999999", -1, false, Some(Flaw::Range)),
            ("-99999999999999999999", 0, false, Some(Flaw::Range)),
            ("4294967297", 1, false, Some(Flaw::Range)),
        ] {
            let found = int(text.as_bytes(), -253..=253, Flawed::Taken);
            let found = (found.value, found.taken, found.flaw);
            assert_eq!(found, (value, taken, flaw), "{text}");
        }
    }

    #[test]
    fn decimals() {
        for (text, value, taken, flaw) in [
            ("3", 3_000_000, true, None),
            ("2.5", 2_500_000, true, None),
            (".5", 500_000, true, None),
            ("1.", 1_000_000, true, None),
            ("0.0000005", 1, true, Some(Flaw::Decimals)),
            ("5s", 5, true, Some(Flaw::NoNumber)),
            ("1e0", 1, true, Some(Flaw::NoNumber)),
            ("0", 0, false, Some(Flaw::Range)),
            ("abc", 0, false, Some(Flaw::NoNumber)),
            ("-1", 0, false, Some(Flaw::Negative)),
            ("99999999999999", 0, false, Some(Flaw::Range)),
        ] {
            let found = decimal(text.as_bytes(), 1..=u64::MAX - 1, 6, Flawed::Taken);
            let found = (found.value, found.taken, found.flaw);
            assert_eq!(found, (value, taken, flaw), "{text}");
        }
    }
}
