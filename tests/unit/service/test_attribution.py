"""Attribution of calls to tasks: only by what is recorded."""

from __future__ import annotations

import pytest

from delegation.service.attribution import NOBODY, attribution, leaf_of
from delegation.service.recorded_links import RecordedLinks
from support.chains import chain


@pytest.mark.parametrize("token", [b"", b"nonsense", bytes(70_000)], ids=["none", "nonsense", "huge"])
async def test_what_is_no_token_is_nobodys(storage, token):
    assert await attribution(token, RecordedLinks(storage)) == NOBODY


async def test_a_well_formed_chain_that_nobody_recorded_is_nobodys(storage):
    assert await attribution(chain("root -> tool").token, RecordedLinks(storage)) == NOBODY


def test_the_leaf_of_a_token_is_its_last_link():
    made = chain("root -> planner -> tool")
    assert leaf_of(made.token) == made.link_ids[-1]
    assert leaf_of(made.cut(1).token) == made.link_ids[0]
    assert leaf_of(b"nonsense") == b""
