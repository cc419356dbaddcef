"""A service that is started under a clock that is ahead, and put right later, still knows all that it must."""

from __future__ import annotations

import pytest

from delegation.app.key_files import system_ms
from delegation.app.known_time import FILE, KnownTime
from delegation.core.scope import any_call
from delegation.errors import Reason
from delegation.jobs.sweeper import sweep
from delegation.service.forgetting_clock import MARGIN_MS
from support.caller import Caller
from support.load import until
from support.server import running_server

READ = any_call("files", "read")
DAY_MS = 24 * 60 * 60 * 1000


@pytest.mark.parametrize("what_was_known", ["is there", "is gone", "is damaged"])
def test_what_was_revoked_stays_revoked(tmp_path, what_was_known):
    with running_server(tmp_path) as server, Caller.of(server, "agent/planner") as planner:
        task, over = planner.grant(READ), planner.grant(READ)
        planner.complete(over)
        known = tmp_path / FILE
        until(known.exists)
    assert abs(KnownTime(tmp_path).read() - system_ms()) < MARGIN_MS
    if what_was_known == "is gone":
        known.unlink()
    elif what_was_known == "is damaged":
        known.write_bytes(b"\0" * 99)
    with running_server(tmp_path, now_ms=lambda: system_ms() + DAY_MS) as server:
        feed, storage = server.application._feed, server.application._storage
        assert server.run(sweep(storage, feed._forgetting_ms)) == 0
        server.run(feed._forget())
        assert len(feed.state) > 0
    assert KnownTime(tmp_path).read() < system_ms() + MARGIN_MS
    with running_server(tmp_path) as server, Caller.of(server, "agent/planner") as planner:
        assert planner.decide(over, "files", "read", {}).refusal.reason is Reason.TASK_ENDED
        assert planner.decide(task, "files", "read", {}).refusal is None
