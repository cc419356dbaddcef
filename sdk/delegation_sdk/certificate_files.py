"""A client's certificate files, followed as they rotate: a new one is used for new connections, without a restart.

They are looked at when a call begins, once a second at most. What cannot be used is passed over, with a warning: files
that are being replaced do not fit each other for a moment, and what worked before may go on working.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from delegation.errors import ConfigError
from delegation_sdk.log import warn

LOOK_EVERY_S: Final = 1.0
_Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Certificates:
    """One state of the files, PEM; None where the profile names none. The key stays out of any `repr`.

    Attributes:
        ca: The CA certificates of the service.
        certificate: The client's certificate with its intermediates.
        key: Its private key.
    """

    ca: bytes | None = field(repr=False)
    certificate: bytes | None = field(repr=False)
    key: bytes | None = field(repr=False)


class CertificateFiles:
    """Follows the files. For one thread at a time.

    Args:
        ca: The CA certificates of the service.
        certificate: The client's certificate.
        key: Its private key.
        monotonic: A clock that is never put forward or back, seconds.

    Raises:
        ConfigError: A file cannot be read.
    """

    def __init__(
        self,
        ca: Path | None,
        certificate: Path | None,
        key: Path | None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths = (ca, certificate, key)
        self._monotonic = monotonic
        self._look_at_s = monotonic() + LOOK_EVERY_S
        self._stamp = self._stamp_now()
        self._latest = self._read()
        self._said = ""

    @property
    def latest(self) -> Certificates:
        """The state to connect with; another object for each."""
        if (now_s := self._monotonic()) >= self._look_at_s:
            self._look_at_s = now_s + LOOK_EVERY_S
            self._look()
        return self._latest

    def close(self) -> None:
        """Do nothing: nothing is held open."""

    def _look(self) -> None:
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        try:
            found = self._read()
            _require_same_client(found, self._latest)
        except ConfigError as error:  # looked at again: it may be half of a rotation
            if str(error) != self._said:
                self._said = str(error)
                warn("certificate files changed and cannot be used, the former ones stay in use: %s", error)
            return
        self._stamp, self._said = stamp, ""
        if found != self._latest:
            self._latest = found

    def _read(self) -> Certificates:
        return Certificates(*(None if path is None else _content(path) for path in self._paths))

    def _stamp_now(self) -> _Stamp:
        return tuple(None if path is None else _stamp_of(path) for path in self._paths)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}, which the profile names: {error.strerror}") from None


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    """Tell one state of a file from another: a rotation replaces it, or writes it anew."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _require_same_client(found: Certificates, former: Certificates) -> None:
    """Require that new files fit each other, and that they are of the same client. Raises `ConfigError`."""
    try:
        if found.ca is not None:
            x509.load_pem_x509_certificates(found.ca)
        if found.certificate is None or found.key is None or former.certificate is None:
            return
        leaf = x509.load_pem_x509_certificates(found.certificate)[0]
        key = load_pem_private_key(found.key, password=None)
        is_its_key = key.public_key() == leaf.public_key()
        names, former_names = _names(leaf), _names(x509.load_pem_x509_certificates(former.certificate)[0])
    except (ValueError, TypeError):  # the text of neither is for a log
        raise ConfigError("they hold no certificate, or no unencrypted key, as PEM") from None
    if not is_its_key:
        raise ConfigError("the key is not the certificate's")
    if names != former_names:
        raise ConfigError("the certificate names somebody else")


def _names(certificate: x509.Certificate) -> frozenset[str]:
    """Give the URIs that a certificate names, one of which is its SPIFFE ID."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(names.get_values_for_type(x509.UniformResourceIdentifier))
