//! `cargo xtask`: the one door to every chore of the repository.
//!
//! Enters: a command line. Leaves: the output of the tools it starts, a table of stages, an exit code.
//!
//! Never: holds a rule about the code itself. Those live in the lints of `Cargo.toml`, in `deny.toml` and in `tests/`.

mod bench;
mod check;
mod dist;
mod fuzz;
mod python;
mod run;
mod test;
mod totals;
mod usage;

use std::process::ExitCode;

use usage::{Answer, Usage};

const HELP: &str = "\
cargo xtask COMMAND

Commands:
  check              formatting, lints (also of the engine without its default features), documentation
  test [--install] [--python]
                     check, then all tests, those of Python too; ends with the slowest stages and the totals
                     --install: first install rustfmt, clippy, cargo-deny, shells, Python's venv and Bugsink
                     where they are missing
                     --python: the tests of the Python binding alone
  bench NAME [--json] [FLAGS]
                     one benchmark beside its peers (bench/peers); FLAGS go to the benchmark
                     --json: the last line is one JSON object, else a table is printed
  dist NAME          what is shipped, into dist/ of the target directory, and tried there: python
  fuzz NAME [--seconds N] [--seed N] [--corpus FOLDER] [--input FILE]
                     mutated inputs until the time is over (60 seconds), or one fails: parse, event, query, journal, export
                     --corpus: the files of a folder are seeds too; --input: one file alone
  help               this text

Variables:
  CI=true            a test skipped for a missing tool is a failure
  CARGO_TARGET_DIR   where builds and raw samples go (default: target)

Exit codes:
  0  all is well
  1  a check, test, benchmark or fuzzed input failed
  2  the command line is wrong
";

const COMMANDS: [&str; 6] = ["check", "test", "bench", "dist", "fuzz", "help"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    match dispatch(&arguments) {
        Ok(Answer::Well) => ExitCode::SUCCESS,
        Ok(Answer::Failed) => ExitCode::from(1),
        Err(Usage(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<Answer, Usage> {
    let Some((command, rest)) = arguments.split_first() else {
        return Err(Usage(format!("a command is missing\n\n{HELP}")));
    };
    let asks_for_help = rest.first().is_some_and(|flag| usage::is_help(flag));
    if command == "help" || usage::is_help(command) || asks_for_help {
        print!("{HELP}");
        print!("{}", bench::list());
        return Ok(Answer::Well);
    }
    match command.as_str() {
        "check" => check::command(rest),
        "test" => test::command(rest),
        "bench" => bench::command(rest),
        "dist" => dist::command(rest),
        "fuzz" => fuzz::command(rest),
        unknown => Err(usage::unknown("command", unknown, &COMMANDS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str], expected: &str) {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let Err(Usage(message)) = dispatch(&arguments) else {
            panic!("{arguments:?} was accepted");
        };
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn nothing_asked_shows_the_commands() {
        check(&[], "cargo xtask COMMAND");
    }

    #[test]
    fn a_mistyped_command_is_answered_with_the_near_one() {
        check(&["tset"], "did you mean `test`?");
    }

    #[test]
    fn a_mistyped_flag_is_refused_before_any_work() {
        check(&["test", "--instal"], "did you mean `--install`?");
    }

    #[test]
    fn check_takes_no_flags() {
        check(&["check", "--fast"], "--fast");
    }

    #[test]
    fn a_mistyped_benchmark_is_refused_before_any_build() {
        check(&["bench", "captur", "--json"], "did you mean `capture`?");
    }

    #[test]
    fn a_mistyped_target_is_refused_before_any_build() {
        check(&["fuzz", "pars"], "did you mean `parse`?");
        check(&["fuzz"], "known: parse");
    }

    #[test]
    fn a_mistyped_package_is_refused_before_any_build() {
        check(&["dist", "pyton"], "did you mean `python`?");
        check(&["dist"], "known: python");
    }

    #[test]
    fn a_benchmark_needs_its_name() {
        check(&["bench", "--json"], "survive");
    }
}
