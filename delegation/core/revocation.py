"""The revocation feed as a value: what is revoked, up to which position, as of when.

A verifier that cannot tell that its feed is whole and fresh decides nothing.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from delegation.core import limits
from delegation.core.named_tuple import NamedTuple
from delegation.errors import Reason, Refused, refusal


class RevocationKind(StrEnum):
    """What a revocation names."""

    LINK = "link"
    HOLDER_KEY = "holder_key"
    AGENT = "agent"
    TASK = "task"
    PRINCIPAL = "principal"
    ISSUER_KEY = "issuer_key"


_REASON: Final = {
    RevocationKind.LINK: Reason.LINK_REVOKED,
    RevocationKind.HOLDER_KEY: Reason.HOLDER_KEY_REVOKED,
    RevocationKind.AGENT: Reason.AGENT_REVOKED,
    RevocationKind.TASK: Reason.TASK_ENDED,
    RevocationKind.PRINCIPAL: Reason.PRINCIPAL_REVOKED,
    RevocationKind.ISSUER_KEY: Reason.ISSUER_KEY_REVOKED,
}
_TAG: Final = {kind: bytes((number,)) for number, kind in enumerate(RevocationKind)}
_KIND: Final = {tag: kind for kind, tag in _TAG.items()}


class Revocation(NamedTuple):
    """One revoked thing.

    Attributes:
        kind: what kind of thing.
        id: a link id, a holder's public key, the UTF-8 of an agent id, a task id, `principal_id`, or an
            issuer key id.
        forget_at_ms: from then on nothing unexpired can depend on it.
    """

    kind: RevocationKind
    id: bytes
    forget_at_ms: int


class FeedEntry(NamedTuple):
    """A piece of the feed: a snapshot, a delta, or a heartbeat (a delta that adds nothing).

    Attributes:
        from_position, to_position: the feed's position before and after it.
        issued_at_ms: when the service signed it.
        snapshot: True if it replaces all that was known.
        more: True if further pieces of the same snapshot follow.
        revocations: what is revoked, in order.
    """

    from_position: int
    to_position: int
    issued_at_ms: int
    snapshot: bool
    more: bool
    revocations: tuple[Revocation, ...]


def revocation_key(kind: RevocationKind, id: bytes) -> bytes:
    """Give the bytes under which a revocable thing is looked up: its kind, then its id."""
    return _TAG[kind] + id


def split_revocation_key(key: bytes) -> tuple[RevocationKind, bytes]:
    """Give back kind and id."""
    return _KIND[key[:1]], key[1:]


def principal_id(issuer: str, subject: str) -> bytes:
    """Name a principal by digest (SPEC section 9): SHA-256 of its issuer, length-prefixed, and subject.

    Raises:
        Malformed: FIELD_INVALID for a lone surrogate, which no name has.
    """
    try:
        text, rest = issuer.encode(), subject.encode()
    except UnicodeEncodeError:
        raise refusal(Reason.FIELD_INVALID, detail="a principal's name is not Unicode text") from None
    return hashlib.sha256(len(text).to_bytes(4, "big") + text + rest).digest()


def refuse_revoked(kind: RevocationKind) -> Exception:
    """Make the refusal that belongs to a kind of revocation."""
    return refusal(_REASON[kind])


def require_not_ahead(entry: FeedEntry, now_ms: int) -> None:
    """Require that a piece was not signed by a clock that is far ahead: by it, the feed would be fresh for too long.

    Raises:
        Revoked: FEED_STALE.
    """
    if entry.issued_at_ms > now_ms + limits.FEED_FUTURE_MS:
        raise refusal(Reason.FEED_STALE, detail="the service's clock is ahead of ours by more than a minute")


_ROUND_MS: Final = 60_000


class _Revoked:
    """What is revoked, by `revocation_key`; forgotten by the minute, at a cost by what is forgotten.

    A million take some 110 MiB: what they share, the minute, is one object for all.
    """

    __slots__ = ("_by_minute", "until")

    def __init__(self) -> None:
        self.until: dict[bytes, int] = {}
        self._by_minute: dict[int, tuple[int, list[bytes]]] = {}

    def add(self, revocations: Iterable[Revocation]) -> None:
        until, by_minute = self.until, self._by_minute
        for revocation in revocations:
            key = _TAG[revocation.kind] + revocation.id
            minute = -(-revocation.forget_at_ms // _ROUND_MS)
            if (known := until.get(key)) is None or known < minute:
                shared, keys = by_minute.setdefault(minute, (minute, []))
                until[key] = shared
                keys.append(key)

    def forget(self, now_ms: int, most: int) -> int:
        looked_at = 0
        for minute in [each for each in list(self._by_minute) if each * _ROUND_MS <= now_ms]:
            keys = self._by_minute.get(minute, (minute, []))[1]
            while keys and looked_at < most:
                key = keys.pop()
                looked_at += 1
                if self.until.get(key) == minute:  # else it was revoked for longer meanwhile
                    self.until.pop(key, None)
            if keys:
                break
            self._by_minute.pop(minute, None)
        return looked_at


class RevocationState:
    """What a verifier knows to be revoked. Apply feed entries in order; ask before each decision.

    Attributes:
        position: the feed's position; None before the first whole snapshot.
        issued_at_ms: when the service signed the latest entry, by the service's clock.
        received_ms: when that entry arrived, by the verifier's monotonic clock.
    """

    def __init__(self) -> None:
        self.position: int | None = None
        self.issued_at_ms = 0
        self.received_ms = 0
        self._revoked = _Revoked()
        self._snapshot: _Revoked | None = None
        self._snapshot_position = 0
        self._interrupted = False

    @classmethod
    def nothing_revoked(cls) -> RevocationState:
        """Give a state in which nothing is revoked: for who keeps the list, and to look at what is past."""
        state = cls()
        state.position = 0
        return state

    def apply(self, entry: FeedEntry, *, monotonic_ms: int) -> None:
        """Take the next entry, whose signature was checked. After one that is refused, only a snapshot makes it fresh.

        Args:
            entry: the entry.
            monotonic_ms: the verifier's monotonic clock when it arrived.

        Raises:
            Revoked: FEED_GAP if an entry between is missing, FEED_ROLLBACK if it leads back.
        """
        try:
            self._apply(entry)
        except Refused:
            self.interrupt()
            raise
        self.issued_at_ms, self.received_ms = entry.issued_at_ms, monotonic_ms

    def interrupt(self) -> None:
        """Do without the feed until a whole snapshot has come: nobody knows what a piece that was refused had to say.

        What is known to be revoked stays known.
        """
        self._interrupted = True

    def lose(self) -> None:
        """Know nothing any more, for good: for who keeps the list, and finds that it cannot be relied on."""
        self.position = None
        self._interrupted = True

    @property
    def is_interrupted(self) -> bool:
        """Whether only a whole snapshot makes it fresh again."""
        return self._interrupted

    def _apply(self, entry: FeedEntry) -> None:
        if entry.issued_at_ms < self.issued_at_ms or entry.to_position < entry.from_position:
            raise refusal(Reason.FEED_ROLLBACK)
        if entry.snapshot:
            self._apply_snapshot(entry)
            return
        if self.position is None or self._snapshot is not None or entry.from_position > self.position:
            raise refusal(Reason.FEED_GAP)
        if entry.to_position < self.position:
            raise refusal(Reason.FEED_ROLLBACK)
        self._revoked.add(entry.revocations)
        self.position = entry.to_position

    def _apply_snapshot(self, entry: FeedEntry) -> None:
        if self.position is not None and entry.to_position < self.position and not entry.more:
            raise refusal(Reason.FEED_ROLLBACK)
        if entry.from_position == 0:
            self._snapshot = _Revoked()
        elif self._snapshot is None or entry.from_position != self._snapshot_position:
            raise refusal(Reason.FEED_GAP)
        self._snapshot.add(entry.revocations)
        self._snapshot_position = entry.to_position
        if not entry.more:
            self._revoked, self._snapshot = self._snapshot, None
            self.position = entry.to_position
            self._interrupted = False

    def add(self, revocations: Iterable[Revocation], position: int) -> None:
        """Take what the service itself has just committed, up to a position."""
        self._revoked.add(revocations)
        self.position = max(self.position or 0, position)

    def require_fresh(self, maximum_age_ms: int, *, now_ms: int, monotonic_ms: int) -> None:
        """Require that the feed is whole, uninterrupted and no older than this, by either clock.

        Raises:
            Revoked: FEED_STALE.
        """
        incomplete = self.position is None or self._snapshot is not None or self._interrupted
        if incomplete or self.age_ms(now_ms, monotonic_ms) > maximum_age_ms:
            raise refusal(Reason.FEED_STALE)

    def age_ms(self, now_ms: int, monotonic_ms: int) -> int:
        """Give the feed's age: by its signed time or by the monotonic clock, the worse."""
        return max(now_ms - self.issued_at_ms, monotonic_ms - self.received_ms, 0)

    def check(self, keys: frozenset[bytes]) -> None:
        """Require that none of these is revoked.

        Args:
            keys: `revocation_key`s of all that a chain rests on.

        Raises:
            Revoked: with the reason of what is revoked; FEED_STALE before the first whole snapshot.
        """
        if self.position is None:
            raise refusal(Reason.FEED_STALE, detail="nothing is known of revocations yet")
        revoked = self._revoked.until.keys()
        if revoked.isdisjoint(keys):
            return
        kinds = {_KIND[key[:1]] for key in keys & revoked}
        for kind in _MOST_TELLING:
            if kind in kinds:
                raise refuse_revoked(kind)

    def forget(self, now_ms: int, *, most: int = sys.maxsize) -> int:
        """Drop what nothing unexpired can depend on any more.

        Args:
            now_ms: The time, by the clock of the service: an own one that is ahead would forget too early.
            most: How much to look at in one go.

        Returns:
            How much was looked at; less than `most` if nothing is left to drop.
        """
        return self._revoked.forget(now_ms, most)

    def revocations(self) -> list[Revocation]:
        """List all that is known to be revoked; the time is that from which it is forgotten here, to the minute."""
        known = list(self._revoked.until.items())
        return [Revocation(*split_revocation_key(key), minute * _ROUND_MS) for key, minute in known]

    def __len__(self) -> int:
        return len(self._revoked.until)


_MOST_TELLING: Final = (
    RevocationKind.TASK,
    RevocationKind.ISSUER_KEY,
    RevocationKind.PRINCIPAL,
    RevocationKind.AGENT,
    RevocationKind.HOLDER_KEY,
    RevocationKind.LINK,
)
