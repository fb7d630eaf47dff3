"""`sys.excepthook`, `threading.excepthook`, `sys.unraisablehook`."""

from __future__ import annotations

import sys
import threading

from .._crashvault import capture_exception, note_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Optional

#: How a program or a thread is ended on purpose.
ON_PURPOSE = (KeyboardInterrupt, SystemExit, GeneratorExit)


def install() -> None:
    """Puts itself before the hooks that are there."""
    _chain_excepthook()
    _chain_threads()
    _chain_unraisable()


def _chain_excepthook() -> None:
    previous = sys.excepthook

    def excepthook(kind: type[BaseException], error: BaseException, traceback: Optional[TracebackType]) -> None:
        if not isinstance(error, ON_PURPOSE):
            capture_exception(error, mechanism="excepthook", handled=False, fatal=True)
        elif isinstance(error, KeyboardInterrupt) and not hasattr(sys, "ps1"):
            # The interpreter ends itself by SIGINT then, past everything that runs at an end.
            note_end()
        previous(kind, error, traceback)

    sys.excepthook = excepthook


def _chain_threads() -> None:
    previous = threading.excepthook

    def excepthook(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, ON_PURPOSE):
            capture_exception(args.exc_value, mechanism="threading", handled=False, fatal=True)
        previous(args)

    threading.excepthook = excepthook


def _chain_unraisable() -> None:
    previous = sys.unraisablehook

    def unraisablehook(unraisable: sys.UnraisableHookArgs) -> None:
        if unraisable.exc_value is not None:
            capture_exception(unraisable.exc_value, mechanism="unraisablehook", handled=False)
        previous(unraisable)

    sys.unraisablehook = unraisablehook
