"""The examples in Python as a newcomer runs them, under their real servers: the answers, and what the vaults hold."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from running import exceptions, frames, read

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SECRET = "hunter2"
LISTENING = re.compile(r"http://127\.0\.0\.1:(\d+)")

GUNICORN = ["gunicorn", "--bind", "127.0.0.1:0", "--workers", "1"]
UVICORN = ["uvicorn", "--host", "127.0.0.1", "--port", "0", "--lifespan", "off"]
SERVERS = {
    "python-flask": [*GUNICORN, "app:app"],
    "python-django": [*UVICORN, "shop:application"],
    "python-asyncio": [*UVICORN, "app:app"],
}


def needs(*modules: str) -> Any:
    """Skips where one is missing."""
    missing = [module for module in modules if find_spec(module) is None]
    return pytest.mark.skipif(bool(missing), reason=f"missing tool: {', '.join(missing)}")


FLASK = needs("flask", "gunicorn")
DJANGO = needs("django", "uvicorn")
ASYNCIO = needs("uvicorn")
CELERY = needs("celery")


class Server:
    """A running example with a vault of its own."""

    def __init__(self, example: str, home: Path, **variables: str) -> None:
        self.home = home
        env = {**os.environ, "CRASHVAULT_HOME": str(home / "vault"), "PYTHONUNBUFFERED": "1", **variables}
        command = [sys.executable, "-m", *SERVERS[example]]
        self._process = subprocess.Popen(
            command, env=env, cwd=EXAMPLES / example, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said: List[str] = []
        self.port = self._listens()
        # Read on, or the server waits for room.
        self._reader = threading.Thread(target=lambda: self.said.extend(self._output()))
        self._reader.start()

    def _output(self) -> Iterator[str]:
        assert self._process.stdout is not None
        return iter(self._process.stdout.readline, "")

    def _listens(self) -> int:
        for line in self._output():
            self.said.append(line)
            found = LISTENING.search(line)
            if found is not None:
                return int(found.group(1))
        raise AssertionError("".join(self.said))

    def get(self, path: str) -> str:
        """The answer but for its date."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            request = (
                f"GET {path} HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\nx-shop: north\r\n"
                f"authorization: Bearer {SECRET}\r\ncookie: session={SECRET}\r\n\r\n"
            )
            connection.sendall(request.encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        lines = answer.splitlines(keepends=True)
        return "".join(line for line in lines if not line.lower().startswith("date: "))

    def stop(self) -> None:
        """Ends it as an administrator does."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextlib.contextmanager
def served(example: str, **variables: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="crashvault-test-") as home:
        server = Server(example, Path(home), **variables)
        try:
            yield server
        finally:
            server.stop()


def left(example: str, *paths: str) -> List[Dict[str, Any]]:
    """The events that these requests leave."""
    with tempfile.TemporaryDirectory(prefix="crashvault-test-") as home:
        server = Server(example, Path(home))
        try:
            for path in paths:
                server.get(path)
        finally:
            server.stop()
        holds_secret(Path(home))
        events: List[Dict[str, Any]] = read(Path(home) / "vault")[0]
        holds_secret(Path(home))
        return events


def holds_secret(home: Path) -> None:
    files = [path for path in home.rglob("*") if path.is_file()]
    assert [path.name for path in files if SECRET.encode() in path.read_bytes()] == []


def check_answers(example: str, expected: Dict[str, str]) -> None:
    """Each path alone, with what is ours and without."""
    with served(example, CRASHVAULT="off") as bare, served(example) as ours:
        for path, status in expected.items():
            answer = bare.get(path)
            assert answer.split("\r\n")[0].split(" ", 1)[1] == status, path
            assert ours.get(path) == answer, path
        assert not (bare.home / "vault").exists()


def check_event(event: Dict[str, Any], path: str, transaction: str, thrown: Tuple[str, str]) -> None:
    path, _, query = path.partition("?")
    request = event["request"]
    assert (request["method"], request["url"]) == ("GET", f"http://shop.test{path}")
    assert request.get("query_string", "") == query.replace(SECRET, "[Filtered]")
    assert request["headers"]["x-shop"] == "north"
    assert request["headers"]["authorization"] == request["headers"]["cookie"] == "[Filtered]"
    assert event["transaction"] == transaction
    error = exceptions(event)[-1]
    assert (error["type"], frames(event)[-1]["function"]) == thrown
    assert frames(event)[-1]["in_app"] is True


@FLASK
def test_flask_answers_as_before() -> None:
    paths = {
        "/users/7": "200 OK",
        "/orders/7": "500 INTERNAL SERVER ERROR",
        "/nowhere": "404 NOT FOUND",
        "/baskets/tea": "200 OK",
        "/baskets/coffee": "200 OK",
    }
    check_answers("python-flask", paths)


@FLASK
def test_a_handler_of_flask_that_fails_is_one_event() -> None:
    path = "/orders/7?password=hunter2&page=2"
    (found,) = left("python-flask", "/users/7", path)
    check_event(found, path, "GET /orders/<int:id>", ("FileNotFoundError", "order"))
    assert found["release"] == "python-flask@1.4.0" and "tags" not in found
    assert [crumb["message"] for crumb in found["breadcrumbs"]["values"]] == ["reading one"]


@FLASK
def test_a_stream_of_flask_that_tears_is_one_event() -> None:
    (found,) = left("python-flask", "/baskets/coffee")
    check_event(found, "/baskets/coffee", "GET /baskets/<name>", ("KeyError", frames(found)[-1]["function"]))


@DJANGO
def test_django_answers_as_before() -> None:
    paths = {
        "/users/7": "200 OK",
        "/orders/7": "500 Internal Server Error",
        "/orders/0": "404 Not Found",
        "/nowhere": "404 Not Found",
        "/baskets/tea": "200 OK",
        "/baskets/coffee": "500 Internal Server Error",
    }
    check_answers("python-django", paths)


@DJANGO
def test_a_view_of_django_that_fails_is_one_event() -> None:
    path = "/orders/7?password=hunter2&page=2"
    (found,) = left("python-django", "/users/7", "/orders/0", path)
    check_event(found, path, "GET /orders/<int:id>", ("FileNotFoundError", "order"))
    assert found["breadcrumbs"]["values"][-1]["message"] == "reading one" and "tags" not in found


@DJANGO
def test_a_view_of_django_that_is_a_coroutine_is_one_event() -> None:
    (found,) = left("python-django", "/users/7", "/baskets/coffee")
    check_event(found, "/baskets/coffee", "GET /baskets/<str:name>", ("KeyError", "basket"))


@ASYNCIO
def test_a_server_of_coroutines_answers_as_before() -> None:
    paths = {
        "/": "200 OK",
        "/total?item=tea&item=milk": "200 OK",
        "/total?item=tea&item=coffee": "500 Internal Server Error",
        "/mail?to=joe": "200 OK",
    }
    check_answers("python-asyncio", paths)


@ASYNCIO
def test_a_coroutine_that_fails_is_one_event() -> None:
    path = "/total?item=tea&item=coffee&token=hunter2"
    (found,) = left("python-asyncio", "/", path)
    check_event(found, path, "GET /total", ("KeyError", "price"))
    assert "tags" not in found


@ASYNCIO
def test_a_task_that_fails_later_is_one_event_of_its_request() -> None:
    (found,) = left("python-asyncio", "/mail?to=joe")
    check_event(found, "/mail?to=joe", "GET /mail", ("ConnectionError", "send_mail"))
    assert found["tags"] == {"to": "joe"}


WAITING = """
import tasks
answers = [tasks.greet.delay('ann'), tasks.pay.delay(4711, 17)]
for answer in answers:
    print(repr(answer.get(timeout=60, propagate=False)), answer.state)
"""


def worked(pool: str, home: Path, **variables: str) -> str:
    """What a sender is told by a worker."""
    env = {**os.environ, "CRASHVAULT_HOME": str(home / "vault"), "SHOP_HOME": str(home / "shop"), **variables}
    command = [sys.executable, "-m", "celery", "--app", "tasks", "worker", "--pool", pool, "--concurrency", "1"]
    place = EXAMPLES / "python-celery"
    with open(home / "worker.log", "wb") as log:
        worker = subprocess.Popen(command, env=env, cwd=place, stdout=log, stderr=subprocess.STDOUT)
    try:
        sender = [sys.executable, "-c", WAITING]
        done = subprocess.run(sender, env=env, cwd=place, capture_output=True, text=True, timeout=120)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)
    assert done.returncode == 0, done.stderr + (home / "worker.log").read_text()
    return done.stdout


@CELERY
@pytest.mark.parametrize("pool", ["solo", "prefork"])
def test_a_task_of_celery_that_fails_is_one_event(pool: str, tmp_path: Path) -> None:
    for name in ("bare", "ours"):
        (tmp_path / name).mkdir()
    bare = worked(pool, tmp_path / "bare", CRASHVAULT="off")
    assert worked(pool, tmp_path / "ours") == bare == "'hello ann' SUCCESS\nCardError('card declined for 17') FAILURE\n"
    (found,) = read(tmp_path / "ours" / "vault")[0]
    assert found["transaction"] == "tasks.pay" and found["contexts"]["celery"]["task_name"] == "tasks.pay"
    frame = frames(found)[-1]
    assert (frame["function"], frame["vars"]) == ("pay", {"order": 4711, "amount": 17})
    assert found["breadcrumbs"]["values"][-1]["message"] == "charging the card" and "tags" not in found


def test_every_example_is_run_here() -> None:
    names = sorted(path.name for path in EXAMPLES.iterdir() if path.name.startswith("python-"))
    assert names == sorted([*SERVERS, "python-celery"])
    assert all((EXAMPLES / name / "README.md").is_file() for name in names)
