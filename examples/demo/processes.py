"""Child processes: started with a log each, spoken to through pipes, and ended by their own ids, whatever happens."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from demo.narration import SurpriseError

_PATIENCE_S = 60.0
_GRACE_S = 3.0


class Process:
    """One child process. What it prints is read line by line; what it complains about is in its log."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, *, ends_with_input: bool
    ) -> None:
        self.name = name
        self.log = log
        self.ends_with_input = ends_with_input
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        with log.open("ab") as stderr:
            # A session of its own: Ctrl-C reaches us alone, and ending it ends what it started itself.
            self._child = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def id(self) -> int:
        """The process id."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._child.poll() is None

    def write_line(self, line: str) -> None:
        """Write one line to its standard input."""
        try:
            self._child.stdin.write(line + "\n")
            self._child.stdin.flush()
        except OSError:
            raise SurpriseError(f"{self.name} has ended; see {self.log.name}") from None

    def read_line(self) -> str:
        """Wait for the next line of its standard output.

        Raises:
            SurpriseError: It ended, or said nothing in time.
        """
        try:
            line = self._lines.get(timeout=_PATIENCE_S)
        except queue.Empty:
            raise SurpriseError(f"{self.name} said nothing for {_PATIENCE_S:.0f} s; see {self.log.name}") from None
        if line is None:
            raise SurpriseError(f"{self.name} ended with exit code {self._child.wait()}; see {self.log.name}")
        return line

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL, nothing said before."""
        self.end(by=time.monotonic())

    def ask_to_end(self) -> None:
        """Let it end by itself."""
        if self.ends_with_input:
            with suppress(OSError):
                self._child.stdin.close()
        elif self.running:
            self._signal(signal.SIGTERM)

    def end(self, by: float) -> None:
        """Wait until it has ended; kill it after the given time, of the monotonic clock."""
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(max(0.0, by - time.monotonic()))
        self._signal(signal.SIGKILL)  # whatever is left of its session, too
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            with suppress(OSError):
                pipe.close()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)

    def _read(self) -> None:
        with open(self._child.stdout.fileno(), encoding="utf-8", errors="replace", closefd=False) as lines:
            for line in lines:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)


class Company:
    """All the processes of the demo, and where they keep their logs."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._processes: dict[str, Process] = {}

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], *, ends_with_input: bool = False
    ) -> Process:
        """Start a process, perhaps in place of one of that name; it ends with its input, or is told to by SIGTERM."""
        log = self._logs / f"{name}.log"
        process = Process(name, command, environment, log, ends_with_input=ends_with_input)
        self._processes[name] = process
        return process

    def end(self) -> None:
        """End all of them: agents first, then what they use, in the order in which they need each other."""
        agents = [process for process in self._processes.values() if process.ends_with_input]
        servers = [process for process in self._processes.values() if not process.ends_with_input]
        for wave in (agents, *([server] for server in reversed(servers))):
            for process in wave:
                process.ask_to_end()
            by = time.monotonic() + _GRACE_S
            for process in wave:
                process.end(by)


@contextmanager
def company(logs: Path) -> Iterator[Company]:
    """A company that is ended when the block is left, also by Ctrl-C and SIGTERM."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    made = Company(logs)
    try:
        yield made
    finally:
        # From here on nobody may interrupt: a child would be left behind.
        interrupts = signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            made.end()
        finally:
            signal.signal(signal.SIGINT, interrupts)
            signal.signal(signal.SIGTERM, before)
