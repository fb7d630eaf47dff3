"""Ends that nothing is told of: ``os._exit``, becoming another program, and signals that were handled for a while."""

from __future__ import annotations

import os

from .._crashvault import note_end, note_stay, watch_requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable, NoReturn


def install() -> None:
    """Wraps ``os._exit``, ``os.execv`` and ``os.execve``, on which the other ``exec`` functions rest."""
    _wrap_exit()
    for name in ("execv", "execve"):
        if hasattr(os, name):
            setattr(os, name, _noting(getattr(os, name)))


def _wrap_exit() -> None:
    previous = os._exit

    def _exit(status: int) -> NoReturn:
        note_end()
        previous(status)

    os._exit = _like(_exit, previous)


def _noting(previous: Callable[..., Any]) -> Any:
    def become(*args: Any, **named: Any) -> Any:
        note_end()
        try:
            return previous(*args, **named)
        finally:
            # Only where the other program could not be started.
            note_stay()

    return _like(become, previous)


def _like(function: Any, previous: Any) -> Any:
    function.__name__ = previous.__name__
    function.__qualname__ = previous.__name__
    function.__doc__ = previous.__doc__
    function.__module__ = previous.__module__
    return function


def install_signals(module: ModuleType) -> None:
    """``signal.signal``, by which servers give a signal back before they end themselves by it."""
    signals: Any = module
    previous = signals.signal

    def signal(signalnum: Any, handler: Any) -> Any:
        before = previous(signalnum, handler)
        if handler == signals.SIG_DFL:
            watch_requests()
        return before

    signals.signal = _like(signal, previous)
