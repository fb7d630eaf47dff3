"""The middleware of WSGI: what events know of requests, and what servers see of it."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from running import event, flaws, run

HEAD = """
install()
from crashvault.integrations.wsgi import WsgiMiddleware
def environ(path='/', query='', **more):
    return {'REQUEST_METHOD': 'GET', 'SCRIPT_NAME': '', 'PATH_INFO': path, 'QUERY_STRING': query, 'HTTP_HOST': 'shop.test',
            'wsgi.url_scheme': 'http', 'SERVER_NAME': 'x', 'SERVER_PORT': '80', **more}
def start(status, headers, exc_info=None): pass
def fails(environ, start_response): raise ValueError('no')
def serve(app, environ, **options):
    response = WsgiMiddleware(app, **options)(environ, start)
    try: return b''.join(response)
    finally:
        if hasattr(response, 'close'): response.close()
def tried(*args, **named):
    try: return serve(*args, **named)
    except Exception as error: return error
"""


def one(source: str) -> Dict[str, Any]:
    """The only event of a program that begins with the above."""
    return event(HEAD + _own(source))


def printed(source: str) -> List[str]:
    return run(HEAD + _own(source)).out.split()


def _own(source: str) -> str:
    import textwrap

    return textwrap.dedent(source)


def test_what_fails_is_captured_with_its_request_and_raised() -> None:
    found = one("print(type(tried(fails, environ('/orders/7', 'page=2', HTTP_X_SHOP='north', CONTENT_TYPE='a/b'))))")
    assert found["transaction"] == "GET /orders/7"
    assert found["request"] == {
        "method": "GET",
        "url": "http://shop.test/orders/7",
        "query_string": "page=2",
        "headers": {"host": "shop.test", "x-shop": "north", "content-type": "a/b"},
    }
    thrown = found["exception"]["values"][-1]
    assert (thrown["type"], thrown["mechanism"]) == ("ValueError", {"type": "wsgi", "handled": False})
    assert found["level"] == "error"


def test_a_request_as_the_server_gave_it_is_no_variable() -> None:
    found = one("tried(fails, environ(**{'wsgi.input': None, 'wsgi.errors': None, 'SERVER_PROTOCOL': 'HTTP/1.1'}))")
    variables = found["exception"]["values"][-1]["stacktrace"]["frames"][-1]["vars"]
    assert variables == {"environ": "<request>", "start_response": "<function>"}


def test_the_application_gets_what_the_server_gave() -> None:
    out = printed(
        """
        given = environ()
        body = [b'a', b'b']
        def app(environ, start_response):
            print(environ is given, start_response is start); return body
        print(WsgiMiddleware(app)(given, start) is body)
        """
    )
    assert out == ["True", "True", "True"]


def test_files_and_lengths_are_known_by_their_types() -> None:
    out = printed(
        """
        from wsgiref.util import FileWrapper
        import io
        file = FileWrapper(io.BytesIO(b'x'))
        class Sized:
            def __iter__(self): return iter([b'a'])
            def __len__(self): return 1
            reason = 'odd'
        print(WsgiMiddleware(lambda *_: file)(environ(**{'wsgi.file_wrapper': FileWrapper}), start) is file)
        file = io.BytesIO(b'x')
        print(WsgiMiddleware(lambda *_: file)(environ(**{'wsgi.file_wrapper': lambda file: file}), start) is file)
        response = WsgiMiddleware(lambda *_: Sized())(environ(), start)
        print(len(response), response.reason, b''.join(response) == b'a')
        print(hasattr(WsgiMiddleware(lambda *_: iter('a'))(environ(), start), '__len__'))
        """
    )
    assert out == ["True", "True", "1", "odd", "True", "False"]


def test_a_stream_comes_piece_by_piece_and_what_fails_in_it_is_captured() -> None:
    ran = run(
        HEAD
        + _own(
            """
            def app(environ, start_response):
                crashvault.set_tag('request', 1)
                yield b'one'
                print('between')
                raise ValueError('torn')
            response = WsgiMiddleware(app)(environ('/stream'), start)
            pieces = iter(response)
            print(next(pieces))
            try: next(pieces)
            except ValueError as error: print(error)
            response.close()
            """
        )
    )
    (found,) = ran.events
    assert ran.out.split() == ["b'one'", "between", "torn"]
    assert (found["transaction"], found["tags"]) == ("GET /stream", {"request": "1"})


def test_a_generator_that_is_not_read_to_its_end_is_closed_in_its_scope() -> None:
    found = one(
        """
        def app(environ, start_response):
            try:
                yield b'one'; yield b'two'
            finally: crashvault.capture_message('closed')
        response = WsgiMiddleware(app)(environ('/closed'), start)
        next(iter(response))
        response.close()
        """
    )
    assert (found["message"], found["transaction"]) == ("closed", "GET /closed")


def test_requests_that_are_sent_at_once_do_not_mix() -> None:
    ran = run(
        HEAD
        + _own(
            """
            def app(environ, start_response):
                name = environ['PATH_INFO'][1:]
                crashvault.set_tag(name, 1); yield b'one'
                crashvault.capture_message(name); yield b'two'
            responses = [iter(WsgiMiddleware(app)(environ(path), start)) for path in ('/a', '/b', '/c')]
            for response in responses: next(response)
            for response in responses: next(response)
            responses[0].close(); crashvault.capture_message('outside')
            """
        )
    )
    found = [(event["message"], event.get("tags", {}), event.get("transaction")) for event in ran.events]
    assert found == [(name, {name: "1"}, f"GET /{name}") for name in "abc"] + [("outside", {}, None)]
    assert "request" not in ran.events[-1]


def test_several_layers_are_one() -> None:
    found = one("app = WsgiMiddleware(fails); print(tried(WsgiMiddleware(app), environ()))")
    assert found["transaction"] == "GET /"


def test_a_request_inside_of_another_is_its_own() -> None:
    ran = run(
        HEAD
        + _own(
            """
            def outer(environ_, start_response):
                crashvault.set_tag('outer', 1)
                tried(fails, environ('/inner')); crashvault.capture_message('after')
                return [b'']
            serve(outer, environ('/outer'))
            """
        )
    )
    found = [(event["transaction"], event["tags"]) for event in ran.events]
    assert found == [("GET /inner", {"outer": "1"}), ("GET /outer", {"outer": "1"})]


def test_nothing_of_a_request_is_asked_unless_something_is_captured() -> None:
    out = printed(
        """
        from crashvault.integrations.wsgi import WsgiRequest
        class Asked(dict):
            def get(self, key, *rest): print(key); return dict.get(self, key, *rest)
            def items(self): print('items'); return dict.items(self)
        serve(lambda *_: iter([b'a']), Asked(environ()))
        """
    )
    assert out == ["HTTP_TRACEPARENT", "wsgi.file_wrapper"]


def test_the_trace_of_the_caller_is_taken_up() -> None:
    found = one(
        """
        trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
        def app(environ, start_response):
            print(crashvault.traceparent()[:36]); raise ValueError
        tried(app, environ(HTTP_TRACEPARENT=trace)); print(crashvault.traceparent())
        """
    )
    assert found["contexts"]["trace"]["parent_span_id"] == "00f067aa0ba902b7"


def test_secrets_of_a_request_reach_no_disk() -> None:
    ran = run(
        HEAD
        + _own(
            """
            secret = 'hunt' + 'er2'
            given = environ('/a', 'token=' + secret, HTTP_COOKIE='s=' + secret, HTTP_AUTHORIZATION=secret, HTTP_X_API_KEY=secret,
                            HTTP_X_FORWARDED_FOR='203.0.113.7', HTTP_REFERER='http://u:' + secret + '@a/?password=' + secret)
            given['wsgi.input'] = None
            print(tried(fails, given))
            for root, _, files in os.walk(HOME):
                for name in files:
                    text = open(os.path.join(root, name), 'rb').read()
                    print(secret.encode() in text, b'203.0.113' in text)
            """
        )
    )
    headers = ran.events[0]["request"]["headers"]
    assert "True" not in ran.out and ran.out.count("False") >= 2
    assert headers["cookie"] == headers["authorization"] == headers["x-api-key"] == "[Filtered]"
    assert headers["referer"] == "http://[Filtered]@a/?password=[Filtered]"
    assert ran.events[0]["request"]["query_string"] == "token=[Filtered]"


@pytest.mark.parametrize(
    "change",
    [
        "given.clear()",
        "given.update(PATH_INFO=b'/', QUERY_STRING=7, HTTP_HOST=None)",
        "given.update(PATH_INFO='/\\udcff\\u20ac', HTTP_X='\\udcff', QUERY_STRING='\\ud800')",
        "given.update({7: 'a', None: 'b', 'HTTP_A': object()})",
        "given['werkzeug.request'] = type('Odd', (), {'url_rule': property(lambda _: 1 / 0)})()",
        "given['HTTP_TRACEPARENT'] = object()",
    ],
)
def test_odd_environs_are_told_as_well_as_can_be(change: str) -> None:
    found = one(f"given = environ('/odd')\n{change}\nprint(tried(fails, given))")
    assert found["request"]["method"] in ("GET", "")
    assert found["exception"]["values"][-1]["value"] == "no"


def test_large_requests_are_bounded_visibly() -> None:
    found = one(
        """
        headers = {'HTTP_H%d' % n: 'x' * 5000 for n in range(200)}
        print(tried(fails, environ('/' + 'p' * 100000, 'q' * 100000, **headers)))
        """
    )
    assert len(found["request"]["headers"]) < 64
    assert "left out" in flaws(found)["request.headers"]
    assert len(found["transaction"]) <= 200


def test_responses_of_500_are_messages_where_that_is_wanted() -> None:
    ran = run(
        HEAD
        + _own(
            """
            def answers(status):
                def app(environ, start_response): start_response(status, []); return [b'sorry']
                return app
            serve(answers('503 Busy'), environ('/a'), capture_server_errors=True)
            serve(answers('503 Busy'), environ('/b'))
            serve(answers('404 Not Found'), environ('/c'), capture_server_errors=True)
            def late(environ, start_response): start_response('500 No', []); yield b'sorry'
            serve(late, environ('/d'), capture_server_errors=True)
            def told(environ, start_response):
                crashvault.capture_message('own', 'error'); start_response('500 No', []); return [b'']
            serve(told, environ('/e'), capture_server_errors=True)
            """
        )
    )
    assert [event["message"] for event in ran.events] == [
        "GET /a answered 503 Service Unavailable",
        "GET /d answered 500 Internal Server Error",
        "own",
    ]


def test_the_end_of_the_program_passes() -> None:
    ran = run(
        HEAD
        + _own(
            """
            def app(environ, start_response): raise SystemExit(3)
            serve(app, environ())
            """
        ),
        status=3,
    )
    assert ran.events == []


def test_before_install_and_after_close_requests_just_pass() -> None:
    source = HEAD.replace("install()\n", "", 1) + _own(
        """
        body = iter([b'a'])
        print(WsgiMiddleware(lambda *_: body)(environ(), start) is body)
        install(); crashvault.close()
        print(WsgiMiddleware(lambda *_: body)(environ(), start) is body, tried(fails, environ()))
        """
    )
    ran = run(source)
    assert ran.out.split() == ["True", "True", "no"] and ran.events == []


def test_a_request_ends_for_the_memory_when_it_ends() -> None:
    out = printed(
        """
        import contextvars, gc, weakref
        class Kept(list): pass
        def app(environ, start_response):
            environ['self'] = environ; environ['context'] = contextvars.copy_context()
            crashvault.set_tag('a', 1)
            raise ValueError
        given = environ(kept=Kept()); kept = weakref.ref(given['kept'])
        tried(app, given); del given; gc.collect()
        print(kept())
        """
    )
    assert out == ["None"]


def test_built_events_have_the_request_unless_they_say_one() -> None:
    ran = run(
        HEAD
        + _own(
            """
            def app(environ, start_response):
                crashvault.capture_event({'message': 'bare'})
                crashvault.capture_event({'message': 'own', 'request': {'url': 'a'}, 'transaction': 't'})
                crashvault.set_transaction('named'); crashvault.capture_event({'message': 'named'})
                return [b'']
            serve(app, environ('/built'))
            """
        )
    )
    found = [(event["request"]["url"], event["transaction"]) for event in ran.events]
    assert found == [("http://shop.test/built", "GET /built"), ("a", "t"), ("http://shop.test/built", "named")]


def test_behind_a_proxy_the_address_is_the_clients() -> None:
    found = one("print(tried(fails, environ('/a b/\\xc3\\xa9', HTTP_X_FORWARDED_PROTO='https')))")
    assert found["request"]["url"] == "https://shop.test/a%20b/%C3%A9"
