"""What vault functions raise: one class for each kind of failure, all of them :class:`Error`."""

from __future__ import annotations


class Error(Exception):
    """A vault function failed; the classes below say how.

    ``str(error)`` is the whole message: operation, what failed, what the system said.
    """

    kind: str = "Error"
    """The fixed name of the kind, the same in every language: ``NotFound``, ``InvalidInput`` …"""
    number: int = 0
    """The fixed number of the kind, the same in every language; 0 for :class:`Error` itself."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.operation: str = ""
        """A short verb: what was being done."""
        self.message: str = str(args[0]) if args else ""
        """The message without the operation and what the system said."""
        self.context: dict[str, str] = {}
        """What belongs to it, such as ``path``, or ``position`` in a query, in bytes."""
        self.is_retryable: bool = False
        """Whether the same call can succeed later without anything being changed."""


class NotFoundError(Error, LookupError):
    """The thing asked for is not in the vault, or there is no vault."""

    kind = "NotFound"
    number = 1


class InvalidInputError(Error, ValueError):
    """An argument is malformed, or the vault was closed; the message says what was expected."""

    kind = "InvalidInput"
    number = 2


class ConflictError(Error):
    """The request contradicts what is already there."""

    kind = "Conflict"
    number = 3


class BusyError(Error):
    """Another process holds what is needed; trying again later can succeed."""

    kind = "Busy"
    number = 4


class ReadOnlyError(Error):
    """The vault cannot be written here."""

    kind = "ReadOnly"
    number = 5


class CorruptError(Error):
    """A file does not hold what it should; the message names it."""

    kind = "Corrupt"
    number = 6


class LockedError(Error):
    """A sealed vault must be unlocked first."""

    kind = "Locked"
    number = 7


class UnsupportedError(Error):
    """This version or platform cannot do it."""

    kind = "Unsupported"
    number = 8


class LimitReachedError(Error):
    """A stated limit was reached."""

    kind = "LimitReached"
    number = 9


class CrashvaultIoError(Error, OSError):
    """The operating system refused; ``errno`` has its number where it gave one."""

    kind = "Io"
    number = 10


class InternalError(Error):
    """A bug of Crashvault."""

    kind = "Internal"
    number = 11


_KINDS: dict[str, type[Error]] = {
    known.kind: known
    for known in (
        NotFoundError,
        InvalidInputError,
        ConflictError,
        BusyError,
        ReadOnlyError,
        CorruptError,
        LockedError,
        UnsupportedError,
        LimitReachedError,
        CrashvaultIoError,
        InternalError,
    )
}


def made(
    kind: str,
    text: str,
    operation: str,
    message: str,
    context: dict[str, str],
    is_retryable: bool,
    errno: int | None,
) -> Error:
    """The exception for an error of the engine; :class:`Error` itself for a kind that is newer than this file."""
    error = _KINDS.get(kind, Error)(text)
    error.operation = operation
    error.message = message
    error.context = context
    error.is_retryable = is_retryable
    if isinstance(error, OSError):
        error.errno = errno
    return error
