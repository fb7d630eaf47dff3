//! The failing programs of the demo: real processes that install Crashvault and fail in three ways.
//!
//! Each writes one line of JSON to stdout: what it captured and how long that took, measured around the calls.
//!
//! Never: opens a vault. What is captured here is found by whoever reads next, as with any program.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crashvault::{Breadcrumb, EventId, Level, ResultExt, User};
use serde_json::json;

use crate::commands::Done;

/// How a child fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// It panics.
    Panic,
    /// It fails with an error that has causes.
    Error,
    /// It fails in the same way again and again.
    Flood,
}

impl Kind {
    /// All of them, in the order of the demo.
    pub const ALL: [Self; 3] = [Self::Panic, Self::Error, Self::Flood];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Error => "error",
            Self::Flood => "flood",
        }
    }
}

/// Captures of the flood.
pub const FLOOD_CAPTURES: usize = 2000;

/// Runs a failing program in this process.
pub fn run(kind: Kind, vault: Option<&Path>) -> Done {
    let mut options = crashvault::options()
        .project("shop")
        .release("shop@1.4.2")
        .environment("demo")
        .drain(false);
    if let Some(vault) = vault {
        options = options.vault(vault);
    }
    if kind == Kind::Panic {
        tell_after_capture();
    }
    options.install();
    crashvault::set_tag("region", "eu-west");
    match kind {
        Kind::Panic => serve_checkout(),
        Kind::Error => serve_order(),
        Kind::Flood => serve_prices(),
    }
}

/// When the panic began.
static PANICKED: Mutex<Option<Instant>> = Mutex::new(None);

/// The hook that was there before is called after Crashvault's: that is when the capture is done.
fn tell_after_capture() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let began = PANICKED.lock().ok().and_then(|began| *began);
        tell(began.map(|began| began.elapsed()).as_slice(), &[]);
        previous(info);
    }));
}

/// What was captured, for the demo.
fn tell(kept: &[Duration], throttled: &[Duration]) {
    let health = crashvault::health();
    let told = json!({
        "captured_count": health.captured_count,
        "throttled_count": health.throttled_count,
        "lost_count": health.lost_count,
        "last_failure": health.last_failure,
        "kept_median_us": median(kept).map(|time| time.as_secs_f64() * 1e6),
        "throttled_median_us": median(throttled).map(|time| time.as_secs_f64() * 1e6),
    });
    println!("{told}");
}

fn median(times: &[Duration]) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

struct Cart {
    prices: Vec<u32>,
}

impl Cart {
    #[inline(never)]
    fn price_of(&self, item: usize) -> u32 {
        self.prices[item]
    }
}

#[inline(never)]
fn serve_checkout() -> Done {
    crashvault::set_user(User::new("4711").username("ada"));
    crashvault::set_tag("payment", "invoice");
    crashvault::breadcrumb("http", "GET /cart");
    let cart = Cart {
        prices: vec![1200, 350],
    };
    let crumb = Breadcrumb::new("cart loaded")
        .category("cart")
        .level(Level::Info);
    crashvault::add_breadcrumb(crumb.data("items", cart.prices.len()));
    crashvault::breadcrumb("http", "POST /checkout");
    println!("to pay: {}", checkout(&cart));
    Done::Well
}

#[inline(never)]
fn checkout(cart: &Cart) -> u32 {
    let crumb = Breadcrumb::new("adding up the cart").category("checkout");
    crashvault::add_breadcrumb(crumb.level(Level::Warning).data("coupon", "SPRING"));
    if let Ok(mut began) = PANICKED.lock() {
        *began = Some(Instant::now());
    }
    // The coupon counts as an item, and there is no price for it: the mistake of this program.
    let mut total = 0;
    for item in 0..=cart.prices.len() {
        total += cart.price_of(item);
    }
    total
}

/// What the shop cannot do, and why.
#[derive(Debug)]
enum OrderError {
    NotStored { order: u32, source: StoreError },
    PriceUnknown { item: u32 },
}

#[derive(Debug)]
enum StoreError {
    Unreachable(ConnectError),
}

#[derive(Debug)]
struct ConnectError {
    address: &'static str,
    source: io::Error,
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStored { order, .. } => write!(f, "order {order} was not stored"),
            Self::PriceUnknown { item } => write!(f, "no price for item {item}"),
        }
    }
}

impl Error for OrderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotStored { source, .. } => Some(source),
            Self::PriceUnknown { .. } => None,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the database cannot be reached")
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let Self::Unreachable(source) = self;
        Some(source)
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connection to {} after 3 attempts", self.address)
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

#[inline(never)]
fn serve_order() -> Done {
    crashvault::breadcrumb("http", "POST /orders");
    crashvault::breadcrumb("db", "connecting to 10.0.0.7:5432");
    match timed(|| place_order(10_017)) {
        (Ok(()), _) => Done::Well,
        (Err(error), took) => {
            tell(&[took], &[]);
            eprintln!("shop: {error}");
            Done::Badly
        }
    }
}

#[inline(never)]
fn place_order(order: u32) -> Result<(), OrderError> {
    store_order(order).capture()
}

#[inline(never)]
fn store_order(order: u32) -> Result<(), OrderError> {
    let refused = ConnectError {
        address: "10.0.0.7:5432",
        source: io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused"),
    };
    let source = StoreError::Unreachable(refused);
    Err(OrderError::NotStored { order, source })
}

#[inline(never)]
fn serve_prices() -> Done {
    crashvault::breadcrumb("job", "nightly price update");
    let (mut kept, mut throttled) = (Vec::new(), Vec::new());
    for item in 0..FLOOD_CAPTURES as u32 {
        let (id, took) = timed(|| update_price(item));
        match id.is_nil() {
            true => throttled.push(took),
            false => kept.push(took),
        }
    }
    tell(&kept, &throttled);
    crashvault::close();
    eprintln!("shop: {FLOOD_CAPTURES} prices could not be updated");
    Done::Badly
}

#[inline(never)]
fn update_price(item: u32) -> EventId {
    crashvault::capture_error(&OrderError::PriceUnknown { item })
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = work();
    (done, began.elapsed())
}
