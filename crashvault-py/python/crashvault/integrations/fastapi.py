"""FastAPI and Starlette: their requests by their routes, and what fails in them.

::

    crashvault.integrations.fastapi.install(app)

Not needed where ``crashvault.install()`` was called with ``integrations=True``, as it is without a word.
"""

from __future__ import annotations

from contextvars import copy_context

from .._crashvault import served_now
from ._request import Request
from .asgi import AsgiMiddleware

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .asgi import Application, Receive, Scope, Send

__all__ = ["install"]


def install(app: Any, *, capture_server_errors: bool = False) -> None:
    """Follows one application.

    Args:
        app: The ``FastAPI`` or ``Starlette``.
        capture_server_errors: Whether a response of status 500 and above is captured as a message, where its request has no
            event of level error yet.
    """
    if app.middleware_stack is not None:
        app.middleware_stack = _followed(app, app.middleware_stack, capture_server_errors)
        return
    building = app.build_middleware_stack

    def build_middleware_stack() -> Any:
        return _followed(app, building(), capture_server_errors)

    app.build_middleware_stack = build_middleware_stack


def follow(app_class: Any) -> None:
    """Follows all applications of a class that makes its own stack of middlewares."""
    building = app_class.__dict__.get("build_middleware_stack")
    if building is None:
        return

    def build_middleware_stack(self: Any) -> Any:
        return _followed(self, building(self), False)

    app_class.build_middleware_stack = build_middleware_stack


def _followed(app: Any, stack: Any, captures_server_errors: bool) -> Any:
    layer, router = stack, getattr(app, "router", None)
    while layer is not None:
        inner = getattr(layer, "app", None)
        if inner is router and inner is not None:
            layer.app = _Innermost(inner)
        layer = inner
    return AsgiMiddleware(stack, capture_server_errors=captures_server_errors)


class _Innermost:
    """Keeps in which context a handler failed: middlewares run what is behind them in tasks, whose scopes end with them."""

    def __init__(self, app: Application) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            told = served_now()
            if isinstance(told, Request):
                told.failed = (error, copy_context())
            raise
