from __future__ import annotations

import os

import pytest

from delegation.core.codec import parse_token
from delegation.core.records import OutcomeStatus
from delegation.core.revocation import RevocationKind
from delegation.errors import (
    BadProof,
    BadStatement,
    ConfigError,
    Malformed,
    NotPermitted,
    Overloaded,
    PermissionDenied,
    Reason,
    Refused,
    Revoked,
    ServiceUnavailable,
    Undecided,
)
from delegation_sdk import Guard, Scope, at_most, optional, tool, under
from delegation_sdk.carriage import Carriage
from delegation_sdk.guard_ports import GuardPorts
from delegation_sdk.testing import Authority

PATH = {"path": "/srv/a"}


def decide(guard, delegation, name, arguments=PATH, **options):
    call = delegation.call("files", name, arguments)
    return guard.authorize(call.carriage, name, call.arguments, **options)


def decide_until_refused(guard, delegation):
    """The feed is quick, but it is another thread."""
    while True:
        decide(guard, delegation, "read")


def wait_until_fresh(guard, delegation):
    """Wait for the feed to catch up with a clock that was moved."""
    while True:
        try:
            decide(guard, delegation, "read")
        except Refused as refused:
            if refused.reason is not Reason.FEED_STALE:
                return
        else:
            return


def reason(caught):
    return caught.value.reason


# -- decided in process


def test_a_permitted_call_of_a_local_tool_is_decided_in_process(guard, helper, authority):
    authority.reachable = False
    call = decide(guard, helper, "read")

    assert call.agent == "spiffe://test.example/agent/helper"
    assert call.principal.subject == "spiffe://test.example/agent/planner"
    assert call.task_id == helper.task_id
    assert call.arguments == PATH
    assert call.chain.depth == 2


def test_a_wider_argument_is_refused_at_the_link_that_forbids_it(guard, helper):
    with pytest.raises(NotPermitted) as caught:
        decide(guard, helper, "read", {"path": "/srv/b"})
    assert (reason(caught), caught.value.link_index) == (Reason.ARGUMENT_REFUSED, 1)


def test_a_refusal_names_the_call_under_which_it_is_recorded(guard, helper, authority):
    named = []
    for name, arguments in (("read", {"path": "/srv/b"}), ("write", {"path": "/srv/a", "size": 7})):  # here, and online
        with pytest.raises(Refused) as caught:
            decide(guard, helper, name, arguments)
        named.append(caught.value.call_id)
    guard.close()
    assert sorted(named) == sorted(decision.call_id for decision in authority.decisions)
    assert all(named)


def test_another_tool_is_refused(guard, helper):
    with pytest.raises(NotPermitted) as caught:
        decide(guard, helper, "search", {})
    assert reason(caught) is Reason.TOOL_NOT_PERMITTED


@pytest.mark.spec("H-3")
@pytest.mark.parametrize(
    ("carriage", "expected"),
    [
        (Carriage(b"", b""), Reason.CHAIN_MISSING),
        (Carriage(b"x", b""), Reason.PROOF_MISSING),
        (Carriage(b"\xff", b"x"), Reason.NO_LINKS),
        (Carriage(bytes(70_000), b"x"), Reason.TOKEN_TOO_LARGE),
    ],
    ids=["nothing", "no proof", "garbage", "too large"],
)
def test_a_call_without_a_proper_chain_is_refused(guard, carriage, expected):
    with pytest.raises(Refused) as caught:
        guard.authorize(carriage, "read", PATH)
    assert reason(caught) is expected


@pytest.mark.spec("P-4")
def test_a_stolen_token_without_its_key_is_refused(guard, helper, task):
    stolen = Carriage(helper.token, task.call("files", "read", PATH).carriage.proof)

    with pytest.raises(BadProof) as caught:
        guard.authorize(stolen, "read", PATH)
    assert reason(caught) is Reason.PROOF_OTHER_CALL


@pytest.mark.spec("P-4")
def test_a_truncated_chain_is_refused(guard, helper, task):
    proof = helper.call("files", "read", PATH).carriage.proof

    with pytest.raises(BadProof):
        guard.authorize(Carriage(task.token, proof), "read", PATH)


@pytest.mark.spec("P-8")
def test_a_proof_is_accepted_once(guard, helper):
    call = helper.call("files", "read", PATH)
    guard.authorize(call.carriage, "read", PATH)

    with pytest.raises(BadProof) as caught:
        guard.authorize(call.carriage, "read", PATH)
    assert reason(caught) is Reason.PROOF_REPLAYED


@pytest.mark.spec("P-4")
def test_a_proof_for_other_arguments_is_refused(guard, helper):
    call = helper.call("files", "read", PATH)

    with pytest.raises(BadProof) as caught:
        guard.authorize(call.carriage, "read", {"path": "/srv/a/b"})
    assert reason(caught) is Reason.PROOF_OTHER_CALL


@pytest.mark.spec("P-6")
def test_a_proof_from_before_the_guard_started_is_refused(authority, helper, clock):
    call = helper.call("files", "read", PATH)
    assert call.carriage
    clock.pass_ms(1)

    with pytest.raises(BadProof) as caught:
        authority.guard_for("files").authorize(call.carriage, "read", PATH)
    assert reason(caught) is Reason.PROOF_STALE


@pytest.mark.spec("P-6")
def test_an_old_proof_is_refused(guard, helper, clock):
    call = helper.call("files", "read", PATH)
    assert call.carriage
    clock.pass_ms(30_001)

    with pytest.raises(BadProof) as caught:
        guard.authorize(call.carriage, "read", PATH)
    assert reason(caught) is Reason.PROOF_STALE


@pytest.mark.spec("V-13")
def test_an_expired_delegation_is_refused(guard, helper, clock):
    clock.pass_ms(5 * 60_000)

    wait_until_fresh(guard, helper)
    with pytest.raises(Refused) as caught:
        decide(guard, helper, "read")
    assert reason(caught) is Reason.EXPIRED


@pytest.mark.spec("V-14")
@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (RevocationKind.AGENT, lambda helper: helper.agent.encode()),
        (RevocationKind.LINK, lambda helper: helper.digest),
        (RevocationKind.HOLDER_KEY, lambda helper: helper.leaf.holder_key),
    ],
    ids=["agent", "link", "holder key"],
)
def test_what_the_operator_revokes_is_refused(guard, helper, authority, kind, what):
    authority.revoke(kind, what(helper))

    with pytest.raises(Revoked) as caught:
        decide_until_refused(guard, helper)
    assert reason(caught) == f"{kind}_revoked"


@pytest.mark.spec("A-8", "R-7")
def test_local_tools_go_on_without_the_service_until_the_feed_is_too_old(guard, helper, authority, clock):
    authority.reachable = False
    clock.pass_ms(60_000)
    decide(guard, helper, "read")
    clock.pass_ms(1)

    with pytest.raises(Revoked) as caught:
        decide(guard, helper, "read")
    assert reason(caught) is Reason.FEED_STALE


@pytest.mark.spec("R-7")
def test_the_feed_is_as_old_as_the_worse_clock_says(guard, helper, authority, clock):
    authority.reachable = False
    clock.monotonic_ms += 60_001  # somebody holds the wall clock

    with pytest.raises(Revoked, match="feed_stale"):
        decide(guard, helper, "read")


def test_a_guard_recovers_when_the_service_is_back(guard, helper, authority, clock):
    authority.reachable = False
    clock.pass_ms(61_000)
    with pytest.raises(Revoked):
        decide(guard, helper, "read")
    authority.reachable = True

    wait_until_fresh(guard, helper)
    decide(guard, helper, "read")


def test_the_name_of_a_tool_can_be_anything_and_is_then_refused(guard, helper, authority):
    for name in ("", "x" * 600, "a\nb", "\ud800"):
        with pytest.raises(NotPermitted):
            guard.authorize(Carriage(helper.token, b"x"), name, {})
    authority.close()
    assert {record.tool for record in authority.decisions} == {"(invalid name)"}


# -- decided by the service


@pytest.mark.spec("A-8")
def test_a_tool_that_is_not_local_is_decided_by_the_service(guard, task, authority):
    call = decide(guard, task, "write", {"path": "/srv/x", "size": 5})

    assert authority.decisions[-1].call_id == call.call_id
    assert authority.decisions[-1].allowed
    assert call.agent == task.agent


@pytest.mark.spec("A-8", "T-20")
def test_a_tool_that_the_catalogue_does_not_list_is_decided_by_the_service(guard, task, authority):
    with pytest.raises(NotPermitted):
        decide(guard, task, "format_disk", {})
    assert authority.decisions[-1].tool == "format_disk"


def test_the_services_refusal_comes_out_as_it_is(guard, task):
    with pytest.raises(NotPermitted) as caught:
        decide(guard, task, "write", {"path": "/srv/x", "size": 500})
    assert (reason(caught), caught.value.link_index) == (Reason.ARGUMENT_REFUSED, 0)


@pytest.mark.spec("A-8", "A-9")
def test_without_the_service_other_tools_are_denied_at_once(guard, task, authority):
    authority.reachable = False

    with pytest.raises(Undecided) as caught:
        decide(guard, task, "write", {"path": "/srv/x", "size": 5})
    assert reason(caught) is Reason.SERVICE_UNAVAILABLE


class _Online:
    """A service that answers decisions in its own way."""

    def __init__(self, authority, result):
        self._service = authority._service
        self._result = result

    def authorize(self, call):
        if isinstance(self._result, Exception):
            raise self._result
        return self._result(self._service, call)

    async def authorize_async(self, call):
        return self.authorize(call)


def guard_asking(authority, result, **options):
    service = authority._service
    ports = GuardPorts(service, service, service, _Online(authority, result))
    guard = Guard("files", ports, trust_root=authority.trust_root, sources=service.sources, **options)
    guard.open()
    authority._guards.append(guard)
    return guard


@pytest.mark.spec("G-2", "A-9")
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ServiceUnavailable("x"), Reason.SERVICE_UNAVAILABLE),
        (Overloaded("x"), Reason.SERVICE_UNAVAILABLE),
        (PermissionDenied("x"), Reason.INTERNAL),
        (ValueError("a defect that names /srv/secret"), Reason.INTERNAL),
    ],
    ids=["unavailable", "overloaded", "permission denied", "a defect"],
)
async def test_every_failure_to_decide_is_a_denial(authority, task, error, expected):
    guard = guard_asking(authority, error)
    for _ in range(2):
        with pytest.raises(Undecided) as caught:
            decide(guard, task, "write", {"path": "/srv/x", "size": 5})
        assert reason(caught) is expected
        assert "secret" not in str(caught.value)
    call = task.call("files", "write", {"path": "/srv/x", "size": 5})
    with pytest.raises(Undecided) as caught:
        await guard.aio.authorize(call.carriage, "write", call.arguments)
    assert reason(caught) is expected


@pytest.mark.spec("A-11")
def test_every_call_that_reaches_the_guard_is_asked_about_as_an_attempt_of_its_own(authority, task):
    from delegation.wire.authorization import Decision

    asked = []

    def permit(service, question):
        asked.append(question)
        return Decision(service.sources.new_id(), service.sources.now_ms())

    guard = guard_asking(authority, permit)
    call = task.call("files", "write", {"path": "/srv/x", "size": 5})
    for _ in range(20):  # the same call, which somebody sends again and again
        guard.authorize(call.carriage, "write", call.arguments)
    assert {question.proof for question in asked} == {call.carriage.proof}
    assert {len(question.attempt) for question in asked} == {16}
    assert len({question.attempt for question in asked}) == 20


def test_a_permission_of_the_service_is_checked_again_here(authority, task):
    from delegation.wire.authorization import Decision

    guard = guard_asking(authority, lambda service, _: Decision(service.sources.new_id(), service.sources.now_ms()))

    with pytest.raises(Malformed):
        guard.authorize(Carriage(b"\xff", b"x"), "write", {})


# -- defaults


@pytest.mark.spec("A-4")
def test_a_default_is_checked_where_the_chain_limits_the_argument(guard, client):
    task = client.begin_task("x", scope=Scope(tool("files", "read", path=under("/srv"), limit=optional(at_most(50)))))

    call = decide(guard, task, "read", defaults={"limit": 10, "encoding": "utf-8"})
    assert call.arguments == {"path": "/srv/a", "limit": 10}
    with pytest.raises(NotPermitted, match=r"read\.limit"):
        decide(guard, task, "read", defaults={"limit": 100})


@pytest.mark.spec("A-4")
def test_a_default_is_checked_for_tools_that_the_service_decides_too(guard, client):
    scope = Scope(tool("files", "write", path=under("/srv"), size=optional(at_most(50))))
    task = client.begin_task("x", scope=scope)

    assert decide(guard, task, "write", defaults={"size": 10}).arguments["size"] == 10
    with pytest.raises(NotPermitted, match=r"write\.size"):
        decide(guard, task, "write", defaults={"size": 100})


# -- records


@pytest.mark.spec("A-6", "A-7")
def test_every_decision_of_the_guard_is_recorded_with_its_reason(guard, helper, authority):
    allowed = decide(guard, helper, "read")
    for arguments in ({"path": "/srv/b"}, {"path": 5}, {}):
        with pytest.raises(NotPermitted):
            decide(guard, helper, "read", arguments)
    authority.close()

    records = authority.decisions
    assert [record.reason for record in records] == ["", "argument_refused", "argument_refused", "argument_missing"]
    assert records[0].call_id == allowed.call_id
    assert {record.chain_digest for record in records} == {helper.digest}
    assert all(record.proof for record in records)


@pytest.mark.spec("A-7")
def test_a_refused_chain_is_recorded_under_the_name_it_claims(guard, helper, authority, clock):
    signature = parse_token(helper.token).frames[0].signature
    broken = helper.token.replace(signature, bytes(64))
    with pytest.raises(Refused):
        guard.authorize(Carriage(broken, helper.call("files", "read", PATH).carriage.proof), "read", PATH)
    authority.close()

    assert authority.decisions[-1].chain_digest == helper.digest
    assert authority.decisions[-1].reason == "signature_invalid"


@pytest.mark.spec("A-6")
def test_a_full_queue_denies(authority, helper):
    guard = authority.guard_for("files", max_waiting=2)
    authority.reachable = False
    decide(guard, helper, "read")
    decide(guard, helper, "read")

    with pytest.raises(Undecided) as caught:
        decide(guard, helper, "read")
    assert reason(caught) is Reason.RECORD_BACKLOG
    assert guard.pending_records == 2


def test_nothing_is_lost_on_an_orderly_exit(authority, helper):
    guard = authority.guard_for("files")
    authority.reachable = False
    made = [decide(guard, helper, "read") for _ in range(20)]
    for call in made:
        call.report(rows=3)
    authority.reachable = True
    guard.close()

    assert [record.call_id for record in authority.decisions] == [call.call_id for call in made]
    assert [outcome.call_id for outcome in authority.outcomes] == [call.call_id for call in made]
    assert authority.outcomes[0].impacts == (("rows", "3"),)


@pytest.mark.spec("G-2")
def test_a_closed_guard_denies(guard, helper):
    guard.close()

    with pytest.raises(Undecided):
        decide(guard, helper, "read")


def test_an_outcome_is_reported_once(guard, helper, authority):
    call = decide(guard, helper, "read")
    call.report(OutcomeStatus.FAILED)
    call.report(OutcomeStatus.OK)
    authority.close()

    assert [outcome.status for outcome in authority.outcomes] == [OutcomeStatus.FAILED]


# -- beginning and end


def test_a_guard_does_not_open_without_the_service(authority):
    authority.reachable = False
    with pytest.raises(ServiceUnavailable):
        authority.guard_for("files")


@pytest.mark.spec("T-14")
def test_a_trust_bundle_of_another_root_is_not_trusted(authority, clock):
    with Authority(sources=clock.sources()) as other:
        service = authority._service
        guard = Guard(
            "files",
            GuardPorts(service, service, service, service),
            trust_root=other.trust_root,
            sources=clock.sources(),
        )
        with pytest.raises(BadStatement) as caught:
            guard.open()
    assert reason(caught) is Reason.BUNDLE_INVALID


@pytest.mark.spec("V-3")
def test_another_authoritys_chain_is_refused(guard, scope, clock):
    with Authority(sources=clock.sources()) as other:
        task = other.client("spiffe://test.example/agent/planner").begin_task("x", scope=scope)
        with pytest.raises(Refused) as caught:
            decide(guard, task, "read")
    assert reason(caught) is Reason.ISSUER_UNKNOWN


def test_a_forked_child_does_not_number_its_parents_records(guard, helper, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: -1)

    with pytest.raises(Undecided, match="before a fork"):
        decide(guard, helper, "read")


def test_connecting_without_a_profile_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DELEGATION_PROFILE", raising=False)

    with pytest.raises(ConfigError, match="DELEGATION_PROFILE"):
        Guard.connect("files")
