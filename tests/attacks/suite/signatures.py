"""Signatures that are none, are somebody else's, or were made for something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Call, Recipe, Twin
from attacks.suite.recipes import honest_twins, path_of
from attacks.suite.worlds import World, id_of, proof_payload, sign_proof_payload, token_of
from delegation.core.keys import Purpose, SigningKey, signing_input
from delegation.errors import Reason
from support.chains import CHECKPOINTS, ISSUER, MALLORY, NOW_MS, READ_CALL, ROOT, STATEMENTS, MadeChain, key, some_bytes

ORDER = 2**252 + 27742317777372353535851937790883648493
INVALID = Reason.SIGNATURE_INVALID


def flipped(position: int, bit: int) -> Callable[[bytes], bytes]:
    def flip(signature: bytes) -> bytes:
        flipped_ = bytearray(signature)
        flipped_[position] ^= 1 << bit
        return bytes(flipped_)

    return flip


def plus_order(signature: bytes) -> bytes:
    """The same S, once around the group: valid where S < L is not checked."""
    return signature[:32] + (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")


FORGED: dict[str, Callable[[bytes], bytes]] = {
    "the first bit of R": flipped(0, 0),
    "the sign of R": flipped(31, 7),
    "a bit amid R": flipped(17, 3),
    "the first bit of S": flipped(32, 0),
    "the last bit of S": flipped(63, 7),
    "a bit amid S": flipped(47, 5),
    "S once around": plus_order,
    "nothing but zeros": lambda _: bytes(64),
    "nothing but ones": lambda _: b"\xff" * 64,
    "R of order one": lambda s: b"\x01" + bytes(31) + s[32:],
    "R of order four": lambda s: bytes(32) + s[32:],
    "S of zero": lambda s: s[:32] + bytes(32),
    "R and S exchanged": lambda s: s[32:] + s[:32],
    "all bytes the other way round": lambda s: s[::-1],
}
WRONG_SIZES = {
    "no signature": lambda _: b"",
    "a byte less": lambda s: s[:63],
    "a byte more": lambda s: s + b"\0",
    "half of it": lambda s: s[:32],
    "twice": lambda s: s + s,
}


def carrying(made: MadeChain, index: int, forge: Callable[[bytes], bytes]) -> bytes:
    """Write a token by hand in which one signature is another."""
    token = b""
    for number, (payload, signature, _) in enumerate(made.signed):
        token += w.field(1, w.fields((1, payload), (2, forge(signature) if number == index else signature)))
    return token


def with_signature(index: int, of: int, forge: Callable[[bytes], bytes]) -> Recipe:
    def recipe(world: World) -> Call:
        made = world.chain(path_of(of))
        return replace(world.call(made), token=carrying(made, index, forge))

    return recipe


def forged_signature() -> Iterator[Attempt]:
    for name, forge in FORGED.items():
        for index, of in ((0, 1), (1, 2), (1, 3), (2, 3)):
            recipe = with_signature(index, of, forge)
            yield Attempt(f"{name}, link {index} of {of}", INVALID, recipe, index)
    for name, forge in WRONG_SIZES.items():
        for index, of in ((0, 1), (1, 2)):
            reason = Reason.MALFORMED
            yield Attempt(f"{name}, link {index} of {of}", reason, with_signature(index, of, forge))
    for name, forge in FORGED.items():

        def proof(world: World, forge: Callable[[bytes], bytes] = forge) -> Call:
            call = world.call(world.chain())
            payload, signature = (content for _, content in w.split(call.proof))
            assert isinstance(signature, bytes)
            return replace(call, proof=w.fields((1, payload), (2, forge(signature))))

        yield Attempt(f"{name}, of a proof", Reason.PROOF_INVALID, proof)
    for index, other in ((1, 2), (2, 1)):

        def exchanged(world: World, index: int = index, other: int = other) -> Call:
            made = world.chain(path_of(3))
            return replace(world.call(made), token=carrying(made, index, lambda _: made.signed[other][1]))

        yield Attempt(f"the signature of link {other} under link {index}", INVALID, exchanged, index)
    for of in (1, 2):
        nobody = with_signature(of - 1, of, lambda _: MALLORY.sign(b"something else"))
        yield Attempt(f"a signature of something else, {of} links", INVALID, nobody, of - 1)


# -- by another key


def strangers() -> dict[str, SigningKey]:
    return {
        "a stranger": MALLORY,
        "the grant key": ISSUER,
        "the statement key": STATEMENTS,
        "the checkpoint key": CHECKPOINTS,
        "the root key": ROOT,
    }


def signed_by(index: int, of: int, signer: SigningKey) -> Recipe:
    def recipe(world: World) -> Call:
        return world.call(world.chain(path_of(of)).signed_by(index, signer))

    return recipe


def another_key() -> Iterator[Attempt]:
    yield from links_by_others()
    yield from proofs_by_others()


def links_by_others() -> Iterator[Attempt]:
    for name, signer in strangers().items():
        for index, of in ((0, 1), (0, 2), (1, 2), (2, 3)):
            if index == 0 and signer is ISSUER:
                continue
            yield Attempt(f"link {index} of {of} by {name}", INVALID, signed_by(index, of, signer), index)
    relatives = {
        "its own holder": (1, 2, lambda made: made.holders[1]),
        "its own holder, of three": (2, 3, lambda made: made.holders[2]),
        "the holder before the last": (2, 3, lambda made: made.holders[0]),
        "the grant's holder, far above": (3, 4, lambda made: made.holders[0]),
        "a holder below": (1, 3, lambda made: made.holders[2]),
        "the grant's own holder": (0, 1, lambda made: made.holders[0]),
    }
    for name, (index, of, who) in relatives.items():

        def recipe(world: World, index: int = index, of: int = of, who: Callable[..., SigningKey] = who) -> Call:
            made = world.chain(path_of(of))
            return world.call(made.signed_by(index, who(made)))

        yield Attempt(f"link {index} of {of} by {name}", INVALID, recipe, index)


def proofs_by_others() -> Iterator[Attempt]:
    for name, signer in strangers().items():
        for of in (1, 2, 3):

            def proof(world: World, signer: SigningKey = signer, of: int = of) -> Call:
                return world.call(world.chain(path_of(of)), signer=signer)

            yield Attempt(f"a proof for {of} links by {name}", Reason.PROOF_INVALID, proof)
    for of, who in ((2, 0), (3, 0), (3, 1)):

        def ancestor(world: World, of: int = of, who: int = who) -> Call:
            made = world.chain(path_of(of))
            return world.call(made, signer=made.holders[who])

        yield Attempt(f"a proof for {of} links by holder {who}", Reason.PROOF_INVALID, ancestor)
    sibling = lambda world: world.call(world.chain(), signer=key("task sibling"))  # noqa: E731
    yield Attempt("a proof by a sibling of the leaf", Reason.PROOF_INVALID, sibling)


# -- for another purpose


def another_purpose() -> Iterator[Attempt]:
    for purpose in Purpose:
        for index, of, right in ((0, 1, Purpose.GRANT), (1, 2, Purpose.HANDOFF), (2, 3, Purpose.HANDOFF)):
            if purpose is right:
                continue

            name = f"link {index} of {of} signed as {purpose.name.lower()}"
            yield Attempt(name, INVALID, link_signed_as(purpose, index, of), index)
        if purpose is not Purpose.PROOF:

            def proof(world: World, purpose: Purpose = purpose) -> Call:
                return world.call(world.chain(), purpose=purpose)

            yield Attempt(f"a proof signed as {purpose.name.lower()}", Reason.PROOF_INVALID, proof)
        if purpose not in (Purpose.RECEIPT, Purpose.BINDING):
            yield Attempt(f"a receipt signed as {purpose.name.lower()}", Reason.STATEMENT_INVALID, receipt_as(purpose))
    yield Attempt("a binding's signature under a receipt", Reason.STATEMENT_INVALID, receipt_as(Purpose.BINDING))
    yield Attempt("a handoff's payload signed as a proof, for a proof", Reason.PROOF_INVALID, link_as_proof)
    yield Attempt("a proof's payload signed as a handoff, for a link", Reason.MALFORMED, proof_as_link, 1)


def link_signed_as(purpose: Purpose, index: int, of: int) -> Recipe:
    """Present a link whose signature its rightful signer made for something else."""

    def recipe(world: World) -> Call:
        made = world.chain(path_of(of))
        parent = id_of(made, index - 1) if index else b""
        signed = signing_input(purpose, made.payloads[index], parent)
        token = carrying(made, index, lambda _: made.signers[index].sign(signed))
        return replace(world.call(made), token=token)

    return recipe


def receipt_as(purpose: Purpose) -> Recipe:
    def recipe(world: World) -> Call:
        made = world.chain(unrecorded=False)
        payload = w.fields((1, id_of(made, -1)), (2, NOW_MS))
        return replace(world.call(made), token=token_of(made) + receipt_bytes(world.statement_key, payload, purpose))

    return recipe


def receipt_bytes(signer: SigningKey, payload: bytes, purpose: Purpose = Purpose.RECEIPT, kind: int = 1) -> bytes:
    """Write the frame of a statement."""
    signature = signer.sign(signing_input(purpose, payload))
    return w.field(2, w.fields((1, kind), (2, signer.key_id), (3, payload), (4, signature)))


def link_as_proof(world: World) -> Call:
    made = world.chain()
    return replace(world.call(made), proof=sign_proof_payload(made.payloads[-1], made.leaf_key))


def proof_as_link(world: World) -> Call:
    made = world.chain()
    payload = proof_payload(id_of(made, -1), "files", "read", READ_CALL, nonce=some_bytes("proof"), now_ms=world.now_ms)
    return world.call(made.with_payload(1, payload))


def right_purpose() -> Iterator[Twin]:
    yield from honest_twins()

    def receipt(world: World) -> Call:
        made = world.chain(unrecorded=False)
        payload = w.fields((1, id_of(made, -1)), (2, NOW_MS))
        return replace(world.call(made), token=token_of(made) + receipt_bytes(world.statement_key, payload))

    yield Twin("a receipt signed as such", receipt)


def rightly_signed() -> Iterator[Twin]:
    yield from honest_twins(links=(1, 2, 3))
    for of in (1, 2):

        def again(world: World, of: int = of) -> Call:
            made = world.chain(path_of(of))
            return replace(world.call(made), token=carrying(made, 0, lambda signature: signature))

        yield Twin(f"signatures written by hand as they are, {of} links", again)


CLASSES = (
    AttackClass("forged signature", forged_signature, rightly_signed),
    AttackClass("signature by another key", another_key, honest_twins),
    AttackClass("signature replayed for another purpose", another_purpose, right_purpose),
)
