"""Issuer keys that are not to be trusted (any more, yet, for this), and key ids that name another key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Call, Moment, Recipe, Twin
from attacks.suite.recipes import honest_twins, path_of
from attacks.suite.signatures import receipt_bytes
from attacks.suite.worlds import World, id_of, token_of
from delegation.core.keys import SigningKey
from delegation.core.trust import KeyPurpose, KeyState
from delegation.errors import Reason
from support.chains import (
    BUNDLE,
    CHECKPOINTS,
    ISSUER,
    MALLORY,
    MINUTE_MS,
    NOW_MS,
    ROOT,
    STATEMENTS,
    MadeChain,
    bundle,
    some_bytes,
    trusted,
)

OTHERS = BUNDLE.keys[1:]
SERVICE_KEY_IDS = frozenset(each.key_id for each in BUNDLE.keys)


def trusting(**tweaks: object) -> Moment:
    """A verifier whose bundle says something else about the grant key."""
    return Moment(trust=bundle(trusted(KeyPurpose.GRANT, ISSUER, **tweaks), *OTHERS))


MOMENTS = {
    "retired": trusting(state=KeyState.RETIRED),
    "compromised a day ago": trusting(state=KeyState.COMPROMISED, compromised_at_ms=NOW_MS - 1440 * MINUTE_MS),
    "compromised tomorrow, it is said": trusting(
        state=KeyState.COMPROMISED, compromised_at_ms=NOW_MS + 1440 * MINUTE_MS
    ),
    "that ends now": trusting(not_after_ms=NOW_MS),
    "that ended a minute ago": trusting(not_after_ms=NOW_MS - MINUTE_MS),
    "that begins in a moment": trusting(not_before_ms=NOW_MS + 1),
    "that begins within the leeway of links": trusting(not_before_ms=NOW_MS + 30_000),
}
UNLISTED = Moment(trust=bundle(*OTHERS))
EXPIRED = {
    "that has just expired": Moment(trust=bundle(expires_at_ms=NOW_MS)),
    "that expired a day ago": Moment(trust=bundle(expires_at_ms=NOW_MS - 1440 * MINUTE_MS)),
}


def at_moment(moment: Moment, of: int) -> Recipe:
    return lambda world: replace(world.call(world.chain(path_of(of))), moment=moment)


def issued_by(signer: SigningKey, key_id: bytes, of: int = 1) -> Recipe:
    """A grant by a key, that names a key."""

    def recipe(world: World) -> Call:
        if signer is ISSUER or key_id in SERVICE_KEY_IDS:
            assert world.issuer  # else these are keys like any other
        return world.call(naming(world.chain(path_of(of)), key_id).signed_by(0, signer))

    return recipe


def naming(made: MadeChain, key_id: bytes) -> MadeChain:
    """Let the grant name another issuer key."""
    claims = w.content_of(made.payloads[0], 13)
    assert isinstance(claims, bytes)
    return made.with_payload(0, w.changed(made.payloads[0], {13: w.changed(claims, {1: key_id})}))


def untrusted() -> Iterator[Attempt]:
    for name, moment in MOMENTS.items():
        for of in (1, 2, 3):
            yield Attempt(f"a key {name}, {of} links", Reason.ISSUER_NOT_TRUSTED, at_moment(moment, of), 0)
    for of in (1, 2):
        yield Attempt(f"a key that is not listed, {of} links", Reason.ISSUER_UNKNOWN, at_moment(UNLISTED, of), 0)
        for name, moment in EXPIRED.items():
            yield Attempt(f"a bundle {name}, {of} links", Reason.BUNDLE_EXPIRED, at_moment(moment, of), 0)
        for name, signer in {"statements": STATEMENTS, "checkpoints": CHECKPOINTS}.items():
            recipe = issued_by(signer, signer.key_id, of)
            yield Attempt(f"the key for {name}, {of} links", Reason.ISSUER_NOT_TRUSTED, recipe, 0)


def trusted_now() -> Iterator[Twin]:
    moments = {
        "that ends in a moment": trusting(not_after_ms=NOW_MS + 1),
        "that begins now": trusting(not_before_ms=NOW_MS),
        "whose end is not set": trusting(not_after_ms=0),
    }
    for name, moment in moments.items():
        for of in (1, 2):
            yield Twin(f"a key {name}, {of} links", at_moment(moment, of))


# -- key ids

CONFUSED: dict[str, bytes] = {
    "the statement key": STATEMENTS.key_id,
    "the checkpoint key": CHECKPOINTS.key_id,
    "the root key": ROOT.key_id,
    "nobody's key": some_bytes("no key"),
    "nothing but zeros": bytes(16),
    "the public key's first bytes": ISSUER.public[:16],
    "the digest's last bytes": hashlib.sha256(ISSUER.public).digest()[16:],
    "the key id the other way round": ISSUER.key_id[::-1],
    "a digest of the key id": hashlib.sha256(ISSUER.key_id).digest()[:16],
}
WRONG_SIZES = {
    "a byte less": ISSUER.key_id[:15],
    "a byte more": ISSUER.key_id + b"\0",
    "the whole public key": ISSUER.public,
}


def confused() -> Iterator[Attempt]:
    for name, key_id in CONFUSED.items():
        known = key_id in (STATEMENTS.key_id, CHECKPOINTS.key_id)
        reason = Reason.ISSUER_NOT_TRUSTED if known else Reason.ISSUER_UNKNOWN
        for of in (1, 2):
            yield Attempt(f"a grant that names {name}, {of} links", reason, issued_by(ISSUER, key_id, of), 0)
    for name, key_id in WRONG_SIZES.items():
        yield Attempt(f"a grant that names {name}", Reason.ISSUER_UNKNOWN, issued_by(ISSUER, key_id), 0)
    for name, signer in {"a stranger": MALLORY, "the statement key": STATEMENTS, "its own holder": None}.items():

        def recipe(world: World, signer: SigningKey | None = signer) -> Call:
            made = world.chain(path_of(3))
            return world.call(made.signed_by(0, signer or made.holders[0]))

        yield Attempt(f"a grant by {name} that names the grant key", Reason.SIGNATURE_INVALID, recipe, 0)
    for name, key_id in {"the grant key": ISSUER.key_id, "a stranger": MALLORY.key_id, "zeros": bytes(16)}.items():
        yield Attempt(f"a receipt that names {name}", Reason.STATEMENT_INVALID, receipt_naming(STATEMENTS, key_id))
    for name, signer in {"the grant key": ISSUER, "a stranger": MALLORY}.items():
        recipe = receipt_naming(signer, STATEMENTS.key_id)
        yield Attempt(f"a receipt by {name} that names the statement key", Reason.STATEMENT_INVALID, recipe)


def receipt_naming(signer: SigningKey, key_id: bytes) -> Recipe:
    def recipe(world: World) -> Call:
        assert world.statement_key is STATEMENTS
        made = world.chain(unrecorded=False)
        frame = receipt_bytes(signer, w.fields((1, id_of(made, -1)), (2, NOW_MS)))
        ((_, statement),) = w.split(frame)
        assert isinstance(statement, bytes)
        return replace(world.call(made), token=token_of(made) + w.field(2, w.changed(statement, {2: key_id})))

    return recipe


def named() -> Iterator[Twin]:
    yield from honest_twins(links=(1, 2))
    yield Twin("a grant that names its key, written by hand", issued_by(ISSUER, ISSUER.key_id), online=False)
    yield Twin("a receipt that names its key", receipt_naming(STATEMENTS, STATEMENTS.key_id))


CLASSES = (
    AttackClass("untrusted or expired issuer key", untrusted, trusted_now),
    AttackClass("key-id confusion", confused, named),
)
