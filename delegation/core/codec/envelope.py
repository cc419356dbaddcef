"""A token's envelope: frames of links, then frames of statements (SPEC section 2).

The envelope is a protobuf `Chain` in canonical form; it is simple enough to be read without the
library, which also tells where each link ends: the verifier's cache is keyed by such prefixes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from delegation.core import limits
from delegation.core.chain import Frame, SignedLink, UnverifiedChain
from delegation.core.codec.canonical import encode
from delegation.core.codec.statements import decode_statement, statement_to_message
from delegation.core.statement import SignedStatement, StatementKind
from delegation.errors import Reason, refusal
from delegation.v1 import chain_pb2 as pb

_LINK: Final = 0x0A  # field 1, length-delimited: Chain.links, and SignedLink.payload
_STATEMENT: Final = 0x12  # field 2, length-delimited: Chain.statements
_SIGNATURE: Final = b"\x12\x40"  # field 2, 64 bytes: SignedLink.signature
_TAIL: Final = len(_SIGNATURE) + limits.SIGNATURE_BYTES
_IN_CHAIN: Final = frozenset({StatementKind.RECEIPT, StatementKind.BINDING})


def parse_token(token: bytes) -> UnverifiedChain:
    """Split a token into its links and statements; nothing is verified.

    Raises:
        Malformed: TOKEN_TOO_LARGE, MALFORMED, NO_LINKS, TOO_MANY_LINKS, STATEMENT_UNSUPPORTED, or what a
            statement is refused for.
    """
    if len(token) > limits.TOKEN_BYTES:
        raise refusal(Reason.TOKEN_TOO_LARGE)
    frames: list[Frame] = []
    position, size = 0, len(token)
    while position < size and token[position] == _LINK:
        start, end = _length(token, position + 1)
        frames.append(_frame(token, start, end, len(frames)))
        position = end
    if not frames:
        raise refusal(Reason.NO_LINKS)
    statements: list[SignedStatement] = []
    while position < size and token[position] == _STATEMENT:
        start, position = _length(token, position + 1)
        statements.append(_statement(token[start:position], len(statements)))
    if position != size:
        raise refusal(Reason.MALFORMED)
    return UnverifiedChain(token, tuple(frames), tuple(statements))


def _length(token: bytes, position: int) -> tuple[int, int]:
    """Read a length in its shortest form and give start and end of what it measures."""
    # Nearly every length in a token takes two bytes.
    if position + 1 < len(token):
        low, high = token[position], token[position + 1]
        if low > 0x7F and 0 < high < 0x80:  # noqa: PLR2004 - continuation bits of a varint
            end = position + 2 + (low & 0x7F | high << 7)
            if end <= len(token):
                return position + 2, end
    length = shift = 0
    for offset in range(position, min(position + 3, len(token))):
        byte = token[offset]
        length |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint has no continuation bit
            end = offset + 1 + length
            if (byte == 0 and shift) or end > len(token):
                break
            return offset + 1, end
        shift += 7
    raise refusal(Reason.MALFORMED)


def _frame(token: bytes, start: int, end: int, index: int) -> Frame:
    if index >= limits.LINKS:
        raise refusal(Reason.TOO_MANY_LINKS, link_index=index)
    if start < end and token[start] == _LINK:
        payload_start, payload_end = _length(token, start + 1)
        signature = payload_end + len(_SIGNATURE)
        if payload_start < payload_end == end - _TAIL and token[payload_end:signature] == _SIGNATURE:
            return Frame(token[payload_start:payload_end], token[signature:end], end)
    raise refusal(Reason.MALFORMED, link_index=index)


def _statement(data: bytes, index: int) -> SignedStatement:
    if index >= limits.STATEMENTS:
        raise refusal(Reason.STATEMENT_UNSUPPORTED, detail="too many statements")
    statement = decode_statement(data)
    if statement.kind not in _IN_CHAIN:
        raise refusal(Reason.STATEMENT_UNSUPPORTED, detail=f"a {statement.kind} has no place in a chain")
    return statement


def join_token(links: Sequence[SignedLink | Frame], statements: Iterable[SignedStatement] = ()) -> bytes:
    """Give the token of links and statements.

    Raises:
        Malformed: TOKEN_TOO_LARGE, TOO_MANY_LINKS.
    """
    if len(links) > limits.LINKS:
        raise refusal(Reason.TOO_MANY_LINKS, link_index=limits.LINKS)
    chain = pb.Chain(
        links=[pb.SignedLink(payload=link.payload, signature=link.signature) for link in links],
        statements=[statement_to_message(statement) for statement in statements],
    )
    token = encode(chain)
    if len(token) > limits.TOKEN_BYTES:
        raise refusal(Reason.TOKEN_TOO_LARGE)
    return token


def add_statements(token: bytes, statements: Iterable[SignedStatement]) -> bytes:
    """Give the token with further statements; one that it already has is not repeated.

    Raises:
        Malformed: as `parse_token` and `join_token`.
    """
    chain = parse_token(token)
    return join_token(chain.frames, dict.fromkeys([*chain.statements, *statements]))
