//! Scopes that go along with tokio's tasks.
//!
//! ```no_run
//! # async fn index(_: u32) {}
//! # async fn shop() {
//! crashvault::set_tag("cart", 7);
//! let task = crashvault::tokio::spawn(async {
//!     // what is captured in here carries the tag, and says where the task was spawned
//!     index(7).await
//! });
//! task.await.unwrap(); // tokio's own handle
//! # }
//! ```
//!
//! Futures that share a task, as in `join!` and `select!`, get scopes of their own by
//! [`in_scope`](crate::ScopeFutureExt::in_scope).

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use ::tokio::task::{self, JoinHandle};
use serde_json::json;

use super::scoped::Scoped;
use crate::capture::{Late, ScopeHandle, is_capturing};
use crate::event::wire::{Encoder, Field, json_item};
use crate::event::{Level, limits};

/// Spawns a task that runs in a copy of the current scope.
///
/// What is captured in it, a panic too, has a context `task` with the place of this call and tokio's id of the task.
///
/// # Panics
/// Outside of a tokio runtime, as `tokio::spawn` does.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let scope = scope_of_task(Location::caller());
    task::spawn(Scoped::new(future, scope, ()))
}

/// The same on the thread's `LocalSet`, for a future that cannot move to another thread.
///
/// # Panics
/// Outside of a `LocalSet`, as `tokio::task::spawn_local` does.
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let scope = scope_of_task(Location::caller());
    task::spawn_local(Scoped::new(future, scope, ()))
}

/// Runs `work`, which may block, on a thread that is made for that, in a copy of the current scope.
///
/// # Panics
/// Outside of a tokio runtime, as `tokio::task::spawn_blocking` does.
#[track_caller]
pub fn spawn_blocking<T, W>(work: W) -> JoinHandle<T>
where
    W: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let scope = scope_of_task(Location::caller());
    task::spawn_blocking(move || match scope {
        Some(mut scope) => scope.lend(work),
        None => work(),
    })
}

fn scope_of_task(spawned_at: &'static Location<'static>) -> Option<ScopeHandle> {
    is_capturing().then(|| ScopeHandle::current().of_task(Arc::new(Task { spawned_at })))
}

/// What tells one task from another: the names of tokio's threads are all alike.
struct Task {
    spawned_at: &'static Location<'static>,
}

impl Late for Task {
    fn encode(&self, encoder: &mut Encoder<'_>, _: Level) {
        let mut context = json!({"spawned_at": self.spawned_at.to_string()});
        if let Some(id) = task::try_id() {
            context["id"] = id.to_string().into();
        }
        let bytes_max = limits::CONTEXT_BYTES_MAX;
        json_item(encoder, Field::Context as u8, "task", &context, bytes_max);
    }
}
