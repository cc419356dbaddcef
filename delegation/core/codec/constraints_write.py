"""Constraints -> messages."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

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

WriteArgument = Callable[[str, Argument], pb.Argument]


def constraint_to_message(constraint: Constraint, argument: WriteArgument) -> pb.Constraint:
    """Give the message of a constraint; `argument` writes the fields of an object constraint.

    Raises:
        Malformed: CONSTRAINT_UNSUPPORTED for what is not of the family.
    """
    write = _WRITE.get(type(constraint))
    if write is not None:
        return write(constraint)
    match constraint:
        case Each(member):
            return pb.Constraint(each=constraint_to_message(member, argument))
        case Fields(fields=fields):
            named = [argument(name, fields[name]) for name in sorted(fields)]
            return pb.Constraint(fields=pb.Fields(fields=named))
        case Negation(inner):
            return pb.Constraint(negation=constraint_to_message(inner, argument))
        case AllOf(constraints):
            return pb.Constraint(all_of=_several(constraints, argument))
        case AnyOf(constraints):
            return pb.Constraint(any_of=_several(constraints, argument))
        case _:
            raise refusal(Reason.CONSTRAINT_UNSUPPORTED, detail=type(constraint).__name__)


def _several(constraints: tuple[Constraint, ...], argument: WriteArgument) -> pb.ConstraintList:
    return pb.ConstraintList(constraints=[constraint_to_message(each, argument) for each in constraints])


def _exact(value: object) -> pb.Constraint:
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


def _set(members: OneOf) -> pb.ScalarSet:
    return pb.ScalarSet(
        strings=sorted(members.strings),
        integers=sorted(n for n in members.numbers if isinstance(n, int)),
        decimals=[format_decimal(n) for n in sorted(n for n in members.numbers if isinstance(n, Decimal))],
        has_true=True in members.others,
        has_false=False in members.others,
        has_null=None in members.others,
    )


def _decimal_range(bounds: DecimalRange) -> pb.DecimalRange:
    return pb.DecimalRange(
        minimum="" if bounds.minimum is None else format_decimal(bounds.minimum),
        maximum="" if bounds.maximum is None else format_decimal(bounds.maximum),
        minimum_exclusive=bounds.minimum_exclusive,
        maximum_exclusive=bounds.maximum_exclusive,
    )


def _segment_glob(glob: SegmentGlob) -> pb.SegmentGlob:
    written = "" if glob.separator == DEFAULT_SEPARATOR else glob.separator
    return pb.SegmentGlob(pattern=glob.pattern, separator=written)


_WRITE: Final[dict[type, Callable[[Any], pb.Constraint]]] = {
    Anything: lambda _: pb.Constraint(anything=True),
    Exact: lambda exact: _exact(exact.value),
    OneOf: lambda one_of: pb.Constraint(one_of=_set(one_of)),
    NotOneOf: lambda none_of: pb.Constraint(not_one_of=_set(none_of.excluded)),
    IntegerRange: lambda bounds: pb.Constraint(integer_range=pb.IntegerRange(**bounds._asdict())),
    DecimalRange: lambda bounds: pb.Constraint(decimal_range=_decimal_range(bounds)),
    DecimalText: lambda text: pb.Constraint(decimal_text=_decimal_range(text.bounds)),
    Length: lambda bounds: pb.Constraint(length=pb.LengthRange(**bounds._asdict())),
    Prefix: lambda prefix: pb.Constraint(prefix=prefix.text),
    SegmentGlob: lambda glob: pb.Constraint(segment_glob=_segment_glob(glob)),
    SubPath: lambda path: pb.Constraint(sub_path=path.root),
    Url: lambda url: pb.Constraint(url=pb.UrlPattern(**url._asdict())),
    Cidr: lambda cidr: pb.Constraint(cidr=cidr.network),
    ListSubset: lambda subset: pb.Constraint(list_subset=_set(subset.members)),
    ListContains: lambda contains: pb.Constraint(list_contains=_set(contains.members)),
    Regex: lambda regex: pb.Constraint(regex=regex.expression),
}
