"""Chains whose links are all valid, but not in this order, this number, or this company."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Call, NotHere, Recipe, Request, Twin
from attacks.suite.recipes import honest_twins, path_of, under
from attacks.suite.worlds import READ, SCOPE, KernelWorld, World, join, token_of
from delegation.core.attest import open_bundle, sign_bundle
from delegation.core.codec import encode_statement
from delegation.core.keys import SigningKey
from delegation.core.statement import SignedStatement, StatementKind
from delegation.core.trust import KeyPurpose
from delegation.errors import Reason
from support.chains import ISSUER, MALLORY, NOW_MS, ROOT, STATEMENTS, MadeChain, bundle, trusted

Frames = list[tuple[bytes, bytes]]


def frames_of(made: MadeChain) -> Frames:
    return [(payload, signature) for payload, signature, _ in made.signed]


def rearranged(of: int, order: Callable[[Frames], Frames]) -> Recipe:
    """Present the same links in another order or number, with the proof for all of them."""

    def recipe(world: World) -> Call:
        made = world.chain(path_of(of))
        return replace(world.call(made), token=join(order(frames_of(made))))

    return recipe


# -- truncated prefix


def cut_to(length: int, of: int, *, relabelled: bool = False) -> Recipe:
    """Present the first links alone, whose scope is wider; the proof is by a holder of the whole chain."""

    def recipe(world: World) -> Call:
        made = world.chain(path_of(of), scope=[SCOPE, *[w.scope(READ)] * (of - 1)])
        shorter = made.cut(length)
        call = ("web", "search", {"q": "x"}) if length == 1 else ("files", "read", {"path": "/srv/docs/a"})
        if relabelled:
            return world.call(shorter, *call, signer=made.holders[-1])
        return replace(world.call(made, *call), token=token_of(shorter))

    return recipe


def truncated() -> Iterator[Attempt]:
    for of in (2, 3, 4, 6):
        for length in range(1, of):
            if of == 6 and length not in (1, 3, 5):
                continue
            name = f"{of} links cut to {length}"
            yield Attempt(f"{name}, with the whole chain's proof", Reason.PROOF_OTHER_CALL, cut_to(length, of))
            relabelled = cut_to(length, of, relabelled=True)
            yield Attempt(f"{name}, with a proof that names it", Reason.PROOF_INVALID, relabelled)


def whole() -> Iterator[Twin]:
    for of in (1, 2, 3, 4, 6):
        yield Twin(f"all {of} links, with their proof", under([SCOPE, *[w.scope(READ)] * (of - 1)], of))


# -- dropped, repeated and re-ordered links


def dropped_middle() -> Iterator[Attempt]:
    for of in (3, 4, 5, 8):
        for gone in range(1, of - 1):
            if of == 8 and gone not in (1, 4, 6):
                continue
            recipe = rearranged(of, lambda frames, gone=gone: frames[:gone] + frames[gone + 1 :])
            yield Attempt(f"link {gone} of {of} dropped", Reason.SIGNATURE_INVALID, recipe, gone)
    for of in (4, 6):
        recipe = rearranged(of, lambda frames: [frames[0], frames[-1]])
        yield Attempt(f"all but grant and leaf of {of} dropped", Reason.SIGNATURE_INVALID, recipe, 1)
    for of in (2, 3):
        headless = rearranged(of, lambda frames: frames[1:])
        yield Attempt(f"the grant of {of} dropped", Reason.GRANT_MISSING, headless, 0)


def reordered() -> Iterator[Attempt]:
    for of, first, second in ((3, 1, 2), (4, 1, 2), (4, 2, 3), (4, 1, 3), (6, 2, 4)):

        def exchange(frames: Frames, first: int = first, second: int = second) -> Frames:
            frames[first], frames[second] = frames[second], frames[first]
            return frames

        name = f"links {first} and {second} of {of} exchanged"
        yield Attempt(name, Reason.SIGNATURE_INVALID, rearranged(of, exchange), first)
    for of in (2, 3, 4):
        backwards = rearranged(of, lambda frames: frames[::-1])
        yield Attempt(f"{of} links backwards", Reason.GRANT_MISSING, backwards, 0)
        if of > 2:
            rotated = rearranged(of, lambda frames: frames[1:] + frames[:1])
            yield Attempt(f"the grant of {of} at the end", Reason.GRANT_MISSING, rotated, 0)
        last_twice = rearranged(of, lambda frames: [*frames, frames[-1]])
        yield Attempt(f"the last of {of} twice", Reason.SIGNATURE_INVALID, last_twice, of)
        first_twice = rearranged(of, lambda frames: [frames[0], *frames])
        yield Attempt(f"the grant of {of} twice", Reason.SIGNATURE_INVALID, first_twice, 1)
    for of in (3, 4):
        middle_twice = rearranged(of, lambda frames: [*frames[:2], *frames[1:]])
        yield Attempt(f"link 1 of {of} twice", Reason.SIGNATURE_INVALID, middle_twice, 2)


# -- links of two chains


def two_chains(of: int, combine: Callable[[Frames, Frames], Frames], **other: object) -> Recipe:
    """Present links of a chain and of another one of the same holders."""

    def recipe(world: World) -> Call:
        mine = world.chain(path_of(of))
        theirs = world.chain(path_of(of), **other)  # type: ignore[arg-type]
        return replace(world.call(mine), token=join(combine(frames_of(mine), frames_of(theirs))))

    return recipe


RICHER = {"scope": w.scope(READ, w.capability("files", "write", any_arguments=True))}
OTHER_GRANTS: dict[str, dict[str, object]] = {
    "of another purpose": {"purpose": "something else"},
    "that permits more": RICHER,
    "that lasts deeper": {"depth": 20},
    "that needs receipts": {"unrecorded": False},
}


def rehung() -> Iterator[Attempt]:
    for name, other in OTHER_GRANTS.items():
        for of in (2, 3, 4):
            recipe = two_chains(of, lambda mine, theirs: [theirs[0], *mine[1:]], **other)
            yield Attempt(f"handoffs under a grant {name}, {of} links", Reason.SIGNATURE_INVALID, recipe, 1)
    for of in (3, 4):
        recipe = two_chains(of, lambda mine, theirs: [*theirs[:-1], mine[-1]], **RICHER)
        yield Attempt(f"the leaf of {of} under a wider chain", Reason.SIGNATURE_INVALID, recipe, of - 1)
        task = two_chains(of, lambda mine, theirs: [theirs[0], *mine[1:]], task="another task")
        yield Attempt(f"handoffs of {of} links under another task's grant", Reason.SIGNATURE_INVALID, task, 1)


def spliced() -> Iterator[Attempt]:
    for of in (2, 3, 4):
        for at in range(1, of):
            recipe = two_chains(of, lambda mine, theirs, at=at: mine[:at] + theirs[at:], task="another task")
            yield Attempt(f"{of} links, another chain's from {at} on", Reason.SIGNATURE_INVALID, recipe, at)
    for of in (2, 3):
        appended = two_chains(of, lambda mine, theirs: mine + theirs, task="another task")
        yield Attempt(f"two chains of {of} one after another", Reason.SIGNATURE_INVALID, appended, of)
        inserted = two_chains(of, lambda mine, theirs: [*mine[:1], theirs[1], *mine[1:]], task="another task")
        yield Attempt(f"another chain's link inserted into {of}", Reason.SIGNATURE_INVALID, inserted, 1)
        signature = two_chains(of, lambda mine, theirs: [*mine[:-1], (mine[-1][0], theirs[-1][1])], task="another task")
        yield Attempt(f"another chain's signature in {of}", Reason.SIGNATURE_INVALID, signature, of - 1)
        payload = two_chains(of, lambda mine, theirs: [*mine[:-1], (theirs[-1][0], mine[-1][1])], task="another task")
        yield Attempt(f"another chain's payload in {of}", Reason.SIGNATURE_INVALID, payload, of - 1)
    nested = two_chains(2, lambda mine, theirs: [*mine, theirs[0]], task="another task")
    yield Attempt("a grant in place of a handoff", Reason.SIGNATURE_INVALID, nested, 2)
    for at, of in ((1, 2), (2, 3)):

        def claims(world: World, at: int = at, of: int = of) -> Call:
            made = world.chain(path_of(of))
            grant = w.content_of(made.payloads[0], 13)
            return world.call(made.with_payload(at, w.changed(made.payloads[at], {13: grant})))

        yield Attempt(f"a grant's claims in link {at} of {of}", Reason.GRANT_REPEATED, claims, at)
    for of in (1, 2):

        def without(world: World, of: int = of) -> Call:
            made = world.chain(path_of(of))
            return world.call(made.with_payload(0, w.changed(made.payloads[0], {13: None})))

        yield Attempt(f"a grant without its claims, {of} links", Reason.GRANT_MISSING, without, 0)


# -- other root

_KEYS = trusted(KeyPurpose.GRANT, MALLORY), trusted(KeyPurpose.STATEMENT, STATEMENTS)
OTHER_ISSUER = bundle(*sorted(_KEYS, key=lambda each: each.key_id))


class _OtherWorld(KernelWorld):
    """A world like ours, whose grants another service has signed."""

    def __init__(self, issuer: SigningKey) -> None:
        super().__init__()
        self._issuer = issuer

    def grant(self, scope: bytes, holder: SigningKey, **asked: object) -> tuple[bytes, SigningKey]:
        payload, _ = super().grant(scope, holder, **asked)
        claims = w.content_of(payload, 13)
        assert isinstance(claims, bytes)
        return w.changed(payload, {13: w.changed(claims, {1: self._issuer.key_id})}), self._issuer


def of_another_service(of: int, issuer: SigningKey) -> Recipe:
    return lambda world: world.call(_OtherWorld(issuer).chain(path_of(of)))


def bundle_by(signer: SigningKey, **how: object) -> Recipe:
    def recipe(world: World) -> Request:
        if not isinstance(world, KernelWorld):
            raise NotHere
        statement = sign_bundle(OTHER_ISSUER, signer)._replace(**how)  # type: ignore[arg-type]
        return Request("trust", encode_statement(statement), lambda: opened(statement))

    return recipe


def opened(statement: SignedStatement) -> object:
    return open_bundle(statement, ROOT.public, now_ms=NOW_MS)


def other_root() -> Iterator[Attempt]:
    for name, issuer in {"a stranger": MALLORY, "the root key itself": ROOT}.items():
        for of in (1, 2, 3):
            recipe = of_another_service(of, issuer)
            yield Attempt(f"a grant of another service by {name}, {of} links", Reason.ISSUER_UNKNOWN, recipe, 0)
    signers = {
        "a stranger": MALLORY,
        "the grant key": ISSUER,
        "the statement key": STATEMENTS,
    }
    for name, signer in signers.items():
        yield Attempt(f"a trust bundle by {name}", Reason.BUNDLE_INVALID, bundle_by(signer), online=False)
        claimed = bundle_by(signer, key_id=ROOT.key_id)
        yield Attempt(f"a trust bundle by {name} as if by the root", Reason.BUNDLE_INVALID, claimed, online=False)
    kinds = (StatementKind.RECEIPT, StatementKind.CHECKPOINT, StatementKind.REVOCATION_FEED)
    for kind in kinds:
        recipe = bundle_by(ROOT, kind=kind)
        yield Attempt(f"a trust bundle as a {kind.name.lower()}", Reason.BUNDLE_INVALID, recipe, online=False)
    yield Attempt("a trust bundle with other bytes", Reason.BUNDLE_INVALID, bundle_by(ROOT, payload=b""), online=False)


def same_root() -> Iterator[Twin]:
    yield from honest_twins(links=(1, 2))
    yield Twin("a trust bundle by the root", bundle_by(ROOT), online=False)


CLASSES = (
    AttackClass("truncated prefix", truncated, whole),
    AttackClass("dropped middle link", dropped_middle, honest_twins),
    AttackClass("re-ordered links", reordered, honest_twins),
    AttackClass("link re-hung under another grant", rehung, honest_twins),
    AttackClass("spliced chains", spliced, honest_twins),
    AttackClass("other root", other_root, same_root),
)
