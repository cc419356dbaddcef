"""This project: the kernel as a guard puts it together, with nothing, a prefix, or the whole chain remembered."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from chains import AUDIENCE, TOOL, Chain, granted, scope_at
from contender import Attempt, Prepared, Size
from kernel_paths import NOW_MS, Call, Kernel, different_calls
from measure import MeasurementFailedError, Subject
from task import CALLS, CALLS_A_ROUND, OUTSIDE, WIDER, Bounds, bounds_at, call

from delegation.core.chain import Frame
from delegation.core.codec import join_token, scope_to_message
from delegation.core.constraints import between, one_of, under
from delegation.core.keys import Purpose, SigningKey, signing_input
from delegation.core.scope import Scope, tool
from delegation.errors import Refused
from delegation.v1 import chain_pb2 as pb


class Ours:
    """This project."""

    name = "this project"
    says = (
        "checks every signature from a trusted issuer on; that each link narrows the one before; times; all arguments,"
        " by every link; 10,000 revoked ids; the holder's proof over chain, audience, tool and arguments. Not asked"
        " here: single use of a proof, the revocation feed's age (its `Guard`)."
    )

    def __init__(self) -> None:
        self._kernel = Kernel()

    def prepare(self, depth: int, *, different: int) -> Prepared:
        """Make a chain."""
        for hop in range(depth):
            if scope_at(hop) != _scope(bounds_at(hop)):
                raise MeasurementFailedError(f"hop {hop} does not permit what it permits with others")
        kernel, chain = self._kernel, granted(self._kernel.issuer, NOW_MS, depth=depth)
        calls = different_calls(chain, CALLS)
        paths = {
            "nothing cached": kernel.permitted(kernel.forgetful, calls),
            "all but the last link known": self._last_link_new(chain, different) if depth > 1 else None,
            "the same chain again": kernel.permitted(kernel.remembering(chain.token), calls),
        }
        return Prepared(
            {f"{self.name}, {name}": Subject(run, CALLS_A_ROUND) for name, run in paths.items() if run},
            Size(len(chain.token), -(-len(chain.token) * 4 // 3), len(calls[0].proof)),
            self._attempts(chain),
        )

    def reason(self, error: Exception) -> str:
        """Name the reason."""
        return str(error.reason) if isinstance(error, Refused) else type(error).__name__

    def _last_link_new(self, chain: Chain, different: int) -> Callable[[int], None]:
        parent = chain.first(len(chain.links) - 1)
        calls = [Call.of(parent.child(NOW_MS), call(number)) for number in range(different)]
        return self._kernel.permitted(self._kernel.remembering(parent.token), calls)

    def _attempts(self, chain: Chain) -> list[Attempt]:
        child, stranger, good = chain.child(NOW_MS), SigningKey.generate(secrets.token_bytes), call(0)
        link = child.links[-1]
        # Minting would refuse: the link is signed by hand.
        message = pb.Link.FromString(link.payload)
        message.scope.CopyFrom(scope_to_message(_scope(WIDER)))
        wide = message.SerializeToString(deterministic=True)
        own, proof = chain.keys[-1], Call.of(child, good).proof
        return [
            *(
                Attempt(what, lambda sent=sent: self._ask(Call.of(chain, sent)), "argument_refused")
                for what, sent in OUTSIDE.items()
            ),
            Attempt("a wider child", lambda: self._ask(Call(_with_last(chain, wide, own), good, proof)), "scope_grew"),
            Attempt(
                "a forged signature",
                lambda: self._ask(Call(_with_last(chain, link.payload, stranger), good, proof)),
                "signature_invalid",
            ),
            Attempt("a stranger's proof", lambda: self._ask(Call.of(chain, good, key=stranger)), "proof_invalid"),
            Attempt(
                "another call's proof",
                lambda: self._ask(Call(chain.token, good, Call.of(chain, call(1)).proof)),
                "proof_other_call",
            ),
        ]

    def _ask(self, sent: Call) -> None:
        self._kernel.decide(self._kernel.forgetful, sent)


def _scope(bounds: Bounds) -> Scope:
    arguments: dict[str, Any] = {
        "path": under(bounds.directory),
        "limit": between(bounds.least, bounds.most),
        "mode": one_of(*bounds.modes),
    }
    return Scope(tool(AUDIENCE, TOOL, **arguments))


def _with_last(chain: Chain, payload: bytes, key: SigningKey) -> bytes:
    signature = key.sign(signing_input(Purpose.HANDOFF, payload, chain.links[-1].link_id))
    return join_token([*chain.links, Frame(payload, signature, 0)], ())
