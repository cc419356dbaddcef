"""The connection of a command to the service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from delegation_sdk.client import Client


@contextmanager
def connected(profile: Path | None) -> Iterator[Client]:
    """Connect as a profile says; None: as the SDK finds one.

    Raises:
        ConfigError: There is no profile, or it cannot be used.
    """
    quiet_grpc()
    from delegation_sdk.client import Client

    with Client.connect(profile) as client:
        yield client


def quiet_grpc() -> None:
    """Keep gRPC's own log off the terminal: what went wrong is said once, by us. Before gRPC is loaded."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
