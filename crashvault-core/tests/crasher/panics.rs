//! Ends by panics, and by what follows them.

use std::future::Future;
use std::io::{BufRead, Write};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Ends as told; false if there is no such end.
pub fn run(kind: &str) -> bool {
    match kind {
        "panic_main" => crash_panic(),
        "panic_thread" => {
            let thread = std::thread::Builder::new().name("worker".into());
            let thread = thread.spawn(crash_panic).expect("a thread can be had");
            let _ = thread.join();
        }
        "panic_async" => block_on(crash_task()),
        "panic_in_drop" => crash_drop(),
        "panic_extern_c" => crash_extern(),
        "panic_in_hook" => crash_panic(),
        "panic_caught" => {
            let _ = std::panic::catch_unwind(crash_panic);
            crate::watched::breadcrumb("still here");
            // SAFETY: that is what is tested.
            unsafe { libc::_exit(0) };
        }
        "panics_caught" => {
            let _ = std::panic::catch_unwind(crash_panic);
            let _ = std::panic::catch_unwind(crash_panic);
        }
        "drained_first" => crash_extern(),
        _ => return false,
    }
    true
}

#[inline(never)]
fn crash_panic() {
    panic!("it panicked");
}

#[inline(never)]
extern "C" fn crash_extern() {
    panic!("it cannot unwind");
}

struct Panicking;

impl Drop for Panicking {
    fn drop(&mut self) {
        panic!("and again in a destructor");
    }
}

#[inline(never)]
fn crash_drop() {
    let _panicking = Panicking;
    panic!("the first one");
}

#[inline(never)]
async fn crash_task() {
    std::future::ready(()).await;
    panic!("a task panicked");
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}

/// Lets whoever started this program act between the panic and what follows it: the hook that comes after ours says that
/// the panic is written down, and waits for a line.
pub fn announce() {
    let ours = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        ours(info);
        println!("panicked");
        let _ = std::io::stdout().flush();
        let _ = std::io::stdin().lock().lines().next();
    }));
}
