"""What the interpreter and the standard library call when something fails, chained: the host's behaviour stays.

Enters: exceptions that nobody dealt with. Leaves: captures, then whatever was there before.

Never: swallows an exception, prints, imports a module that the program has not imported.
"""

from __future__ import annotations

from . import _asyncio, _ends, _faults, _interpreter, _logging, _pools, _warnings
from ._imports import when_imported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["start"]

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50, "fatal": 50}


def start(options: dict[str, Any]) -> None:
    """Chains the hooks that these options of ``install()`` ask for; called once in a process.

    Modules that are not imported yet are dealt with when they are.
    """
    if options["hooks"]:
        _interpreter.install()
        _ends.install()
        _faults.install()
        # Functions of the host cannot be counted on to go to another process.
        simple = {key: value for key, value in options.items() if not callable(value)}
        when_imported("signal", _ends.install_signals)
        when_imported("asyncio.base_events", _asyncio.install)
        when_imported("multiprocessing.process", lambda module: _pools.install_process(module, simple))
        when_imported("multiprocessing.pool", _pools.install_pool)
        when_imported("concurrent.futures.thread", _pools.install_threads)
        when_imported("concurrent.futures.process", _pools.install_processes)
    logging = options["logging"]
    if logging is not None:
        level = _LEVELS[logging.lower()] if isinstance(logging, str) else logging
        when_imported("logging", lambda module: _logging.install(module, level))
    if options["warnings"]:
        when_imported("warnings", _warnings.install)
    if options["integrations"]:
        from .. import integrations

        integrations.follow()
