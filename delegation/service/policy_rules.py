"""The operator's policy in the service: which version counts, what it is told of a call, what its answer means here.

A version is rules together with the catalogue that they were checked against. Both are replaced at once, so that no
decision is taken by the rules of one and the effects and labels of another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property, reduce
from typing import Final, NamedTuple

import structlog

from delegation.core.approval import ApprovalLevel
from delegation.core.chain import VerifiedChain
from delegation.core.declaration import NOTHING_DECLARED, Declaration
from delegation.core.hearsay import heard_in, noted_of, noted_unpermitted
from delegation.core.tool_id import tool_id
from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.core.unlisted import LABELS, MOST_SENSITIVE, entry_of
from delegation.errors import Reason, Refused, refusal
from delegation.policy.port import Action, Consent, Denial, Permit, Policy, PolicyQuestion, SignIn, StepUp, Verdict
from delegation.policy.sign_in import together
from delegation.service.call_in_session import CallInSession, Ruling
from delegation.service.decision_point import Answers
from delegation.service.policy_questions import question_of_call
from delegation.service.question_fields import known_fields
from delegation.service.risk_inputs import inputs_text
from delegation.storage.sessions import SessionView

RECORDED_RULES: Final = 16
"""Of the rules that decided a call, so many are named in its record."""

Consented = Callable[[CallInSession, SessionView, tuple[Consent, ...], bytes], bool]
"""Tells, inside the transaction of a decision, whether everything that a policy of this digest demands of a call is
there."""

_LOG: Final = structlog.get_logger("delegation")


class Entry(NamedTuple):
    """What is known of a tool, and what the rules have to do with calls of it.

    Attributes:
        tool: what the catalogue says, with what the tool declares.
        listed: whether the catalogue lists it.
        judged: whether a call of it depends on anything more.
        reads_owner: whether it depends on who answers for the agent.
        undeclared: what the catalogue says alone, where the tool declares more; else None.
        known: which fields of a question about it are known, of those that `risk_inputs` keeps.
        apart: what is noted of its calls, where the tool declares more; else None.
    """

    tool: CatalogueTool
    listed: bool
    judged: bool
    reads_owner: bool
    undeclared: CatalogueTool | None = None
    known: tuple[str, ...] = ()
    apart: CatalogueTool | None = None

    @property
    def noted(self) -> CatalogueTool:
        """What is noted of its calls: what is no more than said or supposed of it, under names of its own.

        That a tool which nobody lists may do anything is a supposition: it forbids, and is no evidence (T-43).
        """
        noted = self.apart or self.tool
        return noted if self.listed else noted_unpermitted(noted)

    @property
    def acts(self) -> frozenset[Effect]:
        """What its calls may do, by the catalogue: with the agent's own history."""
        return (self.undeclared or self.tool).effects


def nobody_consented(
    call: CallInSession, view: SessionView, demands: tuple[Consent, ...], policy_digest: bytes
) -> bool:
    """Tell that nobody has consented, whatever is demanded."""
    del call, view, demands, policy_digest
    return False


def ask(policy: Policy, question: PolicyQuestion, consented: Callable[[tuple[Consent, ...]], bool]) -> Verdict:
    """Ask a policy; where it demands consent and that is there, once more with it."""
    verdict = policy.decide(question)
    if isinstance(verdict, StepUp) and consented(verdict.demands):
        return policy.decide(question._replace(approved=True))
    return verdict


def verdict_on(
    policy: Policy,
    question: PolicyQuestion,
    consented: Callable[[tuple[Consent, ...]], bool],
    *,
    undeclared: CatalogueTool | None = None,
) -> Verdict:
    """Ask a policy about a call; once more where people have consented, or the tool declares more than is listed.

    A rule may well permit what has an effect or a label, or what comes after it. No declaration shall be a way to that:
    it is asked about what the catalogue says alone, too, and the stricter answer counts (T-43).

    Args:
        policy: the rules.
        question: about the call, with what the tool declares.
        consented: tells whether everything is there that is demanded.
        undeclared: what the catalogue says of the tool alone, where the tool declares more.
    """
    return reduce(stricter, (ask(policy, each, consented) for each in both_ways(question, undeclared)))


def both_ways(question: PolicyQuestion, undeclared: CatalogueTool | None = None) -> tuple[PolicyQuestion, ...]:
    """Give a question with everything that tools have said, and without; just one where that makes no difference."""
    heard = heard_in(question.task_labels)
    if heard is None:
        return (question,) if undeclared is None else (question, question._replace(tool=undeclared))
    said = question._replace(
        task_labels=heard.labels | heard.declared_labels, task_effects=question.task_effects | heard.declared_effects
    )
    alone = question._replace(task_labels=heard.labels, tool=undeclared or question.tool)
    return (said,) if said == alone else (said, alone)


class PolicyRules:
    """One version of the policy.

    Args:
        policy: the rules.
        catalogue: the tools that they were checked against.
        catalogue_digest: SHA-256 of it; empty: there is none.
        version: counts the versions of this database.
        dev: tools that are not listed count as if they were, and harmless: development lists what it meets.
        consented: tells whether people have consented to a call.
    """

    scope_questions = 16_384
    """Asked in one request at most; a question takes some ten microseconds."""

    chains_at_a_time = 1
    """Of one request that hands several on, so many are asked about side by side."""

    def __init__(
        self,
        policy: Policy,
        catalogue: Catalogue,
        *,
        catalogue_digest: bytes = b"",
        version: int = 0,
        dev: bool = False,
        consented: Consented = nobody_consented,
    ) -> None:
        self.policy = policy
        self.catalogue = catalogue
        self.catalogue_digest = catalogue_digest
        self.version = version
        self.notes_every_call = policy.reads_history
        self.notes_agents = policy.reads_agents
        self.gives_freely = frozenset(
            action for action in (Action.GRANT, Action.HAND_OFF) if policy.permits_all(action)
        )
        self._dev = dev
        self._consented = consented
        # Of listed tools alone: there is no end to the names of others.
        self._entries = {(tool.audience, tool.tool): self._entry(tool, listed=True) for tool in catalogue.tools}
        self._labels = LABELS.union(*(tool.labels for tool in catalogue.tools))
        self._declared: dict[tuple[str, str, frozenset[Effect], frozenset[str]], Entry] = {}

    @property
    def digest(self) -> bytes:
        """SHA-256 of the policy's text, 32 bytes."""
        return self.policy.digest

    @cached_property
    def approval_digest(self) -> bytes:
        """What approvals are bound to, 32 bytes: rules and catalogue as one version.

        By another catalogue the tool may do something else than people have consented to.
        """
        return hashlib.sha256(self.digest + self.catalogue_digest).digest()

    def entry(self, audience: str, tool: str, declared: Declaration = NOTHING_DECLARED) -> Entry:
        """Tell what the rules have to do with calls of a tool, given what it says of itself.

        A label that no rule could name is taken for the most sensitive one: labels are kept with tasks and agents, and
        there would be no end to those that a tool makes up.
        """
        entry = self._listed(audience, tool)
        if made_up := declared.labels - self._labels:
            declared = declared._replace(labels=declared.labels - made_up | {MOST_SENSITIVE})
        return entry if not declared.adds_to(entry.tool) else self._united(entry, declared)

    def _listed(self, audience: str, tool: str) -> Entry:
        found = self._entries.get((audience, tool))
        if found is not None:
            return found
        if self._dev:
            return self._met(audience, tool)
        return self._entry(entry_of(self.catalogue, audience, tool), listed=False)

    def leaves_to_the_chain(self, tool: CatalogueTool) -> bool:
        """Tell whether calls of a tool would depend on nothing but the chain, and leave nothing that a rule reads."""
        return not (self._entry(tool, listed=True).judged or self.notes_every_call or self.notes_agents)

    def require_pinned(self, audience: str, tool: str, declared: Declaration) -> None:
        """Require that a tool is the one that the catalogue pins, where it demands that (T-45).

        Raises:
            PolicyDenied: POLICY_DENIED: it is another one, or whoever serves it does not say.
        """
        entry = self.catalogue.find(audience, tool)
        if entry is not None and entry.manifest_required and declared.is_another(entry):
            raise refusal(Reason.POLICY_DENIED, detail="the tool is not the one that the operator's catalogue pins")

    def sign_in_refusal(self, rules: Collection[str]) -> Refused | None:
        """Make the refusal of a recorded call that these rules had a sign-in demanded for; None if they do not now."""
        demand = self.policy.sign_in(rules)
        return None if demand is None else authentication_required(demand)

    @property
    def not_asked_about(self) -> tuple[str, ...]:
        """The tools that rules say something about, and whose guards may decide without asking them."""
        entries = self._entries.values()
        return tuple(tool_id(each.tool.audience, each.tool.tool) for each in entries if each.judged and each.tool.local)

    def __call__(self, call: CallInSession, view: SessionView) -> Ruling:
        """Rule on a call, given the state of its task. Waits for nothing; whatever it raises refuses the call."""
        question = question_of_call(call, view)
        given: list[Consent] = []

        def consented(demands: tuple[Consent, ...]) -> bool:
            if not self._consented(call, view, demands, self.approval_digest):
                return False
            given.extend(demands)
            return True

        verdict = self._verdict(call, question, consented)
        declared = call.undeclared is not None
        inputs = inputs_text(
            question, call.known, consented=tuple(dict.fromkeys(given)), fulfils=call.fulfils, declared=declared
        )
        return ruling_of(verdict, call.fulfils)._replace(inputs=inputs)

    async def refusals(self, questions: Sequence[PolicyQuestion]) -> list[tuple[PolicyQuestion, Verdict]]:
        """Ask about a scope; give what is no permission, with its question. Ends where no sign-in would help."""
        found: list[tuple[PolicyQuestion, Verdict]] = []
        for question in questions:
            verdict = reduce(stricter, map(self.policy.decide, both_ways(question)))
            if not isinstance(verdict, Permit):
                found.append((question, verdict))
                if not isinstance(verdict, SignIn):
                    break
        return found

    def answers(self, chain: VerifiedChain, acting: str) -> Answers | None:
        """Begin to ask about a call what has to be asked before its transaction; None: nothing has.

        Args:
            chain: the call's.
            acting: the agent whose history the rules see; empty: nobody's.
        """
        del chain, acting
        return None

    def _verdict(
        self, call: CallInSession, question: PolicyQuestion, consented: Callable[[tuple[Consent, ...]], bool]
    ) -> Verdict:
        return verdict_on(self.policy, question, consented, undeclared=call.undeclared)

    def _entry(self, tool: CatalogueTool, *, listed: bool) -> Entry:
        concern = self.policy.concern(Action.CALL, tool, listed=listed)
        judged = concern.answer != Permit()
        known = self._known(tool, listed=listed) if judged else ()
        return Entry(tool, listed, judged, concern.reads_owner, known=known)

    def _known(self, tool: CatalogueTool, *, listed: bool) -> tuple[str, ...]:
        words = self.policy.reads(Action.CALL, tool, listed=listed).words
        return known_fields(words, noted=self.notes_every_call, agents_noted=self.notes_agents)

    def _united(self, entry: Entry, declared: Declaration) -> Entry:
        key = entry.tool.audience, entry.tool.tool, declared.effects, declared.labels
        found = self._declared.get(key)
        if found is None:
            found = self._entry(declared.united(entry.tool), listed=entry.listed)
            judged = found.judged or entry.judged
            found = found._replace(
                judged=judged,
                reads_owner=found.reads_owner or entry.reads_owner,
                undeclared=entry.tool,
                apart=noted_of(entry.tool, found.tool),
                known=tuple(dict.fromkeys((*found.known, *entry.known))),
            )
            if len(self._declared) >= _MOST_DECLARED:  # a tool may well declare something else each time
                self._declared.clear()
            self._declared[key] = found
        return found

    def _met(self, audience: str, tool: str) -> Entry:
        """Take a tool that development has not met before for listed."""
        entry = self._entry(CatalogueTool(audience, tool, frozenset({Effect.READ})), listed=True)
        if len(self._entries) < _MOST_MET:
            self._entries[audience, tool] = entry
            _LOG.info("a tool that no catalogue lists: taken to read what is public", audience=audience, tool=tool)
        return entry


_STRICTNESS: Final = (Permit, StepUp, SignIn, Denial)
_MOST_MET: Final = 4096
_MOST_DECLARED: Final = 4096


def stricter(one: Verdict, other: Verdict) -> Verdict:
    """Give what two answers about one call come to: everything that either of them demands."""
    if isinstance(one, Permit) and isinstance(other, Permit):
        return Permit(tuple(dict.fromkeys((*one.obligations, *other.obligations))))
    if isinstance(one, StepUp) and isinstance(other, StepUp):
        return StepUp(tuple(dict.fromkeys((*one.demands, *other.demands))))
    if isinstance(one, SignIn) and isinstance(other, SignIn):
        return together([one, other])
    return max(one, other, key=lambda answer: _STRICTNESS.index(type(answer)))


class PolicyInUse:
    """The version that counts; another takes its place at once.

    Args:
        rules: the first.
    """

    def __init__(self, rules: PolicyRules) -> None:
        self._rules = rules

    def __call__(self) -> PolicyRules:
        """Give the version that counts now: whoever decides asks once, and goes on with that."""
        return self._rules

    def use(self, rules: PolicyRules) -> None:
        """Decide by another version from now on."""
        self._rules = rules


def ruling_of(verdict: Verdict, fulfils: frozenset[str]) -> Ruling:
    """Say what the policy's answer to a call means.

    Args:
        verdict: the answer.
        fulfils: the obligations that whoever asked has said to fulfil: a permission with others is none.
    """
    match verdict:
        case Permit(obligations):
            rules = _once(obligation.rule for obligation in obligations)
            names = tuple(sorted({str(obligation.kind) for obligation in obligations}))
            if missing := [name for name in names if name not in fulfils]:
                detail = f"the tool does not promise what the permission demands: {', '.join(missing)}"
                return Ruling(refusal(Reason.POLICY_DENIED, field=",".join(rules), detail=detail), rules)
            return Ruling(None, rules, names)
        case SignIn():
            return Ruling(authentication_required(verdict), _once(verdict.rules))
        case StepUp(demands):
            return Ruling(approval_required(demands), _once(demand.rule for demand in demands), demands=demands)
        case Denial(rules, detail):
            named = rules[:RECORDED_RULES]
            return Ruling(refusal(Reason.POLICY_DENIED, field=",".join(named), detail=detail), named)


def approval_required(demands: tuple[Consent, ...]) -> Refused:
    """Make the refusal of a call that people have to consent to first."""
    rules = _once(demand.rule for demand in demands)
    detail = "; ".join(map(_words, demands[:RECORDED_RULES]))
    return refusal(Reason.APPROVAL_REQUIRED, field=",".join(rules), detail=detail)


def authentication_required(demand: SignIn) -> Refused:
    """Make the refusal of what the principal has to sign in for first."""
    how = f" with acr {' or '.join(demand.acr_values)}" if demand.acr_values else ""
    when = f", at most {demand.max_age_s} s before" if demand.max_age_s is not None else ""
    detail = f"whoever the task is for has to sign in{how}{when}"
    refused = refusal(Reason.AUTHENTICATION_REQUIRED, field=",".join(_once(demand.rules)), detail=detail)
    refused.acr_values, refused.max_age_s = demand.acr_values, demand.max_age_s
    return refused


def _words(demand: Consent) -> str:
    named = f" of {', '.join(demand.approvers)}" if demand.approvers else ""
    people = "person consents" if demand.threshold == 1 else "people consent"
    how = " with a key of their own" if demand.level is ApprovalLevel.SIGNED else ""
    return f"{demand.rule}: {demand.threshold} {people}{named}{how}"


def _once(rules: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rules))[:RECORDED_RULES]
