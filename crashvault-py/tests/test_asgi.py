"""The middleware of ASGI: what events know of requests and web sockets, and what servers see of it."""

from __future__ import annotations

import textwrap
from typing import Any, Dict, List

import pytest
from running import Ran, event, run

HEAD = """
install()
import asyncio
from crashvault.integrations.asgi import AsgiMiddleware
def scope(path='/', query=b'', type='http', headers=(), **more):
    return {'type': type, 'asgi': {'version': '3.0'}, 'http_version': '1.1', 'method': 'GET', 'scheme': 'http', 'path': path,
            'raw_path': path.encode(), 'query_string': query, 'root_path': '', 'server': ('x', 80), 'client': ('y', 1),
            'headers': [(b'host', b'shop.test'), *headers], **more}
sent = []
async def receive(): return {'type': 'http.request', 'body': b'', 'more_body': False}
async def send(message): sent.append(message)
async def fails(scope, receive, send): raise ValueError('no')
async def serve(app, given, **options): return await AsgiMiddleware(app, **options)(given, receive, send)
def tried(*args, **named):
    try: return asyncio.run(serve(*args, **named))
    except Exception as error: return error
"""


def ran(source: str, **options: Any) -> Ran:
    return run(HEAD + textwrap.dedent(source), **options)


def one(source: str) -> Dict[str, Any]:
    """The only event of a program that begins with the above."""
    return event(HEAD + textwrap.dedent(source))


def printed(source: str) -> List[str]:
    return ran(source).out.split()


def test_what_fails_is_captured_with_its_request_and_raised() -> None:
    found = one("print(repr(tried(fails, scope('/orders/7', b'page=2', headers=[(b'x-shop', b'north')]))))")
    assert found["transaction"] == "GET /orders/7"
    assert found["request"] == {
        "method": "GET",
        "url": "http://shop.test/orders/7",
        "query_string": "page=2",
        "headers": {"host": "shop.test", "x-shop": "north"},
    }
    thrown = found["exception"]["values"][-1]
    assert (thrown["type"], thrown["mechanism"]) == ("ValueError", {"type": "asgi", "handled": False})


def test_the_application_gets_what_the_server_gave_and_its_answer_comes_back() -> None:
    out = printed(
        """
        given = scope()
        async def app(*got): print([a is b for a, b in zip(got, (given, receive, send))]); return 7
        print(asyncio.run(serve(app, given)))
        """
    )
    assert out == ["[True,", "True,", "True]", "7"]


def test_web_sockets_have_a_scope_each() -> None:
    found = one("tried(fails, scope('/chat', type='websocket', scheme='ws', method=None))")
    assert found["transaction"] == "GET /chat" and found["request"]["url"] == "ws://shop.test/chat"


def test_the_servers_own_conversation_passes() -> None:
    found = ran("print(repr(tried(fails, {'type': 'lifespan', 'asgi': {}})))")
    assert found.out == "ValueError('no')\n" and found.events == []


def test_requests_of_one_loop_do_not_mix() -> None:
    found = ran(
        """
        async def app(scope, receive, send):
            name = scope['path'][1:]
            crashvault.set_tag(name, 1); await asyncio.sleep(0.01)
            crashvault.capture_message(name)
        async def main():
            await asyncio.gather(*(serve(app, scope('/' + name)) for name in 'abc'))
            for name in 'de': await serve(app, scope('/' + name))
            crashvault.capture_message('outside')
        asyncio.run(main())
        """
    )
    told = sorted((event["message"], event.get("tags", {}), event.get("transaction")) for event in found.events)
    assert told == [(name, {name: "1"}, f"GET /{name}") for name in "abcde"] + [("outside", {}, None)]


def test_what_a_handler_sets_in_a_thread_of_a_pool_is_the_requests() -> None:
    found = one(
        """
        import contextvars
        def handler(): crashvault.set_tag('user', 7); crashvault.add_breadcrumb('reading'); raise ValueError
        async def app(scope, receive, send):
            context = contextvars.copy_context()
            await asyncio.get_running_loop().run_in_executor(None, context.run, handler)
        tried(app, scope('/pool'))
        """
    )
    assert found["tags"] == {"user": "7"}
    assert [crumb["message"] for crumb in found["breadcrumbs"]["values"]] == ["reading"]
    assert found["transaction"] == "GET /pool"


def test_a_task_that_a_request_started_knows_it_and_keeps_its_own() -> None:
    found = ran(
        """
        tasks = []
        async def later(): crashvault.set_tag('later', 1); await asyncio.sleep(0.01); crashvault.capture_message('later')
        async def app(scope, receive, send):
            tasks.append(asyncio.ensure_future(later())); await asyncio.sleep(0)
            crashvault.capture_message('now')
        async def main():
            await serve(app, scope('/tasks')); await tasks[0]
        asyncio.run(main())
        """
    )
    told = [(event["message"], event["transaction"], event.get("tags", {})) for event in found.events]
    assert told == [("now", "GET /tasks", {}), ("later", "GET /tasks", {"later": "1"})]


def test_a_request_that_is_cancelled_is_no_event_and_leaves_its_scope() -> None:
    found = ran(
        """
        async def app(scope, receive, send): crashvault.set_tag('a', 1); await asyncio.sleep(60)
        async def main():
            task = asyncio.ensure_future(serve(app, scope())); await asyncio.sleep(0.01); task.cancel()
            try: await task
            except asyncio.CancelledError: print('cancelled')
            crashvault.capture_message('after')
        asyncio.run(main())
        """
    )
    assert found.out == "cancelled\n"
    assert [(event["message"], event.get("tags")) for event in found.events] == [("after", None)]


def test_several_layers_are_one() -> None:
    found = one("app = AsgiMiddleware(fails); print(tried(AsgiMiddleware(app), scope()))")
    assert found["transaction"] == "GET /"


def test_nothing_of_a_request_is_asked_unless_something_is_captured() -> None:
    out = printed(
        """
        class Asked(dict):
            def get(self, key, *rest): print(key); return dict.get(self, key, *rest)
        async def app(scope, receive, send): pass
        tried(app, Asked(scope()))
        """
    )
    assert out == ["headers"]


def test_the_trace_of_the_caller_is_taken_up() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    found = one(f"tried(fails, scope(headers=[(b'traceparent', b'{trace}')]))")
    assert found["contexts"]["trace"]["parent_span_id"] == "00f067aa0ba902b7"


def test_secrets_of_a_request_reach_no_disk() -> None:
    found = ran(
        """
        secret = b'hunt' + b'er2'
        async def app(scope, receive, send):
            headers = scope['headers']; own = list(headers)
            raise ValueError('no')
        headers = [(name, secret) for name in (b'cookie', b'authorization', b'x-api-key')]
        print(tried(app, scope('/a', b'token=' + secret, headers=headers)))
        del headers
        for root, _, files in os.walk(HOME):
            for name in files:
                print(secret in open(os.path.join(root, name), 'rb').read())
        """
    )
    headers = found.events[0]["request"]["headers"]
    assert "True" not in found.out and found.out.count("False") >= 2
    assert headers["cookie"] == headers["authorization"] == headers["x-api-key"] == "[Filtered]"


@pytest.mark.parametrize(
    "change",
    [
        "for key in list(given): key == 'type' or given.pop(key)",
        "given.update(path=7, raw_path=None, query_string='a', headers=None)",
        "given.update(headers=[(b'a',), ('b', 'c'), (b'd', None), 7])",
        "given.update(headers=iter([(b'a', b'b')]), scheme=b'http', method=7)",
        "given['route'] = type('Odd', (), {'path': property(lambda _: 1 / 0)})()",
    ],
)
def test_odd_scopes_are_told_as_well_as_can_be(change: str) -> None:
    found = one(f"given = scope('/odd')\n{change}\nprint(tried(fails, given))")
    assert found["exception"]["values"][-1]["value"] == "no"


def test_responses_of_500_are_messages_where_that_is_wanted() -> None:
    found = ran(
        """
        def answers(status):
            async def app(scope, receive, send): await send({'type': 'http.response.start', 'status': status})
            return app
        tried(answers(503), scope('/a'), capture_server_errors=True)
        tried(answers(503), scope('/b'))
        tried(answers(404), scope('/c'), capture_server_errors=True)
        async def told(scope, receive, send):
            crashvault.capture_message('own', 'error'); await answers(500)(scope, receive, send)
        tried(told, scope('/e'), capture_server_errors=True)
        print(len(sent))
        """
    )
    assert found.out == "4\n"
    assert [event["message"] for event in found.events] == ["GET /a answered 503 Service Unavailable", "own"]


def test_before_install_requests_just_pass() -> None:
    source = HEAD.replace("install()\n", "", 1) + "print(tried(fails, scope()))"
    found = run(source)
    assert found.out == "no\n" and found.events == []
