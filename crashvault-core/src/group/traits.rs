//! Enters: an event. Leaves: [`Traits`], what of it is compared with other variants, and their [`Sketch`], the same as
//! numbers.

use super::frames::{self, COMPARED_MAX};
use super::kinds;
use super::message;
use super::names::{self, Language};
use crate::event::Event;

/// Words of a message that are compared.
pub(super) const WORDS_MAX: usize = 24;
/// A message of fewer words is a value, not a sentence: the key that was missing, the number that was out of range.
const WORDS_MIN: usize = 2;

/// A function, type or message as a number: the first 8 bytes of its BLAKE3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(pub(crate) u64);

impl Name {
    pub(crate) fn of(text: &str) -> Self {
        Self::of_bytes(text.as_bytes())
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let hash = blake3::hash(bytes);
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        Self(u64::from_le_bytes(first))
    }
}

/// What of an event is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traits {
    /// What it is only compared within.
    pub(crate) family: String,
    /// The outermost type; for native crashes their kind.
    pub(crate) ty: String,
    /// The functions that count, innermost first.
    pub(crate) functions: Vec<String>,
    /// The message's words; none where it is no sentence.
    pub(crate) words: Vec<String>,
}

impl Traits {
    /// About how much memory they take.
    pub(crate) fn bytes(&self) -> usize {
        let texts = self.functions.iter().chain(&self.words);
        texts.map(|text| size_of::<String>() + text.len()).sum()
    }

    /// `None` for what has no stack of its own: its message says what it is.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let thrown = frames::thrown(event);
        let root = thrown.map(|thrown| frames::root_cause(event, thrown));
        let functions = frames::functions(event, thrown, root, COMPARED_MAX);
        if functions.names.is_empty() || functions.is_foreign {
            return None;
        }
        let language = Language::of(&event.platform);
        let ty = thrown.and_then(|thrown| thrown.ty.as_deref());
        let ty = names::type_name(language, ty.unwrap_or_default());
        let message = thrown
            .and_then(|thrown| thrown.value.as_deref())
            .or(event.message_text());
        let words = match language {
            // What a crash says of itself is addresses and registers.
            Language::Native => Vec::new(),
            _ => message::words(message.unwrap_or_default(), WORDS_MAX),
        };
        Some(Self {
            family: family(&event.platform, language).to_owned(),
            ty: match language {
                Language::Native => kinds::kind(&ty).unwrap_or(&ty).to_owned(),
                _ => ty,
            },
            functions: functions.names,
            words: match words.len() < WORDS_MIN {
                true => Vec::new(),
                false => words,
            },
        })
    }
}

/// One crash can come as a report of a sanitizer, of a debugger and of ourselves.
fn family(platform: &str, language: Language) -> &str {
    match language {
        Language::Native => "native",
        Language::Java => "java",
        Language::JavaScript => "javascript",
        _ => platform,
    }
}

/// Traits as numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sketch {
    pub(crate) family: u64,
    pub(crate) ty: u64,
    pub(crate) functions: Vec<Name>,
    pub(crate) words: Vec<u32>,
}

impl Sketch {
    pub(crate) fn of(traits: &Traits) -> Self {
        Self {
            family: Name::of(&traits.family).0,
            ty: Name::of(&traits.ty).0,
            functions: traits.functions.iter().map(|name| Name::of(name)).collect(),
            words: traits
                .words
                .iter()
                .map(|word| Name::of(word).0 as u32)
                .collect(),
        }
    }

    /// The whole message as a name; `None` without one.
    pub(super) fn message(&self) -> Option<Name> {
        let bytes: Vec<u8> = self
            .words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        (!bytes.is_empty()).then(|| Name::of_bytes(&bytes))
    }

    /// As bytes; [`Sketch::from_bytes`] reads them.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(18 + 8 * self.functions.len() + 4 * self.words.len());
        bytes.extend(self.family.to_le_bytes());
        bytes.extend(self.ty.to_le_bytes());
        // Both are bounded far below 256.
        bytes.push(self.functions.len() as u8);
        for name in &self.functions {
            bytes.extend(name.0.to_le_bytes());
        }
        for word in &self.words {
            bytes.extend(word.to_le_bytes());
        }
        bytes
    }

    /// `None` for bytes that are no sketch.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (family, rest) = bytes.split_first_chunk()?;
        let (ty, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first()?;
        let (functions, words) = rest.split_at_checked(8 * usize::from(*count))?;
        let (functions, _) = functions.as_chunks();
        let (words, left) = words.as_chunks();
        left.is_empty().then(|| Self {
            family: u64::from_le_bytes(*family),
            ty: u64::from_le_bytes(*ty),
            functions: functions
                .iter()
                .map(|name| Name(u64::from_le_bytes(*name)))
                .collect(),
            words: words.iter().map(|word| u32::from_le_bytes(*word)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn traits(value: serde_json::Value) -> Option<Traits> {
        Traits::of(&Event::from_json(value.to_string().as_bytes()).expect("an event"))
    }

    fn crash(platform: &str, ty: &str, value: &str) -> Traits {
        let frames =
            json!([{"function": "main", "in_app": true}, {"function": "load", "in_app": true}]);
        let exception = json!({"type": ty, "value": value, "stacktrace": {"frames": frames}});
        traits(json!({"platform": platform, "exception": exception})).expect("traits")
    }

    #[test]
    fn functions_are_innermost_first() {
        assert_eq!(crash("ruby", "E", "").functions, ["load", "main"]);
    }

    #[test]
    fn one_crash_is_one_kind_whoever_tells_of_it() {
        let told = [
            ("native-asan", "heap-buffer-overflow"),
            ("native-gdb", "SIGSEGV"),
            ("native", "SourceAv"),
        ];
        for (platform, ty) in told {
            let traits = crash(platform, ty, "at 0x1234");
            assert_eq!(
                (&traits.family[..], &traits.ty[..]),
                ("native", "memory"),
                "{ty}"
            );
            assert!(traits.words.is_empty());
        }
    }

    #[test]
    fn a_value_is_no_sentence() {
        assert!(crash("python", "KeyError", "'cart'").words.is_empty());
        assert!(crash("java", "E", "17").words.is_empty());
        assert_eq!(
            crash("python", "E", "no cart 17").words,
            ["no", "cart", "<num>"]
        );
        assert_eq!(crash("python", "E", "'no cart'").words, ["no", "cart"]);
        assert_eq!(
            crash("python", "E", "'X' has no 'y'").words,
            ["X", "has", "no", "y"]
        );
    }

    #[test]
    fn without_a_stack_there_is_nothing_to_compare() {
        assert_eq!(traits(json!({"message": "disk full"})), None);
        let foreign = json!([{"function": "run", "in_app": false}]);
        let exception = json!({"type": "E", "stacktrace": {"frames": foreign}});
        assert_eq!(
            traits(json!({"platform": "java", "exception": exception})),
            None
        );
    }

    #[test]
    fn sketches_are_read_back() {
        let sketch = Sketch::of(&crash("python", "E", "no such cart"));
        let bytes = sketch.to_bytes();
        assert_eq!(Sketch::from_bytes(&bytes), Some(sketch));
        // A whole word less is a sketch too: of a shorter message.
        for end in (0..bytes.len()).filter(|end| !(bytes.len() - end).is_multiple_of(4)) {
            assert_eq!(Sketch::from_bytes(&bytes[..end]), None, "{end}");
        }
    }
}
