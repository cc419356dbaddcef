"""What the service asks of a policy, and what it is told: values, and one method without I/O.

A policy never widens: it is asked about what the chain permits already.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from delegation.core import limits
from delegation.core.approval import ApprovalLevel
from delegation.core.arguments import Value
from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import Reason, Refused, refusal

_NONE: Final[Mapping[str, Value]] = MappingProxyType({})
_NO_BUDGETS: Final[Mapping[str, str]] = MappingProxyType({})
_AHEAD_S: Final = limits.NOT_BEFORE_LEEWAY_MS // 1000
"""By how much the clock of whoever signed the principal in may be ahead."""


class Action(StrEnum):
    """What is about to happen; the value is its name in policies."""

    GRANT = "grant"
    HAND_OFF = "handOff"
    CALL = "call"


class PolicyQuestion(NamedTuple):
    """What is about to happen, and everything that a policy may know of it.

    A grant or a handoff is asked about once for each tool of the scope that is given.

    Attributes:
        action: what.
        tool: the tool of the call, or of the scope that is given; what the catalogue says of it, or `entry_of`.
        listed: whether the catalogue lists the tool.
        principal: on whose behalf.
        agents: the agent ids of the chain, the grant's holder first; the last one acts, or is given to.
        asserted: those of `agents` that nobody vouches for at one of their links at least.
        owner: who answers for the last agent; empty if nobody is registered.
        purpose: the grant's. A text that somebody wrote: never reason enough for a permission.
        now_s: the time in seconds since the Unix epoch.
        scope: for a grant or handoff, every tool of the scope, as `tool_id` has them.
        task_labels: of everything that the task was permitted to read, and those that stick to its agents.
        task_effects: which effects the task's permitted calls may have had.
        task_tools: which tools it was permitted to call, as `tool_id` has them.
        task_calls, task_denials: how many calls it was permitted and refused.
        agent_calls, agent_denials: how many calls of the acting agent were permitted and refused lately, in whatever
            task; None: that is not kept.
        agent_effects: which effects those permitted may have had; None: that is not kept.
        calls_left: how many calls the strictest count of the chain leaves, this one included; None: no link counts.
        budgets_left: what the strictest budget of the chain leaves, by argument, in decimal normal form.
        arguments: of the call, by name.
        manifest_changed: whether the catalogue pins a manifest of the called tool, and it is not known to have that.
        approved: whether everything is there that the `StepUp` of this same question demands.
    """

    action: Action
    tool: CatalogueTool
    listed: bool
    principal: Principal
    agents: tuple[str, ...]
    now_s: int
    asserted: frozenset[str] = frozenset()
    owner: str = ""
    purpose: str = ""
    scope: frozenset[str] = frozenset()
    task_labels: frozenset[str] = frozenset()
    task_effects: frozenset[Effect] = frozenset()
    task_tools: frozenset[str] = frozenset()
    task_calls: int = 0
    task_denials: int = 0
    agent_calls: int | None = None
    agent_denials: int | None = None
    agent_effects: frozenset[Effect] | None = None
    calls_left: int | None = None
    budgets_left: Mapping[str, str] = _NO_BUDGETS
    arguments: Mapping[str, Value] = _NONE
    manifest_changed: bool = False
    approved: bool = False

    def __repr__(self) -> str:
        return f"PolicyQuestion({self.action} {self.tool.audience}.{self.tool.tool} by {self.agents[-1]})"


class ObligationKind(StrEnum):
    """What whoever releases the result of a permitted call has to do. What is not in this list refuses a policy."""

    REDACT = "redact"
    NOTIFY = "notify"


class Obligation(NamedTuple):
    """Something that a permission demands, and the id of the rule that says so."""

    kind: ObligationKind
    rule: str


class Permit(NamedTuple):
    """Nothing forbids it, and something permits it."""

    obligations: tuple[Obligation, ...] = ()


class Denial(NamedTuple):
    """It is forbidden, or not permitted, or could not be decided.

    Attributes:
        rules: the ids of the rules that forbid it, or that could not be decided; empty: none permits it.
        detail: why, in words; never a value that a caller sent.
        failed: why a decision point gave no answer that counts, in words for the operator; empty: it was decided.
    """

    rules: tuple[str, ...]
    detail: str
    failed: str = ""

    def refused(self) -> Refused:
        """Give the refusal to raise: `PolicyDenied`, POLICY_DENIED."""
        return refusal(Reason.POLICY_DENIED, detail=self.detail)


class Consent(NamedTuple):
    """Whose consent one rule demands.

    Attributes:
        rule: its id.
        approvers: who may consent, sorted; empty: whoever the operator's configuration names.
        threshold: how many of them it takes, all different.
        principal_may_approve: whether the task's principal may be one of them.
        level: whether the service's word for who has answered will do, or it takes their own signatures.
    """

    rule: str
    approvers: tuple[str, ...] = ()
    threshold: int = 1
    principal_may_approve: bool = False
    level: ApprovalLevel = ApprovalLevel.ATTESTED


class StepUp(NamedTuple):
    """It is forbidden until people consent to exactly this call: to every one of these demands."""

    demands: tuple[Consent, ...]


class SignIn(NamedTuple):
    """It is forbidden until the principal signs in, or has signed in, as all these rules demand.

    Attributes:
        rules: their ids.
        acr_values: how (OIDC acr), any one of these; empty: in any way.
        max_age_s: at most so many seconds ago; None: however long ago.
    """

    rules: tuple[str, ...]
    acr_values: tuple[str, ...]
    max_age_s: int | None

    def lifted_by(self, principal: Principal, now_s: int) -> bool:
        """Tell whether a principal has signed in so; what is not known has not happened."""
        if principal.basis is PrincipalBasis.ASSERTED:
            return False
        if self.acr_values and principal.authentication_strength not in self.acr_values:
            return False
        if self.max_age_s is None:
            return True
        age_s = now_s - principal.authenticated_at_ms // 1000
        return principal.authenticated_at_ms > 0 and -_AHEAD_S <= age_s <= self.max_age_s


Verdict = Permit | Denial | StepUp | SignIn


class Concern(NamedTuple):
    """What the rules that can matter to one kind of question come to, before it is asked.

    Attributes:
        answer: what is always answered; None: that depends on the rest of the question.
        reads_owner: whether any of them reads who answers for the agent.
        reads_task: whether any of them reads what the task has done or read before.
        reads_agent: whether any of them reads what the acting agent did lately.
    """

    answer: Permit | Denial | None
    reads_owner: bool = False
    reads_task: bool = False
    reads_agent: bool = False


class Reads(NamedTuple):
    """What the rules that can matter to one kind of question read of it.

    Attributes:
        words: of `context`, by their names in policies.
        arguments: of the call's arguments, by name.
    """

    words: frozenset[str] = frozenset()
    arguments: frozenset[str] = frozenset()


class Policy(Protocol):
    """The operator's rules, loaded."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of the policy's text, 32 bytes: each decision is recorded with it."""
        ...

    @property
    def reads_history(self) -> bool:
        """Whether any rule reads which calls were made before: then each of them has to be kept in mind."""
        ...

    @property
    def reads_agents(self) -> bool:
        """Whether any rule reads what an agent did lately: then that has to be kept, too."""
        ...

    def permits_all(self, action: Action) -> bool:
        """Tell whether it permits an action for every tool, whatever else holds: then it need not be asked."""
        ...

    def sign_in(self, rules: Collection[str]) -> SignIn | None:
        """Give the one sign-in that these rules demand, by their ids; None if one demands none, or is not known."""
        ...

    def concern(self, action: Action, tool: CatalogueTool, *, listed: bool) -> Concern:
        """Tell what the rules have to do with a tool. Raises whatever the engine does."""
        ...

    def reads(self, action: Action, tool: CatalogueTool, *, listed: bool) -> Reads:
        """Tell what the rules that can matter to a tool read. Raises whatever the engine does."""
        ...

    def decide(self, question: PolicyQuestion) -> Verdict:
        """Decide. Takes no locks, waits for nothing, keeps nothing, and raises nothing: a failure is a `Denial`.

        To a question with `approved` there is never a `StepUp`. A `SignIn` comes before it: people are asked to
        consent only once nothing else is lacking.
        """
        ...


class RemotePolicy(Protocol):
    """Rules that somebody else decides by: asked before a decision is written, about what was known then."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of where it is asked, 32 bytes."""
        ...

    @property
    def told(self) -> frozenset[str]:
        """The fields of a question that it is told, by their names in policies."""
        ...

    async def ask(self, question: PolicyQuestion) -> Verdict:
        """Have it decide, in bounded time. Raises nothing: a failure is a `Denial`."""
        ...
