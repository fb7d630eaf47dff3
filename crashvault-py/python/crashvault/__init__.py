"""The SQLite of crash reporting: every crash and error safely on disk before the call returns."""

from __future__ import annotations

from ._crashvault import Installed, capture_message, close, flush, install

__all__ = ["Installed", "capture_message", "close", "flush", "install"]
