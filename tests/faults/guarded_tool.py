"""Guarded tools in a process of their own, with agents that call them: `guarded_tool.py GUARD AGENT KEPT ENDED`.

GUARD and AGENT are profiles: the guard's leads through the network that is cut, the agents' does not. KEPT and ENDED
are the purposes of two tasks. Prints a line of JSON for each call. A line on the standard input has the second task
completed; at its end, everything that was decided is delivered.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from delegation.core.arguments import Arguments
from delegation.errors import Refused
from delegation_sdk import Client, Guard, Scope, context, tool, under
from delegation_sdk.authorized_call import AuthorizedCall
from delegation_sdk.client import Task

TOOLS = ("look", "read", "write")
_PAUSE_S = 0.05
_DELIVERED_WITHIN_S = 60.0
_LIFETIME = timedelta(hours=3)
_SCOPE = Scope(*(tool("files", name, path=under("/srv")) for name in TOOLS))
_writing = threading.Lock()


def main(guard_profile: Path, agent_profile: Path, kept: str, ended: str) -> None:
    """Call tools until nobody listens any more."""
    ending = threading.Event()
    with Client.connect(agent_profile) as client, Guard.connect("files", guard_profile) as guard:
        tasks = {name: client.begin_task(name, scope=_SCOPE, ttl=_LIFETIME) for name in (kept, ended)}
        threads = [threading.Thread(target=_work, args=(guard, name, tasks, ending)) for name in TOOLS]
        for thread in threads:
            thread.start()
        for _ in sys.stdin:
            tasks[ended].complete()
            _say(completed=tasks[ended].task_id.hex(), at_s=time.monotonic())
        ending.set()
        for thread in threads:
            thread.join()
        _deliver(guard)
    _say(delivered=True)  # else closing the guard has raised


def _deliver(guard: Guard) -> None:
    """Wait until nothing waits any more: outcomes of half a minute take a busy machine longer than closing allows."""
    deadline_s = time.monotonic() + _DELIVERED_WITHIN_S
    while guard.pending_records and time.monotonic() < deadline_s:
        time.sleep(_PAUSE_S)


def _work(guard: Guard, name: str, tasks: Mapping[str, Task], ending: threading.Event) -> None:
    run = _guarded(guard, name)
    while True:
        for purpose, task in tasks.items():
            if ending.wait(_PAUSE_S):
                return
            path = f"/srv/{secrets.token_hex(16)}"
            call = task.call("files", name, {"path": path})
            asked = {"tool": name, "task": purpose, "arguments": Arguments.of(call.arguments).digest.hex()}
            try:
                with context.received(call.carriage):
                    ran_s, call_id = run(path=path)
                _say(**asked, at_s=ran_s, reason=None, call_id=call_id.hex())
            except Refused as refused:
                _say(**asked, at_s=time.monotonic(), reason=refused.reason, call_id=refused.call_id.hex())


def _guarded(guard: Guard, name: str) -> Callable[..., tuple[float, bytes]]:
    @guard.tool(name)
    def run(path: str, *, caller: AuthorizedCall) -> tuple[float, bytes]:
        return time.monotonic(), caller.call_id

    return run


def _say(**what: Any) -> None:
    with _writing:
        print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
