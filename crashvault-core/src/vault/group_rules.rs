//! Rules of grouping as `vault.toml` has them: read, with what is wrong and where; and tried on an event.

use std::path::Path;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::door::Vault;
use super::settings;
use crate::error::{Error, Result};
use crate::event::{Event, EventId};
use crate::group::{self, GroupRule, GroupRules, RuleTried, unknown_name};
use crate::ingest::{Legacy, Origin, Walk};
use crate::issue::{Comparison, VariantKey};
use crate::store::NewEvent;

/// Rules that were read; the wrong ones are left out and told.
#[derive(Debug, Default)]
pub(super) struct RulesRead {
    pub(super) rules: GroupRules,
    pub(super) count: usize,
    pub(super) faults: Vec<String>,
}

/// How the faults of rules end.
pub(super) const LEFT_OUT: &str = "the rule is left out";

/// What is wrong with a rule: the key below which it is, and what to do.
struct Fault {
    key: Vec<String>,
    reason: String,
}

impl Fault {
    fn new(key: &[&str], reason: impl Into<String>) -> Self {
        Self {
            key: key.iter().map(|part| (*part).to_owned()).collect(),
            reason: reason.into(),
        }
    }
}

/// Reads `[[group.rule]]`: `id`, `match = { type = "Timeout*" }`, `template`, `fingerprint = ["…"]`. With the text of the
/// file faults name their lines.
pub(super) fn read(rules: Vec<Value>, file: &str, text: Option<&str>) -> RulesRead {
    let mut read = RulesRead::default();
    for (index, rule) in rules.into_iter().enumerate() {
        let rule = read_rule(index, rule).and_then(|rule| match read.rules.named(rule.id()) {
            Some(other) => {
                let reason = format!(
                    "rule {other} has the same; why an event is where it is names rules by it"
                );
                Err(Fault::new(&["id"], reason))
            }
            None => Ok(rule),
        });
        match rule {
            Ok(rule) => {
                read.rules.push(rule);
                read.count += 1;
            }
            Err(fault) => {
                let line = text.and_then(|text| line_of(text, index, &fault.key));
                let line = line
                    .map(|line| format!(" (line {line})"))
                    .unwrap_or_default();
                let key: String = fault.key.iter().map(|key| format!("{key}: ")).collect();
                let key = key.replacen("match: ", "match.", usize::from(fault.key.len() > 1));
                read.faults.push(format!(
                    "{file}: group.rule {}{line}: {key}{}; {LEFT_OUT}",
                    index + 1,
                    fault.reason
                ));
            }
        }
    }
    read
}

/// The rules of another file than the vault's.
fn read_file(path: &Path) -> Result<RulesRead> {
    const OPERATION: &str = "read group rules";
    let io = |error| Error::io(OPERATION, path, error);
    let text = std::fs::read_to_string(path).map_err(io)?;
    let mut table = settings::parse(OPERATION, path, &text)?;
    let rules = match table.remove("group") {
        Some(Value::Table(mut group)) => group.remove("rule"),
        _ => None,
    };
    let name = path.display().to_string();
    Ok(match rules {
        Some(Value::Array(rules)) => read(rules, &name, Some(&text)),
        found => RulesRead {
            faults: vec![match found {
                None => format!("{name}: no rule is in it; write each as [[group.rule]]"),
                Some(_) => format!("{name}: group.rule: write each rule as [[group.rule]]"),
            }],
            ..RulesRead::default()
        },
    })
}

/// The line on which a rule, or a key of it, stands.
fn line_of(text: &str, index: usize, key: &[String]) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let rules = document
        .get_ref()
        .get("group")?
        .get_ref()
        .as_table()?
        .get("rule")?;
    let rule = rules.get_ref().as_array()?.get(index)?;
    let start = place_of(rule, key).unwrap_or_else(|| rule.span().start);
    let before = text.as_bytes().get(..start)?;
    Some(1 + before.iter().filter(|byte| **byte == b'\n').count())
}

/// Where a key begins; of one that is not there, the one above it.
fn place_of(value: &Spanned<DeValue<'_>>, key: &[String]) -> Option<usize> {
    let (first, rest) = key.split_first()?;
    let table = value.get_ref().as_table()?;
    let (name, below) = table.iter().find(|(name, _)| name.get_ref() == first)?;
    place_of(below, rest).or_else(|| Some(name.span().start))
}

const KEYS: [&str; 4] = ["fingerprint", "id", "match", "template"];

fn read_rule(index: usize, rule: Value) -> std::result::Result<GroupRule, Fault> {
    let Value::Table(mut rule) = rule else {
        return Err(Fault::new(&[], "expected a section; write [[group.rule]]"));
    };
    if let Some(key) = rule.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let reason = unknown_name("a rule has no", "", key, &KEYS).replace("  ", " ");
        return Err(Fault::new(&[key], reason.replace(" ;", ";")));
    }
    let id = match rule.remove("id") {
        None => format!("{}", index + 1),
        Some(Value::String(id)) => id,
        Some(_) => return Err(Fault::new(&["id"], "expected a text")),
    };
    let mut built = GroupRule::new(id).numbered(index + 1);
    let template = rule.remove("template");
    built = match rule.remove("match") {
        Some(Value::Table(fields)) if fields.is_empty() => {
            let reason =
                "it is empty and would take every event; `message = \"*\"` takes all that have one";
            return Err(Fault::new(&["match"], reason));
        }
        Some(Value::Table(fields)) => matching(built, fields)?,
        None if template.is_some() => built,
        _ => {
            let reason = "expected fields and patterns, such as { type = \"Timeout*\" }";
            return Err(Fault::new(&["match"], reason));
        }
    };
    let has_template = template.is_some();
    if let Some(template) = template {
        let template = template.as_str();
        let template = template.ok_or_else(|| Fault::new(&["template"], "expected a text"))?;
        built = said(built.template(template), &["template"])?;
    }
    match rule.remove("fingerprint") {
        Some(Value::Array(parts)) if !parts.is_empty() && parts.iter().all(Value::is_str) => {
            let parts = parts.iter().filter_map(Value::as_str);
            built = said(built.fingerprint(parts), &["fingerprint"])?;
        }
        None if has_template => {}
        _ => {
            let reason =
                "expected a list of texts, such as [\"{{ default }}\", \"{{ tags.region }}\"]";
            return Err(Fault::new(&["fingerprint"], reason));
        }
    }
    Ok(built)
}

fn matching(mut rule: GroupRule, fields: Table) -> std::result::Result<GroupRule, Fault> {
    for (field, patterns) in &fields {
        let key = ["match", field.as_str()];
        let patterns: Option<Vec<&str>> = match patterns {
            Value::String(pattern) => Some(vec![pattern]),
            Value::Array(patterns) => patterns.iter().map(Value::as_str).collect(),
            // `tags.region = "eu"` is a table within a table.
            Value::Table(tags) if field == "tags" => {
                for (tag, pattern) in tags {
                    let one = Table::from_iter([(format!("tags.{tag}"), pattern.clone())]);
                    rule = matching(rule, one)?;
                }
                continue;
            }
            _ => None,
        };
        let reason = "expected a pattern or a list of patterns, such as \"Timeout*\"";
        let patterns = patterns.ok_or_else(|| Fault::new(&key, reason))?;
        rule = said(rule.matching(field, &patterns), &key)?;
    }
    Ok(rule)
}

fn said<T>(result: Result<T>, key: &[&str]) -> std::result::Result<T, Fault> {
    result.map_err(|error| Fault::new(key, error.message()))
}

/// What rules of grouping do with an event. An answer of [`Vault::try_group_rules`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GroupRulesTried {
    /// Each rule held against the event, in order.
    pub rules: Vec<RuleTried>,
    /// What the event would be without any rule.
    pub before: GroupingTried,
    /// What it is with them.
    pub after: GroupingTried,
    /// The number of the issue in which the event is now; `None` if it is not in the vault.
    pub issue_number: Option<u64>,
    /// What is wrong with the rules; those are left out.
    pub faults: Vec<String>,
}

/// Which variant an event would be, and where that would come to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GroupingTried {
    /// What decides: `rule`, `fingerprint`, `stack`, `type`, `message`, `note`, `report`; `similar` where a key by `stack`
    /// is like others.
    pub reason: String,
    /// What the key is made of, for people.
    pub parts: Vec<String>,
    /// The key.
    pub variant: VariantKey,
    /// Whether the vault knows the variant already.
    pub is_known: bool,
    /// The number of the issue it would come to; `None` if it would found one.
    pub issue_number: Option<u64>,
    /// The event's title.
    pub title: String,
    /// How it compares with what is known, if it is new and compared.
    pub comparison: Option<Comparison>,
}

impl Vault {
    /// Tells what the vault's rules of grouping, or those of another file of the form of `vault.toml`, would do with an
    /// event that is not in the vault. Nothing is changed.
    ///
    /// ```
    /// use crashvault::{Event, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-rules-{}", std::process::id()));
    /// # std::fs::create_dir_all(&home).unwrap();
    /// let rules = "[[group.rule]]\ntemplate = \"user * not found\"\n";
    /// std::fs::write(home.join("rules.toml"), rules).unwrap();
    /// let mut vault = Vault::open(&home)?;
    /// let mut event = Event::new();
    /// event.message = Some("user ada not found".into());
    /// let tried = vault.try_group_rules(event, Some(&home.join("rules.toml")))?;
    /// assert!(tried.rules[0].is_deciding);
    /// assert_eq!(tried.after.title, "user * not found");
    /// assert_eq!(tried.after.issue_number, None); // it would found one
    /// # let _ = std::fs::remove_dir_all(&home);
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// Corrupt if the file is not TOML; Io.
    pub fn try_group_rules(
        &mut self,
        mut event: Event,
        rules: Option<&Path>,
    ) -> Result<GroupRulesTried> {
        self.walk.has_legacy = self.store.has_legacy()?;
        let legacy = self.walk.prepare(&mut event, &[]);
        self.tried(&event, legacy, rules, None)
    }

    /// As [`Vault::try_group_rules`] of an event that is in the vault.
    ///
    /// # Errors
    /// Also as [`Vault::event`].
    pub fn try_group_rules_on(
        &self,
        event: EventId,
        rules: Option<&Path>,
    ) -> Result<GroupRulesTried> {
        let stored = self.store.event(event)?;
        self.tried(
            &stored.event,
            Legacy::default(),
            rules,
            Some(stored.issue_number),
        )
    }

    fn tried(
        &self,
        event: &Event,
        legacy: Legacy,
        path: Option<&Path>,
        issue_number: Option<u64>,
    ) -> Result<GroupRulesTried> {
        let other = path.map(read_file).transpose()?;
        let (rules, faults) = match &other {
            Some(read) => (&read.rules, read.faults.clone()),
            None => {
                let own = self.settings.faults.iter();
                let own = own.filter(|fault| fault.contains(": group.rule"));
                (&self.walk.group_rules, own.cloned().collect())
            }
        };
        Ok(GroupRulesTried {
            rules: group::try_rules(event, rules),
            before: self.grouped(event, legacy, &GroupRules::default())?,
            after: self.grouped(event, legacy, rules)?,
            issue_number,
            faults,
        })
    }

    fn grouped(&self, event: &Event, legacy: Legacy, rules: &GroupRules) -> Result<GroupingTried> {
        let origin = Origin::handed_in(self.clock.now());
        let new: NewEvent = Walk::grouped(event.clone(), legacy, rules, origin);
        let foreseen = self.store.foresee(&new)?;
        Ok(GroupingTried {
            reason: foreseen.join.reason,
            parts: foreseen.join.parts,
            variant: foreseen.join.variant,
            is_known: foreseen.is_known,
            issue_number: foreseen.issue_number,
            title: new.event.title(),
            comparison: foreseen.join.comparison.map(|comparison| *comparison),
        })
    }
}
