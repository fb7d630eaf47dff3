"""Celery: its tasks by their names, and what fails in them.

::

    crashvault.integrations.celery.install(app)

Not needed where ``crashvault.install()`` was called with ``integrations=True``, as it is without a word.

A task that is sent takes the sender's trace along, if there is one. Retries are no failures, nor are the exceptions that a task
names in ``throws``. Arguments are not looked at.
"""

from __future__ import annotations

from importlib import import_module

from .._crashvault import NewScope, capture_exception, new_scope, traceparent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

__all__ = ["install"]

#: The applications that are followed; ``None`` for all.
_followed: Optional[list[Any]] = []

#: The scopes of the tasks that run, by what names one run.
_running: dict[tuple[str, int], NewScope] = {}


def install(app: Any = None) -> None:
    """Follows the tasks of one application, or of all.

    Args:
        app: The ``Celery``; ``None`` for all of the process.
    """
    global _followed
    if app is None:
        _followed = None
    elif _followed is not None:
        _followed.append(app)
    signals: Any = import_module("celery.signals")
    for signal, receiver in (
        (signals.before_task_publish, _publish),
        (signals.task_prerun, _begin),
        (signals.task_failure, _fail),
        (signals.task_internal_error, _fail),
        (signals.task_postrun, _end),
    ):
        signal.connect(receiver, dispatch_uid=f"crashvault.{receiver.__name__}", weak=False)


def _is_followed(task: Any) -> bool:
    return _followed is None or any(task.app is app for app in _followed)


def _publish(*, headers: Any = None, **_rest: Any) -> None:
    trace = traceparent() if isinstance(headers, dict) else None
    if trace is not None:
        headers.setdefault("traceparent", trace)


def _begin(*, task_id: str, task: Any, **_rest: Any) -> None:
    if not _is_followed(task):
        return
    request = task.request
    scoping = new_scope()
    scope = scoping.__enter__()
    _running[task_id, request.retries] = scoping
    scope.set_transaction(task.name)
    context = {"task_id": task_id, "task_name": task.name, "retries": request.retries}
    delivery = request.delivery_info
    if isinstance(delivery, dict) and delivery.get("routing_key"):
        context["routing_key"] = delivery["routing_key"]
    scope.set_context("celery", context)
    scope.set_traceparent(request.get("traceparent"))


def _fail(*, sender: Any, task_id: Any = None, exception: Any = None, **_rest: Any) -> None:
    if not isinstance(exception, Exception) or not _is_followed(sender):
        return
    throws = getattr(sender, "throws", None)
    if throws and isinstance(exception, throws):
        return
    if any(running == task_id for running, _ in _running):
        capture_exception(exception, mechanism="celery", handled=False)
        return
    # Told by the worker's main process, of a task whose own process is gone or took too long.
    with new_scope() as scope:
        scope.set_transaction(sender.name)
        scope.set_context("celery", {"task_id": task_id, "task_name": sender.name})
        capture_exception(exception, mechanism="celery", handled=False)


def _end(*, task_id: str, task: Any, **_rest: Any) -> None:
    scoping = _running.pop((task_id, task.request.retries), None)
    if scoping is not None:
        scoping.__exit__(None, None, None)
