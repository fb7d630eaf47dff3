//! Two releases → which one is newer, where their names tell.

use std::cmp::Ordering;

/// Whether `candidate` is a newer release than `than`; `None` if their names do not tell.
///
/// What follows the last `@` is compared as a version: one to four numbers with dots between them (missing ones are
/// 0), a `v` before them allowed; `-…` behind them is a pre-release, which comes before the release itself; `+…` is
/// not looked at. What stands before the `@` must be equal. A name is never newer than itself, whatever it looks like.
///
/// Source: the order of pre-releases is that of semver.org 2.0.0, section 11.
///
/// ```
/// use crashvault::issue::is_newer_release;
/// assert_eq!(is_newer_release("shop@1.10.0", "shop@1.9.2"), Some(true));
/// assert_eq!(is_newer_release("shop@2.0.0-rc.1", "shop@2.0.0"), Some(false));
/// assert_eq!(is_newer_release("shop@2.0.0", "till@1.0.0"), None);
/// assert_eq!(is_newer_release("a41f2c", "77ab01"), None);
/// ```
pub fn is_newer_release(candidate: &str, than: &str) -> Option<bool> {
    compare(candidate, than).map(Ordering::is_gt)
}

/// How `candidate` compares to `than`; `None` if their names do not tell.
pub(crate) fn compare(candidate: &str, than: &str) -> Option<Ordering> {
    if candidate == than {
        return Some(Ordering::Equal);
    }
    let (name, version) = split(candidate);
    let (than_name, than_version) = split(than);
    if name != than_name {
        return None;
    }
    Some(Version::read(version)?.cmp(&Version::read(than_version)?))
}

fn split(release: &str) -> (Option<&str>, &str) {
    match release.rsplit_once('@') {
        Some((name, version)) => (Some(name), version),
        None => (None, release),
    }
}

/// A number of any length: how many digits, and the digits, without zeros before them.
type Number<'a> = (usize, &'a str);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Version<'a> {
    numbers: [Number<'a>; 4],
    stage: Stage<'a>,
}

/// In their order: what comes before the release, the release.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Stage<'a> {
    Before(Vec<Part<'a>>),
    Release,
}

/// A part of a pre-release's name; numbers come before words.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    Number(Number<'a>),
    Word(&'a str),
}

impl<'a> Version<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split_once('+').map_or(text, |(version, _)| version);
        let (core, stage) = match text.split_once('-') {
            Some((core, parts)) => (
                core,
                Stage::Before(parts.split('.').map(part).collect::<Option<_>>()?),
            ),
            None => (text, Stage::Release),
        };
        let mut numbers = [(0, ""); 4];
        for (at, digits) in core.split('.').enumerate() {
            *numbers.get_mut(at)? = number(digits)?;
        }
        Some(Self { numbers, stage })
    }
}

fn part(text: &str) -> Option<Part<'_>> {
    if let Some(number) = number(text) {
        return Some(Part::Number(number));
    }
    let is_word = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_word.then_some(Part::Word(text))
}

fn number(digits: &str) -> Option<Number<'_>> {
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let digits = digits.trim_start_matches('0');
    is_number.then_some((digits.len(), digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(candidate: &str, than: &str, expected: Option<Ordering>) {
        assert_eq!(compare(candidate, than), expected);
        assert_eq!(compare(than, candidate), expected.map(Ordering::reverse));
    }

    fn check_newer(candidate: &str, than: &str) {
        check(candidate, than, Some(Ordering::Greater));
    }

    fn check_same(candidate: &str, than: &str) {
        check(candidate, than, Some(Ordering::Equal));
    }

    fn check_unknown(candidate: &str, than: &str) {
        check(candidate, than, None);
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        check_newer("1.10", "1.9");
        check_newer("2", "1.9.9.9");
    }

    #[test]
    fn numbers_have_no_largest() {
        check_newer("1.100000000000000000000", "1.99999999999999999999");
    }

    #[test]
    fn missing_numbers_and_leading_zeros_are_nothing() {
        check_same("1.2", "1.2.0.0");
        check_same("2026.01", "2026.1");
    }

    #[test]
    fn a_v_may_stand_before_it() {
        check_newer("v1.1", "1.0");
    }

    #[test]
    fn a_pre_release_comes_before_its_release() {
        check_newer("1.0", "1.0-rc.1");
        check_newer("1.0-alpha", "0.9");
    }

    #[test]
    fn pre_releases_go_part_by_part() {
        check_newer("1.0-rc.10", "1.0-rc.9");
        check_newer("1.0-rc.1", "1.0-rc");
        check_newer("1.0-beta", "1.0-7");
        check_newer("1.0-rc-b", "1.0-rc-a");
    }

    #[test]
    fn the_build_does_not_matter() {
        check_same("1.0+7", "1.0+8");
        check_same("1.0-rc+a.-", "1.0-rc");
    }

    #[test]
    fn packages_compare_only_with_themselves() {
        check_newer("@org/shop@1.1", "@org/shop@1.0");
        check_unknown("shop@1.1", "till@1.0");
        check_unknown("shop@1.1", "1.0");
    }

    #[test]
    fn other_names_do_not_tell() {
        check_unknown("a41f2c", "1.0");
        check_unknown("1.0.0.0.0", "1.0");
        check_unknown("1..0", "1.0");
        check_unknown("1.0-", "1.0");
        check_unknown("1.0-a..b", "1.0");
        check_unknown("", "1.0");
        check_unknown("v", "1.0");
        check_unknown("shop@", "shop@1.0");
    }

    #[test]
    fn any_name_equals_itself() {
        check_same("a41f2c", "a41f2c");
        check_same("", "");
    }
}
