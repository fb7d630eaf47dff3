"""Celery: tasks by their names, and which of their exceptions are failures."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
from running import Ran, run

pytest.importorskip("celery", reason="missing tool: Celery")

PROGRAM = """
import logging; logging.disable()
from celery import Celery
from celery.exceptions import Ignore, Reject
app = Celery('shop', broker='memory://', backend='cache+memory://', set_as_current=True)
app.conf.task_always_eager = True
@app.task(name='shop.pay')
def pay(amount):
    crashvault.set_tag('amount', amount); crashvault.add_breadcrumb('paying')
    raise ValueError(amount)
@app.task(name='shop.fine')
def fine(): crashvault.set_tag('fine', 1); return 7
@app.task(name='shop.expected', throws=(KeyError,))
def expected(): raise KeyError
@app.task(name='shop.ignored')
def ignored(): raise Ignore
@app.task(name='shop.again', bind=True, max_retries=2, default_retry_delay=0)
def again(self):
    try: raise OSError('busy')
    except OSError as error: raise self.retry(exc=error, countdown=0)
"""

AUTOMATIC = "install()\n" + PROGRAM
EXPLICIT = "install(integrations=False)\n" + PROGRAM + "import crashvault.integrations.celery as cv; cv.install(app)\n"
BOTH = "install()\n" + PROGRAM + "import crashvault.integrations.celery as cv; cv.install(app)\n"
ALL = pytest.mark.parametrize("program", [AUTOMATIC, EXPLICIT, BOTH])


def ran(program: str, source: str, **options: Any) -> Ran:
    return run(program + textwrap.dedent(source), **options)


@ALL
def test_a_task_that_fails_is_one_event_with_its_name(program: str) -> None:
    found = ran(
        program,
        "print(fine.delay().get()); done = pay.delay(7); print(done.state); crashvault.capture_message('after')",
    )
    assert found.out == "7\nFAILURE\n"
    failed, after = found.events
    assert failed["transaction"] == "shop.pay" and failed["tags"] == {"amount": "7"}
    assert failed["exception"]["values"][-1]["mechanism"] == {"type": "celery", "handled": False}
    context = failed["contexts"]["celery"]
    assert context["task_name"] == "shop.pay" and context["retries"] == 0 and len(context["task_id"]) == 36
    assert "tags" not in after and "transaction" not in after


@ALL
def test_what_a_task_means_to_raise_is_no_event(program: str) -> None:
    assert ran(program, "expected.delay(); ignored.delay()").events == []


@ALL
def test_retries_are_one_failure_at_their_end(program: str) -> None:
    (found,) = ran(program, "print(again.delay().state); print(cv._running if 'cv' in dir() else '')").events
    assert found["contexts"]["celery"]["retries"] == 2 and found["exception"]["values"][-1]["value"] == "busy"


def test_applications_that_were_not_named_are_not_followed() -> None:
    program = EXPLICIT.replace("cv.install(app)", "cv.install(Celery('other'))")
    assert ran(program, "pay.delay(7)").events == []


def test_a_task_whose_process_is_gone_is_one_event_with_its_name() -> None:
    source = """
        from celery import signals
        from celery.exceptions import WorkerLostError
        signals.task_failure.send(sender=pay, task_id='t1', exception=WorkerLostError('gone'))
        """
    (found,) = ran(AUTOMATIC, source).events
    assert found["transaction"] == "shop.pay"
    assert found["contexts"]["celery"] == {"task_id": "t1", "task_name": "shop.pay"}


def test_a_task_that_is_sent_takes_the_trace_along() -> None:
    found = ran(
        AUTOMATIC,
        """
        from celery import signals
        @signals.before_task_publish.connect
        def look(headers=None, **_): print(headers.get('traceparent', 'none')[:36])
        app.conf.task_always_eager = False
        fine.delay()
        crashvault.set_traceparent('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')
        fine.delay()
        """,
    )
    assert found.out.split() == ["none", "00-4bf92f3577b34da6a3ce929d0e0e4736-"]
