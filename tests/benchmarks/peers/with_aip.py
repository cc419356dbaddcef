"""Agent Identity Protocol: a chain of JWTs (PyJWT), each signed by the holder key that the one before names.

It constrains tools, domains and a budget, not arguments. The nearest that can be said with them: the directory is
part of the tool's name, with a wildcard; the mode is a domain; the range's upper end is a budget, which the
program compares. The lower end cannot be said.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import jwt
from aip_core.crypto import KeyPair
from aip_token.jwt_chain import LINK_TYP, JwtChain
from aip_token.jwt_chain import SEPARATOR as BETWEEN
from chains import AGENT, TOOL
from contender import Attempt, Prepared, Size
from measure import Subject
from task import CALLS, CALLS_A_ROUND, LIFETIME_S, OUTSIDE, WIDER, Bounds, bounds_at, call, normal

_CONTEXT = "narrowed"


class OverBudgetError(Exception):
    """The limit is over the budget of the chain's last link."""


@dataclass(frozen=True)
class _Chain:
    tokens: JwtChain
    keys: tuple[KeyPair, ...]

    def child(self) -> _Chain:
        key, bounds = KeyPair.generate(), bounds_at(len(self.keys))
        tokens = self.tokens.append(
            holder_keypair=self.keys[-1],
            delegate=AGENT,
            next_holder_public_key=key.public_key_bytes(),
            context=_CONTEXT,
            tools=[_tool(bounds)],
            domains=list(bounds.modes),
            budget_cents=bounds.most,
        )
        return _Chain(tokens, (*self.keys, key))


class WithAip:
    """agent-identity-protocol."""

    name = f"agent-identity-protocol {version('agent-identity-protocol')}, JWT chain"
    says = (
        "checks every signature by the key that the link before names; that tools, domains, budget and expiry narrow;"
        " depth. It constrains no arguments, so the nearest: the path stands in the tool's name, with a wildcard, and"
        " is made normal by the program; the mode is a domain; the range's upper end is a budget, compared by the"
        " program, and its lower end is not said. Not here: a holder's proof (left to the caller), revocation."
    )

    def __init__(self) -> None:
        self._root = KeyPair.generate()

    def prepare(self, depth: int, *, different: int) -> Prepared:
        """Make a chain."""
        del different  # every call is new to it
        chain = self._granted(self._root)
        while len(chain.keys) < depth:
            chain = chain.child()
        wire, calls = chain.tokens.serialize(), [call(number) for number in range(CALLS)]
        return Prepared(
            {self.name: Subject(lambda number: self._decide(wire, calls[number % CALLS]), CALLS_A_ROUND)},
            Size(None, len(wire)),
            self._attempts(chain),
        )

    def reason(self, error: Exception) -> str:
        """Name the error by its code, if it has one."""
        return str(getattr(error, "code", type(error).__name__))

    def _granted(self, issuer: KeyPair) -> _Chain:
        key, bounds = KeyPair.generate(), bounds_at(0)
        tokens = JwtChain.create_root(
            issuer=AGENT,
            delegate=AGENT,
            tools=[_tool(bounds)],
            max_depth=16,
            ttl_seconds=LIFETIME_S,
            issuer_keypair=issuer,
            holder_public_key=key.public_key_bytes(),
            domains=list(bounds.modes),
            budget_cents=bounds.most,
        )
        return _Chain(tokens, (key,))

    def _decide(self, wire: str, arguments: dict[str, Any]) -> None:
        chain = JwtChain.verify(wire, self._root.public_key_bytes())
        chain.authorize(f"{TOOL}:{normal(arguments['path'])}", arguments["mode"])
        budget = chain.effective.budget_cents
        if budget is None or arguments["limit"] > budget:
            raise OverBudgetError

    def _attempts(self, chain: _Chain) -> list[Attempt]:
        wire, good = chain.tokens.serialize(), call(0)
        child = chain.child()
        head, _, last = child.tokens.serialize().rpartition(BETWEEN)
        claims = jwt.decode(last, options={"verify_signature": False})
        wide = claims | {"aip_tools": [_tool(WIDER)]}
        wider = head + BETWEEN + _signed(wide, chain.keys[-1])
        forged = head + BETWEEN + _signed(claims, KeyPair.generate())
        reasons = {"a limit out of range": "OverBudgetError"}
        return [
            *(
                Attempt(what, lambda sent=sent: self._decide(wire, sent), reasons.get(what, "scope_insufficient"))
                for what, sent in OUTSIDE.items()
            ),
            Attempt("a wider child", lambda: self._decide(wider, good), "scope_insufficient"),
            Attempt("a forged signature", lambda: self._decide(forged, good), "signature_invalid"),
        ]


def _tool(bounds: Bounds) -> str:
    return f"{TOOL}:{bounds.directory}/*"


def _signed(claims: dict[str, Any], key: KeyPair) -> str:
    fresh = claims | {"iat": int(time.time()), "jti": secrets.token_urlsafe(16)}
    return jwt.encode(fresh, key._private_key, algorithm="EdDSA", headers={"typ": LINK_TYP})
