"""Typed values <-> messages, for constraints that name a list or an object."""

from __future__ import annotations

from decimal import Decimal

from delegation.core import limits
from delegation.core.arguments import Value
from delegation.core.codec.canonical import invalid
from delegation.core.constraints.decimals import format_decimal, parse_decimal
from delegation.core.constraints.strings import check_string
from delegation.errors import Reason, refusal
from delegation.v1 import chain_pb2 as pb


def value_from_message(message: pb.Value, depth: int) -> Value:
    """Take a typed value; `depth` levels of nesting are left.

    Raises:
        Malformed: what is wrong with it.
    """
    if depth == 0:
        raise refusal(Reason.NESTING_TOO_DEEP)
    match message.WhichOneof("kind"):
        case "null" if message.null:
            return None
        case "boolean":
            return message.boolean
        case "string":
            return check_string(message.string)
        case "integer" if abs(message.integer) <= limits.SAFE_INTEGER:
            return message.integer
        case "decimal":
            number = parse_decimal(message.decimal)
            return number if isinstance(number, Decimal) else invalid("an integer written as a decimal")
        case "list":
            return list_from_message(message.list, depth - 1)
        case "object":
            return object_from_message(message.object, depth - 1)
        case _:
            return invalid("a value of an unknown kind")


def list_from_message(message: pb.ValueList, depth: int) -> list[Value]:
    """Take a list of typed values; otherwise as `value_from_message`."""
    return [value_from_message(member, depth) for member in message.values[:]]


def object_from_message(message: pb.ValueObject, depth: int) -> dict[str, Value]:
    """Take an object of typed values, whose members are sorted and unique; otherwise as `value_from_message`."""
    members: dict[str, Value] = {}
    last: str | None = None
    for member in message.members[:]:
        if last is not None and member.name <= last:
            invalid("the members of an object are not sorted and unique")
        last = member.name
        members[check_string(last)] = value_from_message(member.value, depth)
    return members


def value_to_message(value: object) -> pb.Value:
    """Give the message of a typed value."""
    match value:
        case None:
            return pb.Value(null=True)
        case bool():
            return pb.Value(boolean=value)
        case str():
            return pb.Value(string=value)
        case int():
            return pb.Value(integer=value)
        case Decimal():
            return pb.Value(decimal=format_decimal(value))
        case list():
            return pb.Value(list=pb.ValueList(values=map(value_to_message, value)))
        case dict():
            members = [pb.ValueMember(name=name, value=value_to_message(value[name])) for name in sorted(value)]
            return pb.Value(object=pb.ValueObject(members=members))
        case _:
            return invalid("a value that is not JSON")
