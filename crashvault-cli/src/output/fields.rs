//! Enters: an answer in JSON, and the names of what is wanted of it. Leaves: that and nothing else.
//!
//! A name is a key of the answer, or of the objects in its lists; these stay in their list. What a command may answer
//! with is known before it begins, where that matters ([`Known`]); else the answer tells.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// What is wanted of an answer.
#[derive(Clone, Debug)]
pub struct Fields(Vec<String>);

/// Names that an answer does not have, and those that it has.
#[derive(Debug)]
pub struct Unknown {
    pub names: Vec<String>,
    pub known: Vec<String>,
}

/// What is known of an answer before there is one.
#[derive(Clone, Debug)]
pub enum Known {
    /// It has these keys and no others, though not always all of them.
    Words(BTreeSet<&'static str>),
    /// Only the answer tells.
    Answer,
    /// There is none to choose from, and this is why.
    Nothing(&'static str),
}

impl Known {
    /// Keys with blanks between them.
    pub fn words(words: &'static str) -> Self {
        Self::Words(words.split_whitespace().collect())
    }

    /// These too.
    pub fn and(self, words: &'static str) -> Self {
        match self {
            Self::Words(before) => {
                Self::Words(before.into_iter().chain(words.split_whitespace()).collect())
            }
            other => other,
        }
    }

    /// Whether an answer keeps to what was said of it.
    pub fn holds(&self, answer: &Value) -> bool {
        match (self, answer) {
            (Self::Words(words), Value::Object(answer)) => {
                let mut keys = known(answer).into_iter();
                keys.all(|key| words.contains(key.as_str()))
            }
            _ => true,
        }
    }
}

impl Fields {
    /// `number,title`; nothing, where all is wanted.
    pub fn read(text: &str) -> Option<Self> {
        let names = text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let names: Vec<String> = names.map(str::to_owned).collect();
        (!names.is_empty()).then_some(Self(names))
    }

    /// Whether the names can be those of an answer of which so much is known.
    pub fn check(&self, known: &Known) -> Result<(), Unknown> {
        let Known::Words(words) = known else {
            return Ok(());
        };
        let names = self.0.iter();
        let names = names.filter(|name| !words.contains(name.as_str()));
        let names: Vec<String> = names.cloned().collect();
        match names.is_empty() {
            true => Ok(()),
            false => Err(Unknown {
                names,
                known: words.iter().map(|word| (*word).to_owned()).collect(),
            }),
        }
    }

    /// The answer with nothing else in it. What it could have but has not is left out.
    pub fn choose(&self, answer: &Value, of: &Known) -> Result<Value, Unknown> {
        let Value::Object(answer) = answer else {
            return Ok(answer.clone());
        };
        let mut chosen = Map::new();
        let mut unknown = Vec::new();
        for name in &self.0 {
            if let Some(value) = answer.get(name) {
                chosen.insert(name.clone(), value.clone());
            } else if !is_in_lists(answer, name) {
                unknown.push(name.clone());
            }
        }
        if !unknown.is_empty() && !matches!(of, Known::Words(_)) {
            return Err(Unknown {
                names: unknown,
                known: known(answer),
            });
        }
        let others: Vec<&String> = self
            .0
            .iter()
            .filter(|name| !answer.contains_key(*name))
            .collect();
        let has_one = |item: &Value| others.iter().any(|name| item.get(name).is_some());
        let is_any_wanted = is_nothing_there(answer) && !others.is_empty();
        for (name, items) in lists(answer) {
            let is_wanted = is_any_wanted || items.iter().any(has_one);
            if is_wanted && !chosen.contains_key(name) {
                let items = items.iter().map(|item| self.cut(item)).collect();
                chosen.insert(name.clone(), Value::Array(items));
            }
        }
        Ok(chosen.into())
    }

    fn cut(&self, item: &Value) -> Value {
        let Value::Object(item) = item else {
            return item.clone();
        };
        let pairs = self
            .0
            .iter()
            .filter_map(|name| Some((name.clone(), item.get(name)?.clone())));
        Value::Object(pairs.collect())
    }
}

/// The lists of an answer, of objects or of nothing at all.
fn lists(answer: &Map<String, Value>) -> impl Iterator<Item = (&String, &Vec<Value>)> {
    let lists = answer
        .iter()
        .filter_map(|(name, value)| Some((name, value.as_array()?)));
    lists.filter(|(_, items)| items.iter().all(Value::is_object))
}

/// What empty lists would hold is not known, so it may be anything.
fn is_nothing_there(answer: &Map<String, Value>) -> bool {
    let mut lists = lists(answer).peekable();
    lists.peek().is_some() && lists.all(|(_, items)| items.is_empty())
}

fn is_in_lists(answer: &Map<String, Value>, name: &str) -> bool {
    let mut items = lists(answer).flat_map(|(_, items)| items);
    is_nothing_there(answer) || items.any(|item| item.get(name).is_some())
}

fn known(answer: &Map<String, Value>) -> Vec<String> {
    let of_items = lists(answer)
        .flat_map(|(_, items)| items)
        .filter_map(Value::as_object);
    let keys: BTreeSet<&String> = of_items.flat_map(Map::keys).chain(answer.keys()).collect();
    keys.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(names: &str, expected: Value) {
        let answer = json!({"vault": "/v", "next": null, "issues": [
            {"number": 1, "title": "a", "tags": {}}, {"number": 2, "title": "b", "archive": "c"},
        ]});
        let chosen = Fields::read(names).unwrap().choose(&answer, &Known::Answer);
        let chosen = chosen.unwrap_or_else(|unknown| json!([unknown.names, unknown.known]));
        assert_eq!(chosen, expected, "{names}");
    }

    #[test]
    fn keys_of_items_stay_in_their_list() {
        check("number", json!({"issues": [{"number": 1}, {"number": 2}]}));
        check("archive", json!({"issues": [{}, {"archive": "c"}]}));
        check(
            " title ,number,",
            json!({"issues": [
            {"number": 1, "title": "a"}, {"number": 2, "title": "b"}]}),
        );
    }

    #[test]
    fn keys_of_the_answer_are_whole() {
        check("vault,next", json!({"vault": "/v", "next": null}));
        check(
            "number,next",
            json!({"next": null, "issues": [{"number": 1}, {"number": 2}]}),
        );
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let known = json!([
            "archive", "issues", "next", "number", "tags", "title", "vault"
        ]);
        check("number,nmber", json!([["nmber"], known]));
    }

    #[test]
    fn an_empty_list_could_hold_anything() {
        let answer = json!({"vault": "/v", "issues": []});
        let chosen = Fields::read("number")
            .unwrap()
            .choose(&answer, &Known::Answer);
        assert_eq!(chosen.unwrap(), json!({"issues": []}));
        let chosen = Fields::read("vault")
            .unwrap()
            .choose(&answer, &Known::Answer);
        assert_eq!(chosen.unwrap(), json!({"vault": "/v"}));
    }

    #[test]
    fn what_is_known_before_is_checked_before() {
        let known = Known::words("number title").and("next");
        let names = Fields::read("next,nmber").unwrap();
        let unknown = names.check(&known).unwrap_err();
        assert_eq!(unknown.names, ["nmber"]);
        assert_eq!(unknown.known, ["next", "number", "title"]);
        assert!(names.check(&Known::Answer).is_ok());
        let answer = json!({"number": 1});
        assert!(known.holds(&answer) && !known.holds(&json!({"a": 1})));
        let names = Fields::read("next,number").unwrap();
        assert_eq!(names.choose(&answer, &known).unwrap(), answer);
    }

    #[test]
    fn nothing_chosen_is_all() {
        assert!(Fields::read("").is_none());
        assert!(Fields::read(" , ").is_none());
    }
}
