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
from delegation.core.named_tuple import NamedTuple, made
from delegation.core.statement import SignedStatement, StatementKind
from delegation.errors import Reason, refusal
from delegation.v1 import chain_pb2 as pb

_LINK: Final = 0x0A  # field 1, length-delimited: Chain.links, and SignedLink.payload
_STATEMENT: Final = 0x12  # field 2, length-delimited: Chain.statements
_SIGNATURE: Final = b"\x12\x40"  # field 2, 64 bytes: SignedLink.signature
_IN_CHAIN: Final = frozenset({StatementKind.RECEIPT, StatementKind.BINDING})


class Envelope(NamedTuple):
    """A token cut into links and statements; what is inside a link is not looked at yet.

    Attributes:
        token: the bytes.
        ends: the offset just past each link, grant first.
        statements: what follows them, unchecked.
    """

    token: bytes
    ends: tuple[int, ...]
    statements: tuple[SignedStatement, ...]

    def frames(self, start: int = 0) -> tuple[Frame, ...]:
        """Give the links from `start` on.

        Raises:
            Malformed: MALFORMED, with the link's index.
        """
        token, ends = self.token, self.ends
        begin = ends[start - 1] if start else 0
        frames = []
        for index in range(start, len(ends)):
            frames.append(_frame(token, begin, ends[index], index))
            begin = ends[index]
        return tuple(frames)


def parse_envelope(token: bytes) -> Envelope:
    """Cut a token into its links and statements.

    Raises:
        Malformed: TOKEN_TOO_LARGE, MALFORMED, NO_LINKS, TOO_MANY_LINKS, STATEMENT_UNSUPPORTED, or what a
            statement is refused for.
    """
    size = len(token)
    if size > limits.TOKEN_BYTES:
        raise refusal(Reason.TOKEN_TOO_LARGE)
    ends: list[int] = []
    position = 0
    while position < size and token[position] == _LINK:
        if len(ends) == limits.LINKS:
            raise refusal(Reason.TOO_MANY_LINKS, link_index=limits.LINKS)
        position = _end(token, position + 1)
        ends.append(position)
    if not ends:
        raise refusal(Reason.NO_LINKS)
    statements: list[SignedStatement] = []
    while position < size and token[position] == _STATEMENT:
        start = position + 1
        position = _end(token, start)
        statements.append(_statement(token[_skip_varint(token, start) : position], len(statements)))
    if position != size:
        raise refusal(Reason.MALFORMED)
    return Envelope(token, tuple(ends), tuple(statements))


def parse_token(token: bytes) -> UnverifiedChain:
    """Split a token into its links and statements; nothing is verified.

    Raises:
        Malformed: as `parse_envelope`, and as `Envelope.frames`.
    """
    envelope = parse_envelope(token)
    return UnverifiedChain(token, envelope.frames(), envelope.statements)


def _end(token: bytes, position: int) -> int:
    """Read a length in its shortest form, and give the end of what it measures."""
    # Nearly every length in a token takes two bytes.
    if position + 1 < len(token):
        low, high = token[position], token[position + 1]
        if low > 0x7F and 0 < high < 0x80:  # noqa: PLR2004 - continuation bits of a varint
            end = position + 2 + (low & 0x7F | high << 7)
            if end <= len(token):
                return end
    length = shift = 0
    for offset in range(position, min(position + 3, len(token))):
        byte = token[offset]
        length |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint has no continuation bit
            end = offset + 1 + length
            if (byte == 0 and shift) or end > len(token):
                break
            return end
        shift += 7
    raise refusal(Reason.MALFORMED)


def _skip_varint(token: bytes, position: int) -> int:
    while token[position] > 0x7F:  # noqa: PLR2004 - as above
        position += 1
    return position + 1


def _frame(token: bytes, start: int, end: int, index: int) -> Frame:
    """Take the link that fills the token from `start`, which is its tag, to `end`."""
    start = _skip_varint(token, start + 1)
    signature = end - limits.SIGNATURE_BYTES
    payload_end = signature - len(_SIGNATURE)
    if start < end and token[start] == _LINK and _end(token, start + 1) == payload_end:
        payload_start = _skip_varint(token, start + 1)
        if payload_start < payload_end and token[payload_end:signature] == _SIGNATURE:
            return made(Frame, (token[payload_start:payload_end], token[signature:end], end))
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
    chain = pb.Chain()
    for link in links:
        chain.links.add(payload=link.payload, signature=link.signature)
    chain.statements.extend(map(statement_to_message, statements))
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
