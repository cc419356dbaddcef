"""Agents and guards, as long as they are let: `tool.py PROFILE`. Prints how long each decision took, in microseconds.

Each round is a task: handed off, called in process and online, refused once, and completed or left to expire. What came
of a call is reported. It ends when its standard input does.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

from delegation.errors import DelegationError, NotPermitted, Refused
from delegation_sdk import Client, Guard, Scope, tool, under

SCOPE = Scope(tool("files", "read", path=under("/srv")), tool("files", "write", path=under("/srv")))
CALLS = 20
LIFETIME_MS = 60_000
_PAUSE_S = 0.02
_AGENT = "spiffe://test.example/reader"


def main(profile: Path) -> None:
    """Work until nobody listens any more."""
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    with (
        Client.connect(profile) as client,
        Guard.connect("files", profile) as one,
        Guard.connect("files", profile) as other,
    ):
        for number in itertools.count():
            if ended.is_set():
                return
            try:
                _round(client, (one, other)[number % 2], completes=number % 4 > 0)
            except DelegationError as error:
                print(f"! {getattr(error, 'reason', type(error).__name__)}", flush=True)
                ended.wait(0.5)


def _round(client: Client, guard: Guard, *, completes: bool) -> None:
    task = client.begin_task("Soak", scope=SCOPE, ttl=timedelta(milliseconds=LIFETIME_MS))
    reader = task.hand_off(_AGENT, scope=SCOPE.only("files", "read"))
    took = []
    for number in range(CALLS):
        holder, name = ((reader, "read"), (task, "write"))[number % 5 == 0]
        call = holder.call("files", name, {"path": f"/srv/{number}"})
        began = time.perf_counter()
        authorized = guard.authorize(call.carriage, name, call.arguments)
        took.append(time.perf_counter() - began)
        authorized.report()
        time.sleep(_PAUSE_S)
    _require_refused(guard, reader)
    if completes:
        client.complete(task)
    print(*(round(each * 1e6) for each in took), flush=True)


def _require_refused(guard: Guard, reader: object) -> None:
    call = reader.call("files", "read", {"path": "/etc/shadow"})  # type: ignore[attr-defined]
    try:
        guard.authorize(call.carriage, "read", call.arguments)
    except NotPermitted:
        return
    except Refused:
        raise
    raise AssertionError("a guard permitted what the chain does not")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
