"""IP addresses in a network.

An address that is not in normal form is refused: `010.0.0.1`, `0x0a000001`, `::ffff:10.0.0.1` and `10.0.0.1` are one
address to some tools and four to others.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Self

from delegation.core.arguments import Value
from delegation.core.constraints.domains import ADDRESSES, Domain
from delegation.core.constraints.family import Steps, typed
from delegation.errors import Reason, refusal

_V4, _V6 = 4, 6
_BITS: Final = {_V4: 32, _V6: 128}
_LONGEST: Final = 39
_CHARACTERS: Final = frozenset("0123456789abcdef:.")
_IPV4_IN_DISGUISE: Final = 0xFFFF << 32, (0xFFFF << 32) + 0xFFFFFFFF


class Address(NamedTuple):
    """An IP address: version 4 or 6, and its bits as a number."""

    version: int
    number: int


def address_of(text: str) -> Address | None:
    """Read an address in normal form (SPEC section 5.1); None if it is not in it."""
    if len(text) > _LONGEST or not _CHARACTERS.issuperset(text):
        return None
    import ipaddress  # when the first address is met

    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    number = int(address)
    if address.version == _V6:
        first, last = _IPV4_IN_DISGUISE
        if first <= number <= last or str(address) != text:
            return None
    return Address(address.version, number)


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
        if address is None or not slash or not _is_length(length, _BITS[address.version]):
            raise refusal(Reason.FIELD_INVALID, detail="not a network in CIDR notation and normal form")
        others = (1 << _BITS[address.version] - int(length)) - 1
        if address.number & others:
            raise refusal(Reason.FIELD_INVALID, detail="a network with bits set that do not count")
        return cls(network, address.version, address.number, address.number + others)

    @property
    def domain(self) -> Domain:
        """Strings in address normal form."""
        return ADDRESSES

    def speaks_of(self, value: Value) -> bool:
        """Tell whether it is an address in normal form."""
        return type(value) is str and address_of(value) is not None

    def allows(self, value: Value, steps: Steps) -> bool:  # noqa: ARG002 - the family's signature
        """Tell whether it is an address in normal form, and in the network."""
        if type(value) is not str:
            return False
        address = address_of(value)
        return address is not None and address.version == self.version and self.first <= address.number <= self.last

    def contains(self, other: Cidr) -> bool:
        """Tell whether another network lies in this one."""
        return self.version == other.version and self.first <= other.first and other.last <= self.last

    def describe(self) -> str:
        """Show the network."""
        return f"an IP address in {self.network}"


def _is_length(text: str, bits: int) -> bool:
    """Tell whether it is a decimal number without leading zeros, and at most so many bits."""
    return text.isascii() and text.isdecimal() and text == str(int(text[:4])) and int(text) <= bits
