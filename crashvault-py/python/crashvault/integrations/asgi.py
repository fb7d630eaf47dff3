"""A middleware for servers of ASGI: uvicorn, hypercorn, daphne.

::

    application = AsgiMiddleware(application)

What fails in the application is captured with its request and raised on. Web sockets have a scope each, as requests do; the
server's own conversation with the application (``lifespan``) passes by.
"""

from __future__ import annotations

from .._crashvault import served_now, serving
from ._request import Request, Watch, whole_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Awaitable, Callable, Optional

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[Any]]

__all__ = ["AsgiMiddleware"]


class AsgiMiddleware:
    """Gives each request of an ASGI application a scope of its own, and captures what fails in it.

    Args:
        app: The application.
        capture_server_errors: Whether a response of status 500 and above is captured as a message, where its request has no
            event of level error yet.
    """

    def __init__(self, app: Application, *, capture_server_errors: bool = False) -> None:
        self.app = app
        self._captures_server_errors = capture_server_errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """Serves a request."""
        return await serve(self.app, scope, receive, send, self._captures_server_errors)


class AsgiRequest(Request):
    """A request by its scope, as ASGI calls it."""

    __slots__ = ()

    def __call__(self) -> dict[str, Any]:
        """The scope's own words; what is missing or odd there is left out."""
        scope = self.source
        headers = _headers(scope)
        scheme = scope.get("scheme")
        if _header(headers, b"x-forwarded-proto") == "https":
            scheme = "wss" if scope.get("type") == "websocket" else "https"
        method, query = scope.get("method"), scope.get("query_string")
        return {
            "method": method if isinstance(method, str) else "GET",
            "url": whole_url(
                scheme if isinstance(scheme, str) else "http",
                _header(headers, b"host") or "",
                _path(scope),
                query if isinstance(query, str) else query.decode("latin-1") if isinstance(query, bytes) else "",
            ),
            "headers": headers,
            "route": self.told_route(),
        }

    def route(self) -> Optional[str]:
        """Starlette leaves it here, without what the application is mounted under."""
        path = getattr(self.source.get("route"), "path", None)
        if not isinstance(path, str):
            return None
        root, of_server = self.source.get("root_path", ""), self.source.get("app_root_path")
        mounted = root[len(of_server) :] if isinstance(of_server, str) and root.startswith(of_server) else ""
        return f"{mounted}{path}"


def _path(scope: Scope) -> str:
    raw = scope.get("raw_path")
    if isinstance(raw, bytes) and raw:
        return raw.decode("latin-1").split("?", 1)[0]
    from urllib.parse import quote

    path = scope.get("path")
    return quote(path, safe="/:;=@,!$&'()*+~", errors="replace") if isinstance(path, str) and path else "/"


def _headers(scope: Scope) -> list[Any]:
    # What can be read only once is the application's.
    headers = scope.get("headers")
    return list(headers) if isinstance(headers, (list, tuple)) else []


def _header(headers: list[Any], name: bytes) -> Optional[str]:
    for pair in headers:
        if isinstance(pair, (list, tuple)) and len(pair) == 2 and pair[0] == name and isinstance(pair[1], bytes):
            return pair[1].decode("latin-1")
    return None


def wrap_class(handler_class: Any) -> None:
    """Wraps a class whose objects are applications."""
    previous = handler_class.__call__

    async def __call__(self: Any, scope: Scope, receive: Receive, send: Send) -> Any:
        async def app(scope: Scope, receive: Receive, send: Send) -> Any:
            return await previous(self, scope, receive, send)

        return await serve(app, scope, receive, send, False)

    handler_class.__call__ = __call__


async def serve(
    app: Application,
    scope: Scope,
    receive: Receive,
    send: Send,
    captures_server_errors: bool,
) -> Any:
    """Serves a request in a scope of its own, unless it is served in one already."""
    if scope["type"] not in ("http", "websocket"):
        return await app(scope, receive, send)
    outer = served_now()
    if isinstance(outer, Request) and outer.source is scope:
        return await app(scope, receive, send)
    request = AsgiRequest(scope)
    opened = serving(request, _header(_headers(scope), b"traceparent"))
    if opened is None:
        return await app(scope, receive, send)
    watch = Watch(request, opened) if captures_server_errors else None
    if watch is not None:
        send = _watched(send, watch)
    with opened:
        try:
            answer = await app(scope, receive, send)
        except Exception as error:
            request.capture(error, "asgi")
            raise
        finally:
            request.failed = None
        if watch is not None:
            watch.end()
        return answer


def _watched(send: Send, watch: Watch) -> Send:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            watch.status = message.get("status")
        await send(message)

    return sending
