"""The largest token that honest people make: what the worst input is compared with.

32 links, each with its receipt and its holder's binding, and as many tools as fit into 64 KiB, each with a path, a
range and a set; every hop narrows all of them. The call is permitted; nothing is known beforehand.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any, Final

from chains import AGENT, MINUTE_MS
from kernel_paths import NOW_MS, Kernel
from measure import MeasurementFailedError
from worst_cases import Case
from worst_scopes import AUDIENCE, CALLED
from worst_tokens import Token

from delegation.core import limits
from delegation.core.arguments import Arguments
from delegation.core.attest import sign_binding, sign_receipt
from delegation.core.chain import Principal, PrincipalBasis, SignedLink
from delegation.core.codec import join_token
from delegation.core.constraints import between, one_of, under
from delegation.core.keys import SigningKey
from delegation.core.mint import sign_grant, sign_handoff
from delegation.core.proof import sign_proof
from delegation.core.scope import Scope, tool
from delegation.core.statement import Binding, Receipt
from delegation.errors import Malformed

_MODES: Final = tuple(f"mode-{number:02}" for number in range(limits.LINKS + 1))
_ARGUMENTS: Final = {"limit": 1, "mode": _MODES[0], "path": "/srv/docs/" + "a/" * limits.LINKS + "plan.txt"}


@cache
def largest_honest(kernel: Kernel) -> Case:
    """Make the token, and a call that it permits."""
    for tools in range(limits.CAPABILITIES, 0, -1):
        try:
            token = _token(kernel, tools)
        except Malformed:  # too large
            continue
        return Case(token, _ARGUMENTS, CALLED, _proof(token), "nothing")
    raise MeasurementFailedError("no honest token is within the limits")


def _scope(hop: int, tools: int) -> Scope:
    few = max(2, 5 - hop // 8)
    listed: dict[str, Any] = {
        "limit": between(1, 1000 - hop),
        "mode": one_of(*_MODES[:few]),
        "path": under("/srv/docs" + "/a" * (hop // 8)),
    }
    return Scope(*(tool(AUDIENCE, f"t{number:03}", **listed) for number in range(tools)))


def _token(kernel: Kernel, tools: int) -> Token:
    keys = [SigningKey(hashlib.sha256(b"honest %d" % number).digest()) for number in range(limits.LINKS)]
    links: list[SignedLink] = [
        sign_grant(
            kernel.issuer,
            task_id=bytes(limits.TASK_ID_BYTES),
            principal=Principal("alice@acme.example", "https://login.acme.example", PrincipalBasis.ASSERTED),
            holder_key=keys[0].public,
            holder_agent=AGENT,
            scope=_scope(0, tools),
            purpose="Summarise the plans of the fourth quarter",
            now_ms=NOW_MS,
            lifetime_ms=15 * MINUTE_MS,
            max_depth=limits.LINKS,
            unrecorded_handoffs=False,
            nonce=bytes(limits.NONCE_BYTES),
        )
    ]
    for hop in range(1, limits.LINKS):
        link = sign_handoff(
            links[-1],
            keys[hop - 1],
            holder_key=keys[hop].public,
            holder_agent=AGENT,
            scope=_scope(hop, tools),
            now_ms=NOW_MS,
            expires_at_ms=links[-1].link.expires_at_ms - 1,
            nonce=bytes(limits.NONCE_BYTES),
        )
        links.append(link)
    service = kernel.statement_key
    receipts = [sign_receipt(Receipt(link.link_id, NOW_MS), service) for link in links]
    bindings = [sign_binding(Binding(key.public, AGENT, NOW_MS, NOW_MS + MINUTE_MS), service) for key in keys]
    return Token(join_token(links, (*receipts, *bindings)), links[-1].link_id, keys[-1])


def _proof(token: Token) -> bytes:
    return sign_proof(
        token.holder,
        chain_digest=token.digest,
        audience=AUDIENCE,
        tool=CALLED,
        arguments_digest=Arguments.of(_ARGUMENTS).digest,
        now_ms=NOW_MS,
        nonce=bytes(limits.NONCE_BYTES),
    )
