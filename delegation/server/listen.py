"""Where the server listens: parsed once, so that "is this reachable from outside?" has one answer."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from delegation.errors import ConfigError

_HOST_AND_PORT: Final = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>\d{1,5})", re.ASCII
)
_MAX_PORT: Final = 65535
# sun_path holds 108 bytes with its terminator; binding a longer one fails with a riddle.
_MAX_UNIX_PATH_BYTES: Final = 107


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """A TCP host and port, or the path of a Unix socket (then host is empty and port is 0)."""

    host: str = ""
    port: int = 0
    unix_path: str = ""

    def __str__(self) -> str:
        """Write the address as gRPC does, for binding and as a client's target."""
        if self.unix_path:
            return f"unix:{self.unix_path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it. A host name other than localhost counts as reachable."""
        if self.unix_path or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_listen_address(text: str) -> ListenAddress:
    """Parse `host:port`, `[ipv6]:port`, `unix:path` or `unix:///path`. Port 0 lets the system choose.

    Raises:
        ConfigError: It is none of these.
    """
    scheme, colon, path = text.partition(":")
    if colon and scheme == "unix":
        path = path.removeprefix("//")
        if not path or "\0" in path or len(path.encode()) > _MAX_UNIX_PATH_BYTES:
            raise ConfigError(f"the path of a Unix socket has 1 to {_MAX_UNIX_PATH_BYTES} bytes: choose another")
        return ListenAddress(unix_path=path)
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None or int(match["port"]) > _MAX_PORT or (match["ipv6"] and not _is_ipv6(match["ipv6"])):
        raise ConfigError("not an address to listen on: write host:port, [ipv6]:port or unix:/path")
    return ListenAddress(match["ipv6"] or match["host"], int(match["port"]))


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
