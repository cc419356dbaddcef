"""What cannot be read is refused, and what is only partly known, too: no RPC goes by what is left of a request."""

from __future__ import annotations

import grpc
import pytest

from delegation.core.scope import any_call
from delegation.errors import InvalidRequest
from delegation.v1 import (
    authorization_service_pb2,
    delegation_service_pb2,
    lineage_service_pb2,
    trust_service_pb2,
)
from delegation.wire.delegation import GrantRequest, grant_request_message
from delegation.wire.errors import error_of_call
from support.caller import DEADLINE_SECONDS, Scope, new_key

# Field 127, a varint: no message of the contract has it.
UNKNOWN = b"\xf8\x07\x01"
METHODS = [
    method
    for file in (authorization_service_pb2, delegation_service_pb2, lineage_service_pb2, trust_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]


def ask(channel, method, request):
    """Send bytes as a request; what fails is raised as the exception that it was on the other side."""
    name = f"/{method.containing_service.full_name}/{method.name}"
    try:
        if method.client_streaming:
            return next(channel.stream_stream(name)(iter([request]), timeout=DEADLINE_SECONDS))
        if method.server_streaming:
            return next(channel.unary_stream(name)(request, timeout=DEADLINE_SECONDS))
        return channel.unary_unary(name)(request, timeout=DEADLINE_SECONDS)
    except grpc.RpcError as error:
        raise error_of_call(error) from None


@pytest.mark.spec("G-1")
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_request_with_an_unknown_field_is_refused_by(operator, method):
    with pytest.raises(InvalidRequest, match="does not know"):
        ask(operator.channel, method, UNKNOWN)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_bytes_that_are_no_message_are_refused_by(operator, method):
    with pytest.raises(InvalidRequest, match="no message of this RPC"):
        ask(operator.channel, method, b"\xff")


def test_a_grant_is_not_made_without_what_a_newer_client_has_asked_for(planner):
    message = grant_request_message(GrantRequest("look", Scope(any_call("files", "read")), new_key().public))
    assert planner.ask(planner.delegation.Grant, message).token
    message.scope.capabilities[0].MergeFromString(UNKNOWN)  # a limit of a later version, say
    with pytest.raises(InvalidRequest, match="does not know"):
        planner.ask(planner.delegation.Grant, message)
