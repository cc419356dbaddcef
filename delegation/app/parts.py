"""What a service is put together from, before anything runs: keys, trust bundle, policy, identities, TLS files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass

from delegation.app.decision_point import FollowedDecisionPoint
from delegation.app.development import (
    development_ca,
    development_identities,
    development_keys,
    development_tls,
    sign_development_bundle,
)
from delegation.app.key_files import read_root_public
from delegation.app.key_store import open_key_store
from delegation.app.met_tools import ListingTools, MetTools
from delegation.app.policy_reload import ReloadingPolicy
from delegation.app.trust_reload import ReloadingTrust
from delegation.core.revocation import RevocationState
from delegation.core.trust import Catalogue
from delegation.identity.static import StaticIdentities
from delegation.server.catalogue_file import load_catalogue
from delegation.server.config import ServerConfig
from delegation.server.config_sections import TlsFiles
from delegation.service.consents import Consents
from delegation.service.policy_in_use import PolicyInUse
from delegation.service.trust import Trust
from delegation.signing.port import KeyStore


@dataclass(frozen=True, slots=True)
class Parts:
    """What a configuration gives before anything runs."""

    trust: ReloadingTrust
    policy: ReloadingPolicy | FollowedDecisionPoint
    trust_root: bytes
    identities: StaticIdentities
    tls: TlsFiles | None
    lists: ListingTools | None = None


def parts_of(config: ServerConfig, revoked: Callable[[], RevocationState], *, now_ms: Callable[[], int]) -> Parts:
    """Open keys, check the trust bundle, TLS files, the policy and the catalogue.

    Args:
        config: says where they are.
        revoked: tells what is revoked, once the service has started.
        now_ms: the time.

    Raises:
        ConfigError: one line that says what to do.
    """
    tls = config.tls
    if config.dev:
        catalogue = load_catalogue(config.catalogue) if config.catalogue is not None else Catalogue()
        ca = development_ca(config)
        store = development_keys(config, catalogue)
        identities = development_identities(config)
        tls = tls or development_tls(config, ca)
    else:
        store = open_key_store(config.keys, config.keys_directory, os.environ)
        identities = StaticIdentities(config.callers())
    trust_root = read_root_public(config.keys_directory)
    met = MetTools() if config.dev and not config.database.url else None  # replicas would list against each other
    trust = ReloadingTrust(config, store, root_key=trust_root, now_ms=now_ms, met=met)
    consents = Consents(lambda: trust.in_use.verifier.trust, identities, revoked)
    policy = _policy(config, lambda: trust.in_use.trust, consents, now_ms=now_ms)
    lists = None if met is None else _lists(config, store, met, trust, policy.in_use)
    return Parts(trust, policy, trust_root, identities, tls, lists)


def _lists(
    config: ServerConfig, store: KeyStore, met: MetTools, trust: ReloadingTrust, rules: PolicyInUse
) -> ListingTools:
    """Have development list the tools that it meets."""

    def listed() -> Catalogue:
        return load_catalogue(config.catalogue) if config.catalogue is not None else Catalogue()

    async def sign(catalogue: Catalogue) -> None:
        await asyncio.to_thread(sign_development_bundle, config, store, catalogue)
        trust.look_now()

    def in_use() -> bytes:
        return trust.in_use.trust.bundle.catalogue_digest

    return ListingTools(met, listed=listed, in_use=in_use, rules=rules, sign=sign)


def _policy(
    config: ServerConfig, trust: Callable[[], Trust], consents: Consents, *, now_ms: Callable[[], int]
) -> ReloadingPolicy | FollowedDecisionPoint:
    """Take whoever decides: the rules, or a decision point. Raises `ConfigError`."""
    if config.policy.decision_point is not None:
        return FollowedDecisionPoint(config, trust, now_ms=now_ms)
    return ReloadingPolicy(config, trust, now_ms=now_ms, consented=consents.consented)
