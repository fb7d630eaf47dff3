//! What a person wants to decide → whether it can be kept, or what to do instead.

use super::{AUTHOR_OF_EVENTS, Activity, Deed, Resolution};
use crate::error::{Error, ErrorKind};

/// A comment, in bytes.
pub const COMMENT_BYTES_MAX: usize = 64 * 1024;
/// An issue's own title, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// An author, an assignee, a severity, a tag's key or value, the release of a resolution, in bytes.
pub const ONE_LINE_BYTES_MAX: usize = 200;

impl Activity {
    /// Whether it can be kept: its author and its deed.
    ///
    /// # Errors
    /// InvalidInput, as [`Deed::check`].
    pub fn check(&self) -> Result<(), Error> {
        name("author", &self.author, "say who decides")?;
        self.deed.check()
    }
}

/// Whether a person can decide under this name.
///
/// # Errors
/// InvalidInput: empty, too long, more than a line, or the name that stands for events.
pub fn check_author(author: &str) -> Result<(), Error> {
    name("author", author, "say who decides")?;
    if author == AUTHOR_OF_EVENTS {
        let message = format!("the author '{author}' stands for events; take another name");
        return Err(Error::new(ErrorKind::InvalidInput, "decide", message));
    }
    Ok(())
}

impl Deed {
    /// Whether it can be kept: texts that must not be empty, their lengths, and no control characters where one line is
    /// expected. To be asked before it is recorded; what was recorded is read whatever it holds.
    ///
    /// # Errors
    /// InvalidInput, saying what to do.
    ///
    /// ```
    /// use crashvault::issue::Deed;
    /// let err = Deed::Comment("  ".into()).check().unwrap_err();
    /// assert_eq!(err.message(), "the comment is empty; write something");
    /// ```
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Comment(text) => comment(text),
            Self::SetTitle(Some(text)) => title(text),
            Self::Assign(Some(who)) => name("assignee", who, "name one, or assign it to nobody"),
            Self::SetSeverity(Some(word)) => name("severity", word, "name one, or set it to none"),
            Self::Resolve(Resolution::Release(release)) => {
                name("release", release, "name one, or resolve without a release")
            }
            Self::Tag { key, value } => {
                name("tag's key", key, "name one")?;
                match value {
                    Some(value) => one_line("tag's value", value),
                    None => Ok(()),
                }
            }
            // Nothing to type, or a release as an event brought it.
            _ => Ok(()),
        }
    }
}

fn comment(text: &str) -> Result<(), Error> {
    filled("comment", text, "write something")?;
    if text.len() > COMMENT_BYTES_MAX {
        return refuse(format!(
            "the comment has {} bytes; cut it to {COMMENT_BYTES_MAX}",
            text.len()
        ));
    }
    Ok(())
}

fn title(text: &str) -> Result<(), Error> {
    filled("title", text, "write one, or set it to none")?;
    plain("title", text)?;
    let chars = text.chars().count();
    if chars > TITLE_CHARS_MAX {
        return refuse(format!(
            "the title has {chars} characters; cut it to {TITLE_CHARS_MAX}"
        ));
    }
    Ok(())
}

fn name(what: &str, text: &str, instead: &str) -> Result<(), Error> {
    filled(what, text, instead)?;
    one_line(what, text)
}

fn one_line(what: &str, text: &str) -> Result<(), Error> {
    plain(what, text)?;
    if text.len() > ONE_LINE_BYTES_MAX {
        return refuse(format!(
            "the {what} has {} bytes; cut it to {ONE_LINE_BYTES_MAX}",
            text.len()
        ));
    }
    Ok(())
}

fn filled(what: &str, text: &str, instead: &str) -> Result<(), Error> {
    match text.trim().is_empty() {
        true => refuse(format!("the {what} is empty; {instead}")),
        false => Ok(()),
    }
}

fn plain(what: &str, text: &str) -> Result<(), Error> {
    match text.chars().position(char::is_control) {
        Some(at) => refuse(format!(
            "the {what} must be one line; remove the control character at character {}",
            at + 1
        )),
        None => Ok(()),
    }
}

fn refuse(message: String) -> Result<(), Error> {
    Err(Error::new(ErrorKind::InvalidInput, "decide", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::samples::{activity, every_deed};

    /// `expected`: a piece of the refusal, empty if there is none.
    fn check(deed: Deed, expected: &str) {
        match deed.check() {
            Ok(()) => assert_eq!(expected, "", "{deed:?} was not refused"),
            Err(err) => {
                assert_eq!(err.kind(), ErrorKind::InvalidInput);
                assert!(
                    !expected.is_empty() && err.message().contains(expected),
                    "{err}"
                );
            }
        }
    }

    fn check_author(author: &str, is_allowed: bool) {
        let mut activity = activity(1, Deed::Reopen);
        activity.author = author.into();
        assert_eq!(activity.check().is_ok(), is_allowed);
    }

    fn comment(text: &str) -> Deed {
        Deed::Comment(text.into())
    }

    fn title(text: &str) -> Deed {
        Deed::SetTitle(Some(text.into()))
    }

    fn assign(to: &str) -> Deed {
        Deed::Assign(Some(to.into()))
    }

    fn tag(key: &str, value: &str) -> Deed {
        Deed::Tag {
            key: key.into(),
            value: Some(value.into()),
        }
    }

    fn severity(word: &str) -> Deed {
        Deed::SetSeverity(Some(word.into()))
    }

    fn release(name: &str) -> Deed {
        Deed::Resolve(Resolution::Release(name.into()))
    }

    #[test]
    fn what_is_sound_passes() {
        every_deed().into_iter().for_each(|deed| check(deed, ""));
    }

    #[test]
    fn what_is_empty_is_refused() {
        check(comment(" \n"), "comment is empty");
        check(title(""), "title is empty");
        check(assign(" "), "assignee is empty");
        check(severity(""), "severity is empty");
        check(tag("", "v"), "tag's key is empty");
        check(release(""), "release is empty");
    }

    #[test]
    fn a_tag_may_have_an_empty_value() {
        check(tag("k", ""), "");
    }

    #[test]
    fn the_longest_passes_and_one_more_does_not() {
        check(comment(&"x".repeat(COMMENT_BYTES_MAX)), "");
        check(
            comment(&"x".repeat(COMMENT_BYTES_MAX + 1)),
            "cut it to 65536",
        );
        check(title(&"é".repeat(200)), "");
        check(title(&"é".repeat(201)), "201 characters; cut it to 200");
        check(assign(&"é".repeat(100)), "");
        check(assign(&"é".repeat(101)), "202 bytes; cut it to 200");
        check(severity(&"x".repeat(201)), "severity has 201");
        check(tag(&"x".repeat(201), "v"), "key has 201");
        check(tag("k", &"x".repeat(201)), "value has 201");
        check(release(&"x".repeat(201)), "release has 201");
    }

    #[test]
    fn only_a_comment_has_lines() {
        check(comment("a\nb"), "");
        check(title("a\nb"), "control character at character 2");
        check(assign("a\u{1b}[2J"), "one line");
        check(severity("a\r"), "one line");
        check(tag("a\0", "v"), "tag's key must be one line");
        check(tag("k", "\u{9b}"), "tag's value must be one line");
        check(release("a\tb"), "one line");
    }

    #[test]
    fn an_author_is_a_name() {
        check_author("ada", true);
        check_author("", false);
        check_author("a\nb", false);
    }
}
