"""What was granted and never used: counted over the whole tree of a task, and over nothing else."""

from __future__ import annotations

import pytest

from delegation.errors import Malformed
from delegation_sdk import Scope, at_most_calls, tool, under
from delegation_sdk.least_privilege.unused import CallCounts, use_of
from support.looked_back import called, recorded

SCOPE = Scope(
    tool("files", "read", path=under("/srv")),
    tool("files", "write", path=under("/srv")),
    tool("web", "search", at_most_calls(3), query="reports"),
)


def used(links, *calls, more=False):
    counts = CallCounts()
    counts.take(calls)
    return use_of(links, counts, more=more)


@pytest.fixture
def task(client):
    return client.begin_task("Look things up", scope=SCOPE)


def tools(scope):
    return [f"{audience}.{name}" for audience, name in scope.by_pair]


def test_what_a_child_used_is_used_above_it_and_not_beside_it(task):
    reader = task.hand_off("spiffe://test.example/agent/reader", scope=task.scope.only("files", "read"))
    other = task.hand_off("spiffe://test.example/agent/other", scope=task.scope.only("files", "read"))
    below = reader.hand_off("spiffe://test.example/agent/below")
    use = used(recorded(task, reader, other, below), *[called(below, "files", "read")] * 2)
    by_id = {link.link_id: link for link in use.links}
    assert tools(by_id[task.links[-1].link_id].unused) == ["files.write", "web.search"]
    for link in (reader, below):
        assert tools(by_id[link.links[-1].link_id].unused) == []
        assert by_id[link.links[-1].link_id].calls == {("files", "read"): 2}
    assert tools(by_id[other.links[-1].link_id].unused) == ["files.read"]


def test_what_is_unused_keeps_its_constraints_and_conditions(task):
    (grant,) = used(recorded(task), called(task, "files", "read"), called(task, "files", "write")).links
    assert grant.unused == task.scope.only("web", "search")


def test_a_refused_call_uses_nothing(task):
    use = used(recorded(task), called(task, "files", "read", refused="argument_refused"))
    assert use.calls == 0
    assert use.links[0].unused == task.scope


def test_a_task_without_calls_used_nothing_and_one_that_used_all_wastes_nothing(task):
    assert used(recorded(task)).links[0].unused == task.scope
    everything = used(recorded(task), *(called(task, audience, name) for audience, name in task.scope.by_pair))
    assert everything.links[0].unused == Scope.EMPTY


def test_calls_on_links_that_are_not_recorded_are_told_apart(task):
    use = used(recorded(task), called(task, "files", "read", leaf=bytes(32)))
    assert (use.calls, use.elsewhere) == (1, 1)
    assert use.links[0].unused == task.scope


def test_that_not_all_calls_were_seen_is_told(task):
    assert used(recorded(task), more=True).more
    assert not used(recorded(task)).more


def test_a_link_that_cannot_be_read_is_malformed(task):
    (link,) = recorded(task)
    broken = type(link)(link.link_id, None, 0, b"\xff", link.signature, 1, False)
    with pytest.raises(Malformed):
        used([broken])
