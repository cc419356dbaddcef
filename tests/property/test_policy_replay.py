"""A replay is right or says that it cannot tell: whichever rules decided, and whichever are asked again.

Policies and calls are drawn. Each call is decided by one policy and recorded as the service does; another is asked
about the record, and about everything that was true then.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from delegation.core.conditions import at_most_calls
from delegation.core.kept_arguments import KeptArguments
from delegation.core.lineage import RecordedCall
from delegation.core.scope import Scope, any_call
from delegation.policy.port import Action, Permit
from delegation.service.both_ways import verdict_on
from delegation.service.policy_replay import ChainThen, Kind, Replay
from delegation.service.policy_replay.outcome import _KINDS
from delegation.service.question_fields import known_fields
from delegation.service.risk_inputs import inputs_text
from delegation.service.rulings import ruling_of
from property.test_policy_subsets import policies, questions
from support.policies import CATALOGUE

PAST = ("task_labels", "task_effects", "task_tools", "task_calls", "task_denials")


class Truth:
    """What was true of a call, as far as other records say it."""

    def __init__(self, question):
        tool = question.tool.audience, question.tool.tool
        counted = (
            Scope(any_call(*tool, at_most_calls(9))) if question.calls_left is not None else Scope(any_call(*tool))
        )
        self._chain = ChainThen(question.agents, question.principal, question.purpose, question.owner, (counted,))
        self._past = {name: getattr(question, name) for name in PAST}

    def chain(self, call):
        del call
        return self._chain

    def past(self, call):
        del call
        return self._past


def decided(policy, question, people, fulfils):
    """Decide as the service does; give the ruling, and whose consent was there."""
    there = []

    def consented(demands):
        if people:
            there.extend(demands)
        return people

    return ruling_of(verdict_on(policy, question, consented), fulfils), tuple(there)


def kind(ruling):
    return Kind.PERMITTED if ruling.refusal is None else _KINDS[ruling.refusal.reason]


def recorded(policy, question, people, fulfils):
    """Record a decision as the service does: with inputs if rules were asked."""
    ruling, there = decided(policy, question, people, fulfils)
    inputs = ""
    if policy.concern(Action.CALL, question.tool, listed=question.listed).answer != Permit():
        words = policy.reads(Action.CALL, question.tool, listed=question.listed).words
        known = known_fields(words, noted=policy.reads_history, agents_noted=policy.reads_agents)
        inputs = inputs_text(question, known, consented=there, fulfils=fulfils)
    return RecordedCall(
        call_id=bytes(16),
        task_id=bytes(16),
        leaf_link_id=bytes(32),
        agent=question.agents[-1],
        principal_subject=question.principal.subject,
        audience=question.tool.audience,
        tool=question.tool.tool,
        refusal=ruling.refusal,
        arguments_digest=bytes(32),
        decided_at_ms=question.now_s * 1000,
        decided_by="service",
        feed_position=0,
        rules=ruling.rules,
        kept=KeptArguments(dict(question.arguments), {}, 0),
        inputs=inputs,
    )


calls = questions().map(lambda question: question._replace(action=Action.CALL, approved=False))
promises = st.sampled_from([frozenset(), frozenset({"notify"})])


@given(policies(), calls, st.booleans(), promises)
def test_the_policy_that_decided_decides_the_same(policy, question, people, fulfils):
    call = recorded(policy, question, people, fulfils)
    found = Replay(policy, CATALOGUE, Truth(question))(call)
    assert (found.now, found.why_not, found.rebuilt) == (found.then, "", ())


@given(policies(), policies(), calls, st.booleans(), promises)
def test_another_says_what_it_would_have_said_or_that_it_cannot_be_told(policy, other, question, people, fulfils):
    call = recorded(policy, question, people, fulfils)
    found = Replay(other, CATALOGUE, Truth(question))(call)
    ruling, demanded = decided(other, question, bool(decided(policy, question, people, fulfils)[1]), fulfils)
    if found.now is None:
        assert found.why_not
    else:
        assert found.now is kind(ruling), demanded
