"""Protobuf bytes written by hand, so that an attack can say what no library would write.

A message is a row of fields (SPEC section 3). Nothing here checks, sorts or repairs anything: what is given is what is
written. Field numbers are those of chain.proto and statement.proto.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum

from canonical_by_hand import varint as read_varint

Content = int | bytes | str
"""The content of a field: a number has wire type 0, everything else wire type 2."""

SIXTY_FOUR_BITS = 2**64


class Of(IntEnum):
    """The fields of a link."""

    VERSION = 1
    NONCE = 2
    ISSUED_AT_MS = 3
    NOT_BEFORE_MS = 4
    EXPIRES_AT_MS = 5
    HOLDER_KEY = 6
    HOLDER_AGENT = 7
    REMAINING_DEPTH = 8
    SCOPE = 9
    PURPOSE = 10
    TRACE_ID = 11
    SPAN_ID = 12
    GRANT = 13


def varint(value: int) -> bytes:
    """Write a number in its shortest form; a negative one as its two's complement in 64 bits."""
    value %= SIXTY_FOUR_BITS
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def long_varint(value: int, more: int = 1) -> bytes:
    """Write a number with so many needless bytes."""
    short = varint(value)
    return short[:-1] + bytes([short[-1] | 0x80]) + b"\x80" * (more - 1) + b"\0"


def zigzag(value: int) -> int:
    """Give the number that stands for a `sint64`."""
    return 2 * value if value >= 0 else -2 * value - 1


def key(number: int, wire_type: int) -> bytes:
    """Write the key of a field."""
    return varint(number << 3 | wire_type)


def field(number: int, content: Content) -> bytes:
    """Write one field."""
    if isinstance(content, int):
        return key(number, 0) + varint(content)
    data = content.encode() if isinstance(content, str) else content
    return key(number, 2) + varint(len(data)) + data


def fields(*row: tuple[int, Content]) -> bytes:
    """Write fields in the order given."""
    return b"".join(field(number, content) for number, content in row)


def split(message: bytes) -> list[tuple[int, int | bytes]]:
    """Read a message into its row of fields."""
    row: list[tuple[int, int | bytes]] = []
    position = 0
    while position < len(message):
        tag, position = read_varint(message, position)
        value, position = read_varint(message, position)
        if tag & 7:
            row.append((tag >> 3, message[position : position + value]))
            position += value
        else:
            row.append((tag >> 3, value))
    return row


def changed(message: bytes, changes: Mapping[int, Content | None]) -> bytes:
    """Write a message anew with some fields put in place of what was there; None leaves one out."""
    row = [(number, content) for number, content in split(message) if number not in changes]
    row += [(int(number), content) for number, content in changes.items() if content is not None]
    return fields(*sorted(row, key=lambda item: item[0]))


def content_of(message: bytes, number: int) -> int | bytes:
    """Give the content of a field that is there."""
    return dict(split(message))[number]


# -- constraints: each gives the bytes of a `Constraint`


def anything() -> bytes:
    return field(1, 1)


def null() -> bytes:
    return field(2, 1)


def boolean(value: bool) -> bytes:
    return field(3, int(value))


def string(value: str) -> bytes:
    return field(4, value)


def integer(value: int) -> bytes:
    return field(5, zigzag(value))


def decimal(value: str) -> bytes:
    return field(6, value)


def list_of(*values: bytes) -> bytes:
    """Exactly this list of `Value`s."""
    return field(7, field(6, b"".join(field(1, value) for value in values)))


def scalar_set(
    *strings: str,
    integers: Iterable[int] = (),
    decimals: Iterable[str] = (),
    true: bool = False,
    false: bool = False,
    null: bool = False,
) -> bytes:
    """Give the bytes of a `ScalarSet`."""
    packed = b"".join(varint(zigzag(number)) for number in integers)
    return (
        b"".join(field(1, text) for text in strings)
        + (field(2, packed) if packed else b"")
        + b"".join(field(3, text) for text in decimals)
        + b"".join(field(number, 1) for number, given in ((4, true), (5, false), (6, null)) if given)
    )


def one_of(*strings: str, **others: object) -> bytes:
    return field(8, scalar_set(*strings, **others))  # type: ignore[arg-type]


def not_one_of(*strings: str, **others: object) -> bytes:
    return field(9, scalar_set(*strings, **others))  # type: ignore[arg-type]


def integers(minimum: int | None = None, maximum: int | None = None) -> bytes:
    """An integer range."""
    bounds = ((1, minimum), (2, maximum))
    return field(10, fields(*((number, zigzag(bound)) for number, bound in bounds if bound is not None)))


def _decimal_bounds(minimum: str, maximum: str, above: bool, below: bool) -> bytes:
    row = ((1, minimum), (2, maximum), (3, int(above)), (4, int(below)))
    return fields(*((number, content) for number, content in row if content))


def decimals(minimum: str = "", maximum: str = "", *, above: bool = False, below: bool = False) -> bytes:
    """A decimal range; `above` and `below` exclude the bounds themselves."""
    return field(11, _decimal_bounds(minimum, maximum, above, below))


def decimal_text(minimum: str = "", maximum: str = "", *, above: bool = False, below: bool = False) -> bytes:
    return field(12, _decimal_bounds(minimum, maximum, above, below))


def length(minimum: int = 0, maximum: int | None = None) -> bytes:
    row = [(1, minimum)] if minimum else []
    return field(13, fields(*row, *([(2, maximum)] if maximum is not None else [])))


def prefix(text: str) -> bytes:
    return field(14, text)


def glob(pattern: str, separator: str = "") -> bytes:
    return field(15, field(1, pattern) + (field(2, separator) if separator else b""))


def sub_path(root: str) -> bytes:
    return field(16, root)


def url(*schemes: str, host: str, subdomains: bool = False, port: int | None = None, path: str = "") -> bytes:
    row: list[tuple[int, Content]] = [(1, scheme) for scheme in schemes]
    row.append((2, host))
    row += [(3, 1)] if subdomains else []
    row += [(4, port)] if port is not None else []
    row += [(5, path)] if path else []
    return field(17, fields(*row))


def cidr(network: str) -> bytes:
    return field(18, network)


def list_subset(*strings: str, **others: object) -> bytes:
    return field(19, scalar_set(*strings, **others))  # type: ignore[arg-type]


def list_contains(*strings: str, **others: object) -> bytes:
    return field(20, scalar_set(*strings, **others))  # type: ignore[arg-type]


def each(member: bytes) -> bytes:
    return field(21, member)


def object_of(*arguments: bytes) -> bytes:
    """An object with just these fields, each an `argument`."""
    return field(22, b"".join(field(1, each_argument) for each_argument in arguments))


def regex(pattern: str) -> bytes:
    return field(23, pattern)


def negation(inner: bytes) -> bytes:
    return field(24, inner)


def all_of(*inner: bytes) -> bytes:
    return field(25, b"".join(field(1, constraint) for constraint in inner))


def any_of(*inner: bytes) -> bytes:
    return field(26, b"".join(field(1, constraint) for constraint in inner))


# -- scopes


def argument(name: str, constraint: bytes, *, optional: bool = False) -> bytes:
    return field(1, name) + (field(2, 1) if optional else b"") + field(3, constraint)


def capability(
    audience: str, tool: str, *arguments: bytes, any_arguments: bool = False, conditions: Iterable[bytes] = ()
) -> bytes:
    return (
        field(1, audience)
        + field(2, tool)
        + (field(3, 1) if any_arguments else b"")
        + b"".join(field(4, given) for given in arguments)
        + b"".join(field(5, condition) for condition in conditions)
    )


def scope(*capabilities: bytes) -> bytes:
    return b"".join(field(1, given) for given in capabilities)


def call_count(maximum: int) -> bytes:
    return field(1, field(1, maximum))


def budget(argument_name: str, maximum: str) -> bytes:
    return field(2, field(1, argument_name) + field(2, maximum))


def approval(threshold: int, *approvers: str) -> bytes:
    return field(3, b"".join(field(1, approver) for approver in approvers) + field(2, threshold))
