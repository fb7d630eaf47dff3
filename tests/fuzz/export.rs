//! Imports mutated exports, round after round: none panics or takes too long, what is not whole brings nothing, what was
//! taken in is not taken in again, and the vault is what a rebuild makes of it.

use std::path::PathBuf;
use std::process::ExitCode;

use crashvault::{Event, ExportFormat, ExportRule, IssueFilter, NewAttachment, Vault};
use crashvault_tests::fuzz::json::{Shuffler, printed};
use crashvault_tests::fuzz::{self, Folder, Mutator, Random, Target, literals};
use crashvault_tests::generated::{self, Chance};
use crashvault_tests::repository;
use serde_json::Value;

/// What a file may grow to, in bytes.
const FILE_BYTES_MAX: usize = 512 << 10;
/// Inputs that go into one vault.
const VAULT_INPUTS: u64 = 40;

fn main() -> ExitCode {
    fuzz::run::<Exports>()
}

struct Exports {
    /// Of whole files.
    files: Mutator,
    /// Of a file's records.
    records: Shuffler,
    folder: Folder,
    vault: Option<(Vault, u64)>,
}

impl Target for Exports {
    const NAME: &'static str = "export";
    const MS_MIN: u128 = 1_000;
    const MS_PER_MB_MAX: u128 = 20_000;

    fn new(more: Vec<Vec<u8>>) -> Result<Self, String> {
        let folder = Folder::new("export")?;
        let mut seeds = exported(&folder)?;
        let texts = seeds.iter().map(|seed| String::from_utf8_lossy(seed));
        let lines: Vec<Value> = texts
            .flat_map(|text| {
                text.lines()
                    .flat_map(serde_json::from_str)
                    .collect::<Vec<_>>()
            })
            .collect();
        seeds.extend(more);
        let words = literals::below("crashvault-core/src/export");
        let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
        Ok(Self {
            files: Mutator {
                seeds,
                words: words.iter().map(|word| word.clone().into_bytes()).collect(),
                bytes_max: FILE_BYTES_MAX,
            },
            records: Shuffler::new(lines, words),
            folder,
            vault: None,
        })
    }

    fn make(&mut self, random: &mut Random) -> Vec<u8> {
        let mut file = random.pick(&self.files.seeds).clone();
        if random.once_in(4) {
            self.files.change(&mut file, random);
        } else {
            file = self.with_other_records(&file, random);
        }
        file.truncate(FILE_BYTES_MAX);
        file
    }

    fn attempt(&mut self, file: &[u8]) -> Result<u64, String> {
        let path = self.renew()?;
        std::fs::write(&path, file).map_err(|error| error.to_string())?;
        let Some((vault, _)) = &mut self.vault else {
            return Err("there is no vault".into());
        };
        let all = IssueFilter::default().limit(1);
        let before = (vault.last_ingest_sequence(), vault.issue_count(&all));
        let checked = Vault::check_export(&path);
        match vault.import_export(&path) {
            Ok(_) if checked.is_err() => Err("what cannot be read was imported".into()),
            Ok(_) => {
                let again = vault.import_export(&path).map_err(told)?;
                if again.events > 0 {
                    return Err("events come in twice".into());
                }
                for issue in vault
                    .issues(&IssueFilter::default().limit(1000))
                    .map_err(told)?
                {
                    vault.events(&issue.id, 100).map_err(told)?;
                    vault.joins(&issue.id).map_err(told)?;
                }
                Ok(1)
            }
            Err(error) => {
                let after = (vault.last_ingest_sequence(), vault.issue_count(&all));
                let (before, after) = (format!("{before:?}"), format!("{after:?}"));
                match checked.is_err() && before != after {
                    true => Err(format!("a file that is not whole came in: {error}")),
                    false => Ok(0),
                }
            }
        }
    }

    fn settle(&mut self) -> Result<(), String> {
        let Some((mut vault, _)) = self.vault.take() else {
            return Ok(());
        };
        let differences = vault.verify().map_err(told)?;
        match differences.first() {
            None => Ok(()),
            Some(first) => Err(format!("a rebuild makes another vault: {first}")),
        }
    }
}

impl Exports {
    /// The same file with some of its lines changed in their structure.
    fn with_other_records(&self, file: &[u8], random: &mut Random) -> Vec<u8> {
        let lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
        let mut changed = Vec::with_capacity(file.len());
        let some = 1 + random.below(20);
        for line in lines {
            match serde_json::from_slice::<Value>(line) {
                Ok(mut value) if random.once_in(some) => {
                    self.records.change(&mut value, random);
                    changed.extend(printed(&value));
                    changed.push(b'\n');
                }
                _ => changed.extend(line),
            }
        }
        changed
    }

    /// A vault that is not full, and where the file is put.
    fn renew(&mut self) -> Result<PathBuf, String> {
        let home = self.folder.path().join("vault");
        if self
            .vault
            .as_ref()
            .is_some_and(|(_, count)| *count >= VAULT_INPUTS)
        {
            self.settle()?;
        }
        match &mut self.vault {
            Some((_, count)) => *count += 1,
            None => {
                let _ = std::fs::remove_dir_all(&home);
                let vault = Vault::options().author("fuzz").open(&home).map_err(told)?;
                self.vault = Some((vault, 1));
            }
        }
        Ok(self.folder.path().join("input"))
    }
}

/// A small vault as each form that can be read back.
fn exported(folder: &Folder) -> Result<Vec<Vec<u8>>, String> {
    let home = folder.path().join("seed");
    let mut vault = Vault::options().author("ada").open(&home).map_err(told)?;
    let corpus = repository().join("tests/corpus/sentry-events");
    for json in fuzz::files(&corpus, ".json") {
        vault
            .add(Event::from_json(&json).map_err(told)?)
            .map_err(told)?;
    }
    let mut chance = Chance::new(1);
    for number in 0..12 {
        let added = vault
            .add(generated::event(number, 4, &mut chance))
            .map_err(told)?;
        if number == 0 {
            let attached = NewAttachment::new("log.txt", b"one\ntwo\n".to_vec());
            vault.attach(added.event_id, &attached).map_err(told)?;
        }
    }
    for _ in 0..20 {
        generated::decide(&mut vault, &mut chance, 8, 12);
    }
    let forms = [ExportFormat::Ndjson, ExportFormat::Json, ExportFormat::Csv];
    let files = forms.into_iter().map(|form| {
        let mut file = Vec::new();
        vault
            .export(&ExportRule::all(), form, &mut file, &mut |_| {})
            .map_err(told)?;
        Ok(file)
    });
    files.collect()
}

fn told(error: crashvault::Error) -> String {
    error.to_string()
}
