"""Tools under observation at a running service: what it answers, takes down, leaves in tasks, and shows to auditors."""

from __future__ import annotations

import datetime as dt

import pytest

from delegation.app.development import development_keys
from delegation.core.attest import open_catalogue
from delegation.core.conditions import budget
from delegation.core.constraints import at_most
from delegation.core.declaration import Declaration
from delegation.core.observation import Observation
from delegation.core.records import OutcomeStatus
from delegation.core.scope import any_call, tool
from delegation.core.trust import Effect
from delegation.errors import Conflict, Reason
from delegation.server.catalogue_file import load_catalogue
from delegation.wire.tool_reports import ToolsToReport, report_tools_request_message
from support.caller import Caller, GuardRecords, decided, new_key, nonce, now_ms
from support.office import entry
from support.server import identity, running_server

SECRET, PUBLIC, PINNED, SEND, REFUND = "files.secret", "files.public", "files.pinned", "mail.send", "billing.refund"
TOOLS = {
    PUBLIC: {"effects": ["read"], "labels": ["public"]},
    PINNED: {
        "effects": ["read"],
        "labels": ["personal"],
        "manifest_digest": "01" * 32,
        "manifest_required": True,
    },
    "files.local": {"effects": ["read"], "local": True},
    SECRET: {"effects": ["read"], "labels": ["secret"]},
    SEND: {"effects": ["external"]},
    REFUND: {"effects": ["write", "spends"]},
}
DAY_MS = 24 * 3_600_000
IDENTITIES = [identity("tool/all", "tool", audiences=["files", "mail", "billing"]), identity("agent/clerk", "agent")]
FILES, MAIL = any_call("files", "secret"), any_call("mail", "send")


def catalogue(*observed, hours=1):
    until = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return "\n".join(
        entry(name, **says) + (f"observe_until = {until}\n" if name in observed else "") for name, says in TOOLS.items()
    )


@pytest.fixture(scope="module")
def observing(tmp_path_factory):
    """A service whose catalogue has reading and refunds under observation, and sending not."""
    directory = tmp_path_factory.mktemp("observing")
    (directory / "tools.toml").write_text(catalogue(SECRET, PUBLIC, PINNED, REFUND))
    with running_server(directory / "state", identities=IDENTITIES, catalogue=directory / "tools.toml") as server:
        yield server


@pytest.fixture(scope="module")
def callers(observing):
    """A planner, the tools' identity, and an operator; each test's planner is another one: labels stick."""
    with Caller.of(observing, "tool/all") as tools, Caller.of(observing, "developer") as operator:
        yield tools, operator


@pytest.fixture
def tools(callers):
    return callers[0]


@pytest.fixture
def operator(callers):
    return callers[1]


@pytest.fixture
def planner(observing, request):
    with Caller.of(observing, f"agent/{abs(hash(request.node.nodeid))}") as caller:
        yield caller


@pytest.fixture
def guard():
    return GuardRecords(new_key())


def sends(tools, task):
    """Whether the task may send mail, which what it has read decides."""
    decision = tools.decide(task, "mail", "send", {})
    assert decision.refusal is None or decision.refusal.reason is Reason.APPROVAL_REQUIRED
    return decision.refusal is None


# -- what the service decides


@pytest.mark.spec("A-28", "A-29", "A-30", "T-40")
def test_a_refusal_of_a_tool_under_observation_says_so_and_is_recorded_so(tools, operator, planner):
    task = planner.grant(MAIL)
    assert sends(tools, task)
    decision = tools.decide(task, "files", "secret", {})
    assert (decision.refusal.reason, decision.observed) == (Reason.TOOL_NOT_PERMITTED, True)
    call = operator.explain(decision.call_id).call
    assert (call.allowed, call.refusal.reason, call.observed) == (False, Reason.TOOL_NOT_PERMITTED, Observation.LISTED)
    assert not sends(tools, task)  # it was read


@pytest.mark.spec("A-28", "T-45")
@pytest.mark.parametrize(("served", "observed"), [(b"\1" * 32, True), (b"\2" * 32, False), (b"", False)])
def test_a_tool_that_is_another_one_is_not_observed(tools, planner, served, observed):
    task, declared = planner.grant(MAIL), Declaration(manifest_digest=served)
    decision = tools.decide(task, "files", "pinned", {}, declared=declared)
    assert (decision.refusal.reason, decision.observed) == (Reason.TOOL_NOT_PERMITTED, observed)
    assert sends(tools, task) is not observed


def test_benign_a_refusal_of_an_enforced_tool_is_one(tools, operator, planner):
    task = planner.grant(FILES)
    decision = tools.decide(task, "mail", "send", {})
    assert (decision.refusal.reason, decision.observed) == (Reason.TOOL_NOT_PERMITTED, False)
    assert operator.explain(decision.call_id).call.observed is None


def test_benign_a_permitted_call_of_a_tool_under_observation_is_permitted(tools, operator, planner):
    task = planner.grant(FILES)
    decision = tools.decide(task, "files", "secret", {})
    assert (decision.refusal, decision.observed) == (None, False)
    assert operator.explain(decision.call_id).call.observed is None


@pytest.mark.spec("A-11")
def test_the_same_question_gets_the_same_answer_once(tools, planner):
    question = planner.grant(MAIL).question("files", "secret", {})
    first, again = (tools.decide_question(question) for _ in range(2))
    assert (first.call_id, first.observed) == (again.call_id, again.observed)
    assert again.observed


@pytest.mark.spec("A-30", "A-17")
def test_what_runs_beyond_a_budget_takes_nothing_from_it(tools, operator, planner):
    task = planner.grant(tool("billing", "refund", budget("amount", 100), amount=at_most(1_000)))

    def refund(amount):
        return tools.decide(task, "billing", "refund", {"amount": amount})

    assert refund(60).refusal is None
    beyond = refund(50)
    assert (beyond.refusal.reason, beyond.observed) == (Reason.BUDGET_EXCEEDED, True)
    assert refund(40).refusal is None  # what is left, to the cent
    (link,) = operator.explain(beyond.call_id).links
    assert [use.used for use in link.uses] == ["100"]


@pytest.mark.spec("A-30")
def test_a_token_without_its_holders_proof_leaves_nothing_in_its_task(tools, planner):
    task, thief = planner.grant(MAIL), new_key()
    stolen = task.question("files", "secret", {}, proof=task.proof("files", "secret", {}, key=thief))
    decision = tools.decide_question(stolen)
    assert (decision.refusal.reason, decision.observed) == (Reason.PROOF_INVALID, True)
    assert sends(tools, task)


@pytest.mark.spec("A-30", "A-11")
def test_a_nonce_that_was_used_hides_no_reading(tools, planner):
    """The holder calls something else with the same nonce before: this call is a replay, and runs."""
    task = planner.grant(MAIL, any_call("files", "public"))
    same = {"nonce": nonce(), "now_ms": now_ms()}

    def question(name):
        return task.question("files", name, {}, proof=task.proof("files", name, {}, **same))

    assert tools.decide_question(question("public")).refusal is None
    assert sends(tools, task)
    replay = question("secret")
    decision = tools.decide_question(replay)
    assert (decision.refusal.reason, decision.observed) == (Reason.PROOF_REPLAYED, True)
    assert not sends(tools, task)


# -- what guards record


@pytest.mark.spec("A-30", "T-43")
def test_what_a_tool_has_said_of_itself_is_noted_with_what_its_guard_let_run(tools, planner, guard):
    """By the catalogue it is public; the tool says that it is personal, and its guard's record says neither."""
    says = report_tools_request_message(
        ToolsToReport("files", {"public": Declaration(frozenset({Effect.READ}), frozenset({"personal"}))})
    )
    task = planner.grant(MAIL)
    ran = decided(task, "files", "public", {}, reason="service_unavailable", observed=True)
    tools.record_decisions(guard.batch(ran))
    assert sends(tools, task)
    tools.ask(tools.trust.ReportTools, says)
    again = decided(task, "files", "public", {}, reason="service_unavailable", observed=True)
    tools.record_decisions(guard.batch(again))
    assert not sends(tools, task)


@pytest.mark.spec("T-41", "T-42", "A-30")
def test_what_a_guard_has_let_run_is_recorded_counts_in_its_task_and_has_an_outcome(tools, operator, planner, guard):
    task = planner.grant(MAIL)
    ran = decided(task, "files", "secret", {}, reason="service_unavailable", observed=True)
    tools.record_decisions(guard.batch(ran))
    tools.report(guard.outcome(ran.call_id, rows="1"), guard.key.public)
    call = operator.explain(ran.call_id).call
    assert (call.observed, call.outcome, call.impacts) == (Observation.LISTED, "ok", (("rows", "1"),))
    assert not sends(tools, task)


@pytest.mark.spec("T-43")
@pytest.mark.parametrize(("order", "noted"), [(nonce(), True), (b"", False)], ids=["by order", "benign: in process"])
def test_what_a_local_tool_has_said_of_itself_is_noted_where_an_order_let_it_run(tools, planner, guard, order, noted):
    """What is decided in process says nothing more than the catalogue; what an order lets pass may."""
    personal = Declaration(frozenset({Effect.READ}), frozenset({"personal"}))
    tools.ask(tools.trust.ReportTools, report_tools_request_message(ToolsToReport("files", {"local": personal})))
    task = planner.grant(MAIL, any_call("files", "local"))
    tools.record_decisions(guard.batch(decided(task, "files", "local", {}, break_glass=order)))
    assert sends(tools, task) is not noted


@pytest.mark.spec("A-30")
@pytest.mark.parametrize("proof", ["none", "another's", "another call's"])
def test_a_record_without_its_holders_proof_leaves_nothing_in_its_task(tools, planner, guard, proof):
    task = planner.grant(MAIL)
    shown = {
        "none": b"",
        "another's": task.proof("files", "secret", {}, key=new_key()),
        "another call's": task.proof("files", "secret", {"path": "/"}),
    }[proof]
    tools.record_decisions(
        guard.batch(decided(task, "files", "secret", {}, reason="expired", observed=True, proof=shown))
    )
    assert sends(tools, task)


def test_benign_a_refusal_that_did_not_run_leaves_nothing(tools, operator, planner, guard):
    task = planner.grant(MAIL)
    stayed = decided(task, "files", "secret", {}, reason="argument_refused")
    tools.record_decisions(guard.batch(stayed))
    assert sends(tools, task)
    assert operator.explain(stayed.call_id).call.observed is None


@pytest.mark.spec("T-41")
def test_a_guard_that_lets_run_what_no_catalogue_observes_is_shown_to_auditors(tools, operator, guard):
    enforced = decided(None, "mail", "send", {}, reason="chain_missing", observed=True)
    listed = decided(None, "files", "secret", {}, reason="chain_missing", observed=True)
    dated = [
        listed._replace(call_id=nonce(), decided_at_ms=now_ms() + away)
        for away in (-2 * DAY_MS, 5 * 60_000, 2 * 3_600_000)  # long ago, to come, and when it is over
    ]
    tools.record_decisions(guard.batch(enforced, listed, *dated))
    seen = {each.call_id: each.observed for each in operator.calls(observed=True)[0]}
    assert {seen[each.call_id] for each in (enforced, *dated)} == {Observation.CLAIMED}
    assert seen[listed.call_id] is Observation.LISTED


@pytest.mark.spec("T-42")
def test_only_what_ran_has_an_outcome(tools, guard):
    stayed = decided(None, "mail", "send", {}, reason="chain_missing")
    ran = decided(None, "files", "secret", {}, reason="chain_missing", observed=True)
    tools.record_decisions(guard.batch(stayed, ran))
    with pytest.raises(Conflict):
        tools.report(guard.outcome(stayed.call_id), guard.key.public)
    tools.report(guard.outcome(ran.call_id, OutcomeStatus.FAILED), guard.key.public)


def test_auditors_find_what_ran_and_nothing_else(tools, operator, guard):
    ran = decided(None, "files", "secret", {}, reason="chain_missing", observed=True)
    stayed = decided(None, "files", "secret", {}, reason="chain_missing")
    tools.record_decisions(guard.batch(ran, stayed))
    found = {each.call_id for each in operator.calls(observed=True)[0]}
    others = {each.call_id for each in operator.calls(observed=False)[0]}
    assert ran.call_id in found - others
    assert stayed.call_id in others - found


# -- when it ends


@pytest.mark.spec("T-41")
def test_a_guard_that_is_a_moment_behind_is_no_liar(tmp_path):
    """The operator enforces. A guard that has not heard of it yet lets a call run; one an hour later should have."""
    file = tmp_path / "tools.toml"
    file.write_text(catalogue(SECRET, hours=24))
    clock = {"ahead_ms": 0}
    with (
        running_server(
            tmp_path / "state", identities=IDENTITIES, catalogue=file, now_ms=lambda: now_ms() + clock["ahead_ms"]
        ) as server,
        Caller.of(server, "tool/all") as tools,
        Caller.of(server, "developer") as operator,
    ):
        file.write_text(catalogue())
        development_keys(server.application.config, load_catalogue(file))
        trust = server.application._parts.trust
        server.run(trust.look(server.application._storage))
        assert trust.in_use.trust.bundle.version == 2
        assert tools.decide(operator.grant(MAIL), "files", "secret", {}).observed is False
        guard = GuardRecords(new_key())
        behind = decided(None, "files", "secret", {}, reason="chain_missing", observed=True)
        long_ago = behind._replace(call_id=nonce(), decided_at_ms=now_ms() - 3_600_000)
        clock["ahead_ms"] = 3_600_000
        late = behind._replace(call_id=nonce(), decided_at_ms=now_ms() + 3_600_000)
        tools.record_decisions(guard.batch(behind, late, long_ago))
        seen = {each.call_id: each.observed for each in operator.calls(observed=True)[0]}
        assert (seen[behind.call_id], seen[late.call_id]) == (Observation.LISTED, Observation.CLAIMED)
        assert seen[long_ago.call_id] is Observation.CLAIMED  # before there was any bundle


def test_verifiers_get_the_observation_with_the_signed_catalogue(observing, tools):
    documents = tools.trust_documents()
    served = open_catalogue(documents.catalogue, observing.application._parts.trust.in_use.trust.bundle)
    assert served.find("files", "secret").observe_until_ms > now_ms()
    assert served.find("mail", "send").observe_until_ms == 0
