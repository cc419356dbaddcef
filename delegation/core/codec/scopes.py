"""Scopes and capabilities <-> messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from delegation.core import limits
from delegation.core.codec.canonical import encode, encoder, invalid, strict
from delegation.core.codec.conditions import conditions_from_messages, write_condition
from delegation.core.codec.constraints import constraint_from_message
from delegation.core.codec.constraints_write import write_constraint
from delegation.core.conditions import in_order
from delegation.core.constraints import Argument
from delegation.core.named_tuple import made
from delegation.core.names import check_name
from delegation.core.scope import SERVICE_AUDIENCE, Capability, Scope
from delegation.errors import Reason, refusal
from delegation.v1 import chain_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

_TOP: Final = limits.NESTING


def scope_from_message(message: pb.Scope) -> Scope:
    """Take a scope; every field is checked.

    Raises:
        Malformed: what is wrong with it.
    """
    capabilities = message.capabilities[:]
    if len(capabilities) > limits.CAPABILITIES:
        raise refusal(Reason.TOO_MANY_CAPABILITIES)
    by_pair: dict[tuple[str, str], Capability] = {}
    last = ("", "")
    for item in capabilities:
        audience, tool = pair = item.audience, item.tool
        if pair <= last:  # code point order is UTF-8 byte order
            invalid("capabilities are not sorted and unique")
        _check_audience(audience)
        check_name(tool, "a tool")
        arguments: dict[str, Argument] | None = arguments_from_messages(item.arguments[:], _TOP)
        if item.any_arguments:
            if arguments:
                invalid("any arguments, and some")
            arguments = None
        conditions = item.conditions
        further = conditions_from_messages(conditions[:]) if conditions else ()
        by_pair[pair] = made(Capability, (audience, tool, arguments, further))
        last = pair
    return Scope.of_sorted(by_pair)


def _check_audience(audience: str) -> str:
    if audience == SERVICE_AUDIENCE:
        invalid("no tool is served under the service's own audience")
    return check_name(audience, "an audience")


def arguments_from_messages(messages: list[pb.Argument], depth: int) -> dict[str, Argument]:
    """Take named arguments, sorted and unique."""
    if len(messages) > limits.ARGUMENTS:
        raise refusal(Reason.TOO_MANY_ARGUMENTS)
    arguments: dict[str, Argument] = {}
    last = ""
    for message in messages:
        name = message.name
        if name <= last:
            invalid("arguments are not sorted, unique and named")
        constraint = constraint_from_message(message.constraint, depth, arguments_from_messages)
        arguments[name] = made(Argument, (constraint, message.optional))
        last = name
    # One look at all names spares a look at each: a character has at most four bytes.
    names = "".join(arguments)
    if not names.isprintable() or len(names) > limits.NAME_BYTES // 4:
        for name in arguments:
            check_name(name, "an argument's name")
    return arguments


@encoder
def scope_to_message(scope: Scope) -> pb.Scope:
    """Give the message of a scope."""
    message = pb.Scope()
    write_scope(message, scope)
    return message


def write_scope(message: pb.Scope, scope: Scope) -> None:
    """Write a scope into an empty message."""
    message.SetInParent()
    for capability in scope.capabilities:
        written = message.capabilities.add(
            audience=_check_audience(capability.audience),
            tool=check_name(capability.tool, "a tool"),
            any_arguments=capability.arguments is None,
        )
        if capability.arguments is not None:
            _write_arguments(written.arguments, capability.arguments)
        for condition in in_order(capability.conditions):
            write_condition(written.conditions.add(), condition)


def _write_arguments(messages: RepeatedCompositeFieldContainer[pb.Argument], arguments: Mapping[str, Argument]) -> None:
    for name, argument in sorted(arguments.items()):
        message = messages.add(name=check_name(name, "an argument's name"), optional=argument.optional)
        write_constraint(message.constraint, argument.constraint, _write_arguments)


@encoder
def encode_scope(scope: Scope) -> bytes:
    """Give the canonical bytes of a scope."""
    return encode(scope_to_message(scope))


def decode_scope(data: bytes) -> Scope:
    """Read the canonical bytes of a scope.

    Raises:
        Malformed: what is wrong with it.
    """
    return scope_from_message(strict(pb.Scope, data, limits.TOKEN_BYTES))
