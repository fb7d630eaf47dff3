//! What is known of the binaries in a dump: Breakpad's files first, then the binaries themselves, by build id.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use minidump::Module;
use minidump_unwind::{
    FileError, FileKind, FillSymbolError, FrameSymbolizer, FrameWalker, LocateSymbolsResult,
    SymbolError, SymbolFile, SymbolProvider, SymbolSupplier, Symbolizer as Breakpad,
};

use crate::event::Image;
use crate::symbol::{Arch, Callee, Holding, Library, Memory, Symbolizer};

/// A Breakpad file in bytes; larger ones are not read.
const BREAKPAD_BYTES_MAX: u64 = 1 << 30;

pub(super) struct Symbols<'a> {
    pub(super) breakpad: Breakpad,
    pub(super) binaries: Mutex<&'a mut Symbolizer>,
    /// None if no binary's tables can serve.
    pub(super) arch: Option<Arch>,
}

impl Symbols<'_> {
    /// The Breakpad files in a vault's directory, and those that were named.
    pub(super) fn breakpad(kept: &Path, library: Library) -> Breakpad {
        let kept = kept.to_owned();
        Breakpad::new(Files { kept, library })
    }

    fn ask<T>(&self, question: impl FnOnce(&mut Symbolizer) -> T) -> T {
        let mut binaries = self.binaries.lock().unwrap_or_else(PoisonError::into_inner);
        question(&mut binaries)
    }
}

/// Breakpad files, by the debug id within them.
struct Files {
    kept: PathBuf,
    library: Library,
}

#[async_trait]
impl SymbolSupplier for Files {
    async fn locate_symbols(
        &self,
        module: &(dyn Module + Sync),
    ) -> Result<LocateSymbolsResult, SymbolError> {
        let id = module
            .debug_identifier()
            .ok_or(SymbolError::MissingDebugFileOrId)?;
        let id = id.breakpad().to_string().to_ascii_lowercase();
        let path = self.library.file(&self.kept, Holding::Breakpad, &id);
        let path = path.ok_or(SymbolError::NotFound)?;
        if std::fs::metadata(&path)?.len() > BREAKPAD_BYTES_MAX {
            return Err(SymbolError::NotFound);
        }
        Ok(LocateSymbolsResult {
            symbols: SymbolFile::from_file(&path)?,
            extra_debug_info: None,
        })
    }

    async fn locate_file(
        &self,
        _: &(dyn Module + Sync),
        _: FileKind,
    ) -> Result<PathBuf, FileError> {
        Err(FileError::NotFound)
    }
}

#[async_trait]
impl SymbolProvider for Symbols<'_> {
    async fn fill_symbol(
        &self,
        module: &(dyn Module + Sync),
        frame: &mut (dyn FrameSymbolizer + Send),
    ) -> Result<(), FillSymbolError> {
        if self.breakpad.fill_symbol(module, frame).await.is_ok() {
            return Ok(());
        }
        // Functions of binaries are told later. This question also decides what a search of the stack may take for a
        // return address: symbols without a function there mean that it is none.
        let is_call =
            self.ask(|binaries| binaries.is_call(&image(module), frame.get_instruction()));
        match is_call {
            Some(false) => Ok(()),
            Some(true) | None => Err(FillSymbolError {}),
        }
    }

    async fn walk_frame(
        &self,
        module: &(dyn Module + Sync),
        walker: &mut (dyn FrameWalker + Send),
    ) -> Option<()> {
        if self.breakpad.walk_frame(module, walker).await.is_some() {
            return Some(());
        }
        let arch = self.arch?;
        self.ask(|binaries| walk_by_tables(binaries, arch, &image(module), walker))
    }

    async fn get_file_path(
        &self,
        _: &(dyn Module + Sync),
        _: FileKind,
    ) -> Result<PathBuf, FileError> {
        Err(FileError::NotFound)
    }
}

fn image(module: &(dyn Module + Sync)) -> Image {
    Image {
        code_file: Some(module.code_file().into_owned()),
        code_id: module.code_identifier().map(|id| id.to_string()),
        image_addr: Some(module.base_address()),
        image_size: Some(module.size()),
        ..Image::default()
    }
}

fn walk_by_tables(
    binaries: &mut Symbolizer,
    arch: Arch,
    image: &Image,
    walker: &mut (dyn FrameWalker + Send),
) -> Option<()> {
    let mut callee = Callee::new(arch, walker.get_instruction(), !walker.has_grand_callee());
    for (number, name) in (0..).zip(arch.register_names()) {
        callee.set(number, walker.get_callee_register(&name));
    }
    let caller = binaries.caller(image, &callee, &Dumped(walker))?;
    for (name, value) in arch.register_names().zip(caller.registers) {
        match value {
            Some(value) => walker.set_caller_register(&name, value)?,
            None => walker.clear_caller_register(&name),
        }
    }
    walker.set_cfa(caller.sp)?;
    walker.set_ra(caller.pc)
}

/// The stacks in the dump.
struct Dumped<'a>(&'a (dyn FrameWalker + Send));

impl Memory for Dumped<'_> {
    fn read(&self, address: u64, len: usize) -> Option<u64> {
        let word = self.0.get_register_at_address(address)?;
        let bits = 8 * u32::try_from(len).ok()?;
        match bits {
            64 => Some(word),
            1..64 => Some(word & ((1 << bits) - 1)),
            _ => None,
        }
    }
}
