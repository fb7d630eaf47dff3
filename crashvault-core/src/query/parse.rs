//! Enters: what a person typed. Leaves: its [`Tree`], each part with its place in the text.
//!
//! Terms beside each other must all hold; `OR` binds weaker than that, `NOT` and `!` stronger.
//!
//! Never: knows which keys there are (`lower.rs` does), reads a clock or a store.

use crate::error::{Error, ErrorKind, Result};

/// Bytes of a query.
pub(crate) const TEXT_BYTES_MAX: usize = 4096;
/// Parentheses and negations within each other.
const DEPTH_MAX: usize = 50;
/// Words and values of a query together.
pub(crate) const TERMS_MAX: usize = 200;
/// Characters of a saved search's name.
const NAME_CHARS_MAX: usize = 64;

/// What must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    /// All of them; of an empty query: nothing at all.
    All(Vec<Tree>),
    /// At least one of them.
    Any(Vec<Tree>),
    /// Not this.
    Not(Box<Tree>),
    /// A word or phrase to be found anywhere.
    Text(Value),
    /// A key with what is asked of it.
    Pair(Pair),
    /// A saved search.
    Saved(SavedPart),
}

/// `@name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SavedPart {
    /// Where the `@` is.
    pub(crate) position: usize,
    /// The name behind it.
    pub(crate) name: String,
    /// What it stands for; nothing as long as that was not looked up. Places in it are those of its own text.
    pub(crate) tree: Option<Box<Tree>>,
}

/// `key:value`, in one of its forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Where the key begins.
    pub(crate) position: usize,
    /// What stands before the colon.
    pub(crate) key: Key,
    /// How it is compared.
    pub(crate) operator: Operator,
    /// What it is compared with: one of these, at least one, exactly one if the operator is not [`Operator::Is`].
    pub(crate) values: Vec<Value>,
}

/// What stands before the colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// `tags` in `tags[os]`.
    pub(crate) name: String,
    /// `os` in `tags[os]`.
    pub(crate) part: Option<String>,
}

/// A word or a quoted text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// Where it begins.
    pub(crate) position: usize,
    /// The text without its quotes.
    pub(crate) text: String,
    /// Whether it stood in quotes, so that nothing in it has a meaning.
    pub(crate) is_quoted: bool,
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    /// Nothing between colon and value.
    Is,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

/// An error about one place of a query: `position` is a byte offset into it.
pub(super) fn wrong(position: usize, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, "read query", message).with_context("position", position)
}

/// Reads a query; an empty one asks for nothing, so everything fits.
///
/// # Errors
/// InvalidInput with the byte offset as the context `position`.
pub(crate) fn parse(text: &str) -> Result<Tree> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("a query has at most {TEXT_BYTES_MAX} bytes");
        return Err(wrong(TEXT_BYTES_MAX, message));
    }
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
        terms: 0,
        open: None,
    };
    if reader.next() == Next::End {
        return Ok(Tree::All(Vec::new()));
    }
    let tree = reader.any()?;
    match reader.next() {
        Next::End => Ok(tree),
        _ => Err(reader.closes_nothing()),
    }
}

/// Reads what may stand before a colon, for values that name a key (`has:tags[os]`).
pub(crate) fn parse_key(text: &str) -> Option<Key> {
    let (key, end) = read_key(text)?;
    (end == text.len()).then_some(key)
}

/// Whether a saved search may have this name.
pub(crate) fn is_name(text: &str) -> bool {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() <= NAME_CHARS_MAX
        && text.chars().all(is_inside)
}

/// What comes next, blanks left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    End,
    Open,
    Close,
    /// `!`
    Bang,
    And,
    Or,
    Not,
    Term,
}

impl Next {
    fn text(self) -> &'static str {
        match self {
            Self::And => "AND",
            Self::Or => "OR",
            Self::Not => "NOT",
            Self::Open => "(",
            Self::Close => ")",
            Self::Bang => "!",
            Self::End | Self::Term => "",
        }
    }

    fn ends_operands(self) -> bool {
        matches!(self, Self::End | Self::Close | Self::And | Self::Or)
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    terms: usize,
    /// The operator or parenthesis read last, while nothing stands behind it yet.
    open: Option<(Next, usize)>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Next {
        self.at = self.text.len() - self.rest().trim_start().len();
        let rest = self.rest();
        match rest.as_bytes().first() {
            None => return Next::End,
            Some(b'(') => return Next::Open,
            Some(b')') => return Next::Close,
            Some(b'!') => return Next::Bang,
            _ => {}
        }
        let is_next = |next: &Next| {
            let behind = rest.strip_prefix(next.text());
            behind.is_some_and(|behind| {
                behind.is_empty() || behind.starts_with(|c| is_blank(c) || c == '(' || c == ')')
            })
        };
        let operators = [Next::And, Next::Or, Next::Not];
        operators.into_iter().find(is_next).unwrap_or(Next::Term)
    }

    /// Takes the operator or parenthesis that comes next.
    fn take(&mut self, next: Next) {
        self.open = Some((next, self.at));
        self.at += next.text().len();
    }

    fn any(&mut self) -> Result<Tree> {
        let mut branches = vec![self.all()?];
        while self.next() == Next::Or {
            self.take(Next::Or);
            branches.push(self.all()?);
        }
        Ok(one_or(branches, Tree::Any))
    }

    fn all(&mut self) -> Result<Tree> {
        let mut parts = vec![self.operand()?];
        loop {
            match self.next() {
                Next::End | Next::Close | Next::Or => return Ok(one_or(parts, Tree::All)),
                Next::And => self.take(Next::And),
                _ => {}
            }
            parts.push(self.operand()?);
        }
    }

    fn operand(&mut self) -> Result<Tree> {
        let next = self.next();
        if next.ends_operands() {
            return Err(self.missing(next));
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} parentheses within each other");
            return Err(wrong(self.at, message));
        }
        let tree = match next {
            Next::Open => self.group(),
            Next::Not => {
                self.take(next);
                Ok(Tree::Not(Box::new(self.operand()?)))
            }
            Next::Bang => self.excluded(),
            _ => self.term(),
        };
        self.depth -= 1;
        tree
    }

    fn group(&mut self) -> Result<Tree> {
        let position = self.at;
        self.take(Next::Open);
        let tree = self.any()?;
        match self.next() {
            Next::Close => {
                self.at += 1;
                Ok(tree)
            }
            _ => Err(unclosed(position)),
        }
    }

    fn excluded(&mut self) -> Result<Tree> {
        let position = self.at;
        self.take(Next::Bang);
        if self.rest().starts_with(is_blank) {
            let message = "'!' stands directly before what it excludes: write !word or !key:value";
            return Err(wrong(position, message));
        }
        Ok(Tree::Not(Box::new(self.operand()?)))
    }

    /// Why there is no operand here, where `next` is.
    fn missing(&self, next: Next) -> Error {
        let is_operator = matches!(next, Next::And | Next::Or);
        match self.open {
            Some((Next::Open, position)) if next == Next::End => unclosed(position),
            Some((Next::Open, position)) if !is_operator => wrong(
                position,
                "nothing between the parentheses: write a term there",
            ),
            Some((open, position)) if open != Next::Open => {
                let text = open.text();
                let message = format!(
                    "{text} has nothing behind it: write a term there, or \"{text}\" to look for it"
                );
                wrong(position, message)
            }
            _ if is_operator => {
                let text = next.text();
                let message = format!(
                    "{text} has nothing before it: write a term there, or \"{text}\" to look for it"
                );
                wrong(self.at, message)
            }
            _ => self.closes_nothing(),
        }
    }

    fn closes_nothing(&self) -> Error {
        let message = "this ')' closes nothing: remove it, or write it in quotes to look for it";
        wrong(self.at, message)
    }

    fn term(&mut self) -> Result<Tree> {
        self.open = None;
        if let Some((key, length)) = read_key(self.rest()).filter(|(_, end)| self.is_key(*end)) {
            let position = self.at;
            self.at += length + 1;
            return self.pair(position, key);
        }
        if let Some(part) = self.saved() {
            return Ok(part);
        }
        let value = self.value(Within::Query)?;
        if value.is_quoted && self.rest().starts_with(':') {
            self.at += 1;
            let (name, part) = (value.text, None);
            return self.pair(value.position, Key { name, part });
        }
        self.ended()?;
        Ok(Tree::Text(value))
    }

    /// `@name`, if that is all of the word.
    fn saved(&mut self) -> Option<Tree> {
        let word = &self.rest()[..Within::Query.word_length(self.rest())];
        let name = word.strip_prefix('@').filter(|name| is_name(name))?;
        let (position, name) = (self.at, name.to_owned());
        self.at += 1 + name.len();
        Some(Tree::Saved(SavedPart {
            position,
            name,
            tree: None,
        }))
    }

    /// Whether what ends at `end` is a key: `std::io`, `http://` and `C:\` are words.
    fn is_key(&self, end: usize) -> bool {
        let behind = self.rest()[end..].strip_prefix(':');
        behind.is_some_and(|behind| {
            ![":", "//", "\\"]
                .iter()
                .any(|text| behind.starts_with(text))
        })
    }

    fn pair(&mut self, position: usize, key: Key) -> Result<Tree> {
        let operator = self.operator();
        let is_list = self.rest().starts_with('[');
        if is_list && operator != Operator::Is {
            return Err(wrong(self.at, "a comparison takes one value, not a list"));
        }
        let values = match is_list {
            true => self.list()?,
            false => vec![self.value(Within::Query)?],
        };
        self.ended()?;
        Ok(Tree::Pair(Pair {
            position,
            key,
            operator,
            values,
        }))
    }

    fn operator(&mut self) -> Operator {
        let operators = [
            (">=", Operator::AtLeast),
            ("<=", Operator::AtMost),
            (">", Operator::Above),
            ("<", Operator::Below),
        ];
        let found = operators
            .into_iter()
            .find(|(text, _)| self.rest().starts_with(text));
        let (text, operator) = found.unwrap_or(("", Operator::Is));
        self.at += text.len();
        operator
    }

    fn list(&mut self) -> Result<Vec<Value>> {
        let position = self.at;
        let mut values = Vec::new();
        self.at += 1;
        loop {
            self.next();
            values.push(self.value(Within::List)?);
            self.next();
            match self.rest().as_bytes().first() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(values);
                }
                Some(_) => {
                    let message =
                        "put a comma between two values, and quotes around one with blanks";
                    return Err(wrong(self.at, message));
                }
                None => {
                    return Err(wrong(
                        position,
                        "this '[' is not closed: write ']' at its end",
                    ));
                }
            }
        }
    }

    fn value(&mut self, within: Within) -> Result<Value> {
        self.terms += 1;
        if self.terms > TERMS_MAX {
            let message = format!("a query has at most {TERMS_MAX} words and values");
            return Err(wrong(self.at, message));
        }
        let position = self.at;
        let is_quoted = self.rest().starts_with('"');
        let text = match is_quoted {
            true => self.quoted()?,
            false => self.word(within)?,
        };
        Ok(Value {
            position,
            text,
            is_quoted,
        })
    }

    fn quoted(&mut self) -> Result<String> {
        let Some((text, length)) = read_quoted(self.rest()) else {
            return Err(wrong(
                self.at,
                "this quote is not closed: write '\"' at its end",
            ));
        };
        self.at += length;
        Ok(text)
    }

    /// Behind a quote or a list the term ends.
    fn ended(&self) -> Result<()> {
        match self.rest().chars().next() {
            Some(c) if !is_blank(c) && c != ')' => Err(wrong(
                self.at,
                "put a blank between this and what stands before it",
            )),
            _ => Ok(()),
        }
    }

    fn word(&mut self, within: Within) -> Result<String> {
        let rest = self.rest();
        let length = within.word_length(rest);
        let word = &rest[..length];
        if let Some(place) = word.find('"') {
            let message = "a quote begins or ends inside of a word: put quotes around all of it";
            return Err(wrong(self.at + place, message));
        }
        if word.is_empty() {
            let message = "a value is missing: write it directly behind, or \"\" for an empty one";
            return Err(wrong(self.at, message));
        }
        let word = word.to_owned();
        self.at += length;
        Ok(word)
    }
}

/// What ends a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Query,
    List,
}

impl Within {
    /// A parenthesis that opened inside of the word closes there too: `parse(x)` is one word, also in `(parse(x))`.
    fn word_length(self, rest: &str) -> usize {
        let mut opened = 0_usize;
        let end = rest.find(|c| match (self, c) {
            (Self::List, ',' | ']') => true,
            (Self::Query, '(') => {
                opened += 1;
                false
            }
            (Self::Query, ')') if opened > 0 => {
                opened -= 1;
                false
            }
            (Self::Query, ')') => true,
            _ => is_blank(c),
        });
        end.unwrap_or(rest.len())
    }
}

fn is_blank(c: char) -> bool {
    c.is_whitespace()
}

fn unclosed(position: usize) -> Error {
    wrong(position, "this '(' is not closed: write ')' at its end")
}

fn one_or(mut trees: Vec<Tree>, several: impl FnOnce(Vec<Tree>) -> Tree) -> Tree {
    match (trees.len(), trees.pop()) {
        (1, Some(tree)) => tree,
        (_, last) => {
            trees.extend(last);
            several(trees)
        }
    }
}

/// A key and where it ends. It begins with a letter, so that `12:30` is a word.
fn read_key(text: &str) -> Option<(Key, usize)> {
    if !text.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let is_inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    let length = text.find(|c| !is_inside(c)).unwrap_or(text.len());
    let (name, behind) = text.split_at(length);
    let name = name.to_owned();
    let Some(inner) = behind.strip_prefix('[') else {
        return Some((Key { name, part: None }, length));
    };
    let (part, part_length) = match read_quoted(inner) {
        Some(quoted) => quoted,
        None => {
            let end = inner.find(|c| c == ']' || c == '"' || is_blank(c))?;
            (inner[..end].to_owned(), end)
        }
    };
    if part.is_empty() || !inner[part_length..].starts_with(']') {
        return None;
    }
    let part = Some(part);
    Some((Key { name, part }, length + 1 + part_length + 1))
}

/// The text in the quotes that `text` begins with, and where they end. `\"` is a quote, `\\` a backslash.
fn read_quoted(text: &str) -> Option<(String, usize)> {
    let inner = text.strip_prefix('"')?;
    let mut read = String::new();
    let mut chars = inner.char_indices().peekable();
    while let Some((place, c)) = chars.next() {
        match c {
            '"' => return Some((read, 1 + place + 1)),
            '\\' => {
                let escaped = chars.next_if(|(_, next)| matches!(next, '"' | '\\'));
                read.push(escaped.map_or(c, |(_, escaped)| escaped));
            }
            _ => read.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests;
