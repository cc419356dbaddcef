"""Ceilings: the most that an orchestrator may hold, asked when it gets a grant and again when that is renewed."""

from __future__ import annotations

from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.narrowing import scope_within
from delegation.core.scope import Scope
from delegation.errors import Reason, ScopeGrew, refusal
from delegation.identity.port import Caller


def require_scope(caller: Caller, scope: Scope) -> None:
    """Refuse a scope beyond the caller's ceiling. Raises `PolicyDenied`: CEILING_EXCEEDED, naming what is beyond."""
    ceiling = caller.ceiling
    if ceiling.unlimited:
        return
    # Of an audience that is permitted as a whole nothing is compared: its part of the scope stands for itself.
    permitted = {pair: each for pair, each in scope.by_pair.items() if each.audience in ceiling.audiences}
    within = Scope.of_sorted(permitted) if permitted else ceiling.scope or Scope.EMPTY
    try:
        scope_within(scope, within)
    except ScopeGrew as grew:
        raise refusal(
            Reason.CEILING_EXCEEDED,
            field=grew.field,
            parent=grew.parent,
            child=grew.child,
            detail="the operator can raise the caller's ceiling",
        ) from None


def require_principal(caller: Caller, principal: Principal) -> None:
    """Refuse a principal that is neither the caller itself nor among those it may work for. Raises `PolicyDenied`."""
    if principal.basis is not PrincipalBasis.ASSERTED:
        caller.require_principal(principal)
