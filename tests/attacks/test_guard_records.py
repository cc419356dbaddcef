"""Attacks on a guard by way of what it records: callers who fill, poison or forge the queue."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import BadProof, Reason, Refused, Undecided
from delegation_sdk import Scope, tool, under
from delegation_sdk.carriage import NOTHING, Carriage
from delegation_sdk.testing import Authority

PLANNER = "spiffe://test.example/agent/planner"


@pytest.fixture
def authority():
    writes = CatalogueTool("files", "write", frozenset({Effect.WRITE}))
    with Authority(local={("files", "read")}, tools=[writes]) as authority:
        yield authority
        authority.reachable = True


@pytest.fixture
def task(authority):
    scope = Scope(*(tool("files", name, path=under("/srv")) for name in ("read", "write")))
    return authority.client(PLANNER).begin_task("Tidy up", scope=scope)


def decide(guard, delegation, name, path="/srv/a", **options):
    call = delegation.call("files", name, {"path": path})
    return guard.authorize(call.carriage, name, call.arguments, **options)


class _Explodes(Mapping):
    """Arguments with a defect in them."""

    def __getitem__(self, name):
        raise ValueError(name)

    def __iter__(self):
        raise ValueError

    def __len__(self):
        return 1


def test_a_defect_after_the_services_permission_is_recorded_as_another_call(authority, task):
    guard = authority.guard_for("files")
    with pytest.raises(Undecided):
        decide(guard, task, "write", defaults=_Explodes())
    authority.close()
    permitted, denied = authority.decisions
    assert (permitted.allowed, denied.allowed) == (True, False)
    assert permitted.call_id != denied.call_id, (
        "a second record of one call would never be taken, and hold up all others"
    )
    assert [(each.call_id, each.status) for each in authority.outcomes] == [(permitted.call_id, "failed")]


@pytest.mark.parametrize(
    "junk", [NOTHING, Carriage(b"\xff", b"x"), Carriage(b"", b"x")], ids=["nothing", "junk", "proof"]
)
def test_callers_without_a_delegation_do_not_use_up_the_room_for_records(authority, task, junk):
    guard = authority.guard_for("files", max_waiting=40)
    authority.reachable = False
    for _ in range(200):
        with pytest.raises(Refused):
            guard.authorize(junk, "read", {"path": "/srv/a"})
    assert decide(guard, task, "read").agent == PLANNER
    assert guard.pending_records <= 40


def test_a_stolen_token_does_not_use_up_the_room_for_records(authority, task):
    guard = authority.guard_for("files", max_waiting=40)
    authority.reachable = False
    stolen = Carriage(task.token, task.call("files", "write", {"path": "/srv/a"}).carriage.proof)
    for _ in range(200):
        with pytest.raises(BadProof):
            guard.authorize(stolen, "read", {"path": "/srv/a"})
    decide(guard, task, "read")


@pytest.mark.spec("A-6")
def test_the_last_room_goes_to_permissions_and_then_everything_is_denied(authority, task):
    guard = authority.guard_for("files", max_waiting=40)
    authority.reachable = False
    for _ in range(40):
        decide(guard, task, "read")
    with pytest.raises(Undecided) as caught:
        decide(guard, task, "read")
    assert caught.value.reason is Reason.RECORD_BACKLOG


@pytest.mark.parametrize(
    "impact",
    [{"resource": "/srv/\udcff"}, {"\ud800": 1}, {"resource": "x" * 100_000}, {"resource": "a\nb"}, {"": 1}],
    ids=["surrogate", "surrogate name", "huge", "line", "no name"],
)
def test_an_outcome_that_cannot_be_written_down_holds_up_no_other(authority, task, impact):
    """A tool declares the name of a file, and who may name files is not who may stop a guard."""
    guard = authority.guard_for("files")
    for impacts in (impact, {"rows": 1}):
        decide(guard, task, "read").report(**impacts)
    later = decide(guard, task, "read")
    later.report(rows=2)
    guard.close()
    assert [each.impacts for each in authority.outcomes if each.impacts and each.impacts[0][0] == "rows"] == [
        (("rows", "1"),),
        (("rows", "2"),),
    ]
