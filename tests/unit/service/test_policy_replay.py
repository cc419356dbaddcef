"""What another policy says to a recorded call: from what was recorded, with nothing guessed."""

from __future__ import annotations

import itertools

import pytest

from delegation.core.arguments import Arguments
from delegation.core.conditions import at_most_calls, budget
from delegation.core.kept_arguments import KeptArguments
from delegation.core.lineage import RecordedCall, RecordedLink
from delegation.core.observation import Observation
from delegation.core.scope import Scope, any_call
from delegation.errors import Reason, refusal
from delegation.policy.port import Consent
from delegation.service.policy_replay import ChainThen, Kind, Replay, Report, TaskPast
from delegation.service.question_fields import known_fields
from delegation.service.risk_inputs import inputs_text
from support.chains import chain
from support.policies import CATALOGUE, PERMIT, policy_of, question

_IDS = itertools.count(1)
ALL = Scope(any_call("crm", "read"), any_call("mail", "send"), any_call("billing", "refund"))


def recorded(tool: str, *, refused: Reason | None = None, link_index: int | None = None, **more) -> RecordedCall:
    audience, _, name = tool.partition(".")
    fields = {
        "call_id": next(_IDS).to_bytes(16, "big"),
        "task_id": b"t" * 16,
        "leaf_link_id": b"l" * 32,
        "agent": "spiffe://example.org/planner",
        "principal_subject": "ada",
        "audience": audience,
        "tool": name,
        "refusal": refused and refusal(refused, link_index=link_index),
        "arguments_digest": bytes(32),
        "decided_at_ms": 1_795_000_000_000,
        "decided_by": "service",
        "feed_position": 0,
    }
    return RecordedCall(**{**fields, **more})


class Records:
    """Recorded links and calls; counts what it was asked for."""

    def __init__(self, path: str | None = "planner", scope: Scope = ALL, *, calls: tuple[RecordedCall, ...] = ()):
        self.asked = []
        self._chain = None
        if path is not None:
            made = chain(path, scopes=(scope,))
            links = [RecordedLink(i, None, n, p, s, 1, False, "team") for n, (p, s, i) in enumerate(made.signed)]
            self._chain = ChainThen.of(links)
        self._past = TaskPast(CATALOGUE)
        for call in reversed(calls):
            self._past.take(call)

    def chain(self, call):
        self.asked.append("chain")
        return self._chain

    def past(self, call):
        self.asked.append("past")
        return self._past.before(call.call_id)


def told(*words: str, noted: bool = False, **fields) -> str:
    known = known_fields(words, noted=noted, agents_noted=False)
    extra = {name: fields.pop(name) for name in ("consented", "fulfils", "declared") if name in fields}
    return inputs_text(question("mail.send", **fields), known, **extra)


def replayed(rules: str, call: RecordedCall, records: Records | None = None):
    return Replay(policy_of(PERMIT + rules), CATALOGUE, records or Records())(call)


def when(condition: str, tool: str = "mail.send", *, says: str = "") -> str:
    return (
        f'@id("rule") {says} forbid (principal, action == Action::"call", resource == Tool::"{tool}")'
        f" when {{ {condition} }};\n"
    )


PERSONAL = when('context.taskLabels.contains("personal")')


# -- what rules decided


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (recorded("mail.send"), Kind.PERMITTED),
        (recorded("mail.send", refused=Reason.POLICY_DENIED, rules=("no",)), Kind.REFUSED),
        (recorded("mail.send", refused=Reason.POLICY_DENIED, inputs="{}"), Kind.REFUSED),
        (recorded("mail.send", refused=Reason.APPROVAL_REQUIRED, rules=("ask",)), Kind.APPROVAL),
        (recorded("mail.send", refused=Reason.APPROVAL_REQUIRED), Kind.PERMITTED),  # a link demands it, not the rules
        (recorded("mail.send", refused=Reason.AUTHENTICATION_REQUIRED, rules=("in",)), Kind.SIGN_IN),
    ],
)
def test_what_rules_decided_is_told_from_what_they_did_not(call, kind):
    assert replayed("", call).then is kind


@pytest.mark.parametrize(
    "call",
    [
        recorded("mail.send", decided_by="ab" * 32),
        recorded("mail.send", refused=Reason.TOOL_NOT_PERMITTED),
        recorded("mail.send", refused=Reason.BUDGET_EXCEEDED),
        recorded("mail.send", refused=Reason.PROOF_REPLAYED),
        recorded("mail.send", refused=Reason.INTERNAL),
        recorded("mail.send", refused=Reason.POLICY_DENIED, link_index=1, rules=("no",)),  # a handoff's
        recorded("mail.send", refused=Reason.POLICY_DENIED),  # the tool is not the one that is pinned
    ],
)
def test_what_was_not_for_rules_to_decide_is_not_asked_about(call):
    records = Records()
    assert replayed(PERSONAL, call, records) is None
    assert records.asked == []


# -- as it was told, or rebuilt


def test_a_call_is_asked_about_as_the_policy_was_told_of_it():
    inputs = told(task_labels=frozenset({"personal"}))
    records = Records()
    found = replayed(PERSONAL, recorded("mail.send", inputs=inputs), records)
    assert (found.now, found.rules, found.rebuilt, found.differs) == (Kind.REFUSED, ("rule",), (), True)
    assert "past" not in records.asked
    assert replayed(PERSONAL, recorded("mail.send", inputs=told())).now is Kind.PERMITTED


def test_what_was_not_told_is_rebuilt_from_the_calls_before():
    read, send = recorded("crm.read"), recorded("mail.send")
    records = Records(calls=(read, send))
    found = replayed(PERSONAL, send, records)
    assert (found.now, found.rebuilt) == (Kind.REFUSED, ("taskLabels",))
    assert replayed(PERSONAL, send, Records(calls=(send, read))).now is Kind.PERMITTED  # it was read after that
    refused = recorded("crm.read", refused=Reason.POLICY_DENIED, rules=("no",))
    assert replayed(PERSONAL, send, Records(calls=(refused, send))).now is Kind.PERMITTED
    counts = when("context.taskCalls == 1 && context.taskDenials == 1")
    assert replayed(counts, send, Records(calls=(read, refused, send))).now is Kind.REFUSED


def test_what_counts_as_a_denial_and_what_ran_all_the_same():
    send = recorded("mail.send")
    three = when("context.taskDenials >= 2")
    of_a_guard = recorded("crm.read", refused=Reason.TOOL_NOT_PERMITTED, decided_by="ab" * 32)
    not_its_own = recorded("crm.read", refused=Reason.PROOF_INVALID)
    counted = [recorded("crm.read", refused=reason) for reason in (Reason.TOOL_NOT_PERMITTED, Reason.BUDGET_EXCEEDED)]
    assert replayed(three, send, Records(calls=(*counted, send))).now is Kind.REFUSED
    assert replayed(three, send, Records(calls=(counted[0], of_a_guard, not_its_own, send))).now is Kind.PERMITTED
    observed = recorded("crm.read", refused=Reason.POLICY_DENIED, rules=("no",), observed=Observation.LISTED)
    assert replayed(PERSONAL, send, Records(calls=(observed, send))).now is Kind.REFUSED
    after = '@id("rule") forbid (principal, action == Action::"call", resource == Tool::"mail.send") unless {{ {} }};\n'
    for happened in (
        'taskTools.contains("crm.read")',
        'taskEffects.contains("read")',
        'taskLabels.contains("personal")',
    ):
        rule = after.format(f"context.{happened}")
        assert replayed(rule, send, Records(calls=(observed, send))).now is Kind.REFUSED  # nobody had permitted it
        assert replayed(rule, send, Records(calls=(recorded("crm.read"), send))).now is Kind.PERMITTED
    assert replayed("", observed).then is Kind.REFUSED


def test_where_rules_read_nothing_nothing_else_is_looked_up():
    records = Records()
    assert replayed(when("true"), recorded("mail.send"), records).now is Kind.REFUSED
    assert replayed(PERSONAL, recorded("crm.read"), records).now is Kind.PERMITTED
    assert records.asked == []


def test_history_that_nobody_noted_is_rebuilt_though_labels_were_told():
    read, send = recorded("docs.read"), recorded("mail.send", inputs=told(task_labels=frozenset({"personal"})))
    rules = when('context.taskTools.contains("docs.read") && context.taskLabels.contains("personal")')
    found = replayed(rules, send, Records(calls=(read, send)))
    assert (found.now, found.rebuilt) == (Kind.REFUSED, ("taskTools",))


def test_a_call_that_its_task_does_not_have_cannot_be_told():
    found = replayed(PERSONAL, recorded("mail.send"), Records(calls=()))
    assert (found.now, found.why_not) == (None, "taskLabels was not recorded")
    assert not found.differs


# -- chains


def test_who_is_asserted_is_known_of_a_grant_alone_and_else_if_it_was_told():
    rules = when("!context.assertedAgents.isEmpty()")
    assert replayed(rules, recorded("mail.send")).now is Kind.PERMITTED
    handed_on = Records("planner -> worker")
    assert replayed(rules, recorded("mail.send"), handed_on).why_not == "assertedAgents was not recorded"
    asserted = told(asserted=frozenset({"spiffe://example.org/worker"}))
    assert replayed(rules, recorded("mail.send", inputs=asserted), handed_on).now is Kind.REFUSED
    assert replayed(rules, recorded("mail.send", inputs=told()), handed_on).now is Kind.PERMITTED


def test_what_only_the_chain_tells_is_not_known_without_it():
    for field in ("context.depth > 1", 'context.purpose == "x"', 'context.principalIssuer == "x"'):
        found = replayed(when(field), recorded("mail.send", inputs=told()), Records(None))
        assert found.now is None
        assert found.why_not.endswith("was not recorded")
        assert replayed(when(field), recorded("mail.send", inputs=told())).now is Kind.PERMITTED
    assert replayed(when("context.depth == 2"), recorded("mail.send"), Records("a -> b")).now is Kind.REFUSED


def test_what_was_left_of_counts_is_known_where_there_are_none_or_it_was_told():
    rules = when("context has callsLeft && context.callsLeft < 3")
    assert replayed(rules, recorded("mail.send")).now is Kind.PERMITTED
    counted = Records(scope=Scope(any_call("mail", "send", at_most_calls(5))))
    assert replayed(rules, recorded("mail.send"), counted).why_not == "callsLeft was not recorded"
    assert replayed(rules, recorded("mail.send", inputs=told(calls_left=2)), counted).now is Kind.REFUSED
    assert replayed(rules, recorded("mail.send", inputs=told(calls_left=3)), counted).now is Kind.PERMITTED


def test_what_was_left_of_budgets_too():
    rules = when(
        'context.budgetsLeft has amount && context.budgetsLeft.amount.lessThan(decimal("5.0"))',
        "billing.refund",
        says='@arguments("amount: decimal")',
    )
    kept = KeptArguments({"amount": 1}, {}, 0)
    spent = Records(scope=Scope(any_call("billing", "refund", budget("amount", "9"))))
    call = recorded("billing.refund", kept=kept, inputs=told(budgets_left={"amount": "4.5"}))
    assert replayed(rules, call, spent).now is Kind.REFUSED
    assert replayed(rules, recorded("billing.refund", kept=kept), spent).why_not == "budgetsLeft was not recorded"
    assert replayed(rules, recorded("billing.refund", kept=kept)).now is Kind.PERMITTED


# -- arguments


LARGE = when(
    'context.arguments has amount && context.arguments.amount.greaterThan(decimal("50.0"))',
    "billing.refund",
    says='@arguments("amount: decimal")',
)


@pytest.mark.parametrize(
    ("kept", "now"),
    [
        (KeptArguments({"amount": 51}, {}, 0), Kind.REFUSED),
        (KeptArguments({"amount": 50, "order": "o"}, {}, 3), Kind.PERMITTED),
        (KeptArguments({"amount": "ten"}, {}, 0), Kind.REFUSED),
        (KeptArguments({"order": "o"}, {"note": bytes(32)}, 0), Kind.PERMITTED),  # there was no amount
        (KeptArguments({}, {"amount": bytes(32)}, 0), None),
        (KeptArguments({"order": "o"}, {}, 1), None),  # it may be the one that was dropped
        (None, None),
    ],
)
def test_an_argument_that_was_not_kept_is_not_guessed(kept, now):
    found = replayed(LARGE, recorded("billing.refund", kept=kept))
    assert found.now is now
    assert found.why_not == ("" if now else "the argument amount was not kept")


def test_a_call_without_arguments_is_known_to_have_none():
    nothing = recorded("billing.refund", arguments_digest=Arguments.of({}).digest)
    assert replayed(LARGE, nothing).now is Kind.PERMITTED


# -- consent, obligations, declarations


ASK = '@obligation("approve") @approvers("{}")'


def test_consent_of_then_counts_where_the_same_is_demanded_now():
    consented = told(consented=(Consent("former-name", ("ann",)),))
    call = recorded("mail.send", inputs=consented)
    assert replayed(when("true", says=ASK.format("ann")), call).now is Kind.PERMITTED
    assert replayed(when("true", says=ASK.format("ben")), call).now is Kind.APPROVAL
    assert replayed(when("true", says=ASK.format("ann") + ' @threshold("1")'), call).now is Kind.PERMITTED
    assert replayed(when("true", says=ASK.format("ann")), recorded("mail.send", inputs=told())).now is Kind.APPROVAL


def test_an_obligation_needs_the_promise_of_then():
    policy = policy_of('@id("all") @obligation("redact") permit (principal, action, resource);')
    asked = Replay(policy, CATALOGUE, Records())
    assert asked(recorded("crm.read", inputs=told(fulfils=frozenset({"redact"})))).now is Kind.PERMITTED
    assert asked(recorded("crm.read", inputs=told())).now is Kind.REFUSED
    unknown = asked(recorded("crm.read"))
    assert (unknown.now, "promised" in unknown.why_not) == (None, True)


def test_what_the_tool_declared_then_counts_beside_the_catalogue():
    audience = question("crm.read")
    declaring = audience._replace(tool=audience.tool._replace(effects=audience.tool.effects | {"external"}))
    inputs = inputs_text(declaring, known_fields((), noted=False, agents_noted=False), declared=True)
    rules = '@id("rule") forbid (principal, action == Action::"call", resource)'
    rules += ' when { context.effects.contains("external") };'
    assert replayed(rules, recorded("crm.read", inputs=inputs)).now is Kind.REFUSED
    assert replayed(rules, recorded("crm.read", inputs=told())).now is Kind.PERMITTED
    send = recorded("mail.send")
    effects = when('context.taskEffects.contains("external")')
    before = recorded("crm.read", inputs=inputs)
    assert replayed(effects, send, Records(calls=(before, send))).now is Kind.REFUSED
    plain = recorded("crm.read")
    assert replayed(effects, send, Records(calls=(plain, send))).now is Kind.PERMITTED


# -- many


def test_a_report_holds_no_more_however_many_calls_there_are(monkeypatch):
    monkeypatch.setattr("delegation.service.policy_replay.report.DIFFERING", 3)
    monkeypatch.setattr("delegation.service.policy_replay.report.GROUPS", 2)
    report = Report()
    ask = Replay(policy_of(PERMIT + '@id("rule") forbid (principal, action, resource);'), CATALOGUE, Records())
    for number in range(10):
        call = recorded(f"web.tool-{number}")
        report.take(call, ask(call))
    report.take(call, None)
    assert (report.calls, report.asked, report.differs, report.same) == (11, 10, 10, 0)
    assert next((change.tool, count) for change, count in report.changes.most_common()) == ("…", 8)
    assert len(report.changes) == 3
    assert len(report.differing) == 3
    assert report.apart == {"decided in process": 1}
