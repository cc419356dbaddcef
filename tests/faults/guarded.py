"""Processes with guarded tools, and what became of each call. `guards_judged` says whether it should have."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults.guarded_tool import TOOLS

_PROGRAM = Path(__file__).with_name("guarded_tool.py")
_PROCESSES = 2
_END_S = 90.0


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one call.

    Attributes:
        tool: which tool.
        task: the purpose of the task it was called in.
        arguments: their digest; no two calls have the same.
        call_id: under which it should be recorded.
        at_s: when the tool ran, or the call was refused: by the machine's monotonic clock, which processes share.
        reason: why it was refused; None if the tool ran.
    """

    tool: str
    task: str
    arguments: bytes
    call_id: bytes
    at_s: float
    reason: str | None


class GuardedTools:
    """A process with three guarded tools, and agents that call them.

    Args:
        guard_profile: for the guard.
        agent_profile: for the agents.

    Attributes:
        kept: the purpose of the task that goes on.
        ended: that of the task that is completed at some time.
        done: what became of calls, in order.
        completed: the id of the second task and when it ended, once it has.
    """

    def __init__(self, guard_profile: Path, agent_profile: Path) -> None:
        self.kept, self.ended = secrets.token_hex(12), secrets.token_hex(12)
        self.done: list[Done] = []
        self.completed: tuple[bytes, float] | None = None
        self._delivered = False
        line = [sys.executable, str(_PROGRAM), str(guard_profile), str(agent_profile), self.kept, self.ended]
        self._process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until_all_run(self, since_s: float) -> float:
        """Wait until each tool has run after a moment; give how long that took, in seconds. Raises `TimeoutError`."""
        self._until(lambda: len(self._first_runs(since_s)) == len(TOOLS), "running each tool")
        return max(self._first_runs(since_s).values()) - since_s

    def end_a_task(self) -> None:
        """Have the second task completed by its agent. Raises `TimeoutError`."""
        assert self._process.stdin is not None
        self._process.stdin.write("end\n")
        self._process.stdin.flush()
        self._until(lambda: self.completed is not None, "completing a task")

    def rest(self) -> None:
        """End, once everything that was decided is delivered. Raises `AssertionError` if it is not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            status = self._process.wait(_END_S)
        finally:
            self.kill()
        assert (status, self._delivered) == (0, True), "a guard did not deliver what it has decided"

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _first_runs(self, since_s: float) -> dict[str, float]:
        firsts: dict[str, float] = {}
        for each in self.done:
            if each.task == self.kept and each.reason is None and each.at_s > since_s:
                firsts.setdefault(each.tool, each.at_s)
        return firsts

    def _until(self, holds: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
        with self._changed:
            if not self._changed.wait_for(holds, timeout_s):
                raise TimeoutError(f"{what} behind a guard did not happen within {timeout_s:.0f} s")

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with self._changed:
                    self._take(**json.loads(line))
                    self._changed.notify_all()

    def _take(self, **said: Any) -> None:
        if "tool" in said:
            said |= {name: bytes.fromhex(said[name]) for name in ("arguments", "call_id")}
            self.done.append(Done(**said))
        elif "completed" in said:
            self.completed = (bytes.fromhex(said["completed"]), said["at_s"])
        else:
            self._delivered = said["delivered"]


@contextmanager
def guarded_tools(guard_profile: Path, agent_profile: Path) -> Iterator[list[GuardedTools]]:
    """Run some processes with guarded tools; they are killed at the end."""
    with contextlib.ExitStack() as stack:
        running = []
        for _ in range(_PROCESSES):
            running.append(GuardedTools(guard_profile, agent_profile))
            stack.callback(running[-1].kill)
        yield running
