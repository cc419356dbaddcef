"""When a tool is under observation, by the bundle that names its catalogue."""

from __future__ import annotations

import pytest

from delegation.core.limits import NOT_BEFORE_LEEWAY_MS, OBSERVE_MS
from delegation.core.observation import is_observed
from delegation.core.trust import CatalogueTool, Effect, TrustBundle

pytestmark = pytest.mark.spec("T-39")
NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
BUNDLE = TrustBundle("example.org", 1, NOW_MS - HOUR_MS, NOW_MS + OBSERVE_MS, ())


def tool(until_ms):
    return CatalogueTool("files", "read", frozenset({Effect.READ}), observe_until_ms=until_ms)


@pytest.mark.parametrize(
    ("until_ms", "observed"),
    [
        (0, False),
        (1, False),
        (NOW_MS, False),
        (NOW_MS + 1, True),
        (BUNDLE.issued_at_ms + OBSERVE_MS, True),
        (BUNDLE.issued_at_ms + OBSERVE_MS + 1, False),
    ],
)
def test_it_is_from_its_listing_to_its_end_and_never_for_long(until_ms, observed):
    assert is_observed(tool(until_ms), BUNDLE, NOW_MS) is observed


def test_a_tool_that_is_not_listed_is_never_observed():
    assert not is_observed(None, BUNDLE, NOW_MS)


def test_nothing_is_observed_by_a_bundle_that_has_expired():
    expired = TrustBundle("example.org", 1, NOW_MS - HOUR_MS, NOW_MS, ())
    assert not is_observed(tool(NOW_MS + HOUR_MS), expired, NOW_MS)
    assert is_observed(tool(NOW_MS + HOUR_MS), expired, NOW_MS - 1)


def test_nothing_is_observed_by_a_clock_from_before_the_bundle():
    back_ms = BUNDLE.issued_at_ms - NOT_BEFORE_LEEWAY_MS
    assert is_observed(tool(NOW_MS), BUNDLE, back_ms)
    assert not is_observed(tool(NOW_MS), BUNDLE, back_ms - 1)
