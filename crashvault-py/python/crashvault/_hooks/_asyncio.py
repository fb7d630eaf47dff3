"""asyncio's last resort: tasks, callbacks and transports that failed with nobody to tell."""

from __future__ import annotations

import gc
from contextvars import Context

from .._crashvault import capture_exception
from ._interpreter import ON_PURPOSE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Optional


def install(module: ModuleType) -> None:
    """Wraps `BaseEventLoop.call_exception_handler`, which is asked whatever handler the loop has."""
    loop_class: Any = module.BaseEventLoop
    previous = loop_class.call_exception_handler

    def call_exception_handler(self: Any, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException) and not isinstance(error, ON_PURPOSE):
            _capture(error, context)
        previous(self, context)

    loop_class.call_exception_handler = call_exception_handler


def _capture(error: BaseException, told: dict[str, Any]) -> None:
    """Captures it in the context of what failed, which is not the one that tells of it."""
    context = _context_of(told.get("task") or told.get("future") or told.get("handle"))
    if context is not None:
        try:
            context.run(capture_exception, error, mechanism="asyncio", handled=False)
            return
        except RuntimeError:
            # It is running just now.
            pass
    capture_exception(error, mechanism="asyncio", handled=False)


def _context_of(thing: Any) -> Optional[Context]:
    known = getattr(thing, "_context", None)
    if isinstance(known, Context):
        return known
    # Tasks say it from Python 3.12 on. Before, they hold it all the same.
    return next((held for held in gc.get_referents(thing) if isinstance(held, Context)), None)
