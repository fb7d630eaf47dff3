"""What is common to requests of all servers."""

from __future__ import annotations

from .._crashvault import capture_exception, capture_message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Context
    from typing import Any, Callable, Optional, Union

    from .._crashvault import Serving


class Request:
    """Tells a request when something is captured in it."""

    __slots__ = ("failed", "found", "source")

    def __init__(self, source: Any) -> None:
        #: What the server gave: an environ, or a scope of ASGI.
        self.source = source
        #: The route, or what asks the framework for it, once the framework has said so.
        self.found: Union[str, Callable[[], Optional[str]], None] = None
        #: An exception, and the context that it left: where tasks lie between, that has more to tell than ours.
        self.failed: Optional[tuple[Exception, Context]] = None

    def __call__(self) -> dict[str, Any]:
        """``method``, ``url``, ``headers``, ``route``."""
        raise NotImplementedError

    def route(self) -> Optional[str]:
        """The pattern of the address, as the framework writes it."""
        return None

    def told_route(self) -> Optional[str]:
        """The route, or nothing where the framework's words are not understood."""
        try:
            route = self.found() if callable(self.found) else self.found or self.route()
        except Exception:
            return None
        if not isinstance(route, str) or not route:
            return None
        return route if route.startswith("/") else f"/{route}"

    def capture(self, error: Exception, mechanism: str) -> None:
        """Captures what left the application."""
        failed, self.failed = self.failed, None
        if failed is not None and failed[0] is error:
            failed[1].run(capture_exception, error, mechanism=mechanism, handled=False)
        else:
            capture_exception(error, mechanism=mechanism, handled=False)


class Watch:
    """Captures a response of status 500 and above whose request has no event of level error yet."""

    __slots__ = ("_request", "_serving", "status")

    def __init__(self, request: Request, serving: Serving) -> None:
        self._request = request
        self._serving = serving
        self.status: Any = None

    def end(self) -> None:
        """Looks at the status, once."""
        status, self.status = self.status, None
        if isinstance(status, int) and status >= 500 and not self._serving.has_error:
            capture_message(f"{self._transaction()} answered {_with_phrase(status)}", "error")

    def _transaction(self) -> str:
        told = self._request()
        route = told["route"]
        if route is None:
            from urllib.parse import urlsplit

            route = urlsplit(told["url"]).path
        return f"{told['method']} {route}"


def _with_phrase(status: int) -> str:
    from http import HTTPStatus

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def whole_url(scheme: str, host: str, path: str, query: str) -> str:
    """The address as the client sees it, as far as it is known."""
    url = f"{scheme}://{host}{path}" if host else path
    return f"{url}?{query}" if query else url
