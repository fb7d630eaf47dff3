//! The words that say when, and those of the command for saved searches.

use clap::{Args as Group, Subcommand};

/// When the events happened that are meant; the engine reads the times, as it reads those in queries.
#[derive(Clone, Debug, Default, Group)]
pub struct Period {
    /// Only what happened since then: an age (7d; s, m, h, d, w), a date or a time, in UTC or the zone it names
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only what happened until then; a date is its whole day
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
}

impl Period {
    /// Whether any time was named.
    pub fn is_given(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// The search, of that time alone.
    pub fn of(&self, mut search: crashvault::Search) -> crashvault::Search {
        if let Some(since) = &self.since {
            search = search.since(since);
        }
        if let Some(until) = &self.until {
            search = search.until(until);
        }
        search
    }
}

/// List the searches that were saved under a name, or remove one
#[derive(Debug, Group)]
#[command(after_help = "\
`crashvault search --save NAME QUERY` saves one, and replaces what had that name. In any query @NAME
stands for it, as one part in parentheses. They belong to this vault and stay when it is rebuilt. In
a pipe one line for each: name and query, with a tab between them.

JSON: vault, searches (name, query); of `remove`: name, query

Examples:
  crashvault search --save mine 'is:unresolved assigned:me'
  crashvault search '@mine level:fatal'
  crashvault searches
  crashvault searches remove mine")]
pub struct Searches {
    #[command(subcommand)]
    pub command: Option<SearchesCommand>,
}

#[derive(Debug, Subcommand)]
pub enum SearchesCommand {
    Remove(RemoveSearch),
}

/// Forget a saved search
#[derive(Debug, Group)]
#[command(after_help = "\
JSON: name, query

Example:
  crashvault searches remove mine")]
pub struct RemoveSearch {
    /// Its name, with or without the @
    pub name: String,
}
