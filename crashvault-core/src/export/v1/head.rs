//! Whether a file is an export of version 1, told by how it begins: no list is read, and nothing is kept.

use std::fmt;
use std::io::{BufReader, Read};

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What is looked through for the keys of an export. Version 1 wrote them first.
const LOOKED_AT_BYTES_MAX: u64 = 64 << 20;

/// An object with a version and a list of issues or events, whatever the version.
pub(super) fn is_export(file: impl Read) -> bool {
    let mut head = Head::default();
    let mut json =
        serde_json::Deserializer::from_reader(BufReader::new(file.take(LOOKED_AT_BYTES_MAX)));
    // It stops with an error as soon as enough is known.
    let _ = de::Deserializer::deserialize_map(&mut json, &mut head);
    head.has_version && head.has_list
}

/// What was met so far.
#[derive(Default)]
struct Head {
    has_version: bool,
    has_list: bool,
}

impl<'de> Visitor<'de> for &mut Head {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "version" => {
                    self.has_version = true;
                    map.next_value::<IgnoredAny>()?;
                }
                "issues" | "events" => map.next_value_seed(List(&mut *self))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            if self.has_version && self.has_list {
                return Err(de::Error::custom("enough is known"));
            }
        }
        Ok(())
    }
}

/// What stands under a list's key, which may be anything.
struct List<'h>(&'h mut Head);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    /// Where the version is known already, the list itself is not read.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.0.has_list = true;
        if self.0.has_version {
            return Err(de::Error::custom("enough is known"));
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(is_export(text.as_bytes()), expected, "{text}");
    }

    #[test]
    fn a_version_and_a_list_make_an_export() {
        check(r#" {"version": 1.0, "issues": [{"id": 1}]}"#, true);
        check(r#"{"version": "9", "issues": null, "events": []}"#, true);
        check(r#"{"events": [1, {"a": []}], "version": 1}"#, true);
        check(r#"{"version": 1}"#, false);
        check(r#"{"issues": []}"#, false);
        check(r#"{"version": 1, "issues": {"a": 1}, "events": 7}"#, false);
        check(r#"{"a": {"version": 1, "issues": []}}"#, false);
        check("[1, 2]", false);
        check("", false);
    }

    /// Gives its text, then fails: whoever reads on is found out.
    struct Ending<'t>(&'t [u8]);

    impl Read for Ending<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => panic!("the list was read"),
                read => Ok(read),
            }
        }
    }

    #[test]
    fn no_list_is_read() {
        let begin = format!("{}{}", r#"{"version": 1, "issues": ["#, "1,".repeat(8192));
        assert!(is_export(Ending(begin.as_bytes())));
    }
}
