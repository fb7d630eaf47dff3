"""Django: the request by its route, in handlers of WSGI and ASGI, and what becomes a page of status 500."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
from running import Ran, run

pytest.importorskip("django", reason="missing tool: Django")

HEAD = """
import asyncio, logging
import django
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.urls import path
settings.configure(DEBUG=False, ROOT_URLCONF='__main__', ALLOWED_HOSTS=['*'], SECRET_KEY='k', MIDDLEWARE=MIDDLEWARE,
                   LOGGING_CONFIG=None)
django.setup()
logging.disable()
from django.test import AsyncRequestFactory, RequestFactory
def order(request, id):
    crashvault.set_tag('order', id); crashvault.add_breadcrumb('reading')
    raise KeyError(id)
async def later(request, id):
    crashvault.set_tag('order', id); crashvault.add_breadcrumb('reading')
    await asyncio.sleep(0)
    raise KeyError(id)
def missing(request): raise Http404
def denied(request): raise PermissionDenied
def fine(request): return HttpResponse('fine')
def stream(request):
    def pieces(): yield b'one'; raise ValueError('torn')
    return StreamingHttpResponse(pieces())
urlpatterns = [path('orders/<int:id>', order), path('later/<int:id>', later), path('missing', missing), path('denied', denied),
               path('fine', fine), path('stream', stream)]
"""

WSGI = """
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
def get(address):
    answered = []
    environ = RequestFactory().get(address, HTTP_HOST='shop.test').environ
    response = application(environ, lambda status, headers: answered.extend([status, sorted(headers)]))
    try: answered.append(b''.join(response))
    finally: response.close()
    return answered
"""

ASGI = """
from django.core.asgi import get_asgi_application
application = get_asgi_application()
def get(address):
    answered = []
    scope = AsyncRequestFactory().get(address).scope; scope['headers'] = [(b'host', b'shop.test')]
    async def serving():
        messages = [{'type': 'http.request', 'body': b'', 'more_body': False}]
        async def receive():
            if messages: return messages.pop()
            await asyncio.sleep(60)
        async def send(message): answered.append(message)
        await application(scope, receive, send)
    asyncio.run(serving())
    return answered
"""

BARE = "MIDDLEWARE = []\n"
AUTOMATIC = "install()\n" + BARE
EXPLICIT = "install(integrations=False)\nMIDDLEWARE = ['crashvault.integrations.django.Middleware']\n"
BOTH = EXPLICIT.replace("integrations=False", "")
ALL = [
    pytest.param(head + HEAD + server, id=f"{name}-{kind}")
    for name, head in (("automatic", AUTOMATIC), ("explicit", EXPLICIT), ("both", BOTH))
    for kind, server in (("wsgi", WSGI), ("asgi", ASGI))
]


def ran(program: str, source: str, **options: Any) -> Ran:
    return run(program + textwrap.dedent(source), **options)


@pytest.mark.parametrize("program", ALL)
@pytest.mark.parametrize("kind", ["orders", "later"])
def test_a_view_that_fails_is_one_event_with_its_route(program: str, kind: str) -> None:
    (found,) = ran(
        program, f"get('/fine'); get('/missing'); get('/denied'); get('/{kind}/7?page=2'); get('/nowhere')"
    ).events
    assert found["transaction"] == f"GET /{kind}/<int:id>"
    assert found["request"]["url"] == f"http://shop.test/{kind}/7" and found["request"]["query_string"] == "page=2"
    assert found["tags"] == {"order": "7"} and len(found["breadcrumbs"]["values"]) == 1
    assert found["exception"]["values"][-1]["mechanism"] == {"type": "django", "handled": False}


@pytest.mark.parametrize("program", ALL)
def test_answers_are_as_without(program: str) -> None:
    source = "for path in ('/fine', '/orders/7', '/later/7', '/missing', '/denied', '/nowhere'): print(get(path))"
    server = ASGI if ASGI in program else WSGI
    bare = run(BARE + HEAD + server + source)
    assert ran(program, source).out == bare.out and "500" in bare.out


def test_a_logged_failure_is_one_event() -> None:
    (found,) = ran(AUTOMATIC + HEAD + WSGI, "logging.disable(logging.NOTSET); get('/orders/7')").events
    assert found["exception"]["values"][-1]["mechanism"]["type"] == "django"


def test_a_stream_that_tears_is_one_event() -> None:
    (found,) = ran(
        AUTOMATIC + HEAD + WSGI,
        """
        try: get('/stream')
        except ValueError as error: print(error)
        """,
    ).events
    assert found["transaction"] == "GET /stream" and found["exception"]["values"][-1]["value"] == "torn"


@pytest.mark.parametrize("head", [AUTOMATIC, EXPLICIT])
def test_a_middleware_that_fails_is_one_event(head: str) -> None:
    head = head.replace("MIDDLEWARE = [", "MIDDLEWARE = ['__main__.Failing', ").replace(
        "['__main__.Failing', 'crashvault.integrations.django.Middleware']",
        "['crashvault.integrations.django.Middleware', '__main__.Failing']",
    )
    failing = textwrap.dedent(
        """
        class Failing:
            def __init__(self, get_response): pass
            def __call__(self, request): raise ValueError('here')
        """
    )
    (found,) = ran(failing + head + HEAD + WSGI, "get('/fine')").events
    assert found["exception"]["values"][-1]["value"] == "here" and found["transaction"] == "GET /fine"


def test_djangos_own_test_client_is_served_too() -> None:
    (found,) = ran(
        AUTOMATIC + HEAD,
        """
        from django.test import Client
        print(Client(raise_request_exception=False).get('/orders/7').status_code)
        """,
    ).events
    assert found["transaction"] == "GET /orders/<int:id>"
