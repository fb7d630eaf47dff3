//! A program that logs with `tracing`, with one line more: its error is kept with the spans it was in and what was logged
//! before. What it prints stays as it was.
//!
//! ```text
//! cargo run -p rust-tracing; cargo run -p crashvault-cli -- show 1
//! ```

use std::error::Error;
use std::fmt;
use std::io;

use tracing_subscriber::prelude::*;

/// Why an order was not paid for.
#[derive(Debug)]
struct PaymentError {
    source: io::Error,
}

impl fmt::Display for PaymentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the card was not charged")
    }
}

impl Error for PaymentError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

#[tracing::instrument(skip(cents))]
fn handle_order(order: u32, cents: u32) {
    tracing::info!(items = 3, "the order is complete");
    if let Err(error) = charge("acme-pay", cents) {
        report(order, &error);
    }
}

#[tracing::instrument]
fn charge(provider: &str, cents: u32) -> Result<(), PaymentError> {
    tracing::warn!(attempt = 1, provider, "the provider is slow");
    let source = io::Error::new(io::ErrorKind::TimedOut, "no answer within 2 s");
    Err(PaymentError { source })
}

fn report(order: u32, error: &PaymentError) {
    let cause: &(dyn Error + 'static) = error;
    tracing::error!(error = cause, order, tags.shop = "north", "not paid");
}

fn main() {
    crashvault::options()
        .release(crashvault::release!())
        .install();
    tracing_subscriber::registry()
        .with(
            tracing_subscriber::fmt::layer()
                .without_time()
                .with_ansi(false),
        )
        .with(crashvault::tracing::layer())
        .init();
    tracing::debug!("this is nobody's breadcrumb");
    handle_order(4711, 1999);
}
