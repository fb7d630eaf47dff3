//! What the programs that try mutated inputs share.
//!
//! Enters: a [`Target`], which makes inputs and tries them. Leaves: how many went well, or the first that did not, kept in
//! a file.
//!
//! `fuzz-NAME [--seconds N] [--seed N] [--corpus FOLDER] [--input FILE]`: with `--corpus` the files of a folder are seeds
//! too; with `--input` one file is tried, such as one that was kept. Whatever goes wrong, a panic, an overflow of the
//! stack or an endless loop too, the input lies in the file that was told.
//!
//! Never: needs another toolchain, or makes other inputs for the same seed and sources.

pub mod json;
pub mod literals;
mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub use mutate::{Mutator, Random};

/// An input that was too slow is tried again so often; the fastest counts.
const RETRIES: usize = 4;
const SECONDS: u64 = 60;
/// An input that takes so many looks of five seconds each does not end.
const LOOKS_MAX: u32 = 24;
const LOOK: Duration = Duration::from_secs(5);
/// What a program's threads have by default, and so the drainer's.
const STACK_BYTES: usize = 2 << 20;

/// What reads anything.
pub trait Target: Sized {
    /// The program is `fuzz-NAME`.
    const NAME: &'static str;
    /// What any input may take, however short, in milliseconds of the processor.
    const MS_MIN: u128;
    /// What a megabyte may take beyond, on a slow machine. A walk that is quadratic takes a hundred times that.
    const MS_PER_MB_MAX: u128;

    /// With more seeds than those it knows.
    ///
    /// # Errors
    /// Why it cannot begin.
    fn new(more: Vec<Vec<u8>>) -> Result<Self, String>;

    /// The next input.
    fn make(&mut self, random: &mut Random) -> Vec<u8>;

    /// How many things were found in an input; it may be tried again.
    ///
    /// # Errors
    /// What did not hold.
    fn attempt(&mut self, input: &[u8]) -> Result<u64, String>;

    /// What must hold of all inputs so far; asked between two of them and at the end.
    ///
    /// # Errors
    /// What did not hold.
    fn settle(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// Tries inputs until time is up or one fails.
pub fn run<T: Target>() -> ExitCode {
    let Some(asked) = Asked::read() else {
        eprintln!(
            "usage: fuzz-{} [--seconds N] [--seed N] [--corpus FOLDER] [--input FILE]",
            T::NAME
        );
        return ExitCode::from(2);
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let ran = thread.spawn(move || Rounds::<T>::begin(&asked)?.go(&asked));
    let told = match ran.map(std::thread::JoinHandle::join) {
        Ok(Ok(told)) => told,
        Ok(Err(_)) => Err("an input could not be made".into()),
        Err(error) => Err(error.to_string()),
    };
    match told {
        Ok(sum) => {
            println!("{sum}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

struct Asked {
    seconds: u64,
    seed: u64,
    corpus: Option<PathBuf>,
    input: Option<PathBuf>,
}

impl Asked {
    fn read() -> Option<Self> {
        let mut asked = Self {
            seconds: SECONDS,
            seed: 1,
            corpus: None,
            input: None,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let value = words.next()?;
            match word.as_str() {
                "--seconds" => asked.seconds = value.parse().ok()?,
                "--seed" => asked.seed = value.parse().ok()?,
                "--corpus" => asked.corpus = Some(value.into()),
                "--input" => asked.input = Some(value.into()),
                _ => return None,
            }
        }
        Some(asked)
    }
}

struct Rounds<T> {
    target: T,
    /// Where the input lies that is being tried.
    kept: PathBuf,
    begun: Arc<AtomicU64>,
    panicked: Arc<Mutex<String>>,
}

impl<T: Target> Rounds<T> {
    fn begin(asked: &Asked) -> Result<Self, String> {
        let more = match &asked.corpus {
            Some(folder) => files(folder, ""),
            None => Vec::new(),
        };
        let kept = std::env::temp_dir().join(format!("fuzz-{}-{}.input", T::NAME, asked.seed));
        let rounds = Self {
            target: T::new(more)?,
            kept: asked.input.clone().unwrap_or(kept),
            begun: Arc::default(),
            panicked: Arc::default(),
        };
        rounds.catch_panics();
        rounds.watch();
        Ok(rounds)
    }

    fn catch_panics(&self) {
        let panicked = Arc::clone(&self.panicked);
        std::panic::set_hook(Box::new(move |panic| {
            if let Ok(mut text) = panicked.lock() {
                *text = panic.to_string();
            }
            eprintln!("{panic}");
        }));
    }

    /// Ends the process when an input does not end. Looks are counted, not time: the whole process may be stopped.
    fn watch(&self) {
        let (begun, kept) = (Arc::clone(&self.begun), self.kept.clone());
        std::thread::spawn(move || {
            let (mut last, mut looks) = (0, 0);
            loop {
                std::thread::sleep(LOOK);
                let now = begun.load(Ordering::Relaxed);
                looks = if now == last { looks + 1 } else { 0 };
                last = now;
                if looks == LOOKS_MAX {
                    let path = kept.display();
                    eprintln!("error: it does not end; the input is in {path}");
                    std::process::exit(1);
                }
            }
        });
    }

    fn go(mut self, asked: &Asked) -> Result<String, String> {
        if let Some(path) = &asked.input {
            let input = std::fs::read(path).map_err(|error| error.to_string())?;
            let (found, took) = self.measured(&input)?;
            self.target.settle()?;
            let bytes = input.len();
            return Ok(format!("{bytes} bytes, {found} found in {took:?}"));
        }
        let mut random = Random::new(asked.seed);
        let end = Instant::now() + Duration::from_secs(asked.seconds);
        let (mut count, mut bytes, mut found) = (0u64, 0u64, 0u64);
        while Instant::now() < end {
            let input = self.target.make(&mut random);
            std::fs::write(&self.kept, &input).map_err(|error| error.to_string())?;
            let tried = self.round(&input);
            found += tried.map_err(|why| self.told(&why, asked.seed))?;
            count += 1;
            bytes += input.len() as u64;
        }
        self.target.settle()?;
        if found == 0 {
            return Err("nothing was found in any input".into());
        }
        let _ = std::fs::remove_file(&self.kept);
        Ok(format!(
            "{count} inputs, {} MB, {found} found, seed {}: none panicked, none was slow",
            bytes >> 20,
            asked.seed
        ))
    }

    fn told(&self, why: &str, seed: u64) -> String {
        format!(
            "{why}; the input is in {} (seed {seed})",
            self.kept.display()
        )
    }

    fn round(&mut self, input: &[u8]) -> Result<u64, String> {
        let allowed_ms = T::MS_MIN + input.len() as u128 * T::MS_PER_MB_MAX / (1 << 20);
        let (found, mut fastest) = self.measured(input)?;
        for _ in 0..RETRIES {
            if fastest.as_millis() <= allowed_ms {
                break;
            }
            fastest = fastest.min(self.measured(input)?.1);
        }
        match fastest.as_millis() <= allowed_ms {
            true => Ok(found),
            false => Err(format!("it took {fastest:?} for {} bytes", input.len())),
        }
    }

    fn measured(&mut self, input: &[u8]) -> Result<(u64, Duration), String> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let (begun, before) = (Instant::now(), worked());
        // A target that panicked is not used again.
        let tried = catch_unwind(AssertUnwindSafe(|| self.target.attempt(input)));
        let took = match (before, worked()) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => begun.elapsed(),
        };
        match tried {
            Ok(found) => Ok((found?, took)),
            Err(_) => Err(self.panicked.lock().map_or_else(
                |_| "it panicked".into(),
                |text| format!("it panicked: {text}"),
            )),
        }
    }
}

/// The processor's time that this thread had, where the system tells it: the machine may have other work.
fn worked() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = told.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

/// The contents of a folder's files whose names end so.
pub fn files(folder: &Path, ending: &str) -> Vec<Vec<u8>> {
    let mut files = crate::files_below(folder);
    files.retain(|file| file.to_string_lossy().ends_with(ending));
    let contents = files.iter().filter_map(|file| std::fs::read(file).ok());
    contents.collect()
}

/// A folder of its own for a vault, in memory where the system has such a place; gone when dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn new(name: &str) -> Result<Self, String> {
        let memory = Path::new("/dev/shm");
        let above = match memory.is_dir() {
            true => memory.to_owned(),
            false => std::env::temp_dir(),
        };
        let folder = above.join(format!("fuzz-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).map_err(|error| error.to_string())?;
        Ok(Self(folder))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
