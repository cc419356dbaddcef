"""A certificate authority of one's own, for development and tests: `delegation serve --dev`.

Issues X.509-SVIDs of the shape that SPIRE issues. It is no part of a production deployment: its
key lies unsealed in a file, and it issues to whoever can read that file.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from delegation.errors import ConfigError
from delegation.identity.spiffe import check_trust_domain, parse_spiffe_id
from delegation.private_files import (
    create_private,
    make_private_directory,
    read_private,
    write_private,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CA_LIFETIME: Final = dt.timedelta(days=365)
LEAF_LIFETIME: Final = dt.timedelta(days=30)
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")

_CERTIFICATE_FILE: Final = "ca.pem"
_KEY_FILE: Final = "ca.key"
_MAX_FILE_BYTES: Final = 64 * 1024
# Clocks of two containers on one machine can differ a little.
_BACKDATED: Final = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate and its private key, both PEM. The key stays out of any `repr`."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Credential(...)"

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """Write `NAME.pem` and `NAME.key`, replacing what was there; return both paths.

        Raises:
            ConfigError: They cannot be written.
        """
        make_private_directory(directory)
        certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
        write_private(key, self.key)
        write_private(certificate, self.certificate)
        return certificate, key


class DevelopmentCa:
    """One trust domain's CA. Keys are P-256, since TLS stacks all take it."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key
        self.trust_domain: str = _trust_domain_of(certificate)

    @classmethod
    def create(cls, trust_domain: str, *, now: dt.datetime) -> DevelopmentCa:
        """Make a CA that nobody trusts yet.

        Raises:
            ConfigError: The trust domain's name is not one.
        """
        check_trust_domain(trust_domain)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"{trust_domain} development CA")
        builder = _certificate(name, key.public_key(), now, now + CA_LIFETIME)
        certificate = (
            builder.issuer_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(certificate_signing=True), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"spiffe://{trust_domain}")]),
                critical=False,
            )
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @property
    def certificate(self) -> bytes:
        """The CA's certificate, PEM: what everybody else needs to trust it."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def is_valid_at(self, now: dt.datetime) -> bool:
        """Tell whether certificates can be issued now."""
        return self._certificate.not_valid_before_utc <= now < self._certificate.not_valid_after_utc

    def write(self, directory: Path) -> None:
        """Write the CA's certificate and key into a directory that has none.

        Raises:
            ConfigError: There is one already, or it cannot be written.
        """
        make_private_directory(directory)
        # Neither is ever written over: of two processes that start at once, one loses here with a
        # sentence, and a key always has its own certificate.
        create_private(directory / _CERTIFICATE_FILE, self.certificate)
        create_private(directory / _KEY_FILE, _key_pem(self._key))

    def issue(
        self,
        spiffe_id: str,
        *,
        now: dt.datetime,
        lifetime: dt.timedelta = LEAF_LIFETIME,
        names: Sequence[str] = (),
    ) -> Credential:
        """Issue an X.509-SVID with a fresh key.

        Args:
            spiffe_id: Whom it names; must be of this CA's trust domain.
            now: When it begins, less a minute.
            lifetime: How long it lasts; never longer than the CA.
            names: DNS names and IP addresses besides, for servers.

        Raises:
            ConfigError: The id is malformed or of another trust domain.
        """
        if parse_spiffe_id(spiffe_id).trust_domain != self.trust_domain:
            raise ConfigError(f"{spiffe_id} is not of the trust domain {self.trust_domain}")
        key = ec.generate_private_key(ec.SECP256R1())
        until = min(now + lifetime, self._certificate.not_valid_after_utc)
        builder = _certificate(_name("X.509-SVID"), key.public_key(), now, until)
        certificate = (
            builder.issuer_name(self._certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(certificate_signing=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(spiffe_id), *map(_general_name, names)]),
                critical=False,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        return Credential(certificate.public_bytes(serialization.Encoding.PEM), _key_pem(key))


def open_or_create_ca(directory: Path, trust_domain: str, *, now: dt.datetime) -> DevelopmentCa:
    """Return the CA kept in a directory, made on first use, so that profiles outlive a restart.

    Raises:
        ConfigError: What is there cannot be used: unreadable, expired, of another trust domain.
    """
    certificate_file, key_file = directory / _CERTIFICATE_FILE, directory / _KEY_FILE
    if not key_file.exists() and not certificate_file.exists():
        made = DevelopmentCa.create(trust_domain, now=now)
        made.write(directory)
        return made
    ca = _read_ca(certificate_file, key_file)
    if ca.trust_domain != trust_domain:
        raise ConfigError(
            f"{certificate_file} is the CA of {ca.trust_domain}, not of {trust_domain}: choose another state directory"
        )
    if not ca.is_valid_at(now):
        raise ConfigError(f"{certificate_file} is outside its time: remove {directory} for a new one")
    return ca


def _read_ca(certificate_file: Path, key_file: Path) -> DevelopmentCa:
    certificate_pem = read_private(certificate_file, max_bytes=_MAX_FILE_BYTES)
    key_pem = read_private(key_file, max_bytes=_MAX_FILE_BYTES)
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError):
        raise _no_ca(certificate_file, key_file) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise _no_ca(certificate_file, key_file)
    return DevelopmentCa(certificate, key)


def _no_ca(certificate_file: Path, key_file: Path) -> ConfigError:
    return ConfigError(f"{certificate_file} and {key_file} are not a CA and its key: remove both for a new one")


def _certificate(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, now: dt.datetime, until: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    # X.520 caps a common name at 64 characters; it is for people, nothing is decided from it.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _key_usage(*, certificate_signing: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificate_signing,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificate_signing,
        crl_sign=certificate_signing,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _trust_domain_of(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        raise ConfigError("the CA's certificate names no trust domain: remove it for a new one") from None
    return check_trust_domain(uri.removeprefix("spiffe://"))


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
