"""The tool side: no call without a verified chain, a fresh proof and permission by every link.

Tools that the operator's catalogue marks local are decided in process; for all others the service decides and records
before the tool runs. Importing this loads neither gRPC nor OpenTelemetry.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, ParamSpec, Self, TypeVar

from delegation import telemetry
from delegation.core.declaration import Declaration, checked_labels
from delegation.core.keys import SigningKey
from delegation.core.trust import Effect
from delegation.errors import ConfigError, Layer, Malformed, Reason, Refused, ServiceUnavailable, refusal
from delegation_sdk import guard_options, tracing
from delegation_sdk.authorized_call import AuthorizedCall
from delegation_sdk.carriage import Carriage
from delegation_sdk.deciding import Decider
from delegation_sdk.driving import Deciding, drive, drive_async
from delegation_sdk.federated_feeds import FederatedFeeds
from delegation_sdk.feed import FeedAges, FeedWatcher
from delegation_sdk.guard_ports import GuardPorts
from delegation_sdk.known_chains import KnownChains
from delegation_sdk.log import warn
from delegation_sdk.observed_call import ObservedCall
from delegation_sdk.record_queue import MAX_WAITING
from delegation_sdk.recorder import Recorder
from delegation_sdk.replay import ReplayStore
from delegation_sdk.served_tools import ServedTools
from delegation_sdk.shared_replay import SharedReplay
from delegation_sdk.sources import Sources
from delegation_sdk.trust import TrustKeeper
from delegation_sdk.trust_cache import TrustCache

if TYPE_CHECKING:
    from pathlib import Path

    from delegation_sdk.guarded_tool import DeclaredTool
    from delegation_sdk.profile import Profile, ProfilePath
    from delegation_sdk.tool_reporter import ToolReporter

P = ParamSpec("P")
R = TypeVar("R")

OPEN_TIMEOUT_S: Final = 10.0

_NO_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType({})
_FEED_AGES: Final = FeedAges()


class _Decision:
    """A decision that is being taken, and the call, once it may run."""

    __slots__ = ("call", "steps")

    def __init__(self, steps: Deciding) -> None:
        self.steps = steps
        self.call: AuthorizedCall | ObservedCall | None = None


class Guard:
    """Guards the tools of one audience.

    Args:
        audience: Whom the tools speak for.
        ports: The service; `Guard.connect` makes the real ones.
        trust_root: The root public key that signs the trust bundle, 32 bytes.
        sources: Clock and randomness.
        max_waiting: How many decision records may wait for the service; one more denies.
        cache_dir: A directory of this guard alone, to keep over restarts what must not be gone back behind; None:
            nothing is kept.
        replay: The store of used proofs that all instances of this audience share, also for calls that are decided in
            process: `RedisReplay(…)`, or "service" for the service's own; None: one in memory, for a single instance.
        break_glass: A file in which the operator may put break-glass statements, at any time.
        used_orders: A directory that all instances of this audience share, where statements of single use are used up;
            None: in the store of used proofs. Where there is neither, they do not count.
        feed_ages: How old the revocation feed may be, where the catalogue does not say.
        fulfils: What every tool of this guard does where `caller.obligations` says so: "redact", "notify". A call
            whose permission demands anything else is refused.

    Raises:
        ConfigError: One of these cannot be used.
    """

    def __init__(
        self,
        audience: str,
        ports: GuardPorts,
        *,
        trust_root: bytes,
        sources: Sources | None = None,
        max_waiting: int = MAX_WAITING,
        cache_dir: Path | None = None,
        replay: SharedReplay | Literal["service"] | None = None,
        break_glass: Path | None = None,
        used_orders: Path | None = None,
        feed_ages: FeedAges = _FEED_AGES,
        fulfils: Iterable[str] = (),
    ) -> None:
        self.audience = audience
        self.declared: dict[str, DeclaredTool] = {}
        self._served = ServedTools()
        self._ports = ports
        sources = sources or Sources.system()
        self._sources = sources
        self._process = os.getpid()
        self._trust = TrustKeeper(
            ports.trust, trust_root, sources=sources, cache=TrustCache(cache_dir) if cache_dir else None
        )
        self._feed = FeedWatcher(
            ports.feed,
            lambda: self._trust.bundle,
            refresh_trust=self._trust.refresh,
            sources=sources,
            cache=guard_options.feed_cache(cache_dir),
        )
        self._federated = FederatedFeeds(ports.federated, self._trust, sources=sources)
        self._replay = ReplayStore(sources.now_ms())
        self._shared_replay = guard_options.shared_replay(replay, ports)
        self._recorder = Recorder(
            ports.records, SigningKey.generate(sources.random), sources=sources, capacity=max_waiting
        )
        self._chains = KnownChains()
        self._decider = Decider(
            audience,
            trust=self._trust,
            feed=self._feed,
            federated=self._federated,
            recorder=self._recorder,
            replay=self._replay,
            shared_replay=self._shared_replay,
            break_glass=guard_options.break_glass_file(
                break_glass,
                audience,
                trust=lambda: self._trust.bundle,
                root=trust_root,
                used_orders=used_orders,
                replay=self._shared_replay,
            ),
            feed_ages=feed_ages.checked(),
            chains=self._chains,
            served=self._served,
            sources=sources,
            fulfils=guard_options.promised(fulfils),
        )
        self._reporter: ToolReporter | None = None
        self.aio = AsyncGuard(self)

    @classmethod
    def connect(
        cls,
        audience: str,
        profile: ProfilePath | Profile | None = None,
        *,
        timeout_s: float = OPEN_TIMEOUT_S,
        cache_dir: Path | None = None,
        replay: SharedReplay | Literal["service"] | None = None,
        break_glass: Path | None = None,
        used_orders: Path | None = None,
        feed_ages: FeedAges = _FEED_AGES,
        fulfils: Iterable[str] = (),
        federation: Mapping[str, ProfilePath | Profile] | None = None,
    ) -> Self:
        """Make a guard that is connected as the profile says (see `Client.connect`), and open it.

        Args:
            audience: Whom the tools speak for; the service must know it as the caller's own.
            profile: The profile or its path.
            timeout_s: How long to wait for trust bundle and revocation feed, seconds.
            cache_dir: As for `Guard`.
            replay: As for `Guard`.
            break_glass: As for `Guard`.
            used_orders: As for `Guard`.
            feed_ages: As for `Guard`.
            fulfils: As for `Guard`.
            federation: For each federated trust domain whose chains shall be let in, the profile to follow the
                revocation feed of its service with. A chain of one that is not here is refused.

        Raises:
            ConfigError: There is no profile, or it cannot be used.
            ServiceUnavailable: The service cannot be reached.
            BadStatement: Its trust bundle is not signed by the profile's root.
        """
        # By name: importing a guard must not load gRPC, and connecting one must.
        from importlib import import_module

        from delegation_sdk.profile import Profile

        found = profile if isinstance(profile, Profile) else Profile.find(profile)
        others = {
            name: theirs if isinstance(theirs, Profile) else Profile.load(theirs)
            for name, theirs in (federation or {}).items()
        }
        ports: GuardPorts = import_module("delegation_sdk.guard_grpc").connect_ports(found, others)
        guard = cls(
            audience,
            ports,
            trust_root=found.trust_root,
            cache_dir=cache_dir,
            replay=replay,
            break_glass=break_glass,
            used_orders=used_orders,
            feed_ages=feed_ages,
            fulfils=fulfils,
        )
        guard.open(timeout_s=timeout_s)
        return guard

    def open(self, *, timeout_s: float = OPEN_TIMEOUT_S) -> None:
        """Fetch the trust bundle, begin to watch the feed and to deliver records. Closed at exit, if not before.

        Raises:
            ServiceUnavailable: The service cannot be reached.
            BadStatement: Its trust bundle is not signed by the root.
        """
        self._trust.open()
        self._feed.start()
        self._federated.start()
        self._recorder.start()
        atexit.register(self._close_at_exit)
        if not self._feed.wait_until_known(timeout_s):
            raise ServiceUnavailable("the revocation feed did not come in time")
        self._begin_to_report_tools()

    def close(self) -> None:
        """Deliver what waits, then stop.

        Raises:
            ServiceUnavailable: Decision records could not be delivered.
        """
        atexit.unregister(self._close_at_exit)
        try:
            self._recorder.close()
        finally:
            self._recorder.abandon()
            if self._reporter is not None:
                self._reporter.close()
            self._feed.close()
            self._federated.close()
            if self._shared_replay is not None:
                self._shared_replay.close()
            self._ports.close()

    def authorize(
        self,
        carriage: Carriage,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        defaults: Mapping[str, Any] = _NO_DEFAULTS,
    ) -> AuthorizedCall | ObservedCall:
        """Decide one call. If this returns, the tool may run, with just these arguments.

        What it returns is an `ObservedCall` if the call would be refused, and its tool is under observation.

        Args:
            carriage: What came with the call (`context.from_metadata`, `from_headers`, `from_mcp_meta`).
            tool: What is called.
            arguments: As the caller sent them.
            defaults: What the tool will use for arguments that were not sent.

        Raises:
            Refused: The call is denied; `reason`, `layer` and `link_index` say why. CHAIN_UNKNOWN is none of its own:
                nothing was decided, and the caller can send the call again with its chain.
        """
        with self._deciding(carriage, tool, arguments, defaults) as deciding:
            call = deciding.call = drive(deciding.steps, self._ports.online.authorize, self._trust.catch_up)
            return call

    def tool(
        self, name: str, *, effects: Iterable[str] = (), labels: Iterable[str] = ()
    ) -> Callable[[Callable[P, R]], Callable[..., R]]:
        """Guard a function: it runs only for calls that are authorized.

        What came with the call is taken from the context (`context.received`, which framework adapters set). The
        function's own defaults are applied before its arguments are checked. If it has a keyword-only parameter
        `caller`, it is given the `AuthorizedCall`; while the tool is under observation, it may be an `ObservedCall`.
        Its outcome is reported when it ends.

        What is declared here counts beside what the operator's catalogue says: it can have a call refused that the
        catalogue alone would let pass, and never the other way round.

        Args:
            name: The tool's name.
            effects: What it does: read, write, external, destructive, spends, privilege.
            labels: Of its results; small letters, digits, - and _.

        Raises:
            ConfigError: An effect or a label is none, or the function takes arguments that cannot be named.
        """
        from delegation_sdk.guarded_tool import DeclaredTool, guarded

        try:
            declared = DeclaredTool(name, frozenset(map(Effect, effects)), checked_labels(labels))
        except ValueError as error:
            raise ConfigError(f"tool {name}: {error}; effects are {', '.join(Effect)}") from None
        except Malformed as error:
            raise ConfigError(f"tool {name}: {error.detail}") from None

        def decorate(function: Callable[P, R]) -> Callable[..., R]:
            wrapped = guarded(self, declared, function)
            self.declared[name] = declared.of(function)
            self._served.declare(name, Declaration(declared.effects, declared.labels))
            return wrapped

        return decorate

    def is_listed(self, tool: str) -> bool:
        """Tell whether the operator's catalogue lists a tool of this audience."""
        return self._trust.catalogue.find(self.audience, tool) is not None

    def pinned_manifest(self, tool: str) -> tuple[bytes, bool]:
        """Give the digest of a tool's manifest that the operator's catalogue pins, and whether no other may run.

        The digest is empty if none is pinned.
        """
        entry = self._trust.catalogue.find(self.audience, tool)
        return (b"", False) if entry is None else (entry.manifest_digest, entry.manifest_required)

    def lists(self, tools: Mapping[str, Declaration]) -> None:
        """Take what tools of this audience say of themselves where they are served, by their names; more may follow."""
        self._served.list(tools)

    def only_reads(self, tool: str) -> bool:
        """Tell whether a tool only reads: by the catalogue and its declaration, or by the one there is."""
        listed = self._trust.catalogue.find(self.audience, tool)
        declared = self._served.find(tool).effects
        return (listed.effects | declared if listed else declared) == {Effect.READ}

    @property
    def pending_records(self) -> int:
        """How many decision records and outcomes are not yet delivered."""
        return self._recorder.pending

    @contextmanager
    def _deciding(
        self, carriage: Carriage, tool: str, arguments: Mapping[str, Any], defaults: Mapping[str, Any]
    ) -> Iterator[_Decision]:
        """Open the span of a decision, and count it when it is taken."""
        started_ms = self._sources.monotonic_ms()
        reason: str | None = "cancelled"
        observed: Refused | None = None
        came = self._dereferenced(carriage) if carriage.chain_digest and not self._is_forked else carriage
        with tracing.authorizing(self.audience, tool) as span:
            try:
                # A forked child has no threads, and would number its own records as its parent's.
                if self._is_forked:
                    raise refusal(Reason.INTERNAL, detail="this guard was made before a fork: make one in each process")
                decision = _Decision(self._decider.decide(came, tool, arguments, defaults, span))
                yield decision
                observed = decision.call.observed if decision.call else None
                reason = str(observed.reason) if observed else None
            except Refused as refused:
                reason = str(refused.reason)
                # Other statements may be what the caller has: it shall send them.
                if came is not carriage and refused.layer is Layer.STATEMENT:
                    self._chains.forget(carriage.chain_digest)
                raise
            finally:
                duration_ms = self._sources.monotonic_ms() - started_ms
                telemetry.count_decision(
                    audience=self.audience, reason=reason, duration_ms=duration_ms, observed=observed is not None
                )

    def _begin_to_report_tools(self) -> None:
        if self._ports.tools is not None:
            from delegation_sdk.tool_reporter import ToolReporter

            self._reporter = ToolReporter(self.audience, self._ports.tools, self._served, sources=self._sources)
            self._reporter.start()

    @property
    def _is_forked(self) -> bool:
        return os.getpid() != self._process

    def _dereferenced(self, carriage: Carriage) -> Carriage:
        """Put the chain in place of its digest; all else goes on as if it had come by value.

        A digest that finds nothing is no decision: nobody's call it would be, and anybody could fill the records with
        such. It is counted, and leaves neither span nor record.
        """
        if carriage.token:
            raise refusal(Reason.MALFORMED, detail="chain and chain digest came together")
        token = self._chains.find(carriage.chain_digest, self._sources.now_ms())
        if token is None:
            telemetry.count_unknown_chain(audience=self.audience)
            raise refusal(Reason.CHAIN_UNKNOWN)
        return Carriage(token, carriage.proof)

    def _close_at_exit(self) -> None:
        try:
            self.close()
        except ServiceUnavailable as error:
            warn("%s", error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Guard({self.audience})"


class AsyncGuard:
    """The guard for asyncio: `guard.aio`."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def authorize(
        self,
        carriage: Carriage,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        defaults: Mapping[str, Any] = _NO_DEFAULTS,
    ) -> AuthorizedCall | ObservedCall:
        """Decide one call without blocking the event loop; as `Guard.authorize`.

        Raises:
            Refused: The call is denied.
        """
        with self._guard._deciding(carriage, tool, arguments, defaults) as deciding:  # noqa: SLF001 - its other face
            call = deciding.call = await drive_async(
                deciding.steps,
                self._guard._ports.online.authorize_async,  # noqa: SLF001
                self._guard._trust.catch_up,  # noqa: SLF001
            )
            return call
