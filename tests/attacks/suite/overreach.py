"""Calls beyond an honest scope, calls that bring nothing along, and defaults that nobody has permitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Call, Recipe, Twin
from attacks.suite.recipes import honest_twins, link_says, path_of, scope_is, under
from attacks.suite.worlds import READ, SCOPE, World
from delegation.core.scope import SERVICE_AUDIENCE
from delegation.errors import Reason
from support.chains import READ_CALL

REFUND = {"amount": 50, "currency": "EUR"}
BEYOND: dict[str, tuple[tuple[str, str, Any], Reason]] = {
    "a tool that nobody mentioned": (("files", "write", READ_CALL), Reason.TOOL_NOT_PERMITTED),
    "the tool in capitals": (("files", "READ", READ_CALL), Reason.TOOL_NOT_PERMITTED),
    "the tool of another audience": (("billing", "read", READ_CALL), Reason.TOOL_NOT_PERMITTED),
    "an argument that is not listed": (("files", "read", {**READ_CALL, "follow": True}), Reason.ARGUMENT_UNEXPECTED),
    "an argument in capitals": (("files", "read", {**READ_CALL, "Limit": 1}), Reason.ARGUMENT_UNEXPECTED),
    "an argument with a space": (("files", "read", {**READ_CALL, "limit ": 1}), Reason.ARGUMENT_UNEXPECTED),
    "an argument without a name": (("files", "read", {**READ_CALL, "": 1}), Reason.ARGUMENT_UNEXPECTED),
    "an argument of a prototype": (("files", "read", {**READ_CALL, "__proto__": {}}), Reason.ARGUMENT_UNEXPECTED),
    "a required argument left out": (("files", "read", {}), Reason.ARGUMENT_MISSING),
    "a required argument under another name": (("files", "read", {"Path": "/srv/docs"}), Reason.ARGUMENT_MISSING),
    "a path outside": (("files", "read", {"path": "/etc/passwd"}), Reason.ARGUMENT_REFUSED),
    "a number past its bound": (("files", "read", {**READ_CALL, "limit": 101}), Reason.ARGUMENT_REFUSED),
    "an amount past its bound": (("billing", "refund", {**REFUND, "amount": 50.01}), Reason.ARGUMENT_REFUSED),
    "another currency": (("billing", "refund", {**REFUND, "currency": "GBP"}), Reason.ARGUMENT_REFUSED),
    "null for what is optional": (("files", "read", {**READ_CALL, "limit": None}), Reason.ARGUMENT_REFUSED),
}


def beyond() -> Iterator[Attempt]:
    for name, (call, reason) in BEYOND.items():
        for of in (1, 2, 3):
            yield Attempt(f"{name}, {of} links", reason, under(of=of, call=call), 0)
    narrowed = w.scope(w.capability("files", "read", w.argument("path", w.sub_path("/srv/docs/a"))))
    for name, arguments, reason in (
        ("what its delegator may", {"path": "/srv/docs/b"}, Reason.ARGUMENT_REFUSED),
        ("an argument that its delegator may send", {"path": "/srv/docs/a", "limit": 5}, Reason.ARGUMENT_UNEXPECTED),
    ):
        for of in (2, 3):
            scopes = [SCOPE] * (of - 1) + [narrowed]
            yield Attempt(
                f"{name}, the last of {of}", reason, under(scopes, of, call=("files", "read", arguments)), of - 1
            )
    for of in (1, 2):
        nothing = link_says(scope_is(b""), of - 1, of)
        yield Attempt(f"a call under an empty scope, {of} links", Reason.TOOL_NOT_PERMITTED, nothing, of - 1)


def permitted() -> Iterator[Twin]:
    yield from honest_twins(links=(1, 2, 3))
    yield Twin("all that is permitted", under(call=("files", "read", {"path": "/srv/docs/a/b", "limit": 100})))
    yield Twin("the greatest refund", under(call=("billing", "refund", REFUND)))
    yield Twin("any arguments", under(call=("web", "search", {"any": [{"thing": None}]})))


# -- nothing brought along


def without(of: int, **parts: bytes) -> Recipe:
    return lambda world: replace(world.call(world.chain(path_of(of))), **parts)


def nothing_brought() -> Iterator[Attempt]:
    for of in (1, 2, 3):
        yield Attempt(f"no proof, {of} links", Reason.PROOF_MISSING, without(of, proof=b""))
        yield Attempt(f"a proof and no chain, {of} links", Reason.CHAIN_MISSING, without(of, token=b""))
    yield Attempt("neither chain nor proof", Reason.CHAIN_MISSING, without(1, token=b"", proof=b""))
    swapped: Recipe = lambda world: replace(call := honest(world), token=call.proof, proof=call.token)  # noqa: E731
    yield Attempt("chain and proof exchanged", Reason.MALFORMED, swapped)
    twice: Recipe = lambda world: replace(call := honest(world), proof=call.token)  # noqa: E731
    yield Attempt("the chain for a proof", Reason.PROOF_INVALID, twice)
    for name, junk in {"a zero": b"\0", "ones": b"\xff" * 64, "text": b"Bearer eyJ", "zeros": bytes(100)}.items():
        yield Attempt(f"{name} for a proof", Reason.PROOF_INVALID, without(2, proof=junk))
        yield Attempt(f"{name} for a chain", Reason.NO_LINKS, without(2, token=junk))


def honest(world: World) -> Call:
    return world.call(world.chain())


# -- the service's own audience

SERVICE_TOOLS = ("complete_task", "revoke", "anything")


def service_audience() -> Iterator[Attempt]:
    for tool in SERVICE_TOOLS:
        scope = w.scope(READ, w.capability(SERVICE_AUDIENCE, tool, any_arguments=True))
        for at, of in ((0, 1), (1, 2), (2, 3)):
            yield Attempt(
                f"a scope for {tool}, link {at} of {of}", Reason.FIELD_INVALID, link_says(scope_is(scope), at, of), at
            )


def other_urns() -> Iterator[Twin]:
    for audience in (f"{SERVICE_AUDIENCE}s", "urn:delegation", SERVICE_AUDIENCE.upper()):
        scope = w.scope(w.capability(audience, "revoke", any_arguments=True))
        yield Twin(f"a scope for {audience}", under(scope, 2, call=(audience, "revoke", {})))


# -- defaults


def with_defaults(defaults: dict[str, Any], scopes: list[bytes], arguments: dict[str, Any]) -> Recipe:
    call: Callable[[World], Any] = under(scopes, len(scopes), call=("t", "t", arguments))
    return lambda world: replace(call(world), defaults=defaults)


def limited(*arguments: bytes) -> bytes:
    return w.scope(w.capability("t", "t", *arguments, w.argument("x", w.anything())))


LIMIT = w.argument("limit", w.integers(maximum=50), optional=True)
REQUIRED = w.argument("limit", w.integers(maximum=50))


def forbidden_defaults() -> Iterator[Attempt]:
    chains = {
        "that the grant forbids": ([limited(LIMIT)], 0),
        "that every link forbids": ([limited(LIMIT)] * 3, 0),
        "that the grant forbids and its child does not mention": ([limited(LIMIT), limited()], 0),
        "that a link amid forbids": (
            [w.scope(w.capability("t", "t", any_arguments=True)), limited(LIMIT), limited()],
            1,
        ),
        "that the leaf forbids": (
            [limited(LIMIT), limited(w.argument("limit", w.integers(maximum=9), optional=True))],
            1,
        ),
        "in place of what is required": ([limited(REQUIRED)], 0),
    }
    for name, (scopes, at) in chains.items():
        for value in (1_000, "5", None, 10.5, True):
            default = 10 if "leaf" in name and value == 1_000 else value
            at_fault = at if default == 10 or "leaf" not in name else 0
            recipe = with_defaults({"limit": default}, scopes, {"x": 1})
            yield Attempt(f"a default of {value!r} {name}", Reason.ARGUMENT_REFUSED, recipe, at_fault)


def permitted_defaults() -> Iterator[Twin]:
    yield Twin("a default that is permitted", with_defaults({"limit": 50}, [limited(LIMIT), limited()], {"x": 1}))
    yield Twin("a default for what is required", with_defaults({"limit": 5}, [limited(REQUIRED)], {"x": 1}))
    yield Twin("a default of which nobody speaks", with_defaults({"clock": "now"}, [limited(LIMIT)], {"x": 1}))
    yield Twin("a default that is not used", with_defaults({"limit": 999}, [limited(LIMIT)], {"x": 1, "limit": 5}))


CLASSES = (
    AttackClass("call beyond the scope", beyond, permitted),
    AttackClass("missing or meaningless chain or proof", nothing_brought, permitted),
    AttackClass("the service's own audience", service_audience, other_urns),
    AttackClass("default that an ancestor forbids", forbidden_defaults, permitted_defaults),
)
