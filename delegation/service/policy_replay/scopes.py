"""Asking another policy about scopes that were granted and handed on: each was permitted, or it would not be recorded.

But for a handoff that was told late, where the grant permits that: it is recorded, and revoked if rules did not permit
it. What the task and the agent had done by then is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from delegation.core.chain import Principal
from delegation.core.codec import decode_link, parse_link
from delegation.core.lineage import RecordedLink
from delegation.core.session import TaskSession
from delegation.core.tool_id import tool_id
from delegation.core.trust import Catalogue
from delegation.core.unlisted import entry_of
from delegation.errors import Reason, refusal
from delegation.policy.port import Action, Permit, Policy, SignIn
from delegation.service.policy_questions import GivenScope, questions_of_scope
from delegation.service.policy_replay.outcome import Kind, Replayed
from delegation.service.policy_replay.task_past import OF_THE_PAST
from delegation.service.question_fields import RECORDED

_UNKNOWN: Final = OF_THE_PAST | {RECORDED[name].word for name in ("agent_calls", "agent_denials", "agent_effects")}
_ASSERTED: Final = RECORDED["asserted"].word
_OWNER: Final = RECORDED["owner"].word


class GivenThen(NamedTuple):
    """A scope as it was given.

    Attributes:
        link: by which.
        scope: what was given to whom.
        by_rules: whether it is known that rules permitted it.
    """

    link: RecordedLink
    scope: GivenScope
    by_rules: bool


class AskedScope(NamedTuple):
    """What a policy says to a scope that was given.

    Attributes:
        tool: of the scope, about which that is; empty if it permits them all.
        replayed: the answer.
    """

    tool: str
    replayed: Replayed


class _Before(NamedTuple):
    """What the links before one say."""

    agents: tuple[str, ...]
    principal: Principal
    purpose: str
    may_come_late: bool


def given_in(links: Iterable[RecordedLink]) -> Iterator[GivenThen]:
    """Give what was granted and handed on in a task, its links parents before children.

    Raises:
        Malformed: a link cannot be read, or is none of a chain.
    """
    before: dict[bytes, _Before] = {}
    for recorded in links:
        link = decode_link(parse_link(recorded.payload), recorded.payload)
        claims = link.grant
        if claims is not None:
            former = _Before((), claims.principal, link.purpose, may_come_late=claims.unrecorded_handoffs)
        elif (found := before.get(recorded.parent_link_id or b"")) is not None:
            former = found
        else:
            raise refusal(Reason.FIELD_INVALID, detail="a recorded link belongs to no chain")
        chain = before[recorded.link_id] = former._replace(agents=(*former.agents, link.holder_agent))
        action = Action.GRANT if claims is not None else Action.HAND_OFF
        scope = GivenScope(action, link.scope, chain.agents, frozenset(), chain.principal, chain.purpose)
        late = action is Action.HAND_OFF and chain.may_come_late
        yield GivenThen(recorded, scope, by_rules=not (late and recorded.revoked))


class ScopeReplay:
    """Asks a policy about scopes that were given.

    Args:
        policy: the rules.
        catalogue: what they were checked against.
    """

    def __init__(self, policy: Policy, catalogue: Catalogue) -> None:
        self._policy = policy
        self._catalogue = catalogue

    def __call__(self, then: GivenThen) -> AskedScope:
        """Ask about each tool of a scope: one that is refused refuses it all."""
        answers = [] if self._policy.permits_all(then.scope.action) else list(self._answers(then))
        for kind in (Kind.REFUSED, None, Kind.SIGN_IN):
            for answer in answers:
                if answer.replayed.now is kind:
                    return answer
        return AskedScope("", Replayed(Kind.PERMITTED, Kind.PERMITTED))

    def _answers(self, then: GivenThen) -> Iterator[AskedScope]:
        """Give what is no permission, tool by tool."""
        action, pairs = then.scope.action, [(each.audience, each.tool) for each in then.scope.scope.capabilities]
        entries = [(entry_of(self._catalogue, *pair), self._catalogue.find(*pair) is not None) for pair in pairs]
        questions = questions_of_scope(
            then.scope,
            entries,
            session=TaskSession(),
            recent=None,
            owner=then.link.owner,
            now_ms=then.link.recorded_at_ms,
        )
        unknown = _UNKNOWN | ({_ASSERTED} if len(then.scope.agents) > 1 else set())
        for question in questions:
            name = tool_id(question.tool.audience, question.tool.tool)
            words = self._policy.reads(action, question.tool, listed=question.listed).words
            rebuilt = (_OWNER,) if _OWNER in words else ()
            if missing := sorted(words & unknown):
                why_not = "; ".join(f"{word} was not recorded" for word in missing)
                yield AskedScope(name, Replayed(Kind.PERMITTED, None, why_not=why_not, rebuilt=rebuilt))
                continue
            verdict = self._policy.decide(question)
            if isinstance(verdict, Permit):
                continue
            if not then.by_rules:
                why_not = "it may have been told late, and refused then"
                yield AskedScope(name, Replayed(Kind.PERMITTED, None, why_not=why_not, rebuilt=rebuilt))
                continue
            now = Kind.SIGN_IN if isinstance(verdict, SignIn) else Kind.REFUSED
            rules = getattr(verdict, "rules", ())
            yield AskedScope(name, Replayed(Kind.PERMITTED, now, rules, rebuilt=rebuilt))
