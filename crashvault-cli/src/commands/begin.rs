//! `init`, `setup`, `path`, `docs`, `autolog`, `encrypt`, `decrypt`: a vault made ready, and what there is to know.

use std::io::Write;
use std::path::Path;

use crashvault::{ErrorKind, SETTINGS, SettingForm, Vault};
use serde_json::json;

use super::config::not_found;
use super::{Done, ask, edit};
use crate::args::{Autolog, Docs, Setup};
use crate::output::text::visible;
use crate::output::{Failure, Screen, Stop, Style};

/// The pages of docs/guide, which come with the command.
const PAGES: [(&str, &str); 14] = [
    ("command", include_str!("../../../docs/guide/command.md")),
    ("from-v1", include_str!("../../../docs/guide/from-v1.md")),
    ("grouping", include_str!("../../../docs/guide/grouping.md")),
    ("parse", include_str!("../../../docs/guide/parse.md")),
    ("plugins", include_str!("../../../docs/guide/plugins.md")),
    ("python", include_str!("../../../docs/guide/python.md")),
    (
        "report-to",
        include_str!("../../../docs/guide/report-to.md"),
    ),
    (
        "rust-integrations",
        include_str!("../../../docs/guide/rust-integrations.md"),
    ),
    ("rust", include_str!("../../../docs/guide/rust.md")),
    ("search", include_str!("../../../docs/guide/search.md")),
    ("serve", include_str!("../../../docs/guide/serve.md")),
    ("settings", include_str!("../../../docs/guide/settings.md")),
    ("sharing", include_str!("../../../docs/guide/sharing.md")),
    ("styling", include_str!("../../../docs/guide/styling.md")),
];

/// What is asked by `setup`, and the setting that the answer goes to.
const QUESTIONS: [(&str, &str); 3] = [
    (
        "capture.environment",
        "Where do programs here run (production, staging, …)?",
    ),
    (
        "retention.age_days",
        "After how many days may events leave?",
    ),
    (
        "retention.bytes_max_mb",
        "How many megabytes may events take?",
    ),
];

/// How a program captures by itself, and how it stops: language, lines.
const CAPTURES: [(&str, &str, &str); 2] = [
    (
        "rust",
        "crashvault::install();  // the first line of main; `crashvault docs rust` tells the rest",
        "take crashvault::install() out of main",
    ),
    (
        "shell",
        "make 2>errors || crashvault add 'make failed' --stack - < errors",
        "take `crashvault add` out of the script",
    ),
];

pub fn init(directory: &Path, screen: &mut Screen) -> Result<Done, Stop> {
    make(directory, screen)?;
    Ok(Done::Well)
}

fn make(directory: &Path, screen: &mut Screen) -> Result<(), Stop> {
    let is_new = !exists(directory);
    Vault::open(directory)?;
    let path = directory.display().to_string();
    if screen.json {
        return Ok(screen.value(&json!({"path": path, "is_new": is_new}))?);
    }
    let what = match is_new {
        true => "Made a vault in",
        false => "There is a vault in",
    };
    Ok(screen.line(format!("{what} {}", visible(&path)))?)
}

fn exists(directory: &Path) -> bool {
    directory.join("vault.toml").exists() || directory.join("vault.db").exists()
}

pub fn setup(directory: &Path, setup: &Setup, screen: &mut Screen) -> Result<Done, Stop> {
    if setup.encrypted || setup.password.is_some() {
        return sealed();
    }
    if setup.yes {
        return init(directory, screen);
    }
    if screen.json {
        let message = "setup asks, and JSON cannot answer";
        return Err(Failure::usage(message, "--yes takes the defaults").into());
    }
    // All is asked before anything is made.
    let answers = answers(directory)?;
    make(directory, screen)?;
    for (key, answer) in &answers {
        Vault::change_settings(directory, |text| set(text, key, answer))?;
        screen.line(format!("{key} is {}", visible(answer)))?;
    }
    screen.flush()?;
    screen.note("`crashvault config list` shows all settings, `crashvault demo` how it looks");
    Ok(Done::Well)
}

fn answers(directory: &Path) -> Result<Vec<(&'static str, String)>, Failure> {
    let settings = match exists(directory) {
        true => Vault::settings_of(directory).map_err(|error| Failure::from(&error))?,
        false => Vec::new(),
    };
    let mut err = std::io::stderr().lock();
    let mut answers = Vec::new();
    for (key, question) in QUESTIONS {
        let setting = settings.iter().find(|setting| setting.key == key);
        let value = setting.map_or("none", |setting| setting.value.as_str());
        let question = format!("{question} [{}] ", visible(value));
        loop {
            let answer = answer(&question, &mut err)?;
            if answer.is_empty() {
                break;
            }
            match Vault::check_settings(directory, |text| set(text, key, &answer)) {
                Ok(()) => {
                    answers.push((key, answer));
                    break;
                }
                // What was answered before stays; this is asked again.
                Err(error) if error.kind() == ErrorKind::InvalidInput => {
                    let _ = writeln!(err, "error: {}", visible(error.message()));
                }
                Err(error) => return Err(Failure::from(&error)),
            }
        }
    }
    Ok(answers)
}

fn answer(question: &str, err: &mut impl Write) -> Result<String, Failure> {
    let _ = write!(err, "{question}");
    let _ = err.flush();
    match ask::line()? {
        Some(answer) => Ok(answer.trim().to_owned()),
        None => {
            let _ = writeln!(err);
            let message = "nothing was changed: the answers ended before the questions";
            Err(Failure::new(message, "--yes takes the defaults"))
        }
    }
}

/// The settings with one answer in them.
fn set(text: &str, key: &str, answer: &str) -> crashvault::Result<String> {
    let form = SETTINGS.iter().find(|(known, _)| *known == key);
    let form = form.map_or(SettingForm::Text, |(_, form)| *form);
    edit::set(text, key, form, &[answer.to_owned()])
}

/// What `encrypt`, `decrypt` and `setup --encrypted` have to say.
pub fn sealed() -> Result<Done, Stop> {
    let failure = Failure::new(
        "sealed vaults are not there yet: nothing was touched",
        "the files of a vault are readable by their owner alone; an encrypted disk keeps them from others",
    );
    Err(failure.into())
}

pub fn path(directory: &Path, screen: &mut Screen) -> Result<Done, Stop> {
    let path = directory.display().to_string();
    match screen.json {
        true => screen.value(&json!({"path": path, "exists": exists(directory)}))?,
        false => screen.line(visible(&path))?,
    }
    Ok(Done::Well)
}

pub fn docs(docs: &Docs, screen: &mut Screen) -> Result<Done, Stop> {
    let Some(name) = &docs.page else {
        return list(screen);
    };
    let page = PAGES.iter().find(|(known, _)| known == name);
    let Some((name, text)) = page else {
        let message = format!("the guide has no page {}", visible(name));
        return Err(not_found(message, "`crashvault docs` lists the pages").into());
    };
    match screen.json {
        true => screen.value(&json!({"name": name, "text": text}))?,
        false => screen.writer().write_all(text.as_bytes())?,
    }
    Ok(Done::Well)
}

fn list(screen: &mut Screen) -> Result<Done, Stop> {
    if screen.json {
        let pages = PAGES.iter();
        let pages = pages.map(|(name, text)| json!({"name": name, "title": title(text)}));
        screen.value(&json!({ "pages": pages.collect::<Vec<_>>() }))?;
        return Ok(Done::Well);
    }
    for (name, text) in PAGES {
        let title = title(text);
        screen.line(match screen.width {
            None => format!("{name}\t{title}"),
            Some(_) => format!(
                "{}  {title}",
                screen.paint.on(Style::Name, format!("{name:17}"))
            ),
        })?;
    }
    screen.flush()?;
    screen.note("`crashvault docs PAGE` prints one; `crashvault help COMMAND` explains a command");
    Ok(Done::Well)
}

fn title(text: &str) -> &str {
    text.lines()
        .next()
        .unwrap_or_default()
        .trim_start_matches("# ")
}

pub fn autolog(autolog: &Autolog, screen: &mut Screen) -> Result<Done, Stop> {
    let lines = |on: &'static str, off: &'static str| if autolog.disable { off } else { on };
    if screen.json {
        let languages = CAPTURES.iter();
        let languages = languages
            .map(|(name, on, off)| json!({"name": name, "lines": lines(on, off)}))
            .collect::<Vec<_>>();
        screen.value(&json!({ "languages": languages }))?;
        return Ok(Done::Well);
    }
    for (name, on, off) in CAPTURES {
        let lines = lines(on, off);
        screen.line(match screen.width {
            None => format!("{name}\t{lines}"),
            Some(_) => format!(
                "{}  {lines}",
                screen.paint.on(Style::Name, format!("{name:6}"))
            ),
        })?;
    }
    screen.flush()?;
    screen.note("nothing was changed: a program says itself that it wants to capture");
    Ok(Done::Well)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_the_guide_comes_with_the_command() {
        let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide");
        let entries = std::fs::read_dir(guide).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(".md")).collect();
        names.sort();
        let known: Vec<String> = PAGES.iter().map(|(name, _)| format!("{name}.md")).collect();
        assert_eq!(known, names, "a page needs a line in PAGES");
        assert!(PAGES.iter().all(|(_, text)| text.starts_with("# ")));
    }
}
