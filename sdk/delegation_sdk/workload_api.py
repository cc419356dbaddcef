"""The client's own X.509-SVID from the SPIFFE Workload API, as it rotates.

The agent of this machine pushes a new one in time; the last one stays in use while it is away.
Source: SPIFFE Workload API specification, section 5.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from delegation.errors import ConfigError

FIRST_SVID_S: Final = 30.0
_CONNECT_AGAIN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Svid:
    """One SVID with its bundles; PEM. The key stays out of any `repr`.

    Attributes:
        trust_domain: The trust domain that it is of.
        certificate: The certificate with its intermediates.
        key: Its private key.
        bundles: The CA certificates of each trust domain.
    """

    trust_domain: str
    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)
    bundles: Mapping[str, bytes] = field(repr=False)


class SvidSource:
    """Follows the Workload API in a thread of its own, until closed.

    Args:
        socket: Where it is, `unix:/path`.
        timeout_s: How long to wait for the first SVID, seconds.

    Raises:
        ConfigError: None came, or the extra is missing.
    """

    def __init__(self, socket: str, *, timeout_s: float = FIRST_SVID_S) -> None:
        _require_library()
        self._socket = socket
        self._latest: Svid | None = None
        self._first = threading.Event()
        self._wake = threading.Event()
        self._closed = False
        threading.Thread(target=self._follow, name="delegation-workload-api", daemon=True).start()
        if not self._first.wait(timeout_s):
            self.close()
            raise _nothing(socket, timeout_s)

    @property
    def latest(self) -> Svid:
        """The SVID that came last; another object for each."""
        assert self._latest is not None  # noqa: S101 - it was waited for
        return self._latest

    def close(self) -> None:
        """Follow no longer."""
        self._closed = True
        self._wake.set()

    def _follow(self) -> None:
        """Connect, and connect again when the library has given up: it does so at an answer that it cannot read."""
        from spiffe.errors import ArgumentError

        while not self._closed:
            self._wake.clear()
            try:
                client = _lenient_client(self._socket)
            except ArgumentError:  # no such socket: the agent is not there yet
                self._wake.wait(_CONNECT_AGAIN_S)
                continue
            with client:
                handler = client.stream_x509_contexts(self._take, lambda _: self._wake.set())
                if not self._closed:
                    self._wake.wait()
                handler.cancel()
            if not self._closed:
                self._wake.clear()
                self._wake.wait(_CONNECT_AGAIN_S)

    def _take(self, context: Any) -> None:
        self._latest = _svid(context)
        self._first.set()


def fetch_id(socket: str, *, timeout_s: float) -> str:
    """Ask the Workload API once for the client's own SPIFFE ID.

    Raises:
        ConfigError: It gives none, or the extra is missing.
    """
    _require_library()
    from spiffe.errors import PySpiffeError
    from spiffe.workloadapi.workload_api_client import WorkloadApiClient

    try:
        with WorkloadApiClient(socket) as client:
            return str(client.fetch_x509_svid(timeout=timeout_s).spiffe_id)
    except PySpiffeError:
        raise _nothing(socket, timeout_s) from None


def _lenient_client(socket: str) -> Any:
    """Make a client for which a foreign trust domain's bundle that cannot be read does not stop one's own rotation."""
    from spiffe.bundle.x509_bundle.x509_bundle import X509Bundle
    from spiffe.bundle.x509_bundle.x509_bundle_set import X509BundleSet
    from spiffe.spiffe_id.spiffe_id import TrustDomain
    from spiffe.workloadapi.workload_api_client import WorkloadApiClient

    class Lenient(WorkloadApiClient):
        @staticmethod
        def _create_x509_bundle_set(resp_bundles: Mapping[str, bytes]) -> X509BundleSet:
            found = []
            for name, content in resp_bundles.items():
                with contextlib.suppress(Exception):  # whatever is wrong with it
                    found.append(X509Bundle.parse_raw(TrustDomain(name), content))
            return X509BundleSet.of(found)

    return Lenient(socket)


def _svid(context: Any) -> Svid:
    """Take the default SVID, which is the first one (Workload API 5.3), and all bundles."""
    svid = context.default_svid
    return Svid(
        trust_domain=svid.spiffe_id.trust_domain.name,
        certificate=b"".join(one.public_bytes(Encoding.PEM) for one in svid.cert_chain),
        key=svid.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        bundles={
            bundle.trust_domain.name: b"".join(one.public_bytes(Encoding.PEM) for one in bundle.x509_authorities)
            for bundle in context.x509_bundle_set.bundles
        },
    )


def _require_library() -> None:
    try:
        import spiffe  # noqa: F401
    except ImportError:
        raise ConfigError("the Workload API needs the extra spiffe: pip install 'delegation-chain[spiffe]'") from None
    # It logs every failed attempt as an error, once a second; whoever waits is told in the end.
    logging.getLogger("spiffe").setLevel(logging.CRITICAL)


def _nothing(socket: str, timeout_s: float) -> ConfigError:
    return ConfigError(
        f"the Workload API at {socket} gave no SVID within {timeout_s:g} s: is its agent running, and is this workload"
        " registered there?"
    )
