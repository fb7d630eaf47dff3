"""asyncio's last resort: tasks, callbacks and transports that failed with nobody to tell."""

from __future__ import annotations

from .._crashvault import capture_exception
from ._interpreter import ON_PURPOSE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


def install(module: ModuleType) -> None:
    """Wraps `BaseEventLoop.call_exception_handler`, which is asked whatever handler the loop has."""
    loop_class: Any = module.BaseEventLoop
    previous = loop_class.call_exception_handler

    def call_exception_handler(self: Any, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException) and not isinstance(error, ON_PURPOSE):
            capture_exception(error, mechanism="asyncio", handled=False)
        previous(self, context)

    loop_class.call_exception_handler = call_exception_handler
