"""The server's TLS: files checked before the start, credentials that always ask for a client certificate.

Here a client certificate only has to come from one of the accepted CAs; whose it is, and whether that
CA may say so, is for `delegation.identity`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from delegation.errors import ConfigError
from delegation.private_files import read_private

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from delegation.server.config_sections import TlsFiles

_MAX_FILE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """What the server needs for TLS, PEM. The key stays out of any `repr`.

    Attributes:
        certificate: The server's certificate, with its intermediates.
        key: Its private key.
        client_ca: The CA certificates that client certificates must come from, of all trust domains.
        roots: Those of each trust domain apart; empty if they are all of the service's own.
    """

    certificate: bytes
    key: bytes
    client_ca: bytes
    roots: Mapping[str, bytes] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "TlsMaterial(...)"

    def credentials(self) -> grpc.ServerCredentials:
        """Return credentials with which nobody gets in without a client certificate."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)], root_certificates=self.client_ca, require_client_auth=True
        )


def read_tls(files: TlsFiles) -> TlsMaterial:
    """Read and check the files: gRPC would only say that a handshake failed.

    Raises:
        ConfigError: One is missing or unreadable, the key is open to others or is not the certificate's.
    """
    key = read_private(files.key, max_bytes=_MAX_FILE_BYTES)
    certificate, client_ca = _read(files.certificate), _read(files.client_ca)
    leaf = _certificates(files.certificate, certificate)[0]
    _certificates(files.client_ca, client_ca)
    try:
        public_key = load_pem_private_key(key, password=None).public_key()
    except (ValueError, TypeError):
        raise ConfigError(f"{files.key} is not an unencrypted private key: give it as PEM") from None
    if _encoded(public_key) != _encoded(leaf.public_key()):
        raise ConfigError(f"{files.key} is not the key of {files.certificate}: correct tls.key or tls.certificate")
    return TlsMaterial(certificate, key, client_ca)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist: create it, or correct the path") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; check its permissions") from None


def _certificates(path: Path, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ConfigError(f"{path} holds no certificate: give it as PEM") from None


def _encoded(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
