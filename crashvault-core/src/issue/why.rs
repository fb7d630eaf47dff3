//! Why a variant is in its issue: what was decided when it joined, as people ask for it ([`Why`]) and as it is kept
//! with the join ([`Comparison`]); both as JSON.
//!
//! Never: compares anything (`group/`).

use serde_json::{Map, Value, json};

use super::{IssueId, Join, VariantKey};
use crate::error::{Error, ErrorKind};
use crate::event::EventId;
use crate::time::Timestamp;

/// Functions that are read of a comparison that comes from elsewhere.
const FUNCTIONS_MAX: usize = 256;

/// Why the events of an issue, or one event, are where they are. An answer of `Vault::why`.
///
/// An event is in its issue because its variant is; so there is one [`VariantWhy`] for an event, and one for each
/// variant that joined an issue.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Why {
    /// The issue that was asked for, or that the event is in now.
    pub issue: IssueId,
    /// Its local number.
    pub issue_number: u64,
    /// The event that was asked for.
    pub event: Option<EventId>,
    /// The event's variant; of an issue all, in the order they joined.
    pub variants: Vec<VariantWhy>,
}

/// Why a variant is in its issue.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VariantWhy {
    /// The variant.
    pub variant: VariantKey,
    /// The issue it joined. Another one than that of [`Why`] where people have moved what they saw.
    pub issue: IssueId,
    /// That issue's local number.
    pub issue_number: Option<u64>,
    /// What its key was made by: `rule`, `fingerprint`, `stack`, `type`, `message`, `note`, `report`; `similar` where a
    /// key by `stack` was like others.
    pub reason: String,
    /// What its key was made of, for people.
    pub parts: Vec<String>,
    /// The version of the algorithm that decided.
    pub algorithm: u32,
    /// When that was.
    pub joined_at: Timestamp,
    /// What was decided.
    pub verdict: Verdict,
}

/// What was decided about a variant that was new.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// A rule of the user's made the key: all events it is true of are one variant.
    Rule {
        /// The rule's name.
        id: String,
    },
    /// The key alone says where it belongs; nothing was compared.
    Exact,
    /// It was so alike to a known variant that it joined that one's issue.
    Similar(Comparison),
    /// Nothing known was near enough, so that it founded an issue. What was nearest is told.
    Founded(Comparison),
}

/// How a new variant compared with those that were known: kept with its join.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Comparison {
    /// Whether it joined the issue of [`Comparison::nearest`].
    pub is_joined: bool,
    /// The score from which on it would join.
    pub score_min: f64,
    /// The support from which on it would join.
    pub support_min: f64,
    /// The issue it joined, else the one that was nearest; `None` if it had nothing in common with any.
    pub nearest: Option<Alike>,
    /// The issue that was nearest but for that one.
    pub runner_up: Option<RunnerUp>,
}

/// How alike a new variant and the nearest one of an issue are.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Alike {
    /// The issue, as it was then.
    pub issue: IssueId,
    /// Its local number, where it is known; not kept with the join.
    pub issue_number: Option<u64>,
    /// Its variant that was most alike.
    pub variant: VariantKey,
    /// From 0 to 1: the mean of [`Alike::parts`] by their weights.
    pub score: f64,
    /// The mean score of the issue's variants that were most alike, at most three.
    pub support: f64,
    /// What was compared.
    pub parts: Vec<AlikePart>,
    /// The new variant's functions, innermost first.
    pub functions: Vec<AlikeFunction>,
    /// The other's functions that the new variant does not have, innermost first.
    pub functions_missing: Vec<AlikeFunction>,
}

/// One part of a comparison.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AlikePart {
    /// `stack`, `type`, `top` (the innermost function) or `message`.
    pub name: String,
    /// From 0 to 1.
    pub likeness: f64,
    /// How much it weighs beside the others.
    pub weight: f64,
}

/// A function in a comparison of stacks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AlikeFunction {
    /// Its name.
    pub name: String,
    /// How much it weighs: more, the further in and the rarer it is.
    pub weight: f64,
    /// Whether the other variant has it, in the same order.
    pub is_matched: bool,
}

/// An issue that was less near.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RunnerUp {
    /// The issue, as it was then.
    pub issue: IssueId,
    /// Its local number, where it is known; not kept with the join.
    pub issue_number: Option<u64>,
    /// Its variant that was most alike.
    pub variant: VariantKey,
    /// That one's score.
    pub score: f64,
    /// The mean score of its variants that were most alike.
    pub support: f64,
}

impl Why {
    /// As JSON: the fields by their names, ids as hex digits, times as text. Of a verdict `kind` (`rule`, `exact`,
    /// `similar`, `founded`) and its fields beside it.
    pub fn to_value(&self) -> Value {
        json!({
            "issue": self.issue.to_string(),
            "issue_number": self.issue_number,
            "event": self.event.map(|event| event.to_string()),
            "variants": self.variants.iter().map(VariantWhy::to_value).collect::<Vec<_>>(),
        })
    }
}

impl VariantWhy {
    /// What a join says of itself. Numbers of issues are for whoever knows them.
    pub fn of(join: Join) -> Self {
        let verdict = match (join.comparison, join.reason.as_str()) {
            (Some(comparison), _) if comparison.is_joined => Verdict::Similar(*comparison),
            (Some(comparison), _) => Verdict::Founded(*comparison),
            (None, "rule") => Verdict::Rule {
                id: rule(&join.parts),
            },
            (None, _) => Verdict::Exact,
        };
        Self {
            variant: join.variant,
            issue: join.issue,
            issue_number: None,
            reason: join.reason,
            parts: join.parts,
            algorithm: join.algorithm,
            joined_at: join.joined_at,
            verdict,
        }
    }

    /// As in [`Why::to_value`].
    pub fn to_value(&self) -> Value {
        json!({
            "variant": self.variant.to_string(),
            "issue": self.issue.to_string(),
            "issue_number": self.issue_number,
            "reason": self.reason,
            "parts": self.parts,
            "algorithm": self.algorithm,
            "joined_at": self.joined_at.to_string(),
            "verdict": self.verdict.to_value(),
        })
    }

    /// Puts in the numbers of the issues it speaks of.
    #[cfg(feature = "store")]
    pub(crate) fn put_numbers(&mut self, number: impl Fn(&IssueId) -> Option<u64>) {
        self.issue_number = number(&self.issue);
        let (Verdict::Similar(comparison) | Verdict::Founded(comparison)) = &mut self.verdict
        else {
            return;
        };
        if let Some(nearest) = &mut comparison.nearest {
            nearest.issue_number = number(&nearest.issue);
        }
        if let Some(runner_up) = &mut comparison.runner_up {
            runner_up.issue_number = number(&runner_up.issue);
        }
    }
}

/// The rule stands first among the parts.
fn rule(parts: &[String]) -> String {
    let first = parts.first().and_then(|part| part.strip_prefix("rule "));
    first.unwrap_or_default().to_owned()
}

impl Verdict {
    /// `rule`, `exact`, `similar` or `founded`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Rule { .. } => "rule",
            Self::Exact => "exact",
            Self::Similar(_) => "similar",
            Self::Founded(_) => "founded",
        }
    }

    fn to_value(&self) -> Value {
        let mut fields = match self {
            Self::Rule { id } => Map::from_iter([("id".to_owned(), Value::from(id.as_str()))]),
            Self::Exact => Map::new(),
            Self::Similar(comparison) | Self::Founded(comparison) => comparison.fields(),
        };
        fields.insert("kind".to_owned(), self.kind().into());
        Value::Object(fields)
    }
}

impl Comparison {
    /// As JSON; the form is stable, as it is kept. What was not there is left out.
    pub fn to_value(&self) -> Value {
        Value::Object(self.fields())
    }

    fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        put("is_joined", self.is_joined.into());
        put("score_min", self.score_min.into());
        put("support_min", self.support_min.into());
        if let Some(nearest) = &self.nearest {
            put("nearest", nearest.to_value());
        }
        if let Some(runner_up) = &self.runner_up {
            put("runner_up", runner_up.to_value());
        }
        fields
    }

    /// From the form of [`Comparison::to_value`].
    ///
    /// # Errors
    /// InvalidInput for anything else, naming what is missing.
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        Ok(Self {
            is_joined: value["is_joined"]
                .as_bool()
                .ok_or_else(|| wrong("is_joined"))?,
            score_min: share(value, "score_min")?,
            support_min: share(value, "support_min")?,
            nearest: optional(&value["nearest"], Alike::from_value)?,
            runner_up: optional(&value["runner_up"], RunnerUp::from_value)?,
        })
    }
}

impl Alike {
    fn to_value(&self) -> Value {
        let functions = |functions: &[AlikeFunction]| -> Value {
            functions.iter().map(AlikeFunction::to_value).collect()
        };
        let mut value = json!({
            "issue": self.issue.to_string(),
            "variant": self.variant.to_string(),
            "score": self.score,
            "support": self.support,
            "parts": self.parts.iter().map(AlikePart::to_value).collect::<Vec<_>>(),
            "functions": functions(&self.functions),
            "functions_missing": functions(&self.functions_missing),
        });
        put_number(&mut value, self.issue_number);
        value
    }

    fn from_value(value: &Value) -> Result<Self, Error> {
        Ok(Self {
            issue: parsed(value, "issue")?,
            issue_number: None,
            variant: parsed(value, "variant")?,
            score: share(value, "score")?,
            support: share(value, "support")?,
            parts: list(value, "parts", AlikePart::from_value)?,
            functions: list(value, "functions", AlikeFunction::from_value)?,
            functions_missing: list(value, "functions_missing", AlikeFunction::from_value)?,
        })
    }
}

impl AlikePart {
    fn to_value(&self) -> Value {
        json!({"name": self.name, "likeness": self.likeness, "weight": self.weight})
    }

    fn from_value(value: &Value) -> Result<Self, Error> {
        Ok(Self {
            name: text(value, "name")?.to_owned(),
            likeness: share(value, "likeness")?,
            weight: share(value, "weight")?,
        })
    }
}

impl AlikeFunction {
    fn to_value(&self) -> Value {
        json!({"name": self.name, "weight": self.weight, "is_matched": self.is_matched})
    }

    fn from_value(value: &Value) -> Result<Self, Error> {
        Ok(Self {
            name: text(value, "name")?.to_owned(),
            weight: share(value, "weight")?,
            is_matched: value["is_matched"]
                .as_bool()
                .ok_or_else(|| wrong("is_matched"))?,
        })
    }
}

impl RunnerUp {
    fn to_value(&self) -> Value {
        let mut value = json!({
            "issue": self.issue.to_string(),
            "variant": self.variant.to_string(),
            "score": self.score,
            "support": self.support,
        });
        put_number(&mut value, self.issue_number);
        value
    }

    fn from_value(value: &Value) -> Result<Self, Error> {
        Ok(Self {
            issue: parsed(value, "issue")?,
            issue_number: None,
            variant: parsed(value, "variant")?,
            score: share(value, "score")?,
            support: share(value, "support")?,
        })
    }
}

fn put_number(value: &mut Value, number: Option<u64>) {
    if let Some(number) = number {
        value["issue_number"] = number.into();
    }
}

fn wrong(name: &str) -> Error {
    let message = format!("a comparison has no usable {name}");
    Error::new(ErrorKind::InvalidInput, "read comparison", message)
}

fn share(value: &Value, name: &str) -> Result<f64, Error> {
    value[name].as_f64().ok_or_else(|| wrong(name))
}

fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str, Error> {
    value[name].as_str().ok_or_else(|| wrong(name))
}

fn parsed<T: std::str::FromStr>(value: &Value, name: &str) -> Result<T, Error> {
    text(value, name)?.parse().map_err(|_| wrong(name))
}

fn optional<T>(
    value: &Value,
    read: impl Fn(&Value) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    match value {
        Value::Null => Ok(None),
        value => read(value).map(Some),
    }
}

fn list<T>(
    value: &Value,
    name: &str,
    read: impl Fn(&Value) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let items = value[name].as_array().ok_or_else(|| wrong(name))?;
    items.iter().take(FUNCTIONS_MAX).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison() -> Comparison {
        let function = |name: &str, is_matched| AlikeFunction {
            name: name.into(),
            weight: 0.75,
            is_matched,
        };
        let (issue, variant) = (
            IssueId::from_bytes([1; 16]),
            VariantKey::from_bytes([2; 16]),
        );
        Comparison {
            is_joined: true,
            score_min: 0.75,
            support_min: 0.65,
            nearest: Some(Alike {
                issue,
                issue_number: None,
                variant,
                score: 0.8123,
                support: 0.8,
                parts: vec![AlikePart {
                    name: "stack".into(),
                    likeness: 0.8123,
                    weight: 2.0,
                }],
                functions: vec![function("naïve \"quoted\"", true), function("main", false)],
                functions_missing: vec![function("load", false)],
            }),
            runner_up: Some(RunnerUp {
                issue,
                issue_number: None,
                variant,
                score: 0.3,
                support: 0.25,
            }),
        }
    }

    #[test]
    fn a_comparison_is_read_back() {
        let whole = comparison();
        let founded = Comparison {
            is_joined: false,
            nearest: None,
            runner_up: None,
            ..comparison()
        };
        for comparison in [whole, founded] {
            let text = comparison.to_value().to_string();
            let value = serde_json::from_str(&text).unwrap();
            assert_eq!(Comparison::from_value(&value).unwrap(), comparison);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut value = comparison().to_value();
        value["nearest"]["functions"][1]["weight"] = Value::Null;
        let error = Comparison::from_value(&value).unwrap_err();
        assert!(error.message().ends_with("weight"), "{error}");
        assert!(Comparison::from_value(&Value::Null).is_err());
    }

    fn check(reason: &str, comparison: Option<Comparison>, expected: Value) {
        let (variant, issue) = (
            VariantKey::from_bytes([2; 16]),
            IssueId::from_bytes([1; 16]),
        );
        let mut join = Join::new(variant, issue, "shop", Timestamp::default());
        join.reason = reason.into();
        join.parts = vec!["rule slow".into()];
        join.comparison = comparison.map(Box::new);
        let mut why = VariantWhy::of(join);
        why.put_numbers(|_| Some(7));
        assert_eq!(why.issue_number, Some(7));
        let verdict = &why.to_value()["verdict"];
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(verdict.pointer(name), Some(value), "{name}");
        }
    }

    #[test]
    fn a_verdict_follows_from_the_join() {
        check("rule", None, json!({"/kind": "rule", "/id": "slow"}));
        check("message", None, json!({"/kind": "exact"}));
        check(
            "similar",
            Some(comparison()),
            json!({"/kind": "similar", "/nearest/issue_number": 7, "/runner_up/issue_number": 7}),
        );
        let founded = Comparison {
            is_joined: false,
            ..comparison()
        };
        check("stack", Some(founded), json!({"/kind": "founded"}));
    }
}
