"""Everything that finds out who calls, as the configuration has it: certificates, tokens, principals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import grpc
import structlog

from delegation.errors import ConfigError
from delegation.identity.claims import Expected
from delegation.identity.https_get import HttpsGet
from delegation.identity.jws import require_library
from delegation.identity.mtls import MtlsAuthenticator
from delegation.identity.port import KnownCallers, TokenHolder
from delegation.identity.principal_tokens import PrincipalTokens
from delegation.identity.remote_keys import KeyPolicy, RemoteKeys
from delegation.identity.spiffe import parse_spiffe_id
from delegation.identity.token_callers import TokenCallers, TokenIssuer
from delegation.identity.token_rules import PLAIN_TYPE
from delegation.identity.workload_api import JwtSvidKeys, Svid, WorkloadApi
from delegation.server.config import ServerConfig
from delegation.server.config_sections import TlsFiles
from delegation.server.issuers_config import IssuerConfig
from delegation.server.lifecycle import Listener
from delegation.server.tls import TlsMaterial
from delegation.server.tls_reload import ReloadingTls
from delegation.server.tls_rotating import RotatingTls

_LOG: Final = structlog.get_logger("delegation")


class IdentitySources:
    """The sources of identity of one service. `start`, then `close`."""

    def __init__(
        self, config: ServerConfig, identities: KnownCallers, tls_files: TlsFiles | None, *, now_ms: Callable[[], int]
    ) -> None:
        """Open nothing yet.

        Args:
            config: the service's.
            identities: the callers that are known.
            tls_files: where the service's certificate is; None: the Workload API gives it.
            now_ms: the wall clock, milliseconds since 1970.

        Raises:
            ConfigError: an extra or a file is missing.
        """
        self._config = config
        self._identities = identities
        self._tls_files = tls_files
        self._now_ms = now_ms
        self._changed: Callable[[MtlsAuthenticator], None] = lambda _: None
        self._api = _workload_api(config)
        if config.issuers or config.bearer is not None:
            require_library()
        self._keys = {issuer.url: _keys_of(issuer) for issuer in config.issuers}
        self._tasks: list[asyncio.Task[None]] = []
        self.tls: RotatingTls | None = None
        self.tokens = self._tokens()
        self.principals = self._principals()

    async def start(self, changed: Callable[[MtlsAuthenticator], None]) -> RotatingTls:
        """Have TLS material, and follow it and the issuers' keys from then on.

        Args:
            changed: told of an authenticator that goes with new material.

        Raises:
            ConfigError: a file cannot be used, or the Workload API gives no SVID of this trust domain.
        """
        self._changed = changed
        await self._start_workload_api()
        if self._tls_files is not None:
            files = ReloadingTls(self._tls_files, changed=self._has_changed)
            self._tasks.append(asyncio.create_task(files.follow()))
            self.tls = files
        else:
            # What has come since the first one counts; what comes from now on is told to `_rotate`.
            svid = self._api.svid if self._api is not None else None
            if svid is None:
                raise ConfigError("tls is missing: set tls.certificate, tls.key and tls.client_ca, or use --dev")
            self.tls = RotatingTls(self._material(svid), changed=self._has_changed)
        self._tasks += [asyncio.create_task(keys.follow()) for keys in self._keys.values()]
        return self.tls

    def authenticator(self, material: TlsMaterial) -> MtlsAuthenticator:
        """Return what judges certificates by the roots of some material."""
        roots = material.roots or {self._config.trust_domain: material.client_ca}
        return MtlsAuthenticator(roots, self._identities, now_ms=self._now_ms)

    def bearer_listener(self, tls: RotatingTls) -> Listener | None:
        """Return where callers with tokens connect; tokens travel in TLS, or inside this machine."""
        bearer = self._config.bearer
        if bearer is None:
            return None
        if bearer.listen.unix_path:
            return Listener(bearer.listen, lambda: grpc.local_server_credentials(grpc.LocalConnectionType.UDS))
        return Listener(bearer.listen, lambda: tls.credentials(of_clients=False))

    async def close(self) -> None:
        """Follow nothing any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._api is not None:
            self._api.close()

    # -- certificates ------------------------------------------------------------------------------------

    async def _start_workload_api(self) -> None:
        spiffe = self._config.spiffe
        if self._api is None or spiffe is None:
            return
        loop = asyncio.get_running_loop()

        def rotated(svid: Svid) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._rotate, svid)

        await asyncio.to_thread(self._api.start, timeout_s=spiffe.start_timeout_ms / 1000, changed=rotated)

    def _rotate(self, svid: Svid) -> None:
        if self.tls is None or self._tls_files is not None:
            return
        try:
            material = self._material(svid)
            if material != self.tls.material:  # an agent that was away gives the same once more
                self.tls.replace(material)
                _LOG.info("SVID rotated", id=svid.id)
        except ConfigError as error:
            _LOG.warning("an SVID came that cannot be used; the former one stays in use", why=str(error))

    def _material(self, svid: Svid) -> TlsMaterial:
        """Take of the Workload API's bundles those of the trust domains that are accepted. Raises `ConfigError`."""
        domain = self._config.trust_domain
        if parse_spiffe_id(svid.id).trust_domain != domain:
            raise ConfigError(f"the Workload API gives {svid.id}, which is not of {domain}: correct trust_domain")
        roots = {name: pem for name, pem in svid.bundles.items() if pem and name in self._config.trust_domains}
        if domain not in roots:
            raise ConfigError(f"the Workload API gives no bundle of {domain}")
        for absent in sorted(self._config.trust_domains - roots.keys()):
            _LOG.warning("no bundle of an accepted trust domain: its callers are refused", trust_domain=absent)
        return TlsMaterial(svid.certificate, svid.key, b"".join(roots[name] for name in sorted(roots)), roots)

    def _has_changed(self, material: TlsMaterial) -> None:
        self._changed(self.authenticator(material))

    # -- tokens ------------------------------------------------------------------------------------------

    def _tokens(self) -> TokenCallers | None:
        config, bearer = self._config, self._config.bearer
        if bearer is None:
            return None
        issuers = {
            issuer.url: TokenIssuer(
                self._keys[issuer.url], _expected(issuer, audience, issuer.access_token_type.lower())
            )
            for issuer in config.issuers
            if (audience := issuer.access_token_audience) is not None
        }
        holders: dict[TokenHolder, str] = {
            each.holder(): identity.id for identity in config.identities for each in identity.tokens
        }
        return TokenCallers(
            self._identities,
            issuers=issuers,
            trust_domains=self._jwt_svids(bearer.jwt_svid_audience),
            holders=holders,
            now_ms=self._now_ms,
        )

    def _jwt_svids(self, audience: str | None) -> dict[str, TokenIssuer]:
        if audience is None or self._api is None:
            return {}
        expected = Expected(audience, PLAIN_TYPE, issuer=None, issued_at=False)
        return {domain: TokenIssuer(JwtSvidKeys(self._api, domain), expected) for domain in self._config.trust_domains}

    def _principals(self) -> PrincipalTokens | None:
        issuers = {
            issuer.url: TokenIssuer(self._keys[issuer.url], _expected(issuer, audience, PLAIN_TYPE, sole_audience=True))
            for issuer in self._config.issuers
            if (audience := issuer.id_token_audience) is not None
        }
        return PrincipalTokens(issuers, now_ms=self._now_ms) if issuers else None


def _workload_api(config: ServerConfig) -> WorkloadApi | None:
    if config.spiffe is None:
        return None
    jwt_svids = config.bearer is not None and config.bearer.jwt_svid_audience is not None
    return WorkloadApi(config.spiffe.workload_api, jwt_bundles=jwt_svids)


def _keys_of(issuer: IssuerConfig) -> RemoteKeys:
    return RemoteKeys(
        issuer.url,
        HttpsGet(timeout_ms=issuer.fetch_timeout_ms, ca=issuer.ca),
        monotonic_ms=lambda: time.monotonic_ns() // 1_000_000,
        jwks_url=issuer.jwks_uri,
        policy=KeyPolicy(
            refresh_ms=issuer.refresh_keys_ms,
            keep_ms=issuer.keep_keys_ms,
            cooldown_ms=issuer.unknown_key_cooldown_ms,
            algorithms=issuer.algorithms,
        ),
    )


def _expected(issuer: IssuerConfig, audience: str, kind: str, *, sole_audience: bool = False) -> Expected:
    return Expected(
        audience,
        kind,
        issuer.url,
        sole_audience=sole_audience,
        clock_skew_ms=issuer.clock_skew_ms,
        max_lifetime_ms=issuer.max_token_lifetime_ms,
    )
