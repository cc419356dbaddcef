"""Reading the profile: one TOML file that says where the service is, who we are, and whom we trust.

`delegation serve --dev` and the operator write it. Paths in it are relative to the file.
"""

from __future__ import annotations

import base64
import binascii
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cryptography import x509

from delegation.errors import ConfigError

PROFILE_VARIABLE: Final = "DELEGATION_PROFILE"
TARGET_VARIABLE: Final = "DELEGATION_TARGET"
ProfilePath = str | os.PathLike[str]

DEFAULT_PATH: Final = Path(".delegation/profile.toml")

_REQUIRED: Final = ("target", "ca", "certificate", "key", "trust_root")
_KNOWN: Final = frozenset((*_REQUIRED, "server_name"))
_ROOT_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Profile:
    """What a client needs to reach the service.

    Attributes:
        target: Where the service listens, as gRPC writes it: `host:port` or `unix:PATH`.
        ca: PEM file of the certificates that the service's own comes from.
        certificate: PEM file of the client's certificate.
        key: PEM file of its private key.
        trust_root: The root public key that signs the trust bundle, 32 bytes.
        server_name: The name to expect in the service's certificate, where the target has none.
    """

    target: str
    ca: Path
    certificate: Path
    key: Path
    trust_root: bytes
    server_name: str | None = None

    @classmethod
    def find(
        cls, path: str | os.PathLike[str] | None = None, *, environment: Mapping[str, str] | None = None
    ) -> Profile:
        """Read the profile at `path`, else at `$DELEGATION_PROFILE`, else at `./.delegation/profile.toml`.

        `$DELEGATION_TARGET` overrides its target.

        Raises:
            ConfigError: There is none, or it cannot be used.
        """
        environment = os.environ if environment is None else environment
        given = path or environment.get(PROFILE_VARIABLE)
        if not given and not DEFAULT_PATH.exists():
            raise ConfigError(
                f"no profile: set {PROFILE_VARIABLE}, or run where {DEFAULT_PATH} is (see `delegation serve --dev`)"
            )
        profile = cls.load(given or DEFAULT_PATH)
        target = environment.get(TARGET_VARIABLE)
        return replace(profile, target=target) if target else profile

    @classmethod
    def load(cls, path: ProfilePath) -> Profile:
        """Read one profile.

        Raises:
            ConfigError: It cannot be read, or a value is missing, unknown or wrong.
        """
        path = Path(path)
        values = _values(path)
        try:
            trust_root = base64.b64decode(_padded(values["trust_root"]), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            trust_root = b""
        if len(trust_root) != _ROOT_KEY_BYTES:
            raise ConfigError(f"{path}: trust_root must be {_ROOT_KEY_BYTES} bytes in base64url")
        return cls(
            target=values["target"],
            ca=path.parent / values["ca"],
            certificate=path.parent / values["certificate"],
            key=path.parent / values["key"],
            trust_root=trust_root,
            server_name=values.get("server_name"),
        )

    def agent(self) -> str:
        """Read the agent id of the client: the SPIFFE ID in its certificate.

        Raises:
            ConfigError: The certificate cannot be read, or names no single URI.
        """
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
        except OSError as error:
            raise ConfigError(f"cannot read {self.certificate}: {error.strerror}") from None
        except (ValueError, x509.ExtensionNotFound):
            raise ConfigError(f"{self.certificate} is no certificate with one URI (a SPIFFE ID)") from None
        return uri


def _values(path: Path) -> dict[str, str]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the profile {path}: {error.strerror or 'no such file'}") from None
    except ValueError:
        raise ConfigError(f"the profile {path} is not TOML") from None
    if unknown := sorted(set(values) - _KNOWN):
        raise ConfigError(f"{path}: unknown setting {unknown[0]!r}")
    for name, value in values.items():
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{path}: {name} must be a text, and not empty")
    if missing := [name for name in _REQUIRED if name not in values]:
        raise ConfigError(f"{path}: {missing[0]} is missing")
    return values


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)
