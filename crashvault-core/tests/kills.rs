//! Writing processes that are killed at any moment: `CRASHVAULT_KILLS=10000` for the full run.
//!
//! Whatever was acknowledged is in the vault once, nothing torn is seen, and each process that was killed while it wrote
//! left one note of its end.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crashvault::{IssueFilter, Vault};

mod program;

use program::program;

const KILLS: usize = 120;
/// Processes that write at once.
const WRITERS: usize = 4;
/// Events beyond which a vault is looked at and a new one begun, as looking costs time for each of them.
const EVENTS_MAX: usize = 20_000;

/// Starts some writers, kills each after its time, and returns what they were told.
fn kill_writers(home: &Path, micros: [u64; WRITERS]) -> Vec<String> {
    let writers: Vec<_> = micros
        .into_iter()
        .map(|micros| {
            let mut child = Command::new(program("crasher"))
                .args([home.to_str().unwrap(), "write"])
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::spawn(move || {
                let lines = BufReader::new(child.stdout.take().unwrap()).lines();
                let reader = std::thread::spawn(move || lines.map_while(Result::ok).collect());
                std::thread::sleep(Duration::from_micros(micros));
                child.kill().unwrap();
                child.wait().unwrap();
                let said: Vec<String> = reader.join().unwrap();
                said
            })
        })
        .collect();
    writers
        .into_iter()
        .flat_map(|writer| writer.join().unwrap())
        .filter(|line| line.len() == 32)
        .collect()
}

/// The vault opens, and holds all that was acknowledged once.
fn check(home: &Path, acknowledged: &HashSet<String>, kills: usize) {
    let mut vault = Vault::open(home).unwrap();
    let report = vault.drain_all().unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut ends = 0;
    for issue in vault
        .issues(&IssueFilter::default().limit(100_000))
        .unwrap()
    {
        for stored in vault.events(&issue.id, 1_000_000).unwrap() {
            let event = stored.event;
            assert!(event.flaws.is_empty(), "{:?}", event.flaws);
            if event.title().starts_with("ended without notice") {
                ends += 1;
            } else {
                assert!(event.title().starts_with("message "), "{}", event.title());
            }
            *seen.entry(event.event_id.to_string()).or_default() += 1;
        }
    }
    assert!(
        seen.values().all(|count| *count == 1),
        "an event is there twice"
    );
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|id| !seen.contains_key(*id))
        .collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert!(ends <= kills, "{ends} notes of {kills} ends");
    let left = std::fs::read_dir(home.join("journal")).map_or(0, Iterator::count);
    // A writer may be killed between making a file and naming it; such files go after a while.
    assert!(left <= kills, "{left} files are left");
}

#[test]
fn what_was_acknowledged_outlives_any_kill() {
    let kills: usize = std::env::var("CRASHVAULT_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(KILLS);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut chance = move |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    };
    let (mut done, mut all) = (0, 0);
    while done < kills {
        let home = tempfile::tempdir().unwrap();
        let (mut acknowledged, mut here) = (HashSet::new(), 0);
        while done < kills && acknowledged.len() < EVENTS_MAX && here < 1000 {
            // From before a process has installed anything to some hundreds of captures.
            let micros = [(); WRITERS].map(|()| {
                let bound = if chance(4) == 0 { 40_000 } else { 12_000 };
                chance(bound)
            });
            acknowledged.extend(kill_writers(home.path(), micros));
            done += WRITERS;
            here += WRITERS;
        }
        check(home.path(), &acknowledged, here);
        all += acknowledged.len();
    }
    println!("{done} kills, {all} acknowledged");
    assert!(all > kills, "they did write: {all}");
}
