"""What an answer of the policy means here: a permission with obligations, or a refusal that says what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from delegation.core.approval import ApprovalLevel
from delegation.errors import Reason, Refused, refusal
from delegation.policy.port import Consent, Denial, Permit, SignIn, StepUp, Verdict
from delegation.service.call_in_session import Ruling

RECORDED_RULES: Final = 16
"""Of the rules that decided a call, so many are named in its record."""


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
