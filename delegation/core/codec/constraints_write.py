"""Constraints -> messages, each written where it belongs: a message that is made apart is copied at every level."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from delegation.core.codec.values import value_to_message
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
from delegation.core.constraints.decimals import format_decimal
from delegation.core.constraints.segments import DEFAULT_SEPARATOR
from delegation.errors import Reason, refusal
from delegation.v1 import chain_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

WriteArguments = Callable[["RepeatedCompositeFieldContainer[pb.Argument]", Mapping[str, Argument]], None]


def write_constraint(message: pb.Constraint, constraint: Constraint, arguments: WriteArguments) -> None:
    """Write a constraint into an empty message; `arguments` writes the fields of an object constraint.

    Raises:
        Malformed: CONSTRAINT_UNSUPPORTED for what is not of the family.
    """
    write = _WRITE.get(type(constraint))
    if write is not None:
        write(message, constraint)
        return
    match constraint:
        case Each(member):
            write_constraint(message.each, member, arguments)
        case Fields(fields=fields):
            message.fields.SetInParent()
            arguments(message.fields.fields, fields)
        case Negation(inner):
            write_constraint(message.negation, inner, arguments)
        case AllOf(constraints):
            _several(message.all_of, constraints, arguments)
        case AnyOf(constraints):
            _several(message.any_of, constraints, arguments)
        case _:
            raise refusal(Reason.CONSTRAINT_UNSUPPORTED, detail=type(constraint).__name__)


def _several(message: pb.ConstraintList, constraints: tuple[Constraint, ...], arguments: WriteArguments) -> None:
    message.SetInParent()
    for constraint in constraints:
        write_constraint(message.constraints.add(), constraint, arguments)


def _exact(message: pb.Constraint, exact: Exact) -> None:
    match exact.value:
        case None:
            message.exact_null = True
        case bool(flag):
            message.exact_boolean = flag
        case str(text):
            message.exact_string = text
        case int(number):
            message.exact_integer = number
        case Decimal() as number:
            message.exact_decimal = format_decimal(number)
        case value:
            message.exact_composite.CopyFrom(value_to_message(value))


def _set(message: pb.ScalarSet, members: OneOf) -> None:
    message.SetInParent()
    message.strings.extend(sorted(members.strings))
    if members.numbers:
        message.integers.extend(sorted(n for n in members.numbers if isinstance(n, int)))
        message.decimals.extend(format_decimal(n) for n in sorted(n for n in members.numbers if isinstance(n, Decimal)))
    if members.others:
        message.has_true = True in members.others
        message.has_false = False in members.others
        message.has_null = None in members.others


def _bounds(message: pb.IntegerRange | pb.LengthRange, bounds: IntegerRange | Length) -> None:
    message.SetInParent()
    if bounds.minimum is not None:
        message.minimum = bounds.minimum
    if bounds.maximum is not None:
        message.maximum = bounds.maximum


def _decimal_range(message: pb.DecimalRange, bounds: DecimalRange) -> None:
    message.SetInParent()
    if bounds.minimum is not None:
        message.minimum = format_decimal(bounds.minimum)
    if bounds.maximum is not None:
        message.maximum = format_decimal(bounds.maximum)
    message.minimum_exclusive = bounds.minimum_exclusive
    message.maximum_exclusive = bounds.maximum_exclusive


def _segment_glob(message: pb.SegmentGlob, glob: SegmentGlob) -> None:
    message.SetInParent()
    message.pattern = glob.pattern
    if glob.separator != DEFAULT_SEPARATOR:
        message.separator = glob.separator


def _text(field: str) -> Callable[[pb.Constraint, Any], None]:
    """Give the writer of a kind that is one text."""
    return lambda message, kind: setattr(message, field, kind[0])


_WRITE: Final[dict[type, Callable[[pb.Constraint, Any], None]]] = {
    Anything: lambda message, _: setattr(message, "anything", True),
    Exact: _exact,
    OneOf: lambda message, one_of: _set(message.one_of, one_of),
    NotOneOf: lambda message, none_of: _set(message.not_one_of, none_of.excluded),
    IntegerRange: lambda message, bounds: _bounds(message.integer_range, bounds),
    DecimalRange: lambda message, bounds: _decimal_range(message.decimal_range, bounds),
    DecimalText: lambda message, text: _decimal_range(message.decimal_text, text.bounds),
    Length: lambda message, bounds: _bounds(message.length, bounds),
    Prefix: _text("prefix"),
    SegmentGlob: lambda message, glob: _segment_glob(message.segment_glob, glob),
    SubPath: _text("sub_path"),
    Url: lambda message, url: message.url.CopyFrom(pb.UrlPattern(**url._asdict())),
    Cidr: _text("cidr"),
    ListSubset: lambda message, subset: _set(message.list_subset, subset.members),
    ListContains: lambda message, contains: _set(message.list_contains, contains.members),
    Regex: _text("regex"),
}
