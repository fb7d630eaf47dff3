//! Issues that are one bug, and variants and events that belong elsewhere: what people say about it, for ever.

use super::door::Vault;
use crate::error::{Error, ErrorKind, Result};
use crate::event::EventId;
use crate::group;
use crate::issue::{Activity, Deed, Issue, IssueId, IssueRef, Join, VariantKey};

/// Hex digits of a variant's key that name it, at least.
const VARIANT_DIGITS_MIN: usize = 4;

impl Vault {
    /// Makes issues part of another one: all of their variants and events move there, later ones too, and their numbers
    /// and ids lead there. The one they become part of keeps its number and all that was decided about it; what was
    /// decided about the others comes back with them when it is undone ([`Vault::undo`], the last merge first) or they are
    /// taken out ([`Vault::unmerge`]). All are merged, or none.
    ///
    /// ```
    /// use crashvault::{Event, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-merge-{}", std::process::id()));
    /// let mut vault = Vault::open(&home)?;
    /// for text in ["disk full", "no space left"] {
    ///     let mut event = Event::new();
    ///     event.message = Some(text.into());
    ///     vault.add(event)?;
    /// }
    /// let (first, second) = ("#1".parse()?, "#2".parse()?);
    /// vault.merge(&first, &[second])?;
    /// let issue = vault.issue(&"#2".parse()?)?;
    /// assert_eq!((issue.number, issue.seen_count), (1, 2));
    /// assert_eq!(vault.merged(&first)?[0].0, 2);
    /// # let _ = std::fs::remove_dir_all(&home);
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Vault::issue`]; InvalidInput for an issue that would become part of itself, one of another project, one that is
    /// part of another already, a note, or none named; as [`Vault::decide`].
    pub fn merge(&mut self, into: &IssueRef, others: &[IssueRef]) -> Result<Vec<Activity>> {
        let into = self.whole(into, "merge")?;
        let mut merged: Vec<IssueId> = Vec::new();
        for other in others {
            let other = self.whole(other, "merge")?;
            if other.id == into.id {
                let message = format!("#{} cannot become part of itself", into.number);
                return refuse("merge", message);
            }
            if other.project != into.project {
                let message = format!(
                    "#{} is of project '{}' and #{} of '{}'; issues of two projects stay apart",
                    into.number, into.project, other.number, other.project
                );
                return refuse("merge", message);
            }
            if !merged.contains(&other.id) {
                merged.push(other.id);
            }
        }
        if merged.is_empty() {
            return refuse("merge", "name an issue that is to become part of it".into());
        }
        let deeds = merged.into_iter().map(|other| (&into, Deed::Merge(other)));
        self.record_all(deeds.collect())
    }

    /// Takes a variant out of an issue with its events, later ones too. It goes back to the issue that it founded, if that
    /// was merged and had no other variant, else to a new one. It is remembered: neither a regrouping nor
    /// [`Vault::related`] puts the two together again; [`Vault::merge`] does, and [`Vault::undo`] takes it back.
    ///
    /// # Errors
    /// As [`Vault::issue`]; NotFound for a variant that is not there; InvalidInput for the only variant of an issue, and
    /// where the issue named is part of another one; as [`Vault::decide`].
    pub fn unmerge(&mut self, issue: &IssueRef, variant: VariantKey) -> Result<Activity> {
        let issue = self.whole(issue, "unmerge")?;
        let joins = self.store.joins(&issue.id)?;
        let Some(join) = joins.iter().find(|join| join.variant == variant) else {
            let message = format!("#{} has no variant {variant}", issue.number);
            return Err(Error::new(ErrorKind::NotFound, "unmerge", message));
        };
        if joins.len() == 1 {
            let message = format!("#{} has no other variant that would stay", issue.number);
            return refuse("unmerge", message);
        }
        let to = self.own_issue(&issue, join, &joins)?;
        self.decide(&IssueRef::Id(issue.id), Deed::Unmerge { variant, to })
    }

    /// The issue that a variant founded or would found, unless others are in it.
    fn own_issue(&self, issue: &Issue, join: &Join, joins: &[Join]) -> Result<IssueId> {
        let founded = match join.reason.as_str() {
            // Its key tells nothing of the issue that it joined.
            group::SIMILAR => group::issue_id(&join.project, &join.variant),
            _ => join.issue,
        };
        let is_shared = joins
            .iter()
            .any(|other| other.issue == founded && other.variant != join.variant);
        let is_free = founded != issue.id && !is_shared && self.store.joins(&founded)?.is_empty();
        Ok(match is_free {
            true => founded,
            false => group::issue_id_apart(&issue.id, &join.variant),
        })
    }

    /// The variant of an issue whose key begins so: at least 4 hex digits.
    ///
    /// # Errors
    /// As [`Vault::issue`]; InvalidInput for what begins no key; NotFound; Conflict for several.
    pub fn variant(&self, issue: &IssueRef, begins: &str) -> Result<VariantKey> {
        let issue = self.issue(issue)?;
        let begins = begins.trim().to_ascii_lowercase();
        let is_hex = begins.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex || !(VARIANT_DIGITS_MIN..=32).contains(&begins.len()) {
            let message = format!(
                "'{begins}' begins no variant's key; write at least {VARIANT_DIGITS_MIN} hex digits of one"
            );
            return refuse("find variant", message);
        }
        let joins = self.store.joins(&issue.id)?.into_iter();
        let keys = joins.map(|join| join.variant);
        let mut found = keys.filter(|key| key.to_string().starts_with(&begins));
        match (found.next(), found.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => {
                let message = format!("{begins} begins several variants of #{}", issue.number);
                Err(Error::new(ErrorKind::Conflict, "find variant", message))
            }
            (None, _) => {
                let message = format!("#{} has no variant {begins}", issue.number);
                Err(Error::new(ErrorKind::NotFound, "find variant", message))
            }
        }
    }

    /// Puts one event into another issue, whatever its variant says. Later events of the variant stay where that is.
    ///
    /// # Errors
    /// As [`Vault::event`] and [`Vault::issue`]; InvalidInput where it is in that issue already, for a note, and for an
    /// issue that is part of another one or of another project; as [`Vault::decide`].
    pub fn move_event(&mut self, event: EventId, to: &IssueRef) -> Result<Activity> {
        let stored = self.store.event(event)?;
        let from = self.whole(&IssueRef::Id(stored.issue), "move")?;
        let to = self.whole(to, "move")?;
        if from.id == to.id {
            let message = format!("event {event} is in #{} already", to.number);
            return refuse("move", message);
        }
        if from.project != to.project {
            let message = format!(
                "event {event} is of project '{}' and #{} of '{}'",
                from.project, to.number, to.project
            );
            return refuse("move", message);
        }
        self.decide(&IssueRef::Id(to.id), Deed::MoveEvent(event))
    }

    /// The issues that are part of this one: their numbers and ids, which lead here.
    ///
    /// # Errors
    /// As [`Vault::issue`].
    pub fn merged(&self, issue: &IssueRef) -> Result<Vec<(u64, IssueId)>> {
        self.store.merged(&self.issue(issue)?.id)
    }

    /// The issue itself that is named, which people did not write by hand.
    fn whole(&self, reference: &IssueRef, operation: &'static str) -> Result<Issue> {
        let issue = self.issue(reference)?;
        if !reference.names(&issue) {
            let message = format!(
                "{reference} was merged into #{}; name that one instead",
                issue.number
            );
            return refuse(operation, message);
        }
        let joins = self.store.joins(&issue.id)?;
        let written = joins
            .iter()
            .find(|join| ["note", "report"].contains(&&join.reason[..]));
        if let Some(join) = written {
            let message = format!(
                "#{} is a {}, which belongs to itself alone",
                issue.number, join.reason
            );
            return refuse(operation, message);
        }
        Ok(issue)
    }
}

fn refuse<T>(operation: &'static str, message: String) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidInput, operation, message))
}

#[cfg(test)]
mod tests;
