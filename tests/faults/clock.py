"""A clock that is five minutes off: what it makes untimely is refused, and all goes on once it is right again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from faults.estate import Estate, Replica, estate
from faults.load import Load
from faults.scenario import NotHereError, Result, Scale, judged

SKEW_S: Final = 300
_LIBRARIES: Final = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


def skewed_clock(directory: Path, scale: Scale) -> Result:
    """Put the service's clock forward, right, back, and right again, under load."""
    notes = []
    with estate(directory) as made:
        service, clock = _with_own_clock(made)
        with Load(made.connecting()) as load:
            load.book.more_than(scale.writes, timeout_s=60)
            for skew_s in (SKEW_S, -SKEW_S):
                clock.write_text(f"{skew_s:+d}")
                before = len(load.book)
                time.sleep(scale.seconds)
                during = len(load.book) - before
                clock.write_text("+0")
                righted, written = time.monotonic(), len(load.book)
                load.book.more_than(written + scale.writes, timeout_s=60)
                notes.append(
                    f"{skew_s:+d} s for {scale.seconds:.0f} s: {during} writes acknowledged meanwhile;"
                    f" {scale.writes} more within {time.monotonic() - righted:.1f} s of the right time"
                )
            assert service.alive, "the service ended for its clock"
            return judged(made, load, *notes)


def _with_own_clock(made: Estate) -> tuple[Replica, Path]:
    """Start a replica whose wall clock a file puts forward or back. Its monotonic clock stays right."""
    if not _LIBRARIES:
        raise NotHereError("the Debian package faketime is not installed")
    clock = made.directory / "clock"
    clock.write_text("+0")
    replica = made.replica(
        environment={
            "LD_PRELOAD": str(_LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    )
    replica.start()
    return replica, clock
