"""A real decision point on loopback, over HTTPS with a CA of its own: it decides as a test says, and records who asked.

with running_point(directory) as point:
    point.decide = lambda asked: asked["resource"]["id"] != "mail.send"
    with point.holding() as questions:
        held = questions.next()        # a question that has come, and waits for its answer
        held.let_go()
"""

from __future__ import annotations

import contextlib
import json
import queue
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from certificates import TestCa

PATH = "/access/v1/evaluation"
PATIENCE_SECONDS = 30


class Asked(NamedTuple):
    """A question as it came."""

    path: str
    headers: dict[str, str]
    request: dict[str, Any]

    @property
    def tool(self) -> str:
        return self.request["resource"]["id"]

    @property
    def told(self) -> dict[str, Any]:
        return told(self.request)


def told(request: dict[str, Any]) -> dict[str, Any]:
    """Give everything that a question says of agent, task, tool, call and time, by name."""
    return {**request["subject"]["properties"], **request["resource"]["properties"], **request["context"]}


@dataclass
class Held:
    """A question that waits for its answer."""

    asked: Asked
    _go: threading.Event = field(default_factory=threading.Event)

    def let_go(self) -> None:
        self._go.set()

    def wait(self) -> None:
        self._go.wait(PATIENCE_SECONDS)


class Questions:
    """The questions that come while all are held."""

    def __init__(self) -> None:
        self.held: list[Held] = []
        self._new: queue.Queue[Held] = queue.Queue()

    def put(self, held: Held) -> None:
        self.held.append(held)
        self._new.put(held)

    def next(self) -> Held:
        """Wait for the next question; it is held."""
        return self._new.get(timeout=PATIENCE_SECONDS)


class DecisionPoint(ThreadingHTTPServer):
    """Permits what `decide` says; or answers what it is told to, byte by byte."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, tls: ssl.SSLContext, *, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://localhost:{self.server_port}{PATH}"
        self.asked: list[Asked] = []
        self.decide: Callable[[dict[str, Any]], bool | dict[str, Any]] = lambda _: True
        self.answer: tuple[int, dict[str, str], bytes] | None = None
        self.drips = False
        self._questions: Questions | None = None
        self._connections: list[Any] = []
        self._stopped = threading.Event()

    @contextlib.contextmanager
    def holding(self) -> Iterator[Questions]:
        """Hold every question until it is let go; in the end all of them."""
        self._questions = questions = Questions()
        try:
            yield questions
        finally:
            self._questions = None
            for held in questions.held:
                held.let_go()

    def hear(self, asked: Asked) -> None:
        self.asked.append(asked)
        if (questions := self._questions) is not None:
            questions.put(held := Held(asked))
            held.wait()

    def content(self, asked: Asked) -> bytes:
        said = self.decide(asked.request)
        return json.dumps({"decision": said} if isinstance(said, bool) else said).encode()

    def tools(self, action: str = "call") -> list[str]:
        """Tell which tools it was asked about."""
        return [asked.tool for asked in self.asked if asked.request["action"]["name"] == action]

    def stop(self) -> None:
        """End, with every connection."""
        self._stopped.set()
        self.shutdown()
        self.server_close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(2)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, *_: object) -> None:
        pass  # who asked has given up

    def drip(self, write: Callable[[bytes], object]) -> None:
        """Send a byte now and then, on end, so that no single read takes long."""
        while not self._stopped.wait(0.02):
            write(b" ")


class _Handler(BaseHTTPRequestHandler):
    server: DecisionPoint
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and content are two small writes

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked = Asked(self.path, {key.lower(): value for key, value in self.headers.items()}, request)
        self.server.hear(asked)
        status, headers, content = self.server.answer or (200, {}, self.server.content(asked))
        self.send_response(status)
        for name, value in {"content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()
        if self.server.drips:
            self.server.drip(self.wfile.write)
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class PointFiles(NamedTuple):
    """Where a decision point's certificates are."""

    ca: Path
    certificate: Path
    """With its key."""
    tls: ssl.SSLContext


def point_files(directory: Path) -> PointFiles:
    """Make a CA, and a certificate for localhost."""
    ca = TestCa.create()
    leaf = ca.issue(dns=("localhost",))
    (directory / "point-ca.pem").write_bytes(ca.pem)
    (directory / "point.pem").write_bytes(leaf.certificate + leaf.key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(directory / "point.pem")
    return PointFiles(directory / "point-ca.pem", directory / "point.pem", tls)


@contextlib.contextmanager
def running_point(files: PointFiles, *, port: int = 0) -> Iterator[DecisionPoint]:
    """Start a decision point, and end it; with a port, where another one was."""
    server = DecisionPoint(files.tls, port=port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(10)
