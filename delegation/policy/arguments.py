"""The arguments of a call as Cedar values: of the types that rules declare, exactly, or not at all.

A rule says which arguments of its tool it reads: `@arguments("amount: decimal, order: string")`. Cedar has 64-bit
integers and decimals of four places; a value that is not exactly of the declared type is never rounded, cut or left
out: a call that carries one is denied, since a rule that applies to it could not be decided.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple

from delegation.core import limits
from delegation.core.arguments import Value
from delegation.core.constraints.decimals import format_decimal, number_of_text
from delegation.core.names import is_name
from delegation.errors import Malformed
from delegation.policy.decimals import ten_thousandths

READ_CHARACTERS: Final = 16_384
"""What rules may read of one call: the engine reads it while others wait to be decided."""

_EACH: Final = 64
_LONGEST: Final = 2**63
_DECLARED: Final = re.compile(r"\s*(?P<name>[^:,]*[^:,\s])\s*:\s*(?P<type>\w+)\s*")


class ArgumentType(StrEnum):
    """What an argument is to a rule; the value is the word in `@arguments`."""

    STRING = "string"
    LONG = "long"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    STRINGS = "strings"

    @property
    def cedar(self) -> str:
        """The type in Cedar's schema language."""
        return _IN_CEDAR[self]

    @property
    def words(self) -> str:
        """What a value must be, in words."""
        return _IN_WORDS[self]


_IN_CEDAR: Final = {
    ArgumentType.STRING: "String",
    ArgumentType.LONG: "Long",
    ArgumentType.DECIMAL: "decimal",
    ArgumentType.BOOLEAN: "Bool",
    ArgumentType.STRINGS: "Set<String>",
}
_IN_WORDS: Final = {
    ArgumentType.STRING: "a string",
    ArgumentType.LONG: "a 64-bit integer",
    ArgumentType.DECIMAL: "a decimal of at most four places, below 922337203685477.5808",
    ArgumentType.BOOLEAN: "true or false",
    ArgumentType.STRINGS: "a list of strings",
}


_BY_NAME: Final = {str(type_): type_ for type_ in ArgumentType}


class ArgumentTypes(NamedTuple):
    """What one rule declares, or the reason why that makes no sense."""

    types: Mapping[str, ArgumentType]
    fault: str = ""

    @classmethod
    def declared(cls, text: str) -> ArgumentTypes:
        """Read `name: type, name: type`."""
        found: dict[str, ArgumentType] = {}
        for part in text.split(","):
            match = _DECLARED.fullmatch(part)
            if match is None or not is_name(match["name"], limits.NAME_BYTES):
                return cls({}, '@arguments is written `@arguments("amount: decimal, order: string")`')
            type_ = _BY_NAME.get(match["type"])
            if type_ is None:
                return cls({}, f"an argument is one of {', '.join(ArgumentType)}, not {match['type']}")
            if match["name"] in found:
                return cls({}, f"@arguments names {match['name']} twice")
            found[match["name"]] = type_
        return cls(found)


class UnfitError(Exception):
    """A value that Cedar cannot hold exactly as what it was declared; its text says of which argument, not the value.

    Attributes:
        argument: its name.
    """

    def __init__(self, argument: str, words: str) -> None:
        super().__init__(words)
        self.argument = argument


def arguments_in_cedar(types: Mapping[str, ArgumentType], values: Mapping[str, Value]) -> dict[str, Any]:
    """Give the declared arguments that a call has, as Cedar's JSON; decimals as `decimals` has them.

    Raises:
        UnfitError: one of them is not exactly of its type.
    """
    found, left = {}, READ_CHARACTERS
    for name, type_ in types.items():
        if name in values:
            value = _in_cedar(type_, values[name])
            if value is None:
                raise UnfitError(name, f"the argument {name} is not {type_.words}")
            left -= _characters(value)
            if left < 0:
                raise UnfitError(name, f"the arguments that rules read have more than {READ_CHARACTERS} characters")
            found[name] = value
    return found


def _characters(value: Any) -> int:
    """Say how much there is to read of a string, or of a list of them; each of those counts for some more."""
    if type(value) is str:
        return len(value)
    return sum(map(len, value)) + _EACH * len(value) if type(value) is list else 0


def budgets_in_cedar(types: Mapping[str, ArgumentType], budgets: Mapping[str, str]) -> dict[str, Any]:
    """Give what is left of the budgets over declared arguments, as decimals.

    Raises:
        UnfitError: one of them is beyond Cedar's decimals.
    """
    found = {}
    for name in types.keys() & budgets.keys():
        left = _in_cedar(ArgumentType.DECIMAL, budgets[name])
        if left is None:
            raise UnfitError(name, f"what is left of the budget over {name} is not {ArgumentType.DECIMAL.words}")
        found[name] = left
    return found


def _in_cedar(type_: ArgumentType, value: Value) -> Any:
    """Give a value as Cedar's JSON; None if it is not exactly of the type."""
    match type_:
        case ArgumentType.STRING:
            return value if type(value) is str else None
        case ArgumentType.BOOLEAN:
            return value if type(value) is bool else None
        case ArgumentType.LONG:
            return value if type(value) is int and -_LONGEST <= value < _LONGEST else None
        case ArgumentType.STRINGS:
            return value if type(value) is list and all(type(each) is str for each in value) else None
        case ArgumentType.DECIMAL:
            return _decimal(value)


def _decimal(value: Value) -> int | None:
    """Take an integer, a decimal, or the text of one, such as "10.00"; digit by digit, since arithmetic rounds."""
    number = number_of_text(value) if type(value) is str else value
    if type(number) is not int and type(number) is not Decimal:
        return None
    try:
        whole, _, places = format_decimal(number).partition(".")
    except Malformed:  # too long, or not finite
        return None
    return ten_thousandths(whole, places)
