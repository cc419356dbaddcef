"""A process as the kernel sees it: its memory and its file handles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_PAGE_BYTES = 4096
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Watched:
    """One look.

    Attributes:
        memory_mib: resident, that is, really used.
        handles: open files, sockets included.
    """

    memory_mib: float
    handles: int


def look_at(pid: int) -> Watched:
    """Look at a process. Raises `OSError` if there is none."""
    process = Path(f"/proc/{pid}")
    resident = int((process / "statm").read_text().split()[1])
    return Watched(resident * _PAGE_BYTES / _MIB, len(list((process / "fd").iterdir())))
