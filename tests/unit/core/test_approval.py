"""Approvals: consent of one person to one call under one chain, attested by the service, for a while."""

from __future__ import annotations

from typing import Any

import pytest

from delegation.core import limits
from delegation.core.approval import (
    Approval,
    ApprovalDemand,
    Consenting,
    approval_demands_of,
    may_consent,
    require_approval_of,
    satisfied,
)
from delegation.core.arguments import Arguments
from delegation.core.attest import open_approval, sign_approval
from delegation.core.codec import decode_approval, encode_approval
from delegation.core.conditions import ApprovalRequirement, approved_by
from delegation.core.keys import Purpose, signing_input
from delegation.core.scope import Scope, tool
from delegation.core.statement import StatementKind
from delegation.core.trust import KeyPurpose, KeyState
from delegation.errors import BadStatement, ConditionUnmet, Malformed, Reason, Refused
from delegation.v1 import statement_pb2 as pb
from support.chains import (
    BUNDLE,
    CHECKPOINTS,
    ISSUER,
    MALLORY,
    MINUTE_MS,
    NOW_MS,
    READ_CALL,
    STATEMENTS,
    agent,
    bundle,
    chain,
    some_bytes,
    trusted,
    verify,
)

MADE = chain("planner -> worker")
CHAIN = verify(MADE.token)
CALL: dict[str, Any] = {
    "audience": "files",
    "tool": "read",
    "arguments_digest": Arguments.of(READ_CALL).digest,
    "now_ms": NOW_MS,
}
APPROVAL = Approval(
    CHAIN.digest,
    "files",
    "read",
    CALL["arguments_digest"],
    some_bytes("policy", 32),
    "ann",
    "https://login.example.test",
    "urn:example:mfa",
    NOW_MS,
    NOW_MS + MINUTE_MS,
    some_bytes("approval"),
)
BY_ANN = approved_by("ann", "zoe")


def require(approval: Approval = APPROVAL, requirement: ApprovalRequirement = BY_ANN, **tweaks: Any) -> None:
    require_approval_of(approval, requirement, CHAIN, **{**CALL, **tweaks})


# -- which call it is about ----------------------------------------------------------------------------------


@pytest.mark.spec("T-25")
@pytest.mark.parametrize("now_ms", [NOW_MS, NOW_MS + MINUTE_MS - 1])
def test_an_approval_counts_for_its_call_from_when_it_was_given_until_it_expires(now_ms):
    require(now_ms=now_ms)


@pytest.mark.spec("T-25")
@pytest.mark.parametrize(
    "tweaks",
    [
        {"audience": "files.eu"},
        {"tool": "write"},
        {"arguments_digest": Arguments.of({"path": "/srv/docs/b.txt"}).digest},
        {"now_ms": NOW_MS - 1},
        {"now_ms": NOW_MS + MINUTE_MS},
    ],
    ids=["audience", "tool", "arguments", "before it was given", "once it has expired"],
)
def test_an_approval_does_not_count_for_another_call_or_at_another_time(tweaks):
    with pytest.raises(ConditionUnmet):
        require(**tweaks)


@pytest.mark.spec("T-25")
@pytest.mark.parametrize(
    "other", [chain("planner"), chain("planner -> worker -> helper"), chain("planner -> worker", task="other")]
)
def test_an_approval_does_not_count_for_another_chain_of_the_same_agents(other):
    with pytest.raises(ConditionUnmet):
        require_approval_of(APPROVAL, BY_ANN, verify(other.with_statements(*other.service_statements).token), **CALL)


@pytest.mark.spec("T-25")
@pytest.mark.parametrize("approver", ["mallory", "Ann", "ann ", "an"])
def test_an_approval_by_somebody_who_is_not_named_does_not_count(approver):
    with pytest.raises(ConditionUnmet):
        require(APPROVAL._replace(approver=approver))


@pytest.mark.spec("T-25")
@pytest.mark.parametrize("name", ["planner", "worker"])
def test_no_agent_of_the_chain_approves_its_own_call_even_if_the_condition_names_it(name):
    with pytest.raises(ConditionUnmet):
        require(APPROVAL._replace(approver=agent(name)), approved_by(agent("planner"), agent("worker")))


def test_an_agent_outside_of_the_chain_may_approve_where_it_is_named():
    require(APPROVAL._replace(approver=agent("reviewer")), approved_by(agent("reviewer")))


# -- by whom it is signed ------------------------------------------------------------------------------------


def test_what_the_service_signed_is_opened():
    assert open_approval(sign_approval(APPROVAL, STATEMENTS), BUNDLE, now_ms=NOW_MS) == APPROVAL


@pytest.mark.spec("T-2", "T-24")
@pytest.mark.parametrize(
    "signer", [MALLORY, ISSUER, CHECKPOINTS, MADE.leaf_key], ids=["stranger", "grant", "log", "agent"]
)
def test_an_approval_by_a_key_that_is_no_statement_key_is_refused(signer):
    signed = sign_approval(APPROVAL, signer)
    for claimed in (signed, signed._replace(key_id=STATEMENTS.key_id)):
        with pytest.raises(BadStatement) as refused:
            open_approval(claimed, BUNDLE, now_ms=NOW_MS)
        assert refused.value.reason is Reason.STATEMENT_INVALID


@pytest.mark.spec("T-2", "T-16", "T-24")
@pytest.mark.parametrize(
    "tweaks",
    [
        {"state": KeyState.RETIRED},
        {"state": KeyState.COMPROMISED, "compromised_at_ms": NOW_MS},
        {"not_before_ms": NOW_MS + 1},
        {"not_after_ms": NOW_MS},
    ],
)
def test_an_approval_by_a_statement_key_that_does_not_count_now_is_refused(tweaks):
    trust = bundle(trusted(KeyPurpose.STATEMENT, STATEMENTS, **tweaks))
    with pytest.raises(BadStatement, match="statement_invalid"):
        open_approval(sign_approval(APPROVAL, STATEMENTS), trust, now_ms=NOW_MS)


@pytest.mark.spec("K-7", "T-1", "T-24")
@pytest.mark.parametrize("kind", [kind for kind in StatementKind if kind is not StatementKind.APPROVAL], ids=str)
def test_the_signature_of_another_kind_of_statement_makes_no_approval(kind):
    signed = sign_approval(APPROVAL, STATEMENTS)
    other = STATEMENTS.sign(signing_input(Purpose[kind.name], signed.payload))
    for claimed in (signed._replace(signature=other), signed._replace(kind=kind)):
        with pytest.raises(BadStatement, match="statement_invalid"):
            open_approval(claimed, BUNDLE, now_ms=NOW_MS)


# -- what it may say -----------------------------------------------------------------------------------------

LATEST = NOW_MS + limits.APPROVAL_LIFETIME_MS


@pytest.mark.parametrize(
    "tweaks",
    [
        {"policy_digest": b""},
        {"authentication_strength": ""},
        {"authentication_strength": "x" * limits.NAME_BYTES},
        {"expires_at_ms": NOW_MS + 1},
        {"expires_at_ms": LATEST},
    ],
)
def test_an_approval_may_say_this(tweaks):
    approval = APPROVAL._replace(**tweaks)
    assert decode_approval(encode_approval(approval)) == approval


@pytest.mark.spec("T-24")
@pytest.mark.parametrize(
    "tweaks",
    [
        {"link_id": b""},
        {"link_id": bytes(31)},
        {"audience": ""},
        {"tool": ""},
        {"tool": "re\nad"},
        {"arguments_digest": b""},
        {"arguments_digest": bytes(33)},
        {"policy_digest": bytes(31)},
        {"approver": ""},
        {"approver": "x" * (limits.NAME_BYTES + 1)},
        {"approver_issuer": ""},
        {"authentication_strength": "x" * (limits.NAME_BYTES + 1)},
        {"approved_at_ms": 0},
        {"approved_at_ms": -1},
        {"expires_at_ms": 0},
        {"expires_at_ms": NOW_MS},
        {"expires_at_ms": NOW_MS - 1},
        {"expires_at_ms": LATEST + 1},
        {"expires_at_ms": limits.SAFE_INTEGER + 1},
        {"nonce": b""},
        {"nonce": bytes(15)},
    ],
    ids=str,
)
def test_an_approval_must_not_say_this(tweaks):
    payload = pb.Approval(**APPROVAL._replace(**tweaks)._asdict()).SerializeToString(deterministic=True)
    with pytest.raises(Malformed) as refused:
        decode_approval(payload)
    assert refused.value.reason is Reason.FIELD_INVALID


@pytest.mark.spec("C-10", "T-24")
def test_an_approval_is_read_in_its_one_encoding_within_its_limit():
    payload = encode_approval(APPROVAL)
    for other in (payload + b"\x60\x01", payload[34:] + payload[:34], payload[:-1]):
        with pytest.raises(Malformed, match=r"malformed|not_canonical"):
            decode_approval(other)
    with pytest.raises(Malformed, match="token_too_large"):
        decode_approval(payload + bytes(limits.STATEMENT_BYTES))


def test_a_value_that_fits_no_field_is_refused_when_it_is_written():
    with pytest.raises(Refused, match="field_invalid"):
        encode_approval(APPROVAL._replace(expires_at_ms=2**64))


# -- what a call takes


ANN_OR_BEN = ApprovalDemand(("ann", "ben"), 1)
BOTH = ApprovalDemand(("ann", "ben"), 2)
ANYBODY = ApprovalDemand((), 1)
PRINCIPAL_TOO = ApprovalDemand(("ann",), 1, principal_may_approve=True)
ANN, BEN, EVE = (Consenting(name, is_principal=False) for name in ("ann", "ben", "eve"))
ANN_IN_PERSON = Consenting("ann", is_principal=True)


@pytest.mark.spec("A-23")
@pytest.mark.parametrize(
    ("demands", "given", "enough"),
    [
        ([ANN_OR_BEN], [], False),
        ([ANN_OR_BEN], [EVE], False),
        ([ANN_OR_BEN], [BEN], True),
        ([BOTH], [ANN], False),
        ([BOTH], [ANN, ANN, ANN], False),
        ([BOTH], [ANN, EVE], False),
        ([BOTH], [BEN, ANN], True),
        ([ANN_OR_BEN, BOTH], [ANN], False),
        ([ANN_OR_BEN, BOTH], [ANN, BEN], True),
        ([ANYBODY], [], False),
        ([ANYBODY], [EVE], True),
        ([ANYBODY._replace(threshold=0)], [], False),
    ],
)
def test_every_demand_takes_enough_different_people_whom_it_names(demands, given, enough):
    assert satisfied(demands, given) is enough


@pytest.mark.spec("A-24")
@pytest.mark.parametrize(("demand", "counts"), [(ANN_OR_BEN, False), (ANYBODY, False), (PRINCIPAL_TOO, True)])
def test_the_principal_counts_only_where_a_demand_says_so(demand, counts):
    assert may_consent(demand, ANN_IN_PERSON) is counts
    assert may_consent(demand, ANN)
    assert not may_consent(PRINCIPAL_TOO, EVE._replace(is_principal=True))


def test_a_chain_demands_what_each_of_its_links_does():
    strict = Scope(tool("files", "read", approved_by("ann", "ben", threshold=2)))
    weak = Scope(tool("files", "read", approved_by("ann", "ben")), tool("files", "list"))
    made = verify(chain("root -> planner", scopes=[weak, strict]).token)
    assert approval_demands_of(made, "files", "read") == (
        ANN_OR_BEN._replace(link_index=0),
        BOTH._replace(link_index=1),
    )
    assert approval_demands_of(made, "files", "list") == ()
