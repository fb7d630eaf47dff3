"""``install()``: the one line, and what may be said with it."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Mapping, Optional, Union

from . import _crashvault
from ._crashvault import Installed

__all__ = ["install"]

Hook = Callable[[Dict[str, Any]], Optional[Dict[str, Any]]]


def install(
    *,
    vault: Union[str, "os.PathLike[str]", None] = None,
    project: Optional[str] = None,
    release: Optional[str] = None,
    environment: Optional[str] = None,
    dist: Optional[str] = None,
    server_name: Optional[str] = None,
    tags: Optional[Mapping[str, object]] = None,
    sample_rate: Optional[float] = None,
    max_breadcrumbs: Optional[int] = None,
    durability: Optional[str] = None,
    throttle: Optional[bool] = None,
    drain: Optional[bool] = None,
    native: Optional[bool] = None,
    black_box: Optional[bool] = None,
    locals: bool = True,
    before_send: Optional[Hook] = None,
    before_breadcrumb: Optional[Hook] = None,
    hooks: bool = True,
    logging: Union[str, int, None] = "error",
    warnings: bool = False,
    integrations: bool = True,
    clock: Optional[Callable[[], int]] = None,
) -> Installed:
    """Starts capturing uncaught exceptions and makes the ``capture_*`` functions work.

    What is not said here comes from ``CRASHVAULT_*`` variables, then from the vault's ``vault.toml``, then from the
    defaults. The first call's options stay; later calls change nothing.

    Args:
        vault: Where the vault lies; used, or nothing is. Default: ``$CRASHVAULT_HOME``, else ``~/.crashvault``.
        project: What events belong to. Default: the program's name.
        release: The program's version, as ``name@version``.
        environment: ``production``, ``staging`` …
        dist: The build of the release.
        server_name: The machine. Default: the host name.
        tags: On every event of the process.
        sample_rate: The share of events to keep, 0.0 to 1.0; fatal ones are always kept.
        max_breadcrumbs: Kept on a scope, at most and by default 100.
        durability: What a capture waits for: ``"process"`` (survives ``kill -9``), ``"data"`` (a power cut too, some
            hundred microseconds more), ``"async"`` (nothing; on disk within 100 ms).
        throttle: Whether floods are thinned: 50 of a kind, then 5 a second. Default: true.
        drain: Whether this process moves its events into the vault, about a second after the first. Default: true.
        native: Whether crashes by signals are captured. Default: true.
        black_box: Whether an end without notice (``kill -9``) leaves an event. Default: true.
        locals: Whether frames carry local variables: at most ten each, short, without secrets.
        before_send: Is shown each event as a dictionary before it is written; returns it, or ``None`` to drop it. Where it
            raises, the event is kept as it was.
        before_breadcrumb: The same for breadcrumbs; where it raises, the breadcrumb is dropped.
        hooks: Whether uncaught exceptions and the process's end are noticed.
        logging: From which level on log records are events; ``None`` for none.
        warnings: Whether warnings are events.
        integrations: Whether frameworks that the program imports are followed.
        clock: Says the nanoseconds since 1970; for tests.

    Returns:
        Where the vault is, a note on what is not as it should be, and whether this call was the first.

    Raises:
        TypeError, ValueError: An option is not what it should be. A vault that cannot be written raises nothing: the note
            says so, and captures return ``None``.
    """
    installed = _crashvault.install(
        vault=vault,
        project=project,
        release=release,
        environment=environment,
        dist=dist,
        server_name=server_name,
        tags=None if tags is None else dict(tags),
        sample_rate=sample_rate,
        max_breadcrumbs=max_breadcrumbs,
        durability=durability,
        throttle=throttle,
        drain=drain,
        native=native,
        black_box=black_box,
        locals=locals,
        before_send=before_send,
        before_breadcrumb=before_breadcrumb,
        clock=clock,
    )
    if installed.is_first:
        from . import _hooks

        _hooks.start(hooks=hooks, logging=logging, warnings=warnings, integrations=integrations)
    return installed
