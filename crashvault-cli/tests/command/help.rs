//! What `--help` says, against committed texts. `UPDATE=1 cargo test -p crashvault-cli help` writes them anew.

use std::path::Path;

use crate::run::Place;

#[track_caller]
fn check(name: &str, words: &[&str]) {
    let help = Place::new().ok(&[words, &["--help"]].concat()).stdout;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/help/{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &help).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(help, expected, "UPDATE=1 writes {} anew", file.display());
    assert!(!help.contains("demo-child"));
    let widest = help.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 100, "{widest} columns");
}

#[test]
fn of_the_command() {
    check("crashvault", &[]);
}

#[test]
fn of_demo() {
    check("demo", &["demo"]);
}

#[test]
fn of_add() {
    check("add", &["add"]);
}

#[test]
fn of_parse() {
    check("parse", &["parse"]);
}

#[test]
fn of_note() {
    check("note", &["note"]);
}

#[test]
fn of_report() {
    check("report", &["report"]);
}

#[test]
fn of_report_to() {
    check("report-to", &["report-to"]);
}

#[test]
fn of_serve() {
    check("serve", &["serve"]);
}

#[test]
fn of_attach() {
    check("attach", &["attach"]);
}

#[test]
fn of_attachment() {
    check("attachment", &["attachment"]);
}

#[test]
fn of_attachment_list() {
    check("attachment-list", &["attachment", "list"]);
}

#[test]
fn of_attachment_get() {
    check("attachment-get", &["attachment", "get"]);
}

#[test]
fn of_wrap() {
    check("wrap", &["wrap"]);
}

#[test]
fn of_import() {
    check("import", &["import"]);
}

#[test]
fn of_symbols() {
    check("symbols", &["symbols"]);
}

#[test]
fn of_symbols_add() {
    check("symbols-add", &["symbols", "add"]);
}

#[test]
fn of_list() {
    check("list", &["list"]);
}

#[test]
fn of_show() {
    check("show", &["show"]);
}

#[test]
fn of_search() {
    check("search", &["search"]);
}

#[test]
fn of_merge() {
    check("merge", &["merge"]);
}

#[test]
fn of_unmerge() {
    check("unmerge", &["unmerge"]);
}

#[test]
fn of_move() {
    check("move", &["move"]);
}

#[test]
fn of_related() {
    check("related", &["related"]);
}

#[test]
fn of_regroup() {
    check("regroup", &["regroup"]);
}

#[test]
fn of_group() {
    check("group", &["group"]);
}

#[test]
fn of_searches() {
    check("searches", &["searches"]);
}

#[test]
fn of_searches_remove() {
    check("searches-remove", &["searches", "remove"]);
}

#[test]
fn of_events() {
    check("events", &["events"]);
}

#[test]
fn of_tail() {
    check("tail", &["tail"]);
}

#[test]
fn of_stats() {
    check("stats", &["stats"]);
}

#[test]
fn of_diagnose() {
    check("diagnose", &["diagnose"]);
}

#[test]
fn of_open() {
    check("open", &["open"]);
}

#[test]
fn of_completion() {
    check("completion", &["completion"]);
}

#[test]
fn of_man() {
    check("man", &["man"]);
}

#[test]
fn of_plugins() {
    check("plugins", &["plugins"]);
}

#[test]
fn of_resolve() {
    check("resolve", &["resolve"]);
}

#[test]
fn of_reopen() {
    check("reopen", &["reopen"]);
}

#[test]
fn of_ignore() {
    check("ignore", &["ignore"]);
}

#[test]
fn of_assign() {
    check("assign", &["assign"]);
}

#[test]
fn of_comment() {
    check("comment", &["comment"]);
}

#[test]
fn of_undo() {
    check("undo", &["undo"]);
}

#[test]
fn of_set_status() {
    check("set-status", &["set-status"]);
}

#[test]
fn of_set_severity() {
    check("set-severity", &["set-severity"]);
}

#[test]
fn of_set_title() {
    check("set-title", &["set-title"]);
}

#[test]
fn of_batch() {
    check("batch", &["batch"]);
}

#[test]
fn of_purge() {
    check("purge", &["purge"]);
}

#[test]
fn of_kill() {
    check("kill", &["kill"]);
}

#[test]
fn of_rebuild() {
    check("rebuild", &["rebuild"]);
}

#[test]
fn of_prune() {
    check("prune", &["prune"]);
}

#[test]
fn of_gc() {
    check("gc", &["gc"]);
}

#[test]
fn of_archive() {
    check("archive", &["archive"]);
}

#[test]
fn of_restore() {
    check("restore", &["restore"]);
}

#[test]
fn of_export() {
    check("export", &["export"]);
}

#[test]
fn of_share() {
    check("share", &["share"]);
}

#[test]
fn of_generate_report() {
    check("generate-report", &["generate-report"]);
}

#[test]
fn of_status() {
    check("status", &["status"]);
}

#[test]
fn of_doctor() {
    check("doctor", &["doctor"]);
}

#[test]
fn of_init() {
    check("init", &["init"]);
}

#[test]
fn of_setup() {
    check("setup", &["setup"]);
}

#[test]
fn of_path() {
    check("path", &["path"]);
}

#[test]
fn of_docs() {
    check("docs", &["docs"]);
}

#[test]
fn of_autolog() {
    check("autolog", &["autolog"]);
}

#[test]
fn of_encrypt() {
    check("encrypt", &["encrypt"]);
}

#[test]
fn of_decrypt() {
    check("decrypt", &["decrypt"]);
}

#[test]
fn of_config() {
    check("config", &["config"]);
}

#[test]
fn of_config_get() {
    check("config-get", &["config", "get"]);
}

#[test]
fn of_config_set() {
    check("config-set", &["config", "set"]);
}

#[test]
fn of_config_list() {
    check("config-list", &["config", "list"]);
}

#[test]
fn of_config_unset() {
    check("config-unset", &["config", "unset"]);
}

#[test]
fn of_config_path() {
    check("config-path", &["config", "path"]);
}

#[test]
fn of_webhook() {
    check("webhook", &["webhook"]);
}

#[test]
fn of_webhook_add() {
    check("webhook-add", &["webhook", "add"]);
}

#[test]
fn of_webhook_list() {
    check("webhook-list", &["webhook", "list"]);
}

#[test]
fn of_webhook_show() {
    check("webhook-show", &["webhook", "show"]);
}

#[test]
fn of_webhook_test() {
    check("webhook-test", &["webhook", "test"]);
}

#[test]
fn of_webhook_enable() {
    check("webhook-enable", &["webhook", "enable"]);
}

#[test]
fn of_webhook_disable() {
    check("webhook-disable", &["webhook", "disable"]);
}

#[test]
fn of_webhook_remove() {
    check("webhook-remove", &["webhook", "remove"]);
}

#[test]
fn of_notify() {
    check("notify", &["notify"]);
}

#[test]
fn of_group_rules() {
    check("group-rules", &["group-rules"]);
    check("group-rules-test", &["group-rules", "test"]);
}

#[test]
fn of_why_and_causes() {
    check("why", &["why"]);
    check("causes", &["causes"]);
}

#[test]
fn no_command_is_a_usage_error_with_help() {
    let ran = Place::new().run(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("Usage: crashvault"), "{}", ran.stderr);
}

#[test]
fn the_version_is_told() {
    let version = Place::new().ok(&["--version"]).stdout;
    assert_eq!(
        version,
        format!("crashvault {}\n", env!("CARGO_PKG_VERSION"))
    );
}
