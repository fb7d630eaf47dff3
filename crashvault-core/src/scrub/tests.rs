use serde_json::{Value, json};

use super::*;

fn prose(text: &str) -> String {
    let mut text = text.to_owned();
    ScrubRules::default().text(&mut text, Manner::Prose);
    text
}

fn source(line: &str) -> String {
    let mut line = line.to_owned();
    ScrubRules::default().text(&mut line, Manner::Source);
    line
}

/// `#` stands for what was replaced.
#[track_caller]
fn check(text: &str, expected: &str) {
    let made = prose(text);
    assert_eq!(made, expected.replace('#', FILTERED), "{text}");
    assert_eq!(prose(&made), made, "a second pass over {text}");
}

#[track_caller]
fn check_source(line: &str, expected: &str) {
    let made = source(line);
    assert_eq!(made, expected.replace('#', FILTERED), "{line}");
    assert_eq!(source(&made), made, "a second pass over {line}");
}

fn scrubbed(value: Value, rules: &ScrubRules) -> Event {
    let Value::Object(map) = value else {
        panic!("an event is an object");
    };
    let mut event = Event::from_object(map);
    scrub(&mut event, rules);
    let once = event.clone();
    scrub(&mut event, rules);
    assert_eq!(event, once, "scrubbing twice is scrubbing once");
    event
}

/// What stands at `pointer` after scrubbing.
#[track_caller]
fn check_event(value: Value, pointer: &str, expected: Value) {
    let event = scrubbed(value, &ScrubRules::default()).to_value();
    assert_eq!(event.pointer(pointer), Some(&expected), "{pointer}");
}

// Texts

#[test]
fn a_file_of_such_a_name_is_no_secret() {
    check(
        "cat: /etc/passwd: Permission denied",
        "cat: /etc/passwd: Permission denied",
    );
    check("login?x=/passwd=hunter2", "login?x=/passwd=#");
    check("passwd: hunter2", "passwd: #");
}

#[test]
fn passwords_in_urls() {
    check(
        "connect postgres://bob:s3cr3t@db/x failed",
        "connect postgres://#@db/x failed",
    );
    check("redis://:p@ss@host:6379", "redis://#@host:6379");
    check(
        "https://0123456789abcdef0123@o1.example/4",
        "https://#@o1.example/4",
    );
    check(
        "ssh://git@host/x and http://a.example/b@c:d",
        "ssh://git@host/x and http://a.example/b@c:d",
    );
}

#[test]
fn keys_with_values() {
    check("password=hunter2", "password=#");
    check(
        "login with password: hunter2, user: bob",
        "login with password: #, user: bob",
    );
    check("GET /pay?a=1&token=s3cr3t&b=2", "GET /pay?a=1&token=#&b=2");
    check(
        "{\"api_key\": \"abc\", \"n\": 1}",
        "{\"api_key\": \"#\", \"n\": 1}",
    );
    check(
        r#"{\"password\":\"pw\",\"x\":1}"#,
        r##"{\"password\":\"#\",\"x\":1}"##,
    );
    check("{'client_secret': b'abc\\'d'}", "{'client_secret': b'#'}");
    check("db.pwd = abc", "db.pwd = #");
    check("token => abc", "token => #");
    check("Authorization: Bearer abc\nnext", "Authorization: #\nnext");
    check("authorization=Basic abc def", "authorization=# def");
    check("Cookie: sid=1; theme=dark\nHost: x", "Cookie: #\nHost: x");
    check("password=\"open", "password=\"#");
    check(
        "<Request 'http://localhost/pay?token=s3cr3t' [POST]>",
        "<Request 'http://localhost/pay?token=#' [POST]>",
    );
}

#[test]
fn keys_without_secrets() {
    for text in [
        "password: null",
        "token=%s",
        "token=%(token)s",
        "password=''",
        "password=****",
        "password = ${PASSWORD}",
        "token: {token}",
        "token: '{token}' or \"${TOKEN}\"",
        "Unexpected token: punc",
        "SyntaxError: Unexpected token '<', invalid token: 5",
        "author: bob, keyboard: us",
        "time: 10:00:00",
        "the password is wrong",
        "a::token::b",
        "password:",
    ] {
        check(text, text);
    }
}

#[test]
fn tokens() {
    check("sent Bearer abcDEF123 to x", "sent Bearer # to x");
    check("Basic dXNlcjpwYXNz.", "Basic #.");
    check(
        "Bearer authentication required",
        "Bearer authentication required",
    );
    check("Basic authentication failed", "Basic authentication failed");
    check(
        "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_123 here",
        "got # here",
    );
    check("key AKIAIOSFODNN7EXAMPLE.", "key #.");
    check(
        "AKIAIOSFODNN7EXAMPLEX2 is none of mine_AKIAIOSFODNN7EXAMPLE",
        "# is none of mine_AKIAIOSFODNN7EXAMPLE",
    );
    check("ghp_0123456789abcdefghij0123", "#");
    check("use xoxb-1234567890-abc now", "use # now");
}

#[test]
fn private_keys() {
    check(
        "k: -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- end",
        "k: # end",
    );
    check("-----BEGIN PRIVATE KEY-----\nMIIE", "#");
    check(
        "-----BEGIN CERTIFICATE-----\nMIIE",
        "-----BEGIN CERTIFICATE-----\nMIIE",
    );
}

#[test]
fn card_numbers() {
    check("paid with 4111 1111 1111 1111 today", "paid with # today");
    check("card=5500-0055-5555-5559,", "card=#,");
    check("378282246310005", "#");
    check("4111 1111 1111 1111 2028", "# 2028");
    check("4111 1111 1111 1112", "4111 1111 1111 1112");
    check("at 1735689600123456", "at 1735689600123456");
    check(
        "id-4111111111111111 x4111111111111111 0.4111111111111111",
        "id-4111111111111111 x4111111111111111 0.4111111111111111",
    );
}

#[test]
fn literals_in_source() {
    check_source(
        "const secret = 'hunter2'; f(x);",
        "const secret = '#'; f(x);",
    );
    check_source("if password == \"x\":", "if password == \"#\":");
    check_source(
        "let password: &str = \"hunter2\";",
        "let password: &str = \"#\";",
    );
    check_source(
        "headers[\"Authorization\"] = \"Bearer zzz\"",
        "headers[\"Authorization\"] = \"#\"",
    );
    check_source("export TOKEN=s3cr3t", "export TOKEN=#");
    check_source(
        "secret_password = b\"hunter2\"; n = 5",
        "secret_password = b\"#\"; n = 5",
    );
}

#[test]
fn names_in_source_stay() {
    for line in [
        "let token = next_token();",
        "password = get_password(user)",
        "fn login(password: String, token: u64) {",
        "return user.password;",
        "self.token = token",
        "let tokens: Vec<u8> = lex(source);",
        "token = tokens2[i]",
    ] {
        check_source(line, line);
    }
}

#[test]
fn a_private_key_over_many_lines_of_source() {
    let frame = json!({"function": "f", "pre_context": ["a", "k = -----BEGIN PRIVATE KEY-----"],
        "context_line": "MIIEabc", "post_context": ["x-----END PRIVATE KEY-----", "b"]});
    let event = scrubbed(
        json!({"exception": {"stacktrace": {"frames": [frame]}}}),
        &ScrubRules::default(),
    );
    let frame = &event.exceptions[0].stacktrace.as_ref().unwrap().frames[0];
    assert_eq!(
        frame.pre_context,
        ["a".to_owned(), format!("k = {FILTERED}")]
    );
    assert_eq!(frame.context_line.as_deref(), Some(FILTERED));
    assert_eq!(frame.post_context, [FILTERED, "b"]);
}

#[test]
fn patterns_can_be_switched_off() {
    let rules = ScrubRules {
        patterns_enabled: false,
        ..ScrubRules::default()
    };
    let event = scrubbed(
        json!({"message": "password=x", "extra": {"password": "x"}}),
        &rules,
    );
    assert_eq!(event.message.as_deref(), Some("password=x"));
    assert_eq!(event.extra["password"], FILTERED);
}

// Places

#[test]
fn extra_and_contexts_at_any_depth() {
    check_event(
        json!({"extra": {"a": [{"b": {"Api-Key": {"x": 1}}}]}}),
        "/extra/a/0/b/Api-Key",
        json!(FILTERED),
    );
    check_event(
        json!({"contexts": {"app": {"secret": 5}}}),
        "/contexts/app/secret",
        json!(FILTERED),
    );
    check_event(
        json!({"contexts": {"app": {"secret": null}}}),
        "/contexts/app/secret",
        json!(null),
    );
}

#[test]
fn the_trace_context_is_ids_but_for_its_data() {
    let trace = json!({"trace_id": "4111111111111111", "data": {"token": "x"}});
    let expected = json!({"trace_id": "4111111111111111", "data": {"token": FILTERED}});
    check_event(
        json!({"contexts": {"trace": trace}}),
        "/contexts/trace",
        expected,
    );
}

#[test]
fn requests() {
    let request = |request: Value| json!({"request": request});
    check_event(
        request(json!({"headers": {"Authorization": "x", "Accept": "y"}})),
        "/request/headers",
        json!({"Authorization": FILTERED, "Accept": "y"}),
    );
    check_event(
        request(json!({"headers": [["X-Auth-Token", "x"], ["Accept", "y"]]})),
        "/request/headers",
        json!([["X-Auth-Token", FILTERED], ["Accept", "y"]]),
    );
    check_event(
        request(json!({"cookies": {"sid": "x", "theme": ""}})),
        "/request/cookies",
        json!({"sid": FILTERED, "theme": ""}),
    );
    check_event(
        request(json!({"query_string": "a=1&%74oken=s3cr3t&b"})),
        "/request/query_string",
        json!(format!("a=1&%74oken={FILTERED}&b")),
    );
    check_event(
        request(json!({"query_string": [["token", "x"], ["a", "1"]]})),
        "/request/query_string",
        json!([["token", FILTERED], ["a", "1"]]),
    );
    check_event(
        request(json!({"url": "http://u:p@h/x?a=1&token=t#access_token=q"})),
        "/request/url",
        json!(format!(
            "http://{FILTERED}@h/x?a=1&token={FILTERED}#access_token={FILTERED}"
        )),
    );
    check_event(
        request(json!({"data": "{\"card\": \"4111\", \"password\": \"pw\"}"})),
        "/request/data",
        json!(format!("{{\"card\":\"4111\",\"password\":\"{FILTERED}\"}}")),
    );
    check_event(
        request(json!({"data": "{\"spaces\":  \"stay\"}"})),
        "/request/data",
        json!("{\"spaces\":  \"stay\"}"),
    );
    check_event(
        request(json!({"data": "user=bob&passwd=x"})),
        "/request/data",
        json!(format!("user=bob&passwd={FILTERED}")),
    );
    check_event(
        request(json!({"env": {"DB_PASSWORD": "x", "PATH": "/bin"}})),
        "/request/env",
        json!({"DB_PASSWORD": FILTERED, "PATH": "/bin"}),
    );
}

#[test]
fn breadcrumbs_and_tags() {
    check_event(
        json!({"breadcrumbs": [{"message": "token=x", "data": {"jwt": "x", "url": "/a?pwd=1"}}]}),
        "/breadcrumbs/values/0",
        json!({"message": format!("token={FILTERED}"), "data": {"jwt": FILTERED, "url": format!("/a?pwd={FILTERED}")}}),
    );
    check_event(
        json!({"tags": {"csrf": "x", "ok": "y"}}),
        "/tags",
        json!({"csrf": FILTERED, "ok": "y"}),
    );
}

#[test]
fn variables_of_frames() {
    let vars = json!({"secret_password": "'hunter2'", "cfg": {"host": "'x'"}, "data": {"card": "'4111 1111 1111 1111'"},
        "environ": {"QUERY_STRING": "'a=1&token=s3cr3t'"}});
    let expected = json!({"secret_password": FILTERED, "cfg": {"host": "'x'"}, "data": {"card": format!("'{FILTERED}'")},
        "environ": {"QUERY_STRING": format!("'a=1&token={FILTERED}'")}});
    check_event(
        json!({"exception": {"stacktrace": {"frames": [{"function": "f", "vars": vars}]}}}),
        "/exception/values/0/stacktrace/frames/0/vars",
        expected,
    );
}

#[test]
fn names_and_ids_are_never_altered() {
    let event = json!({
        "event_id": "41111111111111114111111111111111", "platform": "python",
        "exception": {"values": [{"type": "password=x", "module": "token=x", "stacktrace": {"frames": [
            {"function": "password=f", "filename": "token=f.py", "module": "secret=m", "package": "p",
             "instruction_addr": "0x4111", "in_app": true},
        ]}}]},
        "modules": {"tokenizers": "0.1"}, "server_name": "4111111111111111",
        "extra": {"order_id": "4111111111111111"},
        "user": {"id": "4111111111111111"},
    });
    let Value::Object(map) = event else { panic!() };
    let before = Event::from_object(map);
    let mut after = before.clone();
    scrub(&mut after, &ScrubRules::default());
    assert_eq!(after, before);
}

#[test]
fn other_shapes_of_keys_and_values() {
    check_event(
        json!({"extra": {"headers": [{"name": "Cookie", "value": "x"}]}}),
        "/extra/headers/0/value",
        json!(FILTERED),
    );
    check_event(
        json!({"extra": {"sys.argv": ["a", "--password", "x", "--token=y", "--verbose", "z"]}}),
        "/extra/sys.argv",
        json!([
            "a",
            "--password",
            FILTERED,
            format!("--token={FILTERED}"),
            "--verbose",
            "z"
        ]),
    );
    check_event(
        json!({"spans": [{"data": {"token": "x"}}]}),
        "/spans/0/data/token",
        json!(FILTERED),
    );
    check_event(
        json!({"user": {"secret": "x"}}),
        "/user/secret",
        json!(FILTERED),
    );
    check_event(
        json!({"exception": {"type": "E", "mechanism": {"type": "t", "data": {"token": "x"}}}}),
        "/exception/values/0/mechanism/data/token",
        json!(FILTERED),
    );
}

#[test]
fn parameters_go_with_the_text_they_were_put_into() {
    check_event(
        json!({"logentry": {"message": "token=%s for %s", "formatted": "token=abc for bob", "params": ["abc", "bob"]}}),
        "/logentry",
        json!({"message": "token=%s for %s", "formatted": format!("token={FILTERED} for bob"), "params": [FILTERED, "bob"]}),
    );
}

#[test]
fn what_could_not_be_read_is_scrubbed_too() {
    let event = scrubbed(
        json!({"tags": {"token": {"a": "hunter2"}}}),
        &ScrubRules::default(),
    );
    assert!(!event.to_value().to_string().contains("hunter2"));
    assert_eq!(event.flaws[0].value, Some(json!(FILTERED)));
}

#[test]
fn replaced_values_are_counted() {
    check_event(
        json!({"message": "password=a token=b", "extra": {"secret": 1}}),
        "/contexts/crashvault/scrubbed",
        json!(3),
    );
    let clean = scrubbed(json!({"message": "m"}), &ScrubRules::default());
    assert!(clean.contexts.is_empty());
}

#[test]
fn users_add_and_keep_keys() {
    let rules = ScrubRules {
        extra_keys: vec!["patient".into()],
        keep_keys: vec!["max-tokens".into()],
        ..ScrubRules::default()
    };
    let event = scrubbed(
        json!({"message": "Patient_Name=bob", "extra": {"patientName": "x", "max_tokens": 5, "token": 1}}),
        &rules,
    );
    assert_eq!(event.extra["patientName"], FILTERED);
    assert_eq!(event.extra["max_tokens"], 5);
    assert_eq!(event.extra["token"], FILTERED);
    assert_eq!(event.message, Some(format!("Patient_Name={FILTERED}")));
}

// Properties

#[test]
fn any_text_is_scrubbed_once() {
    const PIECES: &[&str] = &[
        "password",
        "token",
        "cookie",
        "authorization",
        "=",
        ":",
        " ",
        "\"",
        "'",
        "\\",
        "://",
        "@",
        "/",
        "?",
        "&",
        "4111",
        "1111",
        "4111111111111111",
        "-",
        ".",
        "Bearer ",
        "Basic ",
        "abcDEF12",
        "eyJhbGciOi",
        "AKIA",
        "IOSFODNN7EXAMPLE",
        "ghp_",
        "0123456789abcdefghij",
        "[",
        "]",
        "[Filtered]",
        "{",
        "}",
        "\n",
        "é",
        "b",
        "x",
        "-----BEGIN ",
        "PRIVATE KEY-----",
        "-----END ",
        "%s",
        "_",
        "unexpected ",
        "`",
        ">",
        ";",
        "<",
        "&str",
        "*",
    ];
    let mut state = 11u64;
    let rounds = std::env::var("CRASHVAULT_FUZZ_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(20_000);
    for _ in 0..rounds {
        let mut text = String::new();
        for _ in 0..10 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            text.push_str(PIECES[(state >> 33) as usize % PIECES.len()]);
        }
        let once = prose(&text);
        assert_eq!(prose(&once), once, "{text:?}");
        let once = source(&text);
        assert_eq!(source(&once), once, "{text:?}");
        let mut query = text.clone();
        ScrubRules::default().url(&mut query);
        let once = query.clone();
        ScrubRules::default().url(&mut query);
        assert_eq!(query, once, "{text:?}");
    }
}

#[test]
fn hostile_texts_end() {
    for piece in [
        "=",
        ":",
        "a=",
        "token=",
        "token:{",
        "://",
        "x://a:",
        "4111 ",
        "eyJ",
        "-----BEGIN ",
        "b",
        "'",
        "é=",
        "password=\"",
        "token=%(a",
        "token:a",
        "password='{",
        "sk-",
        "bearer ",
    ] {
        let mut text = piece.repeat(200_000 / piece.len());
        ScrubRules::default().text(&mut text.clone(), Manner::Prose);
        ScrubRules::default().text(&mut text, Manner::Source);
    }
}

/// Events of real SDKs whose bodies are not compressed.
#[test]
fn captured_events_keep_no_known_secret() {
    let captures =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/sdk-captures");
    let Ok(folders) = std::fs::read_dir(&captures) else {
        println!("skipped: ../shared/sdk-captures is not here");
        return;
    };
    let folders = folders
        .map(|folder| folder.unwrap().path())
        .filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut events = 0;
    for file in files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension() == Some("bin".as_ref()))
    {
        for payload in event_payloads(&std::fs::read(&file).unwrap()) {
            let event = scrubbed(payload, &ScrubRules::default());
            let text = event.to_value().to_string();
            for secret in ["hunter2", "s3cr3t", "4111 1111 1111 1111"] {
                assert!(!text.contains(secret), "{secret} in {}", file.display());
            }
            events += 1;
        }
    }
    assert!(events > 30, "{events} events");
}

/// The events of an envelope; none if it is compressed.
fn event_payloads(body: &[u8]) -> Vec<Value> {
    let mut lines = body.split(|byte| *byte == b'\n').skip(1);
    let mut payloads = Vec::new();
    while let (Some(header), Some(payload)) = (lines.next(), lines.next()) {
        let header: Value = serde_json::from_slice(header).unwrap_or_default();
        if matches!(header["type"].as_str(), Some("event" | "transaction"))
            && let Ok(payload) = serde_json::from_slice(payload)
        {
            payloads.push(payload);
        }
    }
    payloads
}
