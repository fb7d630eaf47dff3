//! The bytes of an envelope → its head and items. Pure: nothing is read but these bytes.

use serde_json::{Map, Value};

/// Items of one envelope.
const ITEMS_MAX: usize = 1000;
/// The longest head, in bytes: it is read before anybody has shown a key.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How deep a head may be nested: the journal wraps it once more, and must be able to read that.
const HEAD_DEPTH_MAX: usize = 32;

/// An envelope, taken apart.
#[derive(Debug, PartialEq)]
pub(crate) struct Envelope<'e> {
    pub(crate) head: Map<String, Value>,
    pub(crate) items: Vec<EnvelopeItem<'e>>,
}

/// One item of it.
#[derive(Debug, PartialEq)]
pub(crate) struct EnvelopeItem<'e> {
    pub(crate) kind: String,
    pub(crate) head: Map<String, Value>,
    pub(crate) payload: &'e [u8],
}

/// Takes an envelope apart; the fault says what is wrong with it.
pub(crate) fn parse(bytes: &[u8]) -> Result<Envelope<'_>, String> {
    let (line, mut rest) = split_line(bytes);
    let head = object(line).map_err(|what| format!("the envelope's first line {what}"))?;
    let mut items = Vec::new();
    while !rest.is_empty() {
        let (line, behind) = split_line(rest);
        if line.is_empty() {
            rest = behind;
            continue;
        }
        let number = items.len() + 1;
        if number > ITEMS_MAX {
            return Err(format!("the envelope has more than {ITEMS_MAX} items"));
        }
        let head = object(line).map_err(|what| format!("the head of item {number} {what}"))?;
        let (payload, behind) =
            payload(&head, behind).map_err(|what| format!("item {number} {what}"))?;
        rest = behind;
        let kind = head.get("type").and_then(Value::as_str);
        let kind = kind.ok_or(format!("item {number} has no type"))?.to_owned();
        items.push(EnvelopeItem {
            kind,
            head,
            payload,
        });
    }
    Ok(Envelope { head, items })
}

/// What belongs to an item, and what stands behind it.
fn payload<'e>(
    head: &Map<String, Value>,
    bytes: &'e [u8],
) -> Result<(&'e [u8], &'e [u8]), &'static str> {
    let length = match head.get("length") {
        None | Some(Value::Null) => return Ok(split_line(bytes)),
        Some(length) => length
            .as_u64()
            .and_then(|length| usize::try_from(length).ok()),
    };
    let length = length.ok_or("has a length that is no number")?;
    let (payload, behind) = bytes
        .split_at_checked(length)
        .ok_or("is shorter than its length says")?;
    match behind {
        [] => Ok((payload, behind)),
        [b'\n', behind @ ..] => Ok((payload, behind)),
        _ => Err("is longer than its length says"),
    }
}

fn object(line: &[u8]) -> Result<Map<String, Value>, &'static str> {
    if line.len() > HEAD_BYTES_MAX {
        return Err("is longer than 64 KiB");
    }
    let object: Map<String, Value> =
        serde_json::from_slice(line).map_err(|_| "is no JSON object")?;
    match object.values().all(|value| is_flat(value, HEAD_DEPTH_MAX)) {
        true => Ok(object),
        false => Err("is nested too deeply"),
    }
}

fn is_flat(value: &Value, depth_max: usize) -> bool {
    match value {
        Value::Array(values) => depth_max > 0 && values.iter().all(|v| is_flat(v, depth_max - 1)),
        Value::Object(object) => {
            depth_max > 0 && object.values().all(|v| is_flat(v, depth_max - 1))
        }
        _ => true,
    }
}

fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found: each item as `kind=payload`.
    fn check(bytes: &str, expected: Result<&[&str], &str>) {
        let found = parse(bytes.as_bytes()).map(|envelope| {
            let items = envelope.items.iter();
            let told = items
                .map(|item| format!("{}={}", item.kind, String::from_utf8_lossy(item.payload)));
            told.collect::<Vec<_>>()
        });
        let expected = expected
            .map(|items| items.iter().map(|item| (*item).to_owned()).collect())
            .map_err(str::to_owned);
        assert_eq!(found, expected, "{bytes:?}");
    }

    #[test]
    fn an_envelope_without_items_is_fine() {
        check("{}", Ok(&[]));
        check("{}\n\n", Ok(&[]));
    }

    #[test]
    fn an_item_with_a_length_may_hold_lines() {
        check("{}\n{\"type\":\"a\",\"length\":3}\nx\ny", Ok(&["a=x\ny"]));
        check(
            "{}\n{\"type\":\"a\",\"length\":3}\nx\ny\n{\"type\":\"b\"}\nz\n",
            Ok(&["a=x\ny", "b=z"]),
        );
        check(
            "{}\n{\"type\":\"a\",\"length\":0}\n\n{\"type\":\"b\"}\nz",
            Ok(&["a=", "b=z"]),
        );
    }

    #[test]
    fn an_item_without_a_length_ends_with_its_line() {
        check(
            "{}\n{\"type\":\"a\"}\nx\n{\"type\":\"b\"}\n",
            Ok(&["a=x", "b="]),
        );
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        check("", Err("the envelope's first line is no JSON object"));
        check("[]\n", Err("the envelope's first line is no JSON object"));
        check("{}\nx", Err("the head of item 1 is no JSON object"));
        check("{}\n{}\nx", Err("item 1 has no type"));
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(33), "]".repeat(33));
        let what = "the envelope's first line is nested too deeply";
        check(&deep, Err(what));
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(HEAD_BYTES_MAX));
        check(
            &long,
            Err("the envelope's first line is longer than 64 KiB"),
        );
        check(
            "{}\n{\"type\":\"a\",\"length\":-1}\nx",
            Err("item 1 has a length that is no number"),
        );
        check(
            "{}\n{\"type\":\"a\",\"length\":9}\nx",
            Err("item 1 is shorter than its length says"),
        );
        check(
            "{}\n{\"type\":\"a\",\"length\":1}\nxy",
            Err("item 1 is longer than its length says"),
        );
    }
}
