"""Flask: its requests by their rules, and the errors that it turns into a page of status 500.

::

    crashvault.integrations.flask.install(app)

Not needed where ``crashvault.install()`` was called with ``integrations=True``, as it is without a word.
"""

from __future__ import annotations

from importlib import import_module

from .._crashvault import capture_exception, served_now
from .wsgi import WsgiMiddleware, WsgiRequest, wrap_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["install"]


def install(app: Any, *, capture_server_errors: bool = False) -> None:
    """Follows one application.

    Args:
        app: The ``flask.Flask``.
        capture_server_errors: Whether a response of status 500 and above is captured as a message, where its request has no
            event of level error yet.
    """
    app.wsgi_app = WsgiMiddleware(app.wsgi_app, capture_server_errors=capture_server_errors)
    signals: Any = import_module("flask.signals")
    signals.request_started.connect(_begun, sender=app, weak=False)
    signals.got_request_exception.connect(_failed, sender=app, weak=False)


def follow(flask_class: Any) -> None:
    """Follows all applications."""
    wrap_class(flask_class)
    signals: Any = import_module("flask.signals")
    signals.request_started.connect(_begun, weak=False)
    signals.got_request_exception.connect(_failed, weak=False)


def _begun(_app: Any, **_rest: Any) -> None:
    # It forgets its request before a stream is sent.
    told = served_now()
    if isinstance(told, WsgiRequest):
        told.found = told.route()


def _failed(_app: Any, *, exception: Any = None, **_rest: Any) -> None:
    if isinstance(exception, Exception):
        capture_exception(exception, mechanism="flask", handled=False)
