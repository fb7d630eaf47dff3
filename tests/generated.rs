//! Events and decisions that are made up, the same ones for the same seed.

use crashvault::{
    Deed, ErrorKind, Event, EventId, IgnoreUntil, IssueRef, Resolution, ReviewStep, Timestamp,
    Vault,
};
use serde_json::{Value, json};

const PROJECTS: [&str; 4] = ["shop", "till", "ledger", "depot"];
const WORDS: [&str; 16] = [
    "connection",
    "refused",
    "timeout",
    "ledger",
    "row",
    "parse",
    "invoice",
    "queue",
    "disk",
    "payment",
    "token",
    "café",
    "日本語",
    "cache",
    "lock",
    "retry",
];
const LEVELS: [&str; 4] = ["info", "warning", "error", "fatal"];
/// 2026-01-01T00:00:00Z, in seconds.
const BEGIN: u64 = 1_767_225_600;

/// A source of numbers (SplitMix64).
pub struct Chance(u64);

impl Chance {
    /// The same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u64) as usize]
    }

    fn words(&mut self, count: u64) -> String {
        let words: Vec<&str> = (0..count).map(|_| self.pick(&WORDS)).collect();
        words.join(" ")
    }

    /// The same items in another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index as u64 + 1) as usize);
        }
    }
}

/// The id of the numbered event.
pub fn event_id(number: u64) -> EventId {
    let mut bytes = [0x40; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    EventId::from_bytes(bytes)
}

/// The numbered event: one of `variants` failures of one of four projects, with a stack, breadcrumbs, tags and a user,
/// some time in January 2026.
pub fn event(number: u64, variants: u64, chance: &mut Chance) -> Event {
    let variant = chance.below(variants).min(chance.below(variants));
    let seconds = BEGIN + chance.below(30 * 86_400);
    let mut event = json!({
        "event_id": event_id(number).to_string(),
        "timestamp": seconds,
        "level": chance.pick(&LEVELS),
        "platform": "python",
        "contexts": {"crashvault": {"project": PROJECTS[(variant % 4) as usize]}},
        "release": format!("app@{}.{}.0", 1 + chance.below(3), chance.below(4)),
        "environment": chance.pick(&["prod", "staging"]),
        "server_name": format!("web-{}", chance.below(5)),
        "tags": {"region": chance.pick(&["eu", "us", "ap"]), "shard": chance.below(20).to_string()},
        "breadcrumbs": {"values": crumbs(chance, seconds)},
    });
    if chance.below(4) > 0 {
        event["user"] = json!({"id": format!("u{}", chance.below(50))});
    }
    match variant % 3 {
        0 => {
            event["message"] = format!(
                "{} {}",
                variant_word(variant),
                WORDS[(variant % 16) as usize]
            )
            .into()
        }
        _ => event["exception"] = exception(variant, chance),
    }
    Event::from_json(event.to_string().as_bytes()).expect("an event is an object")
}

/// Letters alone: digits would be taken for what changes from event to event.
fn variant_word(variant: u64) -> String {
    let letter = |value: u64| char::from(b'a' + (value % 26) as u8);
    [variant / 676, variant / 26, variant]
        .map(letter)
        .iter()
        .collect()
}

fn crumbs(chance: &mut Chance, seconds: u64) -> Vec<Value> {
    let count = chance.below(6);
    let crumbs = (0..count).map(|index| {
        let message = chance.words(4);
        json!({"message": message, "category": "log", "timestamp": seconds - count + index})
    });
    crumbs.collect()
}

fn exception(variant: u64, chance: &mut Chance) -> Value {
    let word = variant_word(variant);
    let frame = |index: u64| {
        json!({
            "function": format!("{}_{word}", WORDS[((variant + index) % 11) as usize]),
            "module": format!("app.{word}"),
            "filename": format!("{word}/{}.py", WORDS[(index % 11) as usize]),
            "lineno": 10 * variant + index,
            "in_app": index.is_multiple_of(2),
        })
    };
    let frames: Vec<Value> = (0..3 + variant % 8).map(frame).collect();
    json!({"values": [{
        "type": format!("{word}Error"),
        "value": chance.words(3),
        "stacktrace": {"frames": frames},
    }]})
}

/// Decides something about a random issue, or an event of a random number below `events`. What cannot be decided (the
/// issue is gone, there is nothing to take back) is not.
///
/// # Panics
/// If the vault refuses for another reason.
pub fn decide(vault: &mut Vault, chance: &mut Chance, issues: u64, events: u64) -> bool {
    let issue = IssueRef::Number(1 + chance.below(issues));
    let decided = match chance.below(20) {
        0 => vault.resolve(&issue, Resolution::Now),
        1 => vault.resolve(&issue, Resolution::NextRelease(None)),
        2 => vault.resolve(&issue, Resolution::Release("app@3.0.0".into())),
        3 => vault.reopen(&issue),
        4 => vault.ignore(&issue, IgnoreUntil::Reopened),
        5 => vault.ignore(&issue, IgnoreUntil::SeenAgain(chance.below(20))),
        6 => vault.ignore(&issue, IgnoreUntil::Grown),
        7 => {
            let seconds = BEGIN + chance.below(30 * 86_400);
            let time = Timestamp::from_secs_f64(seconds as f64).expect("a time in January 2026");
            vault.ignore(&issue, IgnoreUntil::Time(time))
        }
        8 => vault.assign(&issue, (chance.below(3) > 0).then_some("grace")),
        9 => vault.comment(&issue, &chance.words(5)),
        10..13 => vault.undo(&issue).map(|(_, undo)| undo),
        other => {
            let deed = deed(other, chance, events);
            vault.decide(&issue, deed)
        }
    };
    match decided {
        Ok(_) => true,
        Err(error) => {
            let kinds = [ErrorKind::NotFound, ErrorKind::InvalidInput];
            assert!(kinds.contains(&error.kind()), "{error}");
            false
        }
    }
}

fn deed(kind: u64, chance: &mut Chance, events: u64) -> Deed {
    let is_set = chance.below(3) > 0;
    match kind {
        13 => Deed::Tag {
            key: chance.pick(&["team", "area"]).into(),
            value: is_set.then(|| chance.words(1)),
        },
        14 => Deed::SetTitle(is_set.then(|| chance.words(3))),
        15 => Deed::SetSeverity(is_set.then(|| "high".into())),
        16 => Deed::Bookmark(is_set),
        17 => Deed::Review(is_set.then_some(ReviewStep::Verify)),
        18 => Deed::MoveEvent(event_id(chance.below(events))),
        _ if chance.below(3) == 0 => Deed::Tombstone,
        _ => Deed::MoveEvent(event_id(chance.below(events))),
    }
}
