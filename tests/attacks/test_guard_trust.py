"""Attacks on what a guard believes of the service: trust bundles, catalogues, the revocation feed, clocks."""

from __future__ import annotations

import secrets

import pytest

from delegation.core.attest import catalogue_digest, sign_bundle, sign_feed_entry
from delegation.core.codec import encode_catalogue
from delegation.core.keys import SigningKey
from delegation.core.revocation import FeedEntry, Revocation, RevocationKind, revocation_key
from delegation.core.trust import Catalogue, CatalogueTool, Effect, KeyPurpose, KeyState, TrustBundle, TrustedKey
from delegation.errors import BadStatement, Reason, Refused, Revoked, ServiceUnavailable
from delegation.wire.trust import TrustDocuments
from delegation_sdk.feed import FeedWatcher
from delegation_sdk.replay import ReplayStore
from delegation_sdk.sources import Sources
from delegation_sdk.trust import TrustKeeper

NOW_MS = 1_800_000_000_000
ROOT, GRANTS, STATEMENTS, MALLORY = (SigningKey(bytes([number]) * 32) for number in range(1, 5))
READ = CatalogueTool("files", "read", frozenset({Effect.READ}), local=True)
WRITE = CatalogueTool("files", "write", frozenset({Effect.WRITE}))


class Clock:
    now_ms = NOW_MS
    monotonic_ms = 0

    def sources(self) -> Sources:
        return Sources(lambda: self.now_ms, lambda: self.monotonic_ms, secrets.token_bytes)


@pytest.fixture
def clock():
    return Clock()


def bundle(version=1, catalogue=None, **tweaks):
    keys = [
        TrustedKey(KeyPurpose.GRANT, GRANTS.public, 1),
        TrustedKey(KeyPurpose.STATEMENT, STATEMENTS.public, 1),
    ]
    digest = catalogue_digest(catalogue) if catalogue else b""
    keys = tuple(sorted(tweaks.pop("keys", keys), key=lambda key: key.key_id))
    said = {"version": version, "issued_at_ms": NOW_MS, "expires_at_ms": NOW_MS + 3_600_000, "catalogue_digest": digest}
    return TrustBundle("test.example", keys=keys, **{**said, **tweaks})


class Service:
    """Serves whatever the attacker wants."""

    def __init__(self, *documents):
        self.documents = list(documents)

    def fetch(self):
        return self.documents.pop(0)


def served(trust, catalogue=b"", signer=ROOT):
    return TrustDocuments(sign_bundle(trust, signer), catalogue)


def keeper(clock, *documents):
    found = TrustKeeper(Service(*documents), ROOT.public, sources=clock.sources())
    found.refresh()
    return found


# -- trust bundles


def compromised(version):
    keys = [
        TrustedKey(KeyPurpose.GRANT, GRANTS.public, 1, state=KeyState.COMPROMISED, compromised_at_ms=NOW_MS),
        TrustedKey(KeyPurpose.STATEMENT, STATEMENTS.public, 1),
    ]
    return bundle(version, keys=keys)


@pytest.mark.spec("T-14")
@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (bundle(2), Reason.BUNDLE_ROLLBACK),
        (bundle(3), Reason.BUNDLE_ROLLBACK),
        (bundle(3, catalogue=Catalogue((READ,))), Reason.BUNDLE_ROLLBACK),
        (bundle(9, expires_at_ms=NOW_MS), Reason.BUNDLE_EXPIRED),
    ],
    ids=["an older one", "the same version without the compromise", "the same version, a tool made local", "expired"],
)
def test_a_bundle_that_was_superseded_is_not_believed_again(clock, second, reason):
    named = encode_catalogue(Catalogue((READ,))) if second.catalogue_digest else b""
    keep = keeper(clock, served(compromised(3)), served(second, named))
    with pytest.raises(BadStatement) as caught:
        keep.refresh()
    assert caught.value.reason is reason
    assert keep.bundle == compromised(3), "what was known stays"
    assert not keep.catalogue.is_local("files", "read")


def test_benign_twin_the_same_bundle_again_and_a_newer_one_are_taken(clock):
    keep = keeper(clock, served(bundle(3)), served(bundle(3)), served(compromised(4)))
    keep.refresh()
    keep.refresh()
    assert keep.bundle == compromised(4)


@pytest.mark.spec("T-14")
@pytest.mark.parametrize("signer", [MALLORY, GRANTS, STATEMENTS], ids=["a stranger", "grant key", "statement key"])
def test_nobody_but_the_root_says_whom_to_trust(clock, signer):
    with pytest.raises(BadStatement) as caught:
        keeper(clock, served(bundle(), signer=signer))
    assert caught.value.reason is Reason.BUNDLE_INVALID


@pytest.mark.spec("T-18")
@pytest.mark.parametrize(
    "swapped",
    [b"", b"\x00", encode_catalogue(Catalogue((READ, WRITE))), encode_catalogue(Catalogue((READ,))) + b"\x00"],
    ids=["none", "nonsense", "another", "with something more"],
)
def test_a_catalogue_that_the_bundle_does_not_name_makes_no_tool_local(clock, swapped):
    keep = keeper(clock, served(bundle(catalogue=Catalogue((READ,))), swapped))
    assert keep.catalogue == Catalogue()
    assert not keep.catalogue.is_local("files", "read")


@pytest.mark.spec("T-18")
def test_a_catalogue_beside_a_bundle_that_names_none_is_passed_over(clock):
    assert keeper(clock, served(bundle(), encode_catalogue(Catalogue((READ,))))).catalogue == Catalogue()


@pytest.mark.spec("T-18")
def test_no_catalogue_keeps_a_compromise_from_being_heard_of(clock):
    keep = keeper(clock, served(bundle(3)), served(compromised(4), b"another catalogue"))
    keep.refresh()
    assert keep.bundle == compromised(4)


@pytest.mark.spec("T-20")
def test_a_tool_that_writes_is_not_local_whatever_a_catalogue_says():
    assert not Catalogue((WRITE._replace(local=True),)).is_local("files", "write")
    assert not Catalogue((READ._replace(effects=frozenset({Effect.READ, Effect.EXTERNAL})),)).is_local("files", "read")


# -- the feed


class Stream:
    """A stream in the attacker's order: genuine pieces, dropped, repeated, re-ordered."""

    def __init__(self, statements):
        self._statements = list(statements)

    def next(self, timeout_s):
        if not self._statements:
            raise ServiceUnavailable("over")
        return self._statements.pop(0)

    def open(self, after_position):
        return self

    def cancel(self):
        pass


TASK = Revocation(RevocationKind.TASK, bytes(16), NOW_MS + 3_600_000)
OTHER = Revocation(RevocationKind.TASK, bytes([1]) * 16, NOW_MS + 3_600_000)


def entry(start, end, *revocations, at_ms=NOW_MS, snapshot=False, more=False, signer=STATEMENTS):
    return sign_feed_entry(FeedEntry(start, end, at_ms, snapshot, more, revocations), signer)


def follow(clock, *statements, fails):
    watcher = FeedWatcher(Stream(statements), bundle, refresh_trust=lambda: None, sources=clock.sources())
    with pytest.raises(fails):
        watcher._follow()
    return watcher.state


WHOLE = (entry(0, 5, TASK, snapshot=True),)
IN_PIECES = (
    entry(0, 3, TASK, snapshot=True, more=True),
    entry(3, 5, OTHER, snapshot=True, more=True),
    entry(5, 7, snapshot=True),
)


@pytest.mark.spec("R-5", "R-6")
@pytest.mark.parametrize(
    "statements",
    [
        (entry(0, 5, TASK),),
        (entry(1, 5, snapshot=True),),
        IN_PIECES[1:],
        (IN_PIECES[0], IN_PIECES[2]),
        (IN_PIECES[1], IN_PIECES[0], IN_PIECES[2]),
        (IN_PIECES[0], entry(3, 3)),
        (IN_PIECES[0], entry(3, 7)),
        (*WHOLE, entry(7, 8)),
        (*WHOLE, entry(5, 6, at_ms=NOW_MS - 1)),
        (*WHOLE, entry(3, 4)),
        (*WHOLE, entry(0, 4, snapshot=True)),
        (*WHOLE, entry(0, 5, TASK, snapshot=True, at_ms=NOW_MS - 1)),
        (entry(0, 5, snapshot=True, signer=MALLORY),),
        (entry(0, 5, snapshot=True, signer=GRANTS),),
        (*WHOLE, entry(5, 6, signer=MALLORY)),
        (*WHOLE, WHOLE[0]._replace(payload=entry(5, 6).payload)),
    ],
    ids=[
        "a delta first",
        "a snapshot that begins late",
        "without its first piece",
        "without a middle piece",
        "pieces re-ordered",
        "a heartbeat amid pieces",
        "a delta amid pieces",
        "a gap",
        "an older delta",
        "a delta that leads back",
        "a snapshot that leads back",
        "an older snapshot",
        "by a stranger",
        "by the grant key",
        "a stranger's delta",
        "another payload",
    ],
)
def test_a_feed_that_does_not_fit_together_is_refused_and_loses_no_revocation(clock, statements):
    state = follow(clock, *statements, fails=Refused)
    if state.position is not None:
        with pytest.raises(Revoked, match="task_ended"):
            state.check(frozenset({revocation_key(TASK.kind, TASK.id)}))
    else:
        with pytest.raises(Revoked, match="feed_stale"):
            state.require_fresh(60_000, now_ms=clock.now_ms, monotonic_ms=clock.monotonic_ms)


@pytest.mark.spec("R-7")
def test_an_unfinished_snapshot_decides_nothing(clock):
    state = follow(clock, *WHOLE, IN_PIECES[0], fails=ServiceUnavailable)
    with pytest.raises(Revoked, match="feed_stale"):
        state.require_fresh(60_000, now_ms=clock.now_ms, monotonic_ms=clock.monotonic_ms)


def test_pieces_of_two_snapshots_spliced_together_lose_nothing(clock):
    later = NOW_MS + 1_000
    newer = (entry(0, 3, TASK, snapshot=True, more=True, at_ms=later), entry(3, 9, OTHER, snapshot=True, at_ms=later))
    state = follow(clock, IN_PIECES[0], newer[1], fails=ServiceUnavailable)
    for revoked in (TASK, OTHER):
        with pytest.raises(Revoked):
            state.check(frozenset({revocation_key(revoked.kind, revoked.id)}))


@pytest.mark.spec("R-7")
@pytest.mark.parametrize(("now_ms", "monotonic_ms"), [(60_001, 0), (0, 60_001), (-3_600_000, 60_001)], ids=str)
def test_no_clock_makes_an_old_feed_young(clock, now_ms, monotonic_ms):
    state = follow(clock, *WHOLE, fails=ServiceUnavailable)
    with pytest.raises(Revoked, match="feed_stale"):
        state.require_fresh(60_000, now_ms=NOW_MS + now_ms, monotonic_ms=monotonic_ms)


@pytest.mark.spec("R-7")
def test_a_replayed_heartbeat_does_not_make_the_feed_younger(clock):
    """Who holds the stream can repeat what it has heard; its signed time stays what it was."""
    clock.now_ms, clock.monotonic_ms = NOW_MS + 61_000, 61_000
    state = follow(clock, *WHOLE, entry(5, 5), entry(5, 5), fails=ServiceUnavailable)
    with pytest.raises(Revoked, match="feed_stale"):
        state.require_fresh(60_000, now_ms=clock.now_ms, monotonic_ms=clock.monotonic_ms)


# -- clocks and replay


@pytest.mark.spec("P-8")
def test_a_clock_that_is_set_back_makes_no_used_proof_good_again():
    store = ReplayStore(NOW_MS)
    store.use(b"nonce", NOW_MS + 1_000, NOW_MS + 1_000)
    store.use(b"other", NOW_MS + 60_000, NOW_MS + 60_000)  # the first is forgotten by now
    for now_ms in (NOW_MS + 1_000, NOW_MS, NOW_MS - 3_600_000, NOW_MS + 61_000):
        with pytest.raises(Refused) as caught:
            store.use(b"nonce", NOW_MS + 1_000, now_ms)
        assert caught.value.reason in {Reason.PROOF_STALE, Reason.PROOF_REPLAYED}
        with pytest.raises(Refused):
            store.use(b"other", NOW_MS + 60_000, now_ms)


@pytest.mark.spec("P-8", "P-9")
def test_a_full_memory_of_proofs_denies_and_forgets_none():
    store = ReplayStore(NOW_MS, max_nonces=100)
    for number in range(100):
        store.use(number.to_bytes(16, "big"), NOW_MS, NOW_MS)
    for _ in range(3):
        with pytest.raises(Refused) as caught:
            store.use(b"one more", NOW_MS, NOW_MS)
        assert caught.value.reason is Reason.INTERNAL
    with pytest.raises(Refused, match="replayed"):
        store.use(bytes(16), NOW_MS, NOW_MS)
