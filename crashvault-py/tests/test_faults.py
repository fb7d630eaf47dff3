"""Crashes by signals: the event tells the Python frames of all threads, and faulthandler is the program's as ever."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from running import frames, read, title

INSTALL = "import crashvault; crashvault.install(vault={vault!r}, drain=False{more})"
SEGV = "SIGSEGV / SEGV_MAPERR: nothing is mapped at 0x0000000000000000"
CRASH = """import ctypes
def poke():
    ctypes.string_at(0)
poke()"""


def ended(source: str, home: Path, first_line: str, *flags: str) -> Any:
    """How a program of this first line ends, and what it prints."""
    script = home / "program.py"
    script.write_text(f"{first_line}\n{source}\n", encoding="utf-8")
    command = [sys.executable, *flags, script.name]
    return subprocess.run(command, cwd=home, capture_output=True, timeout=60, check=False)


def without_numbers(text: bytes) -> bytes:
    """What differs from one run to the next: where threads are."""
    return re.sub(rb"0x[0-9a-f]+", b"", text)


def both(source: str, home: Path, *flags: str, more: str = "") -> Tuple[Any, List[Dict[str, Any]]]:
    """Ends as without Crashvault; what it left."""
    plain = ended(source, home, "pass", *flags)
    vault = home / "vault"
    told = ended(source, home, INSTALL.format(vault=str(vault), more=more), *flags)
    assert (told.returncode, told.stdout) == (plain.returncode, plain.stdout), told.stderr.decode()
    assert without_numbers(told.stderr) == without_numbers(plain.stderr)
    events: List[Dict[str, Any]] = read(vault)[0]
    assert list((vault / "journal").iterdir()) == [], "all is drained"
    return told, events


def own_functions(event: Dict[str, Any]) -> List[str]:
    """The functions of the program itself, outermost first."""
    return [frame["function"] for frame in frames(event) if frame.get("in_app")]


def test_the_python_frames_stand_before_the_native_ones(tmp_path: Path) -> None:
    told, [event] = both(CRASH, tmp_path)
    assert (title(event), told.stderr) == (SEGV, b"")
    assert own_functions(event) == ["<module>", "poke"]
    innermost = frames(event)[-1]
    assert innermost["platform"] == "native" and innermost["in_app"] is False
    names = [frame.get("function") for frame in frames(event)]
    assert names[2] == "string_at" and "_PyEval_EvalFrameDefault" not in names
    line = frames(event)[1]
    assert (line["lineno"], line["context_line"]) == (4, "    ctypes.string_at(0)")


def test_the_whole_native_stack_is_the_threads(tmp_path: Path) -> None:
    [event] = both(CRASH, tmp_path)[1]
    [thread] = event["threads"]["values"]
    assert thread["crashed"] is True
    names = [frame.get("function") for frame in thread["stacktrace"]["frames"]]
    assert "_PyEval_EvalFrameDefault" in names


def test_other_threads_are_told(tmp_path: Path) -> None:
    source = """import os, threading
ready = threading.Event()
def wait():
    ready.set()
    threading.Event().wait()
threading.Thread(target=wait, daemon=True).start()
ready.wait()
os.abort()"""
    [event] = both(source, tmp_path)[1]
    assert title(event) == "SIGABRT: the program aborted"
    crashed, other = event["threads"]["values"]
    assert (crashed["crashed"], other["crashed"]) == (True, False)
    shown = [frame["function"] for frame in other["stacktrace"]["frames"] if frame["in_app"]]
    assert shown == ["wait"]


def test_a_crash_in_a_thread(tmp_path: Path) -> None:
    source = """import ctypes, threading
def poke():
    ctypes.string_at(0)
thread = threading.Thread(target=poke)
thread.start(); thread.join()"""
    [event] = both(source, tmp_path)[1]
    assert (title(event), own_functions(event)) == (SEGV, ["poke"])


def test_a_stack_that_overflows_in_c(tmp_path: Path) -> None:
    source = """import sys
sys.setrecursionlimit(1 << 30)
def down(_):
    return [0].sort(key=down)
down(0)"""
    told, [event] = both(source, tmp_path)
    assert told.returncode == -11
    assert "the stack overflowed" in title(event)
    assert own_functions(event)[-1] == "down"


def test_an_error_of_the_interpreter_is_told_by_itself(tmp_path: Path) -> None:
    told, [event] = both("import ctypes\nctypes.pythonapi.Py_FatalError(b'odd')", tmp_path)
    assert told.stderr.startswith(b"Fatal Python error: ")
    assert title(event) == "SIGABRT: the program aborted"


def test_a_signal_that_somebody_sends(tmp_path: Path) -> None:
    source = "import os, signal\ndef stop():\n    os.kill(os.getpid(), signal.SIGSEGV)\nstop()"
    told, [event] = both(source, tmp_path)
    assert told.returncode == -11 and own_functions(event) == ["<module>", "stop"]


def test_a_child_that_captured_tells_its_own(tmp_path: Path) -> None:
    source = """import ctypes, os
def poke():
    ctypes.string_at(0)
child = os.fork()
if child == 0:
    try:
        import crashvault; crashvault.capture_message("alive")
    except ImportError: pass
    poke()
os.waitpid(child, 0)"""
    events = both(source, tmp_path)[1]
    assert [title(event) for event in events] == ["alive", SEGV]
    assert own_functions(events[1]) == ["<module>", "poke"]


def test_a_child_that_did_not_capture_writes_nothing_of_its_parent(tmp_path: Path) -> None:
    source = """import ctypes, os
child = os.fork()
if child == 0:
    ctypes.string_at(0)
os.waitpid(child, 0)
def fail():
    os.abort()
fail()"""
    events = both(source, tmp_path)[1]
    assert {title(event) for event in events} == {SEGV, "SIGABRT: the program aborted"}
    [parents] = [event for event in events if "SIGABRT" in title(event)]
    assert own_functions(parents) == ["<module>", "fail"]


@pytest.mark.parametrize(
    "end", ["pass", "import os; os._exit(0)", "import sys; sys.exit(3)", "raise KeyboardInterrupt"]
)
def test_a_good_end_leaves_nothing(end: str, tmp_path: Path) -> None:
    assert both(end, tmp_path)[1] == []


@pytest.mark.parametrize("more", [", native=False", ", hooks=False"])
def test_who_wants_no_such_crashes_has_faulthandler_alone(more: str, tmp_path: Path) -> None:
    both("import faulthandler; print(faulthandler.is_enabled(), faulthandler.disable.__module__)", tmp_path, more=more)


def test_a_program_that_enabled_it_keeps_its_output(tmp_path: Path) -> None:
    told, [event] = both(CRASH, tmp_path, "-X", "faulthandler")
    assert told.stderr.startswith(b"Fatal Python error: Segmentation fault")
    assert title(event) == SEGV


def test_a_program_that_enables_it_later_gets_its_output(tmp_path: Path) -> None:
    told, [event] = both(f"import faulthandler\nfaulthandler.enable()\n{CRASH}", tmp_path)
    assert told.stderr.startswith(b"Fatal Python error: Segmentation fault")
    assert title(event) == SEGV


def test_a_program_that_enables_it_for_another_file_gets_it_there(tmp_path: Path) -> None:
    source = f"import faulthandler\nfile = open('own.txt', 'w')\nfaulthandler.enable(file, all_threads=False)\n{CRASH}"
    [event] = both(source, tmp_path)[1]
    assert "in poke" in (tmp_path / "own.txt").read_text()
    assert title(event) == SEGV


def test_whether_it_is_enabled_is_what_the_program_did(tmp_path: Path) -> None:
    source = f"""import faulthandler
print(faulthandler.is_enabled(), faulthandler.disable())
faulthandler.enable()
print(faulthandler.is_enabled(), faulthandler.disable())
print(faulthandler.is_enabled(), faulthandler.disable())
{CRASH}"""
    told, [event] = both(source, tmp_path)
    assert told.stderr == b"", "it was disabled"
    assert own_functions(event) == ["<module>", "poke"], "and ours goes on"


def test_what_is_in_a_file_that_took_the_number_stays(tmp_path: Path) -> None:
    source = f"""import os
os.closerange(3, 100)
files = [open("own.txt", "wb") for _ in range(20)]
{CRASH}"""
    both(source, tmp_path)
    assert (tmp_path / "own.txt").read_bytes() == b""


def test_a_handler_of_the_programs_own_is_asked_as_ever(tmp_path: Path) -> None:
    source = """import os, signal
signal.signal(signal.SIGABRT, lambda *_: print("asked", flush=True))
os.kill(os.getpid(), signal.SIGABRT)
print("on")"""
    told, events = both(source, tmp_path)
    assert told.stdout == b"asked\non\n" and events == []
