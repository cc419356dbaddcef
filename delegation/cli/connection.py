"""The connection of a command to the service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from delegation.errors import ConfigError

if TYPE_CHECKING:
    from delegation.core.trust import Catalogue
    from delegation_sdk.client import Client
    from delegation_sdk.trust import TrustKeeper


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


def fetched_trust(profile: Path | None) -> tuple[TrustKeeper, bytes]:
    """Fetch the trust bundle and the catalogue that the service has in use, and check them by a profile's root key.

    Returns what keeps them, and the root key, 32 bytes.

    Raises:
        ConfigError: There is no profile, or it cannot be used.
        RequestFailed: The service does not tell.
        BadStatement: What it tells is not signed as it should be.
    """
    quiet_grpc()
    from delegation_sdk.channel import open_channel
    from delegation_sdk.guard_grpc import GrpcTrust
    from delegation_sdk.profile import Profile
    from delegation_sdk.sources import Sources
    from delegation_sdk.trust import TrustKeeper

    found = Profile.find(profile)
    with open_channel(found) as channel:
        trust = TrustKeeper(GrpcTrust(channel), found.trust_root, sources=Sources.system())
        trust.refresh()
        return trust, found.trust_root


def catalogue_in_use(profile: Path | None) -> Catalogue:
    """Fetch the catalogue that the service has in use. Raises as `fetched_trust`."""
    from delegation_sdk.unknown_catalogue import UnknownCatalogue

    catalogue = fetched_trust(profile)[0].catalogue
    if isinstance(catalogue, UnknownCatalogue):
        raise ConfigError("the service gives a catalogue that is not its trust bundle's; name the file: --catalogue")
    return catalogue


def quiet_grpc() -> None:
    """Keep gRPC's own log off the terminal: what went wrong is said once, by us. Before gRPC is loaded."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
