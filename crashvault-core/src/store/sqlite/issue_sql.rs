//! What a search asks of issues → SQL over `derived_issue i`.

use std::ops::RangeInclusive;

use rusqlite::types::Value;

use super::super::{Condition, IssueTest, Pattern};

/// An expression and its values, in the order of its question marks.
#[derive(Clone, Debug)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
}

impl Sql {
    /// What is always true.
    pub(super) fn all() -> Self {
        Self::plain("1")
    }

    fn plain(text: &str) -> Self {
        Self {
            text: text.into(),
            values: Vec::new(),
        }
    }

    fn one(text: impl Into<String>, value: impl Into<Value>) -> Self {
        Self {
            text: text.into(),
            values: vec![value.into()],
        }
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        let mut values = self.values.clone();
        values.extend_from_slice(&other.values);
        Self {
            text: format!("({}) AND ({})", self.text, other.text),
            values,
        }
    }

    fn joined(parts: &[Condition], by: &str, empty: &str) -> Self {
        if parts.is_empty() {
            return Self::plain(empty);
        }
        let parts: Vec<Self> = parts.iter().map(of).collect();
        let texts: Vec<String> = parts
            .iter()
            .map(|part| format!("({})", part.text))
            .collect();
        Self {
            text: texts.join(by),
            values: parts.into_iter().flat_map(|part| part.values).collect(),
        }
    }
}

/// The condition as SQL that is never NULL. What it asks of events is taken as false.
pub(super) fn of(condition: &Condition) -> Sql {
    match condition {
        Condition::All(parts) => Sql::joined(parts, " AND ", "1"),
        Condition::Any(parts) => Sql::joined(parts, " OR ", "0"),
        Condition::Not(part) => {
            let part = of(part);
            Sql {
                text: format!("NOT ({})", part.text),
                ..part
            }
        }
        Condition::Issue(test) => of_test(test),
        Condition::Event(_) => Sql::plain("0"),
    }
}

fn of_test(test: &IssueTest) -> Sql {
    match test {
        IssueTest::Status(status) => Sql::one("i.status = ?", i64::from(*status as u8)),
        IssueTest::Regressed => Sql::plain("i.is_regressed"),
        IssueTest::Assigned(pattern) => of_pattern("i.assignee", pattern),
        IssueTest::Bookmarked => Sql::plain("i.is_bookmarked"),
        IssueTest::Severity(pattern) => of_pattern("i.severity", pattern),
        IssueTest::Review(step) => Sql::one("coalesce(i.review = ?, 0)", i64::from(*step as u8)),
        IssueTest::Label(key, pattern) => {
            let of_value = of_pattern("l.value", pattern);
            let mut values = vec![Value::from(key.clone())];
            values.extend(of_value.values);
            Sql {
                text: format!(
                    "EXISTS (SELECT 1 FROM derived_label l WHERE l.issue = i.number AND l.key = ? AND {})",
                    of_value.text
                ),
                values,
            }
        }
        IssueTest::Project(Pattern::Exact(name)) => Sql::one(
            "coalesce(i.project = (SELECT id FROM project WHERE name = ?), 0)",
            name.clone(),
        ),
        IssueTest::Project(pattern) => {
            let of_name = of_pattern("name", pattern);
            Sql {
                text: format!(
                    "i.project IN (SELECT id FROM project WHERE {})",
                    of_name.text
                ),
                ..of_name
            }
        }
        IssueTest::Title(pattern) => of_pattern("coalesce(i.own_title, i.title)", pattern),
        IssueTest::Culprit(pattern) => of_pattern("i.culprit", pattern),
        // Asked for by numbers (`search.rs`).
        IssueTest::FirstRelease(_) => Sql::plain("0"),
        IssueTest::OneOf(numbers) => {
            let texts: Vec<String> = numbers.iter().map(u64::to_string).collect();
            let list = format!("[{}]", texts.join(","));
            Sql::one("i.number IN (SELECT value FROM json_each(?))", list)
        }
        IssueTest::Number(number) => Sql::one("i.number = ?", super::read::signed(*number)),
        IssueTest::Id(id) => Sql::one(
            "coalesce(i.number = (SELECT number FROM issue_number WHERE issue = ?), 0)",
            id.as_bytes().to_vec(),
        ),
        IssueTest::FirstSeen(range) => of_range("i.first_seen", range),
        IssueTest::LastSeen(range) => of_range("i.last_seen", range),
        IssueTest::SeenCount(range) => of_range("i.seen_count", range),
        IssueTest::UserCount(range) => of_range("i.user_count", range),
    }
}

fn of_range(column: &str, range: &RangeInclusive<i64>) -> Sql {
    Sql {
        text: format!("{column} BETWEEN ? AND ?"),
        values: vec![(*range.start()).into(), (*range.end()).into()],
    }
}

fn of_pattern(column: &str, pattern: &Pattern) -> Sql {
    match pattern {
        Pattern::Any => Sql::plain(&format!("{column} IS NOT NULL")),
        Pattern::Exact(text) => Sql::one(format!("coalesce({column} = ?, 0)"), text.clone()),
        Pattern::Glob(glob) => Sql::one(
            format!("coalesce({column} LIKE ? ESCAPE '\\', 0)"),
            like(glob),
        ),
        // Only a release has parts, and no column holds one.
        Pattern::Release(..) => Sql::plain("0"),
    }
}

/// A pattern with `*` as one of SQL's, which compares without case (ASCII) too.
fn like(glob: &str) -> String {
    let mut pattern = String::with_capacity(glob.len() + 2);
    for c in glob.chars() {
        match c {
            '*' => pattern.push('%'),
            '%' | '_' | '\\' => pattern.extend(['\\', c]),
            c => pattern.push(c),
        }
    }
    pattern
}
