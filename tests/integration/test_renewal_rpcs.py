"""Renew and Reissue: the same task for the same agent, never wider, never longer than a task may go on; once."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from delegation.core.constraints import under
from delegation.core.revocation import RevocationKind
from delegation.core.scope import SERVICE_AUDIENCE, Scope, any_call, tool
from delegation.errors import (
    BadProof,
    Conflict,
    InvalidRequest,
    NotFound,
    OutsideTime,
    PermissionDenied,
    PolicyDenied,
    Reason,
    Refused,
    Revoked,
    ScopeGrew,
)
from delegation.storage.records import RevocationRecord
from delegation.storage.sqlite import SqliteStorage
from delegation.wire.renewals import (
    ReissueRequest,
    RenewRequest,
    read_replaced,
    reissue_request_message,
    renew_request_message,
)
from support.caller import Caller, Holding, new_key, nonce, now_ms
from support.server import identity, running_server, spiffe_id

READ = tool("files", "read", path=under("/srv/docs"))
NARROWER = tool("files", "read", path=under("/srv/docs/public"))
HOUR_MS = 60 * 60 * 1000


def proof_of(task: Holding, **tweaks):
    return task.proof(SERVICE_AUDIENCE, "renew", {"task_id": task.task_id.hex()}, **tweaks)


def renew(caller: Caller, task: Holding, *, proof=None, **wanted) -> Holding:
    request = RenewRequest(task.task_id, proof_of(task) if proof is None else proof, **wanted)
    replaced = read_replaced(caller.ask(caller.delegation.Renew, renew_request_message(request)))
    return Holding(replaced.token, task.key, task.task_id)


def reissue(caller: Caller, task: Holding, *, key=None, **wanted) -> Holding:
    key = key or new_key()
    request = ReissueRequest(task.task_id, key.public, **wanted)
    replaced = read_replaced(caller.ask(caller.delegation.Reissue, reissue_request_message(request)))
    return Holding(replaced.token, key, task.task_id)


EITHER = pytest.mark.parametrize("replaced", [renew, reissue])


def refused(files_tool, holding):
    decision = files_tool.decide(holding, "files", "read", {"path": "/srv/docs/a"})
    return decision.refusal and decision.refusal.reason


@EITHER
@pytest.mark.spec("T-30", "T-31")
def test_the_new_grant_is_of_the_same_task_agent_principal_purpose_and_scope(planner, files_tool, replaced):
    task = planner.grant(READ, max_depth=3, lifetime_ms=60_000)
    new = replaced(planner, task)
    before, after = task.leaf.link, new.leaf.link
    assert (after.holder_agent, after.purpose, after.scope) == (before.holder_agent, before.purpose, before.scope)
    assert (after.remaining_depth, after.grant.principal) == (before.remaining_depth, before.grant.principal)
    assert after.grant.task_id == task.task_id
    assert after.expires_at_ms > before.expires_at_ms
    assert (after.holder_key == before.holder_key) is (replaced is renew)
    assert refused(files_tool, new) is None


@EITHER
@pytest.mark.spec("T-32")
def test_the_former_grant_is_revoked_with_what_was_handed_on_from_it(planner, files_tool, replaced):
    task = planner.grant(READ)
    child = planner.hand_off(task, "agent/plain")
    assert refused(files_tool, child) is None
    new = replaced(planner, task)
    assert refused(files_tool, task) is Reason.LINK_REVOKED
    assert refused(files_tool, child) is Reason.LINK_REVOKED
    assert refused(files_tool, planner.hand_off(new, "agent/plain")) is None


@EITHER
def test_completing_the_task_ends_the_new_grant(planner, files_tool, replaced):
    new = replaced(planner, planner.grant(READ))
    planner.complete(new)
    assert refused(files_tool, new) is Reason.TASK_ENDED


def test_the_former_holder_key_does_not_end_a_task_that_was_issued_anew(planner):
    task = planner.grant(READ)
    reissue(planner, task)
    with pytest.raises(BadProof) as raised:
        planner.complete(task)
    assert raised.value.reason is Reason.PROOF_OTHER_CALL


@EITHER
@pytest.mark.spec("T-31")
def test_the_scope_may_be_narrowed_and_never_widened(planner, files_tool, replaced):
    new = replaced(planner, planner.grant(READ), scope=Scope(NARROWER))
    assert new.leaf.link.scope == Scope(NARROWER)
    for wider in (Scope(READ), Scope(any_call("files", "read")), Scope(NARROWER, tool("files", "list"))):
        with pytest.raises(ScopeGrew) as raised:
            replaced(planner, new, scope=wider)
        assert raised.value.reason is Reason.SCOPE_GREW
    with pytest.raises(InvalidRequest):
        replaced(planner, new, scope=Scope.EMPTY)
    assert replaced(planner, new).leaf.link.scope == Scope(NARROWER), "what was given up does not come back"


@EITHER
@pytest.mark.spec("T-30")
def test_only_the_agent_that_holds_the_grant_gets_another_one(planner, as_, files_tool, replaced):
    task = planner.grant(READ)
    for path in ("agent/elsewhere", "developer"):
        with pytest.raises(NotFound):
            replaced(as_(path), task)
    with pytest.raises(PermissionDenied):
        replaced(as_("agent/plain"), task)
    child = planner.hand_off(task, "agent/elsewhere")
    with pytest.raises(NotFound):
        replaced(as_("agent/elsewhere"), child)
    assert refused(files_tool, task) is None, "and nothing was revoked"


@pytest.mark.spec("T-30")
@pytest.mark.parametrize("tampered", ["holder_agent", "grant_link_id"])
def test_whoever_can_write_to_the_database_gets_nobody_elses_grant(tmp_path, tampered):
    with (
        running_server(tmp_path) as server,
        Caller.of(server, "agent/planner") as planner,
        Caller.of(server, "agent/eve") as eve,
        closing(sqlite3.connect(tmp_path / "delegation.sqlite3", isolation_level=None)) as database,
    ):
        victims, own = planner.grant(READ), eve.grant(NARROWER)
        if tampered == "holder_agent":
            wanted = victims
            database.execute(
                "UPDATE tasks SET holder_agent = ? WHERE task_id = ?", (spiffe_id("agent/eve"), victims.task_id)
            )
        else:
            wanted = own
            grant = (victims.leaf.link_id, own.task_id)
            database.execute("UPDATE tasks SET grant_link_id = ? WHERE task_id = ?", grant)
        with pytest.raises(NotFound):
            reissue(eve, wanted)


@EITHER
def test_of_a_task_that_is_not_there_nothing_is_said(planner, replaced):
    with pytest.raises(NotFound):
        replaced(
            planner,
            Holding(planner.grant(READ).token, new_key(), nonce()),
            **({"proof": b""} if replaced is renew else {}),
        )


@pytest.mark.spec("P-11", "T-30")
def test_a_renewal_needs_a_fresh_proof_by_the_holder_key_of_the_grant_that_it_replaces(planner):
    task = planner.grant(READ)
    first = proof_of(task)
    cases = [
        (b"", Reason.PROOF_MISSING),
        (b"nonsense", Reason.PROOF_INVALID),
        (proof_of(task, key=new_key()), Reason.PROOF_INVALID),
        (proof_of(task, chain_digest=bytes(32)), Reason.PROOF_OTHER_CALL),
        (proof_of(task, now_ms=now_ms() - 60_000), Reason.PROOF_STALE),
        (task.proof(SERVICE_AUDIENCE, "complete_task", {"task_id": task.task_id.hex()}), Reason.PROOF_OTHER_CALL),
    ]
    for proof, reason in cases:
        with pytest.raises(BadProof) as raised:
            renew(planner, task, proof=proof)
        assert raised.value.reason is reason
    renew(planner, task, proof=first)
    with pytest.raises(BadProof) as raised:
        renew(planner, task, proof=first)
    assert raised.value.reason is Reason.PROOF_OTHER_CALL, "it was about the grant before"


@EITHER
@pytest.mark.spec("T-33")
def test_a_task_that_is_over_is_not_gone_on_with(planner, operator, replaced):
    completed = planner.grant(READ)
    planner.complete(completed)
    revoked = planner.grant(READ)
    operator.revoke(RevocationKind.TASK, revoked.task_id)
    own_link = planner.grant(READ)
    operator.revoke(RevocationKind.LINK, own_link.leaf.link_id)
    for task, reason in (
        (completed, Reason.TASK_ENDED),
        (revoked, Reason.TASK_ENDED),
        (own_link, Reason.LINK_REVOKED),
    ):
        with pytest.raises(Revoked) as raised:
            replaced(planner, task)
        assert raised.value.reason is reason


@EITHER
def test_a_revoked_key_gets_no_grant(planner, operator, replaced):
    task, key = planner.grant(READ), new_key()
    operator.revoke(RevocationKind.HOLDER_KEY, task.key.public if replaced is renew else key.public)
    with pytest.raises(Revoked) as raised:
        replaced(planner, task, **({} if replaced is renew else {"key": key}))
    assert raised.value.reason is Reason.HOLDER_KEY_REVOKED


def test_a_grant_is_issued_anew_for_another_key_only(planner):
    task = planner.grant(READ)
    with pytest.raises(InvalidRequest):
        reissue(planner, task, key=task.key)


@EITHER
@pytest.mark.spec("T-34")
def test_the_same_request_with_the_same_key_is_made_once(planner, files_tool, replaced):
    task, wanted = planner.grant(READ), {"idempotency_key": nonce().hex(), "lifetime_ms": 60_000}
    if replaced is reissue:
        wanted["key"] = new_key()
    first = replaced(planner, task, **wanted)
    assert replaced(planner, task, **wanted).token == first.token
    assert refused(files_tool, first) is None
    with pytest.raises(Conflict):
        replaced(planner, task, **{**wanted, "lifetime_ms": 61_000})
    with pytest.raises(Conflict):
        replaced(planner, task, **{**wanted, "scope": Scope(NARROWER)})
    if replaced is reissue:
        with pytest.raises(Conflict):
            replaced(planner, task, **{**wanted, "key": new_key()})


def test_two_renewals_of_one_grant_at_once_give_one_grant(server, planner):
    import concurrent.futures

    task = planner.grant(READ)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(renew, planner, task) for _ in range(8)]
    failed = [error for future in futures if (error := future.exception()) is not None]
    assert len(failed) == 7
    assert all(isinstance(error, (Refused, Conflict)) for error in failed)


@EITHER
def test_lineage_shows_both_grants_and_which_one_is_over(planner, replaced):
    task = planner.grant(READ)
    new = replaced(planner, task)
    record, links = planner.task(task.task_id)
    assert {link.link_id: link.revoked for link in links} == {task.leaf.link_id: True, new.leaf.link_id: False}
    assert record.expires_at_ms == new.leaf.link.expires_at_ms


@EITHER
def test_what_is_revoked_while_the_new_grant_is_made_gets_none(server, monkeypatch, replaced):
    """The check before the write has passed; the fence of the write finds it."""
    path, genuine = f"agent/raced-{replaced.__name__}", SqliteStorage.renew_grant

    async def slow(storage, *args, **options):
        revocation = RevocationRecord("agent", spiffe_id(path).encode(), now_ms(), now_ms() + HOUR_MS, "o", "w")
        await storage.revoke([revocation])
        return await genuine(storage, *args, **options)

    monkeypatch.setattr(SqliteStorage, "renew_grant", slow)
    with Caller.of(server, path) as raced, pytest.raises(Revoked) as raised:
        replaced(raced, raced.grant(READ))
    assert raised.value.reason is Reason.AGENT_REVOKED


@EITHER
def test_whoever_revokes_a_grant_that_was_replaced_is_told_which_one_lives(planner, operator, files_tool, replaced):
    task = planner.grant(READ)
    new = replaced(planner, task)
    with pytest.raises(Conflict, match=new.leaf.link_id.hex()):
        operator.revoke(RevocationKind.LINK, task.leaf.link_id)
    assert refused(files_tool, new) is None
    operator.revoke(RevocationKind.LINK, new.leaf.link_id)
    assert refused(files_tool, new) is Reason.LINK_REVOKED


# -- how long, and who may by now ------------------------------------------------------------------------------


class Clock:
    def __init__(self):
        self.ahead_ms = 0

    def __call__(self):
        return now_ms() + self.ahead_ms


@pytest.fixture
def clock():
    return Clock()


@EITHER
@pytest.mark.spec("T-33")
def test_a_grant_that_has_expired_is_not_replaced(tmp_path, clock, replaced):
    with running_server(tmp_path, now_ms=clock) as server, Caller.of(server, "agent/planner") as planner:
        task = planner.grant(READ, lifetime_ms=60_000)
        clock.ahead_ms = 60_001
        with pytest.raises(OutsideTime) as raised:
            replaced(planner, task, **({"proof": proof_of(task, now_ms=clock())} if replaced is renew else {}))
        assert raised.value.reason is Reason.EXPIRED


@pytest.mark.spec("T-33")
def test_a_task_goes_on_for_as_long_as_the_operator_permits_however_often_it_is_renewed(tmp_path, clock):
    grants = {"default_lifetime_ms": HOUR_MS, "max_lifetime_ms": HOUR_MS, "max_task_lifetime_ms": 2 * HOUR_MS}
    with running_server(tmp_path, now_ms=clock, grants=grants) as server, Caller.of(server, "agent/planner") as planner:
        began_ms = clock()
        task = planner.grant(READ)
        for ahead_ms in (HOUR_MS // 2, HOUR_MS):
            clock.ahead_ms = ahead_ms
            task = reissue(planner, task)
            assert task.leaf.link.expires_at_ms >= began_ms + ahead_ms + HOUR_MS
        clock.ahead_ms = HOUR_MS + HOUR_MS // 2
        task = reissue(planner, task)
        assert abs(task.leaf.link.expires_at_ms - (began_ms + 2 * HOUR_MS)) < 60_000, "no later than the task's end"
        with pytest.raises(OutsideTime) as raised:
            reissue(planner, task, lifetime_ms=HOUR_MS)
        assert raised.value.reason is Reason.LIFETIME_TOO_LONG


@EITHER
@pytest.mark.spec("T-31")
def test_a_ceiling_that_was_lowered_counts_from_then_on(tmp_path, replaced):
    def who(ceiling):
        return [identity("orchestrator/o", "orchestrator", ceiling=ceiling)]

    with running_server(tmp_path, identities=who("any")) as server, Caller.of(server, "orchestrator/o") as caller:
        task = caller.grant(READ)
    lower = [{"audience": "files", "tool": "read", "arguments": {"path": {"under": "/srv/docs/public"}}}]
    with running_server(tmp_path, identities=who(lower)) as server, Caller.of(server, "orchestrator/o") as caller:
        with pytest.raises(PolicyDenied) as raised:
            replaced(caller, task)
        assert raised.value.reason is Reason.CEILING_EXCEEDED
        assert replaced(caller, task, scope=Scope(NARROWER)).leaf.link.scope == Scope(NARROWER)


def test_a_renewed_grant_is_known_after_a_restart(tmp_path):
    with running_server(tmp_path) as server, Caller.of(server, "agent/planner") as planner:
        task = renew(planner, planner.grant(READ))
    with running_server(tmp_path) as server, Caller.of(server, "agent/planner") as planner:
        assert renew(planner, task).leaf.link.holder_agent == spiffe_id("agent/planner")
