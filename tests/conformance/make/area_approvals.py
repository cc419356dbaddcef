"""Approvals: SPEC section 9.9."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.make.keys import ALICE, CHECKPOINTS, ISSUER, MALLORY, STATEMENTS, fixed, named, sha256
from conformance.make.messages import DAY_MS, MINUTE_MS, SAFE, agent
from conformance.make.stating import vector as stated
from conformance.make.tokens import NOW_MS, TRUST, chain, line, statement, trust, trusted
from conformance.make.vector import NOT_CANONICAL, Area, Vector, accepted, refused
from conformance.make.wire import nonzero, number, some

LIFETIME_MS = 60 * MINUTE_MS
ANN = named("ann")
ARGUMENTS = b'{"path":"/srv/a.txt"}'
CHAIN = chain(*line("alice", "bob"))
FIELDS: dict[str, Any] = {
    "link_id": CHAIN.ids[-1],
    "audience": "files",
    "tool": "read",
    "arguments_digest": sha256(ARGUMENTS),
    "policy_digest": fixed("policy", 32),
    "approver": "ann",
    "approver_issuer": "https://login.example.org",
    "authentication_strength": "mfa",
    "approved_at_ms": NOW_MS,
    "expires_at_ms": NOW_MS + MINUTE_MS,
    "nonce": fixed("approval nonce"),
}


def approval(**tweaks: Any) -> bytes:
    """Give an `Approval`."""
    fields = {**FIELDS, **tweaks}
    return b"".join(
        nonzero(place, value) if isinstance(value, int) else some(place, value)
        for place, value in enumerate(fields.values(), 1)
    )


# -- reading one ---------------------------------------------------------------------------------------------


def _opened(name: str, says: str, spec: str, data: bytes, expect: dict[str, Any]) -> Vector:
    asked = {"kind": "approval", "public_key": STATEMENTS.public.hex(), "statement": data}
    return stated("statement", f"approval-{name}", says, spec, expect, **asked)


def openings() -> Iterator[Vector]:
    """What an approval may say (T-24)."""
    for name, says, tweaks in (
        ("whole", "An approval with everything that it can say.", {}),
        ("no-policy", "No policy demanded it.", {"policy_digest": b""}),
        ("no-strength", "It is not known how the approver authenticated.", {"authentication_strength": ""}),
        ("longest-strength", "512 bytes of it.", {"authentication_strength": "x" * 512}),
        ("longest-name", "512 bytes of a name.", {"approver": "x" * 512}),
        ("shortest", "It counts for a millisecond.", {"expires_at_ms": NOW_MS + 1}),
        ("longest", "It counts for an hour.", {"expires_at_ms": NOW_MS + LIFETIME_MS}),
        ("latest", "Until the last moment there is.", {"approved_at_ms": SAFE - 1, "expires_at_ms": SAFE}),
    ):
        value = {key: content for key, content in {**FIELDS, **tweaks}.items() if content}
        yield _opened(name, says, "T-24", statement("approval", approval(**tweaks)), accepted(value=value))
    for name, tweaks in (
        ("no-link", {"link_id": b""}),
        ("link-31-bytes", {"link_id": bytes(31)}),
        ("no-audience", {"audience": ""}),
        ("audience-newline", {"audience": "fi\nles"}),
        ("no-tool", {"tool": ""}),
        ("tool-513-bytes", {"tool": "x" * 513}),
        ("no-arguments", {"arguments_digest": b""}),
        ("arguments-33-bytes", {"arguments_digest": bytes(33)}),
        ("policy-16-bytes", {"policy_digest": bytes(16)}),
        ("no-approver", {"approver": ""}),
        ("approver-control", {"approver": "ann\x7f"}),
        ("no-approver-issuer", {"approver_issuer": ""}),
        ("strength-513-bytes", {"authentication_strength": "x" * 513}),
        ("no-beginning", {"approved_at_ms": 0}),
        ("beginning-negative", {"approved_at_ms": -1, "expires_at_ms": 1}),
        ("no-end", {"expires_at_ms": 0}),
        ("ends-as-it-begins", {"expires_at_ms": NOW_MS}),
        ("ends-before-it-begins", {"expires_at_ms": NOW_MS - 1}),
        ("too-long", {"expires_at_ms": NOW_MS + LIFETIME_MS + 1}),
        ("end-too-late", {"approved_at_ms": SAFE, "expires_at_ms": SAFE + 1}),
        ("no-nonce", {"nonce": b""}),
        ("nonce-17-bytes", {"nonce": bytes(17)}),
    ):
        says = f"An approval that must not be so: {name.replace('-', ' ')}."
        yield _opened(name, says, "T-24", statement("approval", approval(**tweaks)), refused("field_invalid"))
    yield from _not_canonical()


def _not_canonical() -> Iterator[Vector]:
    for name, payload in (
        ("unknown-field", approval() + number(12, 1)),
        ("reordered", approval()[34:] + approval()[:34]),
        ("cut", approval()[:-1]),
    ):
        says = f"Rightly signed, but not canonical: {name.replace('-', ' ')}."
        yield _opened(name, says, "T-24 C-10", statement("approval", payload), refused(NOT_CANONICAL))
    too_large = statement("approval", approval(link_id=bytes(8192)))
    yield _opened("too-large", "More than 8,192 bytes.", "T-24", too_large, refused("token_too_large"))


# -- signed by the approver ----------------------------------------------------------------------------------

SIGNED: dict[str, Any] = {**FIELDS, "approver_issuer": "", "authentication_strength": ""}


def signed_approval(**tweaks: Any) -> bytes:
    """Give an `Approval` as its approver signs it."""
    return approval(**{**SIGNED, **tweaks})


def _own(name: str, says: str, data: bytes, expect: dict[str, Any], spec: str = "T-46") -> Vector:
    asked = {"kind": "signed_approval", "public_key": ANN.public.hex(), "statement": data}
    return stated("statement", f"signed-approval-{name}", says, spec, expect, **asked)


def own_openings() -> Iterator[Vector]:
    """What an approver may sign, and with which key (T-46)."""
    for name, says, tweaks in (
        ("whole", "An approval that its approver has signed.", {}),
        ("no-policy", "There was no policy.", {"policy_digest": b""}),
        ("longest", "It counts for an hour.", {"expires_at_ms": NOW_MS + LIFETIME_MS}),
    ):
        value = {key: content for key, content in {**SIGNED, **tweaks}.items() if content}
        data = statement("signed_approval", signed_approval(**tweaks), ANN)
        yield _own(name, says, data, accepted(value=value))
    for name, tweaks in (
        ("issuer", {"approver_issuer": "https://login.example.org"}),
        ("strength", {"authentication_strength": "mfa"}),
        ("no-approver", {"approver": ""}),
        ("no-link", {"link_id": b""}),
        ("policy-16-bytes", {"policy_digest": bytes(16)}),
        ("ends-as-it-begins", {"expires_at_ms": NOW_MS}),
        ("too-long", {"expires_at_ms": NOW_MS + LIFETIME_MS + 1}),
        ("no-nonce", {"nonce": b""}),
    ):
        says = f"A signed approval that must not be so: {name.replace('-', ' ')}."
        yield _own(name, says, statement("signed_approval", signed_approval(**tweaks), ANN), refused("field_invalid"))
    invalid = refused("statement_invalid")
    for name, signer in (("mallory", MALLORY), ("the-service", STATEMENTS), ("an-agent", ALICE)):
        by = statement("signed_approval", signed_approval(), signer)
        yield _own(f"by-{name}", f"Signed by the key of {name.replace('-', ' ')}.", by, invalid)
    impostor = statement("signed_approval", signed_approval(), MALLORY, key_id=ANN.key_id)
    yield _own("by-impostor", "The approver's key is named, another signed.", impostor, invalid, "T-46 T-1")
    for kind in ("approval", "offer", "proof", "outcome"):
        wrong = statement("signed_approval", signed_approval(), ANN, purpose=kind)
        says = f"The signature is one for the purpose {kind}."
        yield _own(f"signed-as-{kind}", says, wrong, invalid, "T-46 T-1 K-7")
    attested = statement("approval", signed_approval(), ANN)
    yield _own("called-attested", "A signed approval that is called an attested one.", attested, invalid)
    yield _own("attested", "An attested approval.", statement("approval", approval(), ANN), invalid)
    unknown = statement("signed_approval", signed_approval() + number(12, 1), ANN)
    yield _own("unknown-field", "Rightly signed, but not canonical.", unknown, refused(NOT_CANONICAL), "T-46 C-10")


# -- which call it is about ----------------------------------------------------------------------------------

_ASKED = {
    "trust": TRUST,
    "token": CHAIN.token,
    "audience": "files",
    "tool": "read",
    "arguments": ARGUMENTS,
    "now_ms": NOW_MS,
    "approvers": ["ann", "zoe"],
}


def _asked(name: str, says: str, data: bytes, expect: dict[str, Any], spec: str = "T-25", **given: Any) -> Vector:
    return stated("approval", name, says, spec, expect, statement=data, **{**_ASKED, **given})


def counting() -> Iterator[Vector]:
    """When an approval counts (T-25), but for its being used once, which needs state."""
    signed, unmet = statement("approval", approval()), refused("condition_unmet")
    yield _asked("of-this-call", "Of this call, now, by somebody who is named.", signed, accepted())
    last = NOW_MS + MINUTE_MS - 1
    yield _asked("last-moment", "The last moment at which it counts.", signed, accepted(), now_ms=last)
    by_carol = statement("approval", approval(approver=agent("carol")))
    named = [agent("carol")]
    yield _asked("by-another-agent", "By an agent outside of the chain.", by_carol, accepted(), approvers=named)
    for name, says, given in (
        ("expired", "It has just expired.", {"now_ms": NOW_MS + MINUTE_MS}),
        ("too-early", "Before it was given.", {"now_ms": NOW_MS - 1}),
        ("other-audience", "Another audience.", {"audience": "files.eu"}),
        ("other-tool", "Another tool.", {"tool": "write"}),
        ("other-arguments", "Other arguments.", {"arguments": b'{"path":"/srv/b.txt"}'}),
        ("no-arguments", "No arguments.", {"arguments": b"{}"}),
        ("chain-before", "The chain that it was handed on from.", {"token": chain(*line("alice")).token}),
        ("chain-after", "A chain that was handed on from it.", {"token": chain(*line("alice", "bob", "carol")).token}),
        ("not-named", "By somebody who is not named.", {"approvers": ["zoe"]}),
        ("named-otherwise", "By somebody who is named in capitals.", {"approvers": ["Ann"]}),
    ):
        yield _asked(name, says, signed, unmet, **given)
    for holder in ("alice", "bob"):
        own = statement("approval", approval(approver=agent(holder)))
        says = "By an agent of the chain, though the condition names it."
        yield _asked(f"by-{holder}", says, own, unmet, approvers=[agent("alice"), agent("bob")])
    yield from _signed()


def _signed() -> Iterator[Vector]:
    invalid = refused("statement_invalid")
    for name, signer in (("issuer", ISSUER), ("checkpoint", CHECKPOINTS), ("mallory", MALLORY), ("holder", ALICE)):
        by = statement("approval", approval(), signer)
        yield _asked(f"signed-by-{name}", f"Signed by the key of {name}.", by, invalid, "T-24 T-2")
    impostor = statement("approval", approval(), MALLORY, key_id=STATEMENTS.key_id)
    yield _asked("signed-by-impostor", "The statement key is named, another signed.", impostor, invalid, "T-24 T-1")
    for kind in ("receipt", "offer", "outcome", "proof", "grant"):
        wrong = statement("approval", approval(), purpose=kind)
        says = f"The signature is one for the purpose {kind}."
        yield _asked(f"signed-as-{kind}", says, wrong, invalid, "T-24 T-1 K-7")
    called = statement("receipt", approval(), purpose="approval")
    yield _asked("called-a-receipt", "An approval that is called a receipt.", called, invalid, "T-24 T-1")
    for name, tweaks in (
        ("retired", {"state": "retired"}),
        ("compromised", {"state": "compromised", "compromised_at_ms": NOW_MS - DAY_MS}),
        ("too-late", {"not_after_ms": NOW_MS}),
    ):
        keys = trust(trusted("grant", ISSUER), trusted("statement", STATEMENTS, **tweaks))
        says = f"The statement key is {name.replace('-', ' ')}."
        yield _asked(f"key-{name}", says, statement("approval", approval()), invalid, "T-24 T-2 T-16", trust=keys)


AREA = Area(
    "approvals", "Approvals: what one says, and which call it is about.", [*openings(), *own_openings(), *counting()]
)
