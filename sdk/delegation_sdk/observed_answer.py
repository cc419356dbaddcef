"""What an answer says to the caller of a call that would have been refused: the reason, by its name, and nothing else.

For those who write framework adapters; `integrations.mcp` does it by itself (SPEC section 11.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from delegation.errors import Reason
from delegation_sdk.authorized_call import AuthorizedCall
from delegation_sdk.observed_call import ObservedCall

META_KEY: Final = "io.github.delegation-chain/observed"
HEADER: Final = "Delegation-Observed"
METADATA: Final = "delegation-observed"

_Served = AuthorizedCall | ObservedCall


def to_mcp_meta(call: _Served) -> dict[str, Any]:
    """Give what goes into the `_meta` of an MCP result; empty for a call that was authorized."""
    if call.observed is None:
        return {}
    return {META_KEY: {"reason": str(call.observed.reason), "call_id": call.call_id.hex()}}


def to_headers(call: _Served) -> dict[str, str]:
    """Give the headers that go with an HTTP answer; none for a call that was authorized."""
    return {} if call.observed is None else {HEADER: str(call.observed.reason)}


def to_metadata(call: _Served) -> tuple[tuple[str, str], ...]:
    """Give the trailing metadata that go with a gRPC answer; none for a call that was authorized."""
    return () if call.observed is None else ((METADATA, str(call.observed.reason)),)


def reason_in_mcp_meta(meta: object) -> Reason | None:
    """Give the reason why a call would have been refused, from the `_meta` of its MCP result; None if it says none."""
    said = meta.get(META_KEY) if isinstance(meta, Mapping) else None
    reason = said.get("reason") if isinstance(said, Mapping) else None
    if not isinstance(reason, str):
        return None
    try:
        return Reason(reason)
    except ValueError:
        return Reason.INTERNAL
