"""Telling the service what a guard's tools say of themselves, in the background: no call waits for it, or fails by it.

What is declared while the program starts is told at once; then each change, and everything once a day.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Final, Protocol

from delegation.core.declaration import Declaration
from delegation.errors import DelegationError, Overloaded, ServiceUnavailable, StorageError
from delegation_sdk.backoff import Backoff
from delegation_sdk.log import defect, warn
from delegation_sdk.served_tools import ServedTools
from delegation_sdk.sources import Sources

_LINGER_S: Final = 0.5
_AGAIN_S: Final = 24 * 60 * 60.0
_REFUSED_S: Final = 60 * 60.0  # an operator may have put it right, or brought the service up to date
_LONGEST_WAIT_S: Final = 300.0


class ToolReportSink(Protocol):
    """Who is told of tools."""

    def report_tools(self, audience: str, tools: Mapping[str, Declaration]) -> None:
        """Tell what tools say of themselves. Raises a `DelegationError`."""


class ToolReporter:
    """Tells what the tools of an audience say of themselves.

    Args:
        audience: Whose tools they are.
        sink: Who is told.
        served: The tools.
        sources: Clock and randomness.
    """

    def __init__(self, audience: str, sink: ToolReportSink, served: ServedTools, *, sources: Sources) -> None:
        self._audience = audience
        self._sink = sink
        self._served = served
        self._backoff = Backoff(sources.random, first_s=1.0, longest_s=_LONGEST_WAIT_S)
        self._work = threading.Event()
        self._closing = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process = os.getpid()
        self._said = ""

    def start(self) -> None:
        """Begin to tell: what is known by now, and what changes."""
        self._served.changed = self._changed
        if self._served.all():
            self._changed()

    def close(self) -> None:
        """Tell nothing more. What was not told yet is told by the next guard of these tools."""
        self._closing.set()
        self._work.set()

    def _changed(self) -> None:
        if self._closing.is_set() or os.getpid() != self._process:  # a forked child has a guard of its own, or none
            return
        self._work.set()
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="delegation-tools", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._closing.wait(_LINGER_S)  # let what is declared in a row gather
            self._work.clear()
            until, at_most_s = self._report()
            until.wait(at_most_s)

    def _report(self) -> tuple[threading.Event, float]:
        """Tell everything; give what to wait for before telling it again, and for how long."""
        try:
            self._sink.report_tools(self._audience, self._served.all())
        except (ServiceUnavailable, Overloaded, StorageError) as error:
            self._warn(f"{error}; trying again")
            return self._closing, self._backoff.next_s()
        except DelegationError as error:
            self._warn(str(error))
        except Exception as error:  # noqa: BLE001 - nothing may end this thread
            self._warn(defect(error))
        else:
            self._said = ""
            self._backoff.reset()
            return self._work, _AGAIN_S
        return self._work, _REFUSED_S

    def _warn(self, why: str) -> None:
        if why != self._said and not self._closing.is_set():
            warn("the service was not told what the tools of %s are: %s", self._audience, why)
            self._said = why
