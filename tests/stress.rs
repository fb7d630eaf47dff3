//! Fifteen processes and their sudden deaths on one vault: `CRASHVAULT_STRESS_SECONDS=60` for the full run.
//!
//! Writers capture, readers list, search and show, others drain and rebuild, all without a pause; any of them is killed at
//! any time and started again. What a writer was told is kept is in the vault once.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crashvault::{IssueFilter, Vault};
use crashvault_tests::generated::Chance;
use crashvault_tests::healthy;

const ROLES: [(&str, usize); 4] = [
    ("writer", 8),
    ("reader", 4),
    ("drainer", 2),
    ("rebuilder", 1),
];
const SECONDS: u64 = 8;

/// A process, and what it prints.
struct Running {
    role: &'static str,
    number: usize,
    child: Child,
    lines: JoinHandle<Vec<String>>,
}

impl Running {
    fn start(home: &Path, role: &'static str, number: usize) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_survivor"))
            .arg(home)
            .args([role, &number.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let lines = std::thread::spawn(move || whole_lines(out));
        Self {
            role,
            number,
            child,
            lines,
        }
    }

    /// Kills it and adds what it said.
    fn kill(mut self, said: &mut Said) {
        let ended = self.child.try_wait().unwrap();
        assert!(
            ended.is_none(),
            "a {} ended by itself: {ended:?}",
            self.role
        );
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        said.add(self.role, self.lines.join().unwrap());
    }
}

/// The last line may have been cut off by the kill.
fn whole_lines(out: impl Read) -> Vec<String> {
    let mut out = BufReader::new(out);
    let mut lines = Vec::new();
    let mut line = String::new();
    while out.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
        lines.push(line.trim().to_owned());
        line.clear();
    }
    lines
}

#[derive(Default)]
struct Said {
    acknowledged: Vec<String>,
    done: BTreeMap<&'static str, u64>,
    errors: BTreeMap<(&'static str, String), u64>,
}

impl Said {
    fn add(&mut self, role: &'static str, lines: Vec<String>) {
        for line in lines {
            let is_nil = line.bytes().all(|byte| byte == b'0');
            match role {
                "writer" if !is_nil => self.acknowledged.push(line),
                _ if line == "done" => *self.done.entry(role).or_default() += 1,
                _ => *self.errors.entry((role, line)).or_default() += 1,
            }
        }
    }
}

/// Runs all of them for so long, one after the other killed and started again. How many were killed.
fn run(home: &Path, seconds: u64, said: &mut Said) -> u64 {
    let begun = Instant::now();
    let mut chance = Chance::new(u64::from(std::process::id()));
    let all = ROLES
        .iter()
        .flat_map(|(role, count)| (0..*count).map(move |number| (*role, number)));
    let mut running: Vec<Running> = all
        .map(|(role, number)| Running::start(home, role, number))
        .collect();
    let mut killed = 0;
    while begun.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(Duration::from_millis(chance.below(500)));
        let victim = running.swap_remove(chance.below(running.len() as u64) as usize);
        let (role, number) = (victim.role, victim.number);
        victim.kill(said);
        running.push(Running::start(home, role, number));
        killed += 1;
    }
    running.into_iter().for_each(|process| process.kill(said));
    killed
}

/// The ids of all events, each once.
fn event_ids(vault: &Vault) -> HashSet<String> {
    let issues = vault.issues(&IssueFilter::default().limit(1000)).unwrap();
    let mut ids = HashSet::new();
    for issue in issues {
        let events = vault.events(&issue.id, 1_000_000).unwrap();
        assert_eq!(events.len() as u64, issue.seen_count);
        for stored in events {
            assert!(
                ids.insert(stored.event.event_id.to_string()),
                "twice: {stored:?}"
            );
        }
    }
    ids
}

/// What [`Vault::drain`] and [`Vault::rebuild`] say of a store whose turn did not come for five seconds: the events stay in
/// the journal, the old state stays.
fn is_documented(error: &str) -> bool {
    error.starts_with("Busy: commit: another process is writing")
        || error.starts_with("Busy: rebuild: another process is writing")
}

#[test]
fn nothing_is_lost_or_doubled_among_killed_processes() {
    let seconds = std::env::var("CRASHVAULT_STRESS_SECONDS").map_or(SECONDS, |text| {
        text.parse().expect("CRASHVAULT_STRESS_SECONDS is a number")
    });
    let home = tempfile::tempdir().unwrap();
    let mut said = Said::default();
    let killed = run(home.path(), seconds, &mut said);
    let mut vault = Vault::open(home.path()).unwrap();
    let waited = vault.drain_all().unwrap();
    let ids = event_ids(&vault);
    println!(
        "{seconds} s: {} acknowledged, {} in the vault ({} of them drained at the end), {killed} killed, done: {:?}, \
         errors: {:?}",
        said.acknowledged.len(),
        ids.len(),
        waited.events_new,
        said.done,
        said.errors,
    );
    assert!(said.acknowledged.len() > 100, "the writers wrote");
    let lost = said.acknowledged.iter().filter(|id| !ids.contains(*id));
    assert_eq!(lost.count(), 0, "all that was acknowledged is there");
    let mut unexpected = said
        .errors
        .keys()
        .filter(|(_, error)| !is_documented(error));
    assert_eq!(unexpected.next(), None);
    // Others may drain all the time: a drainer that waits for its turn is none that fails.
    for role in ["reader", "rebuilder"] {
        assert!(said.done.contains_key(role), "a {role} got its work done");
    }
    assert_eq!(vault.verify().unwrap(), [""; 0]);
    healthy(&vault);
    let left = std::fs::read_dir(home.path().join("journal"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "all segments are drained and gone");
    vault.rebuild().unwrap();
    assert_eq!(event_ids(&vault), ids);
}
