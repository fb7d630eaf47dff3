"""faulthandler, where the program has not enabled it: the threads' frames for the event of a crash by a signal.

To the program faulthandler looks as it would without us: what it enables writes where it says, and is asked in any case.
"""

from __future__ import annotations

from .._crashvault import lend_stacks, stacks_file, stand_before
from ._ends import _like

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable


def install() -> None:
    """Enables it into a file beside the black box."""
    import faulthandler

    if faulthandler.is_enabled():
        return
    file = stacks_file()
    if file is None:
        return
    enable = faulthandler.enable

    def begin() -> None:
        stand_before(lambda: enable(file=file))

    begin()
    _wrap(faulthandler, begin)


def _wrap(module: ModuleType, begin: Callable[[], None]) -> None:
    faulthandler: Any = module
    previous_enable, previous_disable = faulthandler.enable, faulthandler.disable
    is_theirs = False

    def enable(*args: Any, **named: Any) -> None:
        nonlocal is_theirs
        previous_enable(*args, **named)
        is_theirs = True
        lend_stacks(True)

    def disable() -> bool:
        nonlocal is_theirs
        was_theirs, is_theirs = is_theirs, False
        if was_theirs:
            previous_disable()
            lend_stacks(False)
            begin()
        return was_theirs

    def is_enabled() -> bool:
        return is_theirs

    faulthandler.is_enabled = _like(is_enabled, faulthandler.is_enabled)
    faulthandler.enable = _like(enable, previous_enable)
    faulthandler.disable = _like(disable, previous_disable)
