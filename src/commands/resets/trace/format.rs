//! The layout of an event in the ring buffer: tracefs's `format` files (Documentation/trace/events.rst).
//! Offsets, sizes and the numbers of reasons differ between kernels, and a field may be missing.

use std::collections::BTreeMap;

use crate::source::ByteOrder;

/// A described event, or page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFormat {
    /// The number that its records begin with. A page has none.
    pub id: Option<u64>,
    fields: BTreeMap<String, Field>,
    /// The names of the numbers of the field `reason`.
    pub reasons: BTreeMap<u64, String>,
}

/// The position of a field, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// From the beginning of the record.
    pub offset: usize,
    /// Its length.
    pub size: usize,
}

impl EventFormat {
    /// Reads a `format` file, or `header_page`. Lines of another form are skipped.
    pub fn parse(text: &str) -> Self {
        let id = text.lines().find_map(|line| line.strip_prefix("ID:"));
        Self {
            id: id.and_then(|id| id.trim().parse().ok()),
            fields: text.lines().filter_map(field).collect(),
            reasons: symbols(text, "reason"),
        }
    }

    /// Returns the field of this name.
    pub fn field(&self, name: &str) -> Option<Field> {
        self.fields.get(name).copied()
    }
}

impl Field {
    /// Returns its bytes in a record, if the record is long enough.
    pub fn of<'a>(&self, record: &'a [u8]) -> Option<&'a [u8]> {
        record.get(self.offset..self.offset.checked_add(self.size)?)
    }

    /// Returns its value as a number without a sign.
    pub fn number(&self, record: &[u8], order: ByteOrder) -> Option<u64> {
        let bytes = self.of(record)?;
        Some(match *bytes {
            [byte] => byte.into(),
            [a, b] => order.u16([a, b]).into(),
            [a, b, c, d] => order.u32([a, b, c, d]).into(),
            _ => order.u64(bytes.try_into().ok()?),
        })
    }
}

/// A line such as `field:__u8 saddr[4];  offset:22;  size:4;  signed:0;`.
fn field(line: &str) -> Option<(String, Field)> {
    let mut parts = line.trim().split(';').map(str::trim);
    let declaration = parts.next()?.strip_prefix("field:")?;
    let name = declaration.split_whitespace().last()?;
    let name = name.split('[').next()?;
    let (mut offset, mut size) = (None, None);
    for part in parts {
        match part.split_once(':') {
            Some(("offset", value)) => offset = value.parse().ok(),
            Some(("size", value)) => size = value.parse().ok(),
            _ => {}
        }
    }
    let (offset, size) = (offset?, size?);
    Some((name.to_owned(), Field { offset, size }))
}

/// Returns the pairs of `__print_symbolic(REC->FIELD, { 1, "ONE" }, ...)`. Pairs whose number is a word are skipped.
fn symbols(text: &str, field: &str) -> BTreeMap<u64, String> {
    let mut found = BTreeMap::new();
    let call = format!("__print_symbolic(REC->{field},");
    let Some((_, pairs)) = text.split_once(&call) else {
        return found;
    };
    for pair in pairs.split('{').skip(1) {
        let Some((pair, behind)) = pair.split_once('}') else {
            break;
        };
        if let Some((number, name)) = pair.split_once(',') {
            if let Ok(number) = number.trim().parse() {
                found.insert(number, name.trim().trim_matches('"').to_owned());
            }
        }
        if behind.trim_start().starts_with(')') {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests;
