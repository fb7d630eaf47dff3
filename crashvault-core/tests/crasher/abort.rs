//! A panic where panics abort: `crasher-abort VAULT|- `. The crash matrix builds it with `-C panic=abort`.

fn main() {
    let vault = std::env::args().nth(1).unwrap_or_default();
    if vault != "-" {
        crashvault::options().vault(vault).drain(false).install();
        crashvault::set_tag("kind", "panic_abort");
        crashvault::breadcrumb("crasher", "about to panic");
    }
    crash_panic_abort();
}

#[inline(never)]
fn crash_panic_abort() {
    panic!("no unwinding here");
}
