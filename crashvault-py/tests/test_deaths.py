"""Ways in which a program ends: what is kept, and that it ends as it would have."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, List, Optional

import pytest
from running import read, title

INSTALL = "import crashvault; crashvault.install(vault={vault!r}, drain=False)"


def ended(source: str, home: Path, first_line: str) -> Any:
    """What a program of this first line prints, and its status."""
    script = home / "program.py"
    script.write_text(f"{first_line}\n{source}\n", encoding="utf-8")
    return subprocess.run([sys.executable, script.name], cwd=home, capture_output=True, timeout=60, check=False)


def without_addresses(text: bytes) -> bytes:
    """What differs from one run to the next."""
    return re.sub(rb"0x[0-9a-f]+|pid=\d+", b"", text)


def dies(source: str, tmp_path: Path, expected: List[str], mechanism: Optional[str] = None) -> List[Any]:
    """Leaves events of these titles, and ends as without Crashvault."""
    plain = ended(source, tmp_path, "pass")
    vault = tmp_path / "vault"
    told = ended(source, tmp_path, INSTALL.format(vault=str(vault)))
    assert told.returncode == plain.returncode, told.stderr.decode()
    assert told.stdout == plain.stdout
    assert without_addresses(told.stderr) == without_addresses(plain.stderr)
    events: List[Any] = read(vault)[0]
    assert [title(event) for event in events] == expected
    if mechanism is not None:
        assert events[0]["exception"]["values"][-1]["mechanism"]["type"] == mechanism
    return events


def test_an_exception_that_nobody_catches(tmp_path: Path) -> None:
    [event] = dies("{}['tea']", tmp_path, ["KeyError: 'tea'"], "excepthook")
    assert event["level"] == "fatal"
    assert event["exception"]["values"][0]["mechanism"]["handled"] is False


def test_an_exception_in_a_thread(tmp_path: Path) -> None:
    source = "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='worker')\nt.start(); t.join()"
    [event] = dies(source, tmp_path, ["ZeroDivisionError: division by zero"], "threading")
    assert event["threads"]["values"][0]["name"] == "worker"


def test_a_task_that_nobody_awaits(tmp_path: Path) -> None:
    source = """import asyncio
async def work():
    raise ValueError("in a task")
async def main():
    asyncio.ensure_future(work())
    await asyncio.sleep(0.01)
asyncio.run(main())"""
    dies(source, tmp_path, ["ValueError: in a task"], "asyncio")


def test_the_main_task(tmp_path: Path) -> None:
    source = "import asyncio\nasync def main():\n    raise ValueError('main')\nasyncio.run(main())"
    dies(source, tmp_path, ["ValueError: main"], "excepthook")


def test_a_destructor(tmp_path: Path) -> None:
    source = "class D:\n    def __del__(self):\n        raise ValueError('late')\nd = D()\ndel d"
    dies(source, tmp_path, ["ValueError: late"], "unraisablehook")


def test_a_function_at_the_end(tmp_path: Path) -> None:
    source = "import atexit\natexit.register(lambda: {}['end'])"
    dies(source, tmp_path, ["KeyError: 'end'"], "unraisablehook")


@pytest.mark.parametrize("end", ["sys.exit(3)", "sys.exit('bye')", "raise KeyboardInterrupt", "os._exit(4)"])
def test_an_end_that_was_wanted_is_no_event(end: str, tmp_path: Path) -> None:
    dies(f"import os, sys\n{end}", tmp_path, [])


def test_another_program_is_no_event(tmp_path: Path) -> None:
    dies("import os, sys\nos.execv(sys.executable, ['python', '-c', 'print(1)'])", tmp_path, [])


def test_a_program_that_could_not_become_another_is_seen_to_die(tmp_path: Path) -> None:
    source = """import os, signal
try:
    os.execv("/nowhere", ["nowhere"])
except FileNotFoundError:
    pass
os.kill(os.getpid(), signal.SIGKILL)"""
    events = dies(source, tmp_path, ["ended without notice: killed, _exit or exec"])
    assert events[0]["level"] == "warning"


def test_a_recursion_without_end(tmp_path: Path) -> None:
    source = "def f():\n    f()\nf()"
    [event] = dies(source, tmp_path, ["RecursionError: maximum recursion depth exceeded"])
    frames = event["exception"]["values"][0]["stacktrace"]["frames"]
    assert len(frames) == 100


def test_no_memory(tmp_path: Path) -> None:
    dies("bytearray(1 << 60)", tmp_path, ["MemoryError: "])


def test_a_syntax_error_in_an_import(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n", encoding="utf-8")
    [event] = dies("import broken", tmp_path, ["SyntaxError: invalid syntax (broken.py, line 1)"])
    assert event["level"] == "fatal"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_process(method: str, tmp_path: Path) -> None:
    source = f"""import multiprocessing
def work():
    raise ValueError("in a child")
if __name__ == "__main__":
    child = multiprocessing.get_context({method!r}).Process(target=work)
    child.start(); child.join()
    print(child.exitcode)"""
    dies(source, tmp_path, ["ValueError: in a child"], "multiprocessing")


def test_a_spawned_child_installs_itself_where_only_the_parent_was_told_to(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text("def work():\n    raise ValueError('in a child')\n", encoding="utf-8")
    vault = str(tmp_path / "vault")
    source = f"""import multiprocessing, work
if __name__ == "__main__":
    import crashvault
    crashvault.install(vault={vault!r}, drain=False, tags={{"region": "eu"}}, before_send=lambda event: event)
    child = multiprocessing.get_context("spawn").Process(target=work.work)
    child.start(); child.join()"""
    assert ended(source, tmp_path, "pass").returncode == 0
    [event] = read(Path(vault))[0]
    assert title(event) == "ValueError: in a child"
    assert event["tags"]["region"] == "eu"


def test_warnings_are_events_where_they_are_asked_for(tmp_path: Path) -> None:
    vault = str(tmp_path / "vault")
    install = f"import crashvault; crashvault.install(vault={vault!r}, drain=False, warnings=True)"
    done = ended("import warnings\nwarnings.warn('old', DeprecationWarning)", tmp_path, install)
    assert b"DeprecationWarning: old" in done.stderr
    [event] = read(Path(vault))[0]
    assert (title(event), event["level"]) == ("DeprecationWarning: old", "warning")


def test_a_pool_of_processes(tmp_path: Path) -> None:
    source = """import multiprocessing
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.apply_async(int, ("x",)).wait()"""
    title = "ValueError: invalid literal for int() with base 10: 'x'"
    dies(source, tmp_path, [title], "multiprocessing.pool")


def test_a_future_that_nobody_asks(tmp_path: Path) -> None:
    source = """from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(1) as pool:
    pool.submit(int, "x")"""
    title = "ValueError: invalid literal for int() with base 10: 'x'"
    [event] = dies(source, tmp_path, [title], "concurrent.futures")
    assert event["exception"]["values"][-1]["mechanism"]["handled"] is True


def test_a_future_that_ends_the_program_is_one_event(tmp_path: Path) -> None:
    source = """from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(1) as pool:
    pool.submit(int, "x").result()"""
    dies(source, tmp_path, ["ValueError: invalid literal for int() with base 10: 'x'"])


def test_an_abort(tmp_path: Path) -> None:
    [event] = dies("import os\nos.abort()", tmp_path, ["SIGABRT: the program aborted"])
    assert event["level"] == "fatal"


def test_a_bad_address(tmp_path: Path) -> None:
    events = dies(
        "import ctypes\nctypes.string_at(0)",
        tmp_path,
        ["SIGSEGV / SEGV_MAPERR: nothing is mapped at 0x0000000000000000"],
    )
    assert events[0]["level"] == "fatal"


def test_a_forked_child(tmp_path: Path) -> None:
    source = """import os, sys
child = os.fork()
if child == 0:
    raise ValueError("in a fork")
os.waitpid(child, 0)"""
    dies(source, tmp_path, ["ValueError: in a fork"], "excepthook")


def test_an_exception_while_handling_one(tmp_path: Path) -> None:
    source = "try:\n    1 / 0\nexcept ZeroDivisionError:\n    {}['tea']"
    [event] = dies(source, tmp_path, ["KeyError: 'tea'"])
    types = [value["type"] for value in event["exception"]["values"]]
    assert types == ["ZeroDivisionError", "KeyError"]


def test_a_handler_of_a_signal(tmp_path: Path) -> None:
    source = """import os, signal
def handler(*_):
    raise ValueError("in a handler")
signal.signal(signal.SIGUSR1, handler)
os.kill(os.getpid(), signal.SIGUSR1)"""
    dies(source, tmp_path, ["ValueError: in a handler"])


@pytest.mark.parametrize("end", ["{}['tea']", "sys.exit('bye')", "raise KeyboardInterrupt", "sys.exit()", "f(:"])
def test_a_program_run_under_capture_ends_as_it_would(end: str, tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(f"import sys\nprint(sys.argv, __file__, __name__)\n{end}\n", encoding="utf-8")
    vault = tmp_path / "vault"
    environment = {**os.environ, "CRASHVAULT_HOME": str(vault)}

    def run(*words: str) -> Any:
        command = [sys.executable, *words, "program.py", "a", "-b"]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)

    plain, told = run(), run("-m", "crashvault")
    assert (told.returncode, told.stdout, told.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    expected = {"{}['tea']": ["KeyError"], "f(:": ["SyntaxError"]}.get(end, [])
    assert [title(event).split(":")[0] for event in read(vault)[0]] == expected


def test_what_was_logged_and_then_ends_the_program_is_one_event(tmp_path: Path) -> None:
    source = """import logging
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("shop").exception("no luck")
    raise"""
    dies(source, tmp_path, ["ZeroDivisionError: division by zero"], "logging")


def test_what_is_logged_is_kept(tmp_path: Path) -> None:
    source = """import logging
logging.getLogger("shop").warning("watch %s", "out")
logging.getLogger("shop").error("no %s", "luck")"""
    [event] = dies(source, tmp_path, ["no luck"])
    assert event["logger"] == "shop"
    assert [crumb["message"] for crumb in event["breadcrumbs"]["values"]] == ["watch out"]
