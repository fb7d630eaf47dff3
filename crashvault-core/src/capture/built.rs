//! Events that leave as JSON: what the scope adds to them, what must not be in them, and how they are made to fit.

use crate::event::{Event, Flaw, Object, filter_forbidden, is_forbidden_key, limits};
use crate::journal::FRAME_HEADER_BYTES;

/// Replaces the body by the event's JSON, within the record's limit.
pub(super) fn put_json(frame: &mut Vec<u8>, mut event: Event) {
    for flaw in &mut event.flaws {
        let key = flaw.field.rsplit('.').next().unwrap_or_default();
        if is_forbidden_key(key) && flaw.value.is_some() {
            flaw.value = Some(limits::FILTERED.into());
        }
    }
    let mut json = filtered_json(&event);
    if json.len() > limits::RECORD_BYTES_MAX {
        json = filtered_json(&shortened(event));
    }
    frame.truncate(FRAME_HEADER_BYTES);
    frame.extend_from_slice(&json);
}

/// Forbidden keys never reach the journal, whoever wrote them and wherever in the event they stand.
fn filtered_json(event: &Event) -> Vec<u8> {
    let mut value = event.to_value();
    filter_forbidden(&mut value);
    // A value always serializes: its keys are texts.
    serde_json::to_vec(&value).unwrap_or_default()
}

/// Leaves out the bulky parts, one after the other, until the event fits; says so.
fn shortened(mut event: Event) -> Event {
    let flaw = |field: &str| {
        Flaw::new(
            field,
            format!(
                "left out: the event is longer than {} bytes",
                limits::RECORD_BYTES_MAX
            ),
        )
    };
    type Part = (&'static str, fn(&mut Event));
    let parts: [Part; 9] = [
        ("extra", |event| event.extra.clear()),
        ("other", |event| event.other.clear()),
        ("request", |event| event.request = None),
        ("vars", |event| {
            let frames = event.stacktraces_mut().flat_map(|trace| &mut trace.frames);
            frames.for_each(|frame| frame.other.clear());
        }),
        ("debug_meta", |event| event.images.clear()),
        ("threads", |event| event.threads.clear()),
        ("breadcrumbs", |event| event.breadcrumbs.clear()),
        ("contexts", |event| {
            event.contexts.retain(|name, _| name == "crashvault")
        }),
        ("tags", |event| event.tags.clear()),
    ];
    event.message = event
        .message
        .map(|text| limits::cut(&text, limits::MESSAGE_BYTES_MAX).into_owned());
    for exception in &mut event.exceptions {
        exception.value = exception
            .value
            .take()
            .map(|text| limits::cut(&text, limits::MESSAGE_BYTES_MAX).into_owned());
    }
    for (field, leave_out) in parts {
        if event.to_json().len() <= limits::RECORD_BYTES_MAX {
            break;
        }
        leave_out(&mut event);
        event.flaws.push(flaw(field));
    }
    if event.to_json().len() > limits::RECORD_BYTES_MAX {
        let mut short = Event::new();
        (short.level, short.timestamp) = (event.level, event.timestamp);
        short.message = Some(limits::cut(&event.title(), limits::MESSAGE_BYTES_MAX).into_owned());
        short.flaws.push(flaw("event"));
        return short;
    }
    event
}

/// The scope's and the process's data under what the event itself says.
pub(super) fn merge(base: Event, mut event: Event) -> Event {
    let mut tags = base.tags;
    tags.append(&mut event.tags);
    event.tags = tags;
    let under = |base: Object, own: &mut Object| {
        let mut map = base;
        map.append(own);
        *own = map;
    };
    under(base.contexts, &mut event.contexts);
    under(base.extra, &mut event.extra);
    let mut crumbs = base.breadcrumbs;
    crumbs.append(&mut event.breadcrumbs);
    event.breadcrumbs = crumbs;
    event.user = event.user.or(base.user);
    event.request = event.request.or(base.request);
    event.transaction = event.transaction.or(base.transaction);
    event.release = event.release.or(base.release);
    event.environment = event.environment.or(base.environment);
    event.dist = event.dist.or(base.dist);
    event.server_name = event.server_name.or(base.server_name);
    event.sdk = event.sdk.or(base.sdk);
    if event.fingerprint.is_empty() {
        event.fingerprint = base.fingerprint;
    }
    event.flaws.extend(base.flaws);
    event
}
