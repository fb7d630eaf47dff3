//! Programs that work on a vault until they are killed, each line that they print a thing done or an error.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crashvault::{
    ErrorKind, IssueFilter, IssueRef, Level, READER_DRAIN_MAX, Result, Search, Vault,
};

const WORDS: [&str; 12] = [
    "queue", "disk", "ledger", "socket", "invoice", "cache", "lock", "parser", "token", "printer",
    "clock", "index",
];

/// Does what `kind` says for ever; `false` if it says nothing of this.
pub fn run(vault: &str, kind: &str, number: usize) -> bool {
    let home = Path::new(vault);
    match kind {
        "writer" => write(vault, number),
        "reader" => repeat(|| read(home)),
        "drainer" => repeat(|| Vault::open(home)?.drain_all().map(drop)),
        "rebuilder" => repeat(|| Vault::open(home)?.rebuild().map(drop)),
        _ => return false,
    }
    true
}

/// Captures and prints each id when it has it. Writers of even numbers also drain by themselves;
/// one of them captures stacks, which take long to make readable in a build for tests.
fn write(vault: &str, number: usize) {
    crashvault::options()
        .vault(vault)
        .throttle(false)
        .drain(number.is_multiple_of(2))
        .stacks(number == 0)
        .install();
    for pass in number.. {
        crashvault::set_tag("pass", pass % 7);
        crashvault::breadcrumb("pass", &format!("pass {pass} of writer {number}"));
        let word = WORDS[pass % WORDS.len()];
        let level = if pass % 3 == 0 {
            Level::Warning
        } else {
            Level::Error
        };
        let id = crashvault::capture_message(&format!("the {word} of shop failed"), level);
        say(&id.to_string());
        std::thread::sleep(Duration::from_millis(30 + (pass % 11) as u64 * 5));
    }
}

fn repeat(work: impl Fn() -> Result<()>) {
    loop {
        match work() {
            Ok(()) => say("done"),
            Err(error) => say(&format!("{}: {error}", error.kind().name())),
        }
    }
}

/// What `list`, `search` and `show` do.
fn read(home: &Path) -> Result<()> {
    let mut vault = Vault::open(home)?;
    vault.drain(READER_DRAIN_MAX)?;
    vault.issues(&IssueFilter::default())?;
    let found = vault.search(&Search::new(
        "is:unresolved (ledger OR cache) pass:[1, 2, 3]",
    ))?;
    vault.search_events(&Search::new("level:>=error \"of shop\"").limit(5))?;
    if let Some(issue) = found.issues.first() {
        let number = IssueRef::Number(issue.number);
        vault.activities(&number)?;
        vault.values(&number, 10)?;
        let events = vault.events(&issue.id, 5)?;
        for event in events {
            vault.event(event.event.event_id)?;
        }
        let counted: u64 = vault.hours(&number)?.iter().map(|(_, count)| count).sum();
        if counted < issue.seen_count {
            let message = format!("{counted} by hour, {} in all", issue.seen_count);
            return Err(crashvault::Error::new(ErrorKind::Internal, "read", message));
        }
    }
    Ok(())
}

fn say(line: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(format!("{line}\n").as_bytes());
    let _ = out.flush();
}
