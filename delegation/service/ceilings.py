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
    try:
        scope_within(scope, ceiling.scope or Scope.EMPTY)
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
