"""A guarded HTTP tool: chain and proof come in two headers, a refusal goes back as an HTTP problem. No framework."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from delegation_sdk import Client, Delegation, Guard, Refused, Scope, tool
from delegation_sdk.context import from_headers
from local_service import local_service


def handler(guard: Guard) -> type[BaseHTTPRequestHandler]:
    """The tool: one POST a call, the arguments as JSON."""

    class Forecast(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                call = guard.authorize(from_headers(self.headers.items()), "forecast", arguments)
            except Refused as refused:
                problem = {"type": "about:blank", "title": refused.reason, "link_index": refused.link_index}
                self.reply(HTTPStatus.FORBIDDEN, "application/problem+json", problem)
            else:
                self.reply(HTTPStatus.OK, "application/json", {"city": call.arguments["city"], "sky": "clear"})
                call.report()

        def reply(self, status: HTTPStatus, media_type: str, answer: dict[str, Any]) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            """Headers are nobody's business."""

    return Forecast


@contextmanager
def serving(guard: Guard) -> Iterator[int]:
    """Serve the tool on a free port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(guard)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def post(port: int, arguments: dict[str, Any], headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Any HTTP client will do."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/", json.dumps(arguments), headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def use(task: Delegation, port: int) -> None:
    oslo, rome = (task.call("weather", "forecast", {"city": city}) for city in ("Oslo", "Rome"))
    answer = post(port, oslo.arguments, oslo.headers())
    print(*answer)
    assert answer == (200, {"city": "Oslo", "sky": "clear"})

    for said, arguments, headers, reason in (
        ("without a delegation", oslo.arguments, {}, "chain_missing"),
        ("the same call again", oslo.arguments, oslo.headers(), "proof_replayed"),
        ("signed for Rome, sent for Oslo", oslo.arguments, rome.headers(), "proof_other_call"),
        ("outside the scope", rome.arguments, rome.headers(), "argument_refused"),
    ):
        status, problem = post(port, arguments, headers)
        print(f"{said}: {status} {problem['title']}")
        assert (status, problem["title"]) == (403, reason)


def main() -> None:
    scope = Scope(tool("weather", "forecast", city="Oslo"))
    with (
        local_service() as service,
        Guard.connect("weather", service.profile("tool/weather")) as guard,
        Client.connect(service.profile("agent/planner")) as client,
        client.task("Pack for the trip", scope=scope) as task,
        serving(guard) as port,
    ):
        use(task, port)


if __name__ == "__main__":
    main()
