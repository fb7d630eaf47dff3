"""What events carry: scopes of tasks and threads, breadcrumbs, hooks."""

from __future__ import annotations

from running import event, flaws, run


def tags(source: str) -> list[dict[str, str]]:
    """The tags of each event."""
    return [event.get("tags", {}) for event in run(source).events]


def test_what_is_set_stands_on_later_events() -> None:
    found = event(
        """
        install(tags={'from': 'install'})
        crashvault.set_tag('n', 1); crashvault.set_tag('flag', True); crashvault.set_tags({'t': 'u'})
        crashvault.set_user({'id': 7, 'email': 'a@b.c', 'plan': 'pro'})
        crashvault.set_context('order', {'items': [1, 2]}); crashvault.set_extra('free', {'a': None})
        crashvault.set_transaction('GET /'); crashvault.set_fingerprint(['a', 3])
        crashvault.capture_message('x')
        """
    )
    assert found["tags"] == {"from": "install", "n": "1", "flag": "true", "t": "u"}
    assert found["user"] == {"id": "7", "email": "a@b.c", "plan": "pro"}
    assert found["contexts"]["order"] == {"items": [1, 2]}
    assert found["extra"]["free"] == {"a": None} and found["transaction"] == "GET /"
    assert found["fingerprint"] == ["a", "3"]


def test_none_takes_back_what_was_set() -> None:
    found = event(
        """
        install()
        crashvault.set_tag('a', 1); crashvault.set_tag('a', None)
        crashvault.set_user({'id': 1}); crashvault.set_user(None)
        crashvault.set_context('c', {'x': 1}); crashvault.set_context('c', None)
        crashvault.set_level('warning'); crashvault.set_level(None)
        crashvault.set_fingerprint(['f']); crashvault.set_fingerprint(None)
        crashvault.capture_message('x')
        """
    )
    assert not {"tags", "user", "fingerprint"} & set(found)
    assert "c" not in found["contexts"] and found["level"] == "info"


def test_wrong_types_are_kept_as_well_as_can_be() -> None:
    found = event(
        """
        install()
        class Odd:
            def __str__(self): raise ValueError
            __repr__ = __str__
        crashvault.set_tag(3, Odd()); crashvault.set_tags(5); crashvault.set_user('ada'); crashvault.set_context(None, 1)
        crashvault.set_extra('odd', Odd()); crashvault.set_level(object()); crashvault.set_transaction(4)
        crashvault.set_traceparent(9); crashvault.set_durability('often'); crashvault.add_breadcrumb(Odd(), data=[1], timestamp='x')
        crashvault.capture_message('x')
        """
    )
    assert found["tags"] == {"3": "<__main__.Odd>"} and found["extra"]["odd"] == "<__main__.Odd>"
    assert found["breadcrumbs"]["values"][0]["message"] == "<__main__.Odd>"


def test_data_of_the_standard_library_says_what_it_is() -> None:
    found = event(
        """
        install()
        import collections, datetime, decimal, enum, pathlib, uuid
        class Color(enum.Enum): RED = 1
        class Number(enum.IntEnum): ONE = 1
        values = [datetime.datetime(2026, 1, 5), decimal.Decimal('1.50'), pathlib.Path('/a'), uuid.UUID(int=1), Number.ONE,
                  collections.OrderedDict(a=1), {'s'}, b'b', float('inf'), 2 ** 100, Color.RED, (1,)]
        crashvault.set_extra('values', values)
        crashvault.capture_message('x')
        """
    )
    assert found["extra"]["values"] == [
        "2026-01-05 00:00:00", "1.50", "/a", "00000000-0000-0000-0000-000000000001", 1,
        {"a": 1}, ["s"], "b", "inf", str(2**100), "<__main__.Color>", [1],
    ]  # fmt: skip


def test_secrets_do_not_reach_the_journal() -> None:
    ran = run(
        """
        install()
        crashvault.set_context('c', {'password': 'hunter2', 'deep': [{'api_key': 'hunter2'}]})
        crashvault.set_tag('token', 'hunter2'); crashvault.add_breadcrumb('b', data={'secret': 'hunter2'})
        def login(password, headers=[('Cookie', 'hunter2')], conf={'auth': 'hunter2'}): raise ValueError
        try: login('hunter2')
        except ValueError: crashvault.capture_exception()
        for root, _, files in os.walk(HOME):
            for name in files:
                print(b'hunter2' in open(os.path.join(root, name), 'rb').read().replace(b"login('hunter2')", b''))
        """
    )
    assert "True" not in ran.out and "False" in ran.out


def test_a_new_scope_ends_with_its_block() -> None:
    assert tags(
        """
        install()
        crashvault.set_tag('a', 1)
        with crashvault.new_scope() as scope:
            scope.set_tag('b', 2); crashvault.set_tag('c', 3)
            crashvault.capture_message('inside')
            with crashvault.new_scope() as inner:
                inner.set_tag('a', 'inner'); crashvault.capture_message('deeper')
        crashvault.capture_message('outside')
        """
    ) == [{"a": "1", "b": "2", "c": "3"}, {"a": "inner", "b": "2", "c": "3"}, {"a": "1"}]


def test_a_new_scope_ends_when_its_block_raises() -> None:
    assert tags(
        """
        install()
        try:
            with crashvault.new_scope() as scope:
                scope.set_tag('a', 1); raise ValueError
        except ValueError: crashvault.capture_message('x')
        """
    ) == [{}]


def test_threads_begin_with_a_bare_scope_and_share_nothing() -> None:
    assert tags(
        """
        import threading
        install()
        crashvault.set_tag('main', 1)
        def work():
            crashvault.set_tag('thread', 1); crashvault.capture_message('thread')
        thread = threading.Thread(target=work); thread.start(); thread.join()
        crashvault.capture_message('main')
        """
    ) == [{"thread": "1"}, {"main": "1"}]


def test_a_copied_context_takes_the_scope_to_a_thread_and_brings_nothing_back() -> None:
    assert tags(
        """
        import contextvars, threading
        install()
        crashvault.set_tag('main', 1)
        def work():
            crashvault.set_tag('thread', 1); crashvault.capture_message('thread')
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(work,)); thread.start(); thread.join()
        crashvault.capture_message('main')
        """
    ) == [{"main": "1", "thread": "1"}, {"main": "1"}]


def test_tasks_inherit_and_leak_nothing_to_each_other() -> None:
    found = tags(
        """
        import asyncio
        install()
        async def work(name, started):
            crashvault.set_tag(name, 1)
            started.set_result(None)
            await asyncio.sleep(0.01)
            crashvault.capture_message(name)
        async def main():
            crashvault.set_tag('main', 1)
            futures = [asyncio.get_running_loop().create_future() for _ in range(3)]
            tasks = [asyncio.ensure_future(work(f't{n}', future)) for n, future in enumerate(futures)]
            await asyncio.gather(*futures); await asyncio.gather(*tasks)
            crashvault.capture_message('main')
        crashvault.set_tag('outer', 1)
        asyncio.run(main())
        crashvault.capture_message('outer')
        """
    )
    base = {"outer": "1", "main": "1"}
    inner = sorted(found[:3], key=sorted)
    assert inner == [{**base, f"t{n}": "1"} for n in range(3)]
    assert found[3:] == [base, {"outer": "1"}]


def test_callbacks_of_a_loop_leak_nothing() -> None:
    assert tags(
        """
        import asyncio
        install()
        def callback(done):
            crashvault.set_tag('callback', 1); crashvault.capture_message('callback'); done.set_result(None)
        async def main():
            crashvault.set_tag('task', 1)
            done = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(callback, done)
            await done
            crashvault.capture_message('task')
        asyncio.run(main())
        """
    ) == [{"task": "1", "callback": "1"}, {"task": "1"}]


def test_the_global_scope_lies_under_all_others() -> None:
    assert tags(
        """
        import threading
        install()
        scope = crashvault.global_scope()
        scope.set_tag('a', 'global'); scope.set_tag('b', 'global')
        def work(): crashvault.set_tag('b', 'own'); crashvault.capture_message('x')
        thread = threading.Thread(target=work); thread.start(); thread.join()
        scope.clear(); crashvault.capture_message('y')
        """
    ) == [{"a": "global", "b": "own"}, {}]


def test_breadcrumbs_stand_in_order_with_what_they_say() -> None:
    found = event(
        """
        install(clock=lambda: 1_767_607_200_000_000_000)
        crashvault.add_breadcrumb('first')
        crashvault.add_breadcrumb('second', category='db', level='warning', type='query', data={'rows': 3},
                                  timestamp='2026-01-05T09:59:00Z')
        crashvault.capture_message('x')
        """
    )
    assert found["breadcrumbs"]["values"] == [
        {"timestamp": "2026-01-05T10:00:00Z", "message": "first"},
        {"timestamp": "2026-01-05T09:59:00Z", "message": "second", "category": "db", "level": "warning",
         "type": "query", "data": {"rows": 3}},
    ]  # fmt: skip


def test_the_newest_breadcrumbs_stay() -> None:
    found = event(
        "install(max_breadcrumbs=2)\nfor n in range(9): crashvault.add_breadcrumb(str(n))\ncrashvault.capture_message('x')"
    )
    assert [crumb["message"] for crumb in found["breadcrumbs"]["values"]] == ["7", "8"]


# Traces --------------------------------------------------------------------------------------------------------------


def test_a_trace_is_taken_up_and_passed_on() -> None:
    ran = run(
        """
        install()
        print(crashvault.traceparent())
        crashvault.set_traceparent('nonsense'); print(crashvault.traceparent())
        crashvault.set_traceparent('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')
        print(crashvault.traceparent()); crashvault.capture_message('x')
        with crashvault.new_scope() as scope: scope.start_trace(); print(crashvault.traceparent()[3:35] != '4bf92f3577b34da6a3ce929d0e0e4736')
        """
    )
    nothing, still, told, other = ran.out.splitlines()
    assert (nothing, still, other) == ("None", "None", "True") and told.startswith(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-"
    )
    assert ran.events[0]["contexts"]["trace"]["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"


# Hooks ---------------------------------------------------------------------------------------------------------------


def test_before_send_is_shown_a_dictionary_and_may_change_it() -> None:
    found = event(
        """
        def hook(event):
            assert event['exception']['values'][0]['stacktrace']['frames'][0]['vars']
            event['tags'] = {'by': 'hook'}
            return event
        install(before_send=hook)
        def failing(n=1): 1 / 0
        try: failing()
        except ZeroDivisionError as error: crashvault.capture_exception(error.with_traceback(error.__traceback__.tb_next))
        """
    )
    assert found["tags"] == {"by": "hook"} and "before_send" not in flaws(found)


def test_before_send_may_drop() -> None:
    ran = run("install(before_send=lambda event: None)\nprint(crashvault.capture_message('x'))")
    assert (ran.out, ran.events) == ("None\n", [])


def test_a_hook_that_raises_leaves_the_event_as_it_was() -> None:
    found = event(
        "def hook(event): event.clear(); raise KeyError\ninstall(before_send=hook)\ncrashvault.capture_message('x')"
    )
    assert found["message"] == "x" and "KeyError" in flaws(found)["before_send"]


def test_a_hook_that_returns_no_dictionary_leaves_the_event_as_it_was() -> None:
    found = event("install(before_send=lambda event: 'yes')\ncrashvault.capture_message('x')")
    assert found["message"] == "x" and "before_send" in flaws(found)


def test_a_capture_inside_a_hook_does_nothing() -> None:
    ran = run(
        """
        def hook(event):
            crashvault.set_tag('from', 'hook'); crashvault.add_breadcrumb('from hook')
            print(crashvault.capture_message('inner'), crashvault.capture_event({}), crashvault.capture_exception(ValueError()))
            return event
        install(before_send=hook)
        crashvault.capture_message('x')
        """
    )
    assert ran.out == "None None None\n" and len(ran.events) == 1


def test_before_breadcrumb_changes_and_drops() -> None:
    found = event(
        """
        def hook(crumb):
            if crumb.get('category') == 'noise': return None
            if crumb['message'] == 'bad': raise ValueError
            return {**crumb, 'message': crumb['message'] + '!'}
        install(before_breadcrumb=hook)
        crashvault.add_breadcrumb('a'); crashvault.add_breadcrumb('b', category='noise'); crashvault.add_breadcrumb('bad')
        crashvault.capture_message('x')
        """
    )
    assert [crumb["message"] for crumb in found["breadcrumbs"]["values"]] == ["a!"]


def test_a_breadcrumb_hook_may_use_the_scope() -> None:
    found = event(
        """
        def hook(crumb):
            crashvault.set_tag('by', 'hook'); crashvault.add_breadcrumb('within')
            return crumb
        install(before_breadcrumb=hook)
        crashvault.add_breadcrumb('a')
        crashvault.capture_message('x')
        """
    )
    assert found["tags"] == {"by": "hook"}
    assert [crumb["message"] for crumb in found["breadcrumbs"]["values"]] == ["a"]


def test_durability_is_the_scopes_before_the_programs() -> None:
    ran = run(
        """
        install(durability='async')
        crashvault.capture_message('later')
        with crashvault.new_scope() as scope:
            scope.set_durability('process'); crashvault.capture_message('now')
        os.kill(os.getpid(), 9)
        """,
        status=-9,
    )
    assert "now" in [event.get("message") for event in ran.events]
