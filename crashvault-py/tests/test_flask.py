"""Flask: the request by its rule, and what becomes a page of status 500."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
from running import Ran, run

pytest.importorskip("flask", reason="missing tool: Flask")

PROGRAM = """
import logging; logging.disable()
from flask import Flask, abort
app = Flask(__name__)
@app.get('/orders/<int:id>')
def order(id):
    crashvault.set_tag('order', id); crashvault.add_breadcrumb('reading')
    raise KeyError(id)
@app.get('/own')
def own(): raise MemoryError
@app.errorhandler(MemoryError)
def sorry(error): return 'sorry', 503
@app.get('/aborted/<int:status>')
def aborted(status): abort(status)
@app.get('/stream/<name>')
def stream(name):
    def pieces(): yield 'one'; raise ValueError('torn')
    return app.response_class(pieces())
@app.get('/fine')
def fine(): return 'fine'
def get(path, **options):
    answer = app.test_client().get(path, **options)
    return answer.status_code, answer.get_data(as_text=True), sorted(answer.headers)
"""

AUTOMATIC = "install()\n" + PROGRAM
EXPLICIT = (
    "install(integrations=False)\n" + PROGRAM + "import crashvault.integrations.flask as cv; cv.install(app, **given)\n"
)
BOTH = "install()\n" + PROGRAM + "import crashvault.integrations.flask as cv; cv.install(app)\n"
ALL = pytest.mark.parametrize("program", [AUTOMATIC, "given = {}\n" + EXPLICIT, BOTH])


def ran(program: str, source: str, **options: Any) -> Ran:
    return run(program + textwrap.dedent(source), **options)


@ALL
def test_a_handler_that_fails_is_one_event_with_its_rule(program: str) -> None:
    (found,) = ran(program, "get('/fine'); get('/orders/7?page=2')").events
    assert found["transaction"] == "GET /orders/<int:id>"
    assert found["request"]["url"] == "http://localhost/orders/7" and found["request"]["query_string"] == "page=2"
    assert found["tags"] == {"order": "7"} and len(found["breadcrumbs"]["values"]) == 1
    assert found["exception"]["values"][-1]["mechanism"] == {"type": "flask", "handled": False}


@ALL
def test_answers_are_as_without(program: str) -> None:
    source = "for path in ('/fine', '/orders/7', '/own', '/aborted/404', '/nowhere'): print(get(path))"
    bare = run(PROGRAM + source)
    assert ran(program, source).out == bare.out and "500" in bare.out


@ALL
def test_what_the_program_makes_an_answer_of_itself_is_no_event(program: str) -> None:
    assert ran(program, "for path in ('/own', '/aborted/404', '/aborted/500', '/nowhere'): get(path)").events == []


@ALL
def test_a_stream_that_tears_is_one_event(program: str) -> None:
    (found,) = ran(
        program,
        """
        try: get('/stream/a')
        except ValueError as error: print(error)
        """,
    ).events
    assert found["transaction"] == "GET /stream/<name>" and found["exception"]["values"][-1]["value"] == "torn"


@ALL
def test_what_is_raised_on_is_one_event(program: str) -> None:
    (found,) = ran(
        program,
        """
        app.config['PROPAGATE_EXCEPTIONS'] = True
        try: get('/orders/7')
        except KeyError as error: print(error)
        """,
    ).events
    assert found["transaction"] == "GET /orders/<int:id>"


@ALL
def test_a_logged_failure_is_one_event(program: str) -> None:
    (found,) = ran(program, "logging.disable(logging.NOTSET); get('/orders/7')").events
    assert found["exception"]["values"][-1]["mechanism"]["type"] == "flask"


def test_an_aborted_request_is_a_message_where_that_is_wanted() -> None:
    (found,) = ran(
        "given = {'capture_server_errors': True}\n" + EXPLICIT, "get('/aborted/502'); get('/orders/7')"
    ).events[:1]
    assert found["message"] == "GET /aborted/<int:status> answered 502 Bad Gateway"


def test_applications_that_were_not_named_are_not_followed() -> None:
    found = ran(
        "given = {}\n" + EXPLICIT,
        """
        other = Flask('other')
        @other.get('/')
        def fails(): raise ValueError
        print(other.test_client().get('/').status_code)
        """,
    )
    assert found.out == "500\n" and found.events == []


def test_whoever_wants_no_integrations_gets_none() -> None:
    found = run("install(integrations=False)\n" + PROGRAM + "get('/orders/7')")
    assert found.events == []
