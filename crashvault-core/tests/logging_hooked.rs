//! `before_breadcrumb` sees what is logged as it sees the host's own breadcrumbs.

use std::cell::RefCell;

use crashvault::{Event, Level};
use tracing_subscriber::prelude::*;

thread_local!(static SEEN: RefCell<Vec<Event>> = const { RefCell::new(Vec::new()) });

#[test]
fn a_logged_breadcrumb_is_whole_for_the_hook() {
    let home = tempfile::tempdir().unwrap();
    crashvault::options()
        .vault(home.path())
        .drain(false)
        .before_breadcrumb(|mut crumb| {
            let items = crumb.data.get("items")?.as_u64()?;
            crumb.message = Some(format!("{} with {items}", crumb.message?));
            Some(crumb)
        })
        .before_send(|event| {
            SEEN.with(|seen| seen.borrow_mut().push(event));
            None
        })
        .install();
    let subscriber = tracing_subscriber::registry().with(crashvault::tracing::layer());
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(items = 3, "opened");
        tracing::info!("without items");
        tracing::error!("last");
    });
    let [event] = <[Event; 1]>::try_from(SEEN.take()).unwrap();
    assert_eq!(event.level, Level::Error);
    let [crumb] = &event.breadcrumbs[..] else {
        panic!("{:?}", event.breadcrumbs);
    };
    assert_eq!(crumb.message.as_deref(), Some("opened with 3"));
    assert_eq!(crumb.category.as_deref(), Some("logging_hooked"));
    assert!(crumb.timestamp.is_some());
}
