"""Sums of what calls use: exact, in any order, never past a maximum, and on every link above the one that called."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from delegation.core.demands import Demand
from delegation.core.usage import NOTHING_USED, charged, released, remaining
from delegation.errors import Refused

AMOUNTS = st.decimals(0, 10**12, places=6, allow_nan=False).map(
    lambda number: f"{number:f}".rstrip("0").rstrip(".") or "0"
)
BOUNDS = st.one_of(AMOUNTS, st.sampled_from(["0", "9" * 64, "0." + "0" * 61 + "1"]))


def demand(amount: str, maximum: str, account: bytes = b"link") -> Demand:
    return Demand.of(account, 0, ("billing", "refund", "amount"), amount=amount, maximum=maximum)


def spent(amounts, maximum: str) -> tuple[str, list[str]]:
    """Charge what fits; give the sum, and what it is made of."""
    used, taken = NOTHING_USED, []
    for amount in amounts:
        try:
            used = charged(used, demand(amount, maximum))
        except Refused:
            continue
        taken.append(amount)
    return used, taken


@given(st.lists(BOUNDS, max_size=30), BOUNDS)
def test_a_sum_is_exactly_what_was_permitted_and_never_past_its_maximum(amounts, maximum):
    used, taken = spent(amounts, maximum)
    assert Fraction(used) == sum(map(Fraction, taken))
    assert Fraction(used) <= Fraction(maximum)
    assert Fraction(remaining(used, maximum)) == Fraction(maximum) - Fraction(used)


@given(st.lists(BOUNDS, max_size=20).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_the_order_of_what_fits_does_not_matter(orders):
    one, other = orders
    assert spent(one, "9" * 64)[0] == spent(other, "9" * 64)[0] or len(spent(one, "9" * 64)[1]) < len(one)


@given(BOUNDS, st.lists(BOUNDS, max_size=10))
def test_what_does_not_fit_is_refused_for_that_reason_alone(maximum, amounts):
    used, _ = spent(amounts, maximum)
    for amount in amounts:
        fits = Fraction(used) + Fraction(amount) <= Fraction(maximum)
        try:
            charged(used, demand(amount, maximum))
        except Refused:
            assert not fits
        else:
            assert fits


@given(st.lists(BOUNDS, max_size=20))
def test_giving_everything_back_leaves_nothing_used(amounts):
    used, taken = spent(amounts, "9" * 64)
    for amount in reversed(taken):
        used = released(used, amount)
    assert used == NOTHING_USED


@st.composite
def trees(draw):
    """A tree of links: each one's parent, or None for the grant."""
    size = draw(st.integers(1, 8))
    return [None, *(draw(st.integers(0, index - 1)) for index in range(1, size))]


def ancestors(tree, link):
    while link is not None:
        yield link
        link = tree[link]


@given(trees().flatmap(lambda tree: st.tuples(
    st.just(tree),
    st.lists(st.sampled_from([None, "0", "1", "2.5", "40"]), min_size=len(tree), max_size=len(tree)),
    st.lists(st.tuples(st.integers(0, len(tree) - 1), st.sampled_from(["0.5", "1", "2", "39.5"])), max_size=20),
)))  # fmt: skip
def test_what_a_subtree_uses_counts_on_every_link_above_it(world):
    tree, maxima, calls = world
    used: dict[bytes, str] = {}
    permitted = []
    for caller, amount in calls:
        asked = [
            demand(amount, maximum, b"%d" % link)
            for link in ancestors(tree, caller)
            if (maximum := maxima[link]) is not None
        ]
        try:
            after = {each.account: charged(used.get(each.account, NOTHING_USED), each) for each in asked}
        except Refused:
            continue
        used.update(after)
        permitted.append((caller, amount))
    for link, maximum in enumerate(maxima):
        below = [Fraction(amount) for caller, amount in permitted if link in ancestors(tree, caller)]
        if maximum is not None:
            assert Fraction(used.get(b"%d" % link, "0")) == sum(below) <= Fraction(maximum)


@given(st.lists(st.tuples(*[st.text(max_size=5)] * 3), min_size=2, max_size=2, unique=True))
def test_no_two_conditions_share_a_sum(pairs):
    one, other = (Demand.of(b"link", 0, words, amount="1", maximum="1").key for words in pairs)
    assert one != other
