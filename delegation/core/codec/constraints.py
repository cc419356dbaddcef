"""Constraints <- messages. A kind that is not in `_READ` or `_NESTED` refuses, and says so."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from delegation.core import limits
from delegation.core.codec.canonical import invalid
from delegation.core.codec.values import list_from_message, object_from_message
from delegation.core.constraints import (
    AllOf,
    AnyOf,
    Anything,
    Argument,
    Cidr,
    Constraint,
    DecimalRange,
    DecimalText,
    Each,
    Exact,
    Fields,
    IntegerRange,
    Length,
    ListContains,
    ListSubset,
    Negation,
    NotOneOf,
    OneOf,
    Prefix,
    Regex,
    SegmentGlob,
    SubPath,
    Url,
)
from delegation.core.constraints.decimals import parse_decimal
from delegation.core.constraints.segments import DEFAULT_SEPARATOR
from delegation.core.constraints.strings import check_string
from delegation.core.named_tuple import made
from delegation.errors import Reason, refusal
from delegation.v1 import chain_pb2 as pb

ReadArguments = Callable[[list[pb.Argument], int], dict[str, Argument]]
_SAFE: Final = limits.SAFE_INTEGER


def constraint_from_message(message: pb.Constraint, depth: int, arguments: ReadArguments) -> Constraint:
    """Take a constraint.

    Args:
        message: the message.
        depth: how many levels of nesting are left.
        arguments: reads the fields of an object constraint (the codec of scopes).

    Raises:
        Malformed: CONSTRAINT_UNSUPPORTED for an unknown kind and for a regex without RE2, NESTING_TOO_DEEP, or what
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
    if kind == "fields":
        return Fields(arguments(message.fields.fields[:], depth - 1))
    nested = _NESTED.get(kind)
    if nested is None:
        raise refusal(Reason.CONSTRAINT_UNSUPPORTED, detail=f"{kind} is not known to this version")
    return nested(getattr(message, kind), depth - 1, arguments)


def _flag(given: bool, constraint: Constraint) -> Constraint:  # noqa: FBT001 - a field of the message
    return constraint if given else invalid("a flag that is present is false")


def _integer(value: int) -> int:
    return value if -_SAFE <= value <= _SAFE else invalid("an integer outside ±(2^53-1)")


def _fraction(text: str) -> Decimal:
    number = parse_decimal(text)
    return number if isinstance(number, Decimal) else invalid("an integer written as a decimal")


def _composite(message: pb.Value) -> Exact:
    kind = message.WhichOneof("kind")
    if kind == "object":
        return made(Exact, (object_from_message(message.object, limits.NESTING - 1),))
    if kind == "list":
        return made(Exact, (list_from_message(message.list, limits.NESTING - 1),))
    return invalid("a scalar written as a composite, or an unknown kind")


def _set(message: pb.ScalarSet) -> OneOf:
    texts = message.strings[:]
    if len(message.ListFields()) == 1 and 0 < len(texts) <= limits.SET_VALUES:  # nothing but strings
        return made(OneOf, (_strings(texts), _NONE, _NONE))
    integers, decimals = message.integers[:], message.decimals[:]
    if len(texts) + len(integers) + len(decimals) > limits.SET_VALUES:
        raise refusal(Reason.TOO_MANY_VALUES)
    strings = _strings(texts)
    numbers: list[int | Decimal] = []
    if integers:
        numbers += _ascending(list(map(_integer, integers)))
    if decimals:
        numbers += _ascending(list(map(_fraction, decimals)))
    others = [value for given, value in _flags(message) if given]
    return OneOf(strings, frozenset(numbers), frozenset(others)).checked()


def _flags(message: pb.ScalarSet) -> tuple[tuple[bool, bool | None], ...]:
    return (message.has_true, True), (message.has_false, False), (message.has_null, None)


_NONE: Final[frozenset[Any]] = frozenset()
_UNSORTED: Final = "a set is not sorted and unique"


def _ascending(values: list[Any]) -> list[Any]:
    if len(values) > 1 and (sorted(values) != values or len(set(values)) != len(values)):
        invalid(_UNSORTED)
    return values


_SHARED_VALUES: Final = 16
_SHARED_CHARACTERS: Final = 512
_SHARED_SETS: Final = 256
"""Half a megabyte of text at most, whatever a holder signs."""


def _strings(texts: list[str]) -> frozenset[str]:
    # Siblings have the same sets: what is remembered of thousands of chains would be so many copies of each.
    if len(texts) <= _SHARED_VALUES and sum(map(len, texts)) <= _SHARED_CHARACTERS:
        return _shared(tuple(texts))
    return _unshared(texts)


@lru_cache(maxsize=_SHARED_SETS)
def _shared(texts: tuple[str, ...]) -> frozenset[str]:
    return _unshared(list(texts))


def _unshared(texts: list[str]) -> frozenset[str]:
    strings = frozenset(texts)
    if len(strings) != len(texts) or sorted(texts) != texts:
        invalid(_UNSORTED)
    # One look at all of them spares a look at each: a character has at most four bytes.
    if len("".join(texts)) > limits.TEXT_BYTES // 4:
        for text in texts:
            check_string(text)
    return strings


def _integer_range(message: pb.IntegerRange) -> IntegerRange:
    low: int | None = message.minimum
    high: int | None = message.maximum
    if low == 0 and not message.HasField("minimum"):
        low = None
    if high == 0 and not message.HasField("maximum"):
        high = None
    if low is not None and high is not None and -_SAFE <= low <= high <= _SAFE:
        return made(IntegerRange, (low, high))
    return IntegerRange.of(low, high)


def _decimal_range(message: pb.DecimalRange) -> DecimalRange:
    minimum, maximum = (parse_decimal(bound) if bound else None for bound in (message.minimum, message.maximum))
    return DecimalRange.of(minimum, maximum, message.minimum_exclusive, message.maximum_exclusive)


def _length(message: pb.LengthRange) -> Length:
    return Length.of(message.minimum, message.maximum if message.HasField("maximum") else None)


def _segment_glob(message: pb.SegmentGlob) -> SegmentGlob:
    if message.separator == DEFAULT_SEPARATOR:
        invalid("a separator that is the default is not written")
    return SegmentGlob.of(message.pattern, message.separator or DEFAULT_SEPARATOR)


def _url(message: pb.UrlPattern) -> Url:
    port = message.port if message.HasField("port") else None
    return Url.of(message.schemes, message.host, message.subdomains, port, message.path_prefix)


_READ: Final[dict[str, Callable[[Any], Constraint]]] = {
    "anything": lambda given: _flag(given, Anything()),
    "exact_null": lambda given: _flag(given, Exact(None)),
    "exact_boolean": Exact,
    "exact_string": lambda text: Exact(check_string(text)),
    "exact_integer": lambda value: Exact(_integer(value)),
    "exact_decimal": lambda text: Exact(_fraction(text)),
    "exact_composite": _composite,
    "one_of": _set,
    "not_one_of": lambda message: NotOneOf.of(_set(message)),
    "integer_range": _integer_range,
    "decimal_range": _decimal_range,
    "decimal_text": lambda message: DecimalText(_decimal_range(message)),
    "length": _length,
    "prefix": Prefix.of,
    "segment_glob": _segment_glob,
    "sub_path": SubPath.of,
    "url": _url,
    "cidr": Cidr.of,
    "list_subset": lambda message: ListSubset(_set(message)),
    "list_contains": lambda message: ListContains(_set(message)),
    "regex": Regex.of,
}


def _several(message: pb.ConstraintList, depth: int, arguments: ReadArguments) -> tuple[Constraint, ...]:
    constraints = message.constraints[:]
    if len(constraints) > limits.BRANCHES:
        raise refusal(Reason.TOO_MANY_VALUES, detail="constraints of an all-of or any-of")
    return tuple([constraint_from_message(inner, depth, arguments) for inner in constraints])


_NESTED: Final[dict[str, Callable[[Any, int, ReadArguments], Constraint]]] = {
    "each": lambda message, *further: Each(constraint_from_message(message, *further)),
    "negation": lambda message, *further: Negation.of(constraint_from_message(message, *further)),
    "all_of": lambda message, *further: AllOf.of(_several(message, *further)),
    "any_of": lambda message, *further: AnyOf.of(_several(message, *further)),
}
