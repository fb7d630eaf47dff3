//! A future that runs in a scope of its own without a box around it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::capture::ScopeHandle;

/// Sees what a future ends with, in its scope.
pub trait Watch<T> {
    /// `output` goes on unchanged.
    fn see(&self, output: &T);
}

impl<T> Watch<T> for () {
    fn see(&self, _: &T) {}
}

pin_project! {
    /// A future that is polled, watched and dropped in its scope; the last also where it is cancelled.
    #[derive(Debug)]
    pub struct Scoped<F, W> {
        // None once it has ended: what it held is dropped in the scope too.
        #[pin]
        future: Option<F>,
        scope: Option<ScopeHandle>,
        watch: W,
    }

    impl<F, W> PinnedDrop for Scoped<F, W> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let (Some(scope), true) = (this.scope, this.future.is_some()) {
                scope.lend(|| this.future.set(None));
            }
        }
    }
}

impl<F, W> Scoped<F, W> {
    /// Without a scope the future runs in the scopes of the threads that poll it.
    pub(super) fn new(future: F, scope: Option<ScopeHandle>, watch: W) -> Self {
        Self {
            future: Some(future),
            scope,
            watch,
        }
    }
}

impl<F: Future, W: Watch<F::Output>> Future for Scoped<F, W> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let watch = this.watch;
        let mut poll = || {
            // A future that has ended is not to be polled again; that is no reason to panic.
            let Some(future) = this.future.as_mut().as_pin_mut() else {
                return Poll::Pending;
            };
            let output = ready!(future.poll(context));
            watch.see(&output);
            this.future.set(None);
            Poll::Ready(output)
        };
        match this.scope {
            Some(scope) => scope.lend(poll),
            None => poll(),
        }
    }
}
