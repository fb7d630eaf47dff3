use crate::run::{Place, Ran};

/// What a shell is offered for the last of these words.
fn offered(place: &Place, words: &[&str]) -> Vec<String> {
    let mut command = place.command(&[&["--", "crashvault"], words].concat());
    command.env("CRASHVAULT_COMPLETE", "fish");
    let ran = Ran::of(command.output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    ran.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn issues_are_offered_with_their_titles() {
    let place = Place::new();
    place.ok(&["add", "no cart"]);
    place.ok(&["add", "\u{1b}[2Jno\nprice\ttag"]);
    for command in ["show", "diagnose", "open", "resolve", "comment", "assign"] {
        let offered = offered(&place, &[command, ""]);
        assert!(
            offered.contains(&"1\tno cart".to_owned()),
            "{command}: {offered:?}"
        );
        assert!(
            offered[0].starts_with("2\t\\x1b[2Jno"),
            "{command}: {offered:?}"
        );
    }
    let elsewhere = place.path().join("other");
    let elsewhere = elsewhere.to_str().unwrap();
    assert!(!offered(&place, &["--vault", elsewhere, "show", ""])[0].starts_with('2'));
    assert!(!std::path::Path::new(elsewhere).exists());
}

#[test]
fn commands_and_options_are_offered() {
    let place = Place::new();
    let starts = |words: &[&str], wanted: &str| {
        let offered = offered(&place, words);
        assert!(
            offered
                .iter()
                .any(|line| line.split('\t').next() == Some(wanted)),
            "{offered:?}"
        );
        assert!(
            !offered.iter().any(|line| line.contains("demo-child")),
            "{offered:?}"
        );
    };
    starts(&["re"], "resolve");
    starts(&["list", "--so"], "--sort");
    starts(&["completion", ""], "powershell");
    assert!(!place.vault().exists());
}

#[test]
fn every_shell_has_a_script() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = place.ok(&["completion", shell]).stdout;
        assert!(script.contains("CRASHVAULT_COMPLETE"), "{script}");
    }
}

#[test]
fn the_shell_is_that_of_the_variable() {
    let place = Place::new();
    let run = |shell: &str| {
        Ran::of(
            place
                .command(&["completion"])
                .env("SHELL", shell)
                .output()
                .unwrap(),
        )
    };
    assert!(
        run("/usr/bin/zsh")
            .stdout
            .starts_with("#compdef crashvault")
    );
    assert!(
        run("/opt/pwsh")
            .stdout
            .contains("Register-ArgumentCompleter")
    );
    run("/bin/odd").fails(2, "names no shell that is known");
}

#[test]
fn a_script_is_put_where_the_shell_looks() {
    let place = Place::new();
    let check = |shell: &str, path: &str| {
        let mut command = place.command(&["completion", shell, "--install"]);
        command
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME");
        let ran = Ran::of(command.output().unwrap());
        let path = place.path().join(path);
        assert_eq!(ran.stdout, format!("Wrote {}\n", path.display()));
        let script = std::fs::read_to_string(path).unwrap();
        assert!(script.contains("CRASHVAULT_COMPLETE"));
    };
    check(
        "bash",
        ".local/share/bash-completion/completions/crashvault",
    );
    check("zsh", ".zfunc/_crashvault");
    check("fish", ".config/fish/completions/crashvault.fish");
    place
        .run(&["completion", "powershell", "--install"])
        .fails(2, "PowerShell");
}

/// A vault with an issue, a webhook and a saved search.
fn furnished() -> Place {
    let place = Place::new();
    place.ok(&["add", "no cart"]);
    let url = "https://hooks.slack.com/services/T0/B0/x";
    place.ok(&["webhook", "add", "slack", "--url", url, "--name", "ops"]);
    place.ok(&["search", "--save", "carts", "cart level:error"]);
    place
}

#[test]
fn values_are_offered_that_there_are() {
    let place = furnished();
    let check = |words: &[&str], wanted: &[&str]| {
        let offered = offered(&place, words);
        let values: Vec<&str> = offered
            .iter()
            .filter_map(|line| line.split('\t').next())
            .filter(|value| !value.starts_with('-'))
            .collect();
        assert_eq!(values, wanted, "{words:?}");
    };
    check(&["webhook", "show", ""], &["ops"]);
    check(&["webhook", "remove", "o"], &["ops"]);
    check(&["search", "@"], &["@carts"]);
    check(&["events", "--query", "@c"], &["@carts"]);
    check(&["searches", "remove", ""], &["@carts"]);
    check(
        &["list", "--status", ""],
        &["open", "resolved", "ignored", "all"],
    );
    check(&["set-status", "1", ""], &["open", "resolved", "ignored"]);
    check(&["list", "--sort", "t"], &["title"]);
    check(&["add", "--level", "f"], &["fatal"]);
    check(&["config", "get", "retention.a"], &["retention.age_days"]);
}

/// The shell, where it is on this machine.
fn shell(test: &str, name: &str, place: &Place) -> Option<std::process::Command> {
    let found = std::process::Command::new(name).arg("--version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        // `cargo xtask test --install` installs it, where that is possible.
        crate::skip::skip(test, &format!("{name} is not on this machine"));
        return None;
    }
    let mut command = std::process::Command::new(name);
    for (name, value) in place.command(&[]).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_crashvault"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    command.env("PATH", path).stdin(std::process::Stdio::null());
    Some(command)
}

#[test]
fn fish_completes() {
    let place = furnished();
    let Some(mut fish) = shell("fish_completes", "fish", &place) else {
        return;
    };
    let script = "crashvault completion fish | source
        complete -C 'crashvault show '
        complete -C 'crashvault webhook show '";
    let offered = Ran::of(fish.args(["--no-config", "-c", script]).output().unwrap());
    let has = |line: &str| offered.stdout.lines().any(|offered| offered == line);
    assert!(
        has("1\tno cart") && has("ops\tslack"),
        "{}{}",
        offered.stdout,
        offered.stderr
    );
}

#[test]
#[cfg(target_os = "linux")]
fn zsh_completes_key_by_key() {
    let place = furnished();
    let Some(mut zsh) = shell("zsh_completes_key_by_key", "zsh", &place) else {
        return;
    };
    let settings = "autoload -Uz compinit
        compinit -u -d $HOME/.zcompdump
        source <(crashvault completion zsh)
        PROMPT='here> '";
    std::fs::write(place.path().join(".zshrc"), settings).unwrap();
    // Of this user alone, not of the machine.
    zsh.args(["--no-globalrcs", "-i"])
        .env("ZDOTDIR", place.path());
    let mut terminal = crate::terminal::Terminal::start(&zsh, 24);
    terminal.until("here> ");
    terminal.press(b"crashvault webhook show o\t");
    terminal.until("show ops");
    terminal.press(b"\n");
    terminal.until("hooks.slack.com");
    terminal.press(b"exit 0\n");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn bash_completes() {
    let place = Place::new();
    place.ok(&["add", "no cart"]);
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_crashvault"));
    let script = "command -v bash >/dev/null || { echo 1; exit; }; exec bash -c 'source <(crashvault completion bash); COMP_WORDS=(crashvault show \"\"); COMP_CWORD=2; _clap_complete_crashvault crashvault \"\" show; echo \"${COMPREPLY[0]}\"'";
    let mut shell = std::process::Command::new("sh");
    let path = std::env::var("PATH").unwrap();
    shell
        .args(["-c", script])
        .env("CRASHVAULT_HOME", place.vault());
    shell.env(
        "PATH",
        format!("{}:{path}", program.parent().unwrap().display()),
    );
    assert_eq!(Ran::of(shell.output().unwrap()).stdout, "1\n");
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let place = Place::new();
    let page = place.ok(&["man"]).stdout;
    assert!(
        page.contains(".TH crashvault 1") && page.contains("Exit codes"),
        "{page}"
    );
    assert!(
        place
            .ok(&["man", "symbols", "add"])
            .stdout
            .contains(".TH crashvault-symbols-add 1")
    );
    place
        .run(&["man", "zebra"])
        .fails(2, "there is no command `zebra`");
    let directory = place.path().join("man1");
    let written = place
        .ok(&["man", "--output", directory.to_str().unwrap()])
        .stdout;
    let count = std::fs::read_dir(&directory).unwrap().count();
    assert_eq!(written.lines().count(), count);
    for page in [
        "crashvault.1",
        "crashvault-wrap.1",
        "crashvault-symbols-add.1",
    ] {
        assert!(directory.join(page).exists(), "{page}");
    }
    assert!(!written.contains("demo-child"), "{written}");
}
