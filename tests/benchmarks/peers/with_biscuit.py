"""Biscuit: blocks that each add checks in Datalog, evaluated against facts about the call.

The measured path verifies the token's bytes and gives the authorizer one fact and one policy made beforehand,
which is faster than a text with parameters. The sub-path is a prefix, of a path that was made normal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

from biscuit_auth import AuthorizerBuilder, Biscuit, BiscuitBuilder, BlockBuilder, Fact, KeyPair, Policy
from chains import TOOL
from contender import Attempt, Prepared, Size
from measure import Subject
from task import CALLS, CALLS_A_ROUND, LIFETIME_S, OUTSIDE, WIDER, Bounds, bounds_at, call, normal

_ALLOW = Policy("allow if true")
_LIMITS = AuthorizerBuilder().limits()
_LIMITS.max_time = timedelta(seconds=1)  # 1 ms by default: on a busy machine good calls would be refused


@dataclass(frozen=True)
class _Root:
    pair: KeyPair

    def token(self, depth: int) -> Biscuit:
        until = (datetime.now(UTC) + timedelta(seconds=LIFETIME_S)).strftime("%Y-%m-%dT%H:%M:%SZ")
        first = f"{_check(bounds_at(0))} check if time($t), $t <= {until};"
        token = BiscuitBuilder(first).build(self.pair.private_key)
        for hop in range(1, depth):
            token = token.append(BlockBuilder(_check(bounds_at(hop))))
        return token


class WithBiscuit:
    """biscuit-python."""

    name = f"biscuit-python {version('biscuit-python')}"
    says = (
        "checks every block's signature and, in Datalog, every block's conditions on the call, the first one's on the"
        " time. A block can only add conditions, so none is compared with the one before. The sub-path is a prefix of a"
        " path that the program makes normal. Not here: a holder's proof (blocks name no holders), revocation."
    )

    def __init__(self) -> None:
        self._root = _Root(KeyPair())

    def prepare(self, depth: int, *, different: int) -> Prepared:
        """Make a chain."""
        del different  # every call is new to it
        token = self._root.token(depth)
        wire, calls = bytes(token.to_bytes()), [call(number) for number in range(CALLS)]
        return Prepared(
            {self.name: Subject(lambda number: self._decide(wire, calls[number % CALLS]), CALLS_A_ROUND)},
            Size(len(wire), len(token.to_base64())),
            self._attempts(depth),
        )

    def reason(self, error: Exception) -> str:
        """Name the error's class, and whether it was checks that failed."""
        failed = ": checks failed" if "checks failed" in str(error) else ""
        return f"{type(error).__name__}{failed}"

    def _decide(self, wire: bytes, arguments: dict[str, Any]) -> None:
        token = Biscuit.from_bytes(wire, self._root.pair.public_key)
        path = normal(arguments["path"])
        asked = {"tool": TOOL, "path": path, "limit": arguments["limit"], "mode": arguments["mode"]}
        builder = AuthorizerBuilder()
        builder.set_limits(_LIMITS)
        builder.add_fact(Fact("call({tool}, {path}, {limit}, {mode})", asked))
        builder.set_time()
        builder.add_policy(_ALLOW)
        builder.build(token).authorize()

    def _attempts(self, depth: int) -> list[Attempt]:
        token = self._root.token(depth)
        wire = bytes(token.to_bytes())
        wide = bytes(token.append(BlockBuilder(_check(WIDER))).to_bytes())
        forged = bytes(_Root(KeyPair()).token(depth).to_bytes())
        failed = "AuthorizationError: checks failed"
        within_wider = OUTSIDE["a path outside"]
        return [
            *(Attempt(what, lambda sent=sent: self._decide(wire, sent), failed) for what, sent in OUTSIDE.items()),
            Attempt("what only a wider child permits", lambda: self._decide(wide, within_wider), failed),
            Attempt("a forged signature", lambda: self._decide(forged, call(0)), "BiscuitValidationError"),
        ]


def _check(bounds: Bounds) -> str:
    modes = ", ".join(f'"{mode}"' for mode in bounds.modes)
    return (
        f'check if call("{TOOL}", $path, $limit, $mode), $path.starts_with("{bounds.directory}/"),'
        f" $limit >= {bounds.least}, $limit <= {bounds.most}, [{modes}].contains($mode);"
    )
