//! Drains mutated segments of the journal, round after round: none panics or takes too long, each whole frame before and
//! behind damage is read, and draining again brings nothing.
//!
//! Segments are written from docs/journal.md alone. Half of them are damaged; the bodies of all may hold anything.

use std::process::ExitCode;

use crashvault::{EventId, Vault};
use crashvault_tests::fuzz::{self, Folder, Mutator, Random, Target};
use crashvault_tests::journal::{FATAL, JSON, PREALLOCATED, Writer, crc32c, field, keyed};
use crashvault_tests::repository;

/// What a segment may grow to, in bytes.
const SEGMENT_BYTES_MAX: usize = 256 << 10;
const HEAD_BYTES: usize = 512;
const FRAME_HEAD_BYTES: usize = 48;
const MAGIC: [u8; 4] = [0xC5, 0x76, 0xF7, 0x1A];
/// The message of events that must be found.
const PLAIN: &[u8] = b"this frame is whole";
/// Inputs of which one vault is compared with what a rebuild makes of it.
const VERIFIED_ONCE_IN: u64 = 16;

fn main() -> ExitCode {
    fuzz::run::<Journal>()
}

struct Journal {
    bytes: Mutator,
    json: Mutator,
    folder: Folder,
    count: u64,
}

impl Target for Journal {
    const NAME: &'static str = "journal";
    const MS_MIN: u128 = 400;
    const MS_PER_MB_MAX: u128 = 20_000;

    fn new(more: Vec<Vec<u8>>) -> Result<Self, String> {
        let corpus = repository().join("tests/corpus/sentry-events");
        let mut events = fuzz::files(&corpus, ".json");
        events.extend(more);
        let mutator = |seeds: Vec<Vec<u8>>, bytes_max| Mutator {
            seeds,
            words: vec![MAGIC.to_vec(), vec![0; 48], b"\xff\xff\xff\xff".to_vec()],
            bytes_max,
        };
        Ok(Self {
            bytes: mutator(vec![PLAIN.to_vec()], SEGMENT_BYTES_MAX - HEAD_BYTES),
            json: mutator(events, 32 << 10),
            folder: Folder::new("journal")?,
            count: 0,
        })
    }

    fn make(&mut self, random: &mut Random) -> Vec<u8> {
        let mut writer = Writer::new(random.below(256) as u8);
        let flags = PREALLOCATED * random.below(2) as u16;
        let mut segment = writer.head(flags, 0, random.below(9) as u64, 28);
        let mut frames = Vec::new();
        for number in 1..=1 + random.below(30) as u8 {
            frames.extend(self.frame(&mut writer, number, random));
        }
        if flags == PREALLOCATED {
            frames.extend([0; 5000]);
        }
        if random.once_in(2) {
            for _ in 0..=random.below(3) {
                self.bytes.change(&mut frames, random);
            }
        }
        segment.extend(frames);
        if random.once_in(20) {
            let at = random.below(HEAD_BYTES);
            segment[at] ^= 1 << random.below(8);
        }
        segment
    }

    fn attempt(&mut self, segment: &[u8]) -> Result<u64, String> {
        let home = self.folder.path();
        let _ = std::fs::remove_dir_all(home);
        let journal = home.join("journal");
        let written = std::fs::create_dir_all(&journal).and_then(|()| {
            let name = format!("{}.cvj", Writer::new(0).name());
            std::fs::write(journal.join(name), segment)
        });
        written.map_err(|error| error.to_string())?;
        let mut vault = Vault::open(home).map_err(told)?;
        let report = vault.drain_all().map_err(told)?;
        let expected = match report.faults.is_empty() {
            true => whole(segment),
            false if is_head(segment) => {
                return Err(format!("it is not read: {:?}", report.faults));
            }
            false => Vec::new(),
        };
        for event in &expected {
            let hex = format!("{event:02x}").repeat(16);
            let id: EventId = hex.parse().map_err(told)?;
            vault
                .event(id)
                .map_err(|error| format!("a whole frame was not read: {error}"))?;
        }
        if vault.drain_all().map_err(told)?.events_new > 0 {
            return Err("draining again brings events".into());
        }
        self.count += 1;
        if self.count.is_multiple_of(VERIFIED_ONCE_IN)
            && let Some(first) = vault.verify().map_err(told)?.first()
        {
            return Err(format!("a rebuild makes another vault: {first}"));
        }
        Ok(expected.len() as u64)
    }
}

impl Journal {
    fn frame(&self, writer: &mut Writer, event: u8, random: &mut Random) -> Vec<u8> {
        let body = body(random, 0);
        match random.below(8) {
            0 => {
                let mut json = random.pick(&self.json.seeds).clone();
                self.json.change(&mut json, random);
                writer.frame(1, JSON, event, &json)
            }
            1 => writer.frame(1, FATAL * random.below(2) as u16, event, &body),
            2 => {
                let mut body = body;
                self.json.change(&mut body, random);
                writer.frame(1, 0, event, &body)
            }
            3 => writer.frame(2, 0, 0, &body),
            4 => writer.frame(3, 0, 0, &body),
            5 => match random.below(3) {
                0 => writer.frame(4, 0, 0, &keyed(6, "throttled", "18446744073709551615")),
                1 => writer.frame(5, 0, event.saturating_sub(1), &body),
                _ => {
                    let (version, kind) = (random.below(3) as u8, random.below(9) as u8);
                    let key = random.below(2) as u32;
                    writer.frame_of(version, kind, 0, event, key, &body)
                }
            },
            _ => writer.frame(1, 0, event, &field(3, PLAIN)),
        }
    }
}

/// Fields of any tags, with what they may hold and what they may not.
fn body(random: &mut Random, depth: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for _ in 0..random.below(6) {
        // 29 takes another event away, which then cannot be found.
        let tag = match random.below(34) as u8 {
            29 => 3,
            tag => tag,
        };
        let payload = match random.below(8) {
            0 => Vec::new(),
            1 => vec![0xff; random.below(40)],
            2 => random.below(1 << 40).to_le_bytes().to_vec(),
            3 => (0..random.below(300))
                .map(|_| random.below(256) as u8)
                .collect(),
            4 if depth < 3 => self::body(random, depth + 1),
            5 => keyed(0, "os", "{\"name\": [1, {}]}").split_off(5),
            6 => vec![b'7'; 8 * random.below(300)],
            _ => b"src/main.rs:10:4 {\"a\": {\"b\": 1}}".to_vec(),
        };
        body.extend(field(tag, &payload));
    }
    body
}

fn is_head(segment: &[u8]) -> bool {
    let checksum = segment.get(432..436);
    let is_kept = checksum == Some(&crc32c(&[&segment[..segment.len().min(432)]]).to_le_bytes());
    is_kept && segment.len() >= HEAD_BYTES
}

/// The plain events whose frames are whole.
fn whole(segment: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    let (id, boxed) = (&segment[16..32], u32_at(segment, 452));
    // What a box may cover is no place for frames.
    if boxed != 0 {
        return found;
    }
    let mut rest = &segment[HEAD_BYTES..];
    while rest.len() >= FRAME_HEAD_BYTES {
        let end = FRAME_HEAD_BYTES + u32_at(rest, 8) as usize;
        let is_whole = rest.starts_with(&MAGIC)
            && end <= rest.len()
            && crc32c(&[id, &rest[..12], &rest[16..end]]) == u32_at(rest, 12);
        if !is_whole {
            rest = &rest[1..];
            continue;
        }
        let (is_event, is_plain) = (rest[4..6] == [1, 1], rest[40..44] == [0; 4]);
        if is_event && is_plain && rest[FRAME_HEAD_BYTES..end] == field(3, PLAIN) {
            found.push(rest[16]);
        }
        rest = &rest[end..];
    }
    found
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

fn told(error: crashvault::Error) -> String {
    error.to_string()
}
