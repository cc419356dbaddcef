from __future__ import annotations

import copy
import pickle

import pytest

from delegation.core.arguments import Arguments
from delegation.core.codec import decode_proof, split_proof
from delegation.core.keys import SigningKey
from delegation.errors import InvalidRequest, Malformed, NotPermitted, Reason
from delegation_sdk import Delegation, Scope
from delegation_sdk.context import current_delegation


def test_a_delegation_says_what_it_permits(helper, task):
    assert helper.agent == "spiffe://test.example/agent/helper"
    assert helper.scope.describe() == "files.read(path: a path under /srv/a)"
    assert helper.task_id == task.task_id
    assert helper.purpose == "Tidy up"
    assert helper.expires_at_ms <= task.expires_at_ms
    assert len(helper.chain.frames) == 2


def test_a_proof_is_for_just_this_call(helper, clock):
    call = helper.call("files", "read", {"path": "/srv/a/x"})

    proof = decode_proof(split_proof(call.carriage.proof)[0])
    assert proof.chain_digest == helper.digest
    assert (proof.audience, proof.tool) == ("files", "read")
    assert proof.arguments_digest == Arguments.of({"path": "/srv/a/x"}).digest
    assert proof.issued_at_ms == clock.now_ms


@pytest.mark.spec("P-2")
def test_each_call_has_its_own_proof_and_keeps_it(helper):
    first, second = (helper.call("files", "read", {"path": "/srv/a"}) for _ in range(2))

    assert first.carriage is first.carriage
    assert first.carriage.proof != second.carriage.proof


def test_changing_the_arguments_afterwards_does_not_change_the_call(helper):
    arguments = {"path": "/srv/a"}
    call = helper.call("files", "read", arguments)
    arguments["path"] = "/etc/shadow"

    assert call.arguments == {"path": "/srv/a"}


def test_arguments_that_json_cannot_say_are_refused_at_once(helper):
    with pytest.raises(NotPermitted) as caught:
        helper.call("files", "read", {"path": object()})
    assert caught.value.reason is Reason.ARGUMENTS_INVALID


def test_what_is_exported_holds_no_key(helper):
    loaded = Delegation.load(helper.export())

    assert loaded.token == helper.token
    assert not loaded.holds_key
    with pytest.raises(InvalidRequest, match="is held by spiffe://test"):
        loaded.call("files", "read")


def test_a_key_goes_along_only_when_asked_for(helper, clock):
    loaded = Delegation.load(helper.export_with_key(), sources=clock.sources())

    assert loaded.call("files", "read", {"path": "/srv/a"}).carriage.proof


def test_a_key_can_come_another_way(helper):
    assert Delegation.load(helper.export(), helper.require_key()).holds_key


def test_another_key_does_not_fit(helper):
    with pytest.raises(Malformed) as caught:
        Delegation.load(helper.export(), SigningKey(bytes(32)))
    assert caught.value.reason is Reason.KEY_INVALID


@pytest.mark.parametrize(
    "text", ["", "delegation:", "delegation:AA", "delegation:AA.BB.CC", "bearer x", "delegation:A A"]
)
def test_anything_else_is_no_exported_delegation(text):
    with pytest.raises(Malformed):
        Delegation.load(text)


def test_working_under_a_delegation_makes_it_current(helper):
    assert current_delegation() is None
    with helper.work() as working:
        assert current_delegation() is working is helper
    assert current_delegation() is None


@pytest.mark.spec("G-3")
def test_nothing_secret_shows(helper, task, client, guard, authority):
    with helper.call("files", "read", {"path": "/srv/a/salary-of-eve"}) as call:
        authorized = guard.authorize(call.carriage, "read", call.arguments)
    seeds = [each.require_key().seed for each in (helper, task)]
    objects = [helper, task, client, guard, guard.aio, call, call.carriage, authorized, authority, helper.require_key()]

    shown = "".join(map(repr, objects)) + "".join(map(str, objects))

    assert "salary" not in shown
    for secret in (*seeds, helper.token, call.carriage.proof):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown


def test_a_key_does_not_go_along_with_a_copy(helper):
    with pytest.raises(InvalidRequest, match="export"):
        pickle.dumps(helper)
    with pytest.raises(InvalidRequest, match="export"):
        copy.deepcopy(helper)


def test_an_empty_scope_may_be_handed_off_and_permits_nothing(task, guard):
    idle = task.hand_off("spiffe://test.example/agent/idle", scope=Scope())
    call = idle.call("files", "read", {"path": "/srv/a"})

    with pytest.raises(NotPermitted) as caught:
        guard.authorize(call.carriage, "read", call.arguments)
    assert caught.value.link_index == 1
