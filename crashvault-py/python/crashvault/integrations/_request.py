"""What is common to requests of all servers."""

from __future__ import annotations

from .._crashvault import capture_message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

    from .._crashvault import Serving


class Request:
    """Tells a request when something is captured in it."""

    __slots__ = ("found", "source")

    def __init__(self, source: Any) -> None:
        #: What the server gave: an environ, or a scope of ASGI.
        self.source = source
        #: Asks a framework for the route, once it has said how.
        self.found: Optional[Callable[[], Optional[str]]] = None

    def __call__(self) -> dict[str, Any]:
        """``method``, ``url``, ``headers``, ``route``."""
        raise NotImplementedError

    def route(self) -> Optional[str]:
        """The pattern of the address, as the framework writes it."""
        return None

    def told_route(self) -> Optional[str]:
        """The route, or nothing where the framework's words are not understood."""
        try:
            route = self.route() if self.found is None else self.found()
        except Exception:
            return None
        if not isinstance(route, str) or not route:
            return None
        return route if route.startswith("/") else f"/{route}"


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
