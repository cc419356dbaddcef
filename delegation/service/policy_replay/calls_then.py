"""The question about a call of then, as the policy was asked it or would have been: made of records, nothing guessed.

What no record says is named as unknown, so that a rule that reads it is not asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, Self

from delegation.core.arguments import Arguments
from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.codec import decode_link, parse_link
from delegation.core.declaration import Declaration
from delegation.core.kept_arguments import KeptArguments
from delegation.core.lineage import RecordedCall, RecordedLink
from delegation.core.scope import Scope
from delegation.core.trust import Catalogue, CatalogueTool
from delegation.core.unlisted import entry_of
from delegation.errors import Reason, refusal
from delegation.policy.port import Action, Consent, PolicyQuestion
from delegation.service.question_fields import RECORDED
from delegation.service.risk_inputs import RiskInputs

_OF_THE_CHAIN: Final = frozenset(
    {"agents", "depth", "purpose", "principalIssuer", "principalBasis", "principalAcr", "principalAuthTime"}
)
"""What only the links of a call's chain tell, by the names in policies."""

_NO_ARGUMENTS: Final = Arguments.of({})


class ChainThen(NamedTuple):
    """What the recorded links of a call's chain say.

    Attributes:
        agents: who held them, the grant's holder first.
        principal, purpose: the grant's.
        owner: who answers for the last agent today; empty if nobody does.
        scopes: of the links.
    """

    agents: tuple[str, ...]
    principal: Principal
    purpose: str
    owner: str
    scopes: tuple[Scope, ...]

    @classmethod
    def of(cls, links: Iterable[RecordedLink]) -> Self | None:
        """Read the links of a chain, grant first; None if there are none.

        Raises:
            Malformed: a link cannot be read, or the first is no grant.
        """
        recorded = tuple(links)
        if not recorded:
            return None
        read = [decode_link(parse_link(link.payload), link.payload) for link in recorded]
        grant = read[0].grant
        if grant is None:
            raise refusal(Reason.FIELD_INVALID, detail="a recorded chain does not begin with a grant")
        return cls(
            tuple(link.holder_agent for link in read),
            grant.principal,
            read[0].purpose,
            recorded[-1].owner,
            tuple(link.scope for link in read),
        )

    def has_conditions(self, audience: str, tool: str) -> bool:
        """Tell whether any link has conditions for a tool."""
        found = (scope.find(audience, tool) for scope in self.scopes)
        return any(capability is not None and capability.conditions for capability in found)


class CallThen(NamedTuple):
    """A recorded call, as a policy can be asked about it.

    Attributes:
        question: as far as it is known.
        undeclared: what the catalogue says of the tool alone, where it declared more; else None.
        consented: whose consent was demanded, and there.
        fulfils: the obligations that the tool's guard had promised to fulfil; None: not known.
        unknown: words of policies whose values are not known.
        rebuilt: words whose values are made from other records, and not as the policy was told.
        arguments: what is known of the call's arguments; None: nothing.
    """

    question: PolicyQuestion
    undeclared: CatalogueTool | None
    consented: tuple[Consent, ...]
    fulfils: frozenset[str] | None
    unknown: frozenset[str]
    rebuilt: frozenset[str]
    arguments: KeptArguments | None

    def knows_argument(self, name: str) -> bool:
        """Tell whether the value of an argument is known, or that the call had none of this name."""
        kept = self.arguments
        return kept is not None and (name in kept.plain or (not kept.dropped and name not in kept.digests))


def call_then(
    call: RecordedCall, chain: ChainThen | None, past: Mapping[str, Any] | None, catalogue: Catalogue
) -> CallThen:
    """Make the question about a call of then.

    Args:
        call: as it was recorded.
        chain: what its links say; None: they are not recorded.
        past: what its task had done before it, by the records; None: not known.
        catalogue: what is to be taken for known of tools.

    Raises:
        Malformed: what a policy was told of it cannot be read.
    """
    inputs = RiskInputs.of_text(call.inputs) if call.inputs else None
    entry = entry_of(catalogue, call.audience, call.tool)
    told = inputs.fields if inputs else {}
    made = {name: value for name, value in _made(call, chain, past, entry).items() if name not in told}
    missing = RECORDED.keys() - told.keys() - made.keys()
    unknown = {RECORDED[name].word for name in missing} | (_OF_THE_CHAIN if chain is None else set())
    kept = _kept(call)
    question = PolicyQuestion(
        action=Action.CALL,
        tool=Declaration(inputs.effects, inputs.labels).united(entry) if inputs and inputs.declares else entry,
        listed=catalogue.find(call.audience, call.tool) is not None,
        principal=chain.principal if chain else Principal(call.principal_subject, "", PrincipalBasis.ASSERTED),
        agents=chain.agents if chain else (call.agent,),
        now_s=call.decided_at_ms // 1000,
        purpose=chain.purpose if chain else "",
        arguments=kept.plain if kept else {},
        **told,
        **made,
    )
    return CallThen(
        question,
        entry if question.tool != entry else None,
        inputs.consented if inputs else (),
        inputs.fulfils if inputs else None,
        frozenset(unknown),
        frozenset(RECORDED[name].word for name in made),
        kept,
    )


def _made(
    call: RecordedCall, chain: ChainThen | None, past: Mapping[str, Any] | None, entry: CatalogueTool
) -> dict[str, Any]:
    """Make what other records tell of the fields that are kept of a question."""
    made = dict(past or {})
    if chain is not None:
        made["owner"] = chain.owner
        if len(chain.agents) == 1:  # who was granted to was authenticated
            made["asserted"] = frozenset()
        if not chain.has_conditions(call.audience, call.tool):
            made.update(calls_left=None, budgets_left={})
    if not entry.manifest_digest:
        made["manifest_changed"] = False
    return made


def _kept(call: RecordedCall) -> KeptArguments | None:
    """Give what is known of a call's arguments: what was kept, or that it had none."""
    if call.kept is None and call.arguments_digest == _NO_ARGUMENTS.digest:
        return KeptArguments({}, {}, 0)
    return call.kept
