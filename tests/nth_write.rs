//! Work that is done again and again, each time with another change to a file failing.

use std::path::Path;
use std::process::Command;

/// How many of the writes are tried, spread over the work.
#[derive(Clone, Copy)]
pub enum Tried {
    /// Each one.
    All,
    /// About so many; each one with `CRASHVAULT_EVERY_WRITE` set.
    About(usize),
}

/// Runs `faulty` with its n-th change failing, for different n up to the number of changes that it makes, and checks each
/// time what is left: the vault, n, and what was printed.
///
/// # Panics
/// If the work panics, or makes no changes.
pub fn at_each_write(
    faulty: &str,
    what: &str,
    fault: &str,
    tried: Tried,
    prepare: impl Fn(&Path),
    check: impl Fn(&Path, usize, &str),
) {
    let run = |home: &Path, number: usize| {
        prepare(home);
        let output = Command::new(faulty)
            .arg(home)
            .args([what, fault, &number.to_string()])
            .output()
            .expect("the program can be started");
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = output.status.code();
        assert_ne!(code, Some(101), "{what}, {fault} at {number}: {complaint}");
        (
            code,
            String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            complaint,
        )
    };
    let (code, printed, said) = {
        let home = Scratch::new(what, fault, NEVER);
        let ran = run(&home.0, NEVER);
        check(&home.0, NEVER, &ran.1);
        ran
    };
    assert_eq!(code, Some(WAS_NOT_REACHED), "{printed} {said}");
    let changes = said.trim().strip_prefix("changes: ");
    let changes: usize = changes
        .and_then(|count| count.parse().ok())
        .expect("a number");
    assert!(changes > 5, "there are changes to fail");
    for number in numbers(changes, fault, tried) {
        let home = Scratch::new(what, fault, number);
        let (_, printed, _) = run(&home.0, number);
        check(&home.0, number, &printed);
    }
}

/// More changes than any work makes.
const NEVER: usize = 1_000_000;
/// How `faulty` ends when its fault did not strike.
const WAS_NOT_REACHED: i32 = 42;

/// Each kind of fault begins at another place, so that more places are struck.
fn numbers(changes: usize, fault: &str, tried: Tried) -> impl Iterator<Item = usize> {
    let every = std::env::var_os("CRASHVAULT_EVERY_WRITE").is_some();
    let step = match tried {
        Tried::About(count) if !every => (changes / count).max(1),
        _ => 1,
    };
    let first = fault.bytes().map(usize::from).sum::<usize>() % step;
    (first..changes).step_by(step)
}

/// A directory of its own, gone at the end; a failed check keeps it, so that it can be looked at.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(what: &str, fault: &str, number: usize) -> Self {
        let name = format!("crashvault-{what}-{fault}-{number}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("the name is new");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept: {}", self.0.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
