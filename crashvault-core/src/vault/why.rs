//! Why events are where they are, and which issues are alike.

use std::collections::BTreeMap;

use super::door::Vault;
use crate::error::Result;
use crate::event::EventId;
use crate::issue::{IssueId, IssueRef, Join, VariantWhy, Verdict, Why};
use crate::store::RelatedIssue;

impl Vault {
    /// Why the events of an issue are there: of each of its variants, in the order they joined, what decided. It is told
    /// as it was recorded when the variant joined, whatever has become known since.
    ///
    /// ```
    /// use crashvault::issue::Verdict;
    /// use crashvault::{Event, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-why-{}", std::process::id()));
    /// let mut vault = Vault::open(&home)?;
    /// let crash = |way: &str| {
    ///     Event::from_json(
    ///         format!(
    ///             r#"{{"platform": "python", "exception": {{"type": "KeyError", "value": "no price for cart", "stacktrace":
    ///             {{"frames": [{{"function": "{way}", "in_app": true}}, {{"function": "total", "in_app": true}}]}}}}}}"#
    ///         )
    ///         .as_bytes(),
    ///     )
    /// };
    /// vault.add(crash("quote")?)?;
    /// vault.add(crash("checkout")?)?;
    /// let why = vault.why(&"#1".parse()?)?;
    /// assert!(matches!(why.variants[0].verdict, Verdict::Founded(_)));
    /// let Verdict::Similar(comparison) = &why.variants[1].verdict else { panic!() };
    /// let nearest = comparison.nearest.as_ref().unwrap();
    /// assert!(nearest.score > comparison.score_min);
    /// assert_eq!((&nearest.functions[0].name[..], nearest.functions[0].is_matched), ("total", true));
    /// # let _ = std::fs::remove_dir_all(&home);
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Vault::issue`].
    pub fn why(&self, issue: &IssueRef) -> Result<Why> {
        let issue = self.store.issue(issue)?;
        Ok(Why {
            issue: issue.id,
            issue_number: issue.number,
            event: None,
            variants: self.whys(self.store.joins(&issue.id)?)?,
        })
    }

    /// Why an event is where it is: what decided about its variant. See [`Vault::why`].
    ///
    /// # Errors
    /// As [`Vault::event`].
    pub fn why_event(&self, event: EventId) -> Result<Why> {
        let stored = self.store.event(event)?;
        Ok(Why {
            issue: stored.issue,
            issue_number: stored.issue_number,
            event: Some(event),
            variants: self.whys(vec![self.store.join_of(event)?])?,
        })
    }

    fn whys(&self, joins: Vec<Join>) -> Result<Vec<VariantWhy>> {
        let mut whys: Vec<VariantWhy> = joins.into_iter().map(VariantWhy::of).collect();
        let mut issues: Vec<IssueId> = whys.iter().flat_map(issues_of).collect();
        issues.sort_unstable();
        issues.dedup();
        let numbers: BTreeMap<IssueId, u64> = self.store.numbers(&issues)?;
        for why in &mut whys {
            why.put_numbers(|issue| numbers.get(issue).copied());
        }
        Ok(whys)
    }

    /// The issues that have a variant like one of this issue's (of the newest 16 that are compared), the most alike first:
    /// alike enough to be worth a look, and not found to be one when they joined. Those that are not shown are left out, and
    /// those that a person took apart.
    ///
    /// # Errors
    /// As [`Vault::issue`].
    pub fn related(&self, issue: &IssueRef) -> Result<Vec<RelatedIssue>> {
        let issue = self.issue(issue)?.id;
        let links = self.store.links()?;
        let mut related = self.store.related(&issue)?;
        related.retain(|related| !links.are_apart(&issue, &related.issue.id));
        Ok(related)
    }
}

fn issues_of(why: &VariantWhy) -> impl Iterator<Item = IssueId> + use<> {
    let comparison = match &why.verdict {
        Verdict::Similar(comparison) | Verdict::Founded(comparison) => Some(comparison),
        Verdict::Rule { .. } | Verdict::Exact => None,
    };
    let nearest = comparison.and_then(|comparison| comparison.nearest.as_ref());
    let runner_up = comparison.and_then(|comparison| comparison.runner_up.as_ref());
    [
        Some(why.issue),
        nearest.map(|nearest| nearest.issue),
        runner_up.map(|runner_up| runner_up.issue),
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests;
