"""What stands in place of each numbered step of verification in a verifier that lacks it (SPEC section 6).

Steps 5 and 6 are no function of their own: whoever takes them out says what.
"""

from __future__ import annotations

from delegation.core.chain import Frame
from delegation.core.codec import Envelope, decode_binding, decode_receipt, statement_from_message
from delegation.core.keys import key_id
from delegation.core.statement import SignedStatement, StatementKind
from delegation.v1 import chain_pb2 as pb
from support.attacks import nothing
from support.chains import CHECKPOINTS, ISSUER, MALLORY, STATEMENTS

ANY_KEY = {key_id(k.public): k.public for k in (ISSUER, MALLORY, STATEMENTS, CHECKPOINTS)}


class Lenient(Envelope):
    """An envelope as the protobuf library reads it."""

    def frames(self, start: int = 0) -> tuple[Frame, ...]:
        links = pb.Chain.FromString(self.token).links[start:]
        return tuple(Frame(link.payload, link.signature, len(self.token)) for link in links)


def read_leniently(token: bytes) -> Envelope:
    message = pb.Chain.FromString(token)
    ends = (len(token),) * len(message.links)
    return Lenient(token, ends, tuple(map(statement_from_message, message.statements)))


def believe(statements: tuple[SignedStatement, ...], *_: object) -> tuple[int | None, dict[tuple[bytes, str], int]]:
    """Take every statement for what it says."""
    recorded, bindings = None, {}
    for statement in statements:
        if statement.kind is StatementKind.RECEIPT:
            recorded = decode_receipt(statement.payload).recorded_at_ms
        else:
            binding = decode_binding(statement.payload)
            bindings[binding.holder_key, binding.agent] = binding.expires_at_ms
    return recorded, bindings


def trust_anybody(issuer_key_id: bytes | None, *_: object) -> bytes:
    return ANY_KEY[issuer_key_id or b""]


TAKEN_OUT: dict[int, tuple[str, object]] = {
    1: ("step_1_size", nothing),
    2: ("step_2_envelope", read_leniently),
    3: ("step_3_issuer_is_trusted", trust_anybody),
    4: ("step_4_signature", nothing),
    7: ("step_7_only_the_first_is_a_grant", nothing),
    8: ("step_8_handoff_permitted", nothing),
    9: ("step_9_lifetime", nothing),
    10: ("step_10_no_wider", nothing),
    11: ("step_11_statements_fit", believe),
    12: ("step_12_receipt_is_there", nothing),
    13: ("step_13_valid_now", nothing),
    14: ("step_14_not_revoked", nothing),
    15: ("step_15_within_federation", nothing),
}
