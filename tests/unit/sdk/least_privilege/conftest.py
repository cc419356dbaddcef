"""An orchestrator of an authority in memory."""

from __future__ import annotations

import pytest

from delegation_sdk.testing import Authority


@pytest.fixture
def client():
    with Authority() as authority:
        yield authority.client("spiffe://test.example/agent/planner")
