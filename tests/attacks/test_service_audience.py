"""A tool that calls itself the service, so that agents sign their own tasks away by calling it."""

from __future__ import annotations

import pytest

from delegation.core.codec import decode_scope, encode_scope
from delegation.core.scope import SERVICE_AUDIENCE, Scope, any_call, tool
from delegation.errors import Malformed, NotPermitted, Reason
from delegation.v1 import chain_pb2 as pb
from delegation_sdk.testing import Authority
from support.chains import chain, verify


@pytest.mark.spec("P-12")
def test_no_scope_names_the_services_own_audience():
    for capability in (any_call(SERVICE_AUDIENCE, "complete_task"), tool(SERVICE_AUDIENCE, "revoke", id="x")):
        with pytest.raises(Malformed) as caught:
            encode_scope(Scope(capability))
        assert caught.value.reason is Reason.FIELD_INVALID
    named = pb.Scope(capabilities=[pb.Capability(audience=SERVICE_AUDIENCE, tool="revoke", any_arguments=True)])
    with pytest.raises(Malformed) as caught:
        decode_scope(named.SerializeToString())
    assert caught.value.reason is Reason.FIELD_INVALID
    named.capabilities[0].audience += "s"  # the twin: any other name will do
    assert decode_scope(named.SerializeToString()).find(f"{SERVICE_AUDIENCE}s", "revoke")


@pytest.mark.spec("P-12")
def test_a_link_that_was_signed_with_such_a_scope_is_refused():
    def reserved(link: pb.Link) -> None:
        link.scope.capabilities[0].audience = SERVICE_AUDIENCE
        del link.scope.capabilities[1:]

    with pytest.raises(Malformed) as caught:
        verify(chain("root -> planner").edit(0, reserved).token)
    assert (caught.value.reason, caught.value.link_index) == (Reason.FIELD_INVALID, 0)


@pytest.mark.spec("P-12")
def test_an_agent_signs_no_call_of_a_tool_there():
    with Authority() as authority:
        client = authority.client("spiffe://test.example/agent")
        with client.task("look", scope=Scope(any_call("files", "read"))) as task:
            with pytest.raises(NotPermitted) as caught:
                task.call(SERVICE_AUDIENCE, "complete_task", {"task_id": task.task_id.hex()})
            assert caught.value.reason is Reason.TOOL_NOT_PERMITTED
            assert task.call("files", "read").headers()
