//! Ends that are no fault of the program, or leave it no time to say anything.

/// Ends as told; false if there is no such end.
pub fn run(kind: &str) -> bool {
    match kind {
        "clean" | "at_exit" => {}
        "clean_exit" => std::process::exit(3),
        "sigkill" => send(libc::SIGKILL),
        "term" => send(libc::SIGTERM),
        "int" => send(libc::SIGINT),
        "hup" => send(libc::SIGHUP),
        "pipe" => send(libc::SIGPIPE),
        "term_chained" => term_chained(),
        "underscore_exit" => leave(),
        "underscore_exit_closed" => {
            crate::watched::close();
            leave();
        }
        _ => return false,
    }
    true
}

fn send(signal: i32) {
    // SAFETY: signals may be sent to oneself.
    unsafe { libc::kill(libc::getpid(), signal) };
    std::thread::sleep(std::time::Duration::from_secs(10));
}

fn leave() {
    // SAFETY: that is what is tested.
    unsafe { libc::_exit(0) };
}

static PREVIOUS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
static IS_ASKED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Notes the request and calls whoever was there before, as libraries for graceful ends do.
extern "C" fn note_and_hand_on(signal: i32) {
    use std::sync::atomic::Ordering;
    IS_ASKED.store(true, Ordering::Relaxed);
    let previous = PREVIOUS.load(Ordering::Relaxed);
    if previous != libc::SIG_DFL && previous != libc::SIG_IGN {
        // SAFETY: what was installed for this signal takes its number.
        let previous: extern "C" fn(i32) = unsafe { std::mem::transmute(previous) };
        previous(signal);
    }
}

/// A host that ends gracefully when it is asked to.
fn term_chained() {
    use std::sync::atomic::Ordering;
    // SAFETY: a valid structure for a static function.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let mut previous: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = note_and_hand_on as *const () as usize;
        libc::sigaction(libc::SIGTERM, &action, &mut previous);
        PREVIOUS.store(previous.sa_sigaction, Ordering::Relaxed);
        libc::raise(libc::SIGTERM);
    }
    assert!(IS_ASKED.load(Ordering::Relaxed));
    println!("it ends in its own time");
}
