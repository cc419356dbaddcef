"""The operator's policy in the service: which version counts, what it is told of a call, what its answer means here.

A version is rules together with the catalogue that they were checked against. Both are replaced at once, so that no
decision is taken by the rules of one and the effects and labels of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import structlog

from delegation.core.declaration import NOTHING_DECLARED, Declaration
from delegation.core.tool_id import tool_id
from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.core.unlisted import entry_of
from delegation.errors import Reason, Refused, refusal
from delegation.policy.port import Action, Consent, Denial, Permit, Policy, PolicyQuestion, StepUp, Verdict
from delegation.service.call_in_session import CallInSession, Ruling
from delegation.service.policy_questions import question_of_call
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
    """

    tool: CatalogueTool
    listed: bool
    judged: bool
    reads_owner: bool
    undeclared: CatalogueTool | None = None


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
        self.gives_freely = frozenset(
            action for action in (Action.GRANT, Action.HAND_OFF) if policy.permits_all(action)
        )
        self._dev = dev
        self._consented = consented
        # Of listed tools alone: there is no end to the names of others.
        self._entries = {(tool.audience, tool.tool): self._entry(tool, listed=True) for tool in catalogue.tools}
        self._declared: dict[tuple[str, str, frozenset[Effect], frozenset[str]], Entry] = {}

    @property
    def digest(self) -> bytes:
        """SHA-256 of the policy's text, 32 bytes."""
        return self.policy.digest

    def entry(self, audience: str, tool: str, declared: Declaration = NOTHING_DECLARED) -> Entry:
        """Tell what the rules have to do with calls of a tool, given what it says of itself."""
        entry = self._listed(audience, tool)
        return entry if not declared.adds_to(entry.tool) else self._united(entry, declared)

    def _listed(self, audience: str, tool: str) -> Entry:
        found = self._entries.get((audience, tool))
        if found is not None:
            return found
        if self._dev:
            return self._met(audience, tool)
        return self._entry(entry_of(self.catalogue, audience, tool), listed=False)

    @property
    def not_asked_about(self) -> tuple[str, ...]:
        """The tools that rules say something about, and whose guards may decide without asking them."""
        entries = self._entries.values()
        return tuple(tool_id(each.tool.audience, each.tool.tool) for each in entries if each.judged and each.tool.local)

    def verdict(self, call: CallInSession, view: SessionView) -> Verdict:
        """Ask the policy about a call; once more where people have consented, or the tool declares more than is listed.

        A rule may well permit what has an effect or a label. No declaration shall be a way to that: it is asked about
        what the catalogue says alone, too, and the stricter answer counts (T-43).
        """

        def consented(demands: tuple[Consent, ...]) -> bool:
            return self._consented(call, view, demands, self.digest)

        verdict = ask(self.policy, question_of_call(call, view), consented)
        if call.undeclared is None or isinstance(verdict, Denial):
            return verdict
        listed = ask(self.policy, question_of_call(call._replace(tool=call.undeclared), view), consented)
        return stricter(verdict, listed)

    def __call__(self, call: CallInSession, view: SessionView) -> Ruling:
        """Rule on a call, given the state of its task. Waits for nothing; whatever it raises refuses the call."""
        return ruling_of(self.verdict(call, view), call.fulfils)

    def _entry(self, tool: CatalogueTool, *, listed: bool) -> Entry:
        concern = self.policy.concern(Action.CALL, tool, listed=listed)
        return Entry(tool, listed, concern.answer != Permit(), concern.reads_owner)

    def _united(self, entry: Entry, declared: Declaration) -> Entry:
        key = entry.tool.audience, entry.tool.tool, declared.effects, declared.labels
        found = self._declared.get(key)
        if found is None:
            found = self._entry(declared.united(entry.tool), listed=entry.listed)
            judged = found.judged or entry.judged
            found = found._replace(
                judged=judged, reads_owner=found.reads_owner or entry.reads_owner, undeclared=entry.tool
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


_STRICTNESS: Final = (Permit, StepUp, Denial)
_MOST_MET: Final = 4096
_MOST_DECLARED: Final = 4096


def stricter(one: Verdict, other: Verdict) -> Verdict:
    """Give what two answers about one call come to: everything that either of them demands."""
    if isinstance(one, Permit) and isinstance(other, Permit):
        return Permit(tuple(dict.fromkeys((*one.obligations, *other.obligations))))
    if isinstance(one, StepUp) and isinstance(other, StepUp):
        return StepUp(tuple(dict.fromkeys((*one.demands, *other.demands))))
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


def _words(demand: Consent) -> str:
    named = f" of {', '.join(demand.approvers)}" if demand.approvers else ""
    people = "person consents" if demand.threshold == 1 else "people consent"
    return f"{demand.rule}: {demand.threshold} {people}{named}"


def _once(rules: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rules))[:RECORDED_RULES]
