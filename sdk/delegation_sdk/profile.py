"""Reading the profile: one TOML file that says where the service is, who we are, and whom we trust.

`delegation serve --dev` and the operator write it. Paths in it are relative to the file.
"""

from __future__ import annotations

import base64
import binascii
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from cryptography import x509

from delegation.errors import ConfigError
from delegation_sdk.tokens import TokenFile, TokenSource

PROFILE_VARIABLE: Final = "DELEGATION_PROFILE"
TARGET_VARIABLE: Final = "DELEGATION_TARGET"
ProfilePath = str | os.PathLike[str]

DEFAULT_PATH: Final = Path(".delegation/profile.toml")

SOCKET_VARIABLE: Final = "SPIFFE_ENDPOINT_SOCKET"
"""The Workload API of a profile that names no certificate, as every SPIFFE workload finds it."""

_REQUIRED: Final = ("target", "trust_root")
_FILES: Final = ("ca", "certificate", "key")
# What a way to say who the client is needs beside it, and what contradicts it.
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {"workload_api": (), "token_file": ("agent",), "certificate": _FILES}
_REFUSED: Final[Mapping[str, tuple[str, ...]]] = {
    "workload_api": (*_FILES, "token_file", "agent"),
    "token_file": ("certificate", "key", "service_trust_domain"),
    "certificate": ("service_trust_domain", "agent"),
}
_KNOWN: Final = frozenset(
    (*_REQUIRED, *_FILES, "server_name", "workload_api", "service_trust_domain", "token_file", "agent")
)
_ROOT_KEY_BYTES: Final = 32
_FETCH_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Profile:
    """What a client needs to reach the service.

    Who the client is comes from one of three: a certificate and its key in files; the Workload API; or a token, which
    needs `agent_id` and goes to the address where the service takes tokens.

    Attributes:
        target: Where the service listens, as gRPC writes it: `host:port` or `unix:PATH`.
        ca: PEM file of the certificates that the service's own comes from; None: those that the machine trusts, with a
            token; none, with a token over a Unix socket.
        certificate: PEM file of the client's certificate.
        key: PEM file of its private key.
        trust_root: The root public key that signs the trust bundle, 32 bytes.
        server_name: The name to expect in the service's certificate, where the target has none.
        workload_api: Socket of the Workload API, `unix:/path`, which gives certificate, key and CA certificates.
        service_trust_domain: The trust domain of the service, if it is not the client's own.
        token: Gives the bearer token for each call.
        agent_id: The client's own agent id, if it has a token.
    """

    target: str
    ca: Path | None
    certificate: Path | None
    key: Path | None
    trust_root: bytes
    server_name: str | None = None
    workload_api: str | None = None
    service_trust_domain: str | None = None
    token: TokenSource | None = field(default=None, repr=False)
    agent_id: str | None = None

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
        profile = cls.load(given or DEFAULT_PATH, environment=environment)
        target = environment.get(TARGET_VARIABLE)
        return replace(profile, target=target) if target else profile

    @classmethod
    def load(cls, path: ProfilePath, *, environment: Mapping[str, str] | None = None) -> Profile:
        """Read one profile.

        Raises:
            ConfigError: It cannot be read, or a value is missing, unknown or wrong.
        """
        path = Path(path)
        values = _values(path)
        _choose_identity(path, values, os.environ if environment is None else environment)
        try:
            trust_root = base64.b64decode(_padded(values["trust_root"]), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            trust_root = b""
        if len(trust_root) != _ROOT_KEY_BYTES:
            raise ConfigError(f"{path}: trust_root must be {_ROOT_KEY_BYTES} bytes in base64url")
        files = {name: path.parent / values[name] if name in values else None for name in _FILES}
        return cls(
            target=values["target"],
            ca=files["ca"],
            certificate=files["certificate"],
            key=files["key"],
            trust_root=trust_root,
            server_name=values.get("server_name"),
            workload_api=values.get("workload_api"),
            service_trust_domain=values.get("service_trust_domain"),
            token=TokenFile(path.parent / values["token_file"]) if "token_file" in values else None,
            agent_id=values.get("agent"),
        )

    def with_token(self, token: TokenSource, *, agent: str) -> Profile:
        """Connect with a bearer token instead of a certificate.

        Args:
            token: Gives the token for each call.
            agent: The agent id that the service knows the token's holder by.
        """
        return replace(self, certificate=None, key=None, workload_api=None, token=token, agent_id=agent)

    def agent(self) -> str:
        """Find the agent id of the client: the SPIFFE ID in its certificate, or what was said beside its token.

        Raises:
            ConfigError: The certificate cannot be had, or names no single URI.
        """
        if self.workload_api is not None:
            from delegation_sdk.workload_api import fetch_id

            return fetch_id(self.workload_api, timeout_s=_FETCH_TIMEOUT_S)
        if self.certificate is None:
            if self.agent_id is None:
                raise ConfigError("the profile does not say who the client is: set agent beside token_file")
            return self.agent_id
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
        except OSError as error:
            raise ConfigError(f"cannot read {self.certificate}: {error.strerror}") from None
        except (ValueError, x509.ExtensionNotFound):
            raise ConfigError(f"{self.certificate} is no certificate with one URI (a SPIFFE ID)") from None
        return uri


def _choose_identity(path: Path, values: dict[str, str], environment: Mapping[str, str]) -> None:
    """Require that a profile says in one way, and in one way only, who the client is."""
    if not {"certificate", "key", "workload_api", "token_file"} & values.keys() and environment.get(SOCKET_VARIABLE):
        values["workload_api"] = environment[SOCKET_VARIABLE]
    kind = next((each for each in _REFUSED if each in values), "certificate")
    if missing := [name for name in _NEEDED[kind] if name not in values]:
        raise ConfigError(f"{path}: {missing[0]} is missing")
    if found := [name for name in _REFUSED[kind] if name in values]:
        raise ConfigError(f"{path}: {found[0]} does not go with {kind}: remove one of them")


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
