"""The messages of chain.proto, field by field, so that a program can leave one out, repeat or reorder it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from conformance.make.keys import ALICE, ISSUER, fixed
from conformance.make.wire import delimited, nonzero, number, signed, some, zigzag

T0_MS: Final = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS
SAFE: Final = 2**53 - 1
ASSERTED, ID_TOKEN, ID_JAG, SUBJECT_TOKEN = range(1, 5)


def agent(name: str) -> str:
    """Give the agent id of a name."""
    return f"spiffe://example.org/{name}"


@dataclass(frozen=True)
class Principal:
    """A `Principal`."""

    subject: str | bytes = agent("alice")
    issuer: str | bytes = "example.org"
    basis: int = ASSERTED
    token_digest: bytes = b""
    authenticated_at_ms: int = 0
    authentication_strength: str | bytes = ""

    def encoded(self) -> bytes:
        """Give the canonical form."""
        return b"".join(
            (
                some(1, self.subject),
                some(2, self.issuer),
                nonzero(3, self.basis),
                some(4, self.token_digest),
                nonzero(5, self.authenticated_at_ms),
                some(6, self.authentication_strength),
            )
        )


@dataclass(frozen=True)
class Grant:
    """A `GrantClaims`."""

    issuer_key_id: bytes = ISSUER.key_id
    task_id: bytes = fixed("task")
    principal: Principal | None = Principal()
    unrecorded_handoffs: bool = True

    def encoded(self) -> bytes:
        """Give the canonical form."""
        return b"".join(
            (
                some(1, self.issuer_key_id),
                some(2, self.task_id),
                b"" if self.principal is None else delimited(3, self.principal.encoded()),
                nonzero(4, self.unrecorded_handoffs),
            )
        )


@dataclass(frozen=True)
class Link:
    """A `Link`; by default Alice's grant."""

    version: int = 1
    nonce: bytes = fixed("grant nonce")
    issued_at_ms: int = T0_MS
    not_before_ms: int = T0_MS
    expires_at_ms: int = T0_MS + 15 * MINUTE_MS
    holder_key: bytes = ALICE.public
    holder_agent: str | bytes = agent("alice")
    remaining_depth: int = 8
    scope: bytes | None = b""
    purpose: str | bytes = ""
    trace_id: bytes = b""
    span_id: bytes = b""
    grant: Grant | None = Grant()

    def fields(self) -> dict[int, bytes]:
        """Give each field's bytes by its number, in canonical order."""
        return {
            1: nonzero(1, self.version),
            2: some(2, self.nonce),
            3: nonzero(3, self.issued_at_ms),
            4: nonzero(4, self.not_before_ms),
            5: nonzero(5, self.expires_at_ms),
            6: some(6, self.holder_key),
            7: some(7, self.holder_agent),
            8: nonzero(8, self.remaining_depth),
            9: b"" if self.scope is None else delimited(9, self.scope),
            10: some(10, self.purpose),
            11: some(11, self.trace_id),
            12: some(12, self.span_id),
            13: b"" if self.grant is None else delimited(13, self.grant.encoded()),
        }

    def encoded(self) -> bytes:
        """Give the canonical form."""
        return b"".join(self.fields().values())


# -- scopes --------------------------------------------------------------------------------------------------


def scope(*capabilities: bytes) -> bytes:
    """Give a `Scope`."""
    return b"".join(delimited(1, each) for each in capabilities)


def capability(audience: str | bytes, tool: str | bytes, *rest: bytes) -> bytes:
    """Give a `Capability`; `rest` are its further fields."""
    return some(1, audience) + some(2, tool) + b"".join(rest)


ANY_ARGUMENTS: Final = number(3, 1)


def argument(name: str | bytes, constraint: bytes | None, *, optional: bool = False) -> bytes:
    """Give an `Argument`."""
    return some(1, name) + nonzero(2, optional) + (b"" if constraint is None else delimited(3, constraint))


def listed(name: str, constraint: bytes, *, optional: bool = False) -> bytes:
    """Give the field of a capability that holds an argument."""
    return delimited(4, argument(name, constraint, optional=optional))


def condition(field: int, message: bytes) -> bytes:
    """Give the field of a capability that holds a condition of this kind."""
    return delimited(5, delimited(field, message))


def call_count(maximum: int) -> bytes:
    """Give the field of a capability that holds a call count."""
    return condition(1, nonzero(1, maximum))


def budget(argument: str | bytes, maximum: str | bytes) -> bytes:
    """Give the field of a capability that holds a budget."""
    return condition(2, some(1, argument) + some(2, maximum))


def approval(threshold: int, *approvers: str | bytes) -> bytes:
    """Give the field of a capability that holds a demand for approvals."""
    return condition(3, b"".join(delimited(1, each) for each in approvers) + nonzero(2, threshold))


# -- constraints and values ----------------------------------------------------------------------------------

ANYTHING: Final = number(1, 1)
EXACT_NULL: Final = number(2, 1)


def exact(value: Any) -> bytes:
    """Give the constraint that allows one value; decimals are given as `Fraction`."""
    match value:
        case None:
            return EXACT_NULL
        case bool():
            return number(3, value)
        case str():
            return delimited(4, value)
        case int():
            return signed(5, value)
        case Fraction():
            return delimited(6, value.text)
        case _:
            return delimited(7, typed(value))


@dataclass(frozen=True)
class Fraction:
    """A number that is not an integer, in decimal normal form."""

    text: str


def typed(value: Any) -> bytes:
    """Give a `Value`; decimals are given as `Fraction`, objects as a dict in the order of their names."""
    match value:
        case None:
            return number(1, 1)
        case bool():
            return number(2, value)
        case str():
            return delimited(3, value)
        case int():
            return signed(4, value)
        case Fraction():
            return delimited(5, value.text)
        case list():
            return delimited(6, b"".join(delimited(1, typed(member)) for member in value))
        case _:
            members = (some(1, name) + delimited(2, typed(member)) for name, member in value.items())
            return delimited(7, b"".join(delimited(1, member) for member in members))


def scalars(*members: Any) -> bytes:
    """Give a `ScalarSet` of members in the order of their lists."""
    integers = [member for member in members if isinstance(member, int) and not isinstance(member, bool)]
    return b"".join(
        (
            *(delimited(1, member) for member in members if isinstance(member, str)),
            some(2, b"".join(map(zigzag, integers))),
            *(delimited(3, member.text) for member in members if isinstance(member, Fraction)),
            nonzero(4, any(member is True for member in members)),
            nonzero(5, any(member is False for member in members)),
            nonzero(6, None in members),
        )
    )


def one_of(*members: Any) -> bytes:
    """Give a `one_of`."""
    return delimited(8, scalars(*members))


def integers(minimum: int | None = None, maximum: int | None = None) -> bytes:
    """Give an `integer_range`."""
    low = b"" if minimum is None else signed(1, minimum)
    return delimited(10, low + (b"" if maximum is None else signed(2, maximum)))


def bounds(minimum: str = "", maximum: str = "", *, above: bool = False, below: bool = False) -> bytes:
    """Give a `DecimalRange`; `above` and `below` exclude the bounds themselves."""
    return some(1, minimum) + some(2, maximum) + nonzero(3, above) + nonzero(4, below)


def decimals(minimum: str = "", maximum: str = "", *, above: bool = False, below: bool = False) -> bytes:
    """Give a `decimal_range`."""
    return delimited(11, bounds(minimum, maximum, above=above, below=below))


def under(path: str | bytes) -> bytes:
    """Give a `sub_path`."""
    return delimited(16, path)


def each(member: bytes) -> bytes:
    """Give an `each`."""
    return delimited(21, member)


def fields(*arguments: bytes) -> bytes:
    """Give a `fields`."""
    return delimited(22, b"".join(delimited(1, field) for field in arguments))


def not_one_of(*members: Any) -> bytes:
    """Give a `not_one_of`."""
    return delimited(9, scalars(*members))


def decimal_text(minimum: str = "", maximum: str = "", *, above: bool = False, below: bool = False) -> bytes:
    """Give a `decimal_text`."""
    return delimited(12, bounds(minimum, maximum, above=above, below=below))


def length(minimum: int = 0, maximum: int | None = None) -> bytes:
    """Give a `length`."""
    return delimited(13, nonzero(1, minimum) + (b"" if maximum is None else number(2, maximum)))


def prefix(start: str | bytes) -> bytes:
    """Give a `prefix`."""
    return delimited(14, start)


def glob(pattern: str | bytes, separator: str | bytes = "") -> bytes:
    """Give a `segment_glob`."""
    return delimited(15, some(1, pattern) + some(2, separator))


def url(
    *schemes: str, host: str = "example.org", subdomains: bool = False, port: int | None = None, path: str = ""
) -> bytes:
    """Give a `url`."""
    named = b"".join(delimited(1, scheme) for scheme in schemes or ("https",))
    at = b"" if port is None else number(4, port)
    return delimited(17, named + some(2, host) + nonzero(3, subdomains) + at + some(5, path))


def cidr(network: str) -> bytes:
    """Give a `cidr`."""
    return delimited(18, network)


def list_subset(*members: Any) -> bytes:
    """Give a `list_subset`."""
    return delimited(19, scalars(*members))


def list_contains(*members: Any) -> bytes:
    """Give a `list_contains`."""
    return delimited(20, scalars(*members))


def regex(expression: str | bytes) -> bytes:
    """Give a `regex`."""
    return delimited(23, expression)


def negation(constraint: bytes) -> bytes:
    """Give a `negation`."""
    return delimited(24, constraint)


def all_of(*constraints: bytes) -> bytes:
    """Give an `all_of`."""
    return delimited(25, b"".join(delimited(1, constraint) for constraint in constraints))


def any_of(*constraints: bytes) -> bytes:
    """Give an `any_of`."""
    return delimited(26, b"".join(delimited(1, constraint) for constraint in constraints))


# -- statements and proofs -----------------------------------------------------------------------------------

_KINDS = (
    *("receipt", "binding", "offer", "approval", "revocation_feed", "trust_bundle", "checkpoint", "decision_batch"),
    *("outcome", "break_glass", "signed_approval"),
)
KINDS: Final = {name: number for number, name in enumerate(_KINDS, 1)}


def receipt(link_id: bytes, recorded_at_ms: int = T0_MS) -> bytes:
    """Give a `Receipt`."""
    return some(1, link_id) + nonzero(2, recorded_at_ms)


def binding(
    holder_key: bytes, holder: str | bytes, issued_at_ms: int = T0_MS, expires_at_ms: int = T0_MS + DAY_MS
) -> bytes:
    """Give a `Binding`."""
    return some(1, holder_key) + some(2, holder) + nonzero(3, issued_at_ms) + nonzero(4, expires_at_ms)


def signed_statement(kind: int, key_id: bytes, payload: bytes, signature: bytes) -> bytes:
    """Give a `SignedStatement`."""
    return nonzero(1, kind) + some(2, key_id) + some(3, payload) + some(4, signature)


def chain(links: Sequence[tuple[bytes, bytes]], statements: Sequence[bytes] = ()) -> bytes:
    """Give a `Chain` of payloads with signatures, and statements."""
    framed = (delimited(1, delimited(1, payload) + delimited(2, signature)) for payload, signature in links)
    return b"".join((*framed, *(delimited(2, statement) for statement in statements)))
