"""What servers do to signals, and event loops to pools and tasks."""

from __future__ import annotations

import signal

import pytest
from running import event, run, title


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_was_given_back_is_a_good_end(number: int) -> None:
    ran = run(
        f"""
        import signal
        before = signal.signal({number:d}, lambda *_: None)
        install()
        print(signal.signal({number:d}, before), flush=True)
        signal.raise_signal({number:d})
        """,
        status=-number,
    )
    assert ran.out.startswith("<function") and ran.events == []


def test_a_program_that_is_killed_leaves_its_box_all_the_same() -> None:
    (found,) = run("install(); import signal; signal.raise_signal(signal.SIGKILL)", status=-9).events
    assert found["level"] == "warning"


def test_a_failed_task_that_nobody_asks_has_its_own_scope() -> None:
    found = event(
        """
        import asyncio
        install()
        async def work():
            crashvault.set_tag('task', 1); raise ValueError
        async def main():
            crashvault.set_tag('main', 1)
            asyncio.ensure_future(work()); await asyncio.sleep(0.01)
        asyncio.run(main())
        """
    )
    assert found["tags"] == {"main": "1", "task": "1"}


def test_a_failed_callback_has_the_scope_it_was_called_in() -> None:
    found = event(
        """
        import asyncio
        install()
        def callback(): raise ValueError
        async def main():
            crashvault.set_tag('main', 1)
            asyncio.get_running_loop().call_soon(callback); await asyncio.sleep(0.01)
        asyncio.run(main())
        """
    )
    assert found["tags"] == {"main": "1"}


def test_work_in_a_loops_pool_is_for_who_awaits_it() -> None:
    ran = run(
        """
        import asyncio, concurrent.futures
        install()
        def fails(name): raise ValueError(name)
        async def main():
            loop = asyncio.get_running_loop()
            try: await loop.run_in_executor(None, fails, 'awaited')
            except ValueError: pass
            forgotten = loop.run_in_executor(None, fails, 'forgotten')
            await asyncio.wait([forgotten]); del forgotten
            with concurrent.futures.ThreadPoolExecutor() as pool: pool.submit(fails, 'of its own')
        asyncio.run(main())
        """
    )
    assert sorted(title(event) for event in ran.events) == ["ValueError: forgotten", "ValueError: of its own"]


def test_what_servers_say_of_their_answers_is_no_breadcrumb() -> None:
    found = event(
        """
        import logging
        install()
        for name in ('uvicorn.access', 'gunicorn.access', 'shop'):
            logging.getLogger(name).setLevel(logging.INFO); logging.getLogger(name).info('GET /?token=x')
        logging.getLogger('werkzeug').error('told')
        """
    )
    assert [crumb["category"] for crumb in found["breadcrumbs"]["values"]] == ["shop"]
