//! Enters: issues. Leaves: a table that fits a terminal, or lines with tabs for a pipe.

use std::collections::BTreeSet;
use std::path::Path;

use crashvault::{Archive, ArchivedIssue, Attachment, Issue, Status, StoredEvent, Timestamp};

use super::age::{age, moment};
use super::paint;
use super::text::{bytes, count, fit, visible, width};
use super::{Paint, Style};

const GAP: &str = "  ";
/// Of a project or an assignee.
const NAME_WIDTH_MAX: usize = 16;
const TITLE_WIDTH_MIN: usize = 10;
/// Below this columns beside each other tell nothing any more: each thing has lines of its own.
const TABLE_MIN: usize = 50;
/// Below this a title alone is better than a title and a culprit.
const TITLE_AND_CULPRIT_MIN: usize = 50;
/// Below this a function alone is better than half of a file's name behind it.
const TITLE_AND_PLACE_MIN: usize = 80;
/// A terminal this wide has room for the first time an issue was seen.
const WIDE: usize = 110;

/// One issue for a pipe: number, level, status, count, first seen, last seen, project, title, culprit, users, assignee,
/// severity.
pub fn tab_separated(issue: &Issue) -> String {
    [
        issue.number.to_string(),
        issue.level.to_string(),
        issue.status.to_string(),
        issue.seen_count.to_string(),
        issue.first_seen.to_string(),
        issue.last_seen.to_string(),
        visible(&issue.project).into_owned(),
        visible(&issue.title).into_owned(),
        visible(issue.culprit.as_deref().unwrap_or_default()).into_owned(),
        issue.user_count.to_string(),
        visible(issue.state.assignee.as_deref().unwrap_or_default()).into_owned(),
        visible(issue.state.severity.as_deref().unwrap_or_default()).into_owned(),
    ]
    .join("\t")
}

/// As [`tab_separated`], with the archive in which the issue lies.
pub fn archived_line(archived: &ArchivedIssue) -> String {
    let path = archived.path.display().to_string();
    format!("{}\t{}", tab_separated(&archived.issue), visible(&path))
}

/// One event for a pipe: time, level, issue, title, event id.
pub fn event_line(stored: &StoredEvent) -> String {
    [
        event_time(stored).to_string(),
        stored.event.level.to_string(),
        stored.issue_number.to_string(),
        visible(&stored.event.title()).into_owned(),
        stored.event.event_id.to_string(),
    ]
    .join("\t")
}

/// One event for a terminal, where the lines that follow are not known: time, level, issue, title.
pub fn followed_line(stored: &StoredEvent, paint: Paint) -> String {
    let event = &stored.event;
    let time = paint.on(Style::Dim, moment(event_time(stored)));
    let level = paint.on(
        paint::level(event.level),
        format!("{:7}", event.level.name()),
    );
    let number = paint.on(Style::Name, format!("#{}", stored.issue_number));
    format!("{time} {level} {number} {}", visible(&event.title()))
}

fn event_time(stored: &StoredEvent) -> Timestamp {
    stored.event.timestamp.unwrap_or(stored.received_at)
}

struct Cell {
    text: String,
    style: Style,
}

struct Column {
    title: &'static str,
    is_number: bool,
    cells: Vec<Cell>,
}

impl Column {
    fn new<T>(title: &'static str, rows: &[T], cell: impl Fn(&T) -> (Style, String)) -> Self {
        let cells = rows.iter().map(cell);
        Self {
            title,
            is_number: false,
            cells: cells.map(|(style, text)| Cell { text, style }).collect(),
        }
    }

    fn right(mut self) -> Self {
        self.is_number = true;
        self
    }

    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|cell| width(&cell.text));
        cells.chain([width(self.title)]).max().unwrap_or(0)
    }

    fn pad(&self, text: &str, columns: usize) -> String {
        let text = fit(text, columns);
        let blanks = " ".repeat(columns.saturating_sub(width(&text)));
        if self.is_number {
            blanks + &text
        } else {
            text.into_owned() + &blanks
        }
    }
}

/// The issues as lines of at most `columns`, a heading first.
pub fn table(issues: &[Issue], now: Timestamp, columns: usize, paint: Paint) -> Vec<String> {
    table_of(fixed_columns(issues, now, columns), issues, columns, paint)
}

/// As [`table`], with a number for the archive in which each issue lies; below it the archives with these numbers. None
/// if there are no issues.
pub fn archived(
    issues: &[Issue],
    paths: &[&Path],
    now: Timestamp,
    columns: usize,
    paint: Paint,
) -> Vec<String> {
    if issues.is_empty() {
        return Vec::new();
    }
    let archives: BTreeSet<&Path> = paths.iter().copied().collect();
    let mark = |place: usize| format!("({})", place + 1);
    let mut shown = fixed_columns(issues, now, columns);
    shown.push(Column::new("IN", paths, |path| {
        let place = archives.iter().position(|archive| archive == path);
        (Style::Name, place.map(mark).unwrap_or_default())
    }));
    let mut lines = table_of(shown, issues, columns, paint);
    lines.extend(archives.iter().enumerate().map(|(place, path)| {
        let mark = paint.on(Style::Name, mark(place));
        format!("{mark} {}", file_name(path))
    }));
    lines
}

fn table_of(mut shown: Vec<Column>, issues: &[Issue], columns: usize, paint: Paint) -> Vec<String> {
    let mut widths: Vec<usize> = shown.iter().map(Column::width).collect();
    let taken: usize = widths.iter().map(|width| width + GAP.len()).sum();
    if columns < TABLE_MIN {
        let titles = issues.iter().map(|issue| visible(&issue.title));
        return stacked(&shown, titles, columns, paint);
    }
    let left = columns.saturating_sub(taken).max(TITLE_WIDTH_MIN);
    let title = Column::new("TITLE", issues, |issue| {
        (Style::Bold, visible(&issue.title).into_owned())
    });
    let culprit = Column::new("CULPRIT", issues, |issue| {
        let culprit = visible(issue.culprit.as_deref().unwrap_or_default());
        let has_place = left >= TITLE_AND_PLACE_MIN;
        (Style::Dim, short_culprit(&culprit, has_place))
    });
    if left >= TITLE_AND_CULPRIT_MIN {
        let (of_title, of_culprit) = share(left - GAP.len(), title.width(), culprit.width());
        widths.extend([of_title, of_culprit]);
        shown.extend([title, culprit]);
    } else {
        widths.push(left.min(title.width()));
        shown.push(title);
    }
    lines(&shown, &widths, issues.len(), paint)
}

/// All but title and culprit.
fn fixed_columns(issues: &[Issue], now: Timestamp, columns: usize) -> Vec<Column> {
    let mut shown = vec![
        Column::new("#", issues, |issue| (Style::Name, issue.number.to_string())).right(),
        Column::new("LEVEL", issues, |issue| {
            (paint::level(issue.level), issue.level.to_string())
        }),
        Column::new("COUNT", issues, |issue| {
            (Style::Plain, count(issue.seen_count))
        })
        .right(),
    ];
    if columns >= WIDE && issues.iter().any(|issue| issue.user_count > 0) {
        let users = |issue: &Issue| (Style::Plain, count(issue.user_count));
        shown.push(Column::new("USERS", issues, users).right());
    }
    if columns >= WIDE {
        shown.push(Column::new("FIRST", issues, |issue| {
            (Style::Dim, age(issue.first_seen, now))
        }));
    }
    shown.push(Column::new("LAST", issues, |issue| {
        (Style::Plain, age(issue.last_seen, now))
    }));
    let is_plain = |issue: &Issue| issue.status == Status::Open && !is_regressed(issue);
    if !issues.iter().all(is_plain) {
        shown.push(Column::new("STATUS", issues, status));
    }
    if issues.iter().any(|issue| issue.state.assignee.is_some()) {
        shown.push(Column::new("ASSIGNEE", issues, |issue| {
            let name = visible(issue.state.assignee.as_deref().unwrap_or_default());
            (Style::Plain, fit(&name, NAME_WIDTH_MAX).into_owned())
        }));
    }
    // One project alone stands below the table instead.
    if projects(issues).len() > 1 {
        shown.push(Column::new("PROJECT", issues, |issue| {
            let name = visible(&issue.project);
            (Style::Plain, fit(&name, NAME_WIDTH_MAX).into_owned())
        }));
    }
    shown
}

/// That it came back says more than that it is open.
fn status(issue: &Issue) -> (Style, String) {
    match is_regressed(issue) {
        true => (Style::Bad, "regressed".into()),
        false => (Style::Dim, issue.status.to_string()),
    }
}

fn is_regressed(issue: &Issue) -> bool {
    issue.state.regression.is_some()
}

/// Events as lines of at most `columns`, a heading first; none if there are none.
pub fn events(events: &[StoredEvent], now: Timestamp, columns: usize, paint: Paint) -> Vec<String> {
    if events.is_empty() {
        return Vec::new();
    }
    let before = [
        Column::new("TIME", events, |stored| {
            (Style::Plain, age(event_time(stored), now))
        }),
        Column::new("LEVEL", events, |stored| {
            let level = stored.event.level;
            (paint::level(level), level.to_string())
        }),
        Column::new("#", events, |stored| {
            (Style::Name, stored.issue_number.to_string())
        })
        .right(),
    ];
    let title = Column::new("TITLE", events, |stored| {
        (Style::Bold, visible(&stored.event.title()).into_owned())
    });
    let id = Column::new("EVENT", events, |stored| {
        (Style::Dim, stored.event.event_id.to_string())
    });
    if columns < TABLE_MIN {
        let titles = events
            .iter()
            .map(|stored| visible(&stored.event.title()).into_owned());
        let ids = events
            .iter()
            .map(|stored| stored.event.event_id.to_string());
        let ids = ids.map(|id| format!("  {}", paint.on(Style::Dim, id)));
        let lines = stacked(&before, titles, columns, paint);
        let pairs = lines.chunks(2).zip(ids);
        return pairs
            .flat_map(|(lines, id)| [lines, &[id]].concat())
            .collect();
    }
    let others = before.iter().chain([&id]);
    let taken: usize = others.map(|column| column.width() + GAP.len()).sum();
    let left = columns.saturating_sub(taken).max(TITLE_WIDTH_MIN);
    let mut widths: Vec<usize> = before.iter().map(Column::width).collect();
    widths.extend([left.min(title.width()), id.width()]);
    let shown: Vec<Column> = before.into_iter().chain([title, id]).collect();
    lines(&shown, &widths, events.len(), paint)
}

/// One file for a pipe: event, name, bytes, content type, kind, when it was added, hash.
pub fn attachment_line(attachment: &Attachment) -> String {
    [
        attachment.event.to_string(),
        visible(&attachment.name).into_owned(),
        attachment.size_bytes.to_string(),
        visible(attachment.content_type.as_deref().unwrap_or_default()).into_owned(),
        visible(&attachment.kind).into_owned(),
        attachment.added_at.to_string(),
        attachment.hash_hex(),
    ]
    .join("\t")
}

/// One archive for a pipe: file, issues, events, bytes, when it was made, what is wrong with it.
pub fn archive_line(archive: &Archive) -> String {
    let made = archive.created_at.map(|time| time.to_string());
    [
        visible(&archive.path.display().to_string()).into_owned(),
        archive.issues.to_string(),
        archive.events.to_string(),
        archive.bytes.to_string(),
        made.unwrap_or_default(),
        visible(archive.fault.as_deref().unwrap_or_default()).into_owned(),
    ]
    .join("\t")
}

/// Archives as lines, a heading first; none if there are none.
pub fn archives(archives: &[Archive], now: Timestamp, paint: Paint) -> Vec<String> {
    if archives.is_empty() {
        return Vec::new();
    }
    let number = |title, of: fn(&Archive) -> u64| {
        Column::new(title, archives, |archive| {
            (Style::Plain, count(of(archive)))
        })
        .right()
    };
    let mut shown = vec![
        Column::new("MADE", archives, |archive| {
            let made = archive.created_at.map(|time| age(time, now));
            (Style::Plain, made.unwrap_or_default())
        }),
        number("ISSUES", |archive| archive.issues),
        number("EVENTS", |archive| archive.events),
        Column::new("SIZE", archives, |archive| {
            (Style::Plain, bytes(archive.bytes))
        })
        .right(),
    ];
    let mut widths: Vec<usize> = shown.iter().map(Column::width).collect();
    // Whole, however little room there is: it is to be copied.
    let name = Column::new("ARCHIVE", archives, |archive| match &archive.fault {
        Some(_) => (
            Style::Bad,
            format!("{} (damaged)", file_name(&archive.path)),
        ),
        None => (Style::Name, file_name(&archive.path)),
    });
    widths.push(name.width());
    shown.push(name);
    lines(&shown, &widths, archives.len(), paint)
}

/// The last part of a path, harmless.
pub fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    visible(&name.to_string_lossy()).into_owned()
}

/// The projects of the issues, in order.
pub fn projects(issues: &[Issue]) -> BTreeSet<&str> {
    issues.iter().map(|issue| issue.project.as_str()).collect()
}

/// Columns of title and culprit: what each needs if both fit, else three fifths for the title.
fn share(columns: usize, title: usize, culprit: usize) -> (usize, usize) {
    if title + culprit <= columns {
        return (title, culprit);
    }
    let of_title = title.min((columns * 3 / 5).max(columns.saturating_sub(culprit)));
    (of_title, columns - of_title)
}

/// `shop::cart::Cart::price_of (shop/src/cart.rs:7)` as `Cart::price_of (cart.rs:7)`; `show` has the whole.
fn short_culprit(culprit: &str, has_place: bool) -> String {
    let (function, place) = match culprit.rsplit_once(" (") {
        Some((function, place)) => (function, Some(place)),
        None => (culprit, None),
    };
    // The colons of generic arguments and trait paths are not those between modules.
    let function = if function.contains('<') {
        function
    } else {
        let start = function.rmatch_indices("::").nth(1);
        start.map_or(function, |(index, _)| &function[index + 2..])
    };
    match place.filter(|_| has_place) {
        Some(place) => {
            let file = place.rsplit('/').next().unwrap_or(place);
            format!("{function} ({file}")
        }
        None => function.to_owned(),
    }
}

/// Two lines of each: what the columns say, and the title below.
fn stacked(
    shown: &[Column],
    titles: impl Iterator<Item = impl AsRef<str>>,
    columns: usize,
    paint: Paint,
) -> Vec<String> {
    let mut lines = Vec::new();
    for (row, title) in titles.enumerate() {
        let cells = shown.iter().map(|column| {
            let Cell { style, text } = &column.cells[row];
            let text = match column.title {
                "#" => format!("#{text}"),
                "COUNT" => format!("{text}×"),
                _ => text.clone(),
            };
            (*style, text)
        });
        let cells = cells.filter(|(_, text)| !text.is_empty());
        let cells: Vec<String> = cells.map(|(style, text)| paint.on(style, text)).collect();
        lines.push(cells.join(GAP));
        let title = fit(title.as_ref(), columns.saturating_sub(GAP.len()));
        lines.push(format!("{GAP}{}", paint.on(Style::Bold, title)));
    }
    lines
}

fn lines(columns: &[Column], widths: &[usize], rows: usize, paint: Paint) -> Vec<String> {
    let heading = columns.iter().map(|column| (Style::Dim, column.title));
    let heading = line(heading.collect(), columns, widths, paint);
    let body = (0..rows).map(|row| {
        let cells = columns.iter().map(|column| &column.cells[row]);
        let cells = cells.map(|cell| (cell.style, cell.text.as_str()));
        line(cells.collect(), columns, widths, paint)
    });
    [heading].into_iter().chain(body).collect()
}

/// One row; nothing is left behind its last text.
fn line(
    mut cells: Vec<(Style, &str)>,
    columns: &[Column],
    widths: &[usize],
    paint: Paint,
) -> String {
    while cells.last().is_some_and(|(_, text)| text.is_empty()) {
        cells.pop();
    }
    let last = cells.len().saturating_sub(1);
    let texts = cells.iter().zip(columns).zip(widths).enumerate();
    let texts = texts.map(|(index, (((style, text), column), width))| {
        let text = column.pad(text, *width);
        let text = if index == last {
            text.trim_end()
        } else {
            &text
        };
        paint.on(*style, text)
    });
    texts.collect::<Vec<_>>().join(GAP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crashvault::{ArchiveRule, Event, EventId, FixedClock, IssueId, Level, Resolution, Vault};

    fn issues() -> Vec<Issue> {
        let at = |text| Timestamp::parse(text).unwrap();
        let make = |number, seen| {
            let id = IssueId::from_bytes([number as u8; 16]);
            Issue::new(id, number, "shop", EventId::NIL, seen)
        };
        let mut first = make(1, at("2026-01-05T09:57:00Z"));
        first.level = Level::Fatal;
        first.title = "panic: index out of bounds: the len is 2 but the index is 7".into();
        first.culprit = Some("shop::cart::Cart::price_of (shop/src/cart.rs:31)".into());
        first.seen_count = 1;
        let mut second = make(12, at("2026-01-04T09:57:00Z"));
        second.level = Level::Warning;
        second.title = "\u{1b}[2J漢字 \u{202e}disk is nearly full".into();
        second.seen_count = 12345;
        vec![first, second]
    }

    fn check(columns: usize, expected: &str) {
        let now = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
        let lines = table(&issues(), now, columns, Paint::OFF);
        assert_eq!(lines.join("\n"), expected.trim_matches('\n'));
        let widest = lines.iter().map(|line| width(line)).max().unwrap();
        assert!(widest <= columns, "{widest} columns");
    }

    #[test]
    fn eighty_columns_hold_titles_and_culprits() {
        check(
            80,
            "
 #  LEVEL     COUNT  LAST    TITLE                                CULPRIT
 1  fatal         1  3m ago  panic: index out of bounds: the le…  Cart::price_of
12  warning  12,345  1d ago  \\x1b[2J漢字 \\u{202e}disk is nearly…",
        );
    }

    #[test]
    fn few_columns_hold_titles_alone() {
        check(
            60,
            "
 #  LEVEL     COUNT  LAST    TITLE
 1  fatal         1  3m ago  panic: index out of bounds: th…
12  warning  12,345  1d ago  \\x1b[2J漢字 \\u{202e}disk is ne…",
        );
    }

    #[test]
    fn very_few_columns_hold_one_thing_on_two_lines() {
        check(
            40,
            "
#1  fatal  1×  3m ago
  panic: index out of bounds: the len i…
#12  warning  12,345×  1d ago
  \\x1b[2J漢字 \\u{202e}disk is nearly fu…",
        );
    }

    #[test]
    fn a_wide_terminal_shows_more() {
        check(
            140,
            "
 #  LEVEL     COUNT  FIRST   LAST    TITLE                                                        CULPRIT
 1  fatal         1  3m ago  3m ago  panic: index out of bounds: the len is 2 but the index is 7  Cart::price_of (cart.rs:31)
12  warning  12,345  1d ago  1d ago  \\x1b[2J漢字 \\u{202e}disk is nearly full",
        );
    }

    #[test]
    fn archived_issues_say_where_they_lie() {
        let now = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
        let paths = [Path::new("/v/b.cva"), Path::new("/v/a\u{1b}.cva")];
        let lines = archived(&issues(), &paths, now, 60, Paint::OFF);
        let expected = "
 #  LEVEL     COUNT  LAST    IN   TITLE
 1  fatal         1  3m ago  (2)  panic: index out of bound…
12  warning  12,345  1d ago  (1)  \\x1b[2J漢字 \\u{202e}disk…
(1) a\\x1b.cva
(2) b.cva";
        assert_eq!(lines.join("\n"), expected.trim_start_matches('\n'));
        assert!(archived(&[], &[], now, 60, Paint::OFF).is_empty());
    }

    #[test]
    fn archives_stand_below_each_other_and_damage_shows() {
        let home = tempfile::tempdir().unwrap();
        let clock = FixedClock::at("2026-01-04T10:00:00Z").unwrap();
        let options = Vault::options().clock(clock);
        let mut vault = options.open(home.path()).unwrap();
        let mut event = Event::new();
        event.timestamp = Timestamp::parse("2020-01-01T00:00:00Z");
        vault.add(event).unwrap();
        let issue = "1".parse().unwrap();
        vault.resolve(&issue, Resolution::Now).unwrap();
        let rule = ArchiveRule::older_than_days(1);
        let path = vault.archive(&rule).unwrap().path.unwrap();
        std::fs::write(home.path().join("archive/x.cva"), "no archive").unwrap();
        let now = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
        let shown = |archives: &[Archive]| super::archives(archives, now, Paint::OFF);
        let lines = shown(&vault.archives().unwrap());
        assert_eq!(lines.len(), 3);
        let words = |line: usize| lines[line].split_whitespace().collect::<Vec<_>>();
        assert_eq!(words(0), ["MADE", "ISSUES", "EVENTS", "SIZE", "ARCHIVE"]);
        assert_eq!(words(1)[..4], ["1d", "ago", "1", "1"]);
        assert_eq!(words(1).last(), Some(&&*file_name(&path)));
        assert!(lines[2].ends_with("  x.cva (damaged)"), "{lines:?}");
        assert!(shown(&[]).is_empty());
    }

    #[test]
    fn a_pipe_gets_whole_values_between_tabs() {
        let line = tab_separated(&issues()[0]);
        let expected = "1\tfatal\topen\t1\t2026-01-05T09:57:00Z\t2026-01-05T09:57:00Z\tshop\tpanic: index out of bounds: the len is 2 but the index is 7\tshop::cart::Cart::price_of (shop/src/cart.rs:31)\t0\t\t";
        assert_eq!(line, expected);
        let hostile = tab_separated(&issues()[1]);
        assert_eq!(hostile.matches('\t').count(), 11);
        assert!(!hostile.contains('\u{1b}') && !hostile.contains('\u{202e}'));
    }

    #[test]
    fn culprits_are_shortened_at_their_modules() {
        let short = |culprit| short_culprit(culprit, true);
        assert_eq!(short("a::b::c::d (x/y/z.rs:3)"), "c::d (z.rs:3)");
        assert_eq!(short("<a::B as c::D>::e"), "<a::B as c::D>::e");
        assert_eq!(short("main"), "main");
        assert_eq!(short(""), "");
        assert_eq!(short_culprit("a::b::c (x.rs:3)", false), "b::c");
    }
}
