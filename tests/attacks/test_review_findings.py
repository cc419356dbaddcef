"""What once got past the checks, and must not again: padding, long names, what hangs on a refusal, another protobuf."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from delegation.core import limits
from delegation.core.arguments import Arguments
from delegation.core.authorize import authorize
from delegation.core.codec import join_token, parse_token
from delegation.core.constraints import exactly, fields
from delegation.core.narrowing import scope_within
from delegation.core.scope import any_call
from delegation.core.statement import StatementKind
from delegation.core.trust import KeyPurpose
from delegation.core.verify import Verifier
from delegation.errors import BadStatement, NotPermitted, Reason, ScopeGrew
from delegation_sdk import Scope, refusal_json, tool, under
from delegation_sdk.carriage import Carriage
from delegation_sdk.testing import Authority
from support.chains import ISSUER, NOTHING_REVOKED, NOW_MS, STATEMENTS, bundle, chain, trusted, verify

PLANNER = "spiffe://test.example/agent/planner"
HELPER = "spiffe://test.example/agent/helper"
PATH = {"path": "/srv/a"}


@pytest.fixture
def authority():
    with Authority(local={("files", "read")}) as authority:
        yield authority


@pytest.fixture
def guard(authority):
    return authority.guard_for("files")


@pytest.fixture
def helper(authority):
    scope = Scope(tool("files", "read", path=under("/srv")))
    return authority.client(PLANNER).begin_task("Tidy up", scope=scope).hand_off(HELPER)


def is_bound(guard, carriage, now_ms):
    chain = guard.authorize(carriage, "read", PATH).chain
    return chain.bound(len(chain.links) - 1, now_ms)


def test_a_token_padded_with_one_statement_does_not_push_out_one_that_says_more(guard, helper):
    read = parse_token(helper.token)
    (receipt,) = [each for each in read.statements if each.kind is StatementKind.RECEIPT]
    padded = join_token(read.frames, [receipt] * 12)
    assert len(padded) > len(helper.token)
    call = helper.call("files", "read", PATH)
    now_ms = time.time_ns() // 1_000_000
    assert is_bound(guard, call.carriage, now_ms)
    guard.authorize(Carriage(padded, helper.call("files", "read", PATH).carriage.proof), "read", PATH)
    assert is_bound(guard, helper.call("files", "read", PATH).reference, now_ms)


def test_a_refusal_does_not_grow_with_the_name_of_an_argument(guard, helper):
    arguments = {**PATH, "n" * 500_000: 1}
    with pytest.raises(NotPermitted) as refused:
        guard.authorize(helper.call("files", "read", arguments).carriage, "read", arguments)
    assert refused.value.reason is Reason.ARGUMENT_UNEXPECTED
    assert len(refused.value.field) <= 2 * limits.NAME_BYTES


@pytest.mark.parametrize(
    "refuse",
    [lambda: Arguments.parse(b'{"a":"SECRET"'), lambda: Arguments.of({"a": "SECRET\ud800"})],
    ids=["json", "surrogate"],
)
def test_refused_arguments_do_not_hang_on_to_the_refusal(refuse):
    with pytest.raises(NotPermitted) as refused:
        refuse()
    error = refused.value
    while error.__context__ is not None:
        error = error.__context__
        assert "SECRET" not in repr(vars(error)) + str(getattr(error, "object", "")) + str(getattr(error, "doc", ""))


OTHER_PROTOBUF = """
from delegation.errors import Refused
from support.chains import ISSUER, NOTHING_REVOKED, NOW_MS, STATEMENTS, bundle, chain, trusted, verify
made = chain("alice -> bob")
payload = made.payloads[1]
try:
    verify(made.with_payload(1, payload.replace(b"/bob", b"/b\\xffb")).token)
except Refused as refused:
    print(refused.reason)
"""


def test_text_that_is_not_utf_8_is_refused_by_protobuf_in_python_too():
    path = os.pathsep.join(entry for entry in [*sys.path, "tests"] if entry)
    env = {**os.environ, "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python", "PYTHONPATH": path}
    run = subprocess.run([sys.executable, "-c", OTHER_PROTOBUF], env=env, capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "malformed", run.stderr[-400:]


MOST = 2_048
"""Characters of one part of a refusal: all of it has to fit into gRPC's trailers."""


def test_a_refused_tool_is_not_answered_with_a_list_of_unbounded_length():
    scope = Scope(*[any_call(f"{number:03}{'a' * 240}", "t" * 240) for number in range(120)])
    granted = verify(chain("alice", scopes=[scope]).token)
    with pytest.raises(NotPermitted) as refused:
        authorize(granted, audience="files", tool="read", arguments=Arguments.of({}))
    assert len(refused.value.parent) <= MOST


def test_fields_in_fields_are_not_described_at_unbounded_length():
    def nested(value: int) -> Scope:
        constraint = exactly(value)
        for _ in range(14):
            constraint = fields(**{"n" * 500: constraint})
        return Scope(tool("files", "read", path=constraint))

    with pytest.raises(ScopeGrew) as refused:
        scope_within(nested(2), nested(1))
    assert max(map(len, (refused.value.parent, refused.value.child, refused.value.detail))) <= MOST


def test_a_clock_that_goes_back_does_not_find_what_a_key_signed_that_does_not_count_yet():
    keys = trusted(KeyPurpose.GRANT, ISSUER), trusted(KeyPurpose.STATEMENT, STATEMENTS, not_before_ms=NOW_MS - 10_000)
    verifier = Verifier(bundle(*keys))
    token = chain("alice -> bob").token
    verifier.verify(token, now_ms=NOW_MS, revocations=NOTHING_REVOKED)
    with pytest.raises(BadStatement):
        verifier.verify(token, now_ms=NOW_MS - 20_000, revocations=NOTHING_REVOKED)


def test_a_refusal_that_a_server_makes_up_cannot_break_its_caller():
    deep: list[object] = []
    for _ in range(3_000):
        deep = [deep]
    refused = refusal_json.from_json({"reason": "expired", "layer": "time", "detail": deep})
    assert refused is not None
    assert refused.reason is Reason.EXPIRED
