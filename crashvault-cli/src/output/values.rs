//! Enters: how often an issue's events have each value. Leaves: the values that tell most, with their shares.

use std::collections::BTreeMap;

use crashvault::ValueCount;

use super::event::Page;
use super::text::visible;

const KEYS_MAX: usize = 5;
const VALUES_MAX: usize = 3;

/// Attributes that tell most about where something happens, the first first. Tags follow them, then all others.
const TELLING: [&str; 4] = ["release", "environment", "server", "transaction"];
/// What stands elsewhere on the page, or is the same for nearly every event.
const TOLD: [&str; 7] = [
    "level",
    "platform",
    "user",
    "error.type",
    "error.handled",
    "error.mechanism",
    "sdk.name",
];

/// The most frequent values of a few keys; nothing for an issue of one event, which is shown whole.
pub fn values(page: &mut Page, values: &[ValueCount], seen_count: u64) {
    let rows = rows(values, seen_count);
    if seen_count > 1 && !rows.is_empty() {
        page.heading("Most frequent values");
        page.rows(&rows);
    }
}

fn rows(values: &[ValueCount], seen_count: u64) -> Vec<(String, String)> {
    let mut keys: BTreeMap<(usize, bool, &str), Vec<&ValueCount>> = BTreeMap::new();
    for value in values {
        if value.is_tag || !TOLD.contains(&value.key.as_str()) {
            let key = (rank(value), value.is_tag, value.key.as_str());
            keys.entry(key).or_default().push(value);
        }
    }
    let rows = keys.into_iter().take(KEYS_MAX).map(|((.., key), values)| {
        let shown = values.iter().take(VALUES_MAX).map(|value| {
            let percent = share(value.count, seen_count);
            format!("{} ({percent})", visible(&value.value))
        });
        (
            visible(key).into_owned(),
            shown.collect::<Vec<_>>().join(", "),
        )
    });
    rows.collect()
}

fn rank(value: &ValueCount) -> usize {
    let place = TELLING.iter().position(|known| *known == value.key);
    match place.filter(|_| !value.is_tag) {
        Some(place) => place,
        None if value.is_tag => TELLING.len(),
        None => TELLING.len() + 1,
    }
}

/// In whole per cent; what is there at all is never none of it, nor what is missing all.
fn share(count: u64, of: u64) -> String {
    let percent = u128::from(count) * 100 / u128::from(of.max(1));
    match percent {
        0 => "<1%".into(),
        percent => format!("{percent}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_down_and_never_to_nothing() {
        assert_eq!(share(1, 3), "33%");
        assert_eq!(share(1, 1000), "<1%");
        assert_eq!(share(999, 1000), "99%");
        assert_eq!(share(7, 7), "100%");
        assert_eq!(share(1, 0), "100%");
    }
}
