"""``python -m crashvault script.py …`` or ``-m module …``: as ``python`` would run it, with Crashvault installed.

The program sees its own ``sys.argv``, ``sys.path`` and ``__main__``; what it prints and its exit status are as without.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, TracebackType
    from typing import Callable, NoReturn, Optional

_USAGE = "usage: python -m crashvault (script.py | -m module) [arguments]"


def main() -> NoReturn:
    """Runs what the arguments name, and ends as it ends."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE, file=sys.stdout if arguments else sys.stderr)
        sys.exit(0 if arguments else 2)
    if arguments[0] == "-m":
        if len(arguments) < 2:
            print(_USAGE, file=sys.stderr)
            sys.exit(2)
        work = _module(arguments[1], arguments[1:])
    else:
        work = _script(arguments[0], arguments)
    _run(work)


def _script(path: str, arguments: list[str]) -> Callable[[], None]:
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        reason = f"[Errno {error.errno}] {error.strerror}"
        print(f"crashvault: can't open file {os.path.abspath(path)!r}: {reason}", file=sys.stderr)
        sys.exit(2)
    whole_path = os.path.abspath(path)
    sys.argv[:] = arguments
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    _install()

    def work() -> None:
        code: CodeType = compile(source, whole_path, "exec", dont_inherit=True)
        namespace = _fresh_main()
        namespace["__file__"] = whole_path
        exec(code, namespace)

    return work


def _fresh_main() -> dict[str, object]:
    """A ``__main__`` of the program's own: what it imports from there must not find ours."""
    fresh = type(sys)("__main__")
    fresh.__dict__.update(__builtins__=sys.modules["builtins"], __cached__=None)
    sys.modules["__main__"] = fresh
    return fresh.__dict__


def _module(name: str, arguments: list[str]) -> Callable[[], None]:
    sys.argv[:] = arguments
    _install()

    def work() -> None:
        import runpy

        runpy.run_module(name, run_name="__main__", alter_sys=True)

    return work


def _install() -> None:
    import crashvault

    crashvault.install()


def _run(work: Callable[[], None]) -> NoReturn:
    try:
        work()
    except SystemExit:
        raise
    except BaseException as error:
        traceback = _theirs(error.__traceback__)
        error.__traceback__ = traceback
        sys.excepthook(type(error), error, traceback)
        if isinstance(error, KeyboardInterrupt):
            _die_of_interrupt()
        sys.exit(1)
    sys.exit(0)


def _theirs(traceback: Optional[TracebackType]) -> Optional[TracebackType]:
    """Without the frames that started the program."""
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if file != __file__ and "runpy" not in file:
            return traceback
        traceback = traceback.tb_next
    return None


def _die_of_interrupt() -> NoReturn:
    """As the interpreter does, so that whoever waits sees why."""
    import atexit
    import signal

    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
    sys.exit(130)


if __name__ == "__main__":
    main()
