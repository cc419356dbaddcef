"""A small continuous load: calls on end, in threads, while a test rotates something under them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Load:
    """Calls on end, in threads; what fails is kept."""

    def __init__(self, *calls: Callable[[], object]) -> None:
        self.made = 0
        self.failed: list[Exception] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(call,)) for call in calls]

    def _run(self, call: Callable[[], object]) -> None:
        while not self._stop.is_set():
            try:
                call()
                self.made += 1
            except Exception as error:  # noqa: BLE001 - the test tells
                self.failed.append(error)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def goes_on(self, calls: int = 10) -> None:
        """Wait until so many more calls were made."""
        goal = self.made + calls
        until(lambda: self.made >= goal or self.failed)
