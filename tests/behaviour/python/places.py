"""The errors that cases name, as real exceptions with real causes, and the functions in which they are raised."""

from __future__ import annotations

from typing import Any, NoReturn


class PaymentError(Exception):
    pass


class NetworkError(Exception):
    pass


class ConfigError(Exception):
    pass


class ParseError(Exception):
    pass


class CircularError(Exception):
    """An error that names itself as its cause."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.__cause__ = self


TYPES = {kind.__name__: kind for kind in (PaymentError, NetworkError, ConfigError, ParseError)}


def checkout(depth: int, failure: BaseException) -> NoReturn:
    """Fails as many calls deep as it is told."""
    if depth > 1:
        checkout(depth - 1, failure)
    raise failure


def refund(depth: int, failure: BaseException) -> NoReturn:
    if depth > 1:
        refund(depth - 1, failure)
    raise failure


# The word is the language's own.
def import_(depth: int, failure: BaseException) -> NoReturn:
    if depth > 1:
        import_(depth - 1, failure)
    raise failure


PLACES = {"checkout": checkout, "refund": refund, "import": import_}


def fail(argument: dict[str, Any], failure: BaseException) -> NoReturn:
    """Fails in the place that a step names."""
    PLACES[argument.get("at", "checkout")](argument.get("depth", 1), failure)


def declared(error: dict[str, Any]) -> BaseException:
    """From an entry of `given.errors`; its causes stand nearest first."""
    if error.get("cycle"):
        return CircularError(error["message"])
    cause: BaseException | None = None
    for inner in reversed(error.get("causes", [])):
        for _ in range(inner.get("times", 1)):
            cause = caused(inner, cause)
    return caused(error, cause)


def caused(error: dict[str, Any], cause: BaseException | None) -> BaseException:
    if error["type"] == "io_not_found":
        return not_found()
    failure = TYPES[error["type"]](error.get("message", ""))
    failure.__cause__ = cause
    return failure


def not_found() -> BaseException:
    try:
        open("/no/such/file").close()
    except OSError as error:
        return error
    raise AssertionError("the file is there")
