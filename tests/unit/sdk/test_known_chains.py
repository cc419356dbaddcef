from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from delegation.core import limits
from delegation_sdk.known_chains import KnownChains

NOW_MS = 1_000


@dataclass
class Chain:
    """What is kept of a verified chain."""

    digest: bytes
    token: bytes
    expires_at_ms: int = 2_000
    receipt: int | None = None
    bindings: dict[tuple[bytes, str], int] = field(default_factory=dict)


def chain(number, size=100, **options):
    return Chain(number.to_bytes(32, "big"), bytes([number % 256]) * size, **options)


def kept(chains, *numbers):
    return [chains.find(chain(number).digest, NOW_MS) is not None for number in numbers]


def test_a_chain_is_found_by_its_digest_and_by_no_other():
    chains = KnownChains()
    chains.keep(chain(1), NOW_MS)
    assert chains.find(chain(1).digest, NOW_MS) == chain(1).token
    for other in (chain(2).digest, b"", chain(1).digest[:31], chain(1).digest + b"x", chain(1).token):
        assert chains.find(other, NOW_MS) is None


@pytest.mark.spec("H-9")
def test_a_chain_is_found_until_it_expires_and_is_then_dropped():
    chains = KnownChains()
    chains.keep(chain(1, expires_at_ms=2_000), NOW_MS)
    assert chains.find(chain(1).digest, 1_999) is not None
    assert chains.find(chain(1).digest, 2_000) is None
    assert len(chains) == 0
    assert chains.find(chain(1).digest, 1_999) is None, "not even if the clock is set back"


def test_what_has_expired_goes_though_nobody_asks_for_it_again():
    chains = KnownChains()
    for number in range(5):
        chains.keep(chain(number, expires_at_ms=2_000), NOW_MS)
    chains.keep(chain(9, expires_at_ms=900_000), 59_999)
    assert len(chains) == 6
    chains.keep(chain(10, expires_at_ms=900_000), 60_000)
    assert len(chains) == 2


@pytest.mark.spec("H-9")
def test_what_was_not_used_for_longest_goes_first():
    chains = KnownChains(entries=3)
    for number in (1, 2, 3):
        chains.keep(chain(number), NOW_MS)
    chains.find(chain(1).digest, NOW_MS)
    chains.keep(chain(2), NOW_MS)  # came by value again
    chains.keep(chain(4), NOW_MS)
    assert kept(chains, 1, 2, 3, 4) == [True, True, False, True]
    assert len(chains) == 3


@pytest.mark.spec("H-9")
def test_bytes_are_bounded_too():
    chains = KnownChains(size_bytes=1_000)
    for number in range(10):
        chains.keep(chain(number, size=100), NOW_MS)
    assert len(chains) == 10
    chains.keep(chain(10, size=301), NOW_MS)
    assert kept(chains, 3, 4, 10) == [False, True, True]
    chains.keep(chain(11, size=1_001), NOW_MS)
    assert len(chains) == 0, "it is larger than all that may be kept"


def test_bytes_are_counted_for_what_is_kept_and_no_longer():
    chains = KnownChains(size_bytes=1_000)
    for size in (600, 500, 400):
        chains.keep(chain(1, size=size), NOW_MS)
    chains.keep(chain(2, size=600), NOW_MS)
    assert kept(chains, 1, 2) == [True, True]
    chains.forget(chain(1).digest)
    chains.forget(chain(1).digest)
    chains.keep(chain(3, size=400), NOW_MS)
    assert kept(chains, 1, 2, 3) == [False, True, True]


@pytest.mark.spec("H-9")
def test_bounds_are_those_of_the_limits():
    chains = KnownChains()
    for number in range(limits.KNOWN_CHAINS + 1):
        chains.keep(chain(number, size=1), NOW_MS)
    assert len(chains) == limits.KNOWN_CHAINS
    for number in range(100):
        chains.keep(chain(number, size=limits.TOKEN_BYTES), NOW_MS)
    assert len(chains) == limits.KNOWN_CHAINS_BYTES // limits.TOKEN_BYTES


BOUND = {(bytes(32), "a:a"): 1_500}
EXPIRED = {(bytes(32), "a:b"): NOW_MS}
LONGER = {(bytes(32), "a:a"): 1_600}


@pytest.mark.spec("H-9")
@pytest.mark.parametrize(
    ("first", "second", "stays"),
    [
        ({}, {"receipt": 1}, False),
        ({"receipt": 1}, {}, True),
        ({"receipt": 1}, {"receipt": 1}, True),
        ({"bindings": BOUND}, {"receipt": 1}, True),
        ({"bindings": BOUND}, {"bindings": LONGER}, False),
        ({"bindings": LONGER}, {"bindings": BOUND, "receipt": 1}, True),
        ({"bindings": BOUND}, {"bindings": BOUND, "receipt": 1}, False),
        ({"bindings": EXPIRED}, {"receipt": 1}, False),
    ],
)
def test_a_token_that_says_less_does_not_replace_one_that_says_more(first, second, stays):
    chains = KnownChains()
    digest = bytes(32)
    chains.keep(Chain(digest, b"a token", **first), NOW_MS)
    chains.keep(Chain(digest, b"a longer token, in which something may stand twice", **second), NOW_MS)
    assert (chains.find(digest, NOW_MS) == b"a token") is stays


@pytest.mark.spec("H-9")
def test_of_two_tokens_that_say_the_same_the_shorter_stays():
    chains = KnownChains()
    digest = bytes(32)
    for token in (b"a token", b"a token, padded", b"short"):
        chains.keep(Chain(digest, token, receipt=1, bindings=BOUND), NOW_MS)
    assert chains.find(digest, NOW_MS) == b"short"


def test_threads_can_share_it():
    chains = KnownChains(entries=50, size_bytes=4_000)

    def work(start):
        for number in range(start, start + 500):
            chains.keep(chain(number % 120), NOW_MS)
            chains.find(chain((number * 7) % 120).digest, NOW_MS)
            chains.forget(chain((number * 3) % 120).digest)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(0, 400, 50)))
    assert len(chains) <= 40
    assert chains._held_bytes == sum(len(each.token) for each in chains._kept.values())


def test_it_does_not_show_what_it_keeps():
    chains = KnownChains()
    chains.keep(chain(1), NOW_MS)
    assert repr(chains) == "KnownChains(1 of 4096)"
