//! A panic where panics abort: `crasher-abort VAULT|- `. The crash matrix builds it with `-C panic=abort`.

#[expect(dead_code, unused_imports, reason = "the other programs use the rest")]
mod watched;

fn main() {
    let vault = std::env::args().nth(1).unwrap_or_default();
    let _installed = (vault != "-").then(|| {
        let installed = watched::install(&vault, "panic_abort");
        watched::breadcrumb("about to panic");
        installed
    });
    crash_panic_abort();
}

#[inline(never)]
fn crash_panic_abort() {
    panic!("no unwinding here");
}
