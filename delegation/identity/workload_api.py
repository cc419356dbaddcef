"""Adapter: the SPIFFE Workload API: this service's own X.509-SVID, and the bundles of trust domains, as they rotate.

Everything comes from a socket of this machine, pushed by the agent there (SPIRE's, or another's). Once there was an
update, the last one stays in use while the agent is away. Each trust domain keeps a bundle of its own.
Source: SPIFFE Workload API specification, sections 5 and 6.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from delegation.errors import ConfigError
from delegation.identity.jwks import usable_key
from delegation.identity.jws import VerifyingKey
from delegation.identity.token_rules import ALGORITHMS

if TYPE_CHECKING:
    from spiffe.workloadapi.workload_api_client import WorkloadApiClient

_LOG: Final = structlog.get_logger("delegation")
_CONNECT_AGAIN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Svid:
    """An X.509-SVID and the bundles that came with it. The key stays out of any `repr`.

    Attributes:
        id: The SPIFFE ID.
        certificate: The certificate with its intermediates, PEM.
        key: Its private key, PEM.
        bundles: The CA certificates of each trust domain, PEM.
    """

    id: str
    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)
    bundles: Mapping[str, bytes] = field(repr=False)


class WorkloadApi:
    """Follows the Workload API, in threads of its own. `start`, then `close`."""

    def __init__(self, socket: str, *, jwt_bundles: bool = False) -> None:
        """Follow nothing yet.

        Args:
            socket: Where it is, `unix:/path`.
            jwt_bundles: Whether the keys of JWT-SVIDs are wanted.

        Raises:
            ConfigError: The extra is missing.
        """
        try:
            import spiffe  # noqa: F401
        except ImportError:
            raise ConfigError(
                "the Workload API needs the extra spiffe: pip install 'delegation-chain[spiffe]'"
            ) from None
        # It writes every failed attempt as an error; what matters is logged here.
        logging.getLogger("spiffe").setLevel(logging.CRITICAL)
        self._socket = socket
        self._wants_jwt_bundles = jwt_bundles
        self._changed: Callable[[Svid], None] = lambda _: None
        self._svid: Svid | None = None
        self._jwt_keys: Mapping[str, tuple[VerifyingKey, ...]] = {}
        self._ready = threading.Condition()
        self._wakes: list[threading.Event] = []
        self._closed = threading.Event()

    def start(self, *, timeout_s: float, changed: Callable[[Svid], None]) -> Svid:
        """Connect and wait for the first SVID. Blocks.

        Args:
            timeout_s: How long to wait.
            changed: Told of every later SVID and bundle, from another thread.

        Raises:
            ConfigError: None came in time.
        """
        self._follow(lambda client, given_up: client.stream_x509_contexts(self._take_svid, given_up))
        if self._wants_jwt_bundles:
            self._follow(lambda client, given_up: client.stream_jwt_bundles(self._take_jwt_bundles, given_up))
        with self._ready:
            self._ready.wait_for(self._is_ready, timeout_s)
            svid = self._svid if self._is_ready() else None
            self._changed = changed
        if svid is None:
            self.close()
            raise ConfigError(
                f"the Workload API at {self._socket} gave no SVID within {timeout_s:g} s: is its agent running, and is"
                " this workload registered there?"
            )
        return svid

    @property
    def svid(self) -> Svid | None:
        """The SVID that came last; None before the first."""
        return self._svid

    def jwt_keys(self, trust_domain: str) -> Sequence[VerifyingKey]:
        """Return the keys that JWT-SVIDs of a trust domain are signed with; none if the agent has given none."""
        return self._jwt_keys.get(trust_domain, ())

    def close(self) -> None:
        """Let go of the agent. What came last stays."""
        self._closed.set()
        for wake in self._wakes:
            wake.set()

    def _is_ready(self) -> bool:
        return self._svid is not None and bool(self._jwt_keys or not self._wants_jwt_bundles)

    def _follow(self, subscribe: Callable[[Any, Callable[[Exception], None]], Any]) -> None:
        """Follow one stream in a thread of its own, so that none waits for another."""
        wake = threading.Event()
        self._wakes.append(wake)
        threading.Thread(target=self._run, args=(subscribe, wake), name="workload-api", daemon=True).start()

    def _run(self, subscribe: Callable[[Any, Callable[[Exception], None]], Any], wake: threading.Event) -> None:
        """Connect, and connect again when the library has given up: it does so at an answer that it cannot read."""
        from spiffe.errors import ArgumentError

        def given_up(error: Exception) -> None:
            if not self._closed.is_set():
                _LOG.warning("the Workload API gave an answer that cannot be used", kind=type(error).__name__)
            wake.set()

        while not self._closed.is_set():
            try:
                client = lenient_client(self._socket)
            except ArgumentError:  # no such socket: the agent is not there yet
                self._closed.wait(_CONNECT_AGAIN_S)
                continue
            with client:
                handler = subscribe(client, given_up)
                wake.wait()
                handler.cancel()
            wake.clear()
            self._closed.wait(_CONNECT_AGAIN_S)

    def _take_svid(self, context: Any) -> None:
        svid = svid_of(context)
        with self._ready:
            self._svid = svid
            changed = self._changed
            self._ready.notify_all()
        changed(svid)

    def _take_jwt_bundles(self, bundles: Any) -> None:
        keys = {}
        for bundle in bundles.bundles:
            found = (usable_key(name, key, allowed=ALGORITHMS) for name, key in bundle.jwt_authorities.items())
            keys[bundle.trust_domain.name] = tuple(key for key in found if key is not None)
        with self._ready:
            self._jwt_keys = keys
            self._ready.notify_all()


class JwtSvidKeys:
    """The keys of one trust domain's JWT-SVIDs, as a `KeySource`: the agent pushes them, there is nothing to fetch."""

    def __init__(self, api: WorkloadApi, trust_domain: str) -> None:
        self._api = api
        self._trust_domain = trust_domain

    def known(self) -> Sequence[VerifyingKey] | None:
        """Return the keys that count now."""
        return self._api.jwt_keys(self._trust_domain) or None

    async def renewed(self) -> bool:
        """Tell that there are no others."""
        return False


def lenient_client(socket: str) -> WorkloadApiClient:
    """Make a client for which one trust domain's bundle that cannot be read is that domain's loss alone.

    The library would refuse the whole update: a partner's mistake would stop the rotation of our own SVID, and a CA
    that was withdrawn would go on being trusted. An SVID without its own bundle it still refuses.

    Raises:
        ArgumentError: There is no such socket; the library's own.
    """
    from spiffe.bundle.jwt_bundle.jwt_bundle import JwtBundle
    from spiffe.bundle.jwt_bundle.jwt_bundle_set import JwtBundleSet
    from spiffe.bundle.x509_bundle.x509_bundle import X509Bundle
    from spiffe.bundle.x509_bundle.x509_bundle_set import X509BundleSet
    from spiffe.workloadapi.workload_api_client import WorkloadApiClient

    class Lenient(WorkloadApiClient):
        @staticmethod
        def _create_x509_bundle_set(resp_bundles: Mapping[str, bytes]) -> X509BundleSet:
            return X509BundleSet.of(_readable(resp_bundles, X509Bundle.parse_raw))

        @staticmethod
        def _create_jwt_bundle_set(resp_bundles: Mapping[str, bytes]) -> JwtBundleSet:
            return JwtBundleSet.of(_readable(resp_bundles, JwtBundle.parse))

    return Lenient(socket)


def _readable(bundles: Mapping[str, bytes], parse: Callable[[Any, bytes], Any]) -> list[Any]:
    from spiffe.spiffe_id.spiffe_id import TrustDomain

    found = []
    for name, content in bundles.items():
        try:
            found.append(parse(TrustDomain(name), content))
        except Exception:  # noqa: BLE001 - whatever is wrong with it
            _LOG.warning("a trust domain's bundle cannot be read: its callers are refused", trust_domain=name)
    return found


def svid_of(context: Any) -> Svid:
    """Take the default SVID and all bundles out of an update (Workload API 5.3: the first one is the default)."""
    svid = context.default_svid
    return Svid(
        id=str(svid.spiffe_id),
        certificate=b"".join(one.public_bytes(Encoding.PEM) for one in svid.cert_chain),
        key=svid.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        bundles={
            bundle.trust_domain.name: b"".join(
                sorted(authority.public_bytes(Encoding.PEM) for authority in bundle.x509_authorities)
            )
            for bundle in context.x509_bundle_set.bundles
        },
    )
