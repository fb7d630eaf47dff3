"""What the program logs: errors become events, the rest breadcrumbs of what is captured later."""

from __future__ import annotations

from .._crashvault import add_breadcrumb, capture_exception, capture_log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

#: From this level on (``logging.INFO``) a record is a breadcrumb.
_BREADCRUMB_LEVEL = 20

#: Servers' notes of what they have answered, with the addresses of callers and queries as they came: no breadcrumbs. What is
#: served now, its event knows better.
_ACCESS = frozenset(
    ("aiohttp.access", "django.server", "gunicorn.access", "hypercorn.access", "uvicorn.access", "werkzeug")
)


def install(module: ModuleType, event_level: int) -> None:
    """Wraps ``Logger.callHandlers``, which sees what loggers let through, whatever handlers they have and pass on to."""
    logger_class: Any = module.Logger
    previous = logger_class.callHandlers

    def callHandlers(self: Any, record: Any) -> None:
        try:
            _tell(record, event_level)
        except Exception:
            # What cannot be formatted is told by the handlers, as ever.
            pass
        previous(self, record)

    logger_class.callHandlers = callHandlers


def _tell(record: Any, event_level: int) -> None:
    level = _level_of(record.levelno)
    if record.levelno < event_level:
        if record.levelno >= _BREADCRUMB_LEVEL and record.name not in _ACCESS:
            add_breadcrumb(record.getMessage(), category=record.name, level=level, type="log")
        return
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if isinstance(error, BaseException):
        capture_exception(error, mechanism="logging", level=level, logger=record.name)
    else:
        capture_log(record.getMessage(), level, record.name, record.pathname, record.lineno)


def _level_of(number: int) -> str:
    if number >= 50:
        return "fatal"
    if number >= 40:
        return "error"
    if number >= 30:
        return "warning"
    return "info" if number >= 20 else "debug"
