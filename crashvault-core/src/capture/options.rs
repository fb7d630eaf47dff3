//! What a program may set when it installs Crashvault.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::process::Language;
use crate::event::{Breadcrumb, Event};
use crate::journal::Durability;
use crate::time::{Clock, SystemClock};

pub(crate) type BeforeSend = Arc<dyn Fn(Event) -> Option<Event> + Send + Sync>;
pub(crate) type BeforeBreadcrumb = Arc<dyn Fn(Breadcrumb) -> Option<Breadcrumb> + Send + Sync>;

/// Settings of [`Options::install`]. What is not set here comes from `CRASHVAULT_*` variables, then from the vault's
/// `vault.toml`, then from the defaults.
///
/// ```no_run
/// crashvault::options()
///     .release(crashvault::release!())
///     .environment("staging")
///     .tag("region", "eu")
///     .install();
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    pub(crate) vault: Option<PathBuf>,
    pub(crate) project: Option<String>,
    pub(crate) release: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) dist: Option<String>,
    pub(crate) server_name: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) sample_rate: Option<f64>,
    pub(crate) breadcrumbs_max: Option<usize>,
    pub(crate) durability: Option<Durability>,
    pub(crate) throttle: Option<bool>,
    pub(crate) drain: Option<bool>,
    pub(crate) native: Option<bool>,
    pub(crate) out_of_process: Option<PathBuf>,
    pub(crate) black_box: Option<bool>,
    pub(crate) stacks: bool,
    pub(crate) panic_hook: bool,
    pub(crate) before_send: Option<BeforeSend>,
    pub(crate) before_breadcrumb: Option<BeforeBreadcrumb>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(super) language: Language,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            vault: None,
            project: None,
            release: None,
            environment: None,
            dist: None,
            server_name: None,
            tags: Vec::new(),
            sample_rate: None,
            breadcrumbs_max: None,
            durability: None,
            throttle: None,
            drain: None,
            native: None,
            out_of_process: None,
            black_box: None,
            stacks: true,
            panic_hook: true,
            before_send: None,
            before_breadcrumb: None,
            clock: Arc::new(SystemClock),
            language: Language::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("vault", &self.vault)
            .field("project", &self.project)
            .field("release", &self.release)
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// Where the vault lies. Default: `$CRASHVAULT_HOME`, else `~/.crashvault`.
    ///
    /// A path given here is used or nothing is: if it cannot be written, captures return the nil id and are counted.
    /// The default place has a fallback in the temporary directory; [`Installed::vault`](crate::Installed::vault) says
    /// which one is in use.
    #[must_use]
    pub fn vault(mut self, path: impl Into<PathBuf>) -> Self {
        self.vault = Some(path.into());
        self
    }

    /// The project events belong to. Default: the program's name.
    #[must_use]
    pub fn project(mut self, name: impl Into<String>) -> Self {
        self.project = Some(name.into());
        self
    }

    /// The program's version as `name@version`; [`release!`](crate::release) takes it from Cargo when it is compiled.
    /// Default: that of the package while it runs under `cargo run`, else none.
    #[must_use]
    pub fn release(mut self, release: impl Into<String>) -> Self {
        self.release = Some(release.into());
        self
    }

    /// `production`, `staging` … Default: `development` in debug builds of Crashvault, else `production`.
    #[must_use]
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// The build of the release.
    #[must_use]
    pub fn dist(mut self, dist: impl Into<String>) -> Self {
        self.dist = Some(dist.into());
        self
    }

    /// The machine's name. Default: the host name.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// A tag on every event of the process.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }

    /// The share of errors and messages to keep, 0.0 to 1.0. Panics are always kept. Default: 1.0.
    #[must_use]
    pub fn sample_rate(mut self, rate: f64) -> Self {
        self.sample_rate = Some(rate);
        self
    }

    /// Breadcrumbs kept on a scope, at most 100. Default: 100.
    #[must_use]
    pub fn max_breadcrumbs(mut self, count: usize) -> Self {
        self.breadcrumbs_max = Some(count);
        self
    }

    /// How much a capture waits for. Default: [`Durability::Process`].
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// Whether floods are thinned (50 of a kind, then 5 a second). Default: true.
    #[must_use]
    pub fn throttle(mut self, on: bool) -> Self {
        self.throttle = Some(on);
        self
    }

    /// Whether this process also moves its events from the journal into the vault, in a thread that starts about a second
    /// after the first capture. Without it the next reader does. Default: true.
    #[must_use]
    pub fn drain(mut self, on: bool) -> Self {
        self.drain = Some(on);
        self
    }

    /// Whether crashes by signals (SIGSEGV, SIGABRT …) are captured; the handlers that were there are called afterwards, and
    /// the process ends as it would have. Needs the feature `native`. Default: true.
    #[must_use]
    pub fn native(mut self, on: bool) -> Self {
        self.native = Some(on);
        self
    }

    /// The program that is started at a crash by a signal, to write a minidump of this process with the stacks of all its
    /// threads: `crashvault` (its command), or the host's own executable. A bare name is looked for in `$PATH`.
    ///
    /// It is started when everything else is written, gets four seconds, and is no child that the host could see; then the
    /// process ends as it would have. The event then has the threads, and the dump as an attachment. Costs of a crash:
    /// docs/decisions/0020. Needs the feature `out-of-process` and Linux; without them
    /// [`Installed::note`](crate::Installed::note) says so. Default: none.
    ///
    /// A program that names itself must come to `install()`, or to `receive_crash()`, before it does anything that must
    /// not be done twice.
    #[must_use]
    pub fn out_of_process(mut self, program: impl Into<PathBuf>) -> Self {
        self.out_of_process = Some(program.into());
        self
    }

    /// Whether the process keeps a black box: its scope and last breadcrumbs, for the case that it ends without notice
    /// (SIGKILL, `_exit`). Such an end is then an event of level warning; a program that ends by `_exit` on purpose calls
    /// [`close`](crate::close) before. Default: true.
    #[must_use]
    pub fn black_box(mut self, on: bool) -> Self {
        self.black_box = Some(on);
        self
    }

    /// Whether errors carry the stack of the place that captured them. Default: true.
    #[must_use]
    pub fn stacks(mut self, on: bool) -> Self {
        self.stacks = on;
        self
    }

    /// Whether panics are captured; the panic hook that was there is called afterwards in any case. Default: true.
    #[must_use]
    pub fn panic_hook(mut self, on: bool) -> Self {
        self.panic_hook = on;
        self
    }

    /// Sees every event before it is written and may change it, or drop it by returning `None`.
    ///
    /// It runs in the capturing thread. Addresses are not yet names then. If it panics the event is kept as it was.
    #[must_use]
    pub fn before_send(
        mut self,
        hook: impl Fn(Event) -> Option<Event> + Send + Sync + 'static,
    ) -> Self {
        self.before_send = Some(Arc::new(hook));
        self
    }

    /// Sees every breadcrumb and may change or drop it. If it panics the breadcrumb is dropped.
    #[must_use]
    pub fn before_breadcrumb(
        mut self,
        hook: impl Fn(Breadcrumb) -> Option<Breadcrumb> + Send + Sync + 'static,
    ) -> Self {
        self.before_breadcrumb = Some(Arc::new(hook));
        self
    }

    /// Where the time comes from. For tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}
