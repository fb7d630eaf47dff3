"""Local variables: what is shown of them, and what is never asked."""

from __future__ import annotations

from typing import Any

from running import event, flaws, frames, run


def check(value: str, expected: Any, setup: str = "") -> None:
    """How ``value`` is shown as a variable."""
    source = (
        "install()\n"
        + setup
        + f"\ndef failing(it): raise ValueError\ntry: failing({value})\nexcept ValueError: crashvault.capture_exception()"
    )
    assert frames(event(source))[-1]["vars"]["it"] == expected


def test_plain_values_are_themselves() -> None:
    check(
        "[None, True, 42, -1.5, 'text', b'by\\xfftes', (1, 2), {3}]",
        [None, True, 42, -1.5, "text", "by\ufffdtes", [1, 2], [3]],
    )


def test_numbers_that_json_lacks_are_texts() -> None:
    check("[float('nan'), float('-inf'), 10 ** 30]", ["NaN", "-inf", "1" + "0" * 30])


def test_dictionaries_show_their_keys_as_texts() -> None:
    check("{'a': 1, 2: 3, None: 4, (1, 2): 5}", {"a": 1, "2": 3, "null": 4, "[1,2]": 5})


def test_long_texts_are_cut() -> None:
    check("'x' * 1000", "x" * 248 + "…[cut]")


def test_long_containers_say_how_much_is_left_out() -> None:
    check("list(range(100))", [*range(10), "… 90 more"])
    check("{n: n for n in range(12)}", {**{str(n): n for n in range(10)}, "…": "2 more"})


def test_deep_ones_end() -> None:
    check("[[[[1]]]]", [[["…[cut]"]]])


def test_secrets_are_filtered_at_any_depth() -> None:
    check(
        "{'a': {'api_key': 'x'}, 'h': ('Cookie', 'x')}", {"a": {"api_key": "[Filtered]"}, "h": ["Cookie", "[Filtered]"]}
    )


def test_objects_are_their_type_and_nothing_of_theirs_runs() -> None:
    setup = """
class Meta(type):
    def __getattribute__(cls, name): raise SystemExit
    def __instancecheck__(cls, other): raise SystemExit
class Hostile(metaclass=Meta):
    def __getattribute__(self, name): raise SystemExit
    def __repr__(self): raise SystemExit
    __str__ = __iter__ = __len__ = __bool__ = __eq__ = __hash__ = __repr__
class Liar:
    __class__ = property(lambda self: str)
class Dict(dict):
    def __iter__(self): raise SystemExit
    items = keys = __len__ = __getitem__ = __iter__
class Text(str):
    def __getitem__(self, at): raise SystemExit
"""
    check(
        "[Hostile(), Liar(), Dict(a=1), Text('t')]",
        ["<__main__.Hostile>", "<__main__.Liar>", "<__main__.Dict>", "<__main__.Text>"],
        setup,
    )


def test_a_cycle_ends() -> None:
    check("loop", [[["…[cut]"]]], "loop = []; loop.append(loop)")


def test_ten_variables_of_a_frame_are_kept_arguments_first() -> None:
    found = event(
        """
        install()
        def failing(first, second):
            a = b = c = d = e = f = g = h = i = j = 0
            raise ValueError
        try: failing(1, 2)
        except ValueError: crashvault.capture_exception()
        """
    )
    shown = frames(found)[-1]["vars"]
    assert len(shown) == 10 and shown["first"] == 1 and shown["second"] == 2


def test_a_module_shows_what_it_works_on_and_not_what_it_is_made_of() -> None:
    found = event(
        """
        install()
        import json
        def function(): pass
        class Class: pass
        count = 3
        try: 1 / 0
        except ZeroDivisionError: crashvault.capture_exception()
        """
    )
    assert frames(found)[-1]["vars"]["count"] == 3
    assert not {"json", "function", "Class", "__name__", "crashvault"} & set(frames(found)[-1]["vars"])


def test_locals_can_be_left_out() -> None:
    found = event("install(locals=False)\nsecret = 1\ntry: 1 / 0\nexcept Exception: crashvault.capture_exception()")
    assert "vars" not in frames(found)[-1]


def test_the_innermost_frames_come_first_where_not_all_fit() -> None:
    ran = run(
        """
        install()
        def failing(n, *many):
            values = {str(k): ['x' * 200] * 10 for k in range(10)}
            if n: failing(n - 1)
            raise ValueError
        try: failing(90)
        except ValueError: crashvault.capture_exception()
        """
    )
    found = ran.events[0]
    assert "vars" in frames(found)[-1] and "vars" not in frames(found)[1]
    assert "vars" in flaws(found)


def test_names_of_a_class_body_with_a_namespace_of_its_own_are_not_asked() -> None:
    found = event(
        """
        install()
        class Namespace(dict):
            def __iter__(self): raise SystemExit
            items = keys = __iter__
        class Meta(type):
            @classmethod
            def __prepare__(cls, name, bases): return Namespace()
        try:
            class Odd(metaclass=Meta):
                attribute = 1
                1 / 0
        except ZeroDivisionError: crashvault.capture_exception()
        """
    )
    assert "vars" not in frames(found)[-1]
