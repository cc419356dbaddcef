"""What a guard makes of what its tools declare."""

from __future__ import annotations

import pytest

from delegation.core.declaration import Declaration
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import ConfigError, Reason, Refused
from delegation_sdk import Scope, any_call
from delegation_sdk.feed import FeedAges
from delegation_sdk.testing import Authority
from unit.sdk.conftest import PLANNER

EXTERNAL = Declaration(frozenset({Effect.EXTERNAL}))


def decide(guard, task, name):
    call = task.call("files", name, {})
    return guard.authorize(call.carriage, name, call.arguments)


@pytest.fixture
def task(client):
    return client.begin_task("Search", scope=Scope(any_call("files", "search")))


@pytest.mark.spec("T-43")
@pytest.mark.parametrize("declared", [EXTERNAL, Declaration(labels=frozenset({"personal"}))], ids=["effect", "label"])
def test_a_local_tool_that_declares_more_is_asked_about(guard, task, authority, declared):
    guard.lists({"search": declared})
    decide(guard, task, "search")
    authority.reachable = False
    with pytest.raises(Refused) as caught:
        decide(guard, task, "search")
    assert caught.value.reason is Reason.SERVICE_UNAVAILABLE


@pytest.mark.parametrize(
    "declared", [Declaration(), Declaration(frozenset({Effect.READ}), manifest_digest=b"\1" * 32)], ids=["no", "reads"]
)
def test_one_that_declares_no_more_is_decided_in_process(guard, task, authority, declared):
    guard.lists({"search": declared, "other": EXTERNAL})
    authority.reachable = False
    assert decide(guard, task, "search").tool == "search"


@pytest.mark.spec("T-45")
@pytest.mark.parametrize(("served", "in_process"), [(b"\1" * 32, True), (b"\2" * 32, False), (b"", False)])
def test_a_local_tool_that_has_to_be_the_pinned_one_is_decided_in_process_only_as_that(clock, served, in_process):
    search = CatalogueTool(
        "files", "search", frozenset({Effect.READ}), local=True, manifest_digest=b"\1" * 32, manifest_required=True
    )
    with Authority(tools=[search], sources=clock.sources()) as authority:
        task = authority.client(PLANNER).begin_task("Search", scope=Scope(any_call("files", "search")))
        guard = authority.guard_for("files")
        guard.lists({"search": Declaration(manifest_digest=served)})
        authority.reachable = False
        try:
            if in_process:
                decide(guard, task, "search")
            else:
                with pytest.raises(Refused) as caught:
                    decide(guard, task, "search")
                assert caught.value.reason is Reason.SERVICE_UNAVAILABLE
        finally:
            authority.reachable = True


def test_what_is_declared_and_how_it_is_listed_both_count(guard):
    guard.tool("search", effects=["read"], labels=["personal"])(lambda: None)
    guard.lists({"search": Declaration(frozenset({Effect.WRITE}), manifest_digest=b"\1" * 32)})
    both = frozenset({Effect.READ, Effect.WRITE}), frozenset({"personal"}), b"\1" * 32
    assert guard._served.find("search") == both
    assert not guard.only_reads("search")
    guard.tool("search", effects=["spends"])(lambda: None)  # declared anew
    assert guard._served.find("search").effects == {Effect.SPENDS, Effect.WRITE}


@pytest.mark.parametrize(("declared", "reason"), [(Declaration(), None), (EXTERNAL, Reason.FEED_STALE)])
def test_a_tool_that_declares_more_wants_the_revocation_feed_as_young_as_others_of_its_kind(clock, declared, reason):
    search = CatalogueTool("files", "search", frozenset({Effect.READ}))
    with Authority(tools=[search], sources=clock.sources()) as authority:
        task = authority.client(PLANNER).begin_task("Search", scope=Scope(any_call("files", "search")))
        guard = authority.guard_for("files", feed_ages=FeedAges(read_ms=60_000, other_ms=1))
        guard.lists({"search": declared})
        guard._feed.close()  # so that nothing makes it younger
        clock.pass_ms(1_000)
        if reason is None:
            decide(guard, task, "search")
            return
        with pytest.raises(Refused) as caught:
            decide(guard, task, "search")
        assert caught.value.reason is reason


@pytest.mark.parametrize("labels", [["Personal"], ["a b"], [f"label-{n}" for n in range(17)]])
def test_a_label_that_no_catalogue_could_have_is_no_declaration(guard, labels):
    with pytest.raises(ConfigError, match="label"):
        guard.tool("search", labels=labels)
