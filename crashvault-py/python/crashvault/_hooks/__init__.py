"""What the interpreter and the standard library call when something fails, chained: the host's behaviour stays.

Enters: exceptions that nobody dealt with. Leaves: captures, then whatever was there before.

Never: swallows an exception, prints, imports a module that the program has not imported.
"""

from __future__ import annotations

from . import _asyncio, _interpreter, _logging, _pools
from ._imports import when_imported

__all__ = ["install"]


def install(*, logging: int | None) -> None:
    """Chains all hooks, once; modules that are not imported yet are dealt with when they are."""
    _interpreter.install()
    when_imported("asyncio.base_events", _asyncio.install)
    when_imported("multiprocessing.process", _pools.install_process)
    when_imported("multiprocessing.pool", _pools.install_pool)
    when_imported("concurrent.futures.thread", _pools.install_threads)
    when_imported("concurrent.futures.process", _pools.install_processes)
    if logging is not None:
        when_imported("logging", lambda module: _logging.install(module, logging))
