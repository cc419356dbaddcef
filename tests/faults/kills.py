"""kill -9 of the service under load, again and again, over one SQLite file."""

from __future__ import annotations

import random
import time
from pathlib import Path

from faults.estate import estate
from faults.load import Load
from faults.scenario import Result, Scale, judged, summary

_LATEST_S = 0.3
"""A kill comes at any moment within this time after the writes that it waits for."""


def killed_again_and_again(directory: Path, scale: Scale) -> Result:
    """Kill it while it writes; start it on the same file; clients go on where they were."""
    moments = random.Random(1)  # the same moments each time, as far as threads can have any
    recoveries = []
    with estate(directory) as made:
        service = made.replica()
        service.start()
        with Load(made.connecting()) as load:
            for _ in range(scale.kills):
                load.book.more_than(len(load.book) + scale.writes, timeout_s=60)
                time.sleep(moments.uniform(0, _LATEST_S))
                service.kill()
                killed, written = time.monotonic(), len(load.book)
                service.start()
                load.book.more_than(written, timeout_s=60)
                recoveries.append(time.monotonic() - killed)
            return judged(made, load, summary("from the kill to the next acknowledged write", recoveries))
