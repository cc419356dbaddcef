"""The values of fields: SPEC sections 2.2 and 2.3, on links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.make import ed25519 as ed
from conformance.make import messages as m
from conformance.make.keys import fixed
from conformance.make.messages import ID_JAG, ID_TOKEN, SAFE, SUBJECT_TOKEN, Grant, Link, Principal
from conformance.make.vector import Area, Vector, accepted, packed, refused

LINK = Link(scope=m.scope(m.capability("files", "read", m.ANY_ARGUMENTS)))
INVALID = refused("field_invalid")
DIGEST = fixed("token digest", 32)


def _vector(name: str, says: str, spec: tuple[str, ...], link: Link, expect: dict[str, Any]) -> Vector:
    given = {"message": "Link", "bytes": packed(link.encoded())}
    return Vector(f"field-{name}", "decode", says, spec, given, expect)


def _grant(**tweaks: Any) -> Link:
    return replace(LINK, grant=Grant(**tweaks))


def _principal(**tweaks: Any) -> Link:
    return _grant(principal=Principal(**tweaks))


def versions() -> Iterator[Vector]:
    """The version, which is looked at before everything else in a payload (F-1, V-15)."""
    for version in (0, 2, 3, 2**32 - 1):
        link = replace(LINK, version=version)
        yield _vector(f"version-{version}", f"Version {version}.", ("F-1",), link, refused("version_unsupported"))
    link = replace(LINK, version=2, nonce=b"", holder_key=b"", scope=m.scope(b"\x7a\x00"))
    yield _vector(
        "version-2-otherwise-wrong",
        "A later version is called by its name, whatever else it has.",
        ("F-1", "V-15"),
        link,
        refused("version_unsupported"),
    )


def sizes() -> Iterator[Vector]:
    """Byte fields (F-2, F-8, F-9)."""
    for size in (0, 1, 15, 17, 32):
        link = replace(LINK, nonce=fixed("nonce", size))
        yield _vector(f"nonce-{size}", f"A nonce of {size} bytes.", ("F-2", "F-9"), link, INVALID)
    yield _vector(
        "nonce-zeros", "A nonce is not judged by its looks.", ("F-9",), replace(LINK, nonce=bytes(16)), accepted()
    )
    for size in (0, 15, 17):
        claims = _grant(issuer_key_id=fixed("key id", size))
        yield _vector(f"issuer-key-id-{size}", f"An issuer key id of {size} bytes.", ("F-9",), claims, INVALID)
        claims = _grant(task_id=fixed("task", size))
        yield _vector(f"task-id-{size}", f"A task id of {size} bytes.", ("F-9",), claims, INVALID)
    trace, span = fixed("trace"), fixed("span", 8)
    for name, says, trace_id, span_id, expect in (
        ("both", "Trace and span.", trace, span, accepted()),
        ("one-bit", "One bit set in each.", bytes(15) + b"\1", b"\x80" + bytes(7), accepted()),
        ("only-trace", "A trace without a span.", trace, b"", INVALID),
        ("only-span", "A span without a trace.", b"", span, INVALID),
        ("trace-15", "A trace id of 15 bytes.", trace[:15], span, INVALID),
        ("trace-17", "A trace id of 17 bytes.", trace + b"\1", span, INVALID),
        ("span-7", "A span id of 7 bytes.", trace, span[:7], INVALID),
        ("span-9", "A span id of 9 bytes.", trace, span + b"\1", INVALID),
        ("trace-zero", "A trace id of zeros.", bytes(16), span, INVALID),
        ("span-zero", "A span id of zeros.", trace, bytes(8), INVALID),
        ("exchanged", "Each in the other's place.", span, trace, INVALID),
    ):
        yield _vector(f"trace-{name}", says, ("F-8",), replace(LINK, trace_id=trace_id, span_id=span_id), expect)


def keys() -> Iterator[Vector]:
    """Holder keys are checked when they are decoded (K-3)."""
    invalid = refused("key_invalid")
    for name, key in (
        ("absent", b""),
        ("31-bytes", fixed("key", 31)),
        ("33-bytes", LINK.holder_key + b"\0"),
        ("identity", ed.encode(ed.IDENTITY)),
        ("zero", bytes(32)),
        ("order-8", ed.ORDER_8_Y.to_bytes(32, "little")),
        ("not-canonical", (ed.P + 3).to_bytes(32, "little")),
        ("ff", b"\xff" * 32),
    ):
        link = replace(LINK, holder_key=key)
        yield _vector(
            f"holder-key-{name}", f"A holder key that must not be ({name}).", ("K-1", "K-2", "K-3"), link, invalid
        )


def times() -> Iterator[Vector]:
    """Times (F-7)."""
    for field in ("issued_at_ms", "not_before_ms", "expires_at_ms"):
        for name, value, expect in (
            ("1", 1, accepted()),
            ("largest", SAFE, accepted()),
            ("0", 0, INVALID),
            ("too-large", SAFE + 1, INVALID),
            ("2-63", 2**63 - 1, INVALID),
            ("minus-1", -1, INVALID),
            ("smallest", -(2**63), INVALID),
        ):
            link = replace(LINK, **{field: value})
            yield _vector(f"{field}-{name}", f"{field} of {value}.".replace("_", " "), ("F-7",), link, expect)


NAMES = {
    "one-character": ("a", True),
    "512-bytes": ("a" * 512, True),
    "513-bytes": ("a" * 513, False),
    "256-two-byte-characters": ("é" * 256, True),
    "257-two-byte-characters": ("é" * 257, False),
    "128-four-byte-characters": ("😀" * 128, True),
    "129-four-byte-characters": ("😀" * 129, False),
    "empty": ("", False),
    "spaces": ("  a  b  ", True),
    "tab": ("a\tb", False),
    "newline": ("a\n", False),
    "nul": ("a\0b", False),
    "delete": ("a\x7f", False),
    "c1-control": ("a\x85", False),
    "no-break-space": ("a\xa0b", False),
    "ideographic-space": ("a\u3000b", False),
    "line-separator": ("a\u2028b", False),
    "zero-width-space": ("a\u200bb", False),
    "right-to-left-override": ("a\u202eb", False),
    "soft-hyphen": ("a\u00adb", False),
    "byte-order-mark": ("\ufeffa", False),
    "private-use": ("a\ue000", False),
    "noncharacter": ("a\uffff", False),
    "tag-character": ("a\U000e0041", False),
    "combining": ("e\u0301", True),
    "composed": ("é", True),
    "cyrillic": ("\u0430udit", True),
    "emoji": ("🙂", True),
    "punctuation": ("../{}[]\"'\\", True),
}


def names() -> Iterator[Vector]:
    """Names and texts (F-5, S-6)."""
    for name, (text, good) in NAMES.items():
        says = f"As a principal's subject: {name.replace('-', ' ')}."
        yield _vector(f"name-{name}", says, ("F-5",), _principal(subject=text), accepted() if good else INVALID)
    for name, (text, good) in NAMES.items():
        if len(text) < 100:
            scope = m.scope(m.capability("files", text, m.ANY_ARGUMENTS))
            says = f"As a tool: {name.replace('-', ' ')}."
            link = replace(LINK, scope=scope)
            yield _vector(f"tool-{name}", says, ("F-5", "S-6"), link, accepted() if good else INVALID)
    for name, link, good in (
        ("purpose-empty", replace(LINK, purpose=""), True),
        ("purpose-1024-bytes", replace(LINK, purpose="a" * 1024), True),
        ("purpose-1025-bytes", replace(LINK, purpose="a" * 1025), False),
        ("purpose-341-three-byte-characters", replace(LINK, purpose="€" * 341), True),
        ("purpose-342-three-byte-characters", replace(LINK, purpose="€" * 342), False),
        ("purpose-newline", replace(LINK, purpose="one\ntwo"), False),
        ("purpose-override", replace(LINK, purpose="pay\u202e001"), False),
        ("issuer-empty", _principal(issuer=""), False),
        ("issuer-513-bytes", _principal(issuer="a" * 513), False),
        ("strength-empty", _principal(authentication_strength=""), True),
        ("strength-512-bytes", _principal(authentication_strength="a" * 512), True),
        ("strength-513-bytes", _principal(authentication_strength="a" * 513), False),
        ("strength-tab", _principal(authentication_strength="\t"), False),
    ):
        says = f"A text or name: {name.replace('-', ' ')}."
        yield _vector(f"text-{name}", says, ("F-5",), link, accepted() if good else INVALID)


def agents() -> Iterator[Vector]:
    """Agent ids (F-6)."""
    for name, text, good in (
        ("spiffe", "spiffe://example.org/a", True),
        ("urn", "urn:agent:7", True),
        ("shortest", "a:", True),
        ("two-colons", "a::b", True),
        ("512-bytes", "a:" + "b" * 510, True),
        ("513-bytes", "a:" + "b" * 511, False),
        ("empty", "", False),
        ("no-colon", "alice", False),
        ("colon-first", ":alice", False),
        ("only-colon", ":", False),
        ("space", "a:b c", False),
        ("space-last", "a:b ", False),
        ("newline", "a:b\n", False),
        ("zero-width", "a:b\u200b", False),
        ("other-colon", "a\uff1ab", False),
    ):
        link = replace(LINK, holder_agent=text)
        yield _vector(
            f"agent-{name}", f"An agent id: {name.replace('-', ' ')}.", ("F-6",), link, accepted() if good else INVALID
        )


def principals() -> Iterator[Vector]:
    """Principals (F-3, F-4)."""
    for name, basis, digest, good in (
        ("asserted", 1, b"", True),
        ("asserted-with-digest", 1, DIGEST, False),
        ("id-token", ID_TOKEN, DIGEST, True),
        ("id-token-without-digest", ID_TOKEN, b"", False),
        ("id-token-31-bytes", ID_TOKEN, DIGEST[:31], False),
        ("id-token-33-bytes", ID_TOKEN, DIGEST + b"\0", False),
        ("id-jag", ID_JAG, DIGEST, True),
        ("id-jag-without-digest", ID_JAG, b"", False),
        ("subject-token", SUBJECT_TOKEN, DIGEST, True),
        ("unspecified", 0, b"", False),
        ("unspecified-with-digest", 0, DIGEST, False),
        ("unknown", 5, DIGEST, False),
        ("largest", 2**31 - 1, DIGEST, False),
        ("negative", -1, DIGEST, False),
    ):
        link = _principal(basis=basis, token_digest=digest)
        says = f"The basis of a principal: {name.replace('-', ' ')}."
        yield _vector(f"basis-{name}", says, ("F-3", "F-4"), link, accepted() if good else INVALID)
    yield _vector("principal-absent", "A grant without a principal.", ("F-3", "F-5"), _grant(principal=None), INVALID)
    for name, at_ms, good in (("largest", SAFE, True), ("too-large", SAFE + 1, False), ("minus-1", -1, False)):
        link = _principal(basis=ID_TOKEN, token_digest=DIGEST, authenticated_at_ms=at_ms)
        yield _vector(
            f"authenticated-{name}", f"Authenticated at {at_ms}.", ("F-7",), link, accepted() if good else INVALID
        )


def depths() -> Iterator[Vector]:
    """Everything that fits is a remaining depth."""
    for depth in (0, 1, 2**31, 2**32 - 1):
        link = replace(LINK, remaining_depth=depth)
        yield _vector(f"depth-{depth}", f"A remaining depth of {depth}.", ("V-21",), link, accepted())
    yield _vector("no-scope", "A link without a scope.", ("F-11",), replace(LINK, scope=None), INVALID)
    yield _vector(
        "empty-scope",
        "A link with an empty scope permits nothing.",
        ("F-11", "V-21"),
        replace(LINK, scope=b""),
        accepted(),
    )


AREA = Area(
    "fields",
    "The values of a link's fields.",
    [*versions(), *sizes(), *keys(), *times(), *names(), *agents(), *principals(), *depths()],
)
