//! JSON, changed in its structure: other types, other places, keys twice, huge numbers and lists, half letters.
//!
//! What no value can hold stands in it as a mark, a text that begins with a letter nobody uses, until it is printed.

use serde_json::{Map, Value, json};

use super::Random;

/// Half of a surrogate pair, within any text.
const HALF: char = '\u{e000}';
/// Before a key that stands there once more.
const TWICE: char = '\u{e001}';
/// Before a number as it is to stand there.
const NUMBER: char = '\u{e002}';
/// Instead of a value that is nested so deep.
const DEEP: char = '\u{e003}';

const NUMBERS: &[&str] = &[
    "1e999",
    "-1e999",
    "1e308",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "-9223372036854775809",
    "0.1e-320",
    "-0",
    "9999999999999999999999999999999999999999",
    "253402300800",
    "-62135596801",
    "NaN",
    "-Infinity",
];
const DEPTHS: &[usize] = &[10, 100, 120, 126, 127, 128, 129, 200, 2000];
/// Of a list that is repeated.
const ITEMS_MAX: usize = 5_000;

/// Changes JSON with parts of other JSON.
pub struct Shuffler {
    /// What parts are taken from; not empty.
    pub donors: Vec<Value>,
    /// Texts to be put where texts are.
    pub texts: Vec<String>,
    keys: Vec<String>,
}

impl Shuffler {
    /// One that knows the keys of its donors.
    pub fn new(donors: Vec<Value>, texts: Vec<String>) -> Self {
        let mut keys = Vec::new();
        for donor in &donors {
            keys_of(donor, &mut keys);
        }
        keys.sort();
        keys.dedup();
        Self {
            donors,
            texts,
            keys,
        }
    }

    /// One of the donors, changed a few times.
    pub fn value(&self, random: &mut Random) -> Value {
        let mut value = random.pick(&self.donors).clone();
        for _ in 0..random.below(8) {
            self.change(&mut value, random);
        }
        value
    }

    /// Changes a part in one way.
    pub fn change(&self, value: &mut Value, random: &mut Random) {
        let part = descend(value, random);
        match random.below(8) {
            0 => *part = self.odd(random),
            1 => *part = self.part(random),
            2 => {
                let inner = part.take();
                *part = match random.below(3) {
                    0 => json!([inner]),
                    1 => json!({"values": inner}),
                    _ => json!({(random.pick(&self.keys)): inner}),
                };
            }
            _ => match part {
                Value::String(text) => self.change_text(text, random),
                Value::Array(items) => self.change_list(items, random),
                Value::Object(map) => self.change_object(map, random),
                _ => *part = self.odd(random),
            },
        }
    }

    /// A part of a donor.
    fn part(&self, random: &mut Random) -> Value {
        let mut donor = random.pick(&self.donors).clone();
        descend(&mut donor, random).take()
    }

    fn odd(&self, random: &mut Random) -> Value {
        match random.below(10) {
            0 => Value::Null,
            1 => json!(random.once_in(2)),
            2 => json!(""),
            3 => json!([]),
            4 => json!({}),
            5 => json!(format!("{NUMBER}{}", random.pick(NUMBERS))),
            6 => json!(format!("{DEEP}{}", random.pick(DEPTHS))),
            7 => json!(random.pick(NUMBERS)),
            8 => json!(random.below(1000) as i64 - 500),
            _ => json!(random.pick(&self.texts)),
        }
    }

    fn change_text(&self, text: &mut String, random: &mut Random) {
        let at = boundary(text, random);
        match random.below(9) {
            0 => text.truncate(at),
            1 => text.insert(at, HALF),
            2 => text.insert(
                at,
                *random.pick(&[
                    '\0',
                    '\n',
                    '\u{1b}',
                    '\u{feff}',
                    '\u{202e}',
                    '\u{10ffff}',
                    '\\',
                    '"',
                    '%',
                ]),
            ),
            3 => *text = text.repeat(1 + random.below(30)),
            4 => {
                let letter = *random.pick(&['a', ' ', '(', '<', ':', '.', '=', '\u{e9}', '/']);
                let filler: String = std::iter::repeat_n(letter, random.below(100_000)).collect();
                text.insert_str(at, &filler);
            }
            5 => {
                let word = random.pick(&self.texts);
                let times = random.below((50_000 / word.len().max(1)).min(3000) + 1);
                text.insert_str(at, &word.repeat(times));
            }
            6 => text.clone_from(random.pick(&self.texts)),
            _ => text.insert_str(at, random.pick::<String>(&self.texts)),
        }
        let end = (0..=text.len().min(300_000))
            .rev()
            .find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
    }

    fn change_list(&self, items: &mut Vec<Value>, random: &mut Random) {
        let at = random.below(items.len());
        match random.below(5) {
            0 => items.reverse(),
            1 => items.push(self.part(random)),
            2 if !items.is_empty() => drop(items.remove(at)),
            3 => items.insert(at, self.odd(random)),
            _ => {
                let bytes = Value::Array(items.clone()).to_string().len();
                let times = (400_000 / bytes.max(1)).min(ITEMS_MAX);
                let once = items.clone();
                for _ in 0..random.below(times + 1) {
                    items.extend(once.iter().cloned());
                }
            }
        }
    }

    fn change_object(&self, map: &mut Map<String, Value>, random: &mut Random) {
        let own: Vec<String> = map.keys().cloned().collect();
        let key = match own.is_empty() {
            true => String::new(),
            false => random.pick(&own).clone(),
        };
        match random.below(5) {
            0 => drop(map.remove(&key)),
            1 => {
                let value = map.remove(&key).unwrap_or_default();
                map.insert(random.pick(&self.keys).clone(), value);
            }
            2 => {
                let value = self.part(random);
                map.insert(format!("{TWICE}{key}"), value);
            }
            3 => {
                let mut odd = key.clone();
                self.change_text(&mut odd, random);
                let value = map.remove(&key).unwrap_or_default();
                map.insert(odd, value);
            }
            _ => {
                let value = self.part(random);
                map.insert(random.pick(&self.keys).clone(), value);
            }
        }
    }
}

/// As text, with what no value can hold.
pub fn printed(value: &Value) -> Vec<u8> {
    let mut text = value.to_string();
    for number in NUMBERS {
        text = text.replace(&format!("\"{NUMBER}{number}\""), number);
    }
    for depth in DEPTHS {
        let mark = format!("\"{DEEP}{depth}\"");
        if text.contains(&mark) {
            let deep = format!("{}{}", "[{\"a\":".repeat(depth / 2), "0");
            text = text.replace(&mark, &(deep + &"}]".repeat(depth / 2)));
        }
    }
    let text = text.replace(TWICE, "").replace(HALF, "\\ud83d");
    text.into_bytes()
}

fn descend<'v>(mut value: &'v mut Value, random: &mut Random) -> &'v mut Value {
    loop {
        let count = match value {
            Value::Array(items) => items.len(),
            Value::Object(map) => map.len(),
            _ => 0,
        };
        if count == 0 || random.once_in(4) {
            return value;
        }
        let at = random.below(count);
        value = match value {
            Value::Array(items) => &mut items[at],
            Value::Object(map) => match map.values_mut().nth(at) {
                Some(value) => value,
                None => unreachable!("there are so many"),
            },
            other => return other,
        };
    }
}

fn boundary(text: &str, random: &mut Random) -> usize {
    let mut at = random.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn keys_of(value: &Value, keys: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                keys.push(key.clone());
                keys_of(value, keys);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys_of(item, keys)),
        _ => {}
    }
}
