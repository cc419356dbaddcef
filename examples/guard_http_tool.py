"""A guarded HTTP tool: chain and proof come in two headers, a refusal goes back as an HTTP problem. No framework.

The chain goes once; from then on its digest is enough.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from delegation_sdk import Client, Delegation, Guard, Peer, Refused, Scope, observed_answer, tool
from delegation_sdk.context import Carriage, from_headers, to_headers
from delegation_sdk.refusal_json import PROBLEM_MEDIA_TYPE, from_json, problem_headers, to_problem
from local_service import local_service


def handler(guard: Guard) -> type[BaseHTTPRequestHandler]:
    """The tool: one POST a call, the arguments as JSON."""

    class Forecast(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                call = guard.authorize(from_headers(self.headers.items()), "forecast", arguments)
            except Refused as refused:
                problem = to_problem(refused)
                self.reply(problem["status"], PROBLEM_MEDIA_TYPE, problem, problem_headers(refused))
            else:
                answer = {"city": call.arguments["city"], "sky": "clear"}
                # Empty, unless the operator has this tool under observation and the call would be refused.
                self.reply(HTTPStatus.OK, "application/json", answer, observed_answer.to_headers(call))
                call.report()

        def reply(
            self, status: int, media_type: str, answer: dict[str, Any], headers: dict[str, str] | None = None
        ) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": media_type, **(headers or {})}.items():
                self.send_header(name, value)
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


def forecast(task: Delegation, port: int, peer: Peer, city: str) -> dict[str, Any]:
    """Call the tool; what its guard raised is raised here."""
    call = task.call("weather", "forecast", {"city": city})

    def send(carriage: Carriage) -> dict[str, Any]:
        _, answer = post(port, call.arguments, to_headers(carriage))
        if refused := from_json(answer):
            raise refused
        return answer

    return peer.send(call, send)


def use(task: Delegation, port: int) -> None:
    peer = Peer()  # one for each server: it remembers which chains that has been sent
    for _ in range(2):  # the second time without the chain
        answer = forecast(task, port, peer, "Oslo")
        print(answer)
        assert answer == {"city": "Oslo", "sky": "clear"}


def attack(task: Delegation, port: int) -> None:
    oslo, rome = (task.call("weather", "forecast", {"city": city}) for city in ("Oslo", "Rome"))
    assert post(port, oslo.arguments, oslo.headers())[0] == HTTPStatus.OK
    for said, arguments, headers, reason in (
        ("without a delegation", oslo.arguments, {}, "chain_missing"),
        ("the same call again", oslo.arguments, oslo.headers(), "proof_replayed"),
        ("signed for Rome, sent for Oslo", oslo.arguments, rome.headers(), "proof_other_call"),
        ("outside the scope", rome.arguments, rome.headers(), "argument_refused"),
    ):
        status, problem = post(port, arguments, headers)
        print(f"{said}: {status} {problem['reason']}")
        assert (status, problem["reason"]) == (403, reason)


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
        attack(task, port)


if __name__ == "__main__":
    main()
