"""The SQLite of crash reporting: every crash and error safely on disk before the call returns."""

from __future__ import annotations

from ._capture import install
from ._crashvault import (
    Installed,
    Scope,
    add_breadcrumb,
    capture_exception,
    capture_message,
    close,
    flush,
    global_scope,
    new_scope,
    set_context,
    set_durability,
    set_extra,
    set_fingerprint,
    set_level,
    set_tag,
    set_tags,
    set_traceparent,
    set_transaction,
    set_user,
    start_trace,
    traceparent,
)

__all__ = [
    "Installed",
    "Scope",
    "add_breadcrumb",
    "capture_exception",
    "capture_message",
    "close",
    "flush",
    "global_scope",
    "install",
    "new_scope",
    "set_context",
    "set_durability",
    "set_extra",
    "set_fingerprint",
    "set_level",
    "set_tag",
    "set_tags",
    "set_traceparent",
    "set_transaction",
    "set_user",
    "start_trace",
    "traceparent",
]
