"""One version of the operator's policy in the service: what it is told of a call, and how its answer is found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from functools import cached_property, reduce

from delegation.core.chain import VerifiedChain
from delegation.core.declaration import NOTHING_DECLARED, Declaration
from delegation.core.trust import Catalogue, CatalogueTool
from delegation.errors import Reason, Refused, refusal
from delegation.policy.port import Action, Consent, Permit, Policy, PolicyQuestion, SignIn, Verdict
from delegation.service.both_ways import both_ways, stricter, verdict_on
from delegation.service.call_in_session import CallInSession, Ruling
from delegation.service.decision_point import Answers
from delegation.service.policy_questions import question_of_call
from delegation.service.risk_inputs import inputs_text
from delegation.service.rulings import authentication_required, ruling_of
from delegation.service.tool_entries import Entry, ToolEntries
from delegation.storage.sessions import SessionView

Consented = Callable[[CallInSession, SessionView, tuple[Consent, ...], bytes], bool]
"""Tells, inside the transaction of a decision, whether everything that a policy of this digest demands of a call is
there."""


def nobody_consented(
    call: CallInSession, view: SessionView, demands: tuple[Consent, ...], policy_digest: bytes
) -> bool:
    """Tell that nobody has consented, whatever is demanded."""
    del call, view, demands, policy_digest
    return False


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
        self._consented = consented
        self._entries = ToolEntries(policy, catalogue, dev=dev)

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
        """Tell what the rules have to do with calls of a tool, given what it says of itself."""
        return self._entries.of(audience, tool, declared)

    def leaves_to_the_chain(self, tool: CatalogueTool) -> bool:
        """Tell whether calls of a tool would depend on nothing but the chain, and leave nothing that a rule reads."""
        return not (self._entries.listing(tool).judged or self.notes_every_call or self.notes_agents)

    def require_pinned(self, audience: str, tool: str, declared: Declaration) -> None:
        """Require that a tool is the one that the catalogue pins, where it demands that (T-45).

        Raises:
            PolicyDenied: POLICY_DENIED: it is another one, or whoever serves it does not say.
        """
        entry = self.catalogue.find(audience, tool)
        if entry is not None and not declared.may_be_served(entry):
            raise refusal(Reason.POLICY_DENIED, detail="the tool is not the one that the operator's catalogue pins")

    def sign_in_refusal(self, rules: Collection[str]) -> Refused | None:
        """Make the refusal of a recorded call that these rules had a sign-in demanded for; None if they do not now."""
        demand = self.policy.sign_in(rules)
        return None if demand is None else authentication_required(demand)

    @property
    def not_asked_about(self) -> tuple[str, ...]:
        """The tools that rules say something about, and whose guards may decide without asking them."""
        return self._entries.not_asked_about

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
