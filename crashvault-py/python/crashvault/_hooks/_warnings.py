"""Warnings as events, for whoever asks for them."""

from __future__ import annotations

from .._crashvault import capture_log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


def install(module: ModuleType) -> None:
    """Chains ``warnings.showwarning``, which is called for what the program's filters let through."""
    warnings: Any = module
    previous = warnings.showwarning

    def showwarning(message: Any, category: Any, filename: Any, lineno: Any, *rest: Any, **named: Any) -> None:
        try:
            text = f"{category.__name__}: {message}"
            capture_log(text, "warning", "py.warnings", filename, lineno)
        except Exception:
            # A warning of an odd kind is shown, as ever.
            pass
        previous(message, category, filename, lineno, *rest, **named)

    warnings.showwarning = showwarning
