"""Break-glass: SPEC section 9.10."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.make.keys import ISSUER, MALLORY, ROOT, STATEMENTS, fixed, named
from conformance.make.messages import DAY_MS, MINUTE_MS
from conformance.make.stating import vector as stated
from conformance.make.tokens import NOW_MS, statement, trust, trusted
from conformance.make.vector import NOT_CANONICAL, Area, Vector, accepted, refused
from conformance.make.wire import delimited, nonzero, number, some

READ, WRITE, EXTERNAL, DESTRUCTIVE, SPENDS, PRIVILEGE = range(1, 7)
EVERYTHING = [READ, WRITE, EXTERNAL, DESTRUCTIVE, SPENDS, PRIVILEGE]
OPERATOR = named("break glass")
TRUST = trust(
    trusted("grant", ISSUER),
    trusted("statement", STATEMENTS),
    trusted("break_glass", OPERATOR),
)
FIELDS: dict[str, Any] = {
    "audiences": ["files", "mail"],
    "justification": "The service is cut off; INC-7",
    "not_before_ms": NOW_MS,
    "expires_at_ms": NOW_MS + MINUTE_MS,
    "operator": "ann@example.org",
    "nonce": fixed("break-glass nonce"),
    "effects": [READ, WRITE],
    "maximum_feed_age_ms": 10 * MINUTE_MS,
    "single_use": False,
}


def order(**tweaks: Any) -> bytes:
    """Give a `BreakGlass`."""
    fields = {**FIELDS, **tweaks}
    return b"".join(
        (
            *(delimited(1, audience) for audience in fields["audiences"]),
            some(2, fields["justification"]),
            nonzero(3, fields["not_before_ms"]),
            nonzero(4, fields["expires_at_ms"]),
            some(5, fields["operator"]),
            some(6, fields["nonce"]),
            some(7, bytes(fields["effects"])),
            nonzero(8, fields["maximum_feed_age_ms"]),
            nonzero(9, fields["single_use"]),
        )
    )


def _vector(name: str, says: str, spec: str, data: bytes, expect: dict[str, Any], **given: Any) -> Vector:
    asked = {
        "trust": TRUST,
        "root_key": ROOT.public.hex(),
        "statement": data,
        "now_ms": NOW_MS,
        "audience": "files",
        "effects": [READ],
        **given,
    }
    return stated("break-glass", name, says, spec, expect, **asked)


def _signed(payload: bytes, **how: Any) -> bytes:
    return statement("break_glass", payload, **{"signer": OPERATOR, **how})


# -- whose it is ---------------------------------------------------------------------------------------------


def openings() -> Iterator[Vector]:
    """B-1."""
    plain = order()
    value = {**FIELDS, "nonce": FIELDS["nonce"].hex()}
    del value["single_use"]
    yield _vector("whole", "Signed by a break-glass key.", "B-1 B-2 B-3", _signed(plain), accepted(value=value))
    yield _vector("root", "Signed by the root key.", "B-1", _signed(plain, signer=ROOT), accepted())
    yield _vector(
        "single-use",
        "For one call.",
        "B-2",
        _signed(order(single_use=True)),
        accepted(value={**value, "single_use": True}),
    )
    invalid = refused("statement_invalid")
    for name, says, data in (
        ("by-statement-key", "Signed by a key for statements.", _signed(plain, signer=STATEMENTS)),
        ("by-issuer", "Signed by the issuer key.", _signed(plain, signer=ISSUER)),
        ("by-mallory", "Signed by somebody.", _signed(plain, signer=MALLORY)),
        (
            "by-impostor",
            "Signed by somebody under the key's id.",
            _signed(plain, signer=MALLORY, key_id=OPERATOR.key_id),
        ),
        ("as-root", "Signed by somebody under the root's id.", _signed(plain, signer=MALLORY, key_id=ROOT.key_id)),
        ("as-approval", "Signed for the purpose approval.", _signed(plain, purpose="approval")),
        ("kind-approval", "Called an approval.", statement("approval", plain, OPERATOR, purpose="break_glass")),
    ):
        yield _vector(name, says, "B-1 T-1", data, invalid)
    for name, tweaks in (
        ("retired", {"state": "retired"}),
        ("compromised", {"state": "compromised", "compromised_at_ms": NOW_MS}),
        ("ended", {"not_after_ms": NOW_MS}),
        ("early", {"not_before_ms": NOW_MS + 1}),
    ):
        given = {"trust": trust(trusted("break_glass", OPERATOR, **tweaks))}
        yield _vector(f"key-{name}", f"The break-glass key: {name}.", "B-1 T-16", _signed(plain), invalid, **given)


# -- what it says --------------------------------------------------------------------------------------------


def contents() -> Iterator[Vector]:
    """B-2."""
    for name, says, tweaks in (
        ("longest", "As long as it may count.", {"expires_at_ms": NOW_MS + DAY_MS}),
        ("oldest", "As old a feed as may be.", {"maximum_feed_age_ms": DAY_MS}),
        ("everything", "Every effect.", {"effects": EVERYTHING}),
        ("one-audience", "One audience.", {"audiences": ["files"]}),
    ):
        yield _vector(f"field-{name}", says, "B-2", _signed(order(**tweaks)), accepted())
    for name, says, tweaks in (
        ("no-audience", "No audience.", {"audiences": []}),
        ("audiences-unsorted", "Audiences in another order.", {"audiences": ["mail", "files"]}),
        ("audience-twice", "An audience twice.", {"audiences": ["files", "files"]}),
        ("audience-empty", "An empty audience.", {"audiences": ["", "files"]}),
        ("no-justification", "Without a justification.", {"justification": ""}),
        ("justification-1025-bytes", "A justification that is too long.", {"justification": "a" * 1025}),
        ("no-beginning", "Without a beginning.", {"not_before_ms": 0}),
        ("no-end", "Without an end.", {"expires_at_ms": 0}),
        ("no-time", "It ends when it begins.", {"expires_at_ms": NOW_MS}),
        ("too-long", "A millisecond more than a day.", {"expires_at_ms": NOW_MS + DAY_MS + 1}),
        ("no-operator", "By nobody.", {"operator": ""}),
        ("nonce-15-bytes", "A nonce of 15 bytes.", {"nonce": FIELDS["nonce"][:15]}),
        ("no-effect", "No effect.", {"effects": []}),
        ("effect-0", "An effect of no kind.", {"effects": [0]}),
        ("effect-7", "An unknown effect.", {"effects": [READ, 7]}),
        ("effects-unsorted", "Effects in another order.", {"effects": [WRITE, READ]}),
        ("effect-twice", "An effect twice.", {"effects": [READ, READ]}),
        ("no-age", "Without an age of the feed.", {"maximum_feed_age_ms": 0}),
        ("too-old", "A feed that is older than a day.", {"maximum_feed_age_ms": DAY_MS + 1}),
    ):
        yield _vector(f"field-{name}", says, "B-2", _signed(order(**tweaks)), refused("field_invalid"))
    unknown = _signed(order() + number(10, 1))
    yield _vector("unknown-field", "A field that nobody knows.", "C-7 T-1", unknown, refused(NOT_CANONICAL))


# -- which calls it concerns ---------------------------------------------------------------------------------


def calls() -> Iterator[Vector]:
    """B-3."""
    plain = _signed(order())
    stale = refused("feed_stale")
    for name, says, given, expect in (
        ("last-moment", "In the last moment.", {"now_ms": NOW_MS + MINUTE_MS - 1}, accepted()),
        ("ended", "When it has ended.", {"now_ms": NOW_MS + MINUTE_MS}, stale),
        ("early", "Before it begins.", {"now_ms": NOW_MS - 1}, stale),
        ("second-audience", "At another one of its audiences.", {"audience": "mail"}, accepted()),
        ("other-audience", "At an audience that it does not name.", {"audience": "bank"}, stale),
        ("both-effects", "A tool that reads and writes.", {"effects": [READ, WRITE]}, accepted()),
        ("another-effect", "A tool that does more than it names.", {"effects": [READ, EXTERNAL]}, stale),
        ("not-listed", "A tool that is not listed.", {"effects": EVERYTHING}, stale),
    ):
        yield _vector(f"call-{name}", says, "B-3", plain, expect, **given)
    risk = _signed(order(effects=EVERYTHING))
    says = "A tool that is not listed, by one that takes every risk."
    yield _vector("call-every-risk", says, "B-3", risk, accepted(), effects=EVERYTHING)


AREA = Area("break-glass", "Break-glass statements.", [*openings(), *contents(), *calls()])
