"""What the interpreter reports by itself: each hook captures first, and then does what the one before it did."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Optional, Type, Union

from .._crashvault import capture_exception

__all__ = ["start"]


def start(*, hooks: bool, logging: Union[str, int, None], warnings: bool, integrations: bool) -> None:
    """Chains the hooks that ``install()`` was asked for; called once in a process."""
    if hooks:
        _chain_excepthook()


def _chain_excepthook() -> None:
    before = sys.excepthook

    def excepthook(
        kind: Type[BaseException], error: BaseException, traceback: Optional[TracebackType]
    ) -> None:
        # An end that was asked for is none of our business.
        if isinstance(error, Exception):
            capture_exception(error, mechanism="excepthook", handled=False, fatal=True)
        before(kind, error, traceback)

    sys.excepthook = excepthook
