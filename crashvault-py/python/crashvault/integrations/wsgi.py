"""A middleware for servers of WSGI: gunicorn, waitress, uWSGI, werkzeug's own.

::

    application = WsgiMiddleware(application)

What fails in the application, or while its response is sent, is captured with its request and raised on. The response goes to
the server piece by piece as it comes, in the request's scope.
"""

from __future__ import annotations

from .._crashvault import capture_exception, served_now, serving
from ._request import Request, Watch, whole_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator, Optional

    from .._crashvault import Serving

    Environ = dict[str, Any]
    Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

__all__ = ["WsgiMiddleware"]


class WsgiMiddleware:
    """Gives each request of a WSGI application a scope of its own, and captures what fails in it.

    Args:
        app: The application.
        capture_server_errors: Whether a response of status 500 and above is captured as a message, where its request has no
            event of level error yet.
    """

    def __init__(self, app: Application, *, capture_server_errors: bool = False) -> None:
        self.app = app
        self._captures_server_errors = capture_server_errors

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serves a request."""
        return serve(self.app, environ, start_response, self._captures_server_errors)


class WsgiRequest(Request):
    """A request by its environ."""

    __slots__ = ()

    def __call__(self) -> dict[str, Any]:
        """The environ's own words; what is missing or odd there is left out."""
        environ = self.source
        is_secure = environ.get("HTTP_X_FORWARDED_PROTO") == "https"
        scheme = "https" if is_secure else _text(environ, "wsgi.url_scheme") or "http"
        path = _quoted(_text(environ, "SCRIPT_NAME") + _text(environ, "PATH_INFO")) or "/"
        host = _text(environ, "HTTP_HOST")
        return {
            "method": _text(environ, "REQUEST_METHOD"),
            "url": whole_url(scheme, host, path, _text(environ, "QUERY_STRING")),
            "headers": _headers(environ),
            "route": self.told_route(),
        }

    def route(self) -> Optional[str]:
        """Werkzeug leaves its request here, and Flask the rule that it fits on that."""
        rule = getattr(self.source.get("werkzeug.request"), "url_rule", None)
        return getattr(rule, "rule", None)


def _text(environ: Environ, key: str) -> str:
    value = environ.get(key)
    return value if isinstance(value, str) else ""


def _quoted(path: str) -> str:
    from urllib.parse import quote

    # Servers give the bytes of the path as characters.
    return quote(path, safe="/:;=@,!$&'()*+~", encoding="latin-1", errors="replace")


def _headers(environ: Environ) -> list[tuple[str, str]]:
    headers = []
    for key, value in environ.items():
        if not isinstance(key, str) or not isinstance(value, str):
            continue
        if key.startswith("HTTP_"):
            headers.append((key[5:].replace("_", "-").lower(), value))
        elif key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value:
            headers.append((key.replace("_", "-").lower(), value))
    return headers


def wrap_class(handler_class: Any) -> None:
    """Wraps a class whose objects are applications."""
    previous = handler_class.__call__

    def __call__(self: Any, environ: Environ, start_response: Callable[..., Any]) -> Any:
        def app(environ: Environ, start_response: Callable[..., Any]) -> Any:
            return previous(self, environ, start_response)

        return serve(app, environ, start_response, False)

    handler_class.__call__ = __call__


def serve(
    app: Application,
    environ: Environ,
    start_response: Callable[..., Any],
    captures_server_errors: bool,
) -> Iterable[bytes]:
    """Serves a request in a scope of its own, unless it is served in one already."""
    outer = served_now()
    if isinstance(outer, Request) and outer.source is environ:
        return app(environ, start_response)
    request = WsgiRequest(environ)
    opened = serving(request, environ.get("HTTP_TRACEPARENT"))
    if opened is None:
        return app(environ, start_response)
    watch = Watch(request, opened) if captures_server_errors else None
    if watch is not None:
        start_response = _watched(start_response, watch)
    with opened:
        try:
            response = app(environ, start_response)
        except Exception as error:
            capture_exception(error, mechanism="wsgi", handled=False)
            raise
        if watch is not None:
            watch.end()
    followed: Iterable[bytes] = _followed(response, environ, opened, watch)
    return followed


def _watched(start_response: Callable[..., Any], watch: Watch) -> Callable[..., Any]:
    def start(status: str, *rest: Any, **named: Any) -> Any:
        try:
            watch.status = int(status[:3])
        except (TypeError, ValueError):
            # The server says what is wrong with it.
            pass
        return start_response(status, *rest, **named)

    return start


def _followed(response: Any, environ: Environ, opened: Serving, watch: Optional[Watch]) -> Any:
    # In sending these no code of the application runs; and servers send files, and know lengths, by their types.
    if isinstance(response, (list, tuple)):
        return response
    file_wrapper = environ.get("wsgi.file_wrapper")
    is_wrapped = isinstance(file_wrapper, type) and isinstance(response, file_wrapper)
    # That of uWSGI is a function and gives the file itself back.
    if is_wrapped or (file_wrapper is not None and hasattr(response, "read")):
        return response
    followed = _SizedResponse if hasattr(type(response), "__len__") else _Response
    return followed(response, opened, watch)


class _Response:
    """The response, each piece of which is made in the request's scope."""

    def __init__(self, response: Any, opened: Serving, watch: Optional[Watch]) -> None:
        self._response = response
        self._iterator: Iterator[bytes] = response
        self._opened = opened
        self._watch = watch

    def __iter__(self) -> _Response:
        self._iterator = self._in_scope(iter, self._response)
        return self

    def __next__(self) -> bytes:
        piece: bytes = self._in_scope(next, self._iterator)
        return piece

    def close(self) -> None:
        close = getattr(self._response, "close", None)
        if close is not None:
            self._in_scope(close)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)

    def _in_scope(self, function: Callable[..., Any], *args: Any) -> Any:
        with self._opened:
            try:
                return function(*args)
            except StopIteration:
                if self._watch is not None:
                    self._watch.end()
                raise
            except Exception as error:
                capture_exception(error, mechanism="wsgi", handled=False)
                raise


class _SizedResponse(_Response):
    def __len__(self) -> int:
        return len(self._response)
