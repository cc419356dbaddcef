"""One TOML file that gives a client everything it needs to reach the service: a profile.

Written here; read by the SDK. Paths in it are relative to the file, so that its directory can be
moved or mounted as a whole. It holds no secret itself: the key is in the file that it names.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from delegation.errors import ConfigError
from delegation.identity.spiffe import parse_spiffe_id
from delegation.private_files import write_private

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from delegation.identity.dev_ca import DevelopmentCa

PROFILE_FILE: Final = "profile.toml"
_CA_FILE: Final = "ca.pem"


@dataclass(frozen=True, slots=True)
class Profile:
    """What a client needs.

    Attributes:
        target: Where the service listens, as gRPC writes it: `host:port` or `unix:PATH`.
        ca: PEM file of the CA certificates that the service's own certificate comes from.
        certificate: PEM file of the client's certificate.
        key: PEM file of its private key, 0600.
        trust_root: The root public key that signs the trust bundle, 32 bytes.
        server_name: The name to expect in the service's certificate, where the target has none.
    """

    target: str
    ca: str
    certificate: str
    key: str
    trust_root: bytes
    server_name: str | None = None

    def to_toml(self) -> str:
        """Write the profile as TOML.

        Raises:
            ConfigError: A value has a control character, which no path or target needs.
        """
        values = {
            "target": self.target,
            "ca": self.ca,
            "certificate": self.certificate,
            "key": self.key,
            "trust_root": base64.urlsafe_b64encode(self.trust_root).rstrip(b"=").decode(),
            "server_name": self.server_name,
        }
        return "".join(f"{name} = {_quoted(value)}\n" for name, value in values.items() if value is not None)


def profile_directory(directory: Path, spiffe_id: str) -> Path:
    """Name the directory of an id's profile among others: `DIRECTORY/agent/planner` for `spiffe://acme/agent/planner`.

    Raises:
        ConfigError: The id is no SPIFFE ID.
    """
    return directory / parse_spiffe_id(spiffe_id).path.removeprefix("/")


def issue_profile(
    directory: Path,
    spiffe_id: str,
    ca: DevelopmentCa,
    *,
    target: str,
    trust_root: bytes,
    now: dt.datetime,
) -> Path:
    """Issue a client's certificate and write it with its profile into a directory.

    Args:
        directory: Where; made if need be. What was issued into it before is replaced.
        spiffe_id: Whose profile it is.
        ca: Whose certificates the service trusts, and its own comes from.
        target: Where the service listens, as gRPC writes it.
        trust_root: The root public key that signs the trust bundle, 32 bytes.
        now: When the certificate begins.

    Returns:
        The path of the profile.

    Raises:
        ConfigError: The id is not of the CA's trust domain, or the files cannot be written.
    """
    certificate, key = ca.issue(spiffe_id, now=now).write(directory, "client")
    write_private(directory / _CA_FILE, ca.certificate)
    # The path of a Unix socket is in no certificate, and gRPC looks for just that unless told otherwise.
    server_name = "localhost" if target.startswith("unix:") else None
    profile = Profile(target, _CA_FILE, certificate.name, key.name, trust_root, server_name)
    write_private(directory / PROFILE_FILE, profile.to_toml().encode())
    return directory / PROFILE_FILE


def _quoted(value: str) -> str:
    """Quote a TOML basic string: JSON's rules, once there are no control characters."""
    if not value.isprintable():
        raise ConfigError("a profile's value has a control character: choose another path")
    return json.dumps(value, ensure_ascii=False)
