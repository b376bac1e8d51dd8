//! The conditions of `[`, `[[` and `test`.

use std::cmp::Ordering;

use super::run::Value;

/// Returns whether a condition holds, and whether it compares a number of lines with 1. `None`: it is not one of
/// the known forms.
pub fn holds(words: &[Value], bash: bool) -> Option<(bool, bool)> {
    let text = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    let (first, rest) = words.split_first()?;
    let rest = match text(first)?.as_str() {
        "test" => rest,
        bracket => {
            let (last, rest) = rest.split_last()?;
            let known = [("[", "]"), ("[[", "]]")].contains(&(bracket, text(last)?.as_str()));
            (known && (bash || bracket == "[")).then_some(rest)?
        }
    };
    if let [not, rest @ ..] = rest {
        if text(not).as_deref() == Some("!") && !rest.is_empty() {
            let (holds, compares) = condition(rest, bash)?;
            return Some((!holds, compares));
        }
    }
    condition(rest, bash)
}

fn condition(words: &[Value], bash: bool) -> Option<(bool, bool)> {
    match words {
        [] => Some((false, false)),
        [value] => Some((!is_empty(value)?, false)),
        [Value::Text(operator), value] => match operator.as_str() {
            "-n" => Some((!is_empty(value)?, false)),
            "-z" => Some((is_empty(value)?, false)),
            _ => None,
        },
        [_, Value::Text(operator), _] if operator == "==" && !bash => None,
        [left, Value::Text(operator), right] => {
            let (order, compares) = compare(left, operator, right)?;
            Some((is_so(operator, order)?, compares))
        }
        _ => None,
    }
}

fn is_empty(value: &Value) -> Option<bool> {
    match value {
        Value::Text(text) => Some(text.is_empty()),
        Value::Count | Value::Lines | Value::Positive => Some(false),
        Value::Unknown => None,
    }
}

fn is_so(operator: &str, order: Ordering) -> Option<bool> {
    Some(match operator {
        "-eq" | "=" | "==" => order.is_eq(),
        "-ne" | "!=" => order.is_ne(),
        "-gt" => order.is_gt(),
        "-ge" => order.is_ge(),
        "-lt" => order.is_lt(),
        "-le" => order.is_le(),
        _ => return None,
    })
}

/// Compares two values, of which one can be more than a text. A number of lines is taken as 1 in comparison with 1.
fn compare(left: &Value, operator: &str, right: &Value) -> Option<(Ordering, bool)> {
    let by_text = ["=", "==", "!="].contains(&operator);
    match (left, right) {
        // A pattern would match more.
        (Value::Text(_), Value::Text(right)) if by_text && right.contains(['*', '?', '[']) => None,
        (Value::Text(left), Value::Text(right)) if by_text => Some((left.cmp(right), false)),
        (Value::Text(left), Value::Text(right)) => {
            let numbers = (left.parse::<u32>().ok()?, right.parse::<u32>().ok()?);
            Some((numbers.0.cmp(&numbers.1), false))
        }
        (Value::Count | Value::Positive, Value::Text(number)) if number == "0" => {
            Some((Ordering::Greater, false))
        }
        (Value::Count, Value::Text(number)) if number == "1" => {
            Some((Ordering::Equal, !["-ge", "-lt"].contains(&operator)))
        }
        (_, Value::Text(nothing)) if by_text && nothing.is_empty() && *left != Value::Unknown => {
            Some((Ordering::Greater, false))
        }
        (Value::Text(_), _) => {
            compare(right, operator, left).map(|(order, one)| (order.reverse(), one))
        }
        _ => None,
    }
}
