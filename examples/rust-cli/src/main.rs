//! A command that adds up a list of prices. Whatever error its `main` returns is captured on the way out; what the command
//! prints and its exit code stay as they were.
//!
//! ```text
//! cargo run -p rust-cli -- prices.txt; cargo run -p crashvault-cli -- show 1
//! ```

use std::fs;

use anyhow::{Context, bail};
use crashvault::anyhow::AnyhowExt;

fn main() -> anyhow::Result<()> {
    crashvault::options()
        .release(crashvault::release!())
        .install();
    run().capture()
}

fn run() -> anyhow::Result<()> {
    let Some(path) = std::env::args().nth(1) else {
        bail!("usage: rust-cli FILE [--token TOKEN]");
    };
    crashvault::breadcrumb("prices", "reading the list");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    println!("{}", total(&text)?);
    Ok(())
}

fn total(text: &str) -> anyhow::Result<u64> {
    let prices = text.lines().enumerate();
    prices
        .map(|(index, line)| price(line).with_context(|| format!("line {} is no price", index + 1)))
        .sum()
}

fn price(line: &str) -> anyhow::Result<u64> {
    Ok(line.trim().parse()?)
}
