//! The words of the commands by which people decide about issues.

use clap::Args as Group;
use crashvault::{IssueRef, Timestamp};

use super::values::{ahead, count, issue};

/// The issues that are meant.
#[derive(Debug, Group)]
pub struct Issues {
    /// Numbers (7 or #7), ids or the starts of ids; an event's id stands for its issue
    #[arg(value_name = "ISSUE", required = true, value_parser = issue)]
    pub issues: Vec<IssueRef>,
}

/// Say that issues are fixed
#[derive(Debug, Group)]
#[command(after_help = "\
An event that comes later opens the issue again as a regression: any event, or with the options
only one of a release that should have had the fix.

JSON: decided; of each issue: issue (as in `list`), activities (as in `show`)

Examples:
  crashvault resolve 7
  crashvault resolve 7 8 9 --in-next-release
  crashvault resolve 7 --in-release shop@2.1.0 --comment 'the timeout was too short'")]
pub struct Resolve {
    #[command(flatten)]
    pub of: Issues,
    /// Fixed in releases after the newest one that the project has now
    #[arg(long, conflicts_with = "in_release")]
    pub in_next_release: bool,
    /// Fixed in this release and later ones
    #[arg(long, value_name = "RELEASE")]
    pub in_release: Option<String>,
    /// Say something about it too; `-` reads it from stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub comment: Option<String>,
}

/// Open issues again that were resolved or ignored
#[derive(Debug, Group)]
#[command(after_help = "\
JSON: decided; of each issue: issue (as in `list`), activities (as in `show`)

Example:
  crashvault reopen 7")]
pub struct Reopen {
    #[command(flatten)]
    pub of: Issues,
}

/// Ignore issues, for ever or for a while
#[derive(Debug, Group)]
#[command(after_help = "\
Without an option until somebody reopens it. With --until-grows until it is seen in 24 hours more
than twice as often as on the worst of the last seven days, and more than ten times.

JSON: decided; of each issue: issue (as in `list`), activities (as in `show`)

Examples:
  crashvault ignore 7
  crashvault ignore 7 8 --until 30d
  crashvault ignore 7 --until 2038-01-01
  crashvault ignore 7 --count 100")]
pub struct Ignore {
    #[command(flatten)]
    pub of: Issues,
    /// Until then: a span as 30d (s, m, h, d, w), a date or a time
    #[arg(long, value_name = "TIME", value_parser = ahead, allow_hyphen_values = true, group = "end")]
    pub until: Option<Timestamp>,
    /// Until it has been seen so many times more
    #[arg(long, value_name = "N", value_parser = count, group = "end")]
    pub count: Option<u64>,
    /// Until it is seen much more often than now
    #[arg(long, group = "end")]
    pub until_grows: bool,
}

/// Give issues to somebody
#[derive(Debug, Group)]
#[command(
    override_usage = "crashvault assign [OPTIONS] <ISSUE>... <NAME>\n       crashvault assign [OPTIONS] <ISSUE>... --to <NAME>\n       crashvault assign [OPTIONS] <ISSUE>... --nobody",
    after_help = "\
The last word is the name, unless --to or --nobody stands there; `me` is who decides.

JSON: decided; of each issue: issue (as in `list`), activities (as in `show`)

Examples:
  crashvault assign 7 ada
  crashvault assign 7 me
  crashvault assign 7 8 9 --to 'Ada Lovelace'
  crashvault assign 7 --nobody"
)]
pub struct Assign {
    /// The issues, and behind them the name
    #[arg(value_name = "ISSUE", required = true)]
    pub words: Vec<String>,
    /// The name, whatever it looks like
    #[arg(long, value_name = "NAME", conflicts_with = "nobody")]
    pub to: Option<String>,
    /// Take them from whoever has them
    #[arg(long)]
    pub nobody: bool,
}

impl Assign {
    /// The issues and the name, `None` for nobody; or what is wrong with the words.
    pub fn read(&self) -> Result<(Vec<IssueRef>, Option<&str>), String> {
        let (words, name) = match (&self.to, self.nobody) {
            (None, true) => (&self.words[..], None),
            (Some(name), _) => (&self.words[..], Some(name.as_str())),
            (None, false) => self.with_name_last()?,
        };
        let issues = words.iter().map(|word| {
            issue(word).map_err(|why| format!("invalid value '{word}' for '<ISSUE>': {why}"))
        });
        Ok((issues.collect::<Result<_, _>>()?, name))
    }

    /// A number at the end is an issue whose name was forgotten, rather than a name.
    fn with_name_last(&self) -> Result<(&[String], Option<&str>), String> {
        match self.words.split_last() {
            Some((last, [])) => Err(format!(
                "to whom? write a name behind '{last}', or --nobody"
            )),
            Some((last, _)) if matches!(issue(last), Ok(IssueRef::Number(_))) => Err(format!(
                "to whom? '{last}' is the number of an issue; write a name behind it, or --nobody"
            )),
            Some((last, issues)) => Ok((issues, Some(last))),
            None => Err("name an issue".into()),
        }
    }
}

/// Say something about an issue
#[derive(Debug, Group)]
#[command(after_help = "\
`show` has the comments among what was decided.

JSON: decided; of each issue: issue (as in `list`), activities (as in `show`)

Examples:
  crashvault comment 7 'seen on db1 alone'
  git log -1 --format=%B | crashvault comment 7 -")]
pub struct Comment {
    /// The issue's number (7 or #7), its id or the start of it, or the id of an event
    #[arg(value_name = "ISSUE", value_parser = issue)]
    pub issue: IssueRef,
    /// What there is to say; `-` reads it from stdin
    #[arg(allow_hyphen_values = true)]
    pub text: String,
}

/// Take back what was decided last about issues
#[derive(Debug, Group)]
#[command(after_help = "\
Of each issue the last decision of a person that still counts; again: the one before. Both stay in
the records.

JSON: decided; of each issue: issue (as in `list`), activities (as in `show`), undone (the activity
that was taken back)

Example:
  crashvault undo 7")]
pub struct Undo {
    #[command(flatten)]
    pub of: Issues,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assign(words: &[&str], to: Option<&str>, nobody: bool) -> Assign {
        Assign {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            to: to.map(str::to_owned),
            nobody,
        }
    }

    fn check(assign: &Assign, issues: &[u64], name: Option<&str>) {
        let issues: Vec<IssueRef> = issues.iter().map(|n| IssueRef::Number(*n)).collect();
        assert_eq!(assign.read(), Ok((issues, name)));
    }

    fn check_refused(assign: &Assign, says: &str) {
        let why = assign.read().unwrap_err();
        assert!(why.contains(says), "{why}");
    }

    #[test]
    fn the_last_word_is_the_name() {
        check(&assign(&["7", "ada"], None, false), &[7], Some("ada"));
        check(
            &assign(&["7", "#8", "ada"], None, false),
            &[7, 8],
            Some("ada"),
        );
    }

    #[test]
    fn with_an_option_every_word_is_an_issue() {
        check(
            &assign(&["7", "8"], Some("ada"), false),
            &[7, 8],
            Some("ada"),
        );
        check(&assign(&["7", "8"], Some("9"), false), &[7, 8], Some("9"));
        check(&assign(&["7", "8"], None, true), &[7, 8], None);
    }

    #[test]
    fn a_forgotten_name_is_told() {
        check_refused(&assign(&["7"], None, false), "to whom?");
        check_refused(
            &assign(&["7", "8"], None, false),
            "'8' is the number of an issue",
        );
        check_refused(&assign(&["ada", "7"], None, true), "invalid value 'ada'");
    }
}
