//! Real Bugsink, from its package, takes what a vault is reported as, and shows it as it was.
//!
//! `cargo xtask test --install` installs it into the target directory; where it is not, this is skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crashvault::{Error, Event, EventId, NewAttachment, Search, StoredEvent, Vault};
use crashvault_notify::{Dsn, ReportEnd, ReportOptions, report};
use crashvault_tests::{files_below, repository, skip};
use serde_json::Value;
use tempfile::TempDir;

/// What it shows of each event: what its pages are made of.
const SHOWN: &str = "
import json
from events.models import Event
for event in Event.objects.order_by('digest_order'):
    print('EVENT', json.dumps({
        'event_id': event.event_id.hex,
        'issue': event.issue.digest_order,
        'type': event.calculated_type,
        'value': event.calculated_value,
        'function': event.last_frame_function,
        'level': event.level,
        'release': event.release,
        'tags': {tag.value.key.key: tag.value.value for tag in event.tags.all()},
        'data': json.loads(event.get_raw_data()),
    }))
";

const MAKE_PROJECT: &str = "
from projects.models import Project
print('DSN', Project.objects.create(name='shop').dsn)
";

struct Bugsink {
    programs: PathBuf,
    home: TempDir,
    server: Child,
    dsn: String,
}

impl Bugsink {
    /// One with a project, on a port of its own; `None` where it is not installed.
    fn start() -> Option<Self> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
        let programs = target.join("bugsink/bin");
        if !programs.join("bugsink-manage").is_file() {
            return None;
        }
        let home = tempfile::tempdir().unwrap();
        let conf = ["--template=local", "--host=127.0.0.1", "--port=1"];
        run(&programs, home.path(), "bugsink-create-conf", &conf);
        run(&programs, home.path(), "bugsink-manage", &["migrate"]);
        let snappea = ["migrate", "snappea", "--database=snappea"];
        run(&programs, home.path(), "bugsink-manage", &snappea);
        let made = run(
            &programs,
            home.path(),
            "bugsink-manage",
            &["shell", "-c", MAKE_PROJECT],
        );
        let made = made
            .lines()
            .find_map(|line| line.strip_prefix("DSN "))
            .expect("a DSN")
            .to_owned();
        let words = ["bugsink.wsgi", "--bind", "127.0.0.1:0", "--workers", "1"];
        let mut server = command(&programs, home.path(), "gunicorn", &words)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("Listening at: http://127.0.0.1:")?;
                Some(rest.split(' ').next()?.to_owned())
            })
            .expect("it says where it listens");
        // It must never wait for somebody to read what else it says.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self {
            dsn: made.replace("127.0.0.1:1/", &format!("127.0.0.1:{port}/")),
            programs,
            home,
            server,
        })
    }

    fn shown(&self) -> Vec<Value> {
        let said = run(
            &self.programs,
            self.home.path(),
            "bugsink-manage",
            &["shell", "-c", SHOWN],
        );
        let events = said.lines().filter_map(|line| line.strip_prefix("EVENT "));
        events
            .map(|event| serde_json::from_str(event).unwrap())
            .collect()
    }
}

impl Drop for Bugsink {
    fn drop(&mut self) {
        // SAFETY: `kill` takes two numbers; the child is ours and not yet waited for.
        unsafe { libc::kill(self.server.id() as libc::pid_t, libc::SIGTERM) };
        let _ = self.server.wait();
    }
}

fn command(programs: &Path, home: &Path, program: &str, words: &[&str]) -> Command {
    let mut command = Command::new(programs.join(program));
    command
        .args(words)
        .current_dir(home)
        .env("HOME", home)
        .env("PYTHONPATH", home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(programs: &Path, home: &Path, program: &str, words: &[&str]) -> String {
    let output = command(programs, home, program, words).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// A vault with what real SDKs sent, each twice under ids of its own, and with what a real Rust program captured.
fn filled(home: &Path) -> Vault {
    let survivor = Command::new(env!("CARGO_BIN_EXE_survivor"))
        .args([home.to_str().unwrap(), "located"])
        .output();
    assert!(survivor.unwrap().status.success());
    let mut vault = Vault::open(home).unwrap();
    vault.drain_all().unwrap();
    let corpus = repository().join("tests/corpus/sentry-events");
    for (file, number) in files_below(&corpus).iter().zip(1u8..) {
        for copy in [1, 2] {
            let mut event = Event::from_json(&std::fs::read(file).unwrap()).unwrap();
            event.event_id = EventId::from_bytes([copy * 0x40 + number; 16]);
            vault.add(event).unwrap();
        }
    }
    vault
}

fn all(vault: &Vault) -> BTreeMap<String, StoredEvent> {
    let found = vault.search_events(&Search::new("").limit(1000)).unwrap();
    let named = found
        .events
        .into_iter()
        .map(|stored| (stored.event.event_id.to_string(), stored));
    named.collect()
}

fn failed(vault: &mut Vault, dsn: &str) -> Error {
    let dsn: Dsn = dsn.parse().unwrap();
    report(vault, &dsn, &ReportOptions::new().anew(true)).unwrap_err()
}

#[test]
fn bugsink_shows_what_a_vault_reports() {
    let Some(bugsink) = Bugsink::start() else {
        let reason =
            "missing tool: Bugsink; `cargo xtask test --install` installs it where Python 3 is";
        return skip("bugsink_shows_what_a_vault_reports", reason);
    };
    let home = tempfile::tempdir().unwrap();
    let mut vault = filled(home.path());
    let stored = all(&vault);
    let with_file = stored.values().next().unwrap().event.event_id;
    vault
        .attach(with_file, &NewAttachment::new("app.log", "it began well"))
        .unwrap();
    let dsn: Dsn = bugsink.dsn.parse().unwrap();

    let outcome = report(&mut vault, &dsn, &ReportOptions::new()).unwrap();
    assert_eq!(
        (outcome.end, outcome.waiting_count),
        (ReportEnd::Done, 0),
        "{outcome:?}"
    );
    assert_eq!(outcome.sent_count, stored.len() as u64, "{outcome:?}");
    let shown = bugsink.shown();
    check_whole(&stored, &shown);
    check_grouping(&stored, &shown);

    // What arrives twice is one.
    let again = report(&mut vault, &dsn, &ReportOptions::new().anew(true)).unwrap();
    assert_eq!(
        (again.end, again.refused_count),
        (ReportEnd::Done, 0),
        "{again:?}"
    );
    assert_eq!(bugsink.shown().len(), stored.len());

    let key = bugsink.dsn.split(['/', '@']).nth(2).unwrap();
    let wrong = "0".repeat(32);
    let unknown = failed(&mut vault, &bugsink.dsn.replace(key, &wrong));
    assert!(
        unknown.message().contains("does not take this key (403"),
        "{unknown}"
    );
    assert!(!unknown.message().contains(&wrong), "{unknown}");
    let elsewhere = failed(&mut vault, &format!("{}99", bugsink.dsn));
    assert!(
        elsewhere.message().contains("does not take this key (403"),
        "{elsewhere}"
    );
}

/// Every event is there once, with all that it said.
fn check_whole(stored: &BTreeMap<String, StoredEvent>, shown: &[Value]) {
    let ids: Vec<&str> = shown
        .iter()
        .map(|event| event["event_id"].as_str().unwrap())
        .collect();
    let different: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), different.len(), "one is there twice");
    let expected: BTreeSet<&str> = stored.keys().map(String::as_str).collect();
    assert_eq!(different, expected);
    for shown in shown {
        let event = &stored[shown["event_id"].as_str().unwrap()].event;
        assert_eq!(shown["data"], event.to_value());
        assert_eq!(shown["level"], event.level.name());
        assert_eq!(
            shown["release"].as_str().unwrap(),
            event.release.as_deref().unwrap_or_default()
        );
        for (key, value) in &event.tags {
            assert_eq!(shown["tags"][key], value.as_str(), "{key}");
        }
        let Some(last) = event.exceptions.last() else {
            continue;
        };
        let mechanism = last.mechanism.as_ref();
        // What an SDK made up is no type to Sentry, nor to Bugsink.
        if mechanism.is_some_and(|mechanism| mechanism.other.get("synthetic") == Some(&true.into()))
        {
            continue;
        }
        assert_eq!(shown["type"].as_str(), last.ty.as_deref());
        let frames = last.stacktrace.iter().flat_map(|stack| &stack.frames);
        let own = frames.rev().find(|frame| frame.in_app == Some(true));
        if let Some(function) = own.and_then(|frame| frame.function.as_deref()) {
            assert_eq!(shown["function"], function);
        }
    }
}

/// What is the same failure is one issue there too.
fn check_grouping(stored: &BTreeMap<String, StoredEvent>, shown: &[Value]) {
    let mut issues: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for shown in shown {
        let ours = stored[shown["event_id"].as_str().unwrap()].issue_number;
        issues
            .entry(ours)
            .or_default()
            .insert(shown["issue"].as_u64().unwrap());
    }
    assert!(issues.len() > 10, "{issues:?}");
    for (ours, theirs) in &issues {
        assert_eq!(
            theirs.len(),
            1,
            "issue #{ours} is several there: {theirs:?}"
        );
    }
    let different: BTreeSet<&BTreeSet<u64>> = issues.values().collect();
    assert_eq!(
        different.len(),
        issues.len(),
        "two issues are one there: {issues:?}"
    );
}
