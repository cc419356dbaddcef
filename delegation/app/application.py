"""One service, put together from its configuration, started and stopped."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from delegation.app.compared_tools import compare_when_changed
from delegation.app.database import lock_of, relay_of, storage_of
from delegation.app.decision_point import FollowedDecisionPoint
from delegation.app.development import (
    developer_id,
    development_ca,
    development_identities,
    development_keys,
    development_tls,
    issue_development_profile,
    sign_development_bundle,
)
from delegation.app.gauges import service_gauges
from delegation.app.identity_sources import IdentitySources
from delegation.app.key_files import read_root_public, system_ms
from delegation.app.key_store import open_key_store
from delegation.app.known_position import KnownPosition
from delegation.app.known_time import KnownTime
from delegation.app.met_tools import ListingTools, MetTools
from delegation.app.policy_reload import ReloadingPolicy
from delegation.app.trust_reload import ReloadingTrust
from delegation.app.use_cases import handlers, owners_of
from delegation.core.revocation import RevocationState
from delegation.core.trust import Catalogue, CatalogueTool
from delegation.errors import ConfigError
from delegation.identity.mtls import MtlsAuthenticator
from delegation.identity.static import StaticIdentities
from delegation.jobs.sweeper import run_sweeper
from delegation.server.caller_limits import CallerLimits
from delegation.server.catalogue_file import load_catalogue
from delegation.server.config import ServerConfig
from delegation.server.config_sections import TlsFiles
from delegation.server.door import Allowance, Door
from delegation.server.lifecycle import Listener, Server
from delegation.server.listen import ListenAddress
from delegation.server.logs import configure_logs
from delegation.server.tls_rotating import RotatingTls
from delegation.service.consents import Consents
from delegation.service.feed import RevocationFeed
from delegation.service.observations import Observations, named_tools, observed_tools
from delegation.service.offers import Offers
from delegation.service.offers_elsewhere import OffersElsewhere
from delegation.service.policy_in_use import PolicyInUse
from delegation.service.readiness import Readiness
from delegation.service.rollback import require_no_rollback
from delegation.service.tool_reports import ToolReports
from delegation.service.trust import Trust
from delegation.signing.port import KeyStore
from delegation.storage.port import Storage
from delegation.telemetry import Gauges

_LOG: Final = structlog.get_logger("delegation")
_GC_THRESHOLD: Final = 50_000
"""Collect garbage less often: requests leave none in cycles, and each collection stops them all."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a configuration gives before anything runs."""

    trust: ReloadingTrust
    policy: ReloadingPolicy | FollowedDecisionPoint
    trust_root: bytes
    identities: StaticIdentities
    tls: TlsFiles | None
    lists: ListingTools | None = None


class Application:
    """A service that can be started once and stopped."""

    def __init__(self, config: ServerConfig, parts: _Parts, *, now_ms: Callable[[], int]) -> None:
        self.config = config
        self.trust_root = parts.trust_root
        self._parts = parts
        self._now_ms = now_ms
        self._address: ListenAddress | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._storage: Storage | None = None
        self._feed: RevocationFeed | None = None
        self._server: Server | None = None
        self._gauges: Gauges | None = None
        self._lock = lock_of(config)
        self._sources: IdentitySources | None = None
        self.tls: RotatingTls | None = None

    @property
    def revoked(self) -> RevocationState:
        """What is revoked; before it has started, nothing is known, and whoever asks is told so."""
        return RevocationState() if self._feed is None else self._feed.state

    @property
    def target(self) -> str:
        """Where it listens, as a gRPC client writes it; with the port that the system chose."""
        if self._address is None:
            raise ConfigError("the server has not been started")
        return str(self._address)

    @property
    def policy_in_use(self) -> PolicyInUse:
        """The policy that it decides by."""
        return self._parts.policy.in_use

    @property
    def bearer_target(self) -> str:
        """Where callers with tokens connect, as a gRPC client writes it."""
        if self._server is None or self._server.second_address is None:
            raise ConfigError("the server takes no tokens, or has not been started")
        return str(self._server.second_address)

    async def start(self) -> None:
        """Open the database, load what is revoked, listen.

        Raises:
            ConfigError: the address is taken, the trust bundle is older than one served before.
            StorageError: the database cannot be used, or is of a newer version.
        """
        parts, config = self._parts, self.config
        self._lock.take()
        storage: Storage = storage_of(config)
        try:
            await storage.open()
        except BaseException:
            self._lock.release()
            raise
        self._storage = storage
        known_time = KnownTime(config.state_dir)
        try:
            forgetting = await known_time.clock(storage, self._now_ms)
            await parts.trust.start(storage)
            await parts.policy.start(storage)
            feed = RevocationFeed(
                storage,
                parts.trust.in_use.keys.statement,
                now_ms=self._now_ms,
                forgetting_ms=forgetting,
                heartbeat_ms=config.feed.heartbeat_ms,
            )
            await feed.start()
            self._feed = feed
            offers = Offers(storage, now_ms=self._now_ms, elsewhere=self._elsewhere(storage, feed))
            await offers.start()
            known = KnownPosition(config.state_dir)
            await require_no_rollback(storage, known_position=known.read())
            await self._listen(storage, feed, offers)
        except BaseException:
            await self.stop()
            raise
        self._tasks.append(asyncio.create_task(run_sweeper(storage, forgetting)))
        self._tasks.append(asyncio.create_task(parts.trust.follow(storage)))
        self._tasks.append(asyncio.create_task(parts.policy.follow(storage)))
        self._tasks.append(asyncio.create_task(known.follow(feed)))
        self._tasks.append(asyncio.create_task(known_time.follow(forgetting)))

    def _elsewhere(self, storage: Storage, feed: RevocationFeed) -> OffersElsewhere | None:
        relay = relay_of(storage)
        if relay is None:
            return None
        return OffersElsewhere(
            storage,
            relay,
            replica=secrets.token_hex(8),
            statement_key=lambda: self._parts.trust.in_use.keys.statement,
            verifier=self._parts.trust.in_use.verifier,
            feed=feed,
            owners=owners_of(self.config, storage),
            now_ms=self._now_ms,
        )

    def _tool_reports(self, storage: Storage) -> ToolReports:
        """Take what tools say of themselves, and follow the catalogue that it is compared with."""
        in_use = self._parts.policy.in_use

        def catalogue() -> Catalogue:
            return in_use().catalogue

        lists = self._parts.lists
        hear = lists.hear if lists is not None else lambda: None
        reports = ToolReports(storage, catalogue, now_ms=self._now_ms, heard=hear, expects_unlisted=self.config.dev)
        self._tasks.append(asyncio.create_task(compare_when_changed(reports, catalogue)))
        if lists is not None:
            self._tasks.append(asyncio.create_task(lists.follow(storage)))
        return reports

    async def _listen(self, storage: Storage, feed: RevocationFeed, offers: Offers) -> None:
        parts, config = self._parts, self.config

        def changed(authenticator: MtlsAuthenticator) -> None:
            door.authenticator = authenticator

        self._sources = sources = IdentitySources(config, parts.identities, parts.tls, now_ms=self._now_ms)
        self.tls = tls = await sources.start(changed)
        door = Door(sources.authenticator(tls.material), _allowance(config))
        door.tokens = sources.tokens
        in_use = parts.trust.in_use
        readiness = Readiness(storage, feed, lambda: in_use.lacking)
        server = Server(
            handlers(
                config,
                storage=storage,
                trust=parts.trust.in_use,
                observations=Observations(lambda: parts.trust.in_use.trust, lambda: parts.trust.replaced(storage)),
                policy=parts.policy.in_use,
                identities=parts.identities,
                feed=feed,
                offers=offers,
                tool_reports=self._tool_reports(storage),
                now_ms=self._now_ms,
                random=secrets.token_bytes,
                principals=sources.principals,
            ),
            door,
            Listener(config.listen, tls.credentials),
            limits=config.limits,
            check_ready=readiness,
            second_listener=sources.bearer_listener(tls),
        )
        self._address = await server.start()
        self._server = server
        self._gauges = service_gauges(
            storage, feed, readiness, parts.trust.in_use, lambda: tls.material, now_ms=self._now_ms
        )

    async def stop(self) -> None:
        """Drain, finish what was accepted, let go of everything."""
        if self._gauges is not None:
            self._gauges.close()
        if self._server is not None:
            await self._server.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._sources is not None:
            await self._sources.close()
        if self._feed is not None:
            await self._feed.stop()
        await self._parts.policy.close()
        if self._storage is not None:
            await self._storage.close()
        self._lock.release()

    @property
    def observed(self) -> tuple[CatalogueTool, ...]:
        """The tools that are under observation: calls of them that would be refused run."""
        return observed_tools(self._parts.trust.in_use.trust, self._now_ms())

    def look_at_keys(self) -> None:
        """Look at once whether trust bundle, keys or policy have changed, rather than in a moment."""
        self._parts.trust.look_now()
        self._parts.policy.look_now()

    def issue_profile(self, spiffe_id: str, *, directory: Path | None = None) -> Path:
        """In development, give an identity its profile; return the profile's path. Raises `ConfigError`."""
        return issue_development_profile(
            self.config, spiffe_id, target=self.target, trust_root=self.trust_root, directory=directory
        )


def build(config: ServerConfig, *, now_ms: Callable[[], int] = system_ms) -> Application:
    """Put a service together: open keys, check the trust bundle, TLS files and the catalogue.

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
    consents = Consents(lambda: trust.in_use.verifier.trust, identities, lambda: application.revoked)
    policy = _policy(config, lambda: trust.in_use.trust, consents, now_ms=now_ms)
    lists = None if met is None else _lists(config, store, met, trust, policy.in_use)
    application = Application(config, _Parts(trust, policy, trust_root, identities, tls, lists), now_ms=now_ms)
    return application


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


def serve(config: ServerConfig, *, ready: Callable[[Application], None] | None = None) -> None:
    """Run a service until SIGTERM or SIGINT, then drain.

    Args:
        config: how.
        ready: called once it listens; in development its profile for the developer is then written.

    Raises:
        ConfigError, StorageError: it cannot start; one line that says what to do.
    """
    configure_logs(config.logs)
    application = build(config)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_run(application, ready))


async def _run(application: Application, ready: Callable[[Application], None] | None) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, application.look_at_keys)
    await application.start()
    try:
        if application.config.dev:
            application.issue_profile(developer_id(application.config), directory=application.config.state_dir)
        _LOG.info("listening", target=application.target, trust_domain=application.config.trust_domain)
        if observed := application.observed:
            _LOG.warning("calls that would be refused run", under_observation=named_tools(observed))
        if ready is not None:
            ready(application)
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GC_THRESHOLD)
        await stopping.wait()
        _LOG.info("draining")
    finally:
        await application.stop()
    _LOG.info("stopped")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Take uvloop where it exists: it is a third faster here."""
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _allowance(config: ServerConfig) -> Allowance:
    limits = config.limits
    return Allowance(
        calls=limits.queue_capacity,
        caller=CallerLimits(
            calls=limits.calls_per_caller or max(1, limits.queue_capacity // 4),
            streams=limits.streams_per_caller,
            per_second=limits.rate_per_caller,
        ),
        default_seconds=limits.default_deadline_ms / 1000,
        maximum_seconds=limits.max_deadline_ms / 1000,
    )
