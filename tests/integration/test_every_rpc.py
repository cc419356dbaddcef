"""Every RPC that the service serves, called as every role, as strangers with that role, and as nobody.

What comes of it is in `delegation.server.access`; what is refused leaves no trace in the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from certificates import TestCa
from delegation.errors import Reason
from delegation.identity.port import Role
from delegation.server.access import ACCESS, Rows
from delegation.v1 import errors_pb2
from delegation.wire.errors import DETAILS_KEY
from support.every_rpc import (
    REQUESTS,
    STANDARD,
    Story,
    ask,
    of_role,
    recorded,
    served_rpcs,
    service_of_listed_callers,
)
from support.server import RunningServer, spiffe_id

Code = grpc.StatusCode
RPCS = sorted(REQUESTS)


class World:
    """A service of listed callers, what it serves, and a story to which nothing happens: it is of refusals."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.rpcs = served_rpcs(server)
        self.told = Story.told(server)
        self._channels: dict[str, grpc.Channel] = {}

    def channel(self, path: str) -> grpc.Channel:
        if path not in self._channels:
            credentials = self.server.credentials(path)
            self._channels[path] = grpc.secure_channel(self.server.target, credentials, self.server.channel_options)
        return self._channels[path]

    def ask(self, path: str, name: str, message: Any) -> Any:
        return ask(self.channel(path), self.rpcs[name], message)

    def outcome(self, path: str, name: str, message: Any) -> tuple[grpc.StatusCode, str]:
        return outcome(self.channel(path), self.rpcs[name], message)

    def recorded(self) -> str:
        return recorded(self.server)

    def close(self) -> None:
        for each in self._channels.values():
            each.close()


BESIDE_RPCS = (
    "delegation.app.application.run_sweeper",
    "delegation.app.application.compare_when_changed",
    "delegation.app.met_tools.ListingTools.follow",
)


async def nothing(*_: object) -> None:
    """Stand for what writes by itself: what is recorded is compared, and only RPCs shall have recorded it."""


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        for job in BESIDE_RPCS:
            patch.setattr(job, nothing)
        # Each test tells a story of its own, all by the same orchestrator, and each leaves a request open.
        for bound in ("OPEN_OF_A_HOLDER", "OPEN_OF_A_PRINCIPAL"):
            patch.setattr(f"delegation.storage.operations.approvals.{bound}", 10_000)
        with service_of_listed_callers(tmp_path_factory.mktemp("every_rpc")) as server:
            world = World(server)
            yield world
            world.close()


def table_of(name: str) -> dict[Role, Rows]:
    service, _, method = name.partition("/")
    if service in STANDARD:
        return dict.fromkeys(Role, Rows.ALL)
    return dict(ACCESS[f"{service.rpartition('.')[2]}/{method}"])


def outcome(channel, method, message) -> tuple[grpc.StatusCode, str]:
    """Give the status of a call, and the reason that came with it."""
    try:
        ask(channel, method, message)
    except StopIteration:
        return Code.OK, ""
    except grpc.RpcError as error:
        return error.code(), reason_of(error)
    return Code.OK, ""


def reason_of(error: grpc.RpcError) -> str:
    details = dict(error.trailing_metadata() or ()).get(DETAILS_KEY, b"")
    for packed in Status.FromString(details).details:
        for kind in (errors_pb2.Refusal(), ErrorInfo()):
            if packed.Unpack(kind):
                return (
                    Reason[errors_pb2.ErrorReason.Name(kind.reason)[len("ERROR_REASON_") :]]
                    if isinstance(kind, errors_pb2.Refusal)
                    else kind.reason
                )
    return ""


def test_every_rpc_that_is_served_has_a_row_and_a_request_and_no_other(world):
    rpcs = world.rpcs
    assert set(rpcs) == set(REQUESTS)
    contract = {name.removeprefix("delegation.v1.") for name in rpcs if name.startswith("delegation.v1.")}
    assert contract == set(ACCESS)


# -- every role ------------------------------------------------------------------------------------------------

NOT_IN_THE_STORY = {
    "delegation.v1.TrustService/RequestOffer": (Code.NOT_FOUND, "NotFound"),
    "grpc.health.v1.Health/List": (Code.UNIMPLEMENTED, ""),
}
"""What a right request comes to without something that the story does not have: a live agent, a list of services."""

ALLOWED = [(name, role) for name in RPCS for role in table_of(name)]
REFUSED = [(name, role) for name in RPCS for role in Role if role not in table_of(name)]


@pytest.mark.parametrize(("name", "role"), ALLOWED)
def test_a_role_in_the_table_is_served(world, name, role):
    message = REQUESTS[name](Story.told(world.server), of_role(role))
    assert world.outcome(of_role(role), name, message) == NOT_IN_THE_STORY.get(name, (Code.OK, ""))


@pytest.mark.parametrize(("name", "role"), REFUSED)
def test_a_role_that_is_not_in_the_table_is_refused_and_nothing_is_recorded(world, name, role):
    message, before = REQUESTS[name](world.told, of_role(role)), world.recorded()
    refused = world.outcome(of_role(role), name, message)
    assert refused == (Code.PERMISSION_DENIED, "PermissionDenied")
    assert world.recorded() == before


@pytest.mark.parametrize(("name", "role"), [(n, r) for n, r in REFUSED if n.partition("/")[0] not in STANDARD])
def test_what_is_sent_by_a_role_that_is_not_in_the_table_is_not_even_read(world, name, role):
    channel, method = world.channel(of_role(role)), world.rpcs[name]
    if method.client_streaming:
        call = channel.stream_stream(f"/{name}")(iter([b"\xff\xff"]), timeout=20)
    elif method.server_streaming:
        call = channel.unary_stream(f"/{name}")(b"\xff\xff", timeout=20)
    else:
        call = iter([channel.unary_unary(f"/{name}").future(b"\xff\xff", timeout=20)])
    with pytest.raises(grpc.RpcError) as refused:
        next(call) if method.client_streaming or method.server_streaming else next(call).result()
    assert refused.value.code() is Code.PERMISSION_DENIED


# -- the right role, and not one's own rows --------------------------------------------------------------------

SEES_NOTHING = (Code.NOT_FOUND, "NotFound")
OF_OTHERS = {
    "Renew": SEES_NOTHING,
    "Reissue": SEES_NOTHING,
    "Authorize": (Code.PERMISSION_DENIED, Reason.NOT_YOUR_AUDIENCE),
    "AuthorizeStream": (Code.PERMISSION_DENIED, Reason.NOT_YOUR_AUDIENCE),
    "ConsumeProof": (Code.PERMISSION_DENIED, Reason.NOT_YOUR_AUDIENCE),
    "RecordDecisions": (Code.PERMISSION_DENIED, Reason.NOT_YOUR_AUDIENCE),
    "ReportTools": (Code.PERMISSION_DENIED, Reason.NOT_YOUR_AUDIENCE),
    "ReportOutcome": SEES_NOTHING,
    "GetTask": SEES_NOTHING,
    "GetChain": SEES_NOTHING,
    "ExplainCall": SEES_NOTHING,
    "CompleteTask": (Code.PERMISSION_DENIED, Reason.PROOF_INVALID),
    "Revoke": (Code.PERMISSION_DENIED, Reason.PROOF_INVALID),
    "RegisterAgent": (Code.PERMISSION_DENIED, "PermissionDenied"),
    "AnswerOffer": (Code.PERMISSION_DENIED, "PermissionDenied"),
    "RequestApproval": (Code.PERMISSION_DENIED, Reason.PROOF_INVALID),
    "GetApproval": SEES_NOTHING,
    "WatchApprovals": SEES_NOTHING,
    "AnswerApproval": SEES_NOTHING,
    "WithdrawApproval": SEES_NOTHING,
}
"""What comes of asking about others' rows."""

LISTS = {"ListTasks": "tasks", "SearchCalls": "calls", "ListApprovals": "requests"}
OWN = {
    Rows.HELD,
    Rows.PROVED,
    Rows.OWN_TASKS,
    Rows.OWN_CALLS,
    Rows.OWN_AUDIENCES,
    Rows.OWN_REQUESTS,
    Rows.MAY_ANSWER,
    Rows.ITSELF,
}
STRANGERS = [(name, role) for name in RPCS for role, rows in table_of(name).items() if rows in OWN]


def message_of_others(name: str, told: Story, role: Role):
    """Make a request about rows of others: of the story's, or in the name of one of its agents."""
    told = replace(told)
    if name.endswith("RequestApproval"):
        told.child = replace(told.child, key=told.task.key)
    if name.endswith(("CompleteTask", "Revoke")):
        told.task = told.task.__class__(told.task.token, told.child.key, told.task.task_id)
    message = REQUESTS[name](told, f"stranger/{role}")
    if name.endswith("RegisterAgent"):
        message.agent = spiffe_id("role/agent")
    if name.endswith("AnswerOffer"):
        message.ready = spiffe_id("role/agent")
    return message


@pytest.mark.parametrize(("name", "role"), [(n, r) for n, r in STRANGERS if n.partition("/")[2] not in LISTS])
def test_rows_of_others_are_refused_and_nothing_is_recorded(world, name, role):
    message, before = message_of_others(name, world.told, role), world.recorded()
    refused = world.outcome(f"stranger/{role}", name, message)
    assert refused == OF_OTHERS[name.partition("/")[2]]
    assert world.recorded() == before


@pytest.mark.parametrize(("name", "role"), [(n, r) for n, r in STRANGERS if n.partition("/")[2] in LISTS])
def test_rows_of_others_are_in_no_list(world, name, role):
    message = REQUESTS[name](world.told, "")
    answer = world.ask(f"stranger/{role}", name, message)
    listed = LISTS[name.partition("/")[2]]
    assert not list(getattr(answer, listed))
    own = world.ask(of_role(role), name, message)
    assert list(getattr(own, listed))


def test_a_ceiling_is_for_grants():
    """What `Rows.CEILING` says is shown in test_grant_rpc; here, that no other RPC says it."""
    assert [name for name, rows in ACCESS.items() if Rows.CEILING in rows.values()] == ["DelegationService/Grant"]


# -- nobody ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nobodies(world):
    """Channels of those who are nobody here: without a certificate, with one of another CA, and not listed."""
    server = world.server
    ca = (server.application.config.state_dir / "ca" / "ca.pem").read_bytes()
    foreign = TestCa.create("foreign").issue(spiffe_id("role/operator"))
    credentials = {
        "no certificate": grpc.ssl_channel_credentials(ca),
        "another CA's": grpc.ssl_channel_credentials(ca, foreign.key, foreign.certificate),
        "not listed": server.credentials("role/unheard-of"),
    }
    channels = {
        name: grpc.secure_channel(server.target, each, server.channel_options) for name, each in credentials.items()
    }
    yield channels
    for each in channels.values():
        each.close()


@pytest.mark.parametrize("who", ["no certificate", "another CA's", "not listed"])
@pytest.mark.parametrize("name", RPCS)
def test_nobody_gets_anything_and_nothing_is_recorded(world, nobodies, name, who):
    message, before = REQUESTS[name](world.told, "role/unheard-of"), world.recorded()
    expected = (Code.UNAUTHENTICATED, "Unauthenticated") if who == "not listed" else (Code.UNAVAILABLE, "")
    if who == "not listed" and name == "grpc.health.v1.Health/Watch":
        expected = (Code.UNIMPLEMENTED, "")  # for clients that heed health: "call, and see"
    assert outcome(nobodies[who], world.rpcs[name], message) == expected
    assert world.recorded() == before
