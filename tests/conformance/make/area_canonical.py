"""The canonical form: SPEC section 3, mostly on the payload of a link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from conformance.make import messages as m
from conformance.make.keys import ALICE, GUARD, fixed
from conformance.make.messages import T0_MS, Link, Principal
from conformance.make.vector import NOT_CANONICAL, Area, Vector, accepted, packed, refused
from conformance.make.wire import delimited, key, nonzero, number, some, varint

READ = m.capability("files", "read", m.listed("path", m.under("/srv")))
FULL = Link(
    scope=m.scope(READ),
    purpose="Summarise",
    trace_id=fixed("trace"),
    span_id=fixed("span", 8),
)
FIELDS = FULL.fields()


def _vector(name: str, says: str, spec: tuple[str, ...], expect: dict, **message: bytes) -> Vector:
    ((kind, payload),) = message.items()
    given = {"message": kind, "bytes": packed(payload)}
    return Vector(f"canonical-{name}", "decode", says, spec, given, expect)


def _bad(name: str, says: str, rule: str, payload: bytes, message: str = "Link") -> Vector:
    spec = tuple(dict.fromkeys((rule, "C-10")))
    return _vector(name, says, spec, refused(NOT_CANONICAL), **{message: payload})


def _with(**fields: bytes) -> bytes:
    """Give the full link with some fields' bytes replaced: `f9=b"…"`."""
    return b"".join({**FIELDS, **{int(name[1:]): data for name, data in fields.items()}}.values())


def good() -> Iterator[Vector]:
    """What is in canonical form."""
    grant = {
        "issuer_key_id": FULL.grant.issuer_key_id,
        "task_id": FULL.grant.task_id,
        "principal": {"subject": "spiffe://example.org/alice", "issuer": "example.org", "basis": 1},
        "unrecorded_handoffs": True,
    }
    argument = {"name": "path", "constraint": {"sub_path": "/srv"}}
    capability = {"audience": "files", "tool": "read", "arguments": [argument]}
    value = {
        "version": 1,
        "nonce": FULL.nonce,
        "issued_at_ms": T0_MS,
        "not_before_ms": T0_MS,
        "expires_at_ms": T0_MS + 900_000,
        "holder_key": ALICE.public,
        "holder_agent": "spiffe://example.org/alice",
        "remaining_depth": 8,
        "scope": {"capabilities": [capability]},
        "purpose": "Summarise",
        "trace_id": FULL.trace_id,
        "span_id": FULL.span_id,
        "grant": grant,
    }
    yield _vector("full", "A link with every field.", ("C-1", "C-3"), accepted(value=value), Link=FULL.encoded())
    least = replace(
        FULL, remaining_depth=0, scope=b"", purpose="", trace_id=b"", span_id=b"", grant=None, holder_agent="a:b"
    )
    kept = ("version", "nonce", "issued_at_ms", "not_before_ms", "expires_at_ms", "holder_key")
    small = {**{name: value[name] for name in kept}, "holder_agent": "a:b", "scope": {}}
    yield _vector(
        "least",
        "A link with what it must have; a scope that is present and empty is written.",
        ("C-3", "C-4"),
        accepted(value=small),
        Link=least.encoded(),
    )
    yield from _good_constraints()


def _good_constraints() -> Iterator[Vector]:
    for name, payload, value in (
        ("false", m.exact(False), {"exact_boolean": False}),
        ("empty-string", m.exact(""), {"exact_string": ""}),
        ("zero", m.exact(0), {"exact_integer": 0}),
        ("zero-bound", m.integers(0), {"integer_range": {"minimum": 0}}),
        ("empty-list", m.exact([]), {"exact_composite": {"list": {}}}),
        ("no-fields", m.fields(), {"fields": {}}),
        ("null-member", m.exact([None]), {"exact_composite": {"list": {"values": [{"null": True}]}}}),
        ("false-member", m.exact([False]), {"exact_composite": {"list": {"values": [{"boolean": False}]}}}),
    ):
        yield _vector(
            f"present-{name}",
            f"What tracks presence is written even if it is 0, false or empty ({name.replace('-', ' ')}).",
            ("C-4",),
            accepted(value=value),
            Constraint=payload,
        )
    for name, integer, data in (
        ("1", 1, "02"),
        ("minus-1", -1, "01"),
        ("minus-64", -64, "7f"),
        ("64", 64, "8001"),
        ("largest", m.SAFE, "feffffffffffff1f"),
        ("smallest", -m.SAFE, "fdffffffffffff1f"),
    ):
        payload = bytes.fromhex("28" + data)
        assert payload == m.exact(integer)
        yield _vector(
            f"sint64-{name}",
            f"The integer {integer} in a `sint64`.",
            ("C-2",),
            accepted(value={"exact_integer": integer}),
            Constraint=payload,
        )
    packed_set = m.one_of(-2, 5, 300)
    yield _vector(
        "packed",
        "Integers of a set, packed.",
        ("C-6",),
        accepted(value={"one_of": {"integers": [-2, 5, 300]}}),
        Constraint=packed_set,
    )


def order() -> Iterator[Vector]:
    """Order and repetition (C-1, C-5)."""
    for first, second in ((1, 2), (5, 6), (9, 10), (10, 13)):
        swapped = _with(**{f"f{first}": FIELDS[second], f"f{second}": FIELDS[first]})
        yield _bad(f"order-{first}-{second}", f"Field {second} stands where field {first} should.", "C-1", swapped)
    backwards = b"".join(reversed(FIELDS.values()))
    yield _bad("order-backwards", "Every field is there, from the last to the first.", "C-1", backwards)
    tool_first = some(2, "read") + some(1, "files")
    yield _bad("order-in-capability", "Tool before audience.", "C-1", m.scope(tool_first), "Scope")
    principal = some(2, "example.org") + some(1, "someone") + nonzero(3, 1)
    inside = delimited(13, some(1, FULL.grant.issuer_key_id) + some(2, FULL.grant.task_id) + delimited(3, principal))
    yield _bad("order-in-principal", "The principal's issuer before the subject.", "C-1", _with(f13=inside))
    for field in (1, 2, 6, 7, 9, 10, 13):
        twice = {f"f{field}": FIELDS[field] * 2}
        yield _bad(f"twice-{field}", f"Field {field} stands twice, with the same value.", "C-5", _with(**twice))
    other = number(8, 9) + number(8, 8)
    yield _bad("twice-8-another", "Two values of the remaining depth: which counts?", "C-5", _with(f8=other))
    later = FULL.encoded() + FIELDS[8]
    yield _bad("twice-8-at-the-end", "The remaining depth once more at the end.", "C-5", later)
    split = delimited(9, b"") + FIELDS[9]
    yield _bad("twice-9-merged", "A scope in two parts that a parser would merge.", "C-5", _with(f9=split))
    for name, payload in (
        ("two-kinds", m.ANYTHING + m.EXACT_NULL),
        ("two-kinds-backwards", m.under("/srv") + m.exact("x")),
        ("kind-twice", m.exact("a") + m.exact("a")),
        ("two-ranges", m.integers(1) + m.integers(None, 5)),
    ):
        yield _bad(f"oneof-{name}", "More than one member of a oneof.", "C-5", payload, "Constraint")
    both = delimited(7, delimited(6, delimited(1, m.typed("a") + m.typed("b"))))
    yield _bad("oneof-in-value", "A value of two kinds, in a list.", "C-5", both, "Constraint")


def varints() -> Iterator[Vector]:
    """Varints (C-2) and numbers that are no numbers of their type (C-10)."""
    depth, at = key(8, 0), FIELDS[3]
    for name, says, payload in (
        ("overlong", "The version in two bytes.", _with(f1=b"\x08\x81\x00")),
        ("overlong-ten", "The version in ten bytes.", _with(f1=b"\x08\x81" + b"\x80" * 8 + b"\x00")),
        ("overlong-key", "The key of the version in two bytes.", _with(f1=b"\x88\x00\x01")),
        ("overlong-length", "The nonce's length in two bytes.", _with(f2=b"\x12\x90\x00" + FULL.nonce)),
        ("overlong-time", "A time with a byte too many.", _with(f3=bytes((*at[:-1], at[-1] | 0x80, 0)))),
        ("uint32-too-large", "A remaining depth of 2^32.", _with(f8=depth + varint(2**32))),
        ("uint32-largest-64", "A remaining depth of 2^64 - 1.", _with(f8=depth + varint(2**64 - 1))),
        ("version-wraps", "A version of 2^32 + 1, which is 1 in 32 bits.", _with(f1=b"\x08" + varint(2**32 + 1))),
        ("65-bits", "A varint of 2^64.", _with(f8=depth + b"\x80" * 9 + b"\x02")),
        ("eleven-bytes", "A varint of eleven bytes.", _with(f8=depth + b"\x81" * 10 + b"\x00")),
        ("no-end", "A varint that does not end.", b"".join(FIELDS[n] for n in range(1, 8)) + depth + b"\x88"),
    ):
        yield _bad(f"varint-{name}", says, "C-2", payload)
    yield _bad("bool-2", "A boolean of 2.", "C-10", b"\x18\x02", "Constraint")
    yield _bad("bool-overlong", "True in two bytes.", "C-2", b"\x18\x81\x00", "Constraint")
    grant = replace(FULL.grant, principal=replace(Principal(), basis=2**31))
    yield _bad("enum-too-large", "A basis of 2^31.", "C-10", replace(FULL, grant=grant).encoded())


def presence() -> Iterator[Vector]:
    """Defaults that are written (C-3)."""
    for name, field, data in (
        ("depth", 8, b"\x40\x00"),
        ("purpose", 10, b"\x52\x00"),
        ("version", 1, b"\x08\x00\x08\x01"),
        ("trace", 11, b"\x5a\x00"),
    ):
        payload = _with(**({f"f{field}": data} if field != 11 else {"f11": data, "f12": b"\x62\x00"}))
        yield _bad(f"default-{name}", f"Field {field} is written although it has its default.", "C-3", payload)
    optional = m.capability("files", "read", delimited(4, some(1, "p") + b"\x10\x00" + delimited(3, m.ANYTHING)))
    anything = m.capability("files", "read", b"\x18\x00")
    yield _bad("default-optional", "`optional` is written as false.", "C-3", m.scope(optional), "Scope")
    yield _bad("default-any-arguments", "`any_arguments` is written as false.", "C-3", m.scope(anything), "Scope")
    exclusive = delimited(11, some(1, "1") + b"\x18\x00")
    yield _bad("default-exclusive", "`minimum_exclusive` is written as false.", "C-3", exclusive, "Constraint")
    unrecorded = delimited(13, replace(FULL.grant, unrecorded_handoffs=False).encoded() + b"\x20\x00")
    yield _bad("default-unrecorded", "`unrecorded_handoffs` is written as false.", "C-3", _with(f13=unrecorded))


def packing() -> Iterator[Vector]:
    """Packed fields (C-6)."""
    for name, says, inner in (
        ("empty", "A packed field without elements.", b"\x0a\x01a\x12\x00"),
        ("split", "A packed field in two parts.", b"\x12\x01\x02\x12\x01\x04"),
        ("unpacked", "Elements that are not packed.", b"\x10\x02\x10\x04"),
        ("overlong", "An overlong element.", b"\x12\x02\x82\x00"),
        ("cut", "An element that is cut short.", b"\x12\x01\x82"),
    ):
        rule = "C-7" if name == "unpacked" else "C-6"
        yield _bad(f"packed-{name}", says, rule, delimited(8, inner), "Constraint")
    tool = some(1, "files") + some(2, "read")
    yield _bad(
        "packed-effects-split", "Effects in two parts.", "C-6", _tool(tool + b"\x1a\x01\x01\x1a\x01\x02"), "Catalogue"
    )
    yield _bad("packed-effects-unpacked", "Effects not packed.", "C-7", _tool(tool + b"\x18\x01"), "Catalogue")


def _tool(content: bytes) -> bytes:
    return delimited(1, content)


def unknown() -> Iterator[Vector]:
    """Fields and wire types that the schema does not have (C-7)."""
    full = FULL.encoded()
    for field in (0, 14, 15, 16, 1000, 2**29 - 1):
        yield _bad(f"unknown-{field}", f"A field {field}, at the end.", "C-7", full + key(field, 0) + b"\x01")
    yield _bad("unknown-bytes", "An unknown field with bytes in it.", "C-7", full + delimited(14, b"surprise"))
    yield _bad("unknown-in-scope", "An unknown field in a scope.", "C-7", m.scope(READ) + delimited(2, b"x"), "Scope")
    inner = m.scope(READ + number(6, 1))
    yield _bad("unknown-in-capability", "An unknown field in a capability.", "C-7", inner, "Scope")
    argument = m.scope(m.capability("files", "read", delimited(4, m.argument("p", m.ANYTHING) + number(4, 1))))
    yield _bad("unknown-in-argument", "An unknown field in an argument.", "C-7", argument, "Scope")
    grant = delimited(13, FULL.grant.encoded() + number(5, 1))
    yield _bad("unknown-in-grant", "An unknown field in the grant's claims.", "C-7", _with(f13=grant))
    for wire, data in ((1, bytes(8)), (5, bytes(4)), (3, b"\x44"), (6, b"\x01"), (7, b"\x01"), (2, b"\x01\x08")):
        payload = _with(f8=key(8, wire) + data)
        yield _bad(f"wire-type-{wire}", f"The remaining depth with wire type {wire}.", "C-7", payload)
    yield _bad("wire-type-0-nonce", "The nonce as a varint.", "C-7", _with(f2=number(2, 5)))
    yield _bad("wire-type-4", "The end of a group that did not begin.", "C-7", full + b"\x74")


def text() -> Iterator[Vector]:
    """Strings that are not UTF-8 (C-8)."""
    wrong = {
        "lone-continuation": "80",
        "lone-start": "c3",
        "latin-1": "e9",
        "overlong-nul": "c080",
        "overlong-slash": "e080af",
        "overlong-four": "f08080af",
        "surrogate-high": "eda080",
        "surrogate-pair": "eda0bdedb880",
        "past-the-end": "f4908080",
        "five-bytes": "f888808080",
        "cut-in-character": "e282",
        "fe": "fe",
    }
    for name, data in wrong.items():
        agent = b"a:" + bytes.fromhex(data)
        yield _bad(
            f"utf8-{name}", f"An agent id with the bytes {data}.", "C-8", replace(FULL, holder_agent=agent).encoded()
        )
    for name, payload in (
        ("purpose", replace(FULL, purpose=b"\xff").encoded()),
        ("subject", replace(FULL, grant=replace(FULL.grant, principal=Principal(subject=b"\xff"))).encoded()),
    ):
        yield _bad(f"utf8-{name}", f"A {name} that is not UTF-8.", "C-8", payload)
    yield _bad("utf8-tool", "A tool that is not UTF-8.", "C-8", m.scope(m.capability("files", b"\xff")), "Scope")
    yield _bad("utf8-string", "A string that is not UTF-8.", "C-8", delimited(4, b"\xc0\x80"), "Constraint")
    yield _bad("utf8-member", "A member that is not UTF-8.", "C-8", delimited(8, delimited(1, b"\xff")), "Constraint")


def ends() -> Iterator[Vector]:
    """Where messages end (C-9)."""
    full = FULL.encoded()
    for cut in (1, 5, 60, 150, len(full) - 5):
        yield _bad(f"cut-{cut}", f"The last {cut} bytes are missing.", "C-9", full[:-cut])
    for name, data in (("zero", b"\0"), ("key", b"\x72"), ("newline", b"\n"), ("ff", b"\xff")):
        yield _bad(f"trailing-{name}", "A byte after the last field.", "C-9", full + data)
    yield _bad(
        "inner-too-long", "A scope that is longer than the link.", "C-9", _with(f9=b"\x4a\xff\x7f" + m.scope(READ))
    )
    short = _with(f13=delimited(13, FULL.grant.encoded())[:2] + FULL.grant.encoded() + b"\0")
    yield _bad("inner-too-short", "A byte after the grant's claims.", "C-9", short)


def others() -> Iterator[Vector]:
    """The same rules hold for every message."""
    link_id = fixed("a link", 32)
    canonical = {
        "Receipt": m.receipt(link_id),
        "Binding": m.binding(ALICE.public, "a:b"),
        "Offer": some(1, "a:b") + some(2, ALICE.public) + number(4, T0_MS) + some(5, fixed("offer nonce")),
        "Outcome": some(1, fixed("call")) + number(2, 1) + number(3, T0_MS),
        "RevocationFeedEntry": number(3, T0_MS) + number(4, 1),
        "SignedStatement": m.signed_statement(1, GUARD.key_id, m.receipt(link_id), bytes(64)),
        "Catalogue": _tool(some(1, "files") + some(2, "read") + b"\x1a\x01\x01"),
        "DecisionRecord": some(1, fixed("call"))
        + some(3, "files")
        + some(4, "read")
        + some(5, fixed("digest", 32))
        + number(6, T0_MS)
        + number(7, 1),
    }
    for message, payload in canonical.items():
        name = message.lower()
        yield _vector(
            f"{name}-least", f"A {message} with what it must have.", ("C-3",), accepted(), **{message: payload}
        )
        yield _bad(f"{name}-unknown", f"An unknown field in a {message}.", "C-7", payload + number(30, 1), message)
        first = payload[: 2 + payload[1]] if payload[0] & 7 == 2 else payload[:2]
        if message not in ("Catalogue", "RevocationFeedEntry"):
            yield _bad(f"{name}-twice", f"The first field of a {message} twice.", "C-5", first + payload, message)
        yield _bad(f"{name}-cut", f"A {message} that is cut short.", "C-9", payload[:-1], message)


AREA = Area(
    "canonical",
    "The canonical form of messages.",
    [*good(), *order(), *varints(), *presence(), *packing(), *unknown(), *text(), *ends(), *others()],
)
