"""Exceptions, their frames and what they came from, as events."""

from __future__ import annotations

import re

import pytest
from running import event, exceptions, flaws, frames, run, title


def check(raised: str, expected: str) -> None:
    """What is said of ``raise …``."""
    found = event(f"install()\ntry:\n    raise {raised}\nexcept BaseException:\n    crashvault.capture_exception()\n")
    assert title(found) == expected


def test_an_exception_says_its_type_and_words() -> None:
    check("ValueError('no such item')", "ValueError: no such item")


def test_an_exception_without_words_has_none() -> None:
    check("ValueError", "ValueError: ")


def test_words_are_those_of_str() -> None:
    check("KeyError('gone')", "KeyError: 'gone'")


def test_lone_surrogates_are_replaced() -> None:
    found = event("install()\ncrashvault.capture_exception(ValueError('a\\ud800b'))")
    assert re.fullmatch("ValueError: a\ufffd+b", title(found))


def test_ten_megabytes_of_words_are_cut_visibly() -> None:
    found = event("install()\ncrashvault.capture_exception(ValueError('x' * 10_000_000))")
    value = exceptions(found)[0]["value"]
    assert value.endswith("…[cut]") and len(value.encode()) <= 8192


def test_what_capture_returns_is_the_events_id() -> None:
    ran = run("install()\nprint(crashvault.capture_exception(ValueError()))")
    assert ran.out.strip() == ran.events[0]["event_id"]


def test_a_type_has_its_module_unless_it_is_built_in() -> None:
    found = event(
        """
        install()
        import json
        try:
            try: int('x')
            except ValueError as cause: raise json.JSONDecodeError('bad', 'doc', 0) from cause
        except ValueError as error: crashvault.capture_exception(error)
        """
    )
    assert [thrown.get("module") for thrown in exceptions(found)] == [None, "json.decoder"]


def test_frames_stand_outermost_first_with_their_lines() -> None:
    found = event(
        """
        install()
        class Cart:
            def total(self):
                return price({})
        def price(item):
            return item['price']
        try:
            Cart().total()
        except KeyError:
            crashvault.capture_exception()
        """
    )
    functions = [frame["function"] for frame in frames(found)]
    assert functions[0] == "<module>" and functions[1] in ("Cart.total", "total") and functions[2] == "price"
    inner = frames(found)[-1]
    assert inner["filename"] == "program.py" and inner["abs_path"].endswith("/program.py")
    assert inner["module"] == "__main__" and inner["in_app"] is True


def test_source_is_read_when_the_event_is_taken_in() -> None:
    found = event("install()\ntry:\n    {}['x']\nexcept KeyError: crashvault.capture_exception()")
    inner = frames(found)[-1]
    assert inner["context_line"] == "    {}['x']" and inner["pre_context"][-1] == "try:"


def test_frames_of_the_standard_library_are_not_the_programs_own() -> None:
    ran = run(
        """
        install()
        import json
        def load(text): return json.loads(text)
        try: load('{')
        except ValueError: crashvault.capture_exception()
        """
    )
    assert [frame["in_app"] for frame in frames(ran.events[0])] == [True, True, False, False, False]
    library = frames(ran.events[0])[2]
    assert library["filename"] == "json/__init__.py" and "context_line" not in library
    assert ran.issues[0].culprit.startswith("load (program.py:")


def test_an_exception_that_was_never_raised_has_no_frames() -> None:
    found = event("install()\ncrashvault.capture_exception(ValueError('made'))")
    assert "stacktrace" not in exceptions(found)[0]


def test_without_an_exception_nothing_is_captured() -> None:
    ran = run("install()\nprint(crashvault.capture_exception())")
    assert (ran.out, ran.events) == ("None\n", [])


@pytest.mark.parametrize("given", ["'text'", "42", "ValueError", "()", "(1, 2, 3)", "object()"])
def test_what_is_no_exception_is_not_captured(given: str) -> None:
    ran = run(f"install()\nprint(crashvault.capture_exception({given}))")
    assert (ran.out, ran.events) == ("None\n", [])


def test_exc_info_is_taken_too() -> None:
    found = event("install()\ntry: 1/0\nexcept Exception: crashvault.capture_exception(sys.exc_info())")
    assert title(found) == "ZeroDivisionError: division by zero"


def test_options_of_a_capture_are_kept() -> None:
    found = event(
        "install()\ncrashvault.capture_exception(ValueError(), level='warning', mechanism='mine', handled=False)"
    )
    assert found["level"] == "warning"
    assert exceptions(found)[0]["mechanism"] == {"type": "mine", "handled": False}


def test_wrong_options_do_not_lose_the_exception() -> None:
    found = event(
        "install()\ncrashvault.capture_exception(ValueError(), level=object(), mechanism=3, handled='x', fatal=[])"
    )
    assert found["level"] == "error"


def test_a_fatal_one_is_fatal() -> None:
    found = event("install()\ncrashvault.set_level('info')\ncrashvault.capture_exception(ValueError(), fatal=True)")
    assert found["level"] == "fatal"


# What an exception came from -----------------------------------------------------------------------------------------


CHAIN = """
install()
def low(): raise OSError(2, 'no such file')
def middle():
    try: low()
    except OSError as error: raise KeyError('config'){}
try: middle()
except KeyError as error: crashvault.capture_exception(error)
"""


def kinship(source: str) -> list[tuple[object, ...]]:
    """Type, id, parent and source of each exception, the thrown one first."""
    found = reversed(exceptions(event(source)))
    keys = ("exception_id", "parent_id", "source")
    return [(thrown["type"], *(thrown["mechanism"].get(key) for key in keys)) for thrown in found]


def test_a_cause_is_named() -> None:
    assert kinship(CHAIN.format(" from error")) == [
        ("KeyError", 0, None, None),
        ("FileNotFoundError", 1, 0, "__cause__"),
    ]


def test_what_was_being_handled_is_the_context() -> None:
    assert kinship(CHAIN.format("")) == [
        ("KeyError", 0, None, None),
        ("FileNotFoundError", 1, 0, "__context__"),
    ]


def test_a_suppressed_context_is_left_out() -> None:
    found = event(CHAIN.format(" from None"))
    assert [thrown["type"] for thrown in exceptions(found)] == ["KeyError"]


def test_an_error_of_the_system_has_its_number() -> None:
    found = event(CHAIN.format(" from error"))
    assert exceptions(found)[0]["mechanism"]["meta"] == {"errno": {"number": 2}}


def test_a_cycle_of_causes_ends() -> None:
    found = event(
        """
        install()
        one, two = ValueError('one'), ValueError('two')
        one.__cause__, two.__cause__ = two, one
        crashvault.capture_exception(one)
        """
    )
    assert [thrown["value"] for thrown in exceptions(found)] == ["two", "one"]


def test_a_long_chain_is_bounded() -> None:
    found = event(
        """
        install()
        error = None
        for number in range(1000):
            outer = ValueError(str(number)); outer.__cause__ = error; error = outer
        crashvault.capture_exception(error)
        """
    )
    assert len(exceptions(found)) == 50 and exceptions(found)[-1]["value"] == "999"
    assert "exception" in flaws(found)


needs_groups = pytest.mark.skipif("not hasattr(__import__('builtins'), 'ExceptionGroup')")


@needs_groups
def test_the_members_of_a_group_are_its_children() -> None:
    assert kinship(
        """
        install()
        inner = ExceptionGroup('inner', [TypeError('t')])
        crashvault.capture_exception(ExceptionGroup('outer', [ValueError('v'), inner]))
        """
    ) == [
        ("ExceptionGroup", 0, None, None),
        ("ValueError", 1, 0, "exceptions[0]"),
        ("ExceptionGroup", 2, 0, "exceptions[1]"),
        ("TypeError", 3, 2, "exceptions[0]"),
    ]


@needs_groups
def test_notes_are_lines_below_the_words() -> None:
    found = event(
        """
        install()
        error = ValueError('words')
        error.add_note('first'); error.add_note('second\\nthird')
        crashvault.capture_exception(error)
        """
    )
    assert exceptions(found)[0]["value"] == "words\nfirst\nsecond\nthird"


def test_a_syntax_error_has_its_own_place_innermost() -> None:
    ran = run(
        """
        install()
        with open('broken.py', 'w') as file: file.write('fine = 1\\ndef (:\\n')
        sys.path.insert(0, os.getcwd())
        try: import broken
        except SyntaxError: crashvault.capture_exception()
        os.utime('broken.py', (1, 1))
        os.rename('broken.py', 'other.py')
        """
    )
    inner = frames(ran.events[0])[-1]
    assert (inner["filename"], inner["lineno"]) == ("broken.py", 2)
    assert ran.issues[0].culprit == "<module> (broken.py:2)"


def test_endless_recursion_keeps_both_ends_and_says_what_is_left_out() -> None:
    found = event(
        """
        install()
        sys.setrecursionlimit(2000)
        def first(n): return second(n)
        def second(n): return first(n + 1)
        try: first(0)
        except RecursionError: crashvault.capture_exception()
        """
    )
    kept = frames(found)
    assert len(kept) == 100 and kept[0]["function"] == "<module>"
    start, end = exceptions(found)[0]["stacktrace"]["frames_omitted"]
    assert start == 50 and end > 1500


# Messages and built events -------------------------------------------------------------------------------------------


def test_a_message_has_its_level_and_its_callers_place() -> None:
    found = event("install()\ndef hello():\n    crashvault.capture_message('hello', 'warning')\nhello()")
    assert (found["message"], found["level"], found["platform"]) == ("hello", "warning", "python")
    assert re.fullmatch(r".*program\.py:\d+", found["contexts"]["crashvault"]["location"])


@pytest.mark.parametrize("given", ["None", "42", "b'x'", "object()", "['a']"])
def test_a_message_that_is_no_text_is_kept_all_the_same(given: str) -> None:
    assert event(f"install()\ncrashvault.capture_message({given}, level=3.5)")["level"] == "info"


def test_a_built_event_takes_what_it_leaves_open_from_the_scope() -> None:
    found = event(
        """
        install(release='shop@1')
        crashvault.set_tags({'a': 1, 'b': 2})
        crashvault.capture_event({'message': 'built', 'tags': {'b': 'own'}, 'level': 'warning', 'odd': [1, {'x': None}]})
        """
    )
    assert found["tags"] == {"a": "1", "b": "own"} and found["release"] == "shop@1"
    assert found["platform"] == "python" and found["level"] == "warning"


def test_a_built_events_id_is_kept() -> None:
    ran = run("install()\nprint(crashvault.capture_event({'event_id': 'a' * 32, 'message': 'x'}))")
    assert ran.out.strip() == "a" * 32 == ran.events[0]["event_id"]


@pytest.mark.parametrize("given", ["None", "42", "[1]", "'{}'"])
def test_what_is_no_event_is_not_captured(given: str) -> None:
    ran = run(f"install()\nprint(crashvault.capture_event({given}))")
    assert (ran.out, ran.events) == ("None\n", [])


def test_a_built_event_that_holds_itself_is_kept() -> None:
    found = event(
        """
        install()
        extra = {'when': __import__('datetime').date(2026, 1, 5), 'self': None, 'of': object()}
        extra['self'] = extra
        crashvault.capture_event({'message': 'loop', 'extra': extra})
        """
    )
    assert found["extra"]["when"] == "2026-01-05" and found["extra"]["of"] == "<object>"


# Before, after and around --------------------------------------------------------------------------------------------


def test_nothing_is_captured_before_install() -> None:
    ran = run("print(crashvault.capture_exception(ValueError()), crashvault.capture_message('x'))\ninstall()")
    assert (ran.out, ran.events) == ("None None\n", [])


def test_nothing_is_captured_after_close() -> None:
    ran = run(
        """
        install()
        crashvault.close()
        crashvault.set_tag('a', 1); crashvault.add_breadcrumb('b')
        with crashvault.new_scope() as scope: scope.set_tag('c', 1)
        print(crashvault.capture_exception(ValueError()), crashvault.capture_message('x'), crashvault.capture_event({}))
        print(crashvault.traceparent(), crashvault.flush())
        """
    )
    assert ran.out == "None None None\nNone True\n" and ran.events == []


def test_a_second_install_changes_nothing() -> None:
    ran = run("print(install(release='a').is_first, install(release='b').is_first)\ncrashvault.capture_message('x')")
    assert ran.out == "True False\n" and ran.events[0]["release"] == "a"


def test_a_place_that_cannot_be_written_is_told_and_loses_captures_quietly() -> None:
    ran = run(
        """
        open('file', 'w').close()
        installed = crashvault.install(vault='file/vault')
        print(bool(installed.note))
        print(crashvault.capture_message('x'), crashvault.health().lost_count)
        """
    )
    assert ran.out == "True\nNone 1\n"


@pytest.mark.parametrize(
    "options, error",
    [
        ("sample_rate=2", "ValueError"),
        ("durability='never'", "ValueError"),
        ("before_send=3", "TypeError"),
        ("clock='now'", "TypeError"),
        ("tags=3", "TypeError"),
        ("unknown=3", "TypeError"),
    ],
)
def test_a_wrong_option_is_refused(options: str, error: str) -> None:
    ran = run(f"try: install({options})\nexcept Exception as error: print(type(error).__name__)")
    assert ran.out == error + "\n"


def test_health_counts() -> None:
    ran = run(
        """
        install(before_send=lambda event: None if event['level'] == 'info' else event)
        crashvault.capture_message('dropped'); crashvault.capture_message('kept', 'error')
        health = crashvault.health()
        print(health.captured_count, health.refused_count, health.lost_count, health.last_failure)
        """
    )
    assert ran.out == "1 1 0 None\n"


def test_the_clock_is_the_one_that_was_given() -> None:
    found = event("install(clock=lambda: 1_767_607_200_000_000_000)\ncrashvault.capture_message('x')")
    assert found["timestamp"] == "2026-01-05T10:00:00Z"
    as_datetime = """
        from datetime import datetime, timezone
        install(clock=lambda: datetime(2026, 1, 5, 10, tzinfo=timezone.utc))
        crashvault.capture_message('x')
    """
    assert event(as_datetime)["timestamp"] == "2026-01-05T10:00:00Z"


def test_floods_are_thinned_by_the_place_that_throws() -> None:
    ran = run(
        """
        install(clock=lambda: 1_767_607_200_000_000_000)
        def here(): raise ValueError('same')
        def there(): raise ValueError('same')
        ids = []
        for number in range(100):
            for place in (here, there):
                try: place()
                except ValueError: ids.append(crashvault.capture_exception())
        print(len([id for id in ids if id]), crashvault.health().throttled_count)
        """
    )
    assert ran.out == "100 100\n" and len(ran.events) == 100
