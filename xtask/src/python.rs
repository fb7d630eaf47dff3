//! The Python binding: an environment of its own, the package as Python finds it, and what is tried with both.
//!
//! Enters: an interpreter that is there, the extension that cargo built. Leaves: stages, totals, and skips where a tool
//! is missing.
//!
//! Never: changes the interpreter it found, or leaves anything outside the target directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::run::{self, Run, cargo};
use crate::totals::{self, Totals};

/// What the binding promises to run on.
const IS_NEW_ENOUGH: &str = "import sys; sys.exit(sys.version_info < (3, 9))";

/// Debian ships `venv` without what it needs, as a package of its own.
const CAN_MAKE_ENVIRONMENTS: &str = "import ensurepip, venv";

const PACKAGE: &str = "crashvault-py/python/crashvault";
const TESTS: &str = "crashvault-py/tests";
const MANIFEST: &str = "crashvault-py/Cargo.toml";
/// What extensions of Python are built for; maturin would write a file of its own, and cargo build all anew.
const CONFIG: &str = "crashvault-py/pyo3.cfg";
const INSTALLED: &str = "crashvault-py/tests/installed.py";
const REQUIREMENTS: &str = "crashvault-py/tests/requirements.txt";
/// The programs that measure, and what they compare with.
const PEERS: &str = "bench/peers/python";
const BEHAVIOUR: &str = "tests/behaviour/python/main.py";

/// With all that the tests are built with: only the extension itself is left to build.
pub const WITH_THE_TESTS: [&str; 4] = ["build", "--workspace", "--lib", "--tests"];

/// For whoever works on the binding alone.
pub const ALONE: [&str; 3] = ["build", "--package", "crashvault-py"];

/// The file of an environment that says what it was made of.
const STAMP: &str = "made-of.txt";

/// An interpreter with packages of its own, which sees no others.
pub struct Environment {
    home: PathBuf,
}

impl Environment {
    /// The environment of this name with what the requirements list, made anew only where that changed.
    ///
    /// # Errors
    /// What is missing on this machine, in words.
    pub fn with(name: &str, requirements: &str) -> Result<Environment, String> {
        let python = interpreter().ok_or("Python 3.9 or newer")?;
        let requirements = run::root().join(requirements);
        let listed = fs::read_to_string(&requirements).map_err(|error| error.to_string())?;
        let made_of = format!("{}\n{listed}", python.display());
        let environment = Environment {
            home: directory().join(name),
        };
        let stamp = environment.home.join(STAMP);
        if fs::read_to_string(&stamp).is_ok_and(|earlier| earlier == made_of) {
            return Ok(environment);
        }
        run::announce(&format!("environment of Python ({name})"));
        // Whatever is there is of another list, or was never finished.
        let _ = fs::remove_dir_all(&environment.home);
        let mut venv = Command::new(&python);
        venv.args(["-m", "venv"]).arg(&environment.home);
        ends_well(&mut venv).ok_or("Python's module venv (Debian: python3-venv)")?;
        let mut pip = environment.module("pip");
        pip.args(["install", "--quiet", "--disable-pip-version-check"]);
        pip.arg("--requirement").arg(&requirements);
        ends_well(&mut pip).ok_or("Python packages (pip cannot get them: no network?)")?;
        fs::write(&stamp, made_of).map_err(|error| error.to_string())?;
        Ok(environment)
    }

    /// What tests, checks and wheels are made with.
    ///
    /// # Errors
    /// What is missing on this machine, in words.
    pub fn of_tests() -> Result<Environment, String> {
        Environment::with("environment", REQUIREMENTS)
    }

    pub fn python(&self) -> PathBuf {
        let inside = if cfg!(windows) {
            "Scripts/python.exe"
        } else {
            "bin/python"
        };
        self.home.join(inside)
    }

    /// The interpreter in the root of the repository; it writes nothing beside the sources that it reads.
    pub fn command(&self) -> Command {
        let mut command = Command::new(self.python());
        command.current_dir(run::root());
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.env_remove("PYTHONHOME");
        command
    }

    pub fn module(&self, name: &str) -> Command {
        let mut command = self.command();
        command.args(["-m", name]);
        command
    }

    pub fn script(&self, path: &str, package: &Path) -> Command {
        let mut command = self.command();
        command.arg(path).env("PYTHONPATH", package);
        command
    }
}

/// Where everything of Python's lies.
pub fn directory() -> PathBuf {
    run::target_directory().join("python")
}

/// Whether environments can be made here.
pub fn is_usable() -> bool {
    interpreter().is_some()
}

fn interpreter() -> Option<PathBuf> {
    let can = |python: &str, what: &str| {
        let mut command = Command::new(python);
        let output = command.args(["-c", what]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let mut names = ["python3", "python"].into_iter();
    names
        .find(|name| can(name, IS_NEW_ENOUGH) && can(name, CAN_MAKE_ENVIRONMENTS))
        .and_then(executable)
}

/// The file behind a name, so that an environment is made anew when the name comes to mean another interpreter.
fn executable(python: &str) -> Option<PathBuf> {
    let mut command = Command::new(python);
    let output = command
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(path.trim()))
}

fn ends_well(command: &mut Command) -> Option<()> {
    command.status().ok()?.success().then_some(())
}

/// The package with the extension in it, below a directory that PYTHONPATH can name.
///
/// # Errors
/// If a file cannot be copied.
pub fn lay_out(library: &Path, place: &Path) -> io::Result<()> {
    let package = place.join("crashvault");
    // What is no longer in the sources must not be found here.
    let _ = fs::remove_dir_all(&package);
    copy_sources(&run::root().join(PACKAGE), &package)?;
    let name = if cfg!(windows) {
        "_crashvault.pyd"
    } else {
        "_crashvault.abi3.so"
    };
    fs::copy(library, package.join(name)).map(drop)
}

fn copy_sources(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_name() == "__pycache__" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_sources(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The extension that cargo built below `profile` of the target directory.
pub fn library(profile: &str) -> PathBuf {
    let (before, after) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    run::target_directory()
        .join(profile)
        .join(format!("{before}_crashvault{after}"))
}

/// All stages of the binding, as [`WITH_THE_TESTS`] or [`ALONE`]; with the number of cases that Rust played, Python must know as many. Returns how many
/// failed stages are told by their failed tests.
pub fn stages(
    run: &mut Run,
    totals: &mut Totals,
    cargo_build: &[&str],
    rust_cases: Option<u64>,
) -> u64 {
    let environment = match Environment::of_tests() {
        Ok(environment) => environment,
        Err(missing) => {
            run.skip_for_tool("the Python binding", &missing);
            return 0;
        }
    };
    let package = directory().join("package");
    if !build(run, cargo_build, &package) {
        return 0;
    }
    run.stage(
        "lints of the Python code",
        environment.module("ruff").args(["check", "--quiet"]),
    );
    let format = ["format", "--check", "--quiet"];
    run.stage(
        "format of the Python code",
        environment.module("ruff").args(format),
    );
    let mut types = environment.module("mypy");
    types.arg("--config-file=crashvault-py/pyproject.toml");
    types.arg("--cache-dir").arg(directory().join("mypy"));
    run.stage("types of the Python package", types.arg(PACKAGE));
    if let Some(wheel) = wheel(run, &environment, "dev", &directory().join("wheels")) {
        try_wheel(run, &wheel);
    }
    let mut told = pytest(run, totals, &environment, &package);
    told += behaviour(run, totals, &environment, &package, rust_cases);
    told
}

fn build(run: &mut Run, cargo_build: &[&str], package: &Path) -> bool {
    if !run.stage("build of the Python binding", &mut cargo(cargo_build)) {
        return false;
    }
    let laid_out = lay_out(&library("debug"), package);
    if let Err(error) = &laid_out {
        eprintln!("error: cannot lay out the Python package: {error}");
        run.record("layout of the Python package", Duration::ZERO, false);
    }
    laid_out.is_ok()
}

fn pytest(run: &mut Run, totals: &mut Totals, python: &Environment, package: &Path) -> u64 {
    let mut command = python.module("pytest");
    // `-rs` names what was skipped and why.
    command.args(["-q", "-rs", "--color=no", "-p", "no:cacheprovider", TESTS]);
    command.env("PYTHONPATH", package);
    let mut skips = Vec::new();
    let told = counted(
        run,
        totals,
        "tests of the Python package",
        &mut command,
        |totals, line| {
            totals.add_pytest_line(line);
            if let Some(skip) = line.strip_prefix("SKIPPED ") {
                skips.push(skip.trim().to_owned());
            }
        },
    );
    for skip in skips {
        println!("skipped: {skip}");
        if run::in_ci() && skip.contains("missing tool") {
            run.record(&format!("{skip} (a failure in CI)"), Duration::ZERO, false);
        }
    }
    told
}

/// Runs a program that names its failed tests. Returns 1 if the stage failed and they say so.
fn counted(
    run: &mut Run,
    totals: &mut Totals,
    name: &str,
    command: &mut Command,
    mut each: impl FnMut(&mut Totals, &str),
) -> u64 {
    run::announce(name);
    let (start, failed) = (Instant::now(), totals.failed);
    let status = run::show_lines(command, |line| each(totals, line));
    let well = match status {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("error: cannot start {:?}: {error}", command.get_program());
            false
        }
    };
    run.record(name, start.elapsed(), well);
    u64::from(!well && totals.failed > failed)
}

fn behaviour(
    run: &mut Run,
    totals: &mut Totals,
    python: &Environment,
    package: &Path,
    rust_cases: Option<u64>,
) -> u64 {
    let mut cases = None;
    let mut command = python.script(BEHAVIOUR, package);
    let told = counted(
        run,
        totals,
        "behaviour in Python",
        &mut command,
        |totals, line| {
            totals.add_line(line);
            cases = totals::behaviour_cases("python", line).or(cases);
        },
    );
    if rust_cases.is_some() && cases != rust_cases {
        eprintln!("error: Rust knows {rust_cases:?} behaviour cases, Python {cases:?}");
        run.record("as many cases in Python as in Rust", Duration::ZERO, false);
    }
    told
}

/// Builds a wheel with a profile of cargo's into a directory, which then holds no other.
pub fn wheel(run: &mut Run, python: &Environment, profile: &str, place: &Path) -> Option<PathBuf> {
    for old in wheels(place) {
        let _ = fs::remove_file(old);
    }
    let mut maturin = python.module("maturin");
    maturin.args(["build", "--profile", profile, "--manifest-path", MANIFEST]);
    maturin.arg("--out").arg(place);
    maturin.env("CARGO_TARGET_DIR", run::target_directory());
    maturin.env("PYO3_CONFIG_FILE", canonical_root().join(CONFIG));
    let well = run.stage(
        &format!("wheel of the Python package ({profile})"),
        &mut maturin,
    );
    wheels(place).pop().filter(|_| well)
}

fn wheels(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "whl"))
        .collect()
}

/// As cargo writes it: by another name of the same file everything would be built anew.
fn canonical_root() -> PathBuf {
    fs::canonicalize(run::root()).unwrap_or_else(|_| run::root().to_owned())
}

/// Installs a wheel where nothing else is, not even a compiler on PATH, and tries it there.
pub fn try_wheel(run: &mut Run, wheel: &Path) -> bool {
    const NAME: &str = "the wheel, installed without Rust";
    let Some(python) = interpreter() else {
        run.record(NAME, Duration::ZERO, false);
        return false;
    };
    let environment = Environment {
        home: directory().join("wheel"),
    };
    let _ = fs::remove_dir_all(&environment.home);
    let mut venv = Command::new(&python);
    venv.args(["-m", "venv"]).arg(&environment.home);
    let mut pip = environment.module("pip");
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-index",
    ]);
    pip.arg(wheel);
    if ends_well(&mut venv)
        .and_then(|()| ends_well(&mut pip))
        .is_none()
    {
        run.record(NAME, Duration::ZERO, false);
        return false;
    }
    let mut installed = environment.command();
    installed.arg(INSTALLED).arg(environment.home.join("vault"));
    installed.env(
        "PATH",
        environment.python().parent().unwrap_or(Path::new("")),
    );
    run.stage(NAME, &mut installed)
}

/// A program that measures, with the package built for release.
///
/// # Errors
/// What is missing, in words.
pub fn bench(script: &str) -> Result<Command, String> {
    let environment = Environment::with("peers", &format!("{PEERS}/requirements.txt"))?;
    let mut build = cargo(&["build", "--release", "--package", "crashvault-py"]);
    ends_well(&mut build).ok_or("the extension (cargo cannot build it)")?;
    let package = directory().join("released");
    lay_out(&library("release"), &package).map_err(|error| error.to_string())?;
    Ok(environment.script(&format!("{PEERS}/{script}"), &package))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_laid_out_with_its_extension_and_without_what_was_there() {
        let place = std::env::temp_dir().join(format!("xtask-package-{}", std::process::id()));
        let package = place.join("crashvault");
        fs::create_dir_all(&package).unwrap();
        fs::write(package.join("gone.py"), "").unwrap();
        let library = place.join("built.so");
        fs::write(&library, "built").unwrap();
        lay_out(&library, &place).unwrap();
        let has = |name: &str| package.join(name).is_file();
        let found = (has("__init__.py"), has("py.typed"), has("gone.py"));
        let built = fs::read_dir(&package).unwrap().flatten().any(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with("_crashvault.")
                && fs::read(entry.path()).is_ok_and(|bytes| bytes == b"built")
        });
        fs::remove_dir_all(&place).unwrap();
        assert_eq!((found, built), ((true, true, false), true));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let missing = Environment::with("none", "no/such/requirements.txt");
        assert!(missing.is_err());
    }
}
