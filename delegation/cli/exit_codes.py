"""What the exit codes of `delegation` mean. They are an interface: scripts rely on them."""

from __future__ import annotations

from typing import Final

from delegation.errors import (
    ConfigError,
    DelegationError,
    Overloaded,
    Reason,
    Refused,
    ServiceUnavailable,
    StorageError,
)

OK: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
CONFIG: Final = 3
UNAVAILABLE: Final = 4
UNEXPECTED: Final = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED: Final = 130  # 128 + SIGINT

MEANING: Final = {
    OK: "done, and what was asked about holds",
    REFUSED: "refused: not verified, not permitted, or not found",
    USAGE: "the command line makes no sense",
    CONFIG: "a file, a setting or the database has to be put right",
    UNAVAILABLE: "the service cannot be reached, or has too much to do",
    UNEXPECTED: "a defect of this program",
    INTERRUPTED: "interrupted",
}


def code_of(error: DelegationError) -> int:
    """Give the exit code of a failure."""
    match error:
        case ConfigError() | StorageError():
            return CONFIG
        case ServiceUnavailable() | Overloaded() | Refused(reason=Reason.SERVICE_UNAVAILABLE):
            return UNAVAILABLE
        case _:
            return REFUSED
