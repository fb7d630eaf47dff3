//! What the starter tells the receiver, as arguments: the mark, four numbers, the dump's path.

use std::ffi::{CStr, OsString};
use std::path::PathBuf;

/// The first argument.
pub(super) const MARK: &CStr = c"__crashvault-receive";
/// Set beside it, so that no command line alone can turn a program into a receiver.
pub(super) const VARIABLE: &CStr = c"CRASHVAULT_RECEIVER=1";
pub(super) const VARIABLE_NAME: &str = "CRASHVAULT_RECEIVER";

const DIGITS: usize = 16;
const NUMBERS: usize = 4;
/// The numbers in hex, one character between two, and a zero.
pub(super) const NUMBERS_BYTES: usize = NUMBERS * (DIGITS + 1);

/// Two digits for each byte. Async-signal-safe.
pub(super) fn put_hex(bytes: &[u8], into: &mut [u8]) {
    for (byte, digits) in bytes.iter().zip(into.chunks_exact_mut(2)) {
        digits[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        digits[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
}

/// Process, thread, and where in the process the signal's information and context lie. Async-signal-safe.
pub(super) fn put_numbers(numbers: [u64; NUMBERS], into: &mut [u8; NUMBERS_BYTES]) {
    for (number, place) in numbers.into_iter().zip(into.chunks_exact_mut(DIGITS + 1)) {
        put_hex(&number.to_be_bytes(), &mut place[..DIGITS]);
        place[DIGITS] = b'.';
    }
    into[NUMBERS_BYTES - 1] = 0;
}

/// What a receiver is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) pid: i32,
    pub(super) thread: i32,
    pub(super) info: u64,
    pub(super) context: u64,
    pub(super) dump: PathBuf,
}

impl Request {
    /// From a program's arguments, its name included; none if they are no receiver's.
    pub(super) fn read(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let mark = arguments.nth(1)?;
        if mark.as_encoded_bytes() != MARK.to_bytes() {
            return None;
        }
        let numbers = arguments.next()?.into_string().ok()?;
        let numbers = numbers.split('.').map(|text| u64::from_str_radix(text, 16));
        let numbers: Vec<u64> = numbers.collect::<Result<_, _>>().ok()?;
        let [pid, thread, info, context] = *numbers.as_slice() else {
            return None;
        };
        Some(Self {
            pid: i32::try_from(pid).ok()?,
            thread: i32::try_from(thread).ok()?,
            info,
            context,
            dump: arguments.next()?.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_is_read() {
        let mut numbers = [0; NUMBERS_BYTES];
        put_numbers([12, 34, u64::MAX, 0x7fff_0000_1234], &mut numbers);
        let numbers = CStr::from_bytes_with_nul(&numbers).unwrap();
        let words = [
            "host",
            MARK.to_str().unwrap(),
            numbers.to_str().unwrap(),
            "/v/a.dmp",
        ];
        let request = Request::read(words.into_iter().map(OsString::from)).unwrap();
        let expected = Request {
            pid: 12,
            thread: 34,
            info: u64::MAX,
            context: 0x7fff_0000_1234,
            dump: "/v/a.dmp".into(),
        };
        assert_eq!(request, expected);
    }

    fn check_none(words: &[&str]) {
        let request = Request::read(words.iter().map(OsString::from));
        assert_eq!(request, None, "{words:?}");
    }

    #[test]
    fn other_arguments_are_the_hosts() {
        let mark = MARK.to_str().unwrap();
        check_none(&[]);
        check_none(&["host", "serve", "1.2.3.4", "/v/a.dmp"]);
        check_none(&["host", mark]);
        check_none(&["host", mark, "1.2.3", "/v/a.dmp"]);
        check_none(&["host", mark, "1.2.3.x", "/v/a.dmp"]);
        check_none(&["host", mark, "ffffffffffffffff.2.3.4", "/v/a.dmp"]);
        check_none(&["host", mark, "1.2.3.4"]);
    }
}
