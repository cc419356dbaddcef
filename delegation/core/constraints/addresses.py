"""IP addresses in a network.

An address that is not in normal form is refused: `010.0.0.1`, `0x0a000001`, `::ffff:10.0.0.1` and `10.0.0.1` are one
address to some tools and four to others.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, Self

from delegation.core.arguments import Value
from delegation.core.constraints.domains import ADDRESSES, Domain
from delegation.core.constraints.family import Steps, typed
from delegation.core.constraints.words import ROOM
from delegation.core.named_tuple import NamedTuple
from delegation.errors import Reason, refusal

_V4, _V6 = 4, 6
_BITS: Final = {_V4: 32, _V6: 128}
_HOSTS: Final = {
    version: {str(length): (1 << bits - length) - 1 for length in range(bits + 1)} for version, bits in _BITS.items()
}
"""By version and length of a network as it is written: the bits that tell the addresses in it apart."""
_LONGEST: Final = 39
_OCTET: Final = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4: Final = rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}"
_STEPS: Final = 24
"""What reading a string takes (SPEC section 8.2)."""
_GROUPS: Final = 8
_GROUP: Final = "(?:0|[1-9a-f][0-9a-f]{0,3})"
_SOME: Final = f"(?:{_GROUP}(?::{_GROUP})*)?"
_IPV6: Final = f"({_SOME})(?:(::)({_SOME}))?"
_IPV4_IN_DISGUISE: Final = 0xFFFF
"""What the bits before the last 32 are of an IPv6 address that is an IPv4 address in other words."""


class Address(NamedTuple):
    """An IP address: version 4 or 6, and its bits as a number."""

    version: int
    number: int


def address_of(text: str) -> Address | None:
    """Read an address in normal form (SPEC section 5.1); None if it is not in it."""
    if len(text) > _LONGEST:
        return None
    if ":" in text:
        return _ipv6(text)
    match = _pattern(_IPV4).fullmatch(text)
    return Address(_V4, int.from_bytes(map(int, match.groups()))) if match else None


@cache
def _pattern(expression: str) -> re.Pattern[str]:
    """Compile when first asked for: most tools never see an address."""
    return re.compile(expression)


def _ipv6(text: str) -> Address | None:
    """Read eight groups, of which the first longest run of two zeros or more is left out (RFC 5952 section 4)."""
    match = _pattern(_IPV6).fullmatch(text)
    if match is None:
        return None
    head, left_out, tail = match.groups()
    before, after = head.split(":") if head else [], tail.split(":") if tail else []
    zeros = _GROUPS - len(before) - len(after)
    if (zeros < 2) if left_out else zeros:  # noqa: PLR2004 - one zero is written
        return None
    if "0" in before or "0" in after:
        groups = [*before, *["0"] * zeros, *after]
        if _longest_zeros(groups) != (len(before) if left_out else 0, zeros):
            return None
    number = 0
    for group in before:
        number = number << 16 | int(group, 16)
    number <<= 16 * zeros
    for group in after:
        number = number << 16 | int(group, 16)
    return None if number >> _BITS[_V4] == _IPV4_IN_DISGUISE else Address(_V6, number)


def _longest_zeros(groups: list[str]) -> tuple[int, int]:
    """Give where the first longest run of two zeros or more begins and how long it is; (0, 0) without one."""
    longest, start = (0, 0), 0
    for index, group in enumerate([*groups, ""]):
        if group != "0":
            if index - start > max(longest[1], 1):
                longest = start, index - start
            start = index + 1
    return longest


@typed
class Cidr(NamedTuple):
    """Allows the addresses in a network; make it with `of`.

    Attributes:
        network: in CIDR notation.
        version: 4 or 6.
        first, last: the addresses in it, as numbers.
    """

    network: str
    version: int
    first: int
    last: int

    @classmethod
    def of(cls, network: str) -> Self:
        """Take a network, checked.

        Raises:
            Malformed: FIELD_INVALID (S-20).
        """
        text, slash, length = network.partition("/")
        address = address_of(text)
        if address is None or not slash or length not in _HOSTS[address.version]:
            raise refusal(Reason.FIELD_INVALID, detail="not a network in CIDR notation and normal form")
        others = _HOSTS[address.version][length]
        if address.number & others:
            raise refusal(Reason.FIELD_INVALID, detail="a network with bits set that do not count")
        return cls(network, address.version, address.number, address.number + others)

    @property
    def domain(self) -> Domain:
        """Strings in address normal form."""
        return ADDRESSES

    def verdict(self, value: Value, steps: Steps) -> bool | None:
        """As `allows`; None for what is no address in normal form."""
        if type(value) is not str:
            return None
        steps.take(_STEPS)
        address = steps.once(address_of, value)
        if address is None:
            return None
        return address.version == self.version and self.first <= address.number <= self.last

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is an address in normal form, and in the network."""
        return self.verdict(value, steps) is True

    def contains(self, other: Cidr) -> bool:
        """Tell whether another network lies in this one."""
        return self.version == other.version and self.first <= other.first and other.last <= self.last

    def describe(self, room: int = ROOM) -> str:  # noqa: ARG002 - the family's signature
        """Show the network."""
        return f"an IP address in {self.network}"
