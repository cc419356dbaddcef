"""Messages from the other side: a request that makes no sense is the caller's fault, an answer the service's."""

from __future__ import annotations

import pytest

from delegation.core.chain import TraceIds
from delegation.core.constraints import under
from delegation.core.revocation import RevocationKind
from delegation.core.scope import Scope, any_call, tool
from delegation.errors import InvalidRequest, Malformed, Reason, RequestFailed, Undecided, refusal
from delegation.v1 import authorization_service_pb2 as authorization_pb
from delegation.v1 import delegation_service_pb2 as delegation_pb
from delegation.v1 import errors_pb2, statement_pb2
from delegation.v1 import lineage_service_pb2 as lineage_pb
from delegation.v1 import trust_service_pb2 as trust_pb
from delegation.wire import authorization, delegation, lineage, renewals, trust
from support.chains import chain, receipt, some_bytes

CALL = authorization.CallToDecide(
    b"token", b"proof", "files", "read", b"{}", some_bytes("attempt"), TraceIds(some_bytes("t"), some_bytes("s", 8))
)
GRANT = delegation.GrantRequest(
    "why",
    Scope(tool("files", "read", path=under("/srv"))),
    some_bytes("key", 32),
    lifetime_ms=5,
    max_depth=0,
    unrecorded_handoffs=True,
    trace=TraceIds(some_bytes("t"), some_bytes("s", 8)),
    idempotency_key="k",
)


def test_requests_arrive_as_they_were_sent():
    assert delegation.read_grant_request(delegation.grant_request_message(GRANT)) == GRANT
    assert authorization.read_authorize_request(authorization.authorize_request_message(CALL)) == CALL
    revoked = delegation.RevokeRequest(RevocationKind.LINK, some_bytes("link", 32), b"proof", "why")
    assert delegation.read_revoke_request(delegation.revoke_request_message(revoked)) == revoked
    wanted = lineage.CallsWanted(lineage.PageRequest(7, b"cursor"), some_bytes("task"), "a", "t", "g", allowed=False)
    assert lineage.read_search_calls_request(lineage.search_calls_request_message(wanted)) == wanted


@pytest.mark.parametrize("kind", RevocationKind)
def test_every_kind_of_revocation_has_its_number(kind):
    request = delegation.RevokeRequest(kind, b"id")
    assert delegation.read_revoke_request(delegation.revoke_request_message(request)).kind is kind


def test_answers_arrive_as_they_were_given():
    statement = receipt(chain("root").link_ids[0])
    handoffs = [delegation.RecordedHandOff(some_bytes("link", 32), statement, bound) for bound in (None, statement)]
    assert delegation.read_hand_off_response(delegation.hand_off_response_message(handoffs)) == tuple(handoffs)
    for said in (trust.Listening(), trust.OfferWanted(7, "a"), trust.WorkHandedOff(b"token")):
        assert trust.read_to_instance(trust.to_instance_message(said)) == said
    for said in (trust.Ready("agent"), trust.OfferAnswer(7, statement)):
        assert trust.read_from_instance(trust.from_instance_message(said)) == said


@pytest.mark.parametrize(
    "message",
    [
        delegation_pb.RevokeRequest(id=b"x"),
        delegation_pb.RevokeRequest(id=b"x", kind=99),
        delegation_pb.RevokeRequest(kind=statement_pb2.REVOCATION_KIND_LINK),
        delegation_pb.RevokeRequest(id=bytes(4096), kind=statement_pb2.REVOCATION_KIND_LINK),
    ],
    ids=["no kind", "unknown kind", "no id", "huge id"],
)
def test_a_revocation_of_nothing_known_is_refused(message):
    with pytest.raises(InvalidRequest):
        delegation.read_revoke_request(message)


@pytest.mark.parametrize(
    ("trace_id", "span_id"), [(bytes(16), b""), (b"", bytes(8)), (bytes(15), bytes(8)), (bytes(16), bytes(9))]
)
def test_half_a_trace_context_is_refused(trace_id, span_id):
    message = authorization.authorize_request_message(CALL)
    message.trace_id, message.span_id = trace_id, span_id
    with pytest.raises(InvalidRequest):
        authorization.read_authorize_request(message)


@pytest.mark.spec("G-2")
@pytest.mark.parametrize(
    "message",
    [
        authorization_pb.AuthorizeResponse(),
        authorization_pb.AuthorizeResponse(call_id=bytes(16), allowed=True),
        authorization_pb.AuthorizeResponse(call_id=bytes(16), decided_at_ms=1),
        authorization_pb.AuthorizeResponse(
            call_id=bytes(16), allowed=True, refusal=errors_pb2.Refusal(reason=1), decided_at_ms=1
        ),
        authorization_pb.AuthorizeResponse(call_id=b"short", allowed=True, decided_at_ms=1),
    ],
    ids=["empty", "no time", "neither allowed nor refused", "allowed and refused", "short id"],
)
def test_an_answer_that_is_no_decision_is_never_taken_for_one(message):
    with pytest.raises(RequestFailed) as failed:
        authorization.read_authorize_response(message)
    assert not isinstance(failed.value, InvalidRequest)


@pytest.mark.spec("X-1")
def test_a_refusal_without_a_known_reason_is_a_refusal_all_the_same():
    message = authorization.authorize_response_message(bytes(16), 1, refusal(Reason.EXPIRED))
    message.refusal.reason = 0
    assert isinstance(authorization.read_authorize_response(message).refusal, Undecided)


def test_a_call_that_was_both_permitted_and_refused_is_not_believed():
    call = lineage_pb.Call(call_id=bytes(16), allowed=True, refusal=errors_pb2.Refusal(reason=1))
    with pytest.raises(RequestFailed):
        lineage.read_calls_response(lineage_pb.SearchCallsResponse(calls=[call]))


def test_a_statement_of_an_unknown_kind_is_malformed():
    message = trust_pb.WatchRevocationsResponse()
    message.entry.kind = 99
    with pytest.raises(Malformed):
        trust.read_feed_entry(message)


def test_a_message_of_a_newer_service_may_be_left_unheard_by_an_instance():
    assert trust.read_to_instance(trust_pb.AnswerOfferResponse()) is None


@pytest.mark.spec("G-3")
def test_no_token_proof_or_principal_token_shows_in_a_repr():
    hush = b"hush-hush"
    values = [
        delegation.Granted(hush, b"id"),
        delegation.HandOffRequest((hush,)),
        delegation.CompleteTaskRequest(b"id", hush),
        delegation.RevokeRequest(RevocationKind.LINK, b"id", hush),
        delegation.GrantRequest("why", Scope.EMPTY, b"key", principal_token=hush),
        authorization.CallToDecide(hush, hush, "a", "t", hush, b"attempt"),
        authorization.DecisionsToRecord(receipt(bytes(32)), (hush,)),
        trust.WorkHandedOff(hush),
    ]
    assert "hush-hush" not in repr(values)


def test_what_puts_a_grant_in_the_place_of_another_arrives_as_it_was_sent():
    for scope in (None, Scope(any_call("files", "read"))):
        for trace in (None, TraceIds(b"t" * 16, b"s" * 8)):
            renew = renewals.RenewRequest(b"i" * 16, b"proof", scope, 5_000, trace, "key")
            assert renewals.read_renew_request(renewals.renew_request_message(renew)) == renew
            reissue = renewals.ReissueRequest(b"i" * 16, b"k" * 32, scope, None, trace, "")
            assert renewals.read_reissue_request(renewals.reissue_request_message(reissue)) == reissue
    replaced = renewals.Replaced(b"token", 7)
    assert renewals.read_replaced(renewals.renew_response_message(replaced)) == replaced
    assert renewals.read_replaced(renewals.reissue_response_message(replaced)) == replaced


@pytest.mark.parametrize(
    "message",
    [
        delegation_pb.RenewRequest(task_id=b"short"),
        delegation_pb.RenewRequest(task_id=b"i" * 16, lifetime_ms=-1),
        delegation_pb.RenewRequest(task_id=b"i" * 16, proof=bytes(3000)),
        delegation_pb.RenewRequest(task_id=b"i" * 16, idempotency_key="k" * 65),
        delegation_pb.RenewRequest(task_id=b"i" * 16, trace_id=b"t" * 16),
    ],
    ids=["task", "lifetime", "proof", "key", "trace"],
)
def test_a_renewal_that_makes_no_sense_is_refused(message):
    with pytest.raises(InvalidRequest):
        renewals.read_renew_request(message)


def test_registered_agents_arrive_page_by_page():
    agents = (trust.RegisteredAgent("spiffe://a/b", "team-x", 5, "spiffe://a/b"),)
    message = trust.list_agents_response_message(agents, b"cursor")
    assert trust.read_list_agents_response(message) == (agents, b"cursor")
    assert trust.read_list_agents_response(trust.list_agents_response_message((), None)) == ((), None)
