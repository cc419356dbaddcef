"""One service, put together from its configuration, started and stopped."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path

from delegation.app.compared_tools import compare_when_changed
from delegation.app.database import lock_of, relay_of, storage_of
from delegation.app.development import issue_development_profile
from delegation.app.gauges import service_gauges
from delegation.app.identity_sources import IdentitySources
from delegation.app.key_files import system_ms
from delegation.app.known_position import KnownPosition
from delegation.app.known_time import KnownTime
from delegation.app.parts import Parts, parts_of
from delegation.app.use_cases import handlers, owners_of
from delegation.core.revocation import RevocationState
from delegation.core.trust import Catalogue, CatalogueTool
from delegation.errors import ConfigError
from delegation.identity.mtls import MtlsAuthenticator
from delegation.jobs.sweeper import run_sweeper
from delegation.server.caller_limits import CallerLimits
from delegation.server.config import ServerConfig
from delegation.server.door import Allowance, Door
from delegation.server.lifecycle import Listener, Server
from delegation.server.listen import ListenAddress
from delegation.server.tls_rotating import RotatingTls
from delegation.service.feed import RevocationFeed
from delegation.service.observations import Observations, observed_tools
from delegation.service.offers import Offers
from delegation.service.offers_elsewhere import OffersElsewhere
from delegation.service.policy_in_use import PolicyInUse
from delegation.service.readiness import Readiness
from delegation.service.rollback import require_no_rollback
from delegation.service.tool_reports import ToolReports
from delegation.storage.port import Storage
from delegation.telemetry import Gauges


class Application:
    """A service that can be started once and stopped."""

    def __init__(self, config: ServerConfig, parts: Parts, *, now_ms: Callable[[], int]) -> None:
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
    parts = parts_of(config, lambda: application.revoked, now_ms=now_ms)
    application = Application(config, parts, now_ms=now_ms)
    return application


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
