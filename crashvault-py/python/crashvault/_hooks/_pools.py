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
    """``ThreadPoolExecutor``: a future keeps what its work raised, and many are never asked."""
    item_class: Any = module._WorkItem
    previous = item_class.run

    def run(self: Any, *args: Any, **named: Any) -> Any:
        try:
            return previous(self, *args, **named)
        finally:
            error = self.future._exception if self.future.done() else None
            _tell(error, "concurrent.futures", handled=True)

    item_class.run = run


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
