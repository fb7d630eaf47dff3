//! `list`: the issues, as a table or lines.

use crashvault::{Cursor, Issue, IssueFilter, IssuesFound, Search, Status, Timestamp, Vault};
use serde_json::json;

use super::Done;
use super::chosen::quoted;
use super::reading::{self, Place};
use crate::args::List;
use crate::output::text::{counted, visible};
use crate::output::{Screen, Stop, Style, json, table};

pub fn run(place: &Place, list: &List, screen: &mut Screen) -> Result<Done, Stop> {
    let opened = match reading::open(place, list.wait, screen) {
        Err(stop) if reading::is_missing(&stop) => {
            answer(place, &Listed::default(), 0, screen)?;
            tell_missing(place, screen);
            return Ok(Done::Well);
        }
        opened => opened?,
    };
    let found = find(&opened.vault, list)?;
    let total = match screen.json && !list.period.is_given() {
        true => Some(opened.vault.issue_count(&filter(list))?),
        false => None,
    };
    let listed = Listed {
        issues: &found.issues,
        next: found.next,
        total,
    };
    answer(place, &listed, opened.waiting_count, screen)?;
    let is_filtered = status(list).is_some() || list.project.is_some() || list.period.is_given();
    match found.issues.is_empty() {
        true if list.after.is_some() => screen.note("there are no more"),
        true if is_filtered => screen.note("no issue fits; `crashvault list` shows all"),
        true => tell_first_steps("the vault is empty", screen),
        false => {
            if let Some(cursor) = found.next.filter(|_| !screen.json) {
                let limit = list.limit;
                screen.note(format!(
                    "there are more than {limit}; --limit N shows more, --after {cursor} the next"
                ));
            }
        }
    }
    Ok(Done::Well)
}

fn status(list: &List) -> Option<Status> {
    list.status.and_then(|asked| asked.0)
}

/// A page of the list.
#[derive(Default)]
struct Listed<'a> {
    issues: &'a [Issue],
    next: Option<Cursor>,
    /// On all pages, where that can be told without looking at events.
    total: Option<u64>,
}

fn filter(list: &List) -> IssueFilter {
    let mut filter = IssueFilter::default();
    filter.status = status(list);
    filter.project.clone_from(&list.project);
    filter
}

fn find(vault: &Vault, list: &List) -> crashvault::Result<IssuesFound> {
    let status = status(list).map(|status| format!("status:{}", status.name()));
    let project = list.project.as_ref();
    let project = project.map(|name| format!("project:{}", quoted(name)));
    let terms: Vec<String> = status.into_iter().chain(project).collect();
    let mut search = Search::new(terms.join(" "))
        .sort(list.sort)
        .reversed(list.direction.is_reversed(list.sort))
        .limit(list.limit as usize);
    if let Some(cursor) = &list.after {
        search = search.after(cursor);
    }
    vault.search(&list.period.of(search))
}

fn answer(
    place: &Place,
    listed: &Listed<'_>,
    waiting_count: u64,
    screen: &mut Screen,
) -> std::io::Result<()> {
    if screen.json {
        let value = json!({
            "vault": place.directory.to_string_lossy(),
            "waiting_count": waiting_count,
            "total": listed.total,
            "next": listed.next.as_ref().map(Cursor::to_string),
            "issues": listed.issues.iter().map(json::issue).collect::<Vec<_>>(),
        });
        return screen.value(&value);
    }
    write_lines(listed.issues, screen)
}

/// The issues for people or, in a pipe, for programs that read lines.
pub fn write_lines(issues: &[Issue], screen: &mut Screen) -> std::io::Result<()> {
    match screen.width {
        Some(columns) => write_table(issues, columns, screen),
        None => issues
            .iter()
            .try_for_each(|issue| screen.line(table::tab_separated(issue))),
    }
}

/// The table and, below it, what it amounts to.
pub fn write_table(issues: &[Issue], columns: usize, screen: &mut Screen) -> std::io::Result<()> {
    if issues.is_empty() {
        return Ok(());
    }
    for line in table::table(issues, Timestamp::now(), columns, screen.paint) {
        screen.line(line)?;
    }
    let events = issues.iter().map(|issue| issue.seen_count).sum();
    let projects = table::projects(issues);
    let projects = match projects.first() {
        Some(name) if projects.len() == 1 => format!("project {}", visible(name)),
        _ => counted(projects.len() as u64, "project", "projects"),
    };
    let issues = counted(issues.len() as u64, "issue", "issues");
    let events = counted(events, "event", "events");
    screen.styled(Style::Dim, format!("{issues}, {events}, {projects}"))
}

/// That there is no vault, and how there will be one.
pub fn tell_missing(place: &Place, screen: &Screen) {
    let directory = place.directory.display().to_string();
    tell_first_steps(
        &format!("there is no vault in {}", visible(&directory)),
        screen,
    );
}

fn tell_first_steps(what: &str, screen: &Screen) {
    screen.note(format!(
        "{what}. A first event: `crashvault demo` shows how it looks, `crashvault add 'it works'` puts one in, and programs that install Crashvault put theirs"
    ));
}
