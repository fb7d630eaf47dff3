//! What all events of a process share: the body of the process frame, made once, and the module table.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::options::Options;
use super::platform;
use crate::event::wire::{self, Encoder, Field, ImagePart};
use crate::event::{Event, Image, Object, filter_arguments, limits};
use crate::journal::{Identity, Preamble};

/// The language that the program is written in, where Crashvault comes to it by a binding; else Rust.
///
/// Events then say its platform, and the process is described as its programs see it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Language {
    pub(super) platform: &'static str,
    pub(super) sdk: &'static str,
    pub(super) runtime: Option<(String, String)>,
    pub(super) program: Option<String>,
    pub(super) arguments: Option<Vec<String>>,
}

impl Default for Language {
    fn default() -> Self {
        Self {
            platform: "native",
            sdk: "crashvault.rust",
            runtime: None,
            program: None,
            arguments: None,
        }
    }
}

/// The encoded process frame, and the module table of the generation it was last asked for.
pub(super) struct ProcessInfo {
    body: Vec<u8>,
    modules: Mutex<(u64, Vec<u8>)>,
}

impl ProcessInfo {
    /// `images` are the modules of `generation`, where the caller has them already.
    pub(super) fn new(options: &Options, images: &[Image], generation: u64) -> Self {
        let mut body = Vec::with_capacity(2048);
        encode(&mut Encoder::new(&mut body), options);
        let modules = Mutex::new((generation, encode_images(images)));
        Self { body, modules }
    }

    /// An event with what the process frame says in it, for `before_send`.
    pub(super) fn base_event(&self) -> Event {
        wire::decode(&self.body)
    }
}

impl Preamble for ProcessInfo {
    fn process(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(&self.body);
    }

    fn modules(&self, body: &mut Vec<u8>) -> u64 {
        let mut kept = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0 != platform::modules_generation() || kept.1.is_empty() {
            let (images, generation) = platform::modules();
            *kept = (generation, encode_images(&images));
        }
        body.extend_from_slice(&kept.1);
        kept.0
    }
}

fn encode(encoder: &mut Encoder<'_>, options: &Options) {
    let name_max = limits::NAME_BYTES_MAX;
    let language = &options.language;
    let sdk = json!({"name": language.sdk, "version": env!("CARGO_PKG_VERSION")});
    encoder.bytes(Field::Sdk as u8, sdk.to_string().as_bytes());
    encoder.text(Field::Platform as u8, language.platform, name_max);
    let project = options.project.clone();
    let project = project.or_else(|| language.program.clone());
    let project = project.unwrap_or_else(program_name);
    encoder.text(Field::Project as u8, &project, name_max);
    let server_name = options
        .server_name
        .clone()
        .or_else(|| read_line("/proc/sys/kernel/hostname"));
    let environment = options
        .environment
        .as_deref()
        .unwrap_or(default_environment());
    for (field, text) in [
        (
            Field::Release,
            options.release.clone().or_else(cargo_release).as_deref(),
        ),
        (Field::Environment, Some(environment)),
        (Field::Dist, options.dist.as_deref()),
        (Field::ServerName, server_name.as_deref()),
    ] {
        if let Some(text) = text {
            encoder.text(field as u8, text, name_max);
        }
    }
    for (name, value) in [
        ("os", os_context()),
        ("device", json!({"arch": std::env::consts::ARCH})),
        ("process", process_context(language)),
    ] {
        encoder.keyed(Field::Context as u8, name, value.to_string().as_bytes());
    }
    if let Some((name, version)) = &language.runtime {
        let runtime = json!({"type": "runtime", "name": name, "version": version});
        encoder.keyed(
            Field::Context as u8,
            "runtime",
            runtime.to_string().as_bytes(),
        );
    }
}

fn default_environment() -> &'static str {
    if cfg!(debug_assertions) {
        "development"
    } else {
        "production"
    }
}

/// What `cargo run` says of the package it runs. Believed only if the program has the package's name: a program that such
/// a program starts inherits the variables.
fn cargo_release() -> Option<String> {
    let name = std::env::var("CARGO_PKG_NAME").ok()?;
    let version = std::env::var("CARGO_PKG_VERSION").ok()?;
    (name == program_name()).then(|| format!("{name}@{version}"))
}

/// The name of the executable's file.
pub(super) fn program_name() -> String {
    std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "unknown".into())
}

fn os_context() -> Value {
    let mut os = Object::new();
    os.insert("type".into(), "os".into());
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let entry = |key: &str| {
        let line = release
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(line.trim_matches('"').to_owned())
    };
    let name = entry("NAME").unwrap_or_else(|| std::env::consts::OS.into());
    os.insert("name".into(), name.into());
    if let Some(version) = entry("VERSION_ID") {
        os.insert("version".into(), version.into());
    }
    if let Some(kernel) = read_line("/proc/sys/kernel/osrelease") {
        os.insert("kernel_version".into(), kernel.into());
    }
    os.into()
}

fn process_context(language: &Language) -> Value {
    let own = || {
        let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
        arguments.take(limits::ARGUMENTS_MAX).collect()
    };
    let arguments = language.arguments.clone().unwrap_or_else(own);
    let path = |path: std::io::Result<std::path::PathBuf>| {
        path.ok().map(|p| p.to_string_lossy().into_owned())
    };
    json!({
        "pid": std::process::id(),
        "arguments": filter_arguments(arguments.into_iter().take(limits::ARGUMENTS_MAX)),
        "executable": path(std::env::current_exe()),
        "working_directory": path(std::env::current_dir()),
    })
}

fn read_line(path: impl AsRef<Path>) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|line| !line.is_empty())
}

fn encode_images(images: &[Image]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut encoder = Encoder::new(&mut body);
    for image in images {
        encode_image(&mut encoder, image);
    }
    encoder.finish();
    body
}

fn encode_image(encoder: &mut Encoder<'_>, image: &Image) {
    encoder.nested(Field::Image as u8, |inner| {
        if let Some(file) = &image.code_file {
            inner.text(ImagePart::File as u8, file, 4096);
        }
        if let Some(build_id) = image.code_id.as_deref().and_then(from_hex) {
            inner.bytes(ImagePart::BuildId as u8, &build_id);
        }
        for (tag, number) in [
            (ImagePart::Address, image.image_addr),
            (ImagePart::Size, image.image_size),
            (ImagePart::Inode, image.number("inode")),
            (ImagePart::MtimeNs, image.number("mtime_ns")),
            (ImagePart::FileSize, image.number("file_size")),
        ] {
            if let Some(number) = number {
                inner.bytes(tag as u8, &number.to_le_bytes());
            }
        }
    });
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// Who writes: pid, start, boot, and a name of its own.
pub(crate) fn identity(random: [u8; 16], vault: [u8; 16], symbols_key: String) -> Identity {
    let boot = read_line("/proc/sys/kernel/random/boot_id");
    let boot = boot.and_then(|text| text.parse::<crate::event::EventId>().ok());
    Identity {
        process: random,
        vault,
        boot: boot.map_or([0; 16], |id| *id.as_bytes()),
        pid: std::process::id(),
        start_ticks: start_ticks().unwrap_or_default(),
        symbols_key,
    }
}

/// Field 22 of `/proc/self/stat`, counted behind the program's name, which may hold anything (proc(5)).
fn start_ticks() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_whitespace().nth(19)?.parse().ok()
}
