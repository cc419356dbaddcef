"""Where the service listens, as gRPC takes it: one address, a name, or several replicas that take turns."""

from __future__ import annotations

import ipaddress
from typing import Final

from delegation.errors import ConfigError

_LAST_PORT: Final = 65_535


def grpc_target(target: str, *, server_name: str | None) -> str:
    """Give gRPC's target for the `target` of a profile.

    Args:
        target: `host:port`, `unix:PATH`, or several `address:port` joined by commas, which are IP addresses.
        server_name: The name to expect in the service's certificate.

    Raises:
        ConfigError: One of several addresses is no IP address, they are of two kinds, or no `server_name` is given:
            a certificate cannot be checked against a list.
    """
    if "," not in target:
        return target
    addresses = [each.strip() for each in target.split(",")]
    versions = {_version(each) for each in addresses}
    if len(versions) > 1:
        raise ConfigError("the target mixes IPv4 and IPv6 addresses: name those of one kind, or a name that has both")
    if server_name is None:
        raise ConfigError("a target of several addresses needs server_name: the name in all their certificates")
    return f"ipv{versions.pop()}:{','.join(addresses)}"


def _version(address: str) -> int:
    host, _, port = address.rpartition(":")
    try:
        version: int = ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).version
        number = int(port)
    except ValueError:
        version = number = 0
    if not 0 < number <= _LAST_PORT:
        raise ConfigError(
            f"{address!r} in the target is no IP address with a port; a name that leads to several is given alone"
        )
    return version
