"""Does something to a module as soon as the program has it."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Callable, Optional, Sequence

    Work = Callable[[ModuleType], None]

_waiting: dict[str, list[Work]] = {}


def when_imported(name: str, work: Work) -> None:
    """Runs `work` on the module now, or at the end of its import. What it raises is dropped: the import must not fail."""
    module = sys.modules.get(name)
    if module is not None:
        _run(work, module)
        return
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    _waiting.setdefault(name, []).append(work)


def _run(work: Work, module: ModuleType) -> None:
    try:
        work(module)
    except Exception:
        # Another version of the module than ours knows: its failures are then only seen where they end.
        pass


class _Finder:
    """Finds nothing itself: asks the finders behind it, and stands in for the loader they name."""

    def find_spec(
        self,
        name: str,
        path: Optional[Sequence[str]],
        target: Optional[ModuleType] = None,
    ) -> Optional[ModuleSpec]:
        works = _waiting.pop(name, None)
        if works is None:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = None if finder is self or find is None else find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, works)
                return spec  # type: ignore[no-any-return]
        _waiting[name] = works
        return None


class _Loader:
    """The module's own loader, and then the work."""

    def __init__(self, loader: Any, works: list[Work]) -> None:
        self._loader = loader
        self._works = works

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        create = getattr(self._loader, "create_module", None)
        return None if create is None else create(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The module is to look as if it had been loaded without us.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        for work in self._works:
            _run(work, module)


_finder = _Finder()
