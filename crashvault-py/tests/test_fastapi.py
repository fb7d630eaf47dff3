"""FastAPI and Starlette: the request by its route, and what fails in handlers, threads and middlewares."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
from running import Ran, run

pytest.importorskip("fastapi", reason="missing tool: FastAPI")
pytest.importorskip("httpx", reason="missing tool: httpx")

PROGRAM = """
import asyncio, logging; logging.disable()
import httpx
from fastapi import APIRouter, FastAPI, HTTPException, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse
app = FastAPI()
router = APIRouter(prefix='/shop')
@router.get('/orders/{id}')
async def order(id: int):
    crashvault.set_tag('order', id); crashvault.add_breadcrumb('reading')
    raise KeyError(id)
@router.get('/threads/{id}')
def thread(id: int):
    crashvault.set_tag('order', id); crashvault.add_breadcrumb('reading')
    raise KeyError(id)
app.include_router(router)
@app.get('/own')
async def own(): raise MemoryError
@app.exception_handler(MemoryError)
async def sorry(request, error): return PlainTextResponse('sorry', 503)
@app.get('/aborted/{status}')
def aborted(status: int): raise HTTPException(status)
@app.get('/fine')
def fine(): return 'fine'
@app.websocket('/chat/{room}')
async def chat(socket: WebSocket, room: str): raise ValueError(room)
part = FastAPI()
@part.get('/items/{id}')
async def item(id: int): raise LookupError(id)
app.mount('/part', part)
async def getting(path, app=app):
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url='http://shop.test') as client:
        answer = await client.get(path)
        return answer.status_code, answer.text, sorted(answer.headers)
def get(path, **named): return asyncio.run(getting(path, **named))
"""

AUTOMATIC = "install()\n" + PROGRAM
EXPLICIT = (
    "given = {}; install(integrations=False)\n"
    + PROGRAM
    + "import crashvault.integrations.fastapi as cv; cv.install(app, **given)\n"
)
BOTH = "install()\n" + PROGRAM + "import crashvault.integrations.fastapi as cv; cv.install(app)\n"
ALL = pytest.mark.parametrize("program", [AUTOMATIC, EXPLICIT, BOTH])


def ran(program: str, source: str, **options: Any) -> Ran:
    return run(program + textwrap.dedent(source), **options)


@ALL
@pytest.mark.parametrize("kind", ["orders", "threads"])
def test_a_handler_that_fails_is_one_event_with_its_route(program: str, kind: str) -> None:
    (found,) = ran(program, f"get('/fine'); get('/shop/{kind}/7?page=2')").events
    assert found["transaction"] == f"GET /shop/{kind}/{{id}}"
    assert found["request"]["url"] == f"http://shop.test/shop/{kind}/7" and found["request"]["query_string"] == "page=2"
    assert found["tags"] == {"order": "7"} and len(found["breadcrumbs"]["values"]) == 1
    assert found["exception"]["values"][-1]["mechanism"] == {"type": "asgi", "handled": False}


@ALL
def test_behind_a_middleware_that_makes_tasks_the_event_is_the_same(program: str) -> None:
    (found,) = ran(
        program,
        """
        @app.middleware('http')
        async def timed(request, call_next):
            crashvault.set_tag('timed', 1)
            return await call_next(request)
        get('/shop/orders/7')
        """,
    ).events
    assert found["tags"] == {"timed": "1", "order": "7"}
    assert found["transaction"] == "GET /shop/orders/{id}" and len(found["breadcrumbs"]["values"]) == 1


@ALL
def test_answers_are_as_without(program: str) -> None:
    source = (
        "for path in ('/fine', '/shop/orders/7', '/own', '/aborted/404', '/nowhere', '/part/items/1'): print(get(path))"
    )
    bare = run(PROGRAM + source)
    assert ran(program, source).out == bare.out and "500" in bare.out


@ALL
def test_what_the_program_makes_an_answer_of_itself_is_no_event(program: str) -> None:
    assert (
        ran(
            program, "for path in ('/own', '/aborted/404', '/aborted/500', '/nowhere', '/shop/orders/x'): get(path)"
        ).events
        == []
    )


@ALL
def test_an_application_within_another_says_its_whole_route(program: str) -> None:
    (found,) = ran(program, "get('/part/items/7')").events
    assert found["transaction"] == "GET /part/items/{id}"


@ALL
def test_a_middleware_that_fails_is_one_event(program: str) -> None:
    (found,) = ran(
        program,
        """
        @app.middleware('http')
        async def fails(request, call_next): raise ValueError('here')
        get('/fine')
        """,
    ).events
    assert found["exception"]["values"][-1]["value"] == "here" and found["transaction"] == "GET /fine"


def test_a_web_socket_that_fails_is_one_event_with_its_route() -> None:
    (found,) = ran(
        AUTOMATIC,
        """
        async def receive(): return {'type': 'websocket.connect'}
        async def send(message): pass
        scope = {'type': 'websocket', 'asgi': {'version': '3.0'}, 'scheme': 'ws', 'path': '/chat/a', 'raw_path': b'/chat/a',
                 'query_string': b'', 'root_path': '', 'headers': [(b'host', b'shop.test')], 'subprotocols': []}
        try: asyncio.run(app(scope, receive, send))
        except ValueError as error: print(error)
        """,
    ).events
    assert found["transaction"] == "GET /chat/{room}" and found["request"]["url"] == "ws://shop.test/chat/a"


def test_an_aborted_request_is_a_message_where_that_is_wanted() -> None:
    program = EXPLICIT.replace("given = {}", "given = {'capture_server_errors': True}")
    (found,) = ran(program, "get('/aborted/502'); get('/fine')").events
    assert found["message"] == "GET /aborted/{status} answered 502 Bad Gateway"


def test_requests_at_once_do_not_mix() -> None:
    found = ran(
        AUTOMATIC,
        """
        @app.get('/both/{name}')
        async def both(name: str):
            crashvault.set_tag(name, 1); await asyncio.sleep(0.01); raise ValueError(name)
        async def main(): await asyncio.gather(*(getting('/both/' + name) for name in 'abc'))
        asyncio.run(main())
        """,
    )
    assert sorted((event["request"]["url"][-1:], *event["tags"]) for event in found.events) == [(n, n) for n in "abc"]


def test_starlette_alone_is_followed() -> None:
    (found,) = run(
        textwrap.dedent(
            """
            install()
            import asyncio, httpx
            from starlette.applications import Starlette
            from starlette.routing import Mount, Route
            async def fails(request): raise ValueError
            app = Starlette(routes=[Mount('/a', routes=[Route('/{name}', fails)])])
            async def main():
                transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
                async with httpx.AsyncClient(transport=transport, base_url='http://t') as client:
                    print((await client.get('/a/b')).status_code)
            asyncio.run(main())
            """
        )
    ).events
    assert found["transaction"] == "GET /a/{name}"
