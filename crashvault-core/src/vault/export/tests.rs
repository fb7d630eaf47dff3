use super::*;
use crate::event::{Event, EventId, Level};
use crate::issue::{Deed, IssueRef, Resolution};
use crate::scratch::{Scratch, scratch};
use crate::time::{FixedClock, Timestamp};
use crate::vault::samples::thrown;
use crate::{NewAttachment, PruneRule};

fn vault() -> (Scratch, Vault) {
    let home = scratch();
    let clock = FixedClock::at("2026-03-01T00:00:00Z").unwrap();
    let options = Vault::options().clock(clock).author("ada");
    let vault = options.open(home.path()).unwrap();
    (home, vault)
}

/// Every n-th event of an hour, of three projects' kinds.
fn event(function: &str, n: u8) -> Event {
    let mut event = thrown(function, &format!("{function} failed {n}"));
    event.event_id = EventId::from_bytes([n; 16]);
    event.level = Level::Error;
    event.timestamp = Timestamp::parse(&format!("2025-01-01T{n:02}:30:00Z"));
    event.user = Some(crate::User::new(format!("user {n}")));
    event.tags.insert("place".into(), format!("{n}, <b>"));
    event.set_own(
        "project",
        if n.is_multiple_of(2) { "shop" } else { "depot" },
    );
    event
}

fn number(number: u64) -> IssueRef {
    IssueRef::Number(number)
}

/// Six issues: one resolved, one with an event moved there, attachments, events that retention gave up.
fn filled() -> (Scratch, Vault) {
    let (home, mut vault) = vault();
    let functions = ["shop::pay", "shop::ship", "shop::count"];
    let events = (1..=18).map(|n| event(functions[usize::from(n) % 3], n));
    let added = vault.add_all(events.collect::<Vec<_>>()).unwrap();
    let moved = added[1].event_id;
    vault.decide(&number(2), Deed::MoveEvent(moved)).unwrap();
    vault.comment(&number(2), "seen \"before\"\n").unwrap();
    let large = vec![7; 2_000_000];
    for (n, name, bytes) in [
        (5, "a.log", large.as_slice()),
        (6, "b", b"x"),
        (7, "none", b""),
    ] {
        let new = NewAttachment::new(name, bytes);
        vault.attach(added[n].event_id, &new).unwrap();
    }
    vault.resolve(&number(2), Resolution::Now).unwrap();
    vault
        .ignore(&number(3), crate::IgnoreUntil::Reopened)
        .unwrap();
    (home, vault)
}

/// With events given up by retention, so that counts are more than there are events.
fn pruned() -> (Scratch, Vault) {
    let (home, mut vault) = filled();
    let before = Timestamp::parse("2025-01-01T03:45:00Z").unwrap();
    vault.prune(&PruneRule::new().before(before)).unwrap();
    (home, vault)
}

fn dump(vault: &Vault) -> String {
    let mut text = Vec::new();
    vault.store.dump(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[track_caller]
fn check_same(found: &Vault, expected: &Vault) {
    let (found, expected) = (dump(found), dump(expected));
    let differs = found.lines().zip(expected.lines()).find(|(a, b)| a != b);
    let lengths = (found.lines().count(), expected.lines().count());
    assert_eq!((differs, lengths.0), (None, lengths.1));
}

/// What the issues of a vault say, whatever numbers their records have.
fn issues(vault: &Vault) -> Vec<crate::Issue> {
    let found = vault.search(&Search::new("").sort(IssueSort::Number));
    found.unwrap().issues
}

/// How often each was seen.
fn seen(vault: &Vault) -> Vec<u64> {
    let issues = issues(vault).into_iter();
    issues.map(|issue| issue.seen_count).collect()
}

fn exported(vault: &Vault, rule: &ExportRule, format: ExportFormat) -> Vec<u8> {
    let mut out = Vec::new();
    vault.export(rule, format, &mut out, &mut |_| {}).unwrap();
    out
}

/// A vault that has taken in a file of that name and content.
fn imported(name: &str, content: &[u8]) -> (Scratch, Vault, ImportReport) {
    let (home, mut vault) = vault();
    let file = home.path().join(name);
    fs::write(&file, content).unwrap();
    let report = vault.import_export(&file).unwrap();
    (home, vault, report)
}

fn check_sound(vault: &mut Vault) {
    assert_eq!(vault.store.check().unwrap(), [""; 0]);
    assert_eq!(vault.verify().unwrap(), [""; 0]);
}

#[test]
fn a_vault_goes_through_lines_and_is_the_same() {
    let (_home, vault) = filled();
    let lines = exported(&vault, &ExportRule::all(), ExportFormat::Ndjson);
    let (_other, mut copy, report) = imported("all", &lines);
    check_same(&copy, &vault);
    check_sound(&mut copy);
    assert_eq!(
        (report.issues, report.events, report.events_known),
        (6, 18, 0)
    );
    assert_eq!((report.attachments, report.attachments_missing), (3, 0));
    for event in [6, 7, 8] {
        let attachment = vault.attachments(EventId::from_bytes([event; 16])).unwrap();
        let content = copy.read_attachment(&attachment[0]).unwrap();
        assert_eq!(content, vault.read_attachment(&attachment[0]).unwrap());
    }
}

#[test]
fn what_retention_left_goes_along() {
    let (_home, vault) = pruned();
    let lines = exported(&vault, &ExportRule::all(), ExportFormat::Ndjson);
    let (_other, mut copy, _) = imported("all", &lines);
    assert_eq!(issues(&copy), issues(&vault));
    check_sound(&mut copy);
    // Events that were given up do not come back with an older export either.
    let (_whole_home, whole) = filled();
    let file = copy.home.join("older");
    fs::write(
        &file,
        exported(&whole, &ExportRule::all(), ExportFormat::Ndjson),
    )
    .unwrap();
    assert_eq!(copy.import_export(&file).unwrap().events, 0);
    assert_eq!(seen(&copy), seen(&vault));
}

#[test]
fn importing_again_changes_nothing() {
    let (home, mut vault) = pruned();
    let before = dump(&vault);
    let lines = exported(&vault, &ExportRule::all(), ExportFormat::Ndjson);
    let file = home.path().join("all");
    fs::write(&file, lines).unwrap();
    for _ in 0..2 {
        let report = vault.import_export(&file).unwrap();
        assert_eq!((report.events, report.events_known), (0, 15));
        assert_eq!(dump(&vault), before);
    }
}

#[test]
fn issues_of_two_vaults_become_one_vault() {
    let (_home, vault) = filled();
    let lines = exported(&vault, &ExportRule::all(), ExportFormat::Ndjson);
    let (home, mut other) = super::tests::vault();
    other.add(event("other::thing", 50)).unwrap();
    other.add(event("shop::pay", 51)).unwrap();
    let file = home.path().join("all");
    fs::write(&file, lines).unwrap();
    assert_eq!(other.import_export(&file).unwrap().events, 18);
    check_sound(&mut other);
    let found = issues(&other);
    assert_eq!(found.iter().map(|issue| issue.seen_count).sum::<u64>(), 20);
    // #1 was taken; the issue both have known is one.
    assert_eq!(found.len(), 7);
    assert!(
        found
            .iter()
            .any(|issue| issue.title.contains("other::thing"))
    );
}

#[test]
fn a_query_takes_whole_issues_along() {
    let (_home, vault) = filled();
    let rule = ExportRule::query("is:resolved");
    let lines = exported(&vault, &rule, ExportFormat::Ndjson);
    let (_other, mut copy, report) = imported("some", &lines);
    check_sound(&mut copy);
    let resolved = vault.issue(&number(2)).unwrap();
    assert_eq!(copy.issue(&IssueRef::Id(resolved.id)).unwrap(), resolved);
    assert_eq!(report.events, resolved.seen_count);
}

#[test]
fn a_compressed_export_is_known_by_its_content() {
    let (home, vault) = filled();
    for (name, start) in [
        ("a.ndjson.gz", &[0x1f, 0x8b][..]),
        ("a.ndjson.zst", &[0x28, 0xb5]),
        ("a.ndjson", b"{\""),
    ] {
        let file = home.path().join(name);
        let rule = ExportRule::all();
        let format = ExportFormat::Ndjson;
        vault
            .export_file(&rule, format, &file, false, &mut |_| {})
            .unwrap();
        let bytes = fs::read(&file).unwrap();
        assert!(bytes.starts_with(start), "{name}");
        let (_other, copy, _) = imported("anything", &bytes);
        check_same(&copy, &vault);
    }
}

#[test]
fn an_export_replaces_nothing_unasked_and_leaves_no_pieces() {
    let (home, vault) = filled();
    let directory = home.path().join("out");
    fs::create_dir(&directory).unwrap();
    let file = directory.join("a.ndjson");
    fs::write(&file, "mine").unwrap();
    let export = |replace| {
        let rule = ExportRule::all();
        vault.export_file(&rule, ExportFormat::Ndjson, &file, replace, &mut |_| {})
    };
    assert_eq!(export(false).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    export(true).unwrap();
    assert!(fs::read(&file).unwrap().starts_with(b"{"));
    let query = ExportRule::query("level:");
    let bad = vault.export_file(&query, ExportFormat::Ndjson, &file, true, &mut |_| {});
    assert_eq!(bad.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
}

#[test]
fn a_copy_of_the_database_is_read_back() {
    let (home, vault) = filled();
    let file = home.path().join("copy.db");
    vault.copy_database(&file, false).unwrap();
    assert_eq!(
        Vault::detect_export(&file).unwrap(),
        Some(ExportKind::Database)
    );
    let (_other, mut copy) = super::tests::vault();
    // Beside the vault's own attachments, as a directory has them.
    assert_eq!(copy.import_export(&file).unwrap().attachments, 3);
    check_same(&copy, &vault);
    let (_third, mut whole) = super::tests::vault();
    whole.import_export(home.path()).unwrap();
    check_same(&whole, &vault);
}

#[test]
fn a_file_that_is_not_whole_changes_nothing() {
    let (_home, vault) = filled();
    let lines = exported(&vault, &ExportRule::all(), ExportFormat::Ndjson);
    let (home, mut other) = super::tests::vault();
    let before = dump(&other);
    let file = home.path().join("all");
    let flipped = String::from_utf8(lines.clone()).unwrap();
    let flipped = flipped.replace("failed 3", "failed 4").into_bytes();
    for bad in [
        &lines[..lines.len() / 2],
        &lines[..lines.len() - 1],
        &flipped,
    ] {
        fs::write(&file, bad).unwrap();
        let error = other.import_export(&file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert_eq!(dump(&other), before);
    }
}

#[test]
fn a_newer_form_and_what_is_none_are_told_apart() {
    let (home, mut vault) = vault();
    let file = home.path().join("file");
    let mut check = |content: &str, expected: ErrorKind| {
        fs::write(&file, content).unwrap();
        let error = vault.import_export(&file).unwrap_err();
        assert_eq!(error.kind(), expected, "{content}: {error}");
    };
    check("{\"crashvault_export\": 99}\n", ErrorKind::Unsupported);
    check("{\"crashvault_archive\": 1}\n", ErrorKind::Unsupported);
    check("# Issues\nid,title,status\r\n", ErrorKind::Unsupported);
    check("", ErrorKind::InvalidInput);
    check("{\"version\":1,\"issues\":[]}", ErrorKind::InvalidInput);
    check("\u{1f}\u{8b}", ErrorKind::InvalidInput);
}

#[test]
fn a_vault_goes_through_json() {
    let (_home, vault) = pruned();
    let text = exported(&vault, &ExportRule::all(), ExportFormat::Json);
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    // Another tool may have written it anew, with its keys in another order.
    let sorted = serde_json::to_vec_pretty(&value).unwrap();
    for text in [text, sorted] {
        let (_other, mut copy, report) = imported("all", &text);
        assert_eq!(issues(&copy), issues(&vault));
        check_sound(&mut copy);
        assert_eq!((report.events, report.attachments_missing), (15, 3));
        let again = copy.home.join("all");
        assert_eq!(copy.import_export(&again).unwrap().events, 0);
    }
}

#[test]
fn json_has_what_version_1_had() {
    let (_home, vault) = filled();
    let text = exported(&vault, &ExportRule::all(), ExportFormat::Json);
    assert!(text.starts_with(b"{\"version\":1,\"exported_at\":\"2026-03-01T00:00:00Z\","));
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let issue = &value["issues"][1];
    assert_eq!(
        (&issue["id"], &issue["status"]),
        (&2.into(), &"resolved".into())
    );
    assert_eq!(issue["resolved_at"], "2026-03-01T00:00:00Z");
    let event = &value["events"][0];
    assert_eq!(event["event_id"], "01010101-0101-0101-0101-010101010101");
    assert_eq!(event["message"], "Error: shop::ship failed 1");
    assert_eq!(event["tags"][0], "place=1, <b>");
    assert_eq!(
        event["stacktrace"],
        "Error: shop::ship failed 1\n    at shop::ship"
    );
    for key in ["issue_id", "timestamp", "level", "context", "host", "pid"] {
        assert!(event.get(key).is_some(), "{key}");
    }
}

#[test]
fn torn_json_changes_nothing() {
    let (_home, vault) = filled();
    let text = exported(&vault, &ExportRule::all(), ExportFormat::Json);
    let (home, mut other) = super::tests::vault();
    let before = dump(&other);
    let file = home.path().join("all");
    let broken = String::from_utf8(text.clone()).unwrap();
    let broken = broken.replace("\"variant\":", "\"variants\":").into_bytes();
    for bad in [&text[..text.len() / 2], &text[..text.len() - 3], &broken] {
        fs::write(&file, bad).unwrap();
        let error = other.import_export(&file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert_eq!(dump(&other), before);
    }
}

#[test]
fn what_is_for_people_is_told_and_refused() {
    let (home, mut vault) = filled();
    for format in [
        ExportFormat::Csv,
        ExportFormat::Markdown,
        ExportFormat::Html,
    ] {
        for rule in [ExportRule::all(), ExportRule::issue(&number(1))] {
            let file = home.path().join("page");
            fs::write(&file, exported(&vault, &rule, format)).unwrap();
            let error = vault.import_export(&file).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{format:?}: {error}");
            assert!(error.message().contains("cannot be read back"), "{error}");
        }
    }
}

/// One issue whose texts try everything.
fn hostile() -> (Scratch, Vault) {
    let (home, mut vault) = vault();
    let nasty = "=cmd|'/c calc'!A1 </pre><script>alert(1)</script> [a](http://x) ![b](http://y) @ada `c` ```\n```\n# d\n\u{1b}[31m\u{202e}\"q\", &amp;\r\n";
    let mut event = thrown(nasty, nasty);
    event.event_id = EventId::from_bytes([1; 16]);
    event.timestamp = Timestamp::parse("2026-02-28T00:00:00Z");
    event.message = Some(nasty.into());
    for name in [
        &mut event.release,
        &mut event.environment,
        &mut event.transaction,
    ] {
        *name = Some(nasty.into());
    }
    event.tags.insert("k".into(), nasty.into());
    event.extra.insert("e".into(), nasty.into());
    event.breadcrumbs.push(crate::Breadcrumb::new(nasty));
    vault.add(event).unwrap();
    vault.comment(&number(1), nasty).unwrap();
    vault
        .decide(
            &number(1),
            Deed::Tag {
                key: "label".into(),
                value: Some("<img src=x onerror=y>".into()),
            },
        )
        .unwrap();
    (home, vault)
}

fn hostile_as(format: ExportFormat, rule: &ExportRule) -> String {
    let (_home, vault) = hostile();
    String::from_utf8(exported(&vault, rule, format)).unwrap()
}

#[test]
fn hostile_text_is_text_in_html() {
    for rule in [ExportRule::all(), ExportRule::issue(&number(1))] {
        let page = hostile_as(ExportFormat::Html, &rule);
        let tags = page.split('<').skip(1);
        let names = tags.map(|tag| tag.split([' ', '>', '\n']).next().unwrap());
        let ours = [
            "!doctype", "html", "/html", "meta", "title", "/title", "style", "/style", "h1", "/h1",
            "h2", "/h2", "h3", "/h3", "span", "/span", "table", "/table", "tr", "th", "td", "pre",
            "/pre", "p", "/p", "footer", "/footer",
        ];
        for name in names {
            assert!(ours.contains(&name), "<{name}");
        }
        assert!(page.contains("&lt;script&gt;"));
        assert!(!page.contains(['\u{1b}', '\u{202e}', '\r']));
    }
}

/// The lines of Markdown that are not within a block of code, without their spans of code.
fn outside_of_code(page: &str) -> String {
    let mut fence: Option<String> = None;
    let mut outside = String::new();
    for line in page.lines() {
        let run: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if line.trim_end() == *open => fence = None,
            Some(_) => {}
            None if run.len() >= 3 && line[run.len()..] == *"text" => fence = Some(run),
            None => outside.push_str(&without_spans(line)),
        }
    }
    assert!(fence.is_none(), "a block stays open");
    outside
}

fn without_spans(line: &str) -> String {
    let mut left = line;
    let mut outside = String::new();
    while let Some(start) = left.find('`') {
        outside.push_str(&left[..start]);
        let run = left[start..].chars().take_while(|c| *c == '`').count();
        let behind = &left[start + run..];
        let fence = "`".repeat(run);
        // A span ends at the next run of that very length.
        let mut place = 0;
        let end = loop {
            let next = place + behind[place..].find(&fence).expect("a span ends");
            let length = behind[next..].chars().take_while(|c| *c == '`').count();
            if length == run {
                break next + run;
            }
            place = next + length;
        };
        left = &behind[end..];
    }
    outside + left + "\n"
}

#[test]
fn hostile_text_is_code_in_markdown() {
    for rule in [ExportRule::all(), ExportRule::issue(&number(1))] {
        let page = hostile_as(ExportFormat::Markdown, &rule);
        let outside = outside_of_code(&page);
        for sign in ["script", "http", "@ada", "# d", "img", "calc"] {
            assert!(!outside.contains(sign), "{sign} in\n{outside}");
        }
        assert!(page.contains("alert(1)"));
        assert!(!page.contains(['\u{1b}', '\u{202e}', '\r']));
    }
}

#[test]
fn hostile_text_stays_in_its_cell() {
    let table = hostile_as(ExportFormat::Csv, &ExportRule::all());
    let rows = rows(&table);
    let names: Vec<usize> = rows.iter().map(Vec::len).collect();
    assert_eq!(names, [1, 15, 15, 1, 1, 16, 16], "{rows:?}");
    for cell in rows.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
        assert!(!cell.contains(['\u{1b}', '\u{202e}']), "{cell}");
    }
}

/// Cells as RFC 4180 has them.
fn rows(table: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut is_quoted = false;
    let mut chars = table.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                cell.push('"');
                chars.next();
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut cell).trim_end_matches('\r').to_owned());
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    rows
}

#[test]
fn hostile_text_comes_back_as_it_was() {
    let (_home, vault) = hostile();
    for format in [ExportFormat::Ndjson, ExportFormat::Json] {
        let text = exported(&vault, &ExportRule::all(), format);
        assert!(!text.contains(&0x1b), "{format:?}");
        let (_other, copy, _) = imported("all", &text);
        check_same(&copy, &vault);
    }
}

#[test]
fn one_issue_of_a_huge_event_is_a_small_page() {
    let (_home, mut vault) = vault();
    let mut event = thrown("f", &"long ".repeat(20_000));
    let trace = event.exceptions[0].stacktrace.as_mut().unwrap();
    trace.frames = vec![trace.frames[0].clone(); 900];
    let cause = event.exceptions[0].clone();
    event.exceptions.extend(vec![cause; 30]);
    event.breadcrumbs = vec![crate::Breadcrumb::new("crumb ".repeat(500)); 90];
    for n in 0..150 {
        event.tags.insert(format!("key{n}"), "v".repeat(190));
    }
    vault.add(event).unwrap();
    for format in [ExportFormat::Markdown, ExportFormat::Html] {
        let page = exported(&vault, &ExportRule::issue(&number(1)), format);
        assert!(page.len() < 64_000, "{format:?}: {}", page.len());
    }
}

fn report(rule: &crate::ReportRule, format: ExportFormat) -> String {
    let (_home, vault) = filled();
    let mut out = Vec::new();
    vault.report(rule, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_report_counts() {
    let rule = crate::ReportRule::default();
    let json: serde_json::Value = serde_json::from_str(&report(&rule, ExportFormat::Json)).unwrap();
    assert_eq!(json["generated_by"], "ada");
    assert_eq!(
        json["summary"],
        serde_json::json!({
            "total_issues": 6, "total_events": 18,
            "issues_by_status": {"open": 4, "resolved": 1, "ignored": 1},
            "events_by_level": {"error": 18},
        })
    );
    assert_eq!(json["events"].as_array().unwrap().len(), 18);
}

#[test]
fn a_report_can_be_narrowed_down() {
    let rule = crate::ReportRule::default()
        .status(crate::Status::Open)
        .level(Level::Error)
        .tag("place", "5, <b>");
    let json: serde_json::Value = serde_json::from_str(&report(&rule, ExportFormat::Json)).unwrap();
    assert_eq!(json["summary"]["total_issues"], 4);
    assert_eq!(json["summary"]["total_events"], 1);
    let page = report(&rule, ExportFormat::Html);
    assert!(!page.contains("<b>"));
    let none = crate::ReportRule::default().level(Level::Fatal);
    assert!(report(&none, ExportFormat::Markdown).contains("- events: `0`"));
}

/// A vault that is the same each time.
fn small() -> (Scratch, Vault) {
    let (home, mut vault) = vault();
    vault.settings.vault_id = [0xab; 16];
    for n in 1..=3 {
        let mut event = event(if n < 3 { "shop::pay" } else { "shop::ship" }, n);
        event.timestamp = Timestamp::parse(&format!("2026-02-2{n}T10:00:00Z"));
        event.set_own("project", "shop");
        event.release = Some("shop@1.0".into());
        event.server_name = Some("db1".into());
        event.extra.insert("order".into(), 17.into());
        event
            .breadcrumbs
            .push(crate::Breadcrumb::new("opened cart").category("shop"));
        let frame = &mut event.exceptions[0].stacktrace.as_mut().unwrap().frames[0];
        frame.filename = Some("src/pay.rs".into());
        frame.lineno = Some(8);
        frame.in_app = Some(true);
        frame.pre_context = vec!["fn pay() {".into()];
        frame.context_line = Some("    charge(card)?;".into());
        vault.add(event).unwrap();
    }
    let issue = vault.issue(&number(1)).unwrap().id;
    let decisions = [
        Deed::Comment("seen on db1".into()),
        Deed::Resolve(Resolution::Now),
    ];
    let decisions = (1..)
        .zip(decisions)
        .map(|(n, deed)| crate::store::Decision {
            id: crate::ActivityId::from_bytes([n; 16]),
            vault: [0xab; 16],
            author: "ada".into(),
            at: Timestamp::parse("2026-02-28T00:00:00Z").unwrap(),
            issue,
            deed,
        });
    vault.store.act(&decisions.collect::<Vec<_>>()).unwrap();
    let attached = NewAttachment::new("a.log", "it began well");
    vault
        .attach(EventId::from_bytes([2; 16]), &attached)
        .unwrap();
    (home, vault)
}

/// Against committed texts. `UPDATE=1 cargo test -p crashvault-core export` writes them anew.
#[track_caller]
fn check_sample(name: &str, found: &[u8]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/vault/export/samples")
        .join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, found).unwrap();
    }
    let expected = fs::read(&file).unwrap_or_default();
    assert_eq!(
        String::from_utf8_lossy(found),
        String::from_utf8_lossy(&expected),
        "{name}"
    );
}

#[test]
fn each_form_is_as_it_was() {
    let (_home, vault) = small();
    for format in ExportFormat::ALL {
        let all = exported(&vault, &ExportRule::all(), format);
        check_sample(&format!("vault.{}", format.name()), &all);
    }
    for format in [ExportFormat::Markdown, ExportFormat::Html] {
        let one = exported(&vault, &ExportRule::issue(&number(1)), format);
        check_sample(&format!("issue.{}", format.name()), &one);
    }
    let rule = crate::ReportRule::default();
    for format in [
        ExportFormat::Markdown,
        ExportFormat::Html,
        ExportFormat::Json,
    ] {
        let mut out = Vec::new();
        vault.report(&rule, format, &mut out).unwrap();
        check_sample(&format!("report.{}", format.name()), &out);
    }
}

#[test]
fn what_is_read_is_written_at_once() {
    let (_home, mut vault) = vault();
    let events = (0..600).map(|n| thrown("shop::pay", &format!("failed {n}")));
    vault.add_all(events).unwrap();
    for format in [ExportFormat::Ndjson, ExportFormat::Json, ExportFormat::Csv] {
        let total = exported(&vault, &ExportRule::all(), format).len();
        let written = std::cell::Cell::new(0);
        let mut told = Vec::new();
        let mut out = Counting(&written);
        vault
            .export(&ExportRule::all(), format, &mut out, &mut |events| {
                told.push((events, written.get()));
            })
            .unwrap();
        assert_eq!(
            told.iter().map(|told| told.0).collect::<Vec<_>>(),
            [256, 512]
        );
        assert!(
            told[0].1 > total / 3 && told[0].1 < total / 2,
            "{format:?}: {told:?} of {total}"
        );
    }
}

struct Counting<'c>(&'c std::cell::Cell<usize>);

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn pieces_that_do_not_fit_do_no_harm() {
    let (home, mut vault) = vault();
    let head = serde_json::json!({"crashvault_export": 1, "vault": "00", "created_at": ""});
    let piece = |size: u64, offset: u64, base64: &str| {
        let hash = "ab".repeat(32);
        serde_json::json!({"content": {
            "hash": hash, "size_bytes": size, "offset": offset, "base64": base64,
        }})
    };
    let pieces = [
        piece(100, 0, "Zm9vYmFy"),
        piece(2, 6, "Zm9v"),
        piece(u64::MAX, 0, "Zm9v"),
        piece(3, u64::MAX, "Zm9v"),
        piece(3, 0, "Zm9v"),
    ];
    let mut text = format!("{head}\n");
    text.extend(pieces.iter().map(|piece| format!("{piece}\n")));
    let (lines, hash) = (text.lines().count(), blake3::hash(text.as_bytes()).to_hex());
    let end = serde_json::json!({"end": {"lines": lines, "blake3": hash.as_str()}});
    let file = home.path().join("pieces");
    fs::write(&file, format!("{text}{end}\n")).unwrap();
    vault.import_export(&file).unwrap();
    let kept = fs::read_dir(home.path().join("attachments"));
    assert_eq!(kept.map_or(0, Iterator::count), 0);
}

#[test]
fn only_a_file_is_replaced() {
    let (home, vault) = vault();
    let place = home.path().join("place");
    std::os::unix::fs::symlink("/dev/null", &place).unwrap();
    let rule = ExportRule::all();
    let done = vault.export_file(&rule, ExportFormat::Csv, &place, true, &mut |_| {});
    assert_eq!(done.unwrap_err().kind(), ErrorKind::InvalidInput);
}
