from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Literal, final, overload

from _typeshed import SupportsWrite

_Status = Literal["open", "resolved", "ignored"]
_Level = Literal["debug", "info", "warning", "error", "fatal"]
_Sort = Literal["last_seen", "first_seen", "seen_count", "user_count", "number", "status", "title"]
_ReviewStep = Literal["triage", "assigned", "fix", "verify"]
_Severity = Literal["fine", "notice", "problem"]
_ExportFormat = Literal["ndjson", "json", "csv", "markdown", "html"]
_ReportEnd = Literal["done", "limit", "waiting", "stopped"]
_DeedKind = Literal[
    "resolve",
    "reopen",
    "ignore",
    "assign",
    "comment",
    "tag",
    "set_title",
    "set_severity",
    "bookmark",
    "review",
    "move_event",
    "merge",
    "unmerge",
    "tombstone",
    "regress",
    "resume",
    "undo",
]
_Path = str | PathLike[str]
_Time = str | date | datetime | timedelta

_Durability = Literal["process", "data", "async"]

_Data = Mapping[str, object]
_AnyLevel = str | int
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

@final
class Installed:
    """What ``install()`` tells: where the vault is and how it goes."""

    @property
    def vault(self) -> Path | None:
        """The vault's directory; ``None`` if no place can be written, and then nothing is captured."""
    @property
    def note(self) -> str | None:
        """What is not as it should be."""
    @property
    def is_first(self) -> bool:
        """False if an earlier call had installed Crashvault already."""

def install(
    *,
    vault: Any = None,
    project: Any = None,
    release: Any = None,
    environment: Any = None,
    dist: Any = None,
    server_name: Any = None,
    tags: Any = None,
    sample_rate: Any = None,
    max_breadcrumbs: Any = None,
    durability: Any = None,
    throttle: Any = None,
    drain: Any = None,
    native: Any = None,
    black_box: Any = None,
    stacks: Any = True,
    locals: Any = True,
    before_send: Any = None,
    before_breadcrumb: Any = None,
    clock: Any = None,
) -> Installed: ...
def capture_exception(
    error: BaseException | _ExcInfo | None = None,
    *,
    level: _AnyLevel | None = None,
    mechanism: str | None = None,
    handled: bool = True,
    fatal: bool = False,
    logger: str | None = None,
) -> str | None:
    """Captures an exception with its frames and all that it came from; it is on disk when this returns.

    ``error`` is an exception or what ``sys.exc_info()`` gives; without it the one that is being handled. ``mechanism`` names
    who noticed it: an exception that something has captured within the last ten seconds is then not captured again, and the
    id of its event is returned. A fatal one is always kept, and its level stays.

    Returns the event's id, 32 hex digits; ``None`` where nothing was kept. Raises nothing.
    """

def capture_message(message: object, level: _AnyLevel | None = None) -> str | None:
    """Captures a message, of level ``info`` unless another is named. Returns and raises as ``capture_exception``."""

def capture_log(message: object, level: _AnyLevel | None, logger: str, file: str, line: int) -> str | None:
    """Captures what a logger says, at the place in the source that its record names."""

def capture_event(event: _Data) -> str | None:
    """Captures an event that the program built, in the shape of Sentry's payload; what it leaves open comes from the scope and
    the process. An ``event_id`` in it is kept. Returns and raises as ``capture_exception``."""

def flush() -> bool:
    """Writes what waits in memory and waits until the disk has it all. False if that failed."""

def close() -> None:
    """Ends capture in this process; later captures do nothing."""

def stacks_file() -> int | None:
    """A descriptor of the file in which faulthandler may say what the threads were at when a signal ends the process;
    ``None`` where crashes by signals are not captured.
    """

def stand_before(begin: Callable[[], object]) -> None:
    """Calls ``begin``, which puts faulthandler's handlers of signals, and stands before them again."""

def lend_stacks(is_lent: bool) -> None:
    """Whether faulthandler writes to somebody else, because the program wants that."""

def note_end() -> None:
    """The process ends now, or becomes another program: it leaves the mark of a good end."""

def note_stay() -> None:
    """It stays after all."""

def watch_requests() -> None:
    """A signal was given back to the system: one that asks the process to end is noticed again."""

@final
class Health:
    """How capturing goes in this process, since ``install()`` or since the fork; all zero before."""

    @property
    def captured_count(self) -> int:
        """Events on disk (or, with ``durability="async"``, about to be)."""
    @property
    def throttled_count(self) -> int:
        """Captures thinned out of floods."""
    @property
    def sampled_count(self) -> int:
        """Captures left out by the sample rate."""
    @property
    def refused_count(self) -> int:
        """Events that ``before_send`` dropped."""
    @property
    def lost_count(self) -> int:
        """Events that could not be written."""
    @property
    def last_failure(self) -> str | None:
        """Why the last one was lost, and what to do."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

def health() -> Health:
    """How capturing goes in this process."""

@final
class Scope:
    """What events captured in it carry; ``new_scope()`` makes one, ``global_scope()`` is the one below all others.

    Limits: 200 tags of 200 bytes, 50 contexts of 8 KB, 128 KB of extra, 100 breadcrumbs within 32 KB; what passes them is cut
    or left out visibly. Values under forbidden keys (password, token, authorization …) never reach the disk.
    """

    def set_tag(self, key: str, value: object = None) -> None:
        """Sets a tag; ``None`` removes it. Numbers and flags become texts."""

    def set_tags(self, tags: dict[str, Any]) -> None:
        """Sets tags."""

    def set_user(self, user: dict[str, Any] | None) -> None:
        """Sets the user (``id``, ``email``, ``username``, ``ip_address`` and what else there is); ``None`` removes it."""

    def set_context(self, name: str, value: dict[str, Any] | None = None) -> None:
        """Sets a context: structured data under a name. ``None`` removes it."""

    def set_extra(self, key: str, value: object = None) -> None:
        """Sets one entry of free data."""

    def set_level(self, level: _AnyLevel | None = None) -> None:
        """Sets the level of errors and messages captured here; ``None`` leaves it to them again. Fatal ones stay fatal."""

    def set_fingerprint(self, parts: Sequence[str] | None = None) -> None:
        """Groups events by these texts; ``"{{ default }}"`` stands for what they would be grouped by."""

    def set_transaction(self, name: str | None) -> None:
        """Names the route, job or operation."""

    def set_durability(self, durability: _Durability | None = None) -> None:
        """How much captures here wait for; ``None`` leaves it to ``install()`` again."""

    def set_traceparent(self, traceparent: str | None) -> bool:
        """Takes up the trace of a caller from the W3C ``traceparent`` that it sent. False, and nothing is changed, where it is not
        valid."""

    def start_trace(self) -> str | None:
        """Begins a trace of its own, and says the ``traceparent`` to pass on; ``None`` where nothing is installed."""

    def add_breadcrumb(
        self,
        message: object = None,
        *,
        category: str | None = None,
        level: _AnyLevel | None = None,
        type: str | None = None,
        data: dict[str, Any] | None = None,
        timestamp: datetime | float | str | None = None,
    ) -> None:
        """Adds a breadcrumb; the oldest give way. ``timestamp`` is a ``datetime``, seconds since 1970, or RFC 3339."""

    def clear(self) -> None:
        """Forgets everything."""

@final
class NewScope:
    """A context manager whose block has a copy of the scope."""

    def __enter__(self) -> Scope: ...
    def __exit__(self, *_raised: object) -> Literal[False]: ...

@final
class Serving:
    """The scope of one request, entered and left as often as its server asks for more."""

    has_error: bool

    def __enter__(self) -> None: ...
    def __exit__(self, *_raised: object) -> Literal[False]: ...

def serving(tell: Callable[[], dict[str, Any]], traceparent: str | None = None) -> Serving | None:
    """A copy of the scope for a request, which ``tell()`` tells when something is captured in it: as a dictionary of ``method``,
    ``url``, ``headers`` (a list of pairs) and ``route``. ``None`` where nothing is installed.
    """

def served_now() -> Callable[[], dict[str, Any]] | None:
    """What ``serving()`` was given for the request that the running code serves."""

def new_scope() -> NewScope:
    """A copy of the scope for the block of a ``with``, also in coroutines: what is set in it ends with it."""

def global_scope() -> Scope:
    """The scope below those of all tasks and threads."""

def traceparent() -> str | None:
    """The W3C ``traceparent`` to pass on to what is called or started; ``None`` without a trace."""

def clear_scope() -> None:
    """Forgets everything that the scope of the running code holds."""

def set_tag(key: str, value: object = None) -> None:
    """Sets a tag; ``None`` removes it. Numbers and flags become texts."""

def set_tags(tags: dict[str, Any]) -> None:
    """Sets tags."""

def set_user(user: dict[str, Any] | None) -> None:
    """Sets the user (``id``, ``email``, ``username``, ``ip_address`` and what else there is); ``None`` removes it."""

def set_context(name: str, value: dict[str, Any] | None = None) -> None:
    """Sets a context: structured data under a name. ``None`` removes it."""

def set_extra(key: str, value: object = None) -> None:
    """Sets one entry of free data."""

def set_level(level: _AnyLevel | None = None) -> None:
    """Sets the level of errors and messages captured here; ``None`` leaves it to them again. Fatal ones stay fatal."""

def set_fingerprint(parts: Sequence[str] | None = None) -> None:
    """Groups events by these texts; ``"{{ default }}"`` stands for what they would be grouped by."""

def set_transaction(name: str | None) -> None:
    """Names the route, job or operation."""

def set_durability(durability: _Durability | None = None) -> None:
    """How much captures here wait for; ``None`` leaves it to ``install()`` again."""

def set_traceparent(traceparent: str | None) -> bool:
    """Takes up the trace of a caller from the W3C ``traceparent`` that it sent. False, and nothing is changed, where it is not
    valid."""

def start_trace() -> str | None:
    """Begins a trace of its own, and says the ``traceparent`` to pass on; ``None`` where nothing is installed."""

def add_breadcrumb(
    message: object = None,
    *,
    category: str | None = None,
    level: _AnyLevel | None = None,
    type: str | None = None,
    data: dict[str, Any] | None = None,
    timestamp: datetime | float | str | None = None,
) -> None:
    """Adds a breadcrumb; the oldest give way. ``timestamp`` is a ``datetime``, seconds since 1970, or RFC 3339."""

@final
class Activity:
    """One decision about an issue."""

    @property
    def id(self) -> str:
        """32 hex digits."""
    @property
    def issue(self) -> str:
        """The issue's id."""
    @property
    def author(self) -> str:
        """Who decided; ``crashvault`` where an event did."""
    @property
    def decided_at(self) -> datetime:
        """When, by the clock of whoever decided."""
    @property
    def kind(self) -> _DeedKind:
        """What was decided, in a word: ``resolve``, ``comment``, ``merge`` …"""
    @property
    def deed(self) -> dict[str, Any]:
        """The whole decision: ``kind`` and what belongs to it, in the form that ``Vault.decide`` takes."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Added:
    """What became of an event that was added."""

    @property
    def event_id(self) -> str:
        """The event's id, 32 hex digits."""
    @property
    def issue_number(self) -> int:
        """The number of the issue it belongs to."""
    @property
    def is_new_issue(self) -> bool:
        """Whether it is the issue's first."""
    @property
    def is_known(self) -> bool:
        """Whether the vault had this id already; then nothing changed."""
    @property
    def is_regression(self) -> bool:
        """Whether it opened an issue again that was resolved."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Archive:
    """An archive."""

    @property
    def path(self) -> Path:
        """The file."""
    @property
    def bytes(self) -> int:
        """Its bytes."""
    @property
    def vault_id(self) -> str:
        """The id of the vault that wrote it, 32 hex digits; empty if the file cannot be read."""
    @property
    def created_at(self) -> datetime | None:
        """When it was written."""
    @property
    def issues(self) -> int:
        """Issues in it, as far as it can be read."""
    @property
    def events(self) -> int:
        """Events in it, as far as it can be read."""
    @property
    def fault(self) -> str | None:
        """What is wrong with it."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class ArchiveReport:
    """What went into an archive."""

    @property
    def issues(self) -> int:
        """Issues that left the store."""
    @property
    def events(self) -> int:
        """Their events."""
    @property
    def path(self) -> Path | None:
        """The file; ``None`` if there was nothing to archive."""
    @property
    def bytes(self) -> int:
        """Its bytes."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class ArchivedIssue:
    """An issue that lies in an archive."""

    @property
    def path(self) -> Path:
        """The archive."""
    @property
    def issue(self) -> Issue:
        """The issue, as it was."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class ArchivesFound:
    """A page of archived issues; it can be iterated, indexed and measured like its ``issues``."""

    @property
    def issues(self) -> tuple[ArchivedIssue, ...]:
        """The issues, in the order asked for."""
    @property
    def next(self) -> str | None:
        """Where the next page begins, for ``after=``; ``None`` if this is the last one."""
    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Where nothing was found: keys that were taken for tags and are nearly the name of something else."""
    @property
    def unreadable(self) -> tuple[Path, ...]:
        """Archives that are damaged: what they hold behind the damage was not looked at."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int, /) -> ArchivedIssue: ...
    @overload
    def __getitem__(self, index: slice, /) -> tuple[ArchivedIssue, ...]: ...
    def __iter__(self) -> Iterator[ArchivedIssue]: ...

@final
class Attachment:
    """A file that belongs to an event. ``Vault.read_attachment`` gives its content."""

    @property
    def id(self) -> int:
        """The record's own number."""
    @property
    def event(self) -> str:
        """The event's id."""
    @property
    def name(self) -> str:
        """What the sender calls it: to be shown, never to be taken for a path."""
    @property
    def content_type(self) -> str | None:
        """The kind of its content, such as ``text/plain``, as the sender says."""
    @property
    def kind(self) -> str:
        """What it is for, in Sentry's words, such as ``event.attachment``."""
    @property
    def hash(self) -> str:
        """BLAKE3 of its content, 64 hex digits."""
    @property
    def size_bytes(self) -> int:
        """Bytes of its content."""
    @property
    def added_at(self) -> datetime:
        """When the vault got it."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Cause:
    """A candidate for the one cause of several issues."""

    @property
    def score(self) -> float:
        """From 0 to 1; for comparing candidates, no probability."""
    @property
    def project(self) -> str:
        """The project of the issues."""
    @property
    def facts(self) -> tuple[SharedFact, ...]:
        """What they share, the strongest first; at most 8."""
    @property
    def issues(self) -> tuple[Issue, ...]:
        """The issues that have the first fact, seen most first."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class CausesFound:
    """What issues have in common, the best first."""

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The candidates."""
    @property
    def issue_count(self) -> int:
        """How many issues were looked at."""
    @property
    def is_cut(self) -> bool:
        """Whether more issues fit than were looked at."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Doubt:
    """A key of a query that is probably another one's misspelling."""

    @property
    def position(self) -> int:
        """Where the key begins, in bytes of the query."""
    @property
    def key(self) -> str:
        """The key as it was written; it was taken for a tag's."""
    @property
    def meant(self) -> str:
        """The key that was probably meant."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class DrainReport:
    """What draining did."""

    @property
    def events_new(self) -> int:
        """Events that are in the vault now and were not before."""
    @property
    def events_known(self) -> int:
        """Events that had been there already."""
    @property
    def waiting_count(self) -> int:
        """Events that still wait because time was up, the vault is read-only, or another process is draining."""
    @property
    def torn_count(self) -> int:
        """Damaged places in the journal that were passed over."""
    @property
    def torn_bytes(self) -> int:
        """Bytes of those places."""
    @property
    def segments_removed(self) -> int:
        """Files of the journal that were removed."""
    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with files of the journal that could not be read; they were left as they are."""
    @property
    def is_elsewhere(self) -> bool:
        """Whether another process is draining; then nothing was done here."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class EmptyReport:
    """What ``Vault.empty`` removed."""

    @property
    def issues_removed(self) -> int:
        """Issues that were deleted."""
    @property
    def events_removed(self) -> int:
        """Their events."""
    @property
    def bytes_freed(self) -> int:
        """Bytes that the disk got back."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class EventsFound:
    """A page of events; it can be iterated, indexed and measured like its ``events``."""

    @property
    def events(self) -> tuple[StoredEvent, ...]:
        """The events, newest first."""
    @property
    def next(self) -> str | None:
        """Where the next page begins, for ``after=``; ``None`` if this is the last one."""
    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Where nothing was found: keys that were taken for tags and are nearly the name of something else."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int, /) -> StoredEvent: ...
    @overload
    def __getitem__(self, index: slice, /) -> tuple[StoredEvent, ...]: ...
    def __iter__(self) -> Iterator[StoredEvent]: ...

@final
class ExplainedTerm:
    """A part of a query."""

    @property
    def kind(self) -> str:
        """``all``, ``any``, ``not``, ``saved``, ``text`` or ``pair``."""
    @property
    def position(self) -> int:
        """Where its first word begins, in bytes of the query; inside of a saved search, of that search's text."""
    @property
    def text(self) -> str:
        """What stands there; empty for what holds other parts."""
    @property
    def meaning(self) -> str | None:
        """What is asked by it; ``None`` for what holds other parts."""
    @property
    def index(self) -> str | None:
        """What the store looks it up in."""
    @property
    def rows(self) -> TermRows | None:
        """How many fit it."""
    @property
    def parts(self) -> tuple[ExplainedTerm, ...]:
        """The parts it holds."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Explanation:
    """How a search is understood and answered."""

    @property
    def tree(self) -> ExplainedTerm:
        """The query as it was read."""
    @property
    def meaning(self) -> str:
        """All that is asked, in one line, with the times that ages came to."""
    @property
    def route(self) -> str:
        """Which way the store went, as a sentence."""
    @property
    def lists(self) -> tuple[tuple[int, str], ...]:
        """The lists that were joined in the store, each with how deep it lies within others."""
    @property
    def rows_read(self) -> int:
        """Rows and index entries that were read for the answer."""
    @property
    def found_count(self) -> int:
        """Issues or events on the page."""
    @property
    def elapsed_us(self) -> int:
        """How long the store took for it, in microseconds."""
    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Keys that are taken for tags and are nearly the name of something else."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class ExportReport:
    """What an export holds."""

    @property
    def issues(self) -> int:
        """Issues that have events."""
    @property
    def events(self) -> int:
        """Their events."""
    @property
    def events_unreadable(self) -> int:
        """Events that cannot be read, and so are not in it."""
    @property
    def attachments(self) -> int:
        """Files that belong to events."""
    @property
    def attachments_missing(self) -> int:
        """Of these, those whose content is missing or damaged."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Finding:
    """One thing that ``Vault.doctor`` looked at."""

    @property
    def severity(self) -> _Severity:
        """``fine``, ``notice`` or ``problem``."""
    @property
    def what(self) -> str:
        """What was found."""
    @property
    def advice(self) -> str:
        """What to do; empty if nothing."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Followed:
    """Events that came in, and how far was read."""

    @property
    def events(self) -> tuple[StoredEvent, ...]:
        """The events that fit, in the order they came in."""
    @property
    def reached(self) -> int:
        """The ingest sequence up to which all was looked at, for the next ``Vault.follow``."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class GarbageReport:
    """What ``Vault.collect_garbage`` removed."""

    @property
    def attachments_removed(self) -> int:
        """Contents of attachments that no event and no archive names."""
    @property
    def texts_removed(self) -> int:
        """Names and values that no event has any more."""
    @property
    def stacks_removed(self) -> int:
        """Stacks that no event has any more."""
    @property
    def dictionaries_removed(self) -> int:
        """Dictionaries that no payload needs any more."""
    @property
    def temporaries_removed(self) -> int:
        """Half-written files of processes that were killed."""
    @property
    def bytes_freed(self) -> int:
        """Bytes that the disk got back."""
    @property
    def archives_unreadable(self) -> int:
        """Archives that cannot be read. As long as there are any, no attachment is removed: they may name it."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class ImportReport:
    """What an import did."""

    @property
    def issues(self) -> int:
        """Issues in the file."""
    @property
    def events(self) -> int:
        """Events that came in."""
    @property
    def events_known(self) -> int:
        """Events that were there already, or were removed for good before."""
    @property
    def attachments(self) -> int:
        """Files that belong to events, and are kept now."""
    @property
    def attachments_missing(self) -> int:
        """Those that the file names without their content."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Issue:
    """A group of events that are one bug, as it was when the vault was asked."""

    @property
    def id(self) -> str:
        """32 hex digits, the same on every machine."""
    @property
    def number(self) -> int:
        """The local number, never reused."""
    @property
    def project(self) -> str:
        """The project its events belong to."""
    @property
    def status(self) -> _Status:
        """``open``, ``resolved`` or ``ignored``."""
    @property
    def since(self) -> datetime | None:
        """Since when, where something was decided about that."""
    @property
    def level(self) -> _Level:
        """The worst level seen: ``debug``, ``info``, ``warning``, ``error`` or ``fatal``."""
    @property
    def title(self) -> str:
        """Its own title, else the first line of its newest event."""
    @property
    def culprit(self) -> str | None:
        """Where its newest event happened."""
    @property
    def platform(self) -> str:
        """The newest event's platform, such as ``python``."""
    @property
    def first_seen(self) -> datetime:
        """The earliest event's time."""
    @property
    def last_seen(self) -> datetime:
        """The latest event's time."""
    @property
    def seen_count(self) -> int:
        """How many events it has."""
    @property
    def last_event(self) -> str:
        """The id of its newest event."""
    @property
    def user_count(self) -> int:
        """How many users met it."""
    @property
    def assignee(self) -> str | None:
        """Who is to deal with it."""
    @property
    def severity(self) -> str | None:
        """How bad a person thinks it is: by default ``low``, ``medium``, ``high`` or ``critical``."""
    @property
    def is_regressed(self) -> bool:
        """Whether it is open because it came back after it was resolved."""
    @property
    def regression(self) -> str | None:
        """The id of the event that came back."""
    @property
    def is_bookmarked(self) -> bool:
        """Whether it is bookmarked."""
    @property
    def review(self) -> _ReviewStep | None:
        """How far its review is: ``triage``, ``assigned``, ``fix`` or ``verify``."""
    @property
    def resolution(self) -> dict[str, Any] | None:
        """What the resolution covers, while it is resolved: ``{"in": "now"}``, ``{"in": "next_release", "after": …}``
        or ``{"in": "release", "release": …}``.
        """
    @property
    def ignore(self) -> Literal["forever"] | dict[str, Any] | None:
        """How long it is ignored, while it is: ``"forever"``, or a dict with ``seen_count``, ``time`` or
        ``day_count``.
        """
    @property
    def tags(self) -> dict[str, str]:
        """Its own tags, which people gave it."""
    @property
    def comment_count(self) -> int:
        """How many comments it has."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class IssuesFound:
    """A page of issues; it can be iterated, indexed and measured like its ``issues``."""

    @property
    def issues(self) -> tuple[Issue, ...]:
        """The issues, in the order asked for."""
    @property
    def next(self) -> str | None:
        """Where the next page begins, for ``after=``; ``None`` if this is the last one."""
    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Where nothing was found: keys that were taken for tags and are nearly the name of something else."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int, /) -> Issue: ...
    @overload
    def __getitem__(self, index: slice, /) -> tuple[Issue, ...]: ...
    def __iter__(self) -> Iterator[Issue]: ...

@final
class Join:
    """Why a variant joined an issue."""

    @property
    def variant(self) -> str:
        """The variant's key, 32 hex digits."""
    @property
    def issue(self) -> str:
        """The id of the issue it belongs to from then on."""
    @property
    def project(self) -> str:
        """The project of both."""
    @property
    def reason(self) -> str:
        """Why, in a word: ``rule``, ``fingerprint``, ``stack``, ``type``, ``message``, ``similar``, ``note`` or
        ``report``.
        """
    @property
    def parts(self) -> tuple[str, ...]:
        """What the key was made of, for people."""
    @property
    def algorithm(self) -> int:
        """The version of the algorithm that decided."""
    @property
    def joined_at(self) -> datetime:
        """When it was decided."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class PruneReport:
    """What left a vault."""

    @property
    def events_removed(self) -> int:
        """Events that left, or would."""
    @property
    def attachments_removed(self) -> int:
        """Attachments that left with them."""
    @property
    def bytes_freed(self) -> int:
        """Bytes that the disk got back; of a dry run an estimate."""
    @property
    def is_complete(self) -> bool:
        """Whether this is all."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class RebuildReport:
    """What a rebuild made."""

    @property
    def event_count(self) -> int:
        """Events that were read."""
    @property
    def issue_count(self) -> int:
        """Issues there are now."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class RegroupedMerge:
    """An issue that becomes part of another."""

    @property
    def issue(self) -> Issue:
        """The issue that becomes part."""
    @property
    def into(self) -> Issue:
        """The older issue that it becomes part of, which keeps its number."""
    @property
    def score(self) -> float:
        """How alike two variants of them are, from 0 to 1."""
    @property
    def variant_count(self) -> int:
        """How many of its variants are compared."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class RegroupedSplit:
    """Variants of one issue that leave it together."""

    @property
    def issue(self) -> Issue:
        """The issue that they leave."""
    @property
    def to(self) -> Issue | None:
        """The issue that they go to; ``None``: one of their own."""
    @property
    def variants(self) -> tuple[str, ...]:
        """The variants' keys."""
    @property
    def event_count(self) -> int:
        """How many events of them are here."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Regrouping:
    """What a regrouping changes, or would change."""

    @property
    def merges(self) -> tuple[RegroupedMerge, ...]:
        """Issues that become part of another, the most alike first."""
    @property
    def splits(self) -> tuple[RegroupedSplit, ...]:
        """Variants that leave their issue, those with the most events first."""
    @property
    def variant_count(self) -> int:
        """How many variants were compared."""
    @property
    def activities(self) -> tuple[Activity, ...]:
        """What was recorded of it; empty of a plan."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class RelatedIssue:
    """An issue that has a variant like one of another issue's, though not so that they were found to be one."""

    @property
    def issue(self) -> Issue:
        """The issue."""
    @property
    def score(self) -> float:
        """How alike the two variants are, from 0 to 1."""
    @property
    def variant(self) -> str:
        """Its variant."""
    @property
    def is_like(self) -> str:
        """The variant of the issue that was asked for."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class ReportOutcome:
    """What a report did, and what is left to do."""

    @property
    def destination(self) -> str:
        """The place, without its key."""
    @property
    def is_dry_run(self) -> bool:
        """Whether nothing was sent, and the counts say what would have been."""
    @property
    def end(self) -> _ReportEnd:
        """Why it ended: ``done``, ``limit``, ``waiting`` or ``stopped``."""
    @property
    def sent_count(self) -> int:
        """Events that the collector took."""
    @property
    def known_count(self) -> int:
        """Events that it said it has already."""
    @property
    def refused_count(self) -> int:
        """Events that it would not take. They are in the vault still, and are not sent again by themselves."""
    @property
    def refusals(self) -> tuple[ReportRefusal, ...]:
        """The first hundred of these, and why."""
    @property
    def passed_count(self) -> int:
        """Events that are older than was asked for, or that cannot be read."""
    @property
    def attachments_sent(self) -> int:
        """Attachments that went with their events."""
    @property
    def attachments_left_out(self) -> int:
        """Attachments that did not: too large, dumps, not wanted, or their files are gone."""
    @property
    def sent_bytes(self) -> int:
        """Bytes of requests, packed."""
    @property
    def waiting_count(self) -> int:
        """Events that are in the vault and were not sent yet."""
    @property
    def next_try_at(self) -> datetime | None:
        """When to try again, where that is known."""
    @property
    def trouble(self) -> str | None:
        """What went wrong last, unless it went well since."""
    @property
    def pauses(self) -> dict[str, datetime]:
        """Until when the collector wants none of a kind of data; all kinds where the key is empty."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class ReportRefusal:
    """An event that a collector would not take."""

    @property
    def event_id(self) -> str:
        """The event, which is in the vault still."""
    @property
    def reason(self) -> str:
        """Why, as the collector said."""
    @property
    def at(self) -> datetime:
        """When that was."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class RestoreReport:
    """What came back from an archive."""

    @property
    def issues(self) -> int:
        """Issues in the archive."""
    @property
    def events(self) -> int:
        """Events that came back."""
    @property
    def events_known(self) -> int:
        """Events that were there already, or were removed for good meanwhile."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class SavedSearch:
    """A search that was saved under a name."""

    @property
    def name(self) -> str:
        """The name; ``@name`` in a query stands for the search."""
    @property
    def query(self) -> str:
        """The query."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Setting:
    """A setting of the vault."""

    @property
    def key(self) -> str:
        """Its name in ``vault.toml``."""
    @property
    def value(self) -> str:
        """Its value."""
    @property
    def source(self) -> str:
        """Where the value came from."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class SharedFact:
    """Something that issues share."""

    @property
    def kind(self) -> Literal["function", "module", "release", "tag"]:
        """``function``, ``module``, ``release`` or ``tag``."""
    @property
    def key(self) -> str | None:
        """The key of a tag."""
    @property
    def value(self) -> str:
        """The function, the module, the release, the tag's value."""
    @property
    def score(self) -> float:
        """From 0 to 1, as ``Cause.score``."""
    @property
    def issue_count(self) -> int:
        """How many issues have it."""
    @property
    def project_count(self) -> int:
        """How many issues of the project were looked at."""
    @property
    def share_inside(self) -> float:
        """The share of these issues' events that have it; 1 of functions and modules."""
    @property
    def share_outside(self) -> float:
        """The same of the project's other issues."""
    @property
    def lift(self) -> float:
        """How much commoner it is inside than in all of the project."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class SpaceReport:
    """Where the bytes of a vault are: bytes on disk, unless said otherwise."""

    @property
    def tables(self) -> tuple[tuple[str, int], ...]:
        """Each table of ``vault.db`` with its indexes, largest first."""
    @property
    def store_bytes(self) -> int:
        """``vault.db`` with its log."""
    @property
    def store_free_bytes(self) -> int:
        """Bytes of ``store_bytes`` that the next events fill first."""
    @property
    def payload_bytes(self) -> int:
        """Bytes of all payloads as stored; what they share left out."""
    @property
    def attachments_bytes(self) -> int:
        """Contents of attachments."""
    @property
    def archive_bytes(self) -> int:
        """Archives of old issues."""
    @property
    def journal_bytes(self) -> int:
        """Events that are not in the store yet."""
    @property
    def symbols_bytes(self) -> int:
        """Programs kept for their symbols."""
    @property
    def disk_free_bytes(self) -> int | None:
        """What the file system has left; ``None`` where it does not say."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Stats:
    """What there is, counted."""

    @property
    def issues(self) -> dict[_Status, int]:
        """How many issues have each status, of all statuses."""
    @property
    def events(self) -> dict[_Level, int]:
        """How many events have each level, of all levels, without those that left."""
    @property
    def hours(self) -> tuple[tuple[datetime, int], ...]:
        """How many events each hour had, by its start, with those that left; oldest first, without hours that had
        none.
        """
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class StoredEvent:
    """An event that a search found."""

    @property
    def id(self) -> str:
        """32 hex digits."""
    @property
    def issue(self) -> str:
        """The id of the issue it belongs to."""
    @property
    def issue_number(self) -> int:
        """That issue's number."""
    @property
    def time(self) -> datetime:
        """When it happened; where it does not say, when the vault got it."""
    @property
    def received_at(self) -> datetime:
        """When the vault got it."""
    @property
    def level(self) -> _Level:
        """``debug``, ``info``, ``warning``, ``error`` or ``fatal``."""
    @property
    def title(self) -> str:
        """Its first line."""
    @property
    def variant(self) -> str:
        """The key of the variant it was found to be, 32 hex digits."""
    @property
    def ingest_sequence(self) -> int:
        """Its place in the order in which events came in, for ``Vault.follow``."""
    @property
    def payload(self) -> dict[str, Any]:
        """The event in the shape of Sentry's payload: a dict, made anew whenever it is asked for."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class TermRows:
    """How many issues or events fit a part of a query by itself."""

    @property
    def count(self) -> int:
        """How many."""
    @property
    def is_at_least(self) -> bool:
        """Whether there may be more."""
    @property
    def is_of_issues(self) -> bool:
        """Whether they are issues; else events."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class ValueCount:
    """A value that events of an issue have."""

    @property
    def key(self) -> str:
        """The attribute's name, or the tag's key."""
    @property
    def is_tag(self) -> bool:
        """Whether ``key`` is a tag's."""
    @property
    def value(self) -> str:
        """The value."""
    @property
    def count(self) -> int:
        """How many of the issue's events have it."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class VaultStatus:
    """What a vault holds and has lost. Bytes are bytes on disk."""

    @property
    def directory(self) -> Path:
        """The vault's directory."""
    @property
    def vault_id(self) -> str:
        """The vault's id, 32 hex digits."""
    @property
    def format(self) -> int:
        """The store's format."""
    @property
    def is_read_only(self) -> bool:
        """Whether it cannot be written."""
    @property
    def event_count(self) -> int:
        """Events in the store."""
    @property
    def issue_count(self) -> int:
        """Issues in the store."""
    @property
    def project_count(self) -> int:
        """Projects in the store."""
    @property
    def waiting_count(self) -> int:
        """Events in the journal that are not in the store yet."""
    @property
    def writers_alive(self) -> int:
        """Programs that have the journal open now."""
    @property
    def throttled_count(self) -> int:
        """Captures thinned out of floods (a lower bound)."""
    @property
    def sampled_count(self) -> int:
        """Captures left out by a sample rate (a lower bound)."""
    @property
    def refused_count(self) -> int:
        """Events that a ``before_send`` dropped (a lower bound)."""
    @property
    def lost_count(self) -> int:
        """Captures that could not be written (a lower bound)."""
    @property
    def last_failure(self) -> str | None:
        """Why captures are being lost, and what to do."""
    @property
    def torn_count(self) -> int:
        """Damaged places that were passed over in the journal."""
    @property
    def unreadable_count(self) -> int:
        """Journal files or frames that this version cannot read; they are kept."""
    @property
    def store_bytes(self) -> int:
        """Bytes of ``vault.db`` with its log."""
    @property
    def journal_bytes(self) -> int:
        """Bytes of ``journal/``."""
    @property
    def symbols_bytes(self) -> int:
        """Bytes that ``symbols/`` keeps alive."""
    @property
    def attachments_bytes(self) -> int:
        """Bytes of ``attachments/``."""
    @property
    def archive_bytes(self) -> int:
        """Bytes of ``archive/``."""
    @property
    def store_free_bytes(self) -> int:
        """Bytes of ``store_bytes`` that the next events fill first."""
    @property
    def payload_bytes(self) -> int:
        """Bytes of ``store_bytes`` that are payloads."""
    @property
    def disk_free_bytes(self) -> int | None:
        """Bytes that the file system has left; ``None`` where it does not say."""
    @property
    def is_disk_full(self) -> bool:
        """Whether that is too little: events stay in the journal until there is room."""
    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings and where each came from."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class IssueIterator(Iterator[Issue]):
    """The issues that ``Vault.issues`` finds, one by one."""

    def __iter__(self) -> IssueIterator: ...
    def __next__(self) -> Issue: ...

_IssueNamed = int | str | Issue

@final
class Vault:
    """An open vault: issues, their events, and what people decide about them.

    Made by ``crashvault.open()``; a context manager that closes itself. Several threads may use it; one call after the
    other is answered, and other threads of the program run meanwhile. It stays in the process that opened it.

    Reading shows what was taken in; what was captured since then comes in with ``drain()``.

    An issue is named by an ``Issue``, its number, ``"#7"``, its id or how that begins (6 hex digits at least); an event
    by its id. Every method raises ``crashvault.Error``, NotFoundError for what is not there, InvalidInputError after
    ``close()``, ConflictError when called by what it called itself.
    """

    @property
    def directory(self) -> Path:
        """The vault's directory."""
    @property
    def author(self) -> str:
        """Who decides about issues through this vault, and whom ``assigned:me`` means."""
    @property
    def is_read_only(self) -> bool:
        """Whether it is open for reading alone."""
    @property
    def drained(self) -> DrainReport | None:
        """What draining did when it was opened; ``None`` with ``drain=False``."""
    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
    def __enter__(self) -> Vault: ...
    def __exit__(self, *_raised: object) -> None: ...
    def close(self) -> None:
        """Closes it; what is under way is finished first. Closing again does nothing."""
    def drain(self, seconds: float | None = None) -> DrainReport:
        """Moves what waits in the journal into the vault: all of it, or for at most so many ``seconds``.

        Without ``seconds`` it waits for another process that is draining, and raises BusyError if that gets nowhere.
        Ctrl-C ends it; what came in stays. Of a read-only vault the report says how many wait.
        """
    def issues(
        self,
        query: str = "",
        *,
        sort: _Sort = "last_seen",
        reverse: bool = False,
        since: _Time | None = None,
        until: _Time | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> IssueIterator:
        """The issues that fit a query, one by one, however many there are; they are fetched as they are asked for.

        For what a query can say see ``search``. ``limit`` ends it after so many, ``after`` begins behind a page of
        ``search`` in the same order.
        """
    def search(
        self,
        query: str = "",
        *,
        sort: _Sort = "last_seen",
        reverse: bool = False,
        since: _Time | None = None,
        until: _Time | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> IssuesFound:
        """The issues of which at least one event fits a query, a page at a time.

        A query is words and ``key:value`` terms, such as ``is:open level:error timeout release:shop@2.*``; an empty one
        fits all. ``since`` and ``until`` bound when events happened: a text (``"7d"``, ``"2026-01-05"``), a datetime
        with a time zone, a date, or a timedelta back from now. ``sort`` is ``last_seen``, ``first_seen``,
        ``seen_count``, ``user_count``, ``number``, ``status`` or ``title``. ``after`` is the ``next`` of the page
        before.

        Raises InvalidInputError for a query that cannot be read (``context["position"]`` is the byte it went wrong at)
        and for a cursor of another list; LimitReachedError for a wildcard that stands for too many words.
        """
    def search_events(
        self,
        query: str = "",
        *,
        since: _Time | None = None,
        until: _Time | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> EventsFound:
        """The events that fit a query, newest first, a page at a time. See ``search``."""
    def explain(
        self,
        query: str = "",
        *,
        sort: _Sort = "last_seen",
        reverse: bool = False,
        since: _Time | None = None,
        until: _Time | None = None,
        limit: int = 50,
        after: str | None = None,
        of_events: bool = False,
    ) -> Explanation:
        """Answers a search for issues, or with ``of_events=True`` for events, and tells how: what was read of the
        query, what each part means and how many fit it, how the store joined that, and what the answer cost.
        """
    def issue_count(self, *, project: str | None = None, status: _Status | None = None) -> int:
        """How many issues there are, of one project or status where one is named."""
    def issue(self, issue: _IssueNamed) -> Issue:
        """One issue.

        Raises ConflictError for the start of an id that fits several, naming them.
        """
    def events(self, issue: _IssueNamed, *, limit: int = 50) -> list[dict[str, Any]]:
        """The newest events of an issue, newest first, as dicts in the shape of Sentry's payload."""
    def event(self, event: str) -> dict[str, Any]:
        """One event, as a dict in the shape of Sentry's payload."""
    def follow(self, query: str = "", *, after: int, limit: int = 50) -> Followed:
        """The events that came into the vault after that ingest sequence and fit the query, in the order they came.

        It looks at ``limit`` events; go on with ``reached``. ``last_ingest_sequence()`` is where to begin.
        """
    def last_ingest_sequence(self) -> int:
        """The place in the order of ingestion that the newest event has; 0 if there is none."""
    def activities(self, issue: _IssueNamed) -> list[Activity]:
        """What was decided about an issue, oldest first."""
    def hours(self, issue: _IssueNamed) -> list[tuple[datetime, int]]:
        """How often an issue was seen in each hour that it was seen in: the hour's start, the count; oldest first."""
    def values(self, issue: _IssueNamed, *, limit: int = 10) -> list[ValueCount]:
        """The values of an issue's events by key, most frequent first, at most ``limit`` of each key."""
    def stats(self, *, days: int = 30) -> Stats:
        """What there is, counted; the hours of the last ``days``."""
    def status(self) -> VaultStatus:
        """What the vault holds and has lost, without draining."""
    def doctor(self) -> list[Finding]:
        """Looks at everything that can go wrong with the vault and says what to do. Reads the whole store."""
    def space(self) -> SpaceReport:
        """Where the bytes of the vault are."""
    def add(self, event: dict[str, Any]) -> Added:
        """Takes an event into the vault at once: a dict in the shape of Sentry's payload. Without ``event_id`` it gets
        one, without ``timestamp`` the present.

        Raises TypeError for what JSON has no word for, naming the place.
        """
    def add_all(self, events: Iterable[dict[str, Any]]) -> list[Added]:
        """Takes events into the vault at once, many in one transaction."""
    def decide(self, issue: _IssueNamed, deed: dict[str, Any]) -> Activity:
        """Records a decision in the form of ``Activity.deed``, such as ``{"kind": "assign", "to": "ada"}``. The methods
        below are short for it.

        Raises InvalidInputError for what cannot be decided so, saying why; UnsupportedError for an unknown kind.
        """
    def decide_all(self, decisions: Iterable[tuple[_IssueNamed, dict[str, Any]]]) -> list[Activity]:
        """Records several decisions, ``(issue, deed)`` each: all of them or none."""
    def resolve(self, issue: _IssueNamed, *, release: str | None = None, next_release: bool = False) -> Activity:
        """Says that an issue is fixed; a later event that this covers is a regression.

        Every release is covered; with ``release`` that one and later ones; with ``next_release=True`` those after the
        project's newest.
        """
    def reopen(self, issue: _IssueNamed) -> Activity:
        """Opens an issue again."""
    def ignore(
        self,
        issue: _IssueNamed,
        *,
        until: datetime | None = None,
        seen_again: int | None = None,
        grown: bool = False,
    ) -> Activity:
        """Ignores an issue until somebody reopens it, or until the first event after a moment (``until``), until it has
        been seen so many times more (``seen_again``), or until it is seen much more often than lately (``grown=True``).
        """
    def assign(self, issue: _IssueNamed, to: str | None) -> Activity:
        """Gives an issue to somebody, or (``None``) to nobody."""
    def comment(self, issue: _IssueNamed, text: str) -> Activity:
        """Adds words about an issue."""
    def tag(self, issue: _IssueNamed, key: str, value: str | None) -> Activity:
        """Sets a tag of the issue itself, or (``None``) removes it."""
    def set_title(self, issue: _IssueNamed, title: str | None) -> Activity:
        """Gives an issue a title of its own, or (``None``) that of its newest event again."""
    def set_severity(self, issue: _IssueNamed, severity: str | None) -> Activity:
        """Says how bad an issue is: by default ``low``, ``medium``, ``high`` or ``critical``; ``None`` takes it
        away.
        """
    def bookmark(self, issue: _IssueNamed, on: bool = True) -> Activity:
        """Sets or removes a bookmark."""
    def review(self, issue: _IssueNamed, step: _ReviewStep | None) -> Activity:
        """Says how far an issue's review is: ``triage``, ``assigned``, ``fix`` or ``verify``; ``None`` ends it."""
    def delete(self, issue: _IssueNamed) -> Activity:
        """Deletes an issue with all its events for good."""
    def undo(self, issue: _IssueNamed) -> tuple[Activity, Activity]:
        """Takes back the last thing that a person decided about an issue; again: the one before. What was taken back,
        and the record of that.
        """
    def why(self, issue: _IssueNamed | None = None, *, event: str | None = None) -> dict[str, Any]:
        """Why the events of an issue, or one event, are where they are: of each variant what decided when it joined.

        A dict: ``issue``, ``issue_number``, ``event`` and ``variants``, each of which has ``reason``, ``parts`` and a
        ``verdict`` by ``kind``: ``rule``, ``exact``, ``similar`` or ``founded``.
        """
    def joins(self, issue: _IssueNamed) -> list[Join]:
        """Why events are in an issue: its variants in the order they joined."""
    def related(self, issue: _IssueNamed) -> list[RelatedIssue]:
        """The issues that have a variant like one of this issue's, the most alike first."""
    def causes(
        self,
        query: str = "",
        *,
        since: _Time | None = None,
        until: _Time | None = None,
        limit: int = 10,
    ) -> CausesFound:
        """What the issues that fit a query have in common and the other issues of their project have not, the best
        candidates for one cause first.
        """
    def merge(self, into: _IssueNamed, others: Sequence[_IssueNamed]) -> list[Activity]:
        """Makes issues part of another one: all of their events move there, later ones too, and their numbers and ids
        lead there. All are merged, or none.
        """
    def unmerge(self, issue: _IssueNamed, variant: str) -> Activity:
        """Takes a variant out of an issue with its events, later ones too. ``variant`` is its key or how that begins (4
        hex digits at least); see ``joins``.
        """
    def move_event(self, event: str, to: _IssueNamed) -> Activity:
        """Puts one event into another issue, whatever its variant says."""
    def merged(self, issue: _IssueNamed) -> list[tuple[int, str]]:
        """The issues that are part of this one: their numbers and ids."""
    def plan_regrouping(self) -> Regrouping:
        """What would merge and split if all variants were grouped anew by today's algorithm. Nothing is changed."""
    def regroup(self) -> Regrouping:
        """Does what ``plan_regrouping`` tells."""
    def attach(
        self,
        event: str,
        name: str,
        content: bytes,
        *,
        content_type: str | None = None,
        kind: str | None = None,
    ) -> Attachment:
        """Keeps a file with an event.

        Raises LimitReachedError for a file that is too large or one too many; ConflictError for an event that was
        removed.
        """
    def attachments(self, event: str) -> list[Attachment]:
        """The files of an event, in the order they came."""
    def read_attachment(self, attachment: Attachment) -> bytes:
        """The content of an attachment, its hash compared."""
    def saved_searches(self) -> list[SavedSearch]:
        """The saved searches, by name."""
    def save_search(self, name: str, query: str) -> str | None:
        """Keeps a query under a name, so that ``@name`` stands for it; what was kept under it is replaced, and given
        back.
        """
    def remove_search(self, name: str) -> str:
        """Forgets a saved search, and gives back its query."""
    def export(
        self,
        to: _Path | SupportsWrite[Any],
        *,
        format: _ExportFormat | None = None,
        query: str | None = None,
        issue: _IssueNamed | None = None,
        replace: bool = False,
    ) -> ExportReport:
        """Writes issues with all that belongs to them, of one moment: all, those that a query finds, or one issue.

        ``to`` is a path or a file that is open for writing, in bytes or text. ``format`` is ``ndjson`` or ``json`` (can
        be read back), ``csv``, ``markdown`` or ``html``; by default what the path's end says, else ``json``. A path
        that ends in ``.gz`` or ``.zst`` is compressed; the file there is whole or not there.

        Raises ConflictError for a path that is there, unless ``replace=True``; what the file's ``write`` raises.
        """
    def copy_database(self, path: _Path, *, replace: bool = False) -> int:
        """Writes the vault's database, as it is now, into a new file that any SQLite opens. How many bytes it has."""
    def import_export(self, path: _Path) -> ImportReport:
        """Takes in what ``export`` wrote as NDJSON or JSON, a copy of a vault's database, or another vault's directory.
        What is here already stays as it is: doing it twice changes nothing.

        Raises CorruptError for a file that is not whole: then nothing comes in.
        """
    def rebuild(self) -> RebuildReport:
        """Makes issues, counters and the search index again from the records, while others read and write.

        Raises CorruptError for a record that cannot be read: then everything stays as it was.
        """
    def verify(self) -> list[str]:
        """Makes all that again and tells where what is there differs, in words; empty if it is as it should be."""
    def retain(self, *, dry_run: bool = False) -> PruneReport:
        """Does what ``[retention]`` in ``vault.toml`` says: lets events leave by its ages and sizes; with
        ``dry_run=True`` tells what would leave.
        """
    def prune(
        self,
        *,
        older_than_days: int | None = None,
        before: datetime | None = None,
        level: _Level | None = None,
        status: _Status | None = None,
        events_max: int | None = None,
        bytes_max: int | None = None,
        dry_run: bool = False,
    ) -> PruneReport:
        """Lets events leave, oldest first: those that happened more than so many days ago or ``before`` a moment, and
        the oldest of those beyond ``events_max`` or ``bytes_max``; only those of a ``level`` or of issues of a
        ``status``, where one is named. Their issues go on counting them and keep their newest event. With
        ``dry_run=True`` tells what would leave.

        Raises InvalidInputError for a rule that says neither how old nor how many.
        """
    def archive(self, *, older_than_days: int, ignored: bool = False) -> ArchiveReport:
        """Moves resolved issues that were last seen more than so many days ago, with ``ignored=True`` ignored ones as
        well, with all their records into one file in ``archive/``.
        """
    def archives(self) -> list[Archive]:
        """The archives, oldest first. Reads them whole."""
    def search_archives(
        self,
        query: str = "",
        *,
        sort: _Sort = "last_seen",
        reverse: bool = False,
        since: _Time | None = None,
        until: _Time | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> ArchivesFound:
        """The archived issues of which at least one event fits a query, a page at a time. See ``search``."""
    def restore(self, path: _Path, *, remove: bool = False) -> RestoreReport:
        """Puts the records of an archive back: the same numbers, events, counts and decisions. The file stays, unless
        ``remove=True``: then it goes when everything is safe in the store.

        Raises CorruptError for a file that is not whole: then nothing comes back.
        """
    def collect_garbage(self) -> GarbageReport:
        """Removes what nothing names any more, and gives the room back."""
    def empty(self) -> EmptyReport:
        """Deletes all issues with their events for good, those that wait in the journal among them."""

def open(
    path: _Path | None = None,
    *,
    read_only: bool = False,
    create: bool = True,
    drain: bool | float = True,
    author: str | None = None,
    clock: Callable[[], datetime | int] | None = None,
) -> Vault:
    """Opens a vault, or makes one where there is none.

    Args:
        path: The vault's directory. Default: that of ``install()``, else ``$CRASHVAULT_HOME``, else ``~/.crashvault``.
        read_only: Whether nothing of the vault is changed, made or drained. A vault that cannot be written is opened so
            by itself.
        create: Whether one is made where there is none.
        drain: What is done first with what programs captured: ``True`` takes all of it in, a number does so for at most
            so many seconds, ``False`` not at all. ``Vault.drained`` tells.
        author: Who decides about issues. Default: ``$CRASHVAULT_AUTHOR``, else the login name.
        clock: Says the time, as a ``datetime`` or in nanoseconds since 1970; for tests.

    Raises NotFoundError where there is none and none may be made; CorruptError; UnsupportedError for a newer format,
    and in a forked child whose parent had a vault open; ReadOnlyError, BusyError, CrashvaultIoError.
    """

def report(
    destination: str | None = None,
    *,
    vault: Vault | _Path | None = None,
    limit: int = 10_000,
    seconds: float = 600.0,
    since: _Time | None = None,
    again: bool = False,
    dry_run: bool = False,
    attachments: bool = True,
    dumps: bool = False,
    tries: int = 4,
    wait_seconds: float = 120.0,
    request_seconds: float = 120.0,
) -> ReportOutcome:
    """Sends the vault's events to a collector that speaks Sentry's protocol, each once, from where it ended the last time.

    It blocks, while other threads of the program run, and leaves nothing running. Where it cannot go on it says so:
    ``end`` is ``"done"``, ``"limit"``, ``"waiting"`` (see ``next_try_at`` and ``trouble``) or ``"stopped"``; the next
    call goes on from there. A collector that cannot be reached raises nothing. Ctrl-C ends it when the request that is
    under way has ended; what was sent is known.

    Args:
        destination: The collector's DSN, as ``https://KEY@host/1``. Default: ``report.to`` of the vault's settings, or
            ``$CRASHVAULT_REPORT_TO``.
        vault: An open ``Vault``, or where one lies, which is then drained first. Default: as for ``open()``.
        limit: Events that are sent at most.
        seconds: How long it goes on, waiting included.
        since: Only events that happened since then; older ones are passed over for good. See ``Vault.search``.
        again: Whether it begins with the first event, whatever was sent before.
        dry_run: Whether it only counts what it would send.
        attachments: Whether files go with their events, up to 20 MiB of each event.
        dumps: Whether dumps of memory do, which nobody has looked through for secrets.
        tries: How often in a row a request is tried that gets no answer, or one of a collector in trouble.
        wait_seconds: The longest wait that is sat out; a longer one ends the call.
        request_seconds: How long one request may take.

    Raises InvalidInputError for a DSN that cannot be read, for a key that the collector does not know, and where no
    collector answers; BusyError while another process reports there; ReadOnlyError; what ``open()`` raises.
    """
