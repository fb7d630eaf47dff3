"""What is left when a Python program dies: Crashvault beside sentry-sdk, which sends to a server on loopback.

    python survive.py [--count N]

Each way to die is a process of its own. In `sigkill` and `os_exit` the program captures N exceptions itself; in the
others N exceptions pass that nobody handles: in threads, in tasks that nobody awaits, in the workers of a pool. The
program dies right behind the last. The last line is one JSON object; it ends with 1 where one of Crashvault's is lost.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import workload


def fail(number: int) -> None:
    workload.at_depth(5, number, 5)


def captured(capture: Any, count: int) -> None:
    for number in range(count):
        capture(workload.failed(5, number))


def sigkill(capture: Any, count: int) -> None:
    captured(capture, count)
    os.kill(os.getpid(), signal.SIGKILL)


def os_exit(capture: Any, count: int) -> None:
    captured(capture, count)
    os._exit(3)


def thread(_capture: Any, count: int) -> None:
    for number in range(count):
        one = threading.Thread(target=fail, args=(number,))
        one.start()
        one.join()
    os.kill(os.getpid(), signal.SIGKILL)


def task(_capture: Any, count: int) -> None:
    import asyncio

    async def failing(number: int) -> None:
        fail(number)

    async def program() -> None:
        for number in range(count):
            asyncio.create_task(failing(number))  # noqa: RUF006 (let go at once: nobody asks for its result)
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(program())


def pool_worker(_capture: Any, count: int) -> None:
    import concurrent.futures
    import multiprocessing

    pool = concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork"))
    concurrent.futures.wait([pool.submit(fail, number) for number in range(count)])
    # The workers first: they would outlive us.
    for worker in multiprocessing.active_children():
        os.kill(worker.pid or 0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


WAYS = {way.__name__: way for way in (sigkill, os_exit, thread, task, pool_worker)}


def die(way: str, subject: str, target: str, count: int) -> None:
    if subject == "crashvault":
        import crashvault

        crashvault.install(vault=target, throttle=False)
        WAYS[way](crashvault.capture_exception, count)
    else:
        import sentry_sdk

        sentry_sdk.init(dsn=target)
        WAYS[way](sentry_sdk.capture_exception, count)


class Sink(ThreadingHTTPServer):
    """A server on loopback that answers after 5 ms and remembers which failures it was told of."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.numbers: set[str] = set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def dsn(self) -> str:
        return f"http://{'0' * 32}@127.0.0.1:{self.server_port}/1"


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Sink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        time.sleep(0.005)
        self.server.numbers |= told(body)
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def handle(self) -> None:
        # Whoever sends is killed in the midst of it.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def told(envelope: bytes) -> set[str]:
    """The failures of an envelope: behind its header each item is a line of header and one of payload."""
    lines = envelope.split(b"\n")[1:]
    events = (json.loads(event) for head, event in zip(lines[::2], lines[1::2]) if b'"type":"event"' in head)
    return {number for event in events if (number := failure(event))}


def failure(event: dict[str, Any]) -> str | None:
    """The number of the failure that an event tells of."""
    exceptions = workload.listed(event.get("exception"))
    if not exceptions or exceptions[-1].get("type") != workload.LoadError.__name__:
        return None
    return str(exceptions[-1]["value"]).split()[-1]


def kept_of_ours(way: str, work: Path, count: int) -> set[str]:
    import crashvault

    home = work / way
    subprocess.run(
        [sys.executable, __file__, "--die", way, "crashvault", str(home), str(count)], stderr=subprocess.PIPE
    )
    with crashvault.open(home) as vault:
        events = vault.follow(after=0, limit=1_000_000).events
    return {number for event in events if (number := failure(event.payload))}


def kept_of_peer(way: str, count: int) -> set[str]:
    sink = Sink()
    subprocess.run([sys.executable, __file__, "--die", way, "sentry", sink.dsn, str(count)], stderr=subprocess.PIPE)
    # What was on the wire may still arrive.
    time.sleep(0.5)
    sink.shutdown()
    return sink.numbers


def main() -> int:
    parser = argparse.ArgumentParser(prog="cargo xtask bench survive --lang python")
    parser.add_argument("--count", type=int, default=100, metavar="N", help="failures of each way (100)")
    parser.add_argument("--die", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.die:
        *where, count = arguments.die
        die(*where, int(count))
        return 0
    peer = f"sentry-sdk {version('sentry-sdk')} (server on loopback that answers after 5 ms)"
    values: dict[str, Any] = {"bench": "survive", "language": "python", "peer": peer, "count": arguments.count}
    well = True
    with tempfile.TemporaryDirectory(prefix="crashvault-bench-") as directory:
        for way in WAYS:
            kept = len(kept_of_ours(way, Path(directory), arguments.count))
            values[f"{way}_kept"] = kept
            values[f"sentry_{way}_kept"] = len(kept_of_peer(way, arguments.count))
            well &= kept == arguments.count
    print(json.dumps(values))
    if not well:
        print("error: something that was captured is lost", file=sys.stderr)
    return int(not well)


if __name__ == "__main__":
    sys.exit(main())
