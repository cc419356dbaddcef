"""A guard's trust bundle: fetched at once for an unknown key, but not as often as strangers like; kept in a file."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading

import pytest

from delegation.core.attest import sign_bundle
from delegation.core.codec import encode_catalogue
from delegation.core.keys import SigningKey
from delegation.core.trust import Catalogue, CatalogueTool, Effect, KeyPurpose, TrustBundle, TrustedKey
from delegation.errors import BadStatement, ConfigError, Reason, ServiceUnavailable, refusal
from delegation.wire.trust import TrustDocuments
from delegation_sdk.trust import CATCH_UP_EVERY_MS, TrustKeeper
from delegation_sdk.trust_cache import FILE, TrustCache
from support.chains import chain, receipt

ROOT, GRANTS = (SigningKey(bytes([number]) * 32) for number in range(1, 3))


class Service:
    """Serves one bundle, counts how often it was asked, and can be made to wait or to fail."""

    def __init__(self, clock) -> None:
        self.fetched = 0
        self.version = 1
        self.answering = threading.Event()
        self.answering.set()
        self.reachable = True
        self._clock = clock

    def fetch(self) -> TrustDocuments:
        self.fetched += 1
        assert self.answering.wait(30)
        if not self.reachable:
            raise ServiceUnavailable("down")
        return TrustDocuments(sign_bundle(self.bundle(), ROOT), b"")

    def bundle(self, **tweaks) -> TrustBundle:
        keys = sorted([TrustedKey(KeyPurpose.GRANT, GRANTS.public, 1)], key=lambda key: key.key_id)
        now_ms = self._clock.now_ms
        said = {"version": self.version, "issued_at_ms": now_ms, "expires_at_ms": now_ms + 10_000_000}
        return TrustBundle("test.example", keys=tuple(keys), **{**said, **tweaks})


@pytest.fixture
def service(clock):
    return Service(clock)


@pytest.fixture
def keeper(service, clock):
    kept = TrustKeeper(service, ROOT.public, sources=clock.sources())
    kept.open()
    return kept


# -- catching up


def test_a_newer_bundle_is_taken_and_an_unchanged_one_is_none(keeper, service, clock):
    service.version = 2
    assert keeper.catch_up().result(30) is True
    assert keeper.bundle.version == 2
    clock.pass_ms(CATCH_UP_EVERY_MS)
    assert keeper.catch_up().result(30) is False


def test_strangers_do_not_make_a_guard_ask_for_each_token(keeper, service, clock):
    for _ in range(3):
        before = service.fetched
        assert [keeper.catch_up().result(30) for _ in range(100)] == [False] * 100
        assert service.fetched == before + 1
        clock.pass_ms(CATCH_UP_EVERY_MS)


def test_who_asks_while_a_fetch_is_under_way_gets_that_one(keeper, service):
    service.version = 2
    service.answering.clear()
    asked = [keeper.catch_up() for _ in range(20)]
    service.answering.set()
    assert all(each.result(30) for each in asked)
    assert service.fetched == 2


def test_one_who_stops_waiting_takes_the_answer_from_nobody_else(keeper, service):
    service.version = 2

    async def wait_and_give_up() -> bool:
        service.answering.clear()
        first = asyncio.wrap_future(keeper.catch_up())
        second = asyncio.wrap_future(keeper.catch_up())
        first.cancel()
        service.answering.set()
        return await second

    assert asyncio.run(wait_and_give_up()) is True


def test_a_failure_to_fetch_is_no_newer_bundle_and_loses_none(keeper, service):
    service.reachable = False
    assert keeper.catch_up().result(30) is False
    assert keeper.bundle.version == 1


@pytest.mark.parametrize("reason", Reason)
def test_only_what_an_unknown_key_has_signed_may_be_waiting_for_a_bundle(keeper, reason):
    granted = chain("alice -> bob")
    known, unknown = granted.with_statements(receipt(bytes(32), signer=GRANTS)), granted
    expected = reason in {Reason.ISSUER_UNKNOWN, Reason.BUNDLE_EXPIRED}
    assert keeper.may_lack(refusal(reason), known.token) is expected
    assert keeper.may_lack(refusal(reason), unknown.token) is (expected or reason is Reason.STATEMENT_INVALID)


# -- over restarts


def restarted(service, clock, directory):
    kept = TrustKeeper(service, ROOT.public, sources=clock.sources(), cache=TrustCache(directory))
    kept.open()
    return kept


@pytest.mark.spec("T-14")
def test_a_guard_that_starts_anew_goes_back_behind_no_bundle_it_has_known(service, clock, tmp_path):
    service.version = 5
    restarted(service, clock, tmp_path / "cache")
    service.version = 4
    with pytest.raises(BadStatement) as caught:
        restarted(service, clock, tmp_path / "cache")
    assert caught.value.reason is Reason.BUNDLE_ROLLBACK
    restarted(service, clock, tmp_path / "another")
    service.version = 6
    assert restarted(service, clock, tmp_path / "cache").bundle.version == 6


def test_a_kept_bundle_will_do_while_the_service_is_away_and_until_it_expires(service, clock, tmp_path):
    bundle = restarted(service, clock, tmp_path).bundle
    service.reachable = False
    assert restarted(service, clock, tmp_path).bundle == bundle
    clock.pass_ms(bundle.expires_at_ms - clock.now_ms)
    with pytest.raises(BadStatement) as caught:
        restarted(service, clock, tmp_path)
    assert caught.value.reason is Reason.BUNDLE_EXPIRED
    with pytest.raises(ServiceUnavailable):
        restarted(service, clock, tmp_path / "another")


def test_a_kept_bundle_of_another_root_is_not_believed(service, clock, tmp_path):
    restarted(service, clock, tmp_path)
    with pytest.raises(BadStatement) as caught:
        TrustKeeper(service, GRANTS.public, sources=clock.sources(), cache=TrustCache(tmp_path)).open()
    assert caught.value.reason is Reason.BUNDLE_INVALID


@pytest.mark.parametrize("content", [b"", b"\x00\x00\x00\x05nonsense", os.urandom(200)])
def test_a_damaged_file_is_named(service, clock, tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ConfigError, match=FILE):
        restarted(service, clock, tmp_path)
    assert service.fetched == 0


def test_the_file_is_written_whole_and_its_owners_alone(service, clock, tmp_path):
    restarted(service, clock, tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [FILE]
    assert (tmp_path / "cache" / FILE).stat().st_mode & 0o777 == 0o600


def test_a_newer_bundle_counts_though_it_cannot_be_written_and_is_written_when_it_can(service, clock, tmp_path):
    directory = tmp_path / "cache"
    kept = TrustKeeper(service, ROOT.public, sources=clock.sources(), cache=TrustCache(directory))
    kept.open()
    (directory / FILE).unlink()
    directory.rmdir()
    directory.write_text("not a directory: nothing can be written")
    service.version = 2
    with pytest.raises(ConfigError, match="cannot write"):
        kept.refresh()
    assert kept.bundle.version == 2
    directory.unlink()
    kept.refresh()
    cached = TrustCache(directory).load()
    assert cached is not None
    assert cached.bundle == service.fetch().bundle


def test_a_catalogue_that_is_not_the_bundles_loosens_no_tools_feed_age(keeper, service, monkeypatch, tmp_path, clock):
    """Whatever comes in its place, and however often: the strictest that was known holds until the right one comes."""

    def listing(**ages_ms):
        reads = frozenset({Effect.READ})
        return Catalogue(
            tuple(
                CatalogueTool("files", tool, reads, local=True, maximum_feed_age_ms=age_ms)
                for tool, age_ms in sorted(ages_ms.items())
            )
        )

    def serve(named, came):
        service.version += 1
        digest = hashlib.sha256(encode_catalogue(named)).digest()
        documents = TrustDocuments(sign_bundle(service.bundle(catalogue_digest=digest), ROOT), came)
        monkeypatch.setattr(service, "fetch", lambda: documents)

    def ages_ms(catalogue):
        return [catalogue.maximum_feed_age_ms("files", tool) for tool in ("careful", "easy", "other", "usual")]

    first = listing(careful=5_000, easy=120_000, usual=0)
    serve(first, encode_catalogue(first))
    keeper.refresh()
    assert ages_ms(keeper.catalogue) == [5_000, 120_000, 30_000, 60_000]
    for came in (b"another", b"", encode_catalogue(listing(careful=60_000, other=7_000)), b"another"):
        serve(listing(careful=1_000), came)
        keeper.refresh()
        assert ages_ms(keeper.catalogue)[0::3] == [5_000, 30_000]
        assert not keeper.catalogue.is_local("files", "careful")
    assert ages_ms(keeper.catalogue) == [5_000, 30_000, 7_000, 30_000]
    again = TrustKeeper(service, ROOT.public, sources=clock.sources(), cache=TrustCache(tmp_path))
    serve(first, encode_catalogue(listing(careful=6_000)))
    again.open()
    monkeypatch.undo()
    service.reachable = False
    anew = TrustKeeper(service, ROOT.public, sources=clock.sources(), cache=TrustCache(tmp_path))
    anew.open()
    assert ages_ms(anew.catalogue)[0] == 6_000
    right = listing(careful=50_000)
    serve(right, encode_catalogue(right))
    keeper.refresh()
    assert ages_ms(keeper.catalogue)[0] == 50_000


def test_keys_count_though_another_catalogue_came_with_them(keeper, service, clock, monkeypatch):
    listed = Catalogue((CatalogueTool("files", "read", frozenset({Effect.READ}), local=True),))
    right, wrong = encode_catalogue(listed), b"another"
    service.version = 2
    bundle = service.bundle(catalogue_digest=hashlib.sha256(right).digest())
    for came, known in ((wrong, Catalogue()), (right, listed)):
        monkeypatch.setattr(service, "fetch", lambda came=came: TrustDocuments(sign_bundle(bundle, ROOT), came))
        keeper.refresh()
        assert keeper.bundle.version == 2
        assert keeper.catalogue == known
