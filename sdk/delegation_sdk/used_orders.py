"""Break-glass statements of single use that were used up, as files: they outlive the process."""

from __future__ import annotations

import os
from pathlib import Path

from delegation.core.break_glass import BreakGlass
from delegation.errors import Reason, refusal


class UsedOrderFiles:
    """One empty file for each statement, named by its nonce.

    Args:
        directory: Where the files are, for all instances of an audience; made if need be.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def use_order(self, order: BreakGlass, *, now_ms: int) -> None:
        """Use one up, durably, in one atomic step.

        Raises:
            Undecided: SERVICE_UNAVAILABLE if it was used before, or that cannot be written down.
        """
        del now_ms
        path = self._directory / f"break-glass-used-{order.nonce.hex()}"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except FileExistsError:
            raise refusal(Reason.SERVICE_UNAVAILABLE, detail="the break-glass statement was used") from None
        except OSError as error:
            detail = f"the use of a break-glass statement cannot be written down: {error.strerror}"
            raise refusal(Reason.SERVICE_UNAVAILABLE, detail=detail) from None
