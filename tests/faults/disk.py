"""A disk that is full: writes fail and say so, nothing is half there, and all goes on once there is room."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.estate import estate, wait_until
from faults.load import Load
from faults.scenario import NotHereError, Result, Scale, judged

_SIZE_BYTES = 96 * 1024 * 1024
_LEFT_BYTES = 2 * 1024 * 1024
_QUIET_S = 3.0


def full_disk(directory: Path, scale: Scale) -> Result:
    """Fill a small file system under the load, keep it full for a while, then make room."""
    with (
        small_file_system(directory / "small") as small,
        estate(directory, database=f'path = "{small}/delegation.sqlite3"') as made,
    ):
        service = made.replica()
        service.start()
        with Load(made.connecting()) as load:
            load.book.more_than(scale.writes, timeout_s=60)
            ballast = small / "ballast"
            _fill(ballast)
            _until_nothing_is_written(load)
            unready_s = wait_until(lambda: not made.ready(service), "readiness saying that the disk is full")
            time.sleep(scale.seconds)
            written = len(load.book)
            ballast.unlink()
            freed = time.monotonic()
            load.book.more_than(written, timeout_s=60)
            recovered_s = time.monotonic() - freed
            wait_until(lambda: made.ready(service), "readiness saying that there is room again")
            load.book.more_than(written + scale.writes, timeout_s=60)
            assert service.alive, "the service ended for want of room"
            notes = [
                f"not ready {unready_s:.1f} s after nothing was acknowledged for {_QUIET_S:.0f} s",
                f"from room to the next acknowledged write: {recovered_s:.2f} s",
            ]
            return judged(made, load, *notes)


@contextmanager
def small_file_system(path: Path) -> Iterator[Path]:
    """Mount a small file system in memory. Raises `NotHereError`."""
    path.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_BYTES}", "tmpfs", str(path)]
    try:
        subprocess.run(mounting, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise NotHereError("mounting a small file system needs root, and a kernel that permits it") from None
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True, capture_output=True)


def _fill(ballast: Path) -> None:
    """Take nearly all the room that is left; the service takes the rest."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while (free := _free_bytes(ballast.parent)) > _LEFT_BYTES:
            file.write(bytes(min(free - _LEFT_BYTES, _LEFT_BYTES)))


def _free_bytes(path: Path) -> int:
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def _until_nothing_is_written(load: Load) -> None:
    """Wait until the service has acknowledged nothing for a while."""
    while True:
        try:
            load.book.more_than(len(load.book), timeout_s=_QUIET_S)
        except TimeoutError:
            return
