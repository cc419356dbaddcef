"""A grant in place of another one of the same task: it permits no more, to the same agent, for the same principal.

Only the time is new; for an agent that has lost it, the holder key; and where a token shows that anew, how and when the
principal has signed in. Each field of a link has a rule in `RULES`; a test walks the message descriptor and fails for a
field that has none.
"""

from __future__ import annotations

from typing import Final

from delegation.core.chain import GrantClaims, Link, Principal
from delegation.core.narrowing import scope_within
from delegation.errors import Reason, Refused, refusal


def require_renews(renewed: Link, former: Link, *, principal: Principal | None = None) -> None:
    """Require that a grant may stand in place of another one.

    Args:
        renewed: what the new grant says.
        former: what the grant says that it takes the place of.
        principal: the principal, as a token shows it that was verified for this; None: as the former grant has it.

    Raises:
        ScopeGrew: SCOPE_GREW, naming the field: it permits more, or is another agent's, task's or principal's.
        BadLinkage: GRANT_MISSING if one of them is no grant.
        NotPermitted: EVALUATION_EXHAUSTED if comparing the scopes takes too many steps.
    """
    if renewed.grant is None or former.grant is None:
        raise refusal(Reason.GRANT_MISSING)
    _require_same("holder_agent", renewed.holder_agent, former.holder_agent)
    _require_same("purpose", renewed.purpose, former.purpose)
    shown = former.grant.principal if principal is None else signed_in_again(former.grant.principal, principal)
    if renewed.grant.principal != shown:
        raise _another_principal()
    _require_same_claims(renewed.grant, former.grant)
    if renewed.remaining_depth > former.remaining_depth:
        _grew("remaining_depth", f"at most {former.remaining_depth}", str(renewed.remaining_depth))
    scope_within(renewed.scope, former.scope)


def signed_in_again(former: Principal, shown: Principal) -> Principal:
    """Give a grant's principal as another token shows it: all that the token says, and nothing of what was before.

    Raises:
        ScopeGrew: SCOPE_GREW, `principal`: it is somebody else, or the grant rests on no such token.
    """
    if (shown.subject, shown.issuer, shown.basis) != (former.subject, former.issuer, former.basis):
        raise _another_principal()
    return shown


def _require_same_claims(renewed: GrantClaims, former: GrantClaims) -> None:
    _require_same("task_id", renewed.task_id.hex(), former.task_id.hex())
    if renewed.unrecorded_handoffs and not former.unrecorded_handoffs:
        _grew("unrecorded_handoffs", "false", "true")


def _another_principal() -> Refused:
    return refusal(Reason.SCOPE_GREW, field="principal", parent="the former grant's principal", child="another")


def _require_same(field: str, renewed: str, former: str) -> None:
    if renewed != former:
        _grew(field, f"the former grant's {field}", "another")


def _grew(field: str, permitted: str, asked: str) -> None:
    raise refusal(Reason.SCOPE_GREW, field=field, parent=permitted, child=asked)


RULES: Final[dict[str, str]] = {
    "version": "the same format: there is one",
    "nonce": "free: it makes link ids differ",
    "issued_at_ms": "free: informative, no decision reads it",
    "not_before_ms": "free: valid from now on, as the former one was",
    "expires_at_ms": "free here: the service bounds the task's whole life",
    "holder_key": "free here: the same for a renewal, another one when it is issued anew",
    "holder_agent": "the same",
    "remaining_depth": "not higher",
    "scope": "every capability within the former one's of the same audience and tool",
    "purpose": "the same: policy and approvers go by it",
    "trace_id": "free: informative",
    "span_id": "free: informative",
    "grant": "the same task; the same principal, who may have signed in again; handoffs unrecorded only if before",
}
"""The rule of every field of `Link` in chain.proto."""
