"""A terminal for tests: a command with a real controlling terminal, what it writes, and what the screen shows.

    with terminal(["delegation", "revoke", …]) as shown:
        shown.expect("Revoke .* [y/N]")
        shown.sendline("y")
        assert shown.finish() == 0

Unlike `pexpect.spawn` this never forks: a process in which gRPC runs must not.
"""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pyte
from pexpect.fdpexpect import fdspawn

COLUMNS, ROWS = 80, 60
TIMEOUT_S = 60

# Runs first in the child: takes its terminal as the controlling one, then becomes the command.
_TAKE_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
_SAYS_SOMETHING_OF_TERMINALS = (
    "CI",
    "COLUMNS",
    "FORCE_COLOR",
    "LINES",
    "NO_COLOR",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
)


def terminal_environment(**further: str) -> dict[str, str]:
    """The environment of a terminal; nothing else in it says how wide it is or what colours it has."""
    kept = {name: value for name, value in os.environ.items() if name not in _SAYS_SOMETHING_OF_TERMINALS}
    kept.pop("DELEGATION_PROFILE", None)
    return {**kept, "TERM": "xterm-256color", **further}


class Terminal(fdspawn):
    """A command at a terminal; `expect` and `sendline` as pexpect has them."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        super().__init__(descriptor, encoding="utf-8", timeout=TIMEOUT_S)
        self.process = process

    @property
    def echoes(self) -> bool:
        """Whether what is typed is shown."""
        return bool(termios.tcgetattr(self.child_fd)[3] & termios.ECHO)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.send("\x03")

    def finish(self) -> int:
        """Read to the end and give the exit code; the rest of what was written is in `before`."""
        self.expect(pexpect.EOF)
        return self.process.wait(TIMEOUT_S)

    def screen(self) -> pyte.Screen:
        """Read to the end and give what the terminal then shows."""
        self.finish()
        screen = pyte.Screen(COLUMNS, ROWS)
        pyte.Stream(screen).feed(self.before)
        return screen


@contextmanager
def terminal(
    command: Sequence[str], *, environment: Mapping[str, str], directory: Path | None = None
) -> Iterator[Terminal]:
    """Run a command at a terminal of 80 columns; it is killed in the end, if it still runs."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=dict(environment),
        cwd=directory,
    )
    os.close(theirs)
    shown = Terminal(process, ours)
    try:
        yield shown
    finally:
        process.kill()
        process.wait(TIMEOUT_S)
        shown.close()
