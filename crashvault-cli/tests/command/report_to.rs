#[path = "../../../tests/collector.rs"]
#[expect(
    dead_code,
    reason = "what a collector can answer is tried where the answers are understood"
)]
mod collector;

#[path = "../../../tests/tls.rs"]
mod tls;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use collector::{Collector, Reply};

use crate::run::{Place, Ran, keys};

fn with(messages: &[&str]) -> Place {
    let place = Place::new();
    for message in messages {
        place.ok(&["add", message]);
    }
    place
}

fn no(status: u16) -> Reply {
    Reply::Refuse(status, &[], "{\"detail\": \"no\"}")
}

/// One that runs until it is told to end.
struct Running(Child);

impl Running {
    fn start(place: &Place, words: &[&str]) -> Self {
        let mut command = place.command(words);
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(piped.spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status();
        assert!(sent.unwrap().success());
    }
}

/// Waits until something is so that takes moments; a test that waits for ever fails.
#[track_caller]
fn until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(120), "it never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn events_go_to_the_collector_once() {
    let (collector, place) = (Collector::start(), with(&["first", "second"]));
    let ran = place.ok(&["report-to", &collector.dsn()]);
    let told = format!("Sent 2 events to http://{}/1 (", collector.address());
    assert!(ran.stdout.starts_with(&told), "{}", ran.stdout);
    assert_eq!(ran.stderr, "");
    place.ok(&["add", "third"]);
    place.ok(&["report-to", &collector.dsn()]);
    assert_eq!(collector.messages(), ["first", "second", "third"]);
}

#[test]
fn the_answer_for_programs_has_all() {
    let collector = Collector::answering(&[no(400)]);
    let place = with(&["first", "second"]);
    let ran = place.run(&["report-to", &collector.dsn(), "--json"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let value = ran.json();
    let expected = [
        "attachment_count",
        "attachment_left_out_count",
        "destination",
        "end",
        "is_dry_run",
        "known_count",
        "next_try_at",
        "passed_count",
        "pauses",
        "refusals",
        "refused_count",
        "sent_bytes",
        "sent_count",
        "trouble",
        "waiting_count",
    ];
    assert_eq!(keys(&value), expected);
    assert_eq!(keys(&value["refusals"][0]), ["at", "event_id", "reason"]);
    assert_eq!(
        (&value["end"], &value["sent_count"]),
        (&"done".into(), &1.into())
    );
}

#[test]
fn what_is_refused_is_told_and_fails_once() {
    let collector =
        Collector::answering(&[Reply::Refuse(400, &[], "{\"detail\": \"\\u001b[2J\"}")]);
    let place = with(&["first", "second"]);
    let ran = place.run(&["report-to", &collector.dsn()]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("was refused (400: [2J)"),
        "{}",
        ran.stderr
    );
    place.ok(&["report-to", &collector.dsn()]);
}

#[test]
fn a_collector_that_is_away_loses_nothing() {
    let collector = Collector::start();
    let (dsn, address) = (collector.dsn(), collector.address().to_string());
    drop(collector);
    let place = with(&["first"]);
    let ran = place.run(&["report-to", &dsn]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("note: 1 event waits (no answer: "),
        "{}",
        ran.stderr
    );
    let collector = Collector::at(&address);
    place.ok(&["report-to", &dsn]);
    assert_eq!(collector.messages(), ["first"]);
}

#[test]
fn a_key_that_is_not_known_is_a_clear_failure() {
    let (collector, place) = (Collector::answering(&[no(401)]), with(&["first"]));
    let ran = place.run(&["report-to", &collector.dsn()]);
    ran.fails(1, "does not take this key (401: no); copy the DSN");
    assert!(!ran.stderr.contains(collector::KEY));
}

#[test]
fn a_dsn_that_is_none_is_told_without_its_key() {
    let place = with(&["first"]);
    let ran = place.run(&["report-to", "https://secretkey@example.com"]);
    ran.fails(2, "the DSN does not end with a project; a DSN looks like");
    assert!(!ran.stderr.contains("secretkey"));
    place.run(&["report-to"]).fails(2, "report where to?");
    Place::new()
        .run(&["report-to", "https://k@example.com/1"])
        .fails(3, "there is no vault");
}

#[test]
fn a_dsn_may_be_kept_in_the_vault_and_is_shown_without_its_key() {
    let (collector, place) = (Collector::start(), with(&["first"]));
    let set = place.ok(&["config", "set", "report.to", &collector.dsn()]);
    let shown = format!("http://…@{}/1", collector.address());
    for ran in [set, place.ok(&["status"]), place.ok(&["config", "list"])] {
        assert!(!ran.stdout.contains(collector::KEY), "{}", ran.stdout);
    }
    assert_eq!(
        place.ok(&["config", "get", "report.to"]).stdout.trim(),
        shown
    );
    place.ok(&["report-to"]);
    assert_eq!(collector.messages(), ["first"]);
    place
        .run(&["config", "set", "report.to", "secretkey"])
        .fails(2, "expected a DSN as https://KEY@host/1");
}

#[test]
fn a_variable_names_the_dsn_too() {
    let (collector, place) = (Collector::start(), with(&["first"]));
    let mut command = place.command(&["report-to"]);
    let ran = Ran::of(
        command
            .env("CRASHVAULT_REPORT_TO", collector.dsn())
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(collector.messages(), ["first"]);
}

#[test]
fn a_dry_run_only_counts() {
    let (collector, place) = (Collector::start(), with(&["first", "second"]));
    let ran = place.ok(&["report-to", &collector.dsn(), "--dry-run"]);
    assert!(
        ran.stdout.starts_with("2 events would be sent to http://"),
        "{}",
        ran.stdout
    );
    assert_eq!(collector.request_count(), 0);
    let limited = [
        "report-to",
        &collector.dsn(),
        "--limit",
        "1",
        "--dry-run",
        "--json=sent_count",
    ];
    assert_eq!(place.ok(&limited).stdout, "{\"sent_count\":1}\n");
}

#[test]
fn a_limit_and_all_anew() {
    let (collector, place) = (Collector::start(), with(&["first", "second"]));
    let dsn = collector.dsn();
    let ran = place.ok(&["report-to", &dsn, "--limit", "1"]);
    assert_eq!(ran.stderr, "note: 1 event waits\n");
    place.ok(&["report-to", &dsn, "--again"]);
    assert_eq!(collector.messages(), ["first", "first", "second"]);
}

#[test]
fn attachments_go_along_unless_that_is_not_wanted() {
    let (collector, place) = (Collector::start(), with(&["first"]));
    let log = place.path().join("app.log");
    std::fs::write(&log, "it began well").unwrap();
    place.ok(&["attach", log.to_str().unwrap(), "--issue", "1"]);
    let ran = place.ok(&["report-to", &collector.dsn(), "--no-attachments"]);
    assert!(
        ran.stderr.contains("1 attachment stayed here"),
        "{}",
        ran.stderr
    );
    let ran = place.ok(&["report-to", &collector.dsn(), "--again"]);
    assert!(
        ran.stdout.starts_with("Sent 1 event with 1 attachment to "),
        "{}",
        ran.stdout
    );
    assert_eq!(collector.taken()[1].files[0].content, b"it began well");
}

#[test]
fn after_a_kill_it_goes_on_and_every_event_arrives() {
    let collector = Collector::start();
    let place = with(&["one"]);
    let more = crashvault::Event::new();
    let mut vault = crashvault::Vault::open(place.vault()).unwrap();
    vault.add_all(std::iter::repeat_n(more, 119)).unwrap();
    drop(vault);
    collector.answer(&vec![Reply::Slowly(Duration::from_millis(5)); 60]);
    let mut running = Running::start(&place, &["report-to", &collector.dsn()]);
    until(|| collector.request_count() > 50);
    running.0.kill().unwrap();
    running.0.wait().unwrap();
    place.ok(&["report-to", &collector.dsn()]);
    let mut ids: Vec<String> = collector
        .taken()
        .iter()
        .map(collector::Received::id)
        .collect();
    let arrived = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 120);
    assert!(arrived <= 120 + 20, "{arrived}");
}

#[test]
fn what_comes_in_is_sent_while_it_watches_and_ctrl_c_ends_it() {
    let (collector, place) = (Collector::start(), with(&["first"]));
    let words = [
        "report-to",
        &collector.dsn(),
        "--watch",
        "--interval",
        "0.1",
        "--json=sent_count",
    ];
    let running = Running::start(&place, &words);
    until(|| collector.messages().len() == 1);
    place.ok(&["add", "second"]);
    until(|| collector.messages().len() == 2);
    collector.answer(&[no(503)]);
    place.ok(&["add", "third"]);
    until(|| collector.messages().len() == 3);
    running.signal("-INT");
    let ran = Ran::of(running.0.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.starts_with("{\"sent_count\":1}\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr
            .starts_with("note: sending what comes in to http://"),
        "{}",
        ran.stderr
    );
    assert_eq!(collector.messages(), ["first", "second", "third"]);
    place.ok(&["report-to", &collector.dsn()]);
    assert_eq!(collector.messages().len(), 3);
}

#[test]
fn a_wait_for_the_collector_ends_with_ctrl_c() {
    let collector = Collector::answering(&[Reply::Refuse(429, &[("Retry-After", "60")], "")]);
    let place = with(&["first"]);
    let running = Running::start(&place, &["report-to", &collector.dsn()]);
    until(|| collector.request_count() == 1);
    // It has said nothing yet; whether it waits already makes no difference.
    running.signal("-INT");
    let ran = Ran::of(running.0.wait_with_output().unwrap());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("stopped; 1 event waits"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_long_wait_is_left_to_the_next_call() {
    let collector = Collector::answering(&[Reply::Refuse(429, &[("Retry-After", "3600")], "")]);
    let place = with(&["first"]);
    let ran = place.run(&["report-to", &collector.dsn()]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("1 event waits (429); try again after 20"),
        "{}",
        ran.stderr
    );
    assert_eq!(place.run(&["report-to", &collector.dsn()]).code, 1);
    assert_eq!(collector.request_count(), 1);
}

#[test]
fn status_tells_where_events_went() {
    let collector = Collector::answering(&[no(400), Reply::Take]);
    let place = with(&["first", "second"]);
    place.run(&["report-to", &collector.dsn()]);
    place.ok(&["add", "third"]);
    let line = format!(
        "sent on      1 event to http://{}/1, 1 refused, 1 to go",
        collector.address()
    );
    let text = place.ok(&["status"]).stdout;
    assert!(text.contains(&line), "{text}");
    let json = place.ok(&["status", "--json"]).json();
    let report = &json["reports"][0];
    let expected = [
        "destination",
        "kept_at",
        "refusals",
        "refused_count",
        "sent_count",
        "trouble",
        "waiting_count",
    ];
    assert_eq!(keys(report), expected);
    assert_eq!(report["refusals"][0]["reason"], "400: no");
    assert_eq!(report["waiting_count"], 1);
}

#[test]
fn a_cursor_that_was_edited_wrongly_is_named_by_the_doctor() {
    let (collector, place) = (Collector::start(), with(&["first"]));
    place.ok(&["report-to", &collector.dsn()]);
    for (path, _) in Place::files(&place.vault().join("reports")) {
        std::fs::write(path, "{}").unwrap();
    }
    let ran = place.run(&["doctor"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("is no report cursor"), "{}", ran.stdout);
    assert!(place.ok(&["status"]).stderr.contains("is no report cursor"));
    place
        .run(&["report-to", &collector.dsn()])
        .fails(1, "move it away");
}

/// A collector behind TLS, whose certificate an authority of the tests has signed.
#[test]
fn events_go_through_tls_to_who_can_prove_who_it_is() {
    let collector = Collector::start();
    let front = tls::Front::before(collector.address());
    collector.is_called(&format!("localhost:{}", front.port()));
    let place = with(&["first"]);
    let dsn = format!("https://{}@localhost:{}/1", collector::KEY, front.port());
    let doubtful = place.run(&["report-to", &dsn]);
    assert_eq!(doubtful.code, 1);
    assert!(
        doubtful.stderr.contains("1 event waits (no answer: "),
        "{}",
        doubtful.stderr
    );
    assert!(
        doubtful.stderr.contains("UnknownIssuer"),
        "{}",
        doubtful.stderr
    );
    assert_eq!(collector.request_count(), 0);
    let mut command = place.command(&["report-to", &dsn]);
    let ran = Ran::of(
        command
            .env("SSL_CERT_FILE", tls::authority())
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(collector.request_count(), 1);
}

#[test]
fn a_proxy_is_used_but_for_this_machine() {
    let (collector, place) = (Collector::start(), with(&["first"]));
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let asked = std::thread::spawn(move || {
        let mut line = String::new();
        let mut stream = std::io::BufReader::new(proxy.accept().unwrap().0);
        std::io::BufRead::read_line(&mut stream, &mut line).unwrap();
        line
    });
    let through = |dsn: &str| {
        let mut command = place.command(&["report-to", dsn]);
        for name in [
            "http_proxy",
            "HTTP_PROXY",
            "https_proxy",
            "HTTPS_PROXY",
            "all_proxy",
            "no_proxy",
            "NO_PROXY",
        ] {
            command.env_remove(name);
        }
        Ran::of(
            command
                .env("ALL_PROXY", format!("http://{address}"))
                .output()
                .unwrap(),
        )
    };
    assert_eq!(through(&collector.dsn()).code, 0);
    assert_eq!(collector.messages(), ["first"]);
    let ran = through("http://k@errors.example.com/1");
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("go there unencrypted"),
        "{}",
        ran.stderr
    );
    let line = asked.join().unwrap();
    assert!(line.contains("errors.example.com"), "{line}");
}

#[test]
fn who_watches_waits_for_another_who_reports_there() {
    let (collector, place) = (Collector::start(), with(&["first"]));
    let vault = crashvault::Vault::open(place.vault()).unwrap();
    let destination = format!("http://{}/1", collector.address());
    let turn = vault.begin_report(&destination).unwrap();
    place
        .run(&["report-to", &collector.dsn()])
        .fails(1, "another process reports");
    let words = [
        "report-to",
        &collector.dsn(),
        "--watch",
        "--interval",
        "0.1",
    ];
    let mut running = Running::start(&place, &words);
    let mut told = std::io::BufReader::new(running.0.stderr.take().unwrap());
    let mut lines = String::new();
    while !lines.contains("another process reports to") {
        assert!(
            std::io::BufRead::read_line(&mut told, &mut lines).unwrap() > 0,
            "{lines}"
        );
    }
    drop(turn);
    until(|| collector.messages().len() == 1);
    running.signal("-INT");
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_shows_how_far_it_is_and_what_it_waits_for() {
    let limit = Reply::Refuse(429, &[("Retry-After", "100")], "");
    let collector = Collector::answering(&[Reply::Take, limit]);
    let place = with(&["first", "second"]);
    let command = place.command(&["report-to", &collector.dsn()]);
    let mut terminal = crate::terminal::Terminal::start(&command, 24);
    terminal.until("\r1 event sent, waiting until 20");
    terminal.press(b"\x03");
    let (code, seen) = terminal.end();
    assert_eq!(code, 1);
    assert!(
        seen.contains("\r\u{1b}[KSent 1 event to http://"),
        "{seen:?}"
    );
    assert!(seen.contains("stopped; 1 event waits"), "{seen:?}");
}
