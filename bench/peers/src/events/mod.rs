//! Events as an SDK would send them, of a service that does not exist.
//!
//! Enters: a seed, how many events there are to be, and a number. Leaves: that event as one line of JSON: a function of
//! these three, whichever events were asked for before. Later numbers are later events, over thirty days.
//!
//! Never: keeps an event, reads a clock, repeats an id, a user's request, a trace, a time or a breadcrumb's text.
//!
//! What repeats does so by Zipf's law, as it does in the field: [`VARIANTS`] ways to fail, each with a type, module and
//! stack of its own; [`USERS`] users; a vocabulary of [`program::WORDS`] words. Releases move the lines of some modules,
//! so that one variant has several stacks that differ in their lines.
//!
//! ```
//! let events = bench_peers::events::Generator::new(1, 1000);
//! let event = crashvault::Event::from_json(events.json(7).as_bytes()).unwrap();
//! assert!((25..=40).contains(&event.stacktraces().next().unwrap().frames.len()));
//! assert_eq!(events.json(7), events.json(7));
//! ```

pub mod program;
pub mod random;

use std::fmt::Write;

use program::{Language, Program, camel};
use random::{Random, Zipf};

/// Ways to fail. In 100,000 events some of the rarest do not come.
pub const VARIANTS: usize = 2500;
pub const USERS: usize = 50_000;
const RELEASES: u64 = 40;
const SERVERS: u64 = 200;
const TRANSACTIONS: u64 = 300;
const BREADCRUMBS_MIN: u64 = 5;
const BREADCRUMBS_MAX: u64 = 11;

/// The first event's time: 1 September 2026, in microseconds since 1970.
const BEGIN_US: u64 = 1_788_220_800_000_000;
const SPAN_US: u64 = 30 * 24 * 3600 * 1_000_000;
/// Neighbours that may come in another order than they happened. A power of two.
const MIXED: u64 = 16;

const BROWSERS: [&str; 8] = [
    "Chrome 139",
    "Chrome 138",
    "Firefox 142",
    "Safari 18.6",
    "Edge 139",
    "Mobile Safari 18.5",
    "Samsung Internet 28",
    "Opera 120",
];
const SYSTEMS: [(&str, &str); 5] = [
    ("Linux", "6.8.0-71"),
    ("Linux", "6.1.0-37"),
    ("Windows", "11"),
    ("macOS", "15.6"),
    ("Android", "15"),
];
const REGIONS: [&str; 6] = [
    "eu-west-1",
    "eu-central-1",
    "us-east-1",
    "us-west-2",
    "ap-south-1",
    "sa-east-1",
];
const TIERS: [&str; 4] = ["free", "team", "business", "enterprise"];
const FLAGS: [&str; 12] = [
    "new-checkout",
    "fast-search",
    "dark-mode",
    "bulk-import",
    "cart-v2",
    "no-flag",
    "price-test-a",
    "price-test-b",
    "lazy-images",
    "async-mail",
    "old-login",
    "beta-reports",
];
const METHODS: [&str; 6] = ["GET", "GET", "GET", "POST", "POST", "PUT"];
const SUFFIXES: [&str; 6] = [
    "Error",
    "Error",
    "Exception",
    "Timeout",
    "Failure",
    "Mismatch",
];
const LOGGERS: [&str; 5] = [
    "app.request",
    "app.jobs",
    "app.payments",
    "app.cache",
    "app.mail",
];
const STATUSES: [u16; 8] = [200, 200, 200, 201, 204, 304, 404, 503];

/// What a row of random numbers is for.
#[derive(Clone, Copy)]
enum Row {
    Event = 100,
    Mixed,
    Variant,
    User,
    Server,
    Transaction,
}

/// The events.
pub struct Generator {
    seed: u64,
    count: u64,
    program: Program,
    variants: Zipf,
    users: Zipf,
}

impl Generator {
    /// `count` events; numbers beyond them are still events, after the thirty days.
    pub fn new(seed: u64, count: u64) -> Generator {
        Generator {
            seed,
            count: count.max(1),
            program: Program::new(seed),
            variants: Zipf::new(VARIANTS, 1.1),
            users: Zipf::new(USERS, 0.8),
        }
    }

    /// Which way to fail an event shows.
    pub fn variant(&self, number: u64) -> usize {
        self.variants.rank(&mut self.random(Row::Event, &[number]))
    }

    /// The event as one line, without a line break.
    pub fn json(&self, number: u64) -> String {
        let mut random = self.random(Row::Event, &[number]);
        let variant = self.variants.rank(&mut random) as u64;
        let mut event = Writing {
            generator: self,
            variant,
            time_us: self.time_us(number),
            release: self.release(number, &mut random),
            random,
            out: String::with_capacity(16 * 1024),
        };
        event.write();
        event.out
    }

    fn random(&self, row: Row, parts: &[u64]) -> Random {
        let seed = Random::of(self.seed, &[row as u64]).number();
        Random::of(seed, parts)
    }

    /// Rises with the number, but for some that overtake their neighbours; each time comes once.
    fn time_us(&self, number: u64) -> u64 {
        let block = number / MIXED;
        let place = number ^ self.random(Row::Mixed, &[block]).below(MIXED);
        let step = (SPAN_US / self.count).max(2);
        BEGIN_US + place * step + self.random(Row::Mixed, &[block, place]).below(step)
    }

    /// The newest of its day; one in five comes from somebody who is up to five releases behind.
    fn release(&self, number: u64, random: &mut Random) -> u64 {
        let newest = (number.saturating_mul(RELEASES) / self.count).min(RELEASES - 1);
        let behind = if random.chance(20) {
            random.between(1, 5)
        } else {
            0
        };
        newest.saturating_sub(behind)
    }
}

/// One event while it is written. No text in it needs an escape. Writing to a string cannot fail.
struct Writing<'g> {
    generator: &'g Generator,
    variant: u64,
    release: u64,
    time_us: u64,
    random: Random,
    out: String,
}

macro_rules! put {
    ($self:ident, $($format:tt)*) => {{ let _ = write!($self.out, $($format)*); }};
}

impl Writing<'_> {
    fn write(&mut self) {
        let id = self.hex(32);
        let level = match self.variant % 20 {
            0..17 => "error",
            17..19 => "warning",
            _ => "fatal",
        };
        let time = seconds(self.time_us);
        let platform = Language::of_variant(self.variant).platform();
        put!(
            self,
            r#"{{"event_id":"{id}","timestamp":{time},"platform":"{platform}","level":"{level}""#
        );
        self.origin();
        self.exception();
        self.breadcrumbs();
        self.user();
        let request_id = self.request_id();
        self.tags(&request_id);
        self.contexts();
        self.request(&request_id);
        let name = match Language::of_variant(self.variant) {
            Language::Python => "sentry.python.django",
            Language::JavaScript => "sentry.javascript.node",
        };
        put!(self, r#","sdk":{{"name":"{name}","version":"9.5.0"}}}}"#);
    }

    fn word(&mut self) -> String {
        self.generator.program.word(&mut self.random).to_owned()
    }

    fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits + 16);
        while text.len() < digits {
            let _ = write!(text, "{:016x}", self.random.number());
        }
        text.truncate(digits);
        text
    }

    /// A letter first: a run of digits alone could be taken for a card's number and scrubbed.
    fn request_id(&mut self) -> String {
        format!("r{}", self.hex(15))
    }

    fn origin(&mut self) {
        let release = self.release;
        let environment = match self.random.below(100) {
            0..80 => "production",
            80..95 => "staging",
            _ => "development",
        };
        put!(
            self,
            r#","release":"shop@2.{}.{}","environment":"{environment}""#,
            release / 4,
            release % 4
        );
        let server = self.random.below(SERVERS);
        let region = self
            .generator
            .random(Row::Server, &[server])
            .below(REGIONS.len() as u64) as usize;
        put!(
            self,
            r#","server_name":"web-{server:03}.{}.shop.internal""#,
            REGIONS[region]
        );
        let transaction = self.transaction();
        let logger = self.random.pick(&LOGGERS);
        put!(
            self,
            r#","transaction":"{transaction}","logger":"{logger}""#
        );
    }

    /// A variant fails in at most three of them.
    fn transaction(&mut self) -> String {
        let which = [self.variant, self.random.below(3)];
        let number = self
            .generator
            .random(Row::Variant, &which)
            .below(TRANSACTIONS);
        let mut random = self.generator.random(Row::Transaction, &[number]);
        let program = &self.generator.program;
        let (first, second) = (program.any_word(&mut random), program.any_word(&mut random));
        format!("/api/{first}/{second}/{}", program.verb(&mut random))
    }

    fn exception(&mut self) {
        let Generator { program, .. } = self.generator;
        let mut own = self.generator.random(Row::Variant, &[self.variant]);
        let (first, second) = (program.any_word(&mut own), program.any_word(&mut own));
        let suffix = own.pick(&SUFFIXES);
        let ty = format!("{}{suffix}", camel(&[first, second]));
        let module = program.exception_module(self.variant);
        let handled = !self.variant.is_multiple_of(3);
        put!(
            self,
            r#","exception":{{"values":[{{"type":"{ty}","module":"{module}","value":""#
        );
        self.value(first, &mut own);
        put!(
            self,
            r#"","mechanism":{{"type":"generic","handled":{handled}}},"stacktrace":{{"frames":"#
        );
        program.frames(self.variant, self.release, &mut self.out);
        self.out.push_str("}}]}");
    }

    /// The template and some words belong to the variant, numbers, ids and other words to the event.
    fn value(&mut self, noun: &str, own: &mut Random) {
        let Generator { program, .. } = self.generator;
        let (verb, other) = (program.verb(own), program.any_word(own));
        let (word, number) = (self.word(), self.random.below(10_000_000));
        match own.below(6) {
            0 => put!(self, "cannot {verb} {noun} {number}: {other} is {word}"),
            1 => {
                let (id, attempt) = (self.hex(12), self.random.between(1, 5));
                put!(
                    self,
                    "{noun} {other} timed out after {} ms (request {id}, attempt {attempt})",
                    number % 30_000
                );
            }
            2 => put!(
                self,
                "unexpected {noun} at byte {} of {word}-{number}.json",
                number % 65_536
            ),
            3 => put!(
                self,
                "{noun} for customer {number} refused by {other}: limit {}.{:02} exceeded",
                number % 9000,
                number % 100
            ),
            4 => {
                let more = self.word();
                put!(
                    self,
                    "connection to {noun}-{}.{other}.internal:5432 lost while writing {word} {more} {number}",
                    number % 12
                );
            }
            _ => {
                let id = self.hex(16);
                put!(
                    self,
                    "could not {verb} the {noun} of order {number} ({word}): version {id} is not the {other} one"
                );
            }
        }
    }

    fn breadcrumbs(&mut self) {
        let count = self.random.between(BREADCRUMBS_MIN, BREADCRUMBS_MAX);
        let mut time_us = self.time_us - count * 400_000;
        self.out.push_str(r#","breadcrumbs":{"values":["#);
        for place in 0..count {
            time_us += self.random.between(1000, 390_000);
            put!(
                self,
                r#"{}{{"timestamp":{},"#,
                if place > 0 { "," } else { "" },
                seconds(time_us)
            );
            match self.random.below(10) {
                0..4 => self.query(),
                4..7 => self.http(),
                7..9 => self.log(),
                _ => self.cache(),
            }
            self.out.push('}');
        }
        self.out.push_str("]}");
    }

    fn query(&mut self) {
        let (table, column, number) = (self.word(), self.word(), self.random.below(100_000_000));
        put!(self, r#""type":"default","category":"query","message":""#);
        match self.random.below(3) {
            0 => put!(
                self,
                "SELECT {column}, state FROM {table} WHERE id = {number} LIMIT 21"
            ),
            1 => put!(
                self,
                "UPDATE {table} SET {column} = {} WHERE id = {number}",
                self.random.below(10_000)
            ),
            _ => {
                let id = self.hex(12);
                put!(
                    self,
                    "INSERT INTO {table} ({column}, reference) VALUES ({number}, '{id}')"
                );
            }
        }
        self.out.push('"');
    }

    fn http(&mut self) {
        let (host, path, id) = (self.word(), self.word(), self.hex(12));
        let (method, status) = (*self.random.pick(&METHODS), *self.random.pick(&STATUSES));
        put!(
            self,
            r#""type":"http","category":"httplib","data":{{"url":"https://{host}.shop.internal/v1/{path}/{id}","method":"{method}","status_code":{status}}}"#
        );
    }

    fn log(&mut self) {
        let logger = *self.random.pick(&LOGGERS);
        put!(
            self,
            r#""type":"default","level":"info","category":"{logger}","message":""#
        );
        for _ in 0..self.random.between(3, 8) {
            let word = self.word();
            put!(self, "{word} ");
        }
        let cents = self.random.below(100);
        put!(
            self,
            "order {} amount {}.{cents:02} EUR\"",
            self.random.below(10_000_000),
            self.random.below(5000)
        );
    }

    fn cache(&mut self) {
        let (space, number) = (self.word(), self.random.below(10_000_000));
        let size = self.random.below(65_536);
        put!(
            self,
            r#""type":"default","category":"redis","message":"GET {space}:{number}","data":{{"bytes":{size}}}"#
        );
    }

    fn user(&mut self) {
        let number = self.generator.users.rank(&mut self.random) as u64;
        let mut own = self.generator.random(Row::User, &[number]);
        let name = self.generator.program.any_word(&mut own);
        let id = own.number() >> 32;
        let address = own.number().to_be_bytes();
        put!(
            self,
            r#","user":{{"id":"u{id:08x}{number:04x}","email":"{name}.{number}@example.com","ip_address":"10.{}.{}.{}"}}"#,
            address[0],
            address[1],
            address[2]
        );
    }

    fn tags(&mut self, request_id: &str) {
        let random = &mut self.random;
        let (browser, region, tier) = (
            random.pick(&BROWSERS),
            random.pick(&REGIONS),
            random.pick(&TIERS),
        );
        let (flag, shard, cache) = (random.pick(&FLAGS), random.below(64), random.chance(70));
        let system = SYSTEMS[random.below(SYSTEMS.len() as u64) as usize].0;
        put!(
            self,
            r#","tags":{{"browser":"{browser}","client_os":"{system}","region":"{region}","customer_tier":"{tier}","feature_flag":"{flag}","shard":"{shard}","cache_hit":"{cache}","request_id":"{request_id}"}}"#
        );
    }

    fn contexts(&mut self) {
        let (trace, span) = (self.hex(32), self.hex(16));
        let (os, version) = *self.random.pick(&SYSTEMS);
        let memory = self.random.below(16_000_000_000);
        let (runtime, runtime_version) = match Language::of_variant(self.variant) {
            Language::Python => ("CPython", "3.13.7"),
            Language::JavaScript => ("node", "22.18.0"),
        };
        put!(
            self,
            r#","contexts":{{"os":{{"name":"{os}","version":"{version}"}},"runtime":{{"name":"{runtime}","version":"{runtime_version}"}},"device":{{"arch":"x86_64","processor_count":8,"memory_size":16777216000,"free_memory":{memory}}},"trace":{{"trace_id":"{trace}","span_id":"{span}","op":"http.server"}}}}"#
        );
    }

    fn request(&mut self, request_id: &str) {
        let (path, number) = (self.transaction(), self.random.below(10_000_000));
        let method = *self.random.pick(&METHODS);
        put!(
            self,
            r#","request":{{"url":"https://shop.example.com{path}/{number}","method":"{method}","headers":{{"Accept":"application/json","Host":"shop.example.com","X-Request-Id":"{request_id}"}}}}"#
        );
    }
}

fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use crashvault::Event;

    use super::*;

    const COUNT: u64 = 3000;

    fn events() -> Vec<Event> {
        let generator = Generator::new(1, COUNT);
        let event = |number| Event::from_json(generator.json(number).as_bytes()).unwrap();
        (0..COUNT).map(event).collect()
    }

    fn distinct<T: std::hash::Hash + Eq>(values: impl Iterator<Item = T>) -> usize {
        values.collect::<HashSet<T>>().len()
    }

    #[test]
    fn events_are_whole_and_without_flaws() {
        for event in events() {
            assert_eq!(event.flaws, []);
            let stack = event.exceptions[0].stacktrace.as_ref().unwrap();
            assert!((25..=40).contains(&stack.frames.len()));
            assert!((10..=20).contains(&event.breadcrumbs.len()));
            assert_eq!(event.tags.len(), 8);
            let sources = stack
                .frames
                .iter()
                .filter(|frame| frame.context_line.is_some());
            assert_eq!(sources.count(), 3);
            assert!(stack.frames.iter().any(|frame| frame.in_app == Some(false)));
        }
    }

    #[test]
    fn what_is_to_be_unique_is() {
        let events = events();
        let count = COUNT as usize;
        assert_eq!(distinct(events.iter().map(|event| event.event_id)), count);
        assert_eq!(distinct(events.iter().map(|event| event.timestamp)), count);
        assert_eq!(
            distinct(events.iter().map(|event| &event.tags["request_id"])),
            count
        );
        let traces = events
            .iter()
            .map(|event| event.contexts["trace"]["trace_id"].to_string());
        assert_eq!(distinct(traces), count);
        let crumbs = || events.iter().flat_map(|event| &event.breadcrumbs);
        assert_eq!(
            distinct(crumbs().map(|crumb| format!("{:?}{:?}", crumb.message, crumb.data))),
            crumbs().count()
        );
    }

    #[test]
    fn times_rise_over_thirty_days() {
        let generator = Generator::new(1, COUNT);
        let times: Vec<u64> = (0..COUNT).map(|number| generator.time_us(number)).collect();
        for (number, time) in times.iter().enumerate() {
            assert!(
                *time > times[number.saturating_sub(2 * MIXED as usize)]
                    || number < 2 * MIXED as usize
            );
        }
        let span = times[COUNT as usize - 1] - times[0];
        assert!(span > SPAN_US / 10 * 9 && span < SPAN_US / 10 * 11);
    }

    #[test]
    fn a_hundred_thousand_events_have_two_thousand_variants() {
        let generator = Generator::new(1, 100_000);
        let variants = (0..100_000).map(|number| generator.variant(number));
        assert!(distinct(variants) >= 2000);
    }

    #[test]
    fn each_variant_has_a_stack_of_its_own_and_keeps_its_functions() {
        let program = Program::new(1);
        let stack = |variant, release| {
            let mut text = String::new();
            program.frames(variant, release, &mut text);
            text
        };
        assert_eq!(
            distinct((0..VARIANTS as u64).map(|variant| stack(variant, 0))),
            VARIANTS
        );
        let functions = |text: String| -> Vec<String> {
            let frames: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
            frames
                .iter()
                .map(|frame| frame["function"].to_string())
                .collect()
        };
        assert_ne!(stack(3, 0), stack(3, 39));
        assert_eq!(functions(stack(3, 0)), functions(stack(3, 39)));
    }

    #[test]
    fn another_seed_gives_other_events() {
        assert_ne!(Generator::new(1, 10).json(0), Generator::new(2, 10).json(0));
    }
}
