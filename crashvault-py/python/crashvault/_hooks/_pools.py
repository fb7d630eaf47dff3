"""Processes and pools: what their work raises is caught by the worker and printed, or kept for whoever asks."""

from __future__ import annotations

import sys

from .._crashvault import capture_exception
from ._interpreter import ON_PURPOSE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


def install_process(module: ModuleType, options: dict[str, Any]) -> None:
    """``multiprocessing.Process``: what ends a child is printed by ``_bootstrap``, which no hook sees.

    A child that is no fork knows nothing of the parent: it installs by what comes along with its ``Process``.

    It prints by ``traceback.print_exc``, which is replaced in the child, so that no frame of ours is in what is printed.
    """
    process_class: Any = module.BaseProcess
    previous = process_class._bootstrap

    def _bootstrap(self: Any, *args: Any, **named: Any) -> Any:
        import traceback

        printing = traceback.print_exc

        def print_exc(*args: Any, **named: Any) -> None:
            if sys._getframe(1).f_code is previous.__code__:
                _tell(sys.exc_info()[1], "multiprocessing", handled=False)
            printing(*args, **named)

        traceback.print_exc = print_exc
        return previous(self, *args, **named)

    process_class._bootstrap = _bootstrap
    starting = process_class.start

    def start(self: Any) -> Any:
        self._crashvault = _Installing(options)
        return starting(self)

    process_class.start = start


class _Installing:
    """Installs where it is unpickled."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    def __reduce__(self) -> Any:
        return _install, (self._options,)


def _install(options: dict[str, Any]) -> None:
    import crashvault

    crashvault.install(**options)


def install_threads(module: ModuleType) -> None:
    """``ThreadPoolExecutor``: a future keeps what its work raised, and many are never asked.

    Those of an event loop are: by the coroutine that waits, or, where nobody does, by the loop, which tells what it finds. What
    the coroutine makes of it is not known here: frameworks raise where they mean an answer of status 404.
    """
    item_class: Any = module._WorkItem
    creating = item_class.__init__
    previous = item_class.run

    def __init__(self: Any, *args: Any, **named: Any) -> None:
        creating(self, *args, **named)
        self._crashvault_is_of_loop = _is_submitted_by_loop()

    def run(self: Any, *args: Any, **named: Any) -> Any:
        future = self.future
        try:
            return previous(self, *args, **named)
        finally:
            if not self._crashvault_is_of_loop:
                error = future._exception if future.done() else None
                _tell(error, "concurrent.futures", handled=True)

    item_class.__init__ = __init__
    item_class.run = run


def _is_submitted_by_loop() -> bool:
    """Whether what calls ``submit()``, which calls ``__init__()``, which calls this, is ``run_in_executor()``."""
    events: Any = sys.modules.get("asyncio.events")
    loop = None if events is None else events._get_running_loop()
    if loop is None:
        return False
    # That of uvloop is compiled, and has no frame.
    is_compiled = type(loop).__module__.startswith("uvloop")
    return is_compiled or sys._getframe(3).f_code.co_name == "run_in_executor"


def install_processes(module: ModuleType) -> None:
    """``ProcessPoolExecutor``, where the worker is: the parent gets a copy."""
    previous: Any = module._ExceptionWithTraceback

    def exception_with_traceback(error: BaseException, traceback: Any) -> Any:
        _tell(error, "concurrent.futures", handled=True)
        return previous(error, traceback)

    module._ExceptionWithTraceback = exception_with_traceback  # type: ignore[attr-defined]


def install_pool(module: ModuleType) -> None:
    """``multiprocessing.Pool``, where the worker is."""
    previous: Any = module.ExceptionWithTraceback

    def exception_with_traceback(error: BaseException, traceback: Any) -> Any:
        _tell(error, "multiprocessing.pool", handled=True)
        return previous(error, traceback)

    module.ExceptionWithTraceback = exception_with_traceback  # type: ignore[attr-defined]


def _tell(error: Any, mechanism: str, *, handled: bool) -> None:
    if isinstance(error, BaseException) and not isinstance(error, ON_PURPOSE):
        capture_exception(error, mechanism=mechanism, handled=handled, fatal=not handled)
