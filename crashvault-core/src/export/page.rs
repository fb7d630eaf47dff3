//! Pages for people: Markdown and HTML of one issue, or a list of several with the first of them told.

use std::io::Write;

use super::sheet::{self, Block};
use super::{Counted, Job, classic, put, text};
use crate::error::Result;
use crate::issue::Issue;
use crate::store::IssueFilter;
use crate::time::Timestamp;

/// Issues in a list.
const LISTED_MAX: usize = 500;
/// Issues that are told behind it.
const TOLD_MAX: usize = 20;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Markdown,
    Html,
}

pub(super) fn write(
    job: &Job<'_>,
    form: Form,
    out: &mut dyn Write,
    counted: &mut Counted<'_>,
) -> Result<()> {
    let (issues, total) = issues(job)?;
    counted.report.issues = total;
    let title = match issues.as_slice() {
        [issue] if job.issues.is_some() => format!("Issue {}", issue.number),
        _ => format!("{total} issues"),
    };
    begin(form, &title, out)?;
    if let ([issue], true) = (issues.as_slice(), job.issues.is_some()) {
        counted.report.events = 1;
        put_blocks(form, &sheet::blocks(job, issue, 1)?, out)?;
        return end(form, job.at, out);
    }
    put_blocks(form, &list(&issues, total), out)?;
    for issue in issues.iter().take(TOLD_MAX) {
        counted.report.events += 1;
        put_blocks(form, &sheet::blocks(job, issue, 2)?, out)?;
    }
    end(form, job.at, out)
}

/// The issues that are listed, seen last or newest first, and how many there are.
fn issues(job: &Job<'_>) -> Result<(Vec<Issue>, u64)> {
    let Some(numbers) = job.issues else {
        let filter = IssueFilter::default().limit(LISTED_MAX);
        return Ok((job.store.issues(&filter)?, job.store.stats()?.issues));
    };
    let listed = numbers.iter().rev().take(LISTED_MAX);
    let issues = listed.map(|number| classic::issue(job.store, *number));
    let issues = issues.collect::<Result<Vec<_>>>()?;
    Ok((issues.into_iter().flatten().collect(), numbers.len() as u64))
}

fn list(issues: &[Issue], total: u64) -> Vec<Block> {
    let lines = issues.iter().map(|issue| {
        format!(
            "#{:<6} {:<7} {:<8} {:>8}  {}  {}",
            issue.number,
            issue.level.name(),
            issue.status.name(),
            issue.seen_count,
            issue.last_seen,
            text::line(&issue.title)
        )
    });
    let lines: Vec<String> = lines.collect();
    let mut blocks = vec![
        Block::Heading(1, format!("{total} issues"), None),
        Block::Note("Number, level, status, events, last seen, title.".into()),
        Block::Code(lines.join("\n")),
    ];
    let hidden = total.saturating_sub(issues.len() as u64);
    if hidden > 0 {
        blocks.push(Block::Note(format!("{hidden} more are not listed.")));
    }
    if total > TOLD_MAX as u64 {
        blocks.push(Block::Note(format!("The first {TOLD_MAX} follow.")));
    }
    blocks
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2128;background:#fff}\
h1,h2,h3{line-height:1.25}.of{color:#57606a;font-weight:400;overflow-wrap:anywhere}\
table{border-collapse:collapse}th{text-align:left;font-weight:400;color:#57606a;padding:.1rem 1rem .1rem 0;vertical-align:top;white-space:nowrap}td{overflow-wrap:anywhere}\
pre{background:#f6f8fa;padding:.75rem 1rem;overflow-x:auto;border-radius:6px;font:13px/1.45 ui-monospace,monospace}footer{color:#57606a;margin-top:3rem}\
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}pre{background:#161b22}th,.of,footer{color:#9198a1}}";

/// Nothing is fetched and no script runs, whatever a text says.
pub(super) fn begin(form: Form, title: &str, out: &mut dyn Write) -> Result<()> {
    match form {
        Form::Markdown => put(out, "<!-- crashvault -->\n\n"),
        Form::Html => put(
            out,
            &format!(
                "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
                <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
                <meta name=\"viewport\" content=\"width=device-width\">\n\
                <meta name=\"generator\" content=\"crashvault\">\n<title>{}</title>\n<style>{STYLE}</style>\n",
                text::html(title)
            ),
        ),
    }
}

pub(super) fn end(form: Form, at: Timestamp, out: &mut dyn Write) -> Result<()> {
    match form {
        Form::Markdown => put(out, &format!("Crashvault, {at}\n")),
        Form::Html => put(
            out,
            &format!("<footer>Crashvault, {at}</footer>\n</html>\n"),
        ),
    }
}

pub(super) fn put_blocks(form: Form, blocks: &[Block], out: &mut dyn Write) -> Result<()> {
    for block in blocks {
        let text = match form {
            Form::Markdown => markdown(block),
            Form::Html => html(block),
        };
        put(out, &text)?;
    }
    Ok(())
}

fn markdown(block: &Block) -> String {
    match block {
        Block::Heading(depth, name, None) => {
            format!("{} {name}\n\n", "#".repeat(usize::from(*depth)))
        }
        Block::Heading(depth, name, Some(of)) => format!(
            "{} {name}: {}\n\n",
            "#".repeat(usize::from(*depth)),
            text::code_span(of)
        ),
        Block::Rows(rows) => {
            let rows = rows
                .iter()
                .map(|(name, value)| format!("- {name}: {}\n", text::code_span(value)));
            rows.chain(["\n".to_owned()]).collect()
        }
        Block::Code(code) => format!("{}\n", text::code_block(code)),
        Block::Note(words) => format!("{words}\n\n"),
    }
}

fn html(block: &Block) -> String {
    match block {
        Block::Heading(depth, name, None) => {
            format!("<h{depth}>{}</h{depth}>\n", text::html(name))
        }
        Block::Heading(depth, name, Some(of)) => format!(
            "<h{depth}>{} <span class=\"of\">{}</span></h{depth}>\n",
            text::html(name),
            text::html(of)
        ),
        Block::Rows(rows) => {
            let rows = rows.iter().map(|(name, value)| {
                format!("<tr><th>{}<td>{}\n", text::html(name), text::html(value))
            });
            format!("<table>\n{}</table>\n", rows.collect::<String>())
        }
        Block::Code(code) => format!("<pre>{}</pre>\n", text::html(code)),
        Block::Note(words) => format!("<p>{}</p>\n", text::html(words)),
    }
}
