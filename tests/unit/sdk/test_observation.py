"""A tool under observation: calls that would be refused run, and are recorded so; what cannot be recorded does not."""

from __future__ import annotations

import os
import threading
import time

import pytest

from delegation.core.declaration import Declaration
from delegation.core.limits import FEED_AGE_MS, OBSERVE_MS
from delegation.core.records import OutcomeStatus
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import PermissionDenied, Reason, Refused, ServiceUnavailable, refusal
from delegation_sdk import (
    AuthorizedCall,
    Guard,
    ObservedCall,
    Scope,
    any_call,
    at_most,
    observed_answer,
    optional,
    tool,
    under,
)
from delegation_sdk.carriage import Carriage
from delegation_sdk.context import authorized_call, received, served_call, serving, take_served_call
from delegation_sdk.guard_ports import GuardPorts
from delegation_sdk.testing import Authority

NOTHING = Carriage(b"", b"")
PATH = {"path": "/srv/a"}
HOUR_MS = 3_600_000
READ, WRITE = frozenset({Effect.READ}), frozenset({Effect.WRITE})


@pytest.fixture
def until_ms(clock):
    return clock.now_ms + HOUR_MS


@pytest.fixture
def observing(clock, until_ms):
    """An authority under whose catalogue `read`, local, and `write` are under observation, and `search` is not."""
    tools = [
        CatalogueTool("files", "read", READ, local=True, observe_until_ms=until_ms),
        CatalogueTool("files", "write", WRITE, observe_until_ms=until_ms),
        CatalogueTool("files", "search", READ, local=True),
        CatalogueTool(
            *("files", "pinned", WRITE), manifest_digest=b"\1" * 32, manifest_required=True, observe_until_ms=until_ms
        ),
        CatalogueTool("files", "forever", WRITE, observe_until_ms=clock.now_ms + 2 * OBSERVE_MS),
    ]
    with Authority(tools=tools, sources=clock.sources()) as authority:
        yield authority
        authority.reachable = True


@pytest.fixture
def watched(observing):
    return observing.guard_for("files", fulfils=["redact"])


@pytest.fixture
def delegated(observing):
    scope = Scope(
        tool("files", "read", path=under("/srv")), tool("files", "write", path=under("/srv"), size=at_most(9))
    )
    return observing.client("spiffe://test.example/agent/planner").begin_task("Tidy up", scope=scope)


def recorded(authority, guard):
    """What was recorded, once the guard has delivered it."""
    guard.close()
    return [(each.tool, each.allowed, each.reason, each.observed) for each in authority.decisions]


def refused(guard, name, carriage=NOTHING, arguments=PATH):
    with pytest.raises(Refused) as caught:
        guard.authorize(carriage, name, arguments)
    return caught.value.reason


# -- what runs


@pytest.mark.spec("A-28", "A-29", "T-39")
@pytest.mark.parametrize("name", ["read", "write"], ids=["local", "online"])
def test_a_call_without_a_chain_runs_and_is_recorded_as_refused(observing, watched, name):
    call = watched.authorize(NOTHING, name, PATH)
    assert isinstance(call, ObservedCall)
    assert (call.observed.reason, call.audience, call.tool, call.arguments) == (
        *(Reason.CHAIN_MISSING, "files", name),
        PATH,
    )
    watched.close()
    (record,) = observing.decisions
    assert (record.call_id, record.chain_digest, record.reason) == (call.call_id, b"", "chain_missing")
    assert (record.allowed, record.observed) == (False, True)


@pytest.mark.spec("A-28")
@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (lambda task: Carriage(task.token, b""), Reason.PROOF_MISSING),
        (lambda task: Carriage(b"\xff", b"x"), Reason.NO_LINKS),
        (lambda task: Carriage(bytes(70_000), b"x"), Reason.TOKEN_TOO_LARGE),
        (lambda task: Carriage(task.token, b"\xff"), Reason.PROOF_INVALID),
        (lambda task: task.call("files", "read", {"path": "/etc"}).carriage, Reason.PROOF_OTHER_CALL),
    ],
    ids=["no proof", "garbage", "too large", "bad proof", "another call's proof"],
)
def test_whatever_is_wrong_with_a_callers_authority_it_runs(watched, delegated, sent, reason):
    assert watched.authorize(sent(delegated), "read", PATH).observed.reason is reason


def test_a_call_beyond_the_scope_runs_here_and_online(observing, watched, delegated):
    here = delegated.call("files", "read", {"path": "/etc"})
    assert watched.authorize(here.carriage, "read", here.arguments).observed.reason is Reason.ARGUMENT_REFUSED
    online = delegated.call("files", "write", {"path": "/srv/a", "size": 10})
    call = watched.authorize(online.carriage, "write", online.arguments)
    assert call.observed.reason is Reason.ARGUMENT_REFUSED
    (record,) = [each for each in observing.decisions if each.tool == "write"]
    assert (record.call_id, record.observed) == (call.call_id, True)


@pytest.mark.spec("A-28", "A-9")
def test_a_service_that_is_away_stops_no_tool_under_observation(observing, watched, delegated):
    call = delegated.call("files", "write", {"path": "/srv/a", "size": 1})
    observing.reachable = False
    assert watched.authorize(call.carriage, "write", call.arguments).observed.reason is Reason.SERVICE_UNAVAILABLE
    observing.reachable = True
    assert recorded(observing, watched) == [("write", False, "service_unavailable", True)]


def test_arguments_that_are_none_run_and_are_recorded_without_a_digest(observing, watched):
    call = watched.authorize(NOTHING, "read", {"path": float("nan")})
    assert call.observed.reason is Reason.ARGUMENTS_INVALID
    watched.close()
    assert observing.decisions[0].arguments_digest == bytes(32)


async def test_the_guard_for_asyncio_lets_it_run_too(watched):
    assert isinstance(await watched.aio.authorize(NOTHING, "write", PATH), ObservedCall)


def test_benign_a_permitted_call_is_as_ever(observing, watched, delegated):
    for name, arguments in (("read", PATH), ("write", {"path": "/srv/a", "size": 1})):
        sent = delegated.call("files", name, arguments)
        call = watched.authorize(sent.carriage, name, sent.arguments)
        assert isinstance(call, AuthorizedCall)
        assert (call.observed, call.task_id) == (None, delegated.task_id)
    assert sorted(recorded(observing, watched)) == [("read", True, "", False), ("write", True, "", False)]


# -- what does not


@pytest.mark.spec("A-28", "T-39")
@pytest.mark.parametrize("name", ["search", "unlisted", "forever", "pinned"])
def test_a_tool_that_is_enforced_unlisted_observed_for_too_long_or_another_one_refuses(observing, watched, name):
    assert refused(watched, name) is Reason.CHAIN_MISSING
    assert recorded(observing, watched) == [(name, False, "chain_missing", False)]


@pytest.mark.spec("A-28", "T-38")
def test_benign_the_tool_that_is_the_required_one_runs(watched):
    watched._served.list({"pinned": Declaration(manifest_digest=b"\1" * 32)})
    assert isinstance(watched.authorize(NOTHING, "pinned", PATH), ObservedCall)


@pytest.mark.spec("T-39")
def test_an_observation_that_is_over_is_over_at_once(watched, clock):
    assert isinstance(watched.authorize(NOTHING, "read", PATH), ObservedCall)
    clock.pass_ms(HOUR_MS)
    assert refused(watched, "read") is Reason.CHAIN_MISSING


@pytest.mark.spec("A-28", "A-6")
def test_what_cannot_be_recorded_does_not_run(observing):
    observing.reachable = True
    guard = observing.guard_for("files", max_waiting=4)
    observing.reachable = False
    reasons = []
    for _ in range(6):
        try:
            guard.authorize(NOTHING, "read", PATH)
        except Refused as error:
            reasons.append(error.reason)
    observing.reachable = True
    # Those that nobody authorized leave half of the room to those that somebody has.
    assert set(reasons[1:]) <= {Reason.RECORD_BACKLOG}
    guard.close()
    ran = [each for each in observing.decisions if each.observed]
    assert len(ran) + len(reasons) == 6
    assert len(ran) < 6


@pytest.mark.spec("A-28", "A-10")
def test_a_guard_whose_service_does_not_know_it_for_this_audience_lets_nothing_run(observing, delegated):
    class Anothers:
        def authorize(self, call):
            raise refusal(Reason.NOT_YOUR_AUDIENCE)

    service = observing._service
    ports = GuardPorts(service, service, service, Anothers())
    with Guard("files", ports, trust_root=observing.trust_root, sources=service.sources) as guard:
        guard.open()
        call = delegated.call("files", "write", {"path": "/srv/a", "size": 1})
        assert refused(guard, "write", call.carriage, call.arguments) is Reason.NOT_YOUR_AUDIENCE
    assert observing.decisions == []


def test_a_guard_from_before_a_fork_lets_nothing_run(watched, monkeypatch):
    child = os.getpid() + 1
    monkeypatch.setattr("os.getpid", lambda: child)
    assert refused(watched, "read") is Reason.INTERNAL


@pytest.mark.spec("A-28")
def test_a_refusal_that_the_service_does_not_observe_stands(observing, watched, delegated):
    """The guard is behind: its catalogue still has the tool under observation."""
    service = observing._service
    service.tools = [each._replace(observe_until_ms=0) for each in service.tools]
    call = delegated.call("files", "write", {"path": "/srv/a", "size": 10})
    assert refused(watched, "write", call.carriage, call.arguments) is Reason.ARGUMENT_REFUSED
    assert recorded(observing, watched) == [("write", False, "argument_refused", False)]


@pytest.mark.spec("A-28")
def test_a_refusal_that_the_guard_does_not_observe_stands_and_is_reported_as_not_run(clock, until_ms):
    """The guard is behind: its catalogue does not have the tool under observation yet."""
    with Authority(tools=[CatalogueTool("files", "write", WRITE)], sources=clock.sources()) as authority:
        guard = authority.guard_for("files")
        service = authority._service
        service.tools = [each._replace(observe_until_ms=until_ms) for each in service.tools]
        task = authority.client("spiffe://test.example/agent/p").begin_task("x", scope=Scope(any_call("files", "read")))
        call = task.call("files", "write", PATH)
        assert refused(guard, "write", call.carriage, call.arguments) is Reason.TOOL_NOT_PERMITTED
        guard.close()
        (record,), (outcome,) = authority.decisions, authority.outcomes
        assert (record.observed, outcome.call_id, outcome.status) == (True, record.call_id, OutcomeStatus.FAILED)


@pytest.mark.spec("A-4", "A-30")
def test_what_the_service_permits_and_the_guard_does_not_runs_as_observed_and_stays_spent(observing, watched):
    """The tool's default is more than the link permits, which the service does not know."""
    scope = Scope(tool("files", "write", path=under("/srv"), size=optional(at_most(5))))
    task = observing.client("spiffe://test.example/agent/planner").begin_task("Write", scope=scope)
    sent = task.call("files", "write", PATH)
    call = watched.authorize(sent.carriage, "write", sent.arguments, defaults={"size": 7})
    assert call.observed.reason is Reason.ARGUMENT_REFUSED
    call.report(OutcomeStatus.OK)
    watched.close()
    permitted, ran = sorted(observing.decisions, key=lambda each: each.observed)
    assert (permitted.allowed, ran.allowed, ran.call_id) == (True, False, call.call_id)
    assert {each.call_id: each.status for each in observing.outcomes} == {
        permitted.call_id: OutcomeStatus.UNKNOWN,
        ran.call_id: OutcomeStatus.OK,
    }


@pytest.mark.spec("A-28")
def test_a_guard_that_has_not_heard_of_the_service_for_long_lets_nothing_run(observing, watched, clock):
    """Nobody who drops its packets keeps a tool open that the operator has enforced meanwhile."""
    observing.reachable = False
    clock.pass_ms(FEED_AGE_MS - 60_000)
    assert isinstance(watched.authorize(NOTHING, "read", PATH), ObservedCall)
    clock.pass_ms(60_001)
    assert refused(watched, "read") is Reason.CHAIN_MISSING


class Struck:
    """A service that does not know this guard any more."""

    def authorize(self, call):
        raise PermissionDenied("this caller is no tool")

    record = report = authorize


@pytest.fixture
def struck(observing):
    """Open a guard for which the service does less than before."""

    def struck(**ports):
        service = observing._service
        usual = {"trust": service, "feed": service, "records": service, "online": service}
        guard = Guard("files", GuardPorts(**usual | ports), trust_root=observing.trust_root, sources=service.sources)
        guard.open()
        return guard

    return struck


@pytest.mark.spec("A-28", "A-10")
def test_what_a_service_does_not_decide_for_this_guard_does_not_run(struck, delegated):
    with struck(online=Struck()) as guard:
        call = delegated.call("files", "write", {"path": "/srv/a", "size": 1})
        assert refused(guard, "write", call.carriage, call.arguments) is Reason.INTERNAL


@pytest.mark.spec("A-28", "A-6")
def test_once_the_service_refuses_its_records_a_guard_lets_nothing_run(struck):
    class Records(Struck):
        def record(self, batch, tokens):
            raise PermissionDenied("this caller is no tool")

    guard = struck(records=Records())
    guard.authorize(NOTHING, "read", PATH)
    deadline = time.monotonic() + 30
    while not guard._recorder.is_unwanted:
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
    assert refused(guard, "read") is Reason.CHAIN_MISSING
    with pytest.raises(ServiceUnavailable):
        guard.close()


@pytest.mark.spec("A-28")
def test_benign_a_service_that_takes_records_again_lets_them_run_again(struck, observing):
    class Records:
        refuses = True

        def record(self, batch, tokens):
            if self.refuses:
                raise PermissionDenied("this caller is no tool")
            return observing._service.record(batch, tokens)

        def report(self, outcomes, guard_key):
            observing._service.report(outcomes, guard_key)

    records = Records()
    with struck(records=records) as guard:
        guard.authorize(NOTHING, "read", PATH)
        for unwanted in (True, False):
            deadline = time.monotonic() + 30
            while guard._recorder.is_unwanted is not unwanted:
                assert time.monotonic() < deadline
                threading.Event().wait(0.01)
            records.refuses = False
        assert isinstance(guard.authorize(NOTHING, "read", PATH), ObservedCall)


# -- what the tool, its caller and the operator see


@pytest.mark.spec("A-29")
def test_an_observed_call_cannot_be_mistaken_for_an_authorized_one(watched):
    call = watched.authorize(NOTHING, "read", PATH)
    for name in ("agent", "chain", "principal", "task_id"):
        with pytest.raises(AttributeError, match="under observation"):
            getattr(call, name)
    assert not isinstance(call, AuthorizedCall)
    assert call.obligations == ("redact",)
    assert "chain_missing" in repr(call)
    with serving(call):
        assert authorized_call() is None
        assert served_call() is call
        assert take_served_call("files", "read") is call


@pytest.mark.spec("A-29")
def test_a_guarded_function_runs_and_knows_that_nobody_authorized_it(observing, watched):
    @watched.tool("read")
    def read(path: str, *, caller: AuthorizedCall | ObservedCall) -> str:
        return "nobody" if isinstance(caller, ObservedCall) else caller.agent

    with received(NOTHING):
        assert read(path="/srv/a") == "nobody"
    watched.close()
    assert [each.status for each in observing.outcomes] == [OutcomeStatus.OK]


def test_the_answer_names_the_reason_and_nothing_else(watched, delegated):
    observed = watched.authorize(NOTHING, "read", PATH)
    meta = {"reason": "chain_missing", "call_id": observed.call_id.hex()}
    assert observed_answer.to_mcp_meta(observed) == {observed_answer.META_KEY: meta}
    assert observed_answer.to_headers(observed) == {"Delegation-Observed": "chain_missing"}
    assert observed_answer.to_metadata(observed) == (("delegation-observed", "chain_missing"),)
    sent = delegated.call("files", "read", PATH)
    permitted = watched.authorize(sent.carriage, "read", sent.arguments)
    assert observed_answer.to_mcp_meta(permitted) == observed_answer.to_headers(permitted) == {}
    assert observed_answer.to_metadata(permitted) == ()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({observed_answer.META_KEY: {"reason": "expired"}}, Reason.EXPIRED),
        ({observed_answer.META_KEY: {"reason": "of another version"}}, Reason.INTERNAL),
        ({observed_answer.META_KEY: {"reason": 5}}, None),
        ({observed_answer.META_KEY: "expired"}, None),
        ({"other": 1}, None),
        (None, None),
    ],
)
def test_a_client_reads_the_reason_from_an_answer(said, reason):
    assert observed_answer.reason_in_mcp_meta(said) is reason


def test_the_operator_is_told_once_for_each_tool(watched, caplog):
    with caplog.at_level("WARNING"):
        for name in ("read", "read", "write"):
            watched.authorize(NOTHING, name, PATH)
    told = [each.getMessage() for each in caplog.records if "OBSERVED" in each.getMessage()]
    assert [line.split()[1:3] for line in told] == [["files", "read"], ["files", "write"]]


def test_an_outcome_that_waits_is_delivered_after_the_record_of_its_call(observing, watched):
    observing.reachable = False
    watched.authorize(NOTHING, "read", PATH).report(OutcomeStatus.OK)
    observing.reachable = True
    watched.close()
    assert [each.call_id for each in observing.outcomes] == [each.call_id for each in observing.decisions]


@pytest.mark.spec("T-39")
def test_a_guard_without_a_trust_bundle_observes_nothing(observing):
    service = observing._service
    ports = GuardPorts(service, service, service, service)
    guard = Guard("files", ports, trust_root=observing.trust_root, sources=service.sources)  # not opened
    assert refused(guard, "read") is Reason.CHAIN_MISSING
