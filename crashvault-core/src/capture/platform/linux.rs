#![expect(
    unsafe_code,
    reason = "the unwinder, the module list and fork hooks have no safe interface"
)]

use std::cell::Cell;
use std::ffi::{CStr, OsStr, c_int, c_void};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use framehop::{
    ExplicitModuleSectionInfo, FrameAddress, MustNotAllocateDuringUnwind, Unwinder as _,
};

use super::Addresses;

#[path = "ending.rs"]
mod ending;
#[path = "gate.rs"]
mod gate;

#[cfg(feature = "host")]
pub(crate) use ending::watch_requests;
pub(crate) use ending::{SEES_EXIT, watch_exit};
pub(crate) use gate::outside_forks;

#[cfg(target_arch = "aarch64")]
use framehop::aarch64::{
    CacheAarch64 as Cache, UnwindRegsAarch64 as Registers, UnwinderAarch64 as Unwinder,
};
#[cfg(target_arch = "x86_64")]
use framehop::x86_64::{
    CacheX86_64 as Cache, UnwindRegsX86_64 as Registers, UnwinderX86_64 as Unwinder,
};

type Section = &'static [u8];
type ModuleUnwinder = Unwinder<Section, MustNotAllocateDuringUnwind>;

// ---- forks ----

static FORKS: AtomicU64 = AtomicU64::new(0);

extern "C" fn after_fork_in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    gate::reset_in_child();
    for descriptor in crate::journal::held_descriptors() {
        // SAFETY: close is async-signal-safe; the descriptor was registered by its owner, which in this child is
        // abandoned and never used or dropped (see `engine::Lineage`).
        unsafe { libc::close(descriptor) };
    }
}

/// How many forks lie between this process and the one that loaded the program.
pub(crate) fn fork_generation() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// From now on forked children close inherited locks and see another [`fork_generation`], and forks wait until no
/// capture is in the loader's hands (see `gate`).
///
/// What else a capture asks of the C library survives a fork: `pthread_getattr_np` takes the calling thread's own lock,
/// and the locks of memory and files are put in order by the C library.
pub(crate) fn watch_forks() {
    static IS_WATCHING: AtomicBool = AtomicBool::new(false);
    if IS_WATCHING.swap(true, Ordering::SeqCst) {
        return;
    }
    // SAFETY: static functions; the child's does only what is allowed between fork and exec.
    unsafe {
        libc::pthread_atfork(
            Some(gate::before_fork),
            Some(gate::after_fork_in_parent),
            Some(after_fork_in_child),
        )
    };
}

/// Bytes that this user may still write to the file system that holds a path.
#[cfg(feature = "store")]
pub(crate) fn free_bytes(path: &std::path::Path) -> Option<u64> {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut told = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends with a zero, and the structure is as large as the call expects.
    let result = unsafe { libc::statvfs(path.as_ptr(), told.as_mut_ptr()) };
    if result != 0 {
        return None;
    }
    // SAFETY: statvfs has filled it.
    let told = unsafe { told.assume_init() };
    Some(told.f_bavail.saturating_mul(told.f_frsize))
}

/// Device and inode of whatever a descriptor leads to. Async-signal-safe.
#[cfg(feature = "host")]
pub(crate) fn file_identity(descriptor: i32) -> Option<(u64, u64)> {
    let mut told = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the structure is as large as the call expects; a closed descriptor is an error.
    if unsafe { libc::fstat(descriptor, told.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: fstat has filled it.
    let told = unsafe { told.assume_init() };
    Some((told.st_dev, told.st_ino))
}

/// From now on a descriptor of ours leads where `to` does; not in programs that this one becomes.
#[cfg(feature = "host")]
pub(crate) fn lead(descriptor: i32, to: i32) -> bool {
    // SAFETY: replaces one open file by another in one step; neither number is that of anybody else's file.
    unsafe { libc::dup3(to, descriptor, libc::O_CLOEXEC) == descriptor }
}

/// The kernel's id of this thread.
pub(crate) fn thread_id() -> u64 {
    // SAFETY: gettid has no arguments and cannot fail.
    (unsafe { libc::gettid() }) as u64
}

// ---- modules ----

/// One mapped binary as the dynamic loader shows it.
struct Mapped {
    name: Vec<u8>,
    /// Difference between addresses in the process and in the file.
    bias: u64,
    /// Addresses in the process.
    range: Range<u64>,
    build_id: Vec<u8>,
    sections: Option<UnwindSections>,
}

/// `.eh_frame_hdr` and `.eh_frame` as they lie in memory.
#[derive(Clone)]
struct UnwindSections {
    header: Section,
    header_at: Range<u64>,
    frames: Section,
    frames_at: Range<u64>,
}

struct Collected {
    modules: Vec<Mapped>,
    generation: u64,
}

/// Changes whenever a binary is loaded or unloaded.
pub(crate) fn modules_generation() -> u64 {
    extern "C" fn first(info: *mut libc::dl_phdr_info, _: usize, data: *mut c_void) -> c_int {
        // SAFETY: the loader hands a valid record; `data` is the u64 below, alive for the call.
        unsafe { *data.cast::<u64>() = generation(&*info) };
        1
    }
    let mut generation = 0u64;
    // SAFETY: the callback matches the expected type and `data` outlives the call.
    outside_forks(|| unsafe { libc::dl_iterate_phdr(Some(first), (&raw mut generation).cast()) });
    generation
}

/// Loads and unloads, packed; never zero, so that zero can mean "not yet".
fn generation(info: &libc::dl_phdr_info) -> u64 {
    (info.dlpi_adds << 32) | (info.dlpi_subs & 0xFFFF_FFFF) | (1 << 63)
}

fn collect() -> Collected {
    extern "C" fn each(info: *mut libc::dl_phdr_info, _: usize, data: *mut c_void) -> c_int {
        // SAFETY: the loader hands a valid record; `data` is the Collected below, alive and used by nobody else.
        let (info, collected) = unsafe { (&*info, &mut *data.cast::<Collected>()) };
        collected.generation = generation(info);
        collected.modules.extend(read_module(info));
        0
    }
    let mut collected = Collected {
        modules: Vec::new(),
        generation: 0,
    };
    // SAFETY: as above.
    outside_forks(|| unsafe { libc::dl_iterate_phdr(Some(each), (&raw mut collected).cast()) });
    collected
}

/// Called while the loader holds its lock: what is not read here may be unloaded by another thread.
fn read_module(info: &libc::dl_phdr_info) -> Option<Mapped> {
    if info.dlpi_phdr.is_null() {
        return None;
    }
    // SAFETY: the loader keeps dlpi_phnum program headers at dlpi_phdr while the module is loaded.
    let headers =
        unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let bias = info.dlpi_addr;
    let of_kind = |kind: u32| headers.iter().filter(move |header| header.p_type == kind);
    let segments: Vec<Range<u64>> = of_kind(libc::PT_LOAD)
        .filter(|header| header.p_flags & libc::PF_R != 0)
        .filter_map(|header| place(bias, header))
        .collect();
    let range = of_kind(libc::PT_LOAD)
        .filter_map(|header| place(bias, header))
        .map(|range| range.start & !0xFFF..range.end)
        .reduce(|whole, part| whole.start.min(part.start)..whole.end.max(part.end))?;
    let build_id = of_kind(libc::PT_NOTE).find_map(|header| {
        let notes = mapped(&segments, &place(bias, header)?)?;
        find_build_id(notes, header.p_align).map(<[u8]>::to_vec)
    });
    let sections = of_kind(libc::PT_GNU_EH_FRAME)
        .find_map(|header| find_unwind_sections(&segments, place(bias, header)?));
    let name = if info.dlpi_name.is_null() {
        Vec::new()
    } else {
        // SAFETY: the loader keeps a NUL-terminated name.
        let name = unsafe { CStr::from_ptr(info.dlpi_name) };
        name.to_bytes().to_vec()
    };
    Some(Mapped {
        name,
        bias,
        range,
        build_id: build_id.unwrap_or_default(),
        sections,
    })
}

/// Where a program header's bytes lie in the process; none if it has none.
fn place(bias: u64, header: &libc::Elf64_Phdr) -> Option<Range<u64>> {
    let start = bias.wrapping_add(header.p_vaddr);
    let end = start.checked_add(header.p_memsz)?;
    (start < end).then_some(start..end)
}

/// The bytes of a range that lies in a readable segment. A header may say anything; only segments are surely mapped.
fn mapped(segments: &[Range<u64>], range: &Range<u64>) -> Option<Section> {
    segments
        .iter()
        .find(|segment| segment.start <= range.start && range.end <= segment.end)?;
    // SAFETY: the loader mapped the segment for reading. The bytes stay while the module is loaded: the loader's lock is
    // held while they are read here, and later the unwinder is asked only about return addresses on a live stack, whose
    // modules cannot be unloaded meanwhile.
    Some(unsafe {
        std::slice::from_raw_parts(range.start as *const u8, (range.end - range.start) as usize)
    })
}

/// Finds the GNU build id among ELF notes.
fn find_build_id(mut notes: &[u8], align: u64) -> Option<&[u8]> {
    const NT_GNU_BUILD_ID: u32 = 3;
    let align = if align == 8 { 8 } else { 4 };
    let u32_at = |bytes: &[u8], at: usize| {
        Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize)
    };
    loop {
        let (name_size, data_size) = (u32_at(notes, 0)?, u32_at(notes, 4)?);
        let kind = u32_at(notes, 8)? as u32;
        let data_at = (12 + name_size).next_multiple_of(align);
        let data = notes.get(data_at..data_at.checked_add(data_size)?)?;
        if kind == NT_GNU_BUILD_ID && notes.get(12..12 + name_size)? == b"GNU\0" {
            return Some(data);
        }
        notes = notes.get((data_at + data_size).next_multiple_of(align)..)?;
    }
}

/// The binaries mapped into the process, and their generation. The first one is the program itself.
pub(crate) fn modules() -> (Vec<crate::event::Image>, u64) {
    let collected = collect();
    let images = collected.modules.iter().enumerate().map(|(index, module)| {
        let file = match module.name.as_slice() {
            // The program itself has no name here.
            b"" if index == 0 => std::env::current_exe().ok(),
            name => Some(OsStr::from_bytes(name).into()),
        };
        image(module, file)
    });
    (images.collect(), collected.generation)
}

fn image(module: &Mapped, file: Option<std::path::PathBuf>) -> crate::event::Image {
    let mut image = crate::event::Image {
        ty: Some("elf".into()),
        image_addr: Some(module.range.start),
        image_size: Some(module.range.end - module.range.start),
        ..Default::default()
    };
    if !module.build_id.is_empty() {
        image.code_id = Some(
            module
                .build_id
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        );
    }
    if let Some(file) = file {
        if let Ok(metadata) = std::fs::metadata(&file) {
            image.set_file(&metadata);
        }
        image.code_file = Some(file.to_string_lossy().into_owned());
    }
    image
}

// ---- the stack ----

/// The unwind tables of all modules of one generation; shared by the threads.
struct Tables {
    unwinder: ModuleUnwinder,
    generation: u64,
}

static TABLES: RwLock<Option<Arc<Tables>>> = RwLock::new(None);

fn tables(generation: u64) -> Arc<Tables> {
    // Never waited for: after a fork in another thread's hands the lock would stay closed for ever.
    if let Ok(shared) = TABLES.try_read()
        && let Some(tables) = shared
            .as_ref()
            .filter(|tables| tables.generation == generation)
    {
        return Arc::clone(tables);
    }
    let collected = collect();
    let mut unwinder = ModuleUnwinder::new();
    for module in collected.modules {
        if let Some(info) = explicit(&module) {
            let name = String::from_utf8_lossy(&module.name).into_owned();
            unwinder.add_module(framehop::Module::new(
                name,
                module.range.clone(),
                module.bias,
                info,
            ));
        }
    }
    let tables = Arc::new(Tables {
        unwinder,
        generation: collected.generation,
    });
    if let Ok(mut shared) = TABLES.try_write() {
        *shared = Some(Arc::clone(&tables));
    }
    tables
}

fn explicit(module: &Mapped) -> Option<ExplicitModuleSectionInfo<Section>> {
    let sections = module.sections.clone()?;
    let stated = |range: Range<u64>| {
        range.start.wrapping_sub(module.bias)..range.end.wrapping_sub(module.bias)
    };
    Some(ExplicitModuleSectionInfo {
        eh_frame_hdr: Some(sections.header),
        eh_frame_hdr_svma: Some(stated(sections.header_at)),
        eh_frame: Some(sections.frames),
        eh_frame_svma: Some(stated(sections.frames_at)),
        ..Default::default()
    })
}

/// `.eh_frame` has no program header of its own: it starts where its header says and is taken to reach to the end of its
/// segment (it ends itself).
fn find_unwind_sections(segments: &[Range<u64>], header_at: Range<u64>) -> Option<UnwindSections> {
    let header = mapped(segments, &header_at)?;
    let start = eh_frame_start(header, header_at.start)?;
    let segment = segments.iter().find(|segment| segment.contains(&start))?;
    let frames_at = start..segment.end;
    Some(UnwindSections {
        header,
        header_at,
        frames: mapped(segments, &frames_at)?,
        frames_at,
    })
}

/// Reads the pointer to `.eh_frame` from `.eh_frame_hdr` (LSB core specification 5.0, 10.6.2).
fn eh_frame_start(header: &[u8], header_at: u64) -> Option<u64> {
    const PCREL_SDATA4: u8 = 0x1B;
    let [1, PCREL_SDATA4, _, _, offset @ ..] = header else {
        return None;
    };
    let offset = i32::from_ne_bytes(offset.get(..4)?.try_into().ok()?);
    Some((header_at + 4).wrapping_add_signed(i64::from(offset)))
}

/// Walks the calling thread's stack. One per thread: it remembers the unwind rule of each return address.
pub(crate) struct Walker {
    cache: Cache<MustNotAllocateDuringUnwind>,
    tables: Option<Arc<Tables>>,
}

impl Walker {
    pub(crate) fn new() -> Self {
        Self {
            cache: Cache::new_in(),
            tables: None,
        }
    }

    /// Fills `addresses` with the caller's stack, innermost first.
    ///
    /// `generation` is [`modules_generation`]'s present answer. On a stack that is not the thread's own (a coroutine, a
    /// signal stack) and wherever our walk ends too soon, the platform's unwinder does it.
    #[inline(never)]
    pub(crate) fn walk(&mut self, generation: u64, addresses: &mut Addresses) {
        let (ip, registers, sp) = registers();
        addresses.clear();
        let stack = thread_stack();
        let is_whole = stack.contains(&sp)
            && self.walk_tables(generation, ip, registers, sp..stack.end, addresses);
        if !is_whole {
            addresses.trace();
        }
    }

    fn walk_tables(
        &mut self,
        generation: u64,
        ip: u64,
        registers: Registers,
        stack: Range<u64>,
        addresses: &mut Addresses,
    ) -> bool {
        if self
            .tables
            .as_ref()
            .is_none_or(|tables| tables.generation != generation)
        {
            self.tables = Some(tables(generation));
        }
        let Some(tables) = self.tables.as_ref() else {
            return false;
        };
        let mut read = |address: u64| {
            let is_inside = address >= stack.start
                && address.saturating_add(8) <= stack.end
                && address.is_multiple_of(8);
            if !is_inside {
                return Err(());
            }
            // SAFETY: between the stack pointer and the end of this thread's stack all memory is mapped, and this
            // thread alone grows or shrinks it.
            Ok(unsafe { std::ptr::read(address as *const u64) })
        };
        let mut frames = tables
            .unwinder
            .iter_frames(ip, registers, &mut self.cache, &mut read);
        loop {
            match frames.next() {
                Ok(Some(FrameAddress::ReturnAddress(address))) => {
                    if !addresses.push(address.get()) {
                        return true;
                    }
                }
                Ok(Some(FrameAddress::InstructionPointer(_))) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn registers() -> (u64, Registers, u64) {
    let (ip, sp, fp): (u64, u64, u64);
    // SAFETY: reads three registers and writes nothing.
    unsafe {
        std::arch::asm!("lea {ip}, [rip]", "mov {sp}, rsp", "mov {fp}, rbp",
            ip = out(reg) ip, sp = out(reg) sp, fp = out(reg) fp, options(nomem, nostack, preserves_flags));
    }
    (ip, Registers::new(ip, sp, fp), sp)
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn registers() -> (u64, Registers, u64) {
    let (ip, lr, sp, fp): (u64, u64, u64, u64);
    // SAFETY: reads four registers and writes nothing.
    unsafe {
        std::arch::asm!("adr {ip}, .", "mov {lr}, x30", "mov {sp}, sp", "mov {fp}, x29",
            ip = out(reg) ip, lr = out(reg) lr, sp = out(reg) sp, fp = out(reg) fp,
            options(nomem, nostack, preserves_flags));
    }
    (ip, Registers::new(lr, sp, fp), sp)
}

/// Where this thread's stack lies; empty if the system does not say. Asked once per thread: for the main thread the
/// C library reads it from a file.
fn thread_stack() -> Range<u64> {
    thread_local!(static STACK: Cell<(u64, u64)> = const { Cell::new((0, 0)) });
    let (start, end) = STACK
        .try_with(|stack| {
            if stack.get() == (0, 0) {
                let asked = ask_thread_stack();
                stack.set((asked.start, asked.end.max(1)));
            }
            stack.get()
        })
        .unwrap_or_default();
    start..end
}

fn ask_thread_stack() -> Range<u64> {
    // SAFETY: all-zero is a valid pthread_attr_t to be overwritten; the attributes are destroyed once, if they were made.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return 0..0;
        }
        let (mut start, mut size) = (std::ptr::null_mut(), 0);
        let asked = libc::pthread_attr_getstack(&attributes, &mut start, &mut size);
        libc::pthread_attr_destroy(&mut attributes);
        if asked != 0 {
            return 0..0;
        }
        start as u64..start as u64 + size as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn deep(depth: u32, work: &mut dyn FnMut()) -> u32 {
        if depth == 0 {
            work();
            return 1;
        }
        std::hint::black_box(deep(depth - 1, work) + 1)
    }

    fn both(depth: u32) -> (Vec<u64>, Vec<u64>) {
        let (mut ours, mut theirs) = (Addresses::new(), Addresses::new());
        let mut walker = Walker::new();
        deep(depth, &mut || {
            walker.walk(modules_generation(), &mut ours);
            theirs.trace();
        });
        (ours.as_slice().to_vec(), theirs.as_slice().to_vec())
    }

    #[test]
    fn our_walk_finds_what_the_platform_finds() {
        let (ours, theirs) = both(30);
        // The innermost frames differ: they are the two walks themselves.
        let outer = &theirs[theirs.len() - 31..];
        assert!(ours.ends_with(outer), "{ours:x?}\n{theirs:x?}");
    }

    #[test]
    fn a_thread_has_its_own_stack() {
        let (ours, theirs) = std::thread::spawn(|| both(10)).join().unwrap();
        assert!(ours.ends_with(&theirs[theirs.len() - 11..]));
    }

    #[test]
    fn a_deep_stack_is_cut_and_counted() {
        let (ours, _) = both(1000);
        assert_eq!(ours.len(), crate::event::limits::ADDRESSES_MAX);
    }

    #[test]
    fn the_program_is_the_first_module_and_has_a_file() {
        let (images, generation) = modules();
        assert_eq!(generation, modules_generation());
        assert_eq!(
            images[0].code_file.as_deref(),
            std::env::current_exe().unwrap().to_str()
        );
        assert!(images.iter().any(|image| {
            image
                .code_file
                .as_deref()
                .is_some_and(|f| f.contains("libc"))
        }));
    }
}
