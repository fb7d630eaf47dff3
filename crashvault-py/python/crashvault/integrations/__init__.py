"""Frameworks that serve requests or run tasks: each request has a scope of its own, and what fails in it is one event.

Enters: what a framework tells about its requests and their failures. Leaves: scopes and captures.

Never: changes a response or an exception, formats anything of a request unless something is captured in it, sees a body,
imports a framework that the program has not imported.

``install()`` follows the frameworks that the program imports (``integrations=True``); the modules here are for programs that
want to say it themselves, and for servers of their own.
"""

from __future__ import annotations

from .._hooks._imports import when_imported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

__all__: list[str] = []


def follow() -> None:
    """Follows the frameworks as soon as they are imported; called once in a process."""
    when_imported("flask.app", _flask)
    when_imported("django.core.handlers.base", _django)
    when_imported("django.core.handlers.wsgi", _django_wsgi)
    when_imported("django.core.handlers.asgi", _django_asgi)
    when_imported("starlette.applications", _starlette)
    when_imported("fastapi.applications", _fastapi)
    when_imported("celery.signals", _celery)


def _flask(module: ModuleType) -> None:
    from . import flask

    flask.follow(module.Flask)


def _django(module: ModuleType) -> None:
    from . import django

    django.follow(module.BaseHandler)


def _django_wsgi(module: ModuleType) -> None:
    from . import wsgi

    wsgi.wrap_class(module.WSGIHandler)


def _django_asgi(module: ModuleType) -> None:
    from . import asgi

    asgi.wrap_class(module.ASGIHandler)


def _starlette(module: ModuleType) -> None:
    from . import fastapi

    fastapi.follow(module.Starlette)


def _fastapi(module: ModuleType) -> None:
    from . import fastapi

    fastapi.follow(module.FastAPI)


def _celery(module: ModuleType) -> None:
    from . import celery

    celery.install()
