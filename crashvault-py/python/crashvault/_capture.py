"""``install()``: the one line, and what may be said with it."""

from __future__ import annotations

from . import _crashvault

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from datetime import datetime
    from types import TracebackType
    from typing import Any, Callable, Dict, Mapping, Optional, Type, TypeVar, Union, overload

    from ._crashvault import Installed

    Hook = Callable[[Dict[str, Any]], Optional[Dict[str, Any]]]
    F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["capture_errors", "install"]


def install(
    *,
    vault: Union[str, os.PathLike[str], None] = None,
    project: Optional[str] = None,
    release: Optional[str] = None,
    environment: Optional[str] = None,
    dist: Optional[str] = None,
    server_name: Optional[str] = None,
    tags: Optional[Mapping[str, object]] = None,
    sample_rate: Optional[float] = None,
    max_breadcrumbs: Optional[int] = None,
    durability: Optional[str] = None,
    throttle: Optional[bool] = None,
    drain: Optional[bool] = None,
    native: Optional[bool] = None,
    black_box: Optional[bool] = None,
    stacks: bool = True,
    locals: bool = True,
    before_send: Optional[Hook] = None,
    before_breadcrumb: Optional[Hook] = None,
    hooks: bool = True,
    logging: Union[str, int, None] = "error",
    warnings: bool = False,
    integrations: bool = True,
    clock: Optional[Callable[[], Union[datetime, int]]] = None,
) -> Installed:
    """Starts capturing uncaught exceptions and makes the ``capture_*`` functions work.

    What is not said here comes from ``CRASHVAULT_*`` variables, then from the vault's ``vault.toml``, then from the
    defaults. The first call's options stay; later calls change nothing.

    Args:
        vault: Where the vault lies; used, or nothing is. Default: ``$CRASHVAULT_HOME``, else ``~/.crashvault``.
        project: What events belong to. Default: the program's name.
        release: The program's version, as ``name@version``.
        environment: ``production``, ``staging`` …
        dist: The build of the release.
        server_name: The machine. Default: the host name.
        tags: On every event of the process.
        sample_rate: The share of events to keep, 0.0 to 1.0; fatal ones are always kept.
        max_breadcrumbs: Kept on a scope, at most and by default 100.
        durability: What a capture waits for: ``"process"`` (survives ``kill -9``), ``"data"`` (a power cut too, some
            hundred microseconds more), ``"async"`` (nothing; on disk within 100 ms).
        throttle: Whether floods are thinned: 50 of a kind, then 5 a second. Default: true.
        drain: Whether this process moves its events into the vault, about a second after the first. Default: true.
        native: Whether crashes by signals are captured. Default: true.
        black_box: Whether an end without notice (``kill -9``) leaves an event. Default: true.
        stacks: Whether exceptions carry their tracebacks; without them they are told apart by type alone.
        locals: Whether frames carry local variables: at most ten each, short, without secrets.
        before_send: Is shown each event as a dictionary before it is written; returns it, or ``None`` to drop it. Where it
            raises, the event is kept as it was.
        before_breadcrumb: The same for breadcrumbs; where it raises, the breadcrumb is dropped.
        hooks: Whether uncaught exceptions and the process's end are noticed.
        logging: From which level on log records are events; ``None`` for none.
        warnings: Whether warnings are events.
        integrations: Whether frameworks that the program imports are followed.
        clock: Says the time, as a ``datetime`` or in nanoseconds since 1970; for tests.

    Returns:
        Where the vault is, a note on what is not as it should be, and whether this call was the first.

    Raises:
        TypeError, ValueError: An option is not what it should be. A vault that cannot be written raises nothing: the note
            says so, and captures return ``None``.
    """
    given: Dict[str, Any] = {
        "vault": vault,
        "project": project,
        "release": release,
        "environment": environment,
        "dist": dist,
        "server_name": server_name,
        "tags": None if tags is None else dict(tags),
        "sample_rate": sample_rate,
        "max_breadcrumbs": max_breadcrumbs,
        "durability": durability,
        "throttle": throttle,
        "drain": drain,
        "native": native,
        "black_box": black_box,
        "stacks": stacks,
        "locals": locals,
        "before_send": before_send,
        "before_breadcrumb": before_breadcrumb,
        "clock": clock,
    }
    installed = _crashvault.install(**given)
    given.update(hooks=hooks, logging=logging, warnings=warnings, integrations=integrations)
    if installed.is_first:
        from . import _hooks

        _hooks.start(given)
    return installed


if TYPE_CHECKING:

    @overload
    def capture_errors(function: F) -> F: ...
    @overload
    def capture_errors(
        function: None = None, *, reraise: bool = True, level: Union[str, int, None] = None
    ) -> Capturing: ...


def capture_errors(
    function: Optional[Callable[..., Any]] = None,
    *,
    reraise: bool = True,
    level: Union[str, int, None] = None,
) -> Any:
    """Captures the exceptions that leave a function or a block.

    As a decorator of functions, coroutines, generators and asynchronous generators, or as a context manager (also of
    ``async with``)::

        @crashvault.capture_errors
        def pay(order): ...

        with crashvault.capture_errors(reraise=False):
            best_effort()

    Args:
        function: What is decorated, where it stands without parentheses.
        reraise: Whether the exception goes on its way afterwards; without it a function returns ``None`` instead.
        level: The level of the events; ``"error"`` if it is missing.

    ``KeyboardInterrupt``, ``SystemExit`` and their kind (what is no ``Exception``) are left alone. An exception that passes
    several of these, or a hook afterwards, is one event.
    """
    capturing = Capturing(reraise, level)
    return capturing if function is None else capturing(function)


class Capturing:
    """What ``capture_errors()`` gives: a decorator and context manager."""

    __slots__ = ("_level", "_reraise")

    def __init__(self, reraise: bool, level: Union[str, int, None]) -> None:
        self._reraise = reraise
        self._level = level

    def __enter__(self) -> Capturing:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        _crashvault.capture_exception(error, level=self._level, mechanism="capture_errors")
        return not self._reraise

    async def __aenter__(self) -> Capturing:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> bool:
        return self.__exit__(kind, error, traceback)

    def __call__(self, function: F) -> F:
        """Decorates ``function``."""
        # Only here: a program that decorates nothing need not import it.
        from functools import update_wrapper

        code = getattr(function, "__code__", None)
        flags = getattr(code, "co_flags", 0)
        wraps = (wrap for flag, wrap in _WRAPPERS if flags & flag)
        wrap = next(wraps, _wrap_function)
        wrapped: Any = update_wrapper(wrap(self, function), function)
        return wrapped  # type: ignore[no-any-return]


def _wrap_function(capturing: Capturing, function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with capturing:
            return function(*args, **kwargs)

    return wrapper


def _wrap_generator(capturing: Capturing, function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with capturing:
            return (yield from function(*args, **kwargs))

    return wrapper


def _wrap_coroutine(capturing: Capturing, function: Callable[..., Any]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with capturing:
            return await function(*args, **kwargs)

    return wrapper


def _wrap_async_generator(capturing: Capturing, function: Callable[..., Any]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        generator = function(*args, **kwargs)
        step = generator.__anext__()
        with capturing:
            while True:
                try:
                    item = await step
                except StopAsyncIteration:
                    return
                # There is no `yield from` for these: what the caller sends or throws is handed on by hand.
                try:
                    sent = yield item
                except GeneratorExit:
                    await generator.aclose()
                    raise
                except BaseException as thrown:
                    step = generator.athrow(thrown)
                else:
                    step = generator.asend(sent)

    return wrapper


# By the flags of code objects (`inspect` names them CO_GENERATOR and so on, and takes long to import).
_WRAPPERS = (
    (0x20, _wrap_generator),
    (0x80, _wrap_coroutine),
    (0x200, _wrap_async_generator),
)
