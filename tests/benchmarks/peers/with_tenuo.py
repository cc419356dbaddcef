"""tenuo: a stack of warrants, each signed by the holder of the one before, and a proof of possession for the call.

The measured path decodes every warrant from its CBOR bytes, which is faster than `decode_warrant_stack_base64`,
and asks `Authorizer.check_chain`.
"""

from __future__ import annotations

import base64
import struct
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from chains import TOOL
from contender import Attempt, Prepared, Size
from measure import Subject
from task import CALLS, CALLS_A_ROUND, LIFETIME_S, OUTSIDE, WIDER, Bounds, bounds_at, call
from tenuo import Authorizer, OneOf, Range, SigningKey, Subpath, Warrant, encode_warrant_stack

_CONTEXT = b"tenuo-warrant-v1\x01"
"""What is signed before a warrant's payload (wire format, section "signature preimage")."""
_SIGNATURE_BYTES = 64


@dataclass(frozen=True)
class _Chain:
    warrants: tuple[Warrant, ...]
    keys: tuple[SigningKey, ...]

    def child(self) -> _Chain:
        hop, key = len(self.warrants), SigningKey.generate()
        builder = self.warrants[-1].attenuate_builder()
        builder.with_capability(TOOL, _constraints(bounds_at(hop)))
        builder.with_holder(key.public_key)
        builder.with_ttl(LIFETIME_S - hop)
        return _Chain((*self.warrants, builder.delegate(self.keys[-1])), (*self.keys, key))

    def proof(self, arguments: dict[str, Any], *, key: SigningKey | None = None) -> bytes:
        return bytes(self.warrants[-1].sign(key or self.keys[-1], TOOL, arguments, int(time.time())))

    @property
    def wire(self) -> list[bytes]:
        return [bytes(warrant.to_bytes()) for warrant in self.warrants]


class WithTenuo:
    """tenuo."""

    name = f"tenuo {version('tenuo')}"
    says = (
        "checks every signature from a trusted root on; that each warrant narrows its parent; times; all arguments, by"
        " the last warrant; the holder's proof over warrant, tool and arguments. Not asked here: revocation (no list"
        " installed), single use of a proof (its `NonceStore`)."
    )

    def __init__(self) -> None:
        self._root = SigningKey.generate()
        self._authorizer = Authorizer(trusted_roots=[self._root.public_key])

    def prepare(self, depth: int, *, different: int) -> Prepared:
        """Make a chain."""
        del different  # every call is new to it
        chain = self._granted()
        while len(chain.warrants) < depth:
            chain = chain.child()
        wire = chain.wire
        calls = [(call(number), chain.proof(call(number))) for number in range(CALLS)]
        stack = encode_warrant_stack(list(chain.warrants))
        binary = base64.urlsafe_b64decode(stack + "=" * (-len(stack) % 4))
        return Prepared(
            {self.name: Subject(lambda number: self._decide(wire, *calls[number % CALLS]), CALLS_A_ROUND)},
            Size(len(binary), len(stack), len(calls[0][1])),
            self._attempts(chain),
        )

    def reason(self, error: Exception) -> str:
        """Name the error's class."""
        return type(error).__name__

    def _granted(self) -> _Chain:
        key = SigningKey.generate()
        capabilities = {TOOL: _constraints(bounds_at(0))}
        warrant = Warrant.issue(self._root, capabilities=capabilities, ttl_seconds=LIFETIME_S, holder=key.public_key)
        return _Chain((warrant,), (key,))

    def _decide(self, wire: list[bytes], arguments: dict[str, Any], proof: bytes) -> None:
        warrants = [Warrant.from_bytes(each) for each in wire]
        self._authorizer.check_chain(warrants, TOOL, arguments, signature=proof)

    def _attempts(self, chain: _Chain) -> list[Attempt]:
        def ask(links: _Chain, last: bytes, arguments: dict[str, Any], key: SigningKey | None = None) -> None:
            self._decide([*links.wire[:-1], last], arguments, links.proof(arguments, key=key))

        child, stranger, good = chain.child(), SigningKey.generate(), call(0)
        last, payload = child.wire[-1], bytes(child.warrants[-1].payload_bytes)
        # The builder would not: the range's upper end is changed by hand, and signed by the holder.
        wide = payload.replace(_upper_end(bounds_at(len(chain.keys))), _upper_end(WIDER))
        signed = _signed(last.replace(payload, wide), wide, chain.keys[-1])
        forged = _signed(last, payload, stranger)
        other = chain.proof(call(1))
        return [
            *(
                Attempt(what, lambda sent=sent: ask(chain, chain.wire[-1], sent), "ConstraintViolation")
                for what, sent in OUTSIDE.items()
            ),
            Attempt("a wider child", lambda: ask(child, signed, good), "RangeExpanded"),
            Attempt("a forged signature", lambda: ask(child, forged, good), "DeserializationError"),
            Attempt("a stranger's proof", lambda: ask(child, last, good, stranger), "SignatureInvalid"),
            Attempt("another call's proof", lambda: self._decide(chain.wire, good, other), "SignatureInvalid"),
        ]


def _constraints(bounds: Bounds) -> dict[str, Any]:
    return {
        "path": Subpath(bounds.directory),
        "limit": Range(bounds.least, bounds.most),
        "mode": OneOf(list(bounds.modes)),
    }


def _upper_end(bounds: Bounds) -> bytes:
    return b"\x63max\xf9" + struct.pack(">e", bounds.most)  # in CBOR: a name of three letters, a half-precision float


def _signed(warrant: bytes, payload: bytes, key: SigningKey) -> bytes:
    return warrant[:-_SIGNATURE_BYTES] + bytes(key.sign_raw(_CONTEXT + payload))
