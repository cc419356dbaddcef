"""For how long what is kept beyond one task counts."""

from __future__ import annotations

import pytest

from delegation.service.session_steps import SessionSteps

NOW_MS = 1_760_000_000_123


def steps(kept_ms):
    return SessionSteps(None, labels_stick_ms=kept_ms, agents_remembered_ms=kept_ms, owner=None, consents=None)


@pytest.mark.spec("A-37")
@pytest.mark.parametrize("kept_ms", [1, 7, 60_000, 3_600_000, 3_600_001])
def test_a_period_is_kept_whole_at_most_a_sixteenth_longer_and_in_few_steps(kept_ms):
    untils = set()
    for part in range(1000):
        now_ms = NOW_MS + part * kept_ms // 1000
        acting = steps(kept_ms).remembering("spiffe://example.org/agent", now_ms)
        assert acting.until_ms == steps(kept_ms).labels_until_ms(now_ms)
        assert 0 <= acting.until_ms - now_ms - kept_ms < max(1, kept_ms / 16)
        untils.add(acting.until_ms)
    assert len(untils) <= 17 + (kept_ms % 16 > 0)


def test_for_no_time_nothing_is_kept():
    assert steps(0).remembering("spiffe://example.org/agent", NOW_MS) is None
    assert steps(0).labels_until_ms(NOW_MS) == 0
