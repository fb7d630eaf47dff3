//! Enters: the text of a `vault.toml`, and what is to be different. Leaves: the text with that alone changed.

use crashvault::{Error, ErrorKind, Result, SettingForm};
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, TableLike, Value};

fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, "change settings", message)
}

fn document(text: &str) -> Result<DocumentMut> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        refused(format!(
            "vault.toml is not TOML: {}; correct it first",
            error.message()
        ))
    })
}

/// What the words stand for. One that is no number or flag stays a text, which the vault then refuses by name.
fn value(form: SettingForm, words: &[String]) -> Value {
    let word = words.first().map(String::as_str).unwrap_or_default();
    let text = || Value::from(word);
    match form {
        SettingForm::Texts => Value::Array(words.iter().map(String::as_str).collect::<Array>()),
        SettingForm::Number => match (word.parse::<i64>(), word.parse::<f64>()) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) if number.is_finite() => number.into(),
            _ => text(),
        },
        SettingForm::Flag => match word {
            "true" | "on" | "yes" | "1" => true.into(),
            "false" | "off" | "no" | "0" => false.into(),
            _ => text(),
        },
        _ => text(),
    }
}

pub fn set(text: &str, key: &str, form: SettingForm, words: &[String]) -> Result<String> {
    let mut document = document(text)?;
    let (sections, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for section in sections.split('.').filter(|section| !section.is_empty()) {
        let item = table
            .entry(section)
            .or_insert_with(|| Item::Table(Table::new()));
        table = item
            .as_table_like_mut()
            .ok_or_else(|| refused(format!("{section} in vault.toml is no section")))?;
    }
    let mut new = value(form, words);
    match table.get_mut(name).and_then(Item::as_value_mut) {
        Some(old) => {
            // A comment behind the value stays.
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        None => {
            table.insert(name, Item::Value(new));
        }
    }
    Ok(document.to_string())
}

/// The text without the setting; `None` if it is not there.
pub fn unset(text: &str, key: &str) -> Result<Option<String>> {
    let mut document = document(text)?;
    let (sections, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for section in sections.split('.').filter(|section| !section.is_empty()) {
        match table.get_mut(section).and_then(Item::as_table_like_mut) {
            Some(inner) => table = inner,
            None => return Ok(None),
        }
    }
    let removed = table.remove(name);
    Ok(removed.map(|_| document.to_string()))
}

/// The value as it stands in the text.
pub fn get(text: &str, key: &str) -> Result<Option<String>> {
    let document = document(text)?;
    let mut item = document.as_item();
    for part in key.split('.') {
        match item.get(part) {
            Some(inner) => item = inner,
            None => return Ok(None),
        }
    }
    Ok(match item.as_value() {
        Some(Value::String(text)) => Some(text.value().clone()),
        value => value.map(|value| value.clone().decorated("", "").to_string()),
    })
}

fn webhooks(document: &mut DocumentMut) -> Result<&mut ArrayOfTables> {
    let item = document
        .entry("webhooks")
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    item.as_array_of_tables_mut()
        .ok_or_else(|| refused("webhooks in vault.toml is not written as [[webhooks]]"))
}

pub fn add_webhook(text: &str, fields: &[(&str, Value)]) -> Result<String> {
    let mut document = document(text)?;
    let name = fields.iter().find(|(key, _)| *key == "name");
    if let Some(name) = name.and_then(|(_, name)| name.as_str()) {
        refuse_taken(webhooks(&mut document)?, name)?;
    }
    let mut table = Table::new();
    for (key, value) in fields {
        table.insert(key, Item::Value(value.clone()));
    }
    webhooks(&mut document)?.push(table);
    Ok(document.to_string())
}

/// Webhooks are named by their names.
fn refuse_taken(webhooks: &ArrayOfTables, name: &str) -> Result<()> {
    let mut names = webhooks.iter().map(|table| table.get("name"));
    match names.any(|known| known.and_then(Item::as_str) == Some(name)) {
        true => Err(refused(format!(
            "there is a webhook {name} already; give it another name"
        ))),
        false => Ok(()),
    }
}

fn place_of(webhooks: &ArrayOfTables, id: &str) -> Result<usize> {
    let mut tables = webhooks.iter();
    let found = tables.position(|table| table.get("id").and_then(Item::as_str) == Some(id));
    found.ok_or_else(|| {
        let message = format!("there is no webhook {id}");
        Error::new(ErrorKind::NotFound, "webhook", message)
    })
}

pub fn set_webhook(text: &str, id: &str, key: &str, value: Value) -> Result<String> {
    let mut document = document(text)?;
    let webhooks = webhooks(&mut document)?;
    let place = place_of(webhooks, id)?;
    if let Some(table) = webhooks.get_mut(place) {
        table.insert(key, Item::Value(value));
    }
    Ok(document.to_string())
}

pub fn remove_webhook(text: &str, id: &str) -> Result<String> {
    let mut document = document(text)?;
    let webhooks = webhooks(&mut document)?;
    let place = place_of(webhooks, id)?;
    webhooks.remove(place);
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# mine\nformat = 1\n\n[retention] # old\nage_days = 30   # a month\n[retention.level]\ndebug = 7\n";

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[track_caller]
    fn check_set(key: &str, form: SettingForm, value: &[&str], from: &str, to: &str) {
        let expected = TEXT.replace(from, to);
        assert_ne!(expected, TEXT);
        assert_eq!(set(TEXT, key, form, &words(value)).unwrap(), expected);
    }

    #[test]
    fn only_the_value_changes() {
        let number = SettingForm::Number;
        check_set("retention.age_days", number, &["90"], "30 ", "90 ");
        check_set("retention.level.debug", number, &["8"], "7", "8");
        check_set(
            "retention.level.info",
            number,
            &["9"],
            "7\n",
            "7\ninfo = 9\n",
        );
        check_set("retention.age_days", number, &["soon"], "30 ", "\"soon\" ");
    }

    #[test]
    fn a_section_is_made_where_there_is_none() {
        let texts = SettingForm::Texts;
        let new = set(TEXT, "scrub.keys", texts, &words(&["iban", "a \"b\""])).unwrap();
        assert!(new.starts_with(TEXT), "{new}");
        assert!(
            new.contains("[scrub]\nkeys = [\"iban\", 'a \"b\"']"),
            "{new}"
        );
        assert_eq!(
            get(&new, "scrub.keys").unwrap().as_deref(),
            Some("[\"iban\", 'a \"b\"']")
        );
    }

    #[test]
    fn what_is_taken_out_leaves_the_rest() {
        let new = unset(TEXT, "retention.level.debug").unwrap().unwrap();
        assert_eq!(new, TEXT.replace("debug = 7\n", ""));
        assert_eq!(unset(TEXT, "retention.level.info").unwrap(), None);
        assert_eq!(unset(TEXT, "scrub.keys").unwrap(), None);
    }

    #[test]
    fn what_is_no_section_is_refused() {
        let wrong = set(
            "retention = 1",
            "retention.age_days",
            SettingForm::Number,
            &words(&["1"]),
        );
        assert!(wrong.unwrap_err().message().contains("is no section"));
        assert!(get("no toml", "a").is_err());
    }

    #[test]
    fn webhooks_come_and_go() {
        let with = |id: &str, text: &str| add_webhook(text, &[("id", id.into())]).unwrap();
        let two = with("b", &with("a", TEXT));
        assert!(
            two.ends_with("[[webhooks]]\nid = \"a\"\n\n[[webhooks]]\nid = \"b\"\n"),
            "{two}"
        );
        let off = set_webhook(&two, "b", "enabled", false.into()).unwrap();
        assert!(off.ends_with("id = \"b\"\nenabled = false\n"), "{off}");
        assert!(!remove_webhook(&off, "b").unwrap().contains("\"b\""));
        assert!(remove_webhook(&off, "c").is_err());
        let named = |text: &str, name: &str| add_webhook(text, &[("name", name.into())]);
        let one = named(TEXT, "ops").unwrap();
        assert!(named(&one, "ops").is_err() && named(&one, "dev").is_ok());
    }
}
