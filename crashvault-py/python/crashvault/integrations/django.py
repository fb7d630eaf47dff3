"""Django: its requests by their routes, and the errors that it turns into a page of status 500.

::

    MIDDLEWARE = ["crashvault.integrations.django.Middleware", ...]

Not needed where ``crashvault.install()`` was called with ``integrations=True``, as it is without a word.
"""

from __future__ import annotations

import sys
from importlib import import_module

from .._crashvault import capture_exception, served_now, serving
from ._request import Request
from .asgi import AsgiRequest
from .wsgi import WsgiRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

    from .._crashvault import Serving

__all__ = ["Middleware"]


class Middleware:
    """Gives each request a scope of its own, and captures what fails in it. Put it first."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response
        marks: Any = import_module("asgiref.sync")
        self._is_async = marks.iscoroutinefunction(get_response)
        if self._is_async:
            # How Django asks whether it may await us.
            marks.markcoroutinefunction(self)
        _listen()

    def __call__(self, request: Any) -> Any:
        """Serves a request, or makes what does."""
        if self._is_async:
            return self._serve_async(request)
        opened = _open(request)
        if opened is None:
            return self._get_response(request)
        with opened:
            return self._get_response(request)

    async def _serve_async(self, request: Any) -> Any:
        opened = _open(request)
        if opened is None:
            return await self._get_response(request)
        with opened:
            return await self._get_response(request)


def _open(request: Any) -> Optional[Serving]:
    """A scope, unless there is one already, which then learns of the request."""
    outer = served_now()
    environ, scope = getattr(request, "environ", None), getattr(request, "scope", None)
    source = environ if environ is not None else scope
    if isinstance(outer, Request) and outer.source is source:
        _find(outer, request)
        return None
    if environ is not None:
        told: Request = WsgiRequest(environ)
    elif scope is not None:
        told = AsgiRequest(scope)
    else:
        return None
    _find(told, request)
    meta = getattr(request, "META", None)
    return serving(told, meta.get("HTTP_TRACEPARENT") if isinstance(meta, dict) else None)


def _find(told: Request, request: Any) -> None:
    def route() -> Optional[str]:
        return getattr(getattr(request, "resolver_match", None), "route", None)

    told.found = route


def follow(handler_class: Any) -> None:
    """Follows all applications: tells the request that is served how to find its route."""
    _listen()
    answering = handler_class.get_response
    answering_async = handler_class.get_response_async

    def get_response(self: Any, request: Any) -> Any:
        opened = _open(request)
        if opened is None:
            return answering(self, request)
        with opened:
            return answering(self, request)

    async def get_response_async(self: Any, request: Any) -> Any:
        opened = _open(request)
        if opened is None:
            return await answering_async(self, request)
        with opened:
            return await answering_async(self, request)

    handler_class.get_response = get_response
    handler_class.get_response_async = get_response_async


def _listen() -> None:
    signals: Any = import_module("django.core.signals")
    signals.got_request_exception.connect(_failed, dispatch_uid="crashvault", weak=False)


def _failed(**_told: Any) -> None:
    error = sys.exc_info()[1]
    if isinstance(error, Exception):
        capture_exception(error, mechanism="django", handled=False)
