"""What the interpreter and the standard library call when something fails, chained: the host's behaviour stays.

Enters: exceptions that nobody dealt with. Leaves: captures, then whatever was there before.

Never: swallows an exception, prints, imports a module that the program has not imported.
"""

from __future__ import annotations

from . import _asyncio, _interpreter, _logging, _pools
from ._imports import when_imported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

__all__ = ["start"]

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50, "fatal": 50}


def start(*, hooks: bool, logging: Union[str, int, None], warnings: bool, integrations: bool) -> None:
    """Chains the hooks that ``install()`` was asked for; called once in a process.

    Modules that are not imported yet are dealt with when they are.
    """
    if hooks:
        _interpreter.install()
        when_imported("asyncio.base_events", _asyncio.install)
        when_imported("multiprocessing.process", _pools.install_process)
    if logging is not None:
        level = _LEVELS[logging.lower()] if isinstance(logging, str) else logging
        when_imported("logging", lambda module: _logging.install(module, level))
