"""The extension module: the engine, as Python sees it."""

from os import PathLike

class Installed:
    """What `install()` tells: where the vault is and how it goes."""

    @property
    def vault(self) -> PathLike[str] | None: ...
    @property
    def note(self) -> str | None: ...
    @property
    def is_first(self) -> bool: ...

def install(
    *,
    vault: str | PathLike[str] | None = None,
    project: str | None = None,
    release: str | None = None,
    environment: str | None = None,
    program: str | None = None,
    arguments: list[str] | None = None,
) -> Installed: ...
def capture_message(message: str) -> str | None: ...
def flush() -> bool: ...
def close() -> None: ...
