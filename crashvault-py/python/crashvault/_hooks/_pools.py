"""Processes and pools, whose workers catch what their work raises and hand it to whoever asks, if anybody does."""

from __future__ import annotations

from .._crashvault import capture_exception
from ._interpreter import ON_PURPOSE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable


def install_process(module: ModuleType) -> None:
    """`multiprocessing.Process`: what ends a child is printed by `_bootstrap`, which no hook sees."""
    process_class: Any = module.BaseProcess  # type: ignore[attr-defined]
    previous = process_class._bootstrap

    def _bootstrap(self: Any, *args: Any, **named: Any) -> Any:
        self.run = _telling(self.run, "multiprocessing", handled=False)
        return previous(self, *args, **named)

    process_class._bootstrap = _bootstrap


def _telling(work: Callable[..., Any], mechanism: str, *, handled: bool) -> Callable[..., Any]:
    def told(*args: Any, **named: Any) -> Any:
        try:
            return work(*args, **named)
        except BaseException as error:
            if not isinstance(error, ON_PURPOSE):
                capture_exception(error, mechanism=mechanism, handled=handled, fatal=not handled)
            raise

    return told
