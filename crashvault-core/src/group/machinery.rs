//! Enters: the stable name of a frame. Leaves: whether it says something of a failure, or is only there for others.
//!
//! The rules are the table `machinery.tsv`.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::names::Language;

const TABLE: &str = include_str!("machinery.tsv");

/// What a frame is to a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It did what went wrong, or led there.
    Work,
    /// It works for whoever called it.
    Helper,
    /// It raises, unwinds, prints.
    Report,
    /// The work was interrupted here.
    Interrupt,
    /// The stack begins here.
    Entry,
}

/// The rules of one family.
#[derive(Default)]
struct Rules {
    whole: HashMap<&'static str, Part>,
    /// Starts by their first byte, the longest first.
    starts: HashMap<u8, Vec<(&'static str, Part)>>,
    /// Ends, each with what must stand at the start.
    ends: Vec<(&'static str, &'static str, Part)>,
    /// The same for the last part of a name.
    last: Option<Box<Rules>>,
}

impl Rules {
    fn add(&mut self, pattern: &'static str, part: Part) {
        if let Some(pattern) = pattern.strip_prefix('.') {
            self.last.get_or_insert_default().add(pattern, part);
        } else if let Some(start) = pattern.strip_suffix('*') {
            // Longer starts say it more exactly.
            let first = start.bytes().next().unwrap_or_default();
            let starts = self.starts.entry(first).or_default();
            starts.push((start, part));
            starts.sort_by_key(|(start, _)| std::cmp::Reverse(start.len()));
        } else if let Some(end) = pattern.strip_prefix('*') {
            self.ends.push(("", end, part));
        } else if let Some((start, end)) = pattern.split_once('*') {
            self.ends.push((start, end, part));
        } else {
            self.whole.insert(pattern, part);
        }
    }

    fn find(&self, name: &str) -> Option<Part> {
        let first = name.bytes().next()?;
        let start = || {
            let starts = self.starts.get(&first)?;
            starts.iter().find(|(start, _)| name.starts_with(start))
        };
        let end = || {
            let mut ends = self.ends.iter();
            ends.find(|(start, end, _)| {
                name.len() >= start.len() + end.len()
                    && name.starts_with(start)
                    && name.ends_with(end)
            })
        };
        let last = || self.last.as_ref()?.find(last_part(name));
        let whole = self.whole.get(name).copied();
        whole
            .or_else(|| start().map(|(_, part)| *part))
            .or_else(|| end().map(|(.., part)| *part))
            .or_else(last)
    }
}

fn last_part(name: &str) -> &str {
    name.rsplit(['.', ':', '#', '/']).next().unwrap_or(name)
}

#[derive(Default)]
struct Table {
    any: Rules,
    native: Rules,
    kernel: Rules,
    go: Rules,
    java: Rules,
}

fn table() -> &'static Table {
    static READ: OnceLock<Table> = OnceLock::new();
    READ.get_or_init(|| {
        let mut table = Table::default();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let mut columns = line.split('\t');
            let mut next = || columns.next().unwrap_or_default();
            let (family, part, pattern) = (next(), part(next()), next());
            let rules = match family {
                "native" => &mut table.native,
                "kernel" => &mut table.kernel,
                "go" => &mut table.go,
                "java" => &mut table.java,
                _ => &mut table.any,
            };
            rules.add(pattern, part);
        }
        table
    })
}

fn part(name: &str) -> Part {
    match name {
        "report" => Part::Report,
        "helper" => Part::Helper,
        "interrupt" => Part::Interrupt,
        "entry" => Part::Entry,
        _ => Part::Work,
    }
}

/// What a frame of this name is.
pub(super) fn part_of(name: &str, language: Language) -> Part {
    let table = table();
    let own = match language {
        Language::Kernel => {
            let bare = name.trim_start_matches('_');
            return table.kernel.find(bare).unwrap_or(Part::Work);
        }
        Language::Native => table.native.find(name),
        Language::Go => table.go.find(name),
        Language::Java => table.java.find(name),
        _ => None,
    };
    own.or_else(|| table.any.find(name)).unwrap_or(Part::Work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(language: Language, name: &str, expected: Part) {
        assert_eq!(part_of(name, language), expected, "{name}");
    }

    #[test]
    fn whole_names_are_no_starts() {
        check(Language::Native, "abort", Part::Report);
        check(Language::Native, "abort_order", Part::Work);
        check(
            Language::Native,
            "std::panicking::begin_panic",
            Part::Report,
        );
    }

    #[test]
    fn last_parts_stand_in_any_class() {
        check(Language::Java, "a.Parser.syntaxException", Part::Helper);
        check(Language::Java, "a.Exception.parse", Part::Work);
        check(
            Language::Python,
            "jinja2.environment.Environment.handle_exception",
            Part::Helper,
        );
    }

    #[test]
    fn kernel_names_are_compared_without_underscores() {
        check(
            Language::Kernel,
            "__asan_report_load8_noabort",
            Part::Report,
        );
        check(Language::Kernel, "__lock_acquire", Part::Helper);
        check(
            Language::Kernel,
            "entry_SYSCALL_64_after_hwframe",
            Part::Entry,
        );
        check(Language::Kernel, "sg_remove_request", Part::Work);
    }

    #[test]
    fn every_line_of_the_table_is_a_rule() {
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let columns: Vec<&str> = line.split('\t').collect();
            assert_eq!(columns.len(), 3, "{line}");
            assert!(
                ["any", "native", "kernel", "go", "java"].contains(&columns[0]),
                "{line}"
            );
            assert_ne!(part(columns[1]), Part::Work, "{line}");
            assert!(!columns[2].trim_matches(['*', '.']).is_empty(), "{line}");
        }
    }
}
