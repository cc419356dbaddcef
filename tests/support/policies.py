"""Policies for tests: a small catalogue, questions about its tools, and rules as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.core.unlisted import entry_of
from delegation.policy.cedar import CedarPolicy
from delegation.policy.load import examine, load_policy
from delegation.policy.port import Action, Denial, Permit, PolicyQuestion, SignIn, StepUp, Verdict
from delegation.policy.source import Source

PLANNER, WORKER = "spiffe://example.org/planner", "spiffe://example.org/worker"
ADA = Principal("ada@example.org", "https://login.example.org", PrincipalBasis.OIDC_ID_TOKEN)
NOW_S = 1_795_000_000

CATALOGUE = Catalogue(
    (
        CatalogueTool("crm", "read", frozenset({Effect.READ}), labels=frozenset({"personal"}), owner="team-crm"),
        CatalogueTool("docs", "read", frozenset({Effect.READ}), labels=frozenset({"public"}), owner="team-docs"),
        CatalogueTool("mail", "send", frozenset({Effect.EXTERNAL}), owner="team-mail"),
        CatalogueTool("billing", "refund", frozenset({Effect.WRITE, Effect.SPENDS}), owner="team-billing"),
        CatalogueTool("iam", "add_role", frozenset({Effect.WRITE, Effect.PRIVILEGE}), owner="team-iam"),
    )
)
PERMIT = '@id("permit") permit (principal, action, resource);\n'


def policy_of(text: str, catalogue: Catalogue = CATALOGUE) -> CedarPolicy:
    """Load a policy from one text."""
    return load_policy([Source("policy.cedar", text)], catalogue)


def faults_of(text: str, catalogue: Catalogue = CATALOGUE) -> list[str]:
    """Tell what is wrong with a policy, a line each."""
    return [str(fault) for fault in examine([Source("policy.cedar", text)], catalogue)[1]]


def question(tool: str, /, *, action: Action = Action.CALL, agents: tuple[str, ...] = (PLANNER, WORKER), **known: Any):
    """Ask about a tool, "audience.tool"; unless said otherwise a call by the worker, for Ada."""
    audience, _, name = tool.partition(".")
    listed = CATALOGUE.find(audience, name) is not None
    known = {"principal": ADA, "now_s": NOW_S} | known
    return PolicyQuestion(action, entry_of(CATALOGUE, audience, name), listed, agents=agents, **known)


def call(tool: str, /, arguments: Mapping[str, Any], **known: Any) -> PolicyQuestion:
    """Ask about a call with arguments."""
    return question(tool, arguments=arguments, **known)


def word(verdict: Verdict) -> str:
    """Give a verdict's kind in a word."""
    match verdict:
        case Permit():
            return "permit"
        case SignIn():
            return "sign-in"
        case StepUp():
            return "step-up"
        case Denial():
            return "deny"
