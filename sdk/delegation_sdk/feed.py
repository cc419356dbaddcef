"""Keeping the revocation feed: what a guard knows to be revoked, and how old that knowledge is.

A watcher thread reads a stream of signed entries, notices when it falls silent, and reconnects. Whatever is wrong with
an entry, the watcher begins anew with a snapshot; until that is whole nothing is decided in process. There is no gRPC
here: a `FeedSource` is (see `feed_grpc`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Protocol, Self

from delegation.core import limits
from delegation.core.attest import open_feed_entry
from delegation.core.named_tuple import NamedTuple
from delegation.core.revocation import FeedEntry, RevocationState, require_not_ahead
from delegation.core.statement import SignedStatement
from delegation.core.trust import Catalogue, KeyState
from delegation.core.trusted_keys import StatementKeys
from delegation.errors import ConfigError, DelegationError, Refused, ServiceUnavailable
from delegation_sdk.backoff import Backoff
from delegation_sdk.log import defect, warn
from delegation_sdk.sources import Sources

if TYPE_CHECKING:
    from delegation_sdk.feed_cache import FeedCache

CLOCKS_DIFFER_MS: Final = 5_000
"""By how much the clock of the replica that a reader comes to may be behind that of the one it comes from."""

SILENCE_S: Final = 8.0
"""A stream that says nothing for so long is dead: the service sends heartbeats far more often."""

_POLL_S: Final = 0.5
_REFRESH_MS: Final = 60_000


class FeedAges(NamedTuple):
    """How old the feed may be when a tool runs, where the catalogue does not say (SPEC R-10).

    Attributes:
        read_ms: For a tool that only reads.
        other_ms: For every other tool; one that is not listed gets the lesser of the two.
    """

    read_ms: int = limits.FEED_AGE_READ_MS
    other_ms: int = limits.FEED_AGE_OTHER_MS

    def checked(self) -> Self:
        """Give it back. Raises `ConfigError` if an age is none, or more than may ever be."""
        if not all(0 < each <= limits.FEED_AGE_MS for each in self):
            raise ConfigError(f"the feed may be at most {limits.FEED_AGE_MS} ms old")
        return self

    def of(self, catalogue: Catalogue, audience: str, tool: str) -> int:
        """Tell how old the feed may be for a tool, ms."""
        return catalogue.maximum_feed_age_ms(audience, tool, read_ms=self.read_ms, other_ms=self.other_ms)


class FeedStream(Protocol):
    """One open stream of the feed."""

    def next(self, timeout_s: float) -> SignedStatement | None:
        """Give the next entry, or None if none came in time. Raises a `DelegationError` when the stream ends."""

    def cancel(self) -> None:
        """Close the stream, from any thread."""


class FeedSource(Protocol):
    """Where the feed comes from."""

    def open(self, after_position: int) -> FeedStream:
        """Open a stream that goes on after a position; 0 begins with a snapshot."""


class FeedWatcher:
    """Holds the state of the feed and keeps it young.

    Args:
        source: Where the feed comes from.
        trust: Gives the current trust bundle, or what it says of a federated domain: the keys that may sign entries.
        refresh_trust: Called before each connection and every minute, so that an entry under a new key finds it known.
        sources: Clock and randomness.
        cache: Keeps the feed over restarts; None: nothing is kept.
        silence_s: After how long without an entry a stream is dead, seconds.
    """

    def __init__(
        self,
        source: FeedSource,
        trust: Callable[[], StatementKeys],
        *,
        refresh_trust: Callable[[], None],
        sources: Sources,
        cache: FeedCache | None = None,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._source = source
        self._trust = trust
        self._refresh_trust = refresh_trust
        self._sources = sources
        self._cache = cache
        self._silence_s = silence_s
        self._kept_until_ms = 0
        self._state = RevocationState()
        self._begin_anew = True
        self._stream: FeedStream | None = None
        self._refreshed_ms = 0
        self._said = ""
        self._rests_on: frozenset[bytes] = frozenset()  # the keys that signed what is known
        self._snapshot_by: frozenset[bytes] = frozenset()
        self._backoff = Backoff(sources.random)
        self._known = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="delegation-feed", daemon=True)

    @property
    def state(self) -> RevocationState:
        """What is known to be revoked; it says itself whether it is whole and fresh."""
        return self._state

    @property
    def ahead_until_ms(self) -> int:
        """Until when an earlier process of this guard has run, if the clock was set back since; else 0."""
        return self._kept_until_ms

    def start(self) -> None:
        """Begin to watch, with what was kept if there is a cache. Raises `ConfigError` if that cannot be read."""
        if self._cache is not None:
            self._load(self._cache)
        self._thread.start()

    def wait_until_known(self, timeout_s: float) -> bool:
        """Wait for the first complete snapshot; tell whether it came."""
        return self._known.wait(timeout_s)

    def close(self) -> None:
        """Stop watching. The state stays, and grows old."""
        self._closing.set()
        if (stream := self._stream) is not None:
            stream.cancel()
        if self._thread.is_alive():
            self._thread.join(timeout=2 * _POLL_S + 1)
        if self._cache is not None:
            self._cache.close()

    def _load(self, cache: FeedCache) -> None:
        """Take what was kept as if it had just arrived; it is as old as its signatures say (SPEC R-11)."""
        now_ms, monotonic_ms = self._sources.now_ms(), self._sources.monotonic_ms()
        latest_ms = 0
        try:
            for kept in cache.load():
                latest_ms = max(latest_ms, kept.kept_ms)
                since_ms = monotonic_ms - max(now_ms - kept.kept_ms, 0)
                known = kept.monotonic_ms is not None and kept.monotonic_ms <= monotonic_ms
                entry = open_feed_entry(kept.statement, self._trust(), now_ms=now_ms)
                require_not_ahead(entry, now_ms)
                self._state.apply(entry, monotonic_ms=min(kept.monotonic_ms or 0, since_ms) if known else since_ms)
                self._note_signer(kept.statement, entry)
        except Refused as refused:
            warn("the kept revocation feed is taken up to a piece that is refused: %s", refused)
        if latest_ms > now_ms:
            self._kept_until_ms = latest_ms
            warn("the kept revocation feed is from a later time than the clock shows; beginning with the service's")
            self._state = RevocationState()
        if self._state.position is None:
            cache.drop()
            return
        self._begin_anew = self._state.is_interrupted
        cache.resume()
        self._known.set()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._refreshed_ms = self._sources.monotonic_ms()
                self._refresh()
                self._follow()
            except DelegationError as error:
                if isinstance(error, Refused):  # an entry that does not fit: begin anew with a snapshot
                    self._begin_anew = True
                self._say(str(error))
            except Exception as error:  # noqa: BLE001 - without this thread the guard would deny for ever
                self._say(defect(error))
                self._begin_anew = True
            self._closing.wait(self._backoff.next_s())

    def _say(self, why: str) -> None:
        """Warn, once for as long as the same is wrong."""
        if why != self._said and not self._closing.is_set():
            warn("revocation feed interrupted, trying again: %s", why)
            self._said = why

    def _refresh(self) -> None:
        """Fetch the trust bundle. One that cannot be kept counts all the same: no reason to go without a feed."""
        try:
            self._refresh_trust()
        except ConfigError as error:
            self._say(str(error))

    def _refresh_if_due(self) -> None:
        if self._sources.monotonic_ms() - self._refreshed_ms >= _REFRESH_MS:
            self._state.forget(min(self._sources.now_ms(), self._state.issued_at_ms))
            self._refreshed_ms = self._sources.monotonic_ms()
            try:
                self._refresh_trust()
            except DelegationError as error:  # the bundle at hand is good until it expires
                warn("trust bundle not refreshed: %s", error)

    def _follow(self) -> None:
        """Follow one stream until it fails."""
        stream = self._source.open(0 if self._begin_anew else self._state.position or 0)
        self._stream = stream
        try:
            quiet_s = 0.0
            while not self._closing.is_set():
                self._refresh_if_due()
                statement = stream.next(_POLL_S)
                if statement is not None:
                    self._take(statement)
                    quiet_s = 0.0
                    continue
                quiet_s += _POLL_S
                if quiet_s >= self._silence_s:
                    raise ServiceUnavailable("the stream fell silent")
        finally:
            stream.cancel()

    def _take(self, statement: SignedStatement) -> None:
        try:
            entry = self._opened(statement)
        except Refused:
            self._state.interrupt()
            raise
        self._forget_if_forged()
        if self._is_echo(entry):
            return
        self._state.apply(entry, monotonic_ms=self._sources.monotonic_ms())
        self._note_signer(statement, entry)
        self._backoff.reset()
        self._said = ""
        self._keep(statement, entry)
        if not entry.more:
            self._begin_anew = False
            self._known.set()

    def _is_echo(self, entry: FeedEntry) -> bool:
        """Tell whether an entry has nothing to say but an earlier time: another replica's clock is a little behind.

        It is passed over, and makes nothing younger.
        """
        state = self._state
        adds_nothing = not entry.snapshot and entry.from_position == entry.to_position == state.position
        return (
            adds_nothing
            and not state.is_interrupted
            and state.issued_at_ms - CLOCKS_DIFFER_MS <= entry.issued_at_ms < state.issued_at_ms
        )

    def _keep(self, statement: SignedStatement, entry: FeedEntry) -> None:
        if self._cache is None:
            return
        now_ms, monotonic_ms = self._sources.now_ms(), self._sources.monotonic_ms()
        self._cache.keep(statement, entry, now_ms=now_ms, monotonic_ms=monotonic_ms)
        if self._cache.is_long:
            threading.Thread(target=self._renew, args=(self._cache,), name="delegation-feed-cache", daemon=True).start()

    def _renew(self, cache: FeedCache) -> None:
        """Fetch a snapshot for the cache alone: what is known, and decided by, goes on meanwhile."""
        stream: FeedStream | None = None
        try:
            stream = self._source.open(0)
            cache.renew(self._snapshot(stream))
        except DelegationError as error:
            warn("the kept revocation feed was not shortened: %s", error)
        finally:
            if stream is not None:
                stream.cancel()

    def _snapshot(self, stream: FeedStream) -> Iterator[tuple[SignedStatement, FeedEntry, int, int]]:
        quiet_s = 0.0
        while not self._closing.is_set():
            statement = stream.next(_POLL_S)
            if statement is None:
                quiet_s += _POLL_S
                if quiet_s >= self._silence_s:
                    raise ServiceUnavailable("the stream fell silent")
                continue
            quiet_s = 0.0
            entry = self._opened(statement)
            if not entry.snapshot:
                raise ServiceUnavailable("the service sent no snapshot")
            yield statement, entry, self._sources.now_ms(), self._sources.monotonic_ms()
            if not entry.more:
                return
        raise ServiceUnavailable("this guard is closed")

    def _opened(self, statement: SignedStatement) -> FeedEntry:
        """Open an entry; one by a key that is not known may be signed by one that our bundle does not list yet."""
        now_ms = self._sources.now_ms()
        try:
            entry = open_feed_entry(statement, self._trust(), now_ms=now_ms)
        except Refused:
            if self._trust().find(statement.key_id) is not None:
                raise
            self._refresh()
            entry = open_feed_entry(statement, self._trust(), now_ms=now_ms)
        require_not_ahead(entry, now_ms)
        return entry

    def _note_signer(self, statement: SignedStatement, entry: FeedEntry) -> None:
        """Remember whose word what is known rests on: a snapshot leaves nothing of what was known before it."""
        signer = statement.key_id
        if not entry.snapshot:
            if signer not in self._rests_on:
                self._rests_on |= {signer}
            return
        self._snapshot_by = self._snapshot_by | {signer} if entry.from_position else frozenset({signer})
        if not entry.more:
            self._rests_on = self._snapshot_by

    def _forget_if_forged(self) -> None:
        """Forget everything if a signer of it may have been a thief: what he left out, and how far he said it is."""
        signers = map(self._trust().find, self._rests_on | self._snapshot_by)
        if any(signer is not None and signer.state is KeyState.COMPROMISED for signer in signers):
            self._state = RevocationState()
            self._rests_on = self._snapshot_by = frozenset()
