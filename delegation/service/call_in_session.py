"""A call as the state of its task is asked about it, and what the operator's rules say to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from delegation.core.approval import ApprovalDemand
from delegation.core.arguments import Value
from delegation.core.chain import VerifiedChain
from delegation.core.demands import Demand
from delegation.core.trust import CatalogueTool
from delegation.errors import Refused
from delegation.policy.port import Consent
from delegation.service.decision_point import Answers


class CallInSession(NamedTuple):
    """A call that its chain permits, conditions apart.

    Attributes:
        chain: its chain.
        tool: what the catalogue says of the tool, with what the tool declares; of one that it does not list, that it
            is the most dangerous kind.
        arguments: as they were sent.
        demands: what the chain's counts and budgets demand of it.
        now_ms: the decision's time.
        listed: whether the catalogue lists the tool.
        owner: who answers for the acting agent, where a rule reads it; else empty.
        fulfils: the obligations that whoever asks has promised to fulfil.
        approvals: what the chain's conditions demand of approvals.
        arguments_digest: SHA-256 of the arguments, 32 bytes, as approvals name them.
        known: which fields of the question about it are known, of those that `risk_inputs` keeps.
        undeclared: what the catalogue says alone, where the tool declares more; else None.
        manifest_changed: whether the catalogue pins a manifest, and the tool is not known to have it.
        answers: what a decision point has said about it, where one is asked; else None.
    """

    chain: VerifiedChain
    tool: CatalogueTool
    arguments: Mapping[str, Value]
    demands: tuple[Demand, ...]
    now_ms: int
    listed: bool = True
    owner: str = ""
    fulfils: frozenset[str] = frozenset()
    approvals: tuple[ApprovalDemand, ...] = ()
    arguments_digest: bytes = b""
    known: tuple[str, ...] = ()
    undeclared: CatalogueTool | None = None
    manifest_changed: bool = False
    answers: Answers | None = None


class Ruling(NamedTuple):
    """What the operator's rules say to a call.

    Attributes:
        refusal: why it is refused; None if it is not.
        rules: the ids of the rules that decided: that refuse it, that demand consent, that demand what is to be done.
        obligations: what the permission demands of the tool.
        demands: of a call that lacks nothing but consent, whose.
        inputs: what the rules were told, as `risk_inputs` keeps it; None: nothing is kept.
    """

    refusal: Refused | None = None
    rules: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()
    demands: tuple[Consent, ...] = ()
    inputs: str | None = None
