"""One service with approvers for each file of tests."""

from __future__ import annotations

import pytest

from support.approvals import running_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with running_world(tmp_path_factory.mktemp("service")) as world:
        yield world
