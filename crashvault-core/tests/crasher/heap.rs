//! A crash where the heap is forbidden: `crasher-heap VAULT KIND`. Whoever asks for memory, or gives some back, after the
//! fault ends the program with another status.

#![expect(unsafe_code, reason = "replaces functions of the C library")]

use std::ffi::c_void;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

static IS_FORBIDDEN: AtomicBool = AtomicBool::new(false);

fn look() {
    if IS_FORBIDDEN.load(Ordering::Relaxed) {
        // SAFETY: ends the program.
        unsafe { libc::_exit(99) };
    }
}

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(memory: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_free(memory: *mut c_void);
    fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
}

macro_rules! replaced {
    ($name:ident, $original:ident($($argument:ident: $kind:ty),*) $(-> $result:ty)?) => {
        /// # Safety
        /// As the function of the C library that it stands for.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $kind),*) $(-> $result)? {
            look();
            // SAFETY: hands the caller's arguments on unchanged.
            unsafe { $original($($argument),*) }
        }
    };
}

replaced!(malloc, __libc_malloc(size: usize) -> *mut c_void);
replaced!(calloc, __libc_calloc(count: usize, size: usize) -> *mut c_void);
replaced!(realloc, __libc_realloc(memory: *mut c_void, size: usize) -> *mut c_void);
replaced!(free, __libc_free(memory: *mut c_void));
replaced!(memalign, __libc_memalign(alignment: usize, size: usize) -> *mut c_void);
replaced!(aligned_alloc, __libc_memalign(alignment: usize, size: usize) -> *mut c_void);

/// # Safety
/// As the function of the C library that it stands for.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(
    place: *mut *mut c_void,
    alignment: usize,
    size: usize,
) -> libc::c_int {
    look();
    // SAFETY: hands the caller's arguments on unchanged.
    unsafe { *place = __libc_memalign(alignment, size) };
    0
}

fn main() {
    let Some(vault) = std::env::args().nth(1) else {
        return;
    };
    crashvault::options().vault(vault).drain(false).install();
    crashvault::breadcrumb("crasher", "about to crash");
    IS_FORBIDDEN.store(true, Ordering::Relaxed);
    crash_null();
}

#[inline(never)]
fn crash_null() {
    // SAFETY: none; that is what is tested.
    unsafe { black_box(std::ptr::null_mut::<u8>()).write_volatile(1) };
}
