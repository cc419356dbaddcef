"""What an agent or a tool imports.

Names are loaded on first use (PEP 562): importing this package, or `delegation_sdk.guard`, loads no gRPC.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from delegation.core.conditions import approved_by as approved_by
    from delegation.core.conditions import at_most_calls as at_most_calls
    from delegation.core.conditions import budget as budget
    from delegation.core.constraints import all_of as all_of
    from delegation.core.constraints import any_of as any_of
    from delegation.core.constraints import anything as anything
    from delegation.core.constraints import at_least as at_least
    from delegation.core.constraints import at_most as at_most
    from delegation.core.constraints import between as between
    from delegation.core.constraints import containing as containing
    from delegation.core.constraints import decimal_text as decimal_text
    from delegation.core.constraints import each as each
    from delegation.core.constraints import exactly as exactly
    from delegation.core.constraints import fields as fields
    from delegation.core.constraints import in_network as in_network
    from delegation.core.constraints import length as length
    from delegation.core.constraints import less_than as less_than
    from delegation.core.constraints import matching as matching
    from delegation.core.constraints import matching_segments as matching_segments
    from delegation.core.constraints import more_than as more_than
    from delegation.core.constraints import none_of as none_of
    from delegation.core.constraints import not_ as not_
    from delegation.core.constraints import one_of as one_of
    from delegation.core.constraints import optional as optional
    from delegation.core.constraints import starting_with as starting_with
    from delegation.core.constraints import subset_of as subset_of
    from delegation.core.constraints import under as under
    from delegation.core.constraints import url as url
    from delegation.core.records import OutcomeStatus as OutcomeStatus
    from delegation.core.scope import Capability as Capability
    from delegation.core.scope import Scope as Scope
    from delegation.core.scope import any_call as any_call
    from delegation.core.scope import tool as tool
    from delegation.errors import ConfigError as ConfigError
    from delegation.errors import DelegationError as DelegationError
    from delegation.errors import Reason as Reason
    from delegation.errors import Refused as Refused
    from delegation.errors import RequestFailed as RequestFailed
    from delegation.errors import ScopeGrew as ScopeGrew
    from delegation.errors import ServiceUnavailable as ServiceUnavailable
    from delegation_sdk.aio import AsyncClient as AsyncClient
    from delegation_sdk.authorized_call import AuthorizedCall as AuthorizedCall
    from delegation_sdk.call import Call as Call
    from delegation_sdk.carriage import Carriage as Carriage
    from delegation_sdk.client import Client as Client
    from delegation_sdk.delegation import Delegation as Delegation
    from delegation_sdk.guard import Guard as Guard
    from delegation_sdk.observed_call import ObservedCall as ObservedCall
    from delegation_sdk.peer import Peer as Peer
    from delegation_sdk.profile import Profile as Profile

# Public name to the module that defines it; the same names are imported for type checkers above.
_HOME = {
    "AsyncClient": "delegation_sdk.aio",
    "AuthorizedCall": "delegation_sdk.authorized_call",
    "Call": "delegation_sdk.call",
    "Capability": "delegation.core.scope",
    "Carriage": "delegation_sdk.carriage",
    "Client": "delegation_sdk.client",
    "ConfigError": "delegation.errors",
    "Delegation": "delegation_sdk.delegation",
    "DelegationError": "delegation.errors",
    "Guard": "delegation_sdk.guard",
    "ObservedCall": "delegation_sdk.observed_call",
    "OutcomeStatus": "delegation.core.records",
    "Peer": "delegation_sdk.peer",
    "Profile": "delegation_sdk.profile",
    "Reason": "delegation.errors",
    "Refused": "delegation.errors",
    "RequestFailed": "delegation.errors",
    "Scope": "delegation.core.scope",
    "ScopeGrew": "delegation.errors",
    "ServiceUnavailable": "delegation.errors",
    "all_of": "delegation.core.constraints",
    "any_call": "delegation.core.scope",
    "any_of": "delegation.core.constraints",
    "anything": "delegation.core.constraints",
    "approved_by": "delegation.core.conditions",
    "at_least": "delegation.core.constraints",
    "at_most": "delegation.core.constraints",
    "at_most_calls": "delegation.core.conditions",
    "between": "delegation.core.constraints",
    "budget": "delegation.core.conditions",
    "containing": "delegation.core.constraints",
    "decimal_text": "delegation.core.constraints",
    "each": "delegation.core.constraints",
    "exactly": "delegation.core.constraints",
    "fields": "delegation.core.constraints",
    "in_network": "delegation.core.constraints",
    "length": "delegation.core.constraints",
    "less_than": "delegation.core.constraints",
    "matching": "delegation.core.constraints",
    "matching_segments": "delegation.core.constraints",
    "more_than": "delegation.core.constraints",
    "none_of": "delegation.core.constraints",
    "not_": "delegation.core.constraints",
    "one_of": "delegation.core.constraints",
    "optional": "delegation.core.constraints",
    "starting_with": "delegation.core.constraints",
    "subset_of": "delegation.core.constraints",
    "tool": "delegation.core.scope",
    "under": "delegation.core.constraints",
    "url": "delegation.core.constraints",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - a list of names, from one source


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
