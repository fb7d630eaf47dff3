//! Enters: a file, a line, and how they are shown. Leaves: the same text as a link that terminals open (OSC 8).
//!
//! Never: lets a byte of a name out that is none of a URL.

use std::path::Path;

/// Terminals that know no links show the text alone.
pub fn to(path: &Path, line: u64, shown: &str) -> String {
    let url = format!("file://{}{}#{line}", host(), encoded(path));
    format!("\u{1b}]8;;{url}\u{1b}\\{shown}\u{1b}]8;;\u{1b}\\")
}

/// A terminal on another machine sees by it that the file is not there.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || ".-".contains(*letter);
    name.trim().chars().filter(is_plain).collect()
}

/// Bytes other than RFC 3986's unreserved ones and `/` in hex.
fn encoded(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let letters = bytes.iter().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
            char::from(*byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_encoded() {
        assert_eq!(
            encoded(Path::new("/a b/ö#\u{1b}.rs")),
            "/a%20b/%C3%B6%23%1B.rs"
        );
        let link = to(Path::new("/a.rs"), 7, "a.rs:7");
        assert!(link.starts_with("\u{1b}]8;;file://"), "{link:?}");
        assert!(
            link.ends_with("/a.rs#7\u{1b}\\a.rs:7\u{1b}]8;;\u{1b}\\"),
            "{link:?}"
        );
    }
}
