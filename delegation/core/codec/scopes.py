"""Scopes and capabilities <-> messages."""

from __future__ import annotations

from typing import Final

from delegation.core import limits
from delegation.core.codec.canonical import encode, encoder, invalid, strict
from delegation.core.codec.conditions import condition_to_message, conditions_from_messages
from delegation.core.codec.constraints import constraint_from_message
from delegation.core.codec.constraints_write import constraint_to_message
from delegation.core.conditions import in_order
from delegation.core.constraints import Argument
from delegation.core.names import check_name
from delegation.core.scope import SERVICE_AUDIENCE, Capability, Scope
from delegation.errors import Reason, refusal
from delegation.v1 import chain_pb2 as pb

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
        by_pair[pair] = Capability(
            audience, tool, arguments, conditions_from_messages(conditions[:]) if conditions else ()
        )
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
        arguments[name] = Argument(constraint, message.optional)
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
    return pb.Scope(capabilities=[_capability_message(capability) for capability in scope.capabilities])


def _capability_message(capability: Capability) -> pb.Capability:
    return pb.Capability(
        audience=_check_audience(capability.audience),
        tool=check_name(capability.tool, "a tool"),
        any_arguments=capability.arguments is None,
        arguments=[argument_to_message(name, a) for name, a in sorted((capability.arguments or {}).items())],
        conditions=[condition_to_message(condition) for condition in in_order(capability.conditions)],
    )


def argument_to_message(name: str, argument: Argument) -> pb.Argument:
    """Give the message of a named argument or field."""
    return pb.Argument(
        name=check_name(name, "an argument's name"),
        optional=argument.optional,
        constraint=constraint_to_message(argument.constraint, argument_to_message),
    )


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
