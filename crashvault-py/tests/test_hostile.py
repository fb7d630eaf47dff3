"""What goes wrong around a capture: it does not become the host's business, and the event is kept as well as can be."""

from __future__ import annotations

import pytest
from running import event, exceptions, flaws, frames, run, title


@pytest.mark.parametrize("error", ["RuntimeError", "SystemExit", "RecursionError", "MemoryError", "GeneratorExit"])
def test_an_exception_that_cannot_say_itself_is_kept(error: str) -> None:
    found = event(
        f"""
        install()
        class Odd(Exception):
            def __str__(self): raise {error}
        try: raise Odd
        except Odd: crashvault.capture_exception()
        """
    )
    assert title(found) == f"Odd: <its __str__ raised {error}>" and "exception" in flaws(found)


def test_a_capture_where_the_stack_is_full_still_knows_what_was_thrown() -> None:
    ran = run(
        """
        install(throttle=False)
        ids = []
        def deeper():
            try: deeper()
            except RecursionError:
                if len(ids) < 5: ids.append(crashvault.capture_exception())
                raise
        try: deeper()
        except RecursionError: print(len(ids), None in ids)
        """
    )
    assert ran.out == "5 False\n"
    assert all(title(found).startswith("RecursionError: maximum recursion depth") for found in ran.events)


def test_an_exception_whose_str_is_no_text_is_kept() -> None:
    found = event(
        "install()\nclass Odd(Exception):\n    def __str__(self): return 3\ncrashvault.capture_exception(Odd())"
    )
    assert title(found) == "Odd: <its __str__ raised TypeError>"


def test_the_users_interrupt_passes_on_and_the_event_is_kept() -> None:
    ran = run(
        """
        install()
        class Odd(Exception):
            def __str__(self): raise KeyboardInterrupt
        try: crashvault.capture_exception(Odd())
        except KeyboardInterrupt: print('interrupted')
        print(crashvault.capture_message('next') is not None)
        """
    )
    assert ran.out == "interrupted\nTrue\n" and len(ran.events) == 2


def test_an_exception_that_hides_its_own_parts_is_read_from_below() -> None:
    found = event(
        """
        install()
        class Odd(ValueError):
            __class__ = property(lambda self: 1 / 0)
            __cause__ = __context__ = __traceback__ = __suppress_context__ = __notes__ = property(lambda self: 1 / 0)
            def __getattribute__(self, name): raise SystemExit
        def failing(): raise Odd('words')
        try: failing()
        except ValueError as error: crashvault.capture_exception(error)
        """
    )
    assert title(found) == "Odd: words" and frames(found)[-1]["function"] == "failing"


def test_odd_notes_and_groups_are_passed_over() -> None:
    found = event(
        """
        install()
        error = ValueError('words')
        error.__notes__ = [3, None, 'note', '\\ud800']
        error.__dict__['__crashvault_event__'] = 5
        crashvault.capture_exception(error, mechanism='auto')
        """
    )
    assert exceptions(found)[0]["value"].startswith("words\nnote\n\ufffd")


def test_an_exception_whose_type_lies_about_its_name_is_kept() -> None:
    found = event(
        """
        install()
        Odd = type('Odd', (Exception,), {'__module__': 3})
        Odd.__qualname__ = 'a\\ud800' + 'b' * 10_000
        crashvault.capture_exception(Odd('words'))
        """
    )
    assert exceptions(found)[0]["type"].startswith("a\ufffd") and exceptions(found)[0]["value"] == "words"


def test_code_that_was_made_of_nothing_is_kept() -> None:
    found = event(
        """
        install()
        code = compile('raise ValueError', 'no such\\ud800 file', 'exec')
        try: exec(code, {'__name__': 3, '__file__': []})
        except ValueError: crashvault.capture_exception()
        """
    )
    inner = frames(found)[-1]
    assert inner["function"] == "<module>" and inner["filename"].startswith("no such")


def test_one_exception_through_several_hands_is_one_event() -> None:
    ran = run(
        """
        install()
        @crashvault.capture_errors
        @crashvault.capture_errors
        def failing(): 1 / 0
        failing()
        """,
        status=1,
    )
    assert len(ran.events) == 1 and ran.err.endswith("ZeroDivisionError: division by zero\n")


def test_an_exception_that_is_captured_by_hand_is_an_event_each_time() -> None:
    ran = run(
        "install()\nerror = ValueError()\nprint(crashvault.capture_exception(error) != crashvault.capture_exception(error))"
    )
    assert ran.out == "True\n" and len(ran.events) == 2


def test_a_captured_exception_can_be_pickled_and_copied() -> None:
    ran = run(
        """
        install()
        import copy, pickle
        error = ValueError('words'); crashvault.capture_exception(error)
        print(repr(pickle.loads(pickle.dumps(error))), repr(copy.deepcopy(error)))
        """
    )
    assert ran.out == "ValueError('words') ValueError('words')\n"


def test_many_threads_capture_at_once() -> None:
    ran = run(
        """
        import threading
        install(throttle=False)
        def work(name):
            crashvault.set_tag('thread', name)
            for number in range(50):
                crashvault.add_breadcrumb(f'{name} {number}')
                try: raise ValueError(name)
                except ValueError: crashvault.capture_exception()
        threads = [threading.Thread(target=work, args=(f't{n}',), name=f't{n}') for n in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """
    )
    assert len(ran.events) == 400
    for found in ran.events:
        name = found["tags"]["thread"]
        assert title(found) == f"ValueError: {name}" and found["threads"]["values"][0]["name"] == name
        assert all(crumb["message"].startswith(name) for crumb in found["breadcrumbs"]["values"])


def test_one_scope_in_several_threads_stays_whole() -> None:
    ran = run(
        """
        import contextvars, threading
        install(throttle=False)
        crashvault.set_tag('shared', 1)
        class Slow(Exception):
            def __str__(self):
                import time; time.sleep(0.001); return 'slow'
        def work():
            for number in range(20): crashvault.capture_exception(Slow())
        threads = [threading.Thread(target=contextvars.copy_context().run, args=(work,)) for n in range(4)]
        for thread in threads: thread.start()
        work()
        for thread in threads: thread.join()
        """
    )
    assert len(ran.events) == 100 and all(found["tags"] == {"shared": "1"} for found in ran.events)


def test_a_signal_handler_may_capture() -> None:
    ran = run(
        """
        import signal
        install(throttle=False)
        def alarm(*_):
            crashvault.capture_message('alarm')
            again()  # not before: on a slow machine nothing else would ever run
        def again(): signal.setitimer(signal.ITIMER_REAL, 0.001)
        signal.signal(signal.SIGALRM, alarm)
        again()
        class Slow(Exception):
            def __str__(self):
                for _ in range(1000): pass
                return 'slow'
        ids = [crashvault.capture_exception(Slow()) for _ in range(300)]
        again = lambda: None
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(all(ids))
        """
    )
    assert ran.out == "True\n"
    assert sum(title(found) == "Slow: slow" for found in ran.events) == 300


def test_a_capture_while_the_interpreter_ends_is_kept_and_harmless() -> None:
    ran = run(
        """
        install()
        class Late:
            def __init__(self): self.capture = crashvault.capture_exception
            def __del__(self):
                try: raise ValueError('late')
                except ValueError: self.capture()
        late = Late()
        import atexit
        atexit.register(lambda: crashvault.capture_message('at exit'))
        """
    )
    assert ran.err == "" and {"at exit", "ValueError: late"} == {title(found) for found in ran.events}


def test_a_forked_child_captures_for_itself() -> None:
    ran = run(
        """
        install()
        crashvault.set_tag('who', 'parent'); crashvault.capture_message('parent')
        pid = os.fork()
        if pid == 0:
            crashvault.set_tag('who', 'child')
            print(crashvault.capture_message('child') is not None, flush=True)
            crashvault.close(); os._exit(0)
        os.waitpid(pid, 0)
        crashvault.capture_message('parent again')
        """
    )
    assert ran.out == "True\n"
    assert {title(found): found["tags"]["who"] for found in ran.events} == {
        "parent": "parent",
        "child": "child",
        "parent again": "parent",
    }


def test_a_fork_among_capturing_threads_does_not_hang() -> None:
    ran = run(
        """
        import threading, time
        install(throttle=False)
        done = False
        def work():
            while not done: crashvault.capture_message('thread'); time.sleep(0.0005)
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads: thread.start()
        for number in range(20):
            pid = os.fork()
            if pid == 0:
                crashvault.capture_message('child'); crashvault.close(); os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
        done = True
        for thread in threads: thread.join()
        """
    )
    assert sum(title(found) == "child" for found in ran.events) == 20


def test_a_second_interpreter_is_refused_and_the_first_goes_on() -> None:
    ran = run(
        """
        install()
        try: import _xxsubinterpreters as interpreters
        except ImportError: import _interpreters as interpreters
        other = interpreters.create()
        lines = [f'import sys; sys.path[:] = {sys.path!r}', 'try: import crashvault', 'except ImportError: pass',
                 'else: raise SystemError("imported")']
        source = '\\n'.join(lines)
        interpreters.run_string(other, source)
        interpreters.destroy(other)
        crashvault.capture_message('still here')
        """
    )
    assert title(ran.events[0]) == "still here"


# Decorators ----------------------------------------------------------------------------------------------------------


def test_functions_of_all_kinds_are_captured_and_raise_on() -> None:
    ran = run(
        """
        import asyncio
        install()
        @crashvault.capture_errors
        def function(x): raise ValueError('function')
        @crashvault.capture_errors()
        def generator(): yield 1; raise ValueError('generator')
        @crashvault.capture_errors(level='warning')
        async def coroutine(): raise ValueError('coroutine')
        @crashvault.capture_errors
        async def asynchronous():
            got = yield 1
            assert got == 'sent'
            try: yield 2
            except KeyError: pass
            raise ValueError('asynchronous')
        class Shop:
            @crashvault.capture_errors
            def method(self): raise ValueError('method')
        async def walk():
            steps = asynchronous()
            assert await steps.asend(None) == 1 and await steps.asend('sent') == 2
            await steps.athrow(KeyError())
        for work in (lambda: function(1), lambda: list(generator()), lambda: asyncio.run(coroutine()), lambda: asyncio.run(walk()),
                     Shop().method):
            try: work()
            except ValueError: print('raised')
        print(function.__name__, asyncio.iscoroutinefunction(coroutine))
        """
    )
    assert ran.out == "raised\n" * 5 + "function True\n"
    assert [exceptions(found)[0]["value"] for found in ran.events] == [
        "function",
        "generator",
        "coroutine",
        "asynchronous",
        "method",
    ]
    assert ran.events[2]["level"] == "warning"


def test_a_block_may_end_its_exceptions() -> None:
    ran = run(
        """
        install()
        with crashvault.capture_errors(reraise=False): 1 / 0
        quiet = crashvault.capture_errors(reraise=False)(lambda: 1 / 0)
        print(quiet())
        """
    )
    assert ran.out == "None\n" and len(ran.events) == 2


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit", "GeneratorExit"])
def test_ends_that_were_asked_for_are_left_alone(error: str) -> None:
    ran = run(
        f"""
        install()
        try:
            with crashvault.capture_errors(reraise=False): raise {error}
        except BaseException as error: print(type(error).__name__)
        """
    )
    assert (ran.out, ran.events) == (error + "\n", [])
