"""A collector on this machine: strict about what it is sent, and answering as a test wants it to."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, List, Optional, Tuple

KEY = "0123456789abcdef0123456789abcdef"

#: A status and headers.
Answer = Tuple[int, Dict[str, str]]
TAKES: Answer = (200, {})


class Collector:
    """Takes what it is sent, after the answers it was told to give first."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.faults: List[str] = []
        self.request_count = 0
        #: Called in the thread that answers, before it does.
        self.meanwhile: Callable[[], None] = lambda: None
        self._events: List[Dict[str, Any]] = []
        self._files: List[Tuple[str, bytes]] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.collector = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def __enter__(self) -> Collector:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"http://127.0.0.1:{self._server.server_port}/1"

    @property
    def dsn(self) -> str:
        """What to report to."""
        return self.place.replace("http://", f"http://{KEY}@")

    @property
    def events(self) -> List[Dict[str, Any]]:
        """The events it took, in their order; nothing that came may have been wrong."""
        assert self.faults == []
        return self._events

    @property
    def files(self) -> List[Tuple[str, bytes]]:
        """The attachments it took."""
        assert self.faults == []
        return self._files

    @property
    def messages(self) -> List[str]:
        """The messages of the events."""
        return [event["message"] for event in self.events]

    def answer_to(self, path: str, headers: Any, body: bytes) -> Answer:
        """Reads one request and says what it makes of it."""
        self.request_count += 1
        self.meanwhile()
        try:
            event, files = _envelope(path, headers, body)
        except (AssertionError, ValueError, KeyError) as fault:
            self.faults.append(repr(fault))
            return 400, {}
        answer = self.answers.pop(0) if self.answers else TAKES
        if answer[0] == 200:
            self._events += [event] if event is not None else []
            self._files += files
        return answer


class _Server(ThreadingHTTPServer):
    collector: Collector


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, headers = self.server.collector.answer_to(self.path, self.headers, body)
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": "2", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def _envelope(path: str, headers: Any, body: bytes) -> Tuple[Optional[Dict[str, Any]], List[Tuple[str, bytes]]]:
    assert path == "/api/1/envelope/", path
    assert headers.get_all("Content-Encoding") == ["gzip"]
    assert headers.get_all("Content-Type") == ["application/x-sentry-envelope"]
    (auth,) = headers.get_all("X-Sentry-Auth")
    assert f"sentry_key={KEY}" in auth and "sentry_version=7" in auth, "auth"
    text = gzip.decompress(body)
    first, rest = text.split(b"\n", 1)
    header = json.loads(first)
    event, files = None, []
    while rest:
        line, rest = rest.split(b"\n", 1)
        item = json.loads(line)
        content, rest = rest[: item["length"]], rest[item["length"] :]
        assert len(content) == item["length"], "cut"
        assert rest[:1] in (b"", b"\n"), "no end of an item"
        rest = rest[1:]
        if item["type"] == "event":
            assert event is None, "two events"
            event = json.loads(content)
            assert event["event_id"] == header["event_id"], "another event"
        else:
            assert item["type"] == "attachment", item["type"]
            files.append((item["filename"], content))
    return event, files
