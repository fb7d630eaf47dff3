//! What the vault holds, as JSON: issues, events with their files, and items.

use std::sync::Arc;

use axum::extract::{Path, Request, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use crashvault::{
    Attachment, Cursor, EventId, Issue, IssueRef, Item, ItemFilter, Result, Search, StoredEvent,
    Vault,
};
use serde_json::{Value, json};

use crate::auth::{self, parameter};
use crate::readers::Readers;
use crate::refusal::{Refusal, json_response};
use crate::state::State;

type Answer = std::result::Result<Response, Refusal>;

/// Entries of a page, and at most so many.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 100;
/// The content of an item that is longer is asked for by itself.
const INLINE_BYTES_MAX: u64 = 64 * 1024;

/// What a list is asked for.
struct Page {
    query: String,
    limit: usize,
    cursor: Option<String>,
    kind: Option<String>,
    project: Option<String>,
}

impl Page {
    fn of(request: &Request) -> std::result::Result<Self, Refusal> {
        let query = request.uri().query().unwrap_or_default();
        let limit = match parameter(query, "limit") {
            None => LIMIT,
            Some(limit) => limit
                .parse()
                .ok()
                .filter(|limit| (1..=LIMIT_MAX).contains(limit))
                .ok_or_else(|| {
                    Refusal::bad(
                        format!("limit {limit:?} is no number from 1 to {LIMIT_MAX}"),
                        "leave it out for 50",
                    )
                })?,
        };
        Ok(Self {
            query: parameter(query, "query").unwrap_or_default(),
            limit,
            cursor: parameter(query, "cursor").filter(|cursor| !cursor.is_empty()),
            kind: parameter(query, "kind"),
            project: parameter(query, "project"),
        })
    }

    fn search(&self) -> Result<Search> {
        let search = Search::new(&self.query).limit(self.limit);
        Ok(match &self.cursor {
            Some(cursor) => search.after(&cursor.parse::<Cursor>()?),
            None => search,
        })
    }
}

/// Where reading from other machines is concerned, nobody may yet: keys open the way in alone.
fn may_read(state: &State) -> std::result::Result<(), Refusal> {
    match state.demands_key {
        false => Ok(()),
        true => Err(Refusal::forbidden(
            "a project's key sends, it does not read",
            "read on the server itself: `crashvault list`, or a server on 127.0.0.1",
        )),
    }
}

async fn answer(
    state: &Arc<State>,
    work: impl FnOnce(&Vault) -> Result<Value> + Send + 'static,
) -> Answer {
    may_read(state)?;
    let value = Readers::read(state, work).await?;
    Ok(json_response(StatusCode::OK, &value))
}

/// `GET /api/v1/events?query=&limit=&cursor=`, newest first.
pub(crate) async fn events(Shared(state): Shared<Arc<State>>, request: Request) -> Answer {
    let page = Page::of(&request)?;
    answer(&state, move |vault| {
        let found = vault.search_events(&page.search()?)?;
        let events: Vec<Value> = found.events.iter().map(line).collect();
        let next = found.next.map(|next| next.to_string());
        Ok(json!({"events": events, "next": next}))
    })
    .await
}

/// `GET /api/v1/issues?query=&limit=&cursor=`, those seen last first.
pub(crate) async fn issues(Shared(state): Shared<Arc<State>>, request: Request) -> Answer {
    let page = Page::of(&request)?;
    answer(&state, move |vault| {
        let found = vault.search(&page.search()?)?;
        let issues: Vec<Value> = found.issues.iter().map(issue).collect();
        let next = found.next.map(|next| next.to_string());
        Ok(json!({"issues": issues, "next": next}))
    })
    .await
}

/// `GET /api/v1/issues/{reference}`: by id, or by number.
pub(crate) async fn one_issue(
    Shared(state): Shared<Arc<State>>,
    Path(reference): Path<String>,
) -> Answer {
    answer(&state, move |vault| {
        let reference: IssueRef = reference.parse()?;
        Ok(issue(&vault.issue(&reference)?))
    })
    .await
}

fn event_id(text: &str) -> std::result::Result<EventId, Refusal> {
    text.parse().map_err(|_| {
        let hint = "an id has 32 hexadecimal digits, with or without hyphens";
        Refusal::bad(format!("{text:?} is no event's id"), hint)
    })
}

/// `GET /api/v1/events/{id}`: the event as stored.
pub(crate) async fn one_event(Shared(state): Shared<Arc<State>>, Path(id): Path<String>) -> Answer {
    let id = event_id(&id)?;
    answer(&state, move |vault| Ok(vault.event(id)?.event.to_value())).await
}

/// `GET /api/v1/events/{id}/attachments`: also of feedback, which is named like an event.
pub(crate) async fn attachments(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Answer {
    let id = event_id(&id)?;
    answer(&state, move |vault| {
        let files = vault.attachments(id)?;
        let files: Vec<Value> = files.iter().map(attachment).collect();
        Ok(json!({ "attachments": files }))
    })
    .await
}

/// `GET /api/v1/events/{id}/attachments/{attachment}`: the file's content.
pub(crate) async fn one_attachment(
    Shared(state): Shared<Arc<State>>,
    Path((id, number)): Path<(String, u64)>,
) -> Answer {
    may_read(&state)?;
    let id = event_id(&id)?;
    let found = Readers::read(&state, move |vault| {
        let files = vault.attachments(id)?;
        let file = files.into_iter().find(|file| file.id == number);
        file.map(|file| vault.read_attachment(&file)).transpose()
    });
    let content = found.await?;
    let content = content.ok_or_else(|| Refusal::missing(format!("there is no file {number}")))?;
    Ok(raw(content))
}

/// `GET /api/v1/items?kind=&project=&limit=&cursor=`, newest first.
pub(crate) async fn items(Shared(state): Shared<Arc<State>>, request: Request) -> Answer {
    let page = Page::of(&request)?;
    let mut filter = ItemFilter::default().limit(page.limit);
    filter.kind = page.kind;
    filter.project = page.project;
    if let Some(cursor) = &page.cursor {
        let before = cursor.parse().map_err(|_| {
            Refusal::bad(
                format!("{cursor:?} is no cursor"),
                "use `next` of the page before",
            )
        })?;
        filter = filter.before(before);
    }
    answer(&state, move |vault| {
        let found = vault.items(&filter)?;
        let last = found.last().filter(|_| found.len() == filter.limit);
        let next = last.map(|item| item.id.to_string());
        let items = found.iter().map(|one| item(vault, one));
        let items: Vec<Value> = items.collect::<Result<_>>()?;
        Ok(json!({"items": items, "next": next}))
    })
    .await
}

/// `GET /api/v1/items/{id}`: the item's content, as it was sent but for its secrets.
pub(crate) async fn one_item(Shared(state): Shared<Arc<State>>, Path(id): Path<u64>) -> Answer {
    may_read(&state)?;
    let read = Readers::read(&state, move |vault| vault.read_item(&vault.item(id)?));
    Ok(raw(read.await?))
}

/// Bytes that somebody sent: never to be shown by a browser as a page.
fn raw(bytes: Vec<u8>) -> Response {
    let kind = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment"),
    ];
    (StatusCode::OK, kind, bytes).into_response()
}

/// `GET /api/v1/projects`.
pub(crate) async fn projects(Shared(state): Shared<Arc<State>>) -> Answer {
    may_read(&state)?;
    let projects = state.projects.list();
    let projects: Vec<Value> = projects
        .iter()
        .map(|project| json!({"id": project.id, "name": project.name}))
        .collect();
    Ok(json_response(
        StatusCode::OK,
        &json!({ "projects": projects }),
    ))
}

/// `GET /health`: the process answers.
pub(crate) async fn health() -> Response {
    let version = env!("CARGO_PKG_VERSION");
    let value = json!({"status": "ok", "service": "crashvault", "version": version});
    json_response(StatusCode::OK, &value)
}

/// `GET /ready`: events are taken, and the vault takes them in.
pub(crate) async fn ready(Shared(state): Shared<Arc<State>>) -> Answer {
    state
        .intake
        .check()
        .map_err(|error| Refusal::full(&error))?;
    match state.digester.failure() {
        None => Ok(json_response(StatusCode::OK, &json!({"status": "ready"}))),
        Some(failure) => Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Unavailable",
            format!("events wait in the journal: {failure}"),
            "`crashvault doctor` tells more",
        )),
    }
}

/// An event in a list.
fn line(stored: &StoredEvent) -> Value {
    let event = &stored.event;
    json!({
        "event_id": event.event_id.to_string(),
        "issue": stored.issue.to_string(),
        "issue_number": stored.issue_number,
        "project": event.project(),
        "level": event.level.name(),
        "title": event.title(),
        "culprit": event.culprit(),
        "platform": event.platform,
        "timestamp": event.timestamp.map(|time| time.to_string()),
        "received_at": stored.received_at.to_string(),
        "release": event.release,
        "environment": event.environment,
        "tags": event.tags,
    })
}

fn issue(issue: &Issue) -> Value {
    json!({
        "id": issue.id.to_string(),
        "number": issue.number,
        "project": issue.project,
        "status": issue.status.name(),
        "level": issue.level.name(),
        "title": issue.title,
        "culprit": issue.culprit,
        "platform": issue.platform,
        "first_seen": issue.first_seen.to_string(),
        "last_seen": issue.last_seen.to_string(),
        "seen_count": issue.seen_count,
        "user_count": issue.user_count,
        "last_event": issue.last_event.to_string(),
        "state": issue.state.to_value(),
    })
}

fn attachment(file: &Attachment) -> Value {
    json!({
        "id": file.id,
        "name": file.name,
        "content_type": file.content_type,
        "kind": file.kind,
        "size_bytes": file.size_bytes,
        "hash": file.hash_hex(),
        "added_at": file.added_at.to_string(),
    })
}

fn item(vault: &Vault, item: &Item) -> Result<Value> {
    let content: Option<Value> = match item.size_bytes <= INLINE_BYTES_MAX {
        true => serde_json::from_slice(&vault.read_item(item)?).ok(),
        false => None,
    };
    Ok(json!({
        "id": item.id,
        "kind": item.kind,
        "project": item.project,
        "event": item.event.map(|id| id.to_string()),
        "received_at": item.received_at.to_string(),
        "head": item.head,
        "size_bytes": item.size_bytes,
        "content": content,
    }))
}

/// What is asked for by nobody.
pub(crate) async fn nothing(request: Request) -> Refusal {
    Refusal::missing(format!(
        "there is nothing at {}",
        auth::decoded(request.uri().path())
    ))
}
