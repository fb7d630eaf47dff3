//! What a process and a directory use, as the system tells it.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Processor time of this process so far, all threads, user and system.
pub fn cpu_time() -> Duration {
    cpu_of(&used(libc::RUSAGE_SELF))
}

/// Processor time of the processes that this one started and has waited for, and the most memory in bytes that one of
/// them had at once. The system counts as theirs what the process that started them had before: ask a small one.
pub fn of_children() -> (Duration, u64) {
    let usage = used(libc::RUSAGE_CHILDREN);
    (cpu_of(&usage), usage.ru_maxrss as u64 * 1024)
}

fn used(who: libc::c_int) -> libc::rusage {
    // SAFETY: the structure is plain numbers, and the call fills in all of it; it cannot fail with these arguments.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(who, &mut usage);
        usage
    }
}

fn cpu_of(usage: &libc::rusage) -> Duration {
    let time = |value: libc::timeval| {
        Duration::from_secs(value.tv_sec as u64) + Duration::from_micros(value.tv_usec as u64)
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Time by the wall and by the processor, added up over several pieces of work.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    pub wall: Duration,
    pub cpu: Duration,
}

impl Times {
    /// Does some work and adds what it took.
    pub fn add<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (begun, cpu) = (Instant::now(), cpu_time());
        let done = work();
        self.cpu += cpu_time() - cpu;
        self.wall += begun.elapsed();
        done
    }

    /// Both together.
    pub fn with(self, more: Self) -> Self {
        Self {
            wall: self.wall + more.wall,
            cpu: self.cpu + more.cpu,
        }
    }

    /// Without a part of it. (The processor's time is told in coarse steps: a part can seem longer than the whole.)
    pub fn without(self, part: Self) -> Self {
        Self {
            wall: self.wall.saturating_sub(part.wall),
            cpu: self.cpu.saturating_sub(part.cpu),
        }
    }
}

/// Forgets the peak of memory so far, where the system lets us; else the peak is that since the process began.
/// Memory that is free but kept by the allocator is given back first: it belonged to what came before.
pub fn forget_peak() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes the allocator's own lock and touches only what is free.
    unsafe {
        libc::malloc_trim(0);
    }
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The most memory that was resident at once, in bytes.
pub fn peak_bytes() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?
            .trim()
            .strip_suffix("kB")?
            .trim()
            .parse::<u64>()
            .ok()
    });
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other("/proc/self/status tells no VmHWM"))
}

/// The bytes of all files below a directory.
pub fn directory_bytes(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            directory_bytes(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_seen_after_the_memory_is_gone() {
        const LARGE: usize = 128 << 20;
        let mut large = vec![0_u8; LARGE];
        for page in large.chunks_mut(4096) {
            page[0] = 1;
        }
        drop(std::hint::black_box(large));
        assert!(peak_bytes().unwrap() >= LARGE as u64);
    }

    #[test]
    fn sleeping_takes_no_processor_time() {
        let mut times = Times::default();
        times.add(|| std::thread::sleep(Duration::from_millis(30)));
        assert!(times.wall >= Duration::from_millis(30));
        // Other tests of this process may be busy meanwhile; what is certain is that it was measured over this piece.
        assert!(times.cpu < Duration::from_secs(10));
    }
}
