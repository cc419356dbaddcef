"""What a verifier remembers is never worth more than what it would find out again."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import delegation.core.verify as verification
from delegation.core import limits
from delegation.core.codec import join_token
from delegation.core.prefix_cache import PrefixCache
from delegation.core.revocation import Revocation, RevocationKind
from delegation.core.trust import KeyPurpose, KeyState
from delegation.core.verify import Verifier
from delegation.errors import BadStatement, Reason, Refused, ScopeGrew
from support.chains import (
    BUNDLE,
    ISSUER,
    MALLORY,
    MINUTE_MS,
    NOTHING_REVOKED,
    NOW_MS,
    STATEMENTS,
    bundle,
    chain,
    receipt,
    revoked,
    some_bytes,
    trusted,
)

MADE = chain("root -> planner -> tool")
SERVICE = BUNDLE.keys


def ask(verifier: Verifier, token: bytes, **options: Any) -> Any:
    return verifier.verify(token, **{"now_ms": NOW_MS, "revocations": NOTHING_REVOKED, **options})


def reason(verifier: Verifier, token: bytes, **options: Any) -> Reason:
    with pytest.raises(Refused) as caught:
        ask(verifier, token, **options)
    return caught.value.reason


@pytest.fixture
def verifier() -> Verifier:
    """A verifier that has just verified the chain."""
    warm = Verifier(BUNDLE)
    assert ask(warm, MADE.token) is ask(warm, MADE.token)
    return warm


@pytest.mark.spec("V-13", "V-19")
def test_a_remembered_chain_expires(verifier: Verifier):
    end = NOW_MS + 15 * MINUTE_MS
    ask(verifier, MADE.token, now_ms=end - 1)
    assert reason(verifier, MADE.token, now_ms=end) is Reason.EXPIRED


@pytest.mark.spec("V-13", "V-19")
def test_a_remembered_chain_is_not_valid_before_it_begins(verifier: Verifier):
    early = NOW_MS - limits.NOT_BEFORE_LEEWAY_MS - 1
    assert reason(verifier, MADE.token, now_ms=early) is Reason.NOT_YET_VALID


@pytest.mark.spec("V-14", "V-19")
def test_a_remembered_chain_is_revoked(verifier: Verifier):
    ended = revoked(Revocation(RevocationKind.TASK, some_bytes("task"), NOW_MS + MINUTE_MS))
    assert reason(verifier, MADE.token, revocations=ended) is Reason.TASK_ENDED
    ask(verifier, MADE.token)


@pytest.mark.spec("V-18")
@pytest.mark.parametrize(
    ("replacement", "expected"),
    [
        ((trusted(KeyPurpose.GRANT, MALLORY), SERVICE[1]), Reason.ISSUER_UNKNOWN),
        (
            (trusted(KeyPurpose.GRANT, ISSUER, state=KeyState.COMPROMISED, compromised_at_ms=NOW_MS), SERVICE[1]),
            Reason.ISSUER_NOT_TRUSTED,
        ),
        ((SERVICE[0], trusted(KeyPurpose.STATEMENT, MALLORY)), Reason.STATEMENT_INVALID),
        (
            (SERVICE[0], trusted(KeyPurpose.STATEMENT, STATEMENTS, state=KeyState.RETIRED)),
            Reason.STATEMENT_INVALID,
        ),
    ],
    ids=["issuer gone", "issuer compromised", "statement key gone", "statement key retired"],
)
def test_a_new_bundle_is_asked_about_what_is_remembered(verifier: Verifier, replacement: Any, expected: Reason):
    verifier.update_trust(bundle(*replacement))
    assert reason(verifier, MADE.token) is expected
    verifier.update_trust(BUNDLE)
    ask(verifier, MADE.token)


@pytest.mark.spec("T-16", "V-18")
@pytest.mark.parametrize(
    ("purpose", "signer", "expected"),
    [
        (KeyPurpose.GRANT, ISSUER, Reason.ISSUER_NOT_TRUSTED),
        (KeyPurpose.STATEMENT, STATEMENTS, Reason.STATEMENT_INVALID),
    ],
)
def test_what_is_remembered_falls_when_the_window_of_a_key_ends(purpose: Any, signer: Any, expected: Reason):
    ends = NOW_MS + MINUTE_MS
    others = [key for key in SERVICE if key.purpose is not purpose]
    verifier = Verifier(bundle(*others, trusted(purpose, signer, not_after_ms=ends)))
    for now_ms in (NOW_MS, ends - 1):
        ask(verifier, MADE.token, now_ms=now_ms)
    assert reason(verifier, MADE.token, now_ms=ends) is expected


@pytest.mark.spec("V-18")
def test_a_bundle_that_is_replaced_while_a_chain_is_verified_remembers_nothing_of_it(
    verifier: Verifier, monkeypatch: pytest.MonkeyPatch
):
    """The verification under the old bundle may end well; the new one must not inherit it."""
    other = chain("root -> planner", task="another task")
    real = verification.step_11_statements_fit

    def replaced_meanwhile(*args: Any) -> Any:
        verifier.update_trust(bundle(SERVICE[0], trusted(KeyPurpose.STATEMENT, MALLORY)))
        return real(*args)

    monkeypatch.setattr(verification, "step_11_statements_fit", replaced_meanwhile)
    ask(verifier, other.token)
    monkeypatch.undo()
    assert reason(verifier, other.token) is Reason.STATEMENT_INVALID


@pytest.mark.spec("V-12", "V-19")
def test_a_chain_verified_without_its_receipt_is_not_remembered_as_recorded():
    fresh = Verifier(BUNDLE)
    bare = MADE.with_statements().token
    ask(fresh, bare, require_receipt=False)
    assert reason(fresh, bare) is Reason.RECEIPT_MISSING
    ask(fresh, MADE.token)
    assert reason(fresh, bare) is Reason.RECEIPT_MISSING


@pytest.mark.spec("V-11", "V-18")
def test_statements_are_never_remembered_with_the_links(verifier: Verifier):
    forged = MADE.with_statements(receipt(MADE.link_ids[-1], signer=MALLORY))
    assert reason(verifier, forged.token) is Reason.STATEMENT_INVALID
    assert ask(verifier, MADE.with_statements(receipt(MADE.link_ids[-1])).token).bindings == {}


@pytest.mark.spec("V-4", "V-10", "V-18")
def test_a_hostile_link_on_a_remembered_prefix_is_refused(verifier: Verifier):
    wider = MADE.edit(2, lambda link: setattr(link, "expires_at_ms", NOW_MS + 999 * MINUTE_MS))
    with pytest.raises(ScopeGrew) as caught:
        ask(verifier, wider.token)
    assert caught.value.link_index == 2
    forged = MADE.signed_by(2, MALLORY)
    assert reason(verifier, forged.token) is Reason.SIGNATURE_INVALID


@pytest.mark.spec("V-4", "V-18")
def test_a_remembered_prefix_with_another_signature_is_verified_again(verifier: Verifier):
    """The same payloads, hence the same link ids, but not the bytes that were verified."""
    frames = MADE.frames
    for index in range(3):
        damaged = frames[index]._replace(signature=bytes(64))
        token = join_token([*frames[:index], damaged, *frames[index + 1 :]], MADE.service_statements)
        assert reason(verifier, token) is Reason.SIGNATURE_INVALID


@pytest.mark.spec("V-18")
def test_a_chain_that_was_refused_is_not_remembered():
    fresh = Verifier(BUNDLE)
    wider = MADE.edit(2, lambda link: setattr(link, "remaining_depth", 99))
    for _ in range(3):
        with pytest.raises(ScopeGrew):
            ask(fresh, wider.token)
    early = Verifier(BUNDLE)
    assert reason(early, MADE.token, now_ms=NOW_MS + 15 * MINUTE_MS) is Reason.EXPIRED
    ask(early, MADE.token)


def test_siblings_under_one_prefix_are_told_apart(verifier: Verifier):
    sibling = MADE.edit(2, lambda link: setattr(link, "nonce", some_bytes("sibling")))
    assert ask(verifier, sibling.token).digest == sibling.link_ids[-1]
    assert ask(verifier, MADE.token).digest == MADE.link_ids[-1]


@pytest.mark.spec("V-18", "V-19")
def test_a_verifier_that_remembers_and_one_that_does_not_say_the_same():
    """Over all moments, tokens and receipts, in an order that warms the cache as much as it can."""
    warm, cold = Verifier(BUNDLE), Verifier(BUNDLE, cache_entries=0)
    tokens = [made.token for made in (MADE, MADE.cut(2).with_statements(), MADE.with_statements(), chain("root"))]
    moments = [NOW_MS + offset * MINUTE_MS for offset in (0, -1, 1, 14, 15, 16, 1439, 1440, 0)]
    for now_ms in moments:
        for token in tokens:
            for require_receipt in (True, False):
                options = {"now_ms": now_ms, "require_receipt": require_receipt}
                assert verdict(warm, token, options) == verdict(cold, token, options)


def verdict(verifier: Verifier, token: bytes, options: dict[str, Any]) -> Any:
    try:
        chain_found = ask(verifier, token, **options)
    except Refused as refused:
        return refused.reason, refused.link_index, str(refused)
    return chain_found.digest, chain_found.receipt, chain_found.bindings, chain_found.revocation_keys


# -- the cache itself ----------------------------------------------------------------------------------------


def test_the_cache_holds_so_many_entries_and_drops_the_one_used_longest_ago():
    cache: PrefixCache[int] = PrefixCache(entries=2)
    cache.put(b"a", 1, NOW_MS + 1)
    cache.put(b"b", 2, NOW_MS + 1)
    cache.get(b"a", NOW_MS)
    cache.put(b"c", 3, NOW_MS + 1)
    assert [cache.get(key, NOW_MS) for key in (b"a", b"b", b"c")] == [1, None, 3]
    assert len(cache) == 2


def test_the_cache_holds_so_many_bytes():
    cache: PrefixCache[int] = PrefixCache(entries=100, size_bytes=10)
    for key in (b"a" * 4, b"b" * 4, b"b" * 4, b"c" * 4):
        cache.put(key, 1, NOW_MS + 1)
    assert [cache.get(key, NOW_MS) for key in (b"a" * 4, b"b" * 4, b"c" * 4)] == [None, 1, 1]
    cache.put(b"d" * 11, 1, NOW_MS + 1)
    assert cache.get(b"d" * 11, NOW_MS) is None


def test_the_cache_forgets_what_has_expired():
    cache: PrefixCache[int] = PrefixCache()
    cache.put(b"a", 1, NOW_MS)
    assert cache.get(b"a", NOW_MS - 1) == 1
    assert cache.get(b"a", NOW_MS) is None
    assert len(cache) == 0


def test_what_has_expired_goes_though_nobody_asks_for_it_again():
    cache: PrefixCache[int] = PrefixCache()
    for key in (b"a", b"b"):
        cache.put(key, 1, NOW_MS + 1_000)
    cache.put(b"c", 1, NOW_MS + 61_000)
    for late_ms, left in ((0, 3), (59_999, 3), (60_000, 1), (121_000, 0)):
        assert cache.get(b"new", NOW_MS + late_ms) is None
        assert len(cache) == left
    cache.put(b"d", 1, NOW_MS - 1_000)
    assert cache.get(b"new", NOW_MS) is None  # the clock was set back
    assert len(cache) == 0


def test_threads_may_share_the_cache():
    cache: PrefixCache[int] = PrefixCache(entries=3, size_bytes=64)
    failures: list[BaseException] = []

    def use(seed: int) -> None:
        try:
            for number in range(5_000):
                key = bytes((number * seed % 7,))
                cache.put(key, number, NOW_MS + number % 3)
                cache.get(key, NOW_MS + 1)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the finding
            failures.append(error)

    users = [threading.Thread(target=use, args=(seed,)) for seed in (1, 2, 3, 5)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert not failures
    assert len(cache) <= 3


def test_what_siblings_have_in_common_is_verified_once(monkeypatch):
    """Also if nobody has ever shown it by itself: handoffs of one agent differ in their last link alone."""
    sibling = MADE.edit(2, lambda link: setattr(link, "nonce", some_bytes("sibling")))
    verifier, checked = Verifier(BUNDLE), []
    check = verification.step_4_signature

    def counted(*given: Any) -> None:
        checked.append(given)
        check(*given)

    monkeypatch.setattr(verification, "step_4_signature", counted)
    ask(verifier, MADE.token)
    assert len(checked) == 3
    ask(verifier, sibling.token)
    assert len(checked) == 4


@pytest.mark.spec("V-18", "T-16")
def test_what_is_remembered_does_not_outlive_a_clock_that_goes_back():
    since = trusted(KeyPurpose.STATEMENT, STATEMENTS, not_before_ms=NOW_MS - 10_000)
    verifier = Verifier(bundle(BUNDLE.keys[0], since))
    token = chain("root -> planner").token
    verifier.verify(token, now_ms=NOW_MS, revocations=NOTHING_REVOKED)
    with pytest.raises(BadStatement) as refused:
        verifier.verify(token, now_ms=NOW_MS - 20_000, revocations=NOTHING_REVOKED)
    assert refused.value.reason is Reason.STATEMENT_INVALID
