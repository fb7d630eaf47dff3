//! A panic where panics abort, watched by the peer: `crasher-peer-abort DSN`. `bench-native` builds it with `-C panic=abort`.

#[path = "../watched.rs"]
#[expect(dead_code, reason = "the other ends use the rest")]
mod watched;

fn main() {
    let dsn = std::env::args().nth(1).unwrap_or_default();
    let _guard = watched::install(&dsn, "panic_abort");
    watched::breadcrumb("about to panic");
    panic!("no unwinding here");
}
