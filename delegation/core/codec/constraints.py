"""Constraints <-> messages. A kind that is not in `_READ` refuses, and says so."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from delegation.core import limits
from delegation.core.codec.canonical import invalid
from delegation.core.codec.values import check_string, value_from_message, value_to_message
from delegation.core.constraints import (
    Anything,
    Argument,
    Constraint,
    DecimalRange,
    Each,
    Exact,
    Fields,
    IntegerRange,
    OneOf,
    SubPath,
)
from delegation.core.constraints.decimals import format_decimal, parse_decimal
from delegation.core.constraints.numbers import is_empty
from delegation.core.constraints.paths import is_normal_path
from delegation.errors import Reason, refusal
from delegation.v1 import chain_pb2 as pb

ReadArguments = Callable[[list[pb.Argument], int], dict[str, Argument]]
WriteArgument = Callable[[str, Argument], pb.Argument]
_SAFE: Final = limits.SAFE_INTEGER


def constraint_from_message(message: pb.Constraint, depth: int, arguments: ReadArguments) -> Constraint:
    """Take a constraint.

    Args:
        message: the message.
        depth: how many levels of nesting are left.
        arguments: reads the fields of an object constraint (the codec of scopes).

    Raises:
        Malformed: CONSTRAINT_UNSUPPORTED for an unknown or not yet evaluated kind, NESTING_TOO_DEEP, or what
            is wrong with a field.
    """
    if depth == 0:
        raise refusal(Reason.NESTING_TOO_DEEP)
    kind = message.WhichOneof("kind")
    if kind is None:
        raise refusal(Reason.CONSTRAINT_UNSUPPORTED, detail="a constraint of an unknown kind")
    read = _READ.get(kind)
    if read is not None:
        return read(getattr(message, kind))
    if kind == "each":
        return Each(constraint_from_message(message.each, depth - 1, arguments))
    if kind == "fields":
        return Fields(arguments(message.fields.fields[:], depth - 1))
    raise refusal(
        Reason.CONSTRAINT_UNSUPPORTED, detail=f"{kind} is specified, but this version does not evaluate it yet"
    )


def _flag(given: bool, constraint: Constraint) -> Constraint:  # noqa: FBT001 - a field of the message
    return constraint if given else invalid("a flag that is present is false")


def _integer(value: int) -> int:
    return value if -_SAFE <= value <= _SAFE else invalid("an integer outside ±(2^53-1)")


def _fraction(text: str) -> Decimal:
    number = parse_decimal(text)
    return number if isinstance(number, Decimal) else invalid("an integer written as a decimal")


def _composite(message: pb.Value) -> Exact:
    value = value_from_message(message, limits.NESTING)
    return Exact(value) if isinstance(value, list | dict) else invalid("a scalar written as a composite")


def _one_of(message: pb.ScalarSet) -> OneOf:
    strings = message.strings[:]
    numbers: list[int | Decimal] = []
    others: list[bool | None] = []
    for descriptor, value in message.ListFields():
        match descriptor.name:
            case "strings":
                pass
            case "integers":
                numbers += _ascending(list(map(_integer, value)))
            case "decimals":
                numbers += _ascending(list(map(_fraction, value)))
            case flag:
                others.append(_FLAGS[flag])
    if not 0 < len(strings) + len(numbers) + len(others) <= limits.SET_VALUES:
        raise refusal(Reason.TOO_MANY_VALUES if strings or numbers or others else Reason.FIELD_INVALID)
    _check_strings(_ascending(strings))
    return OneOf(frozenset(strings), frozenset(numbers), frozenset(others))


_FLAGS: Final = {"has_true": True, "has_false": False, "has_null": None}


def _ascending(values: list[Any]) -> list[Any]:
    if len(values) > 1 and (sorted(values) != values or len(set(values)) != len(values)):
        invalid("a set is not sorted and unique")
    return values


def _check_strings(strings: list[str]) -> None:
    # One look at all of them spares a look at each: a character has at most four bytes.
    if len("".join(strings)) > limits.TEXT_BYTES // 4:
        for text in strings:
            check_string(text)


def _integer_range(message: pb.IntegerRange) -> IntegerRange:
    low = _integer(message.minimum) if message.HasField("minimum") else None
    high = _integer(message.maximum) if message.HasField("maximum") else None
    if (low is None and high is None) or is_empty(low, high):
        invalid("a range without bounds, or with nothing in it")
    return IntegerRange(low, high)


def _decimal_range(message: pb.DecimalRange) -> DecimalRange:
    low, high = message.minimum, message.maximum
    if (not low and not high) or (message.minimum_exclusive and not low) or (message.maximum_exclusive and not high):
        invalid("a range without the bound that it speaks of")
    minimum, maximum = (parse_decimal(bound) if bound else None for bound in (low, high))
    above, below = message.minimum_exclusive, message.maximum_exclusive
    if is_empty(minimum, maximum, exclusive=above or below):
        invalid("a range with nothing in it")
    return DecimalRange(minimum, maximum, above, below)


def _sub_path(root: str) -> SubPath:
    return SubPath(check_string(root)) if is_normal_path(root) else invalid("a path is not in normal form")


_READ: Final[dict[str, Callable[[Any], Constraint]]] = {
    "anything": lambda given: _flag(given, Anything()),
    "exact_null": lambda given: _flag(given, Exact(None)),
    "exact_boolean": Exact,
    "exact_string": lambda text: Exact(check_string(text)),
    "exact_integer": lambda value: Exact(_integer(value)),
    "exact_decimal": lambda text: Exact(_fraction(text)),
    "exact_composite": _composite,
    "one_of": _one_of,
    "integer_range": _integer_range,
    "decimal_range": _decimal_range,
    "sub_path": _sub_path,
}


def constraint_to_message(constraint: Constraint, argument: WriteArgument) -> pb.Constraint:
    """Give the message of a constraint; `argument` writes the fields of an object constraint."""
    match constraint:
        case Anything():
            return pb.Constraint(anything=True)
        case Exact(value=value):
            return _exact_message(value)
        case OneOf():
            return pb.Constraint(one_of=_one_of_message(constraint))
        case IntegerRange(minimum, maximum):
            return pb.Constraint(integer_range=pb.IntegerRange(minimum=minimum, maximum=maximum))
        case DecimalRange():
            return pb.Constraint(decimal_range=_decimal_range_message(constraint))
        case SubPath(root):
            return pb.Constraint(sub_path=root)
        case Each(member):
            return pb.Constraint(each=constraint_to_message(member, argument))
        case Fields(fields=fields):
            named = [argument(name, fields[name]) for name in sorted(fields)]
            return pb.Constraint(fields=pb.Fields(fields=named))
        case _:
            raise refusal(Reason.CONSTRAINT_UNSUPPORTED, detail=type(constraint).__name__)


def _exact_message(value: object) -> pb.Constraint:
    match value:
        case None:
            return pb.Constraint(exact_null=True)
        case bool():
            return pb.Constraint(exact_boolean=value)
        case str():
            return pb.Constraint(exact_string=value)
        case int():
            return pb.Constraint(exact_integer=value)
        case Decimal():
            return pb.Constraint(exact_decimal=format_decimal(value))
        case _:
            return pb.Constraint(exact_composite=value_to_message(value))


def _one_of_message(one_of: OneOf) -> pb.ScalarSet:
    return pb.ScalarSet(
        strings=sorted(one_of.strings),
        integers=sorted(n for n in one_of.numbers if isinstance(n, int)),
        decimals=[format_decimal(n) for n in sorted(n for n in one_of.numbers if isinstance(n, Decimal))],
        has_true=True in one_of.others,
        has_false=False in one_of.others,
        has_null=None in one_of.others,
    )


def _decimal_range_message(bounds: DecimalRange) -> pb.DecimalRange:
    return pb.DecimalRange(
        minimum="" if bounds.minimum is None else format_decimal(bounds.minimum),
        maximum="" if bounds.maximum is None else format_decimal(bounds.maximum),
        minimum_exclusive=bounds.minimum_exclusive,
        maximum_exclusive=bounds.maximum_exclusive,
    )
