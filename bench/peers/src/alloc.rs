//! The system's allocator with a count per thread, so that a library's background threads do not
//! change the count of the thread that captures.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::Sub;

/// What one thread asked of the allocator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Calls that may return new memory: allocations and reallocations.
    pub allocations: u64,
    /// Bytes asked for; a reallocation counts with its whole new size.
    pub bytes: u64,
}

impl Sub for Count {
    type Output = Count;

    fn sub(self, earlier: Count) -> Count {
        Count {
            allocations: self.allocations - earlier.allocations,
            bytes: self.bytes - earlier.bytes,
        }
    }
}

thread_local! {
    // Constant and without a destructor, so that reading it never allocates and works while a thread ends.
    static COUNT: Cell<Count> = const { Cell::new(Count { allocations: 0, bytes: 0 }) };
}

/// The count of the calling thread since it began.
pub fn count() -> Count {
    COUNT.with(Cell::get)
}

fn add(bytes: usize) {
    COUNT.with(|cell| {
        let count = cell.get();
        cell.set(Count {
            allocations: count.allocations + 1,
            bytes: count.bytes + bytes as u64,
        });
    });
}

pub struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches only a constant thread-local cell.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn each_allocation_of_this_thread_counts_once() {
        let before = count();
        drop(black_box(Box::new([0u8; 100])));
        assert_eq!(
            count() - before,
            Count {
                allocations: 1,
                bytes: 100
            }
        );
    }

    #[test]
    fn growing_counts_again() {
        let before = count();
        let mut grown: Vec<u8> = black_box(Vec::with_capacity(10));
        grown.reserve_exact(20);
        assert_eq!((count() - before).allocations, 2);
    }

    #[test]
    fn other_threads_do_not_count_here() {
        let waiting = std::sync::Arc::new(std::sync::Barrier::new(2));
        let there = waiting.clone();
        let thread = std::thread::spawn(move || {
            there.wait();
            drop(black_box(vec![0u8; 1000]));
            there.wait();
        });
        waiting.wait();
        let before = count();
        waiting.wait();
        assert_eq!(count() - before, Count::default());
        thread.join().unwrap();
    }
}
