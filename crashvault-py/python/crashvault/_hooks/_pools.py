"""Processes and pools: what their work raises is caught by the worker and printed, or kept for whoever asks."""

from __future__ import annotations

import sys

from .._crashvault import capture_exception
from ._interpreter import ON_PURPOSE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


def install_process(module: ModuleType) -> None:
    """``multiprocessing.Process``: what ends a child is printed by ``_bootstrap``, which no hook sees.

    It prints by ``traceback.print_exc``, which is replaced in the child, so that no frame of ours is in what is printed.
    """
    process_class: Any = module.BaseProcess  # type: ignore[attr-defined]
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


def install_threads(module: ModuleType) -> None:
    """``ThreadPoolExecutor``: a future keeps what its work raised, and many are never asked."""
    item_class: Any = module._WorkItem  # type: ignore[attr-defined]
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
    previous: Any = module._ExceptionWithTraceback  # type: ignore[attr-defined]

    def exception_with_traceback(error: BaseException, traceback: Any) -> Any:
        _tell(error, "concurrent.futures", handled=True)
        return previous(error, traceback)

    module._ExceptionWithTraceback = exception_with_traceback  # type: ignore[attr-defined]


def install_pool(module: ModuleType) -> None:
    """``multiprocessing.Pool``, where the worker is."""
    previous: Any = module.ExceptionWithTraceback  # type: ignore[attr-defined]

    def exception_with_traceback(error: BaseException, traceback: Any) -> Any:
        _tell(error, "multiprocessing.pool", handled=True)
        return previous(error, traceback)

    module.ExceptionWithTraceback = exception_with_traceback  # type: ignore[attr-defined]


def _tell(error: Any, mechanism: str, *, handled: bool) -> None:
    if isinstance(error, BaseException) and not isinstance(error, ON_PURPOSE):
        capture_exception(error, mechanism=mechanism, handled=handled, fatal=not handled)
