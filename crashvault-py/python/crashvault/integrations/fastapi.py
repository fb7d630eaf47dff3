"""FastAPI and Starlette: their requests by their routes, and what fails in them.

::

    crashvault.integrations.fastapi.install(app)

Not needed where ``crashvault.install()`` was called with ``integrations=True``, as it is without a word.
"""

from __future__ import annotations

from .asgi import AsgiMiddleware

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["install"]


def install(app: Any, *, capture_server_errors: bool = False) -> None:
    """Follows one application.

    Args:
        app: The ``FastAPI`` or ``Starlette``.
        capture_server_errors: Whether a response of status 500 and above is captured as a message, where its request has no
            event of level error yet.
    """
    if app.middleware_stack is not None:
        app.middleware_stack = AsgiMiddleware(app.middleware_stack, capture_server_errors=capture_server_errors)
        return
    building = app.build_middleware_stack

    def build_middleware_stack() -> Any:
        return AsgiMiddleware(building(), capture_server_errors=capture_server_errors)

    app.build_middleware_stack = build_middleware_stack


def follow(app_class: Any) -> None:
    """Follows all applications of a class that makes its own stack of middlewares."""
    building = app_class.__dict__.get("build_middleware_stack")
    if building is None:
        return

    def build_middleware_stack(self: Any) -> Any:
        return AsgiMiddleware(building(self))

    app_class.build_middleware_stack = build_middleware_stack
