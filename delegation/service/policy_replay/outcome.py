"""What another policy says to a recorded call, beside what was decided then."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

from delegation.core.lineage import RecordedCall
from delegation.core.trust import Catalogue
from delegation.errors import Reason, Refused
from delegation.policy.port import Action, Consent, Permit, Policy, Reads, Verdict
from delegation.service.both_ways import verdict_on
from delegation.service.decision_record import DECIDED_BY_SERVICE
from delegation.service.policy_replay.calls_then import CallThen, ChainThen, call_then
from delegation.service.policy_replay.task_past import OF_THE_PAST
from delegation.service.rulings import ruling_of


class Kind(StrEnum):
    """What rules say to a call, as far as they go; what else refuses it is not theirs."""

    PERMITTED = "permitted"
    APPROVAL = "needs approval"
    SIGN_IN = "needs a sign-in"
    REFUSED = "refused"


_KINDS: Final = {
    Reason.POLICY_DENIED: Kind.REFUSED,
    Reason.APPROVAL_REQUIRED: Kind.APPROVAL,
    Reason.AUTHENTICATION_REQUIRED: Kind.SIGN_IN,
}


class Replayed(NamedTuple):
    """A call that a policy was asked about again.

    Attributes:
        then: what was decided.
        now: what the policy says; None: that cannot be told.
        rules: the ids of the rules that decide now.
        why_not: why it cannot be told, in words; never the value of an argument. Empty if it can.
        rebuilt: words that the rules read whose values are made from other records, sorted.
    """

    then: Kind
    now: Kind | None
    rules: tuple[str, ...] = ()
    why_not: str = ""
    rebuilt: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether it is known to be decided differently now."""
        return self.now is not None and self.now is not self.then


def kind_then(call: RecordedCall) -> Kind | None:
    """Tell what rules said to a call; None for one that they did not decide: refused before, or decided in process."""
    if call.decided_by != DECIDED_BY_SERVICE:
        return None
    refused = call.refusal
    if refused is None or _of_links(call, refused):
        return Kind.PERMITTED
    by_rules = refused.reason in {Reason.POLICY_DENIED, Reason.AUTHENTICATION_REQUIRED}
    if by_rules and (refused.link_index is not None or not (call.rules or call.inputs)):
        return None  # a handoff, or the tool's manifest: the call itself was not asked about
    return _KINDS.get(refused.reason)


def _of_links(call: RecordedCall, refused: Refused) -> bool:
    """Tell that only what links demand of approvals was lacking: the rules had been asked, and permitted it."""
    return refused.reason is Reason.APPROVAL_REQUIRED and not call.rules


class Records(Protocol):
    """Other records than the call's own; asked for where rules read what they tell."""

    def chain(self, call: RecordedCall) -> ChainThen | None:
        """Give what the links of a call's chain say; None if they are not recorded."""
        ...

    def past(self, call: RecordedCall) -> Mapping[str, Any] | None:
        """Give what its task had done before it, as `TaskPast.before`; None if that is not known."""
        ...


class Replay:
    """Asks a policy about recorded calls.

    Args:
        policy: the rules.
        catalogue: what they were checked against.
        records: where the rest of each question comes from.
    """

    def __init__(self, policy: Policy, catalogue: Catalogue, records: Records) -> None:
        self._policy = policy
        self._catalogue = catalogue
        self._records = records

    def __call__(self, call: RecordedCall) -> Replayed | None:
        """Ask about one; None if it was not for rules to decide.

        Raises:
            Malformed: a record of it cannot be read.
        """
        then = kind_then(call)
        return None if then is None else self._replayed(call, then)

    def _replayed(self, call: RecordedCall, then: Kind) -> Replayed:
        asked = call_then(call, None, None, self._catalogue)
        reads = self._reads(asked)
        if reads.words:
            chain = self._records.chain(call)
            asked = call_then(call, chain, None, self._catalogue)
            if reads.words & asked.unknown & OF_THE_PAST:
                asked = call_then(call, chain, self._records.past(call), self._catalogue)
        rebuilt = tuple(sorted(reads.words & asked.rebuilt))
        if why_not := _why_not(asked, reads):
            return Replayed(then, None, why_not=why_not, rebuilt=rebuilt)
        verdict = self._verdict(asked)
        if isinstance(verdict, Permit) and verdict.obligations and asked.fulfils is None:
            why_not = "it was not recorded what the tool promised to do with its result"
            return Replayed(then, None, why_not=why_not, rebuilt=rebuilt)
        ruling = ruling_of(verdict, asked.fulfils or frozenset())
        now = Kind.PERMITTED if ruling.refusal is None else _KINDS[ruling.refusal.reason]
        return Replayed(then, now, ruling.rules, rebuilt=rebuilt)

    def _reads(self, call: CallThen) -> Reads:
        """Tell what the rules read that can matter to a call."""
        tools = [call.question.tool, *([call.undeclared] if call.undeclared is not None else ())]
        reads = [self._policy.reads(Action.CALL, tool, listed=call.question.listed) for tool in tools]
        words, arguments = zip(*reads, strict=True)
        return Reads(frozenset().union(*words), frozenset().union(*arguments))

    def _verdict(self, call: CallThen) -> Verdict:
        known = {_who(consent) for consent in call.consented}

        def consented(demands: tuple[Consent, ...]) -> bool:
            return {_who(demand) for demand in demands} <= known

        return verdict_on(self._policy, call.question, consented, undeclared=call.undeclared)


def _why_not(call: CallThen, reads: Reads) -> str:
    """Say what rules read that is not known; empty if all of it is."""
    words = [f"{word} was not recorded" for word in sorted(reads.words & call.unknown)]
    hidden = sorted(name for name in reads.arguments if not call.knows_argument(name))
    return "; ".join([*words, *(f"the argument {name} was not kept" for name in hidden)])


def _who(consent: Consent) -> Consent:
    """Give whose consent it is, whatever the rule is called."""
    return consent._replace(rule="")
