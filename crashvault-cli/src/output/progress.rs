//! Enters: what takes long. Leaves: on a terminal, a line on stderr that says for how long, gone when it ends.

use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// A short work says nothing; a longer one is told of once in this time.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Does the work, and shows on stderr that it goes on.
pub fn during<T>(what: &str, work: impl FnOnce() -> T) -> T {
    told(what, TOLD_EVERY, io::stderr(), work)
}

fn told<T>(what: &str, every: Duration, mut out: impl Write + Send, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let (done, ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut is_told = false;
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                is_told = true;
                // That stderr may be closed stops no work.
                let _ = write!(out, "\r{what}: {} s", began.elapsed().as_secs());
                let _ = out.flush();
            }
            if is_told {
                let _ = write!(out, "\r\x1b[K");
            }
        });
        // Dropped also where the work panics, so that nobody waits for the other.
        let _done = done;
        work()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells the test of each line.
    struct Lines(mpsc::Sender<String>, String);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.push_str(&String::from_utf8_lossy(bytes));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            let _ = self.0.send(std::mem::take(&mut self.1));
            Ok(())
        }
    }

    impl Drop for Lines {
        fn drop(&mut self) {
            let _ = self.flush();
        }
    }

    #[test]
    fn long_work_is_told_of_until_it_ends() {
        let (sender, lines) = mpsc::channel();
        let out = Lines(sender, String::new());
        let first = told("importing", Duration::from_millis(1), out, || {
            lines.recv().unwrap()
        });
        assert_eq!(first, "\rimporting: 0 s");
        let last = lines.iter().last().unwrap();
        assert_eq!(last, "\r\x1b[K");
    }

    #[test]
    fn short_work_says_nothing() {
        let (sender, lines) = mpsc::channel();
        let out = Lines(sender, String::new());
        assert_eq!(told("importing", Duration::from_secs(3600), out, || 7), 7);
        assert_eq!(lines.iter().collect::<String>(), "");
    }
}
