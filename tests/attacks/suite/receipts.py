"""What the service is said to have recorded: receipts that are missing, forged, or for another link."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Moment, Recipe, Twin
from attacks.suite.recipes import under
from attacks.suite.signatures import receipt_bytes
from attacks.suite.statements_by_hand import INVALID, bound, leaf, with_statements
from attacks.suite.worlds import id_of
from delegation.core.keys import Purpose, SigningKey
from delegation.core.trust import KeyPurpose, KeyState
from delegation.errors import Reason
from support.chains import (
    BUNDLE,
    CHECKPOINTS,
    ISSUER,
    MALLORY,
    NOW_MS,
    ROOT,
    STATEMENTS,
    MadeChain,
    agent,
    bundle,
    key,
    some_bytes,
    trusted,
)


def receipt(
    link: Callable[[MadeChain], bytes],
    signer: SigningKey = STATEMENTS,
    *,
    kind: int = 1,
    purpose: Purpose = Purpose.RECEIPT,
) -> Callable[[MadeChain], bytes]:
    return lambda made: receipt_bytes(signer, w.fields((1, link(made)), (2, NOW_MS)), purpose, kind)


def last(made: MadeChain) -> bytes:
    return id_of(made, -1)


def of_link(index: int) -> Callable[[MadeChain], bytes]:
    return lambda made: id_of(made, index)


def receipts() -> Iterator[Attempt]:
    yield from missing_receipts()
    yield from forged()
    yield from of_other_things()
    yield from senseless()


def missing_receipts() -> Iterator[Attempt]:
    missing = Reason.RECEIPT_MISSING
    for of in (2, 3, 4, 6):
        yield Attempt(f"no receipt for {of} links", missing, with_statements(of=of, unrecorded=False), of - 1)
        for at in range(of - 1):
            if of < 6 or at == 3:
                recipe = with_statements(receipt(of_link(at)), of=of, unrecorded=False)
                yield Attempt(f"a receipt for link {at} of {of}", missing, recipe, of - 1)
    only_bound = with_statements(bound(leaf, agent("tool")), unrecorded=False)
    yield Attempt("a binding and no receipt", missing, only_bound, 2)


def forged() -> Iterator[Attempt]:
    signers = {
        "a stranger": MALLORY,
        "the grant key": ISSUER,
        "the root key": ROOT,
        "the checkpoint key": CHECKPOINTS,
        "the leaf's holder": key("task tool"),
        "its delegator": key("task planner"),
    }
    for name, signer in signers.items():
        for recorded in (True, False):
            said = [receipt(last)] if recorded else []
            recipe = with_statements(*said, receipt(last, signer), unrecorded=False)
            beside = "beside a right one" if recorded else "alone"
            yield Attempt(f"a receipt by {name}, {beside}", INVALID, recipe)


def of_other_things() -> Iterator[Attempt]:
    links: dict[str, Callable[[MadeChain], bytes]] = {
        "a link of another chain": lambda _: some_bytes("another chain", 32),
        "the proof's own digest": lambda made: made.leaf_key.public,
        "zeros": lambda _: bytes(32),
    }
    for name, link in links.items():
        for beside in (True, False):
            said = [receipt(last)] if beside else []
            recipe = with_statements(*said, receipt(link), unrecorded=False)
            how = ", beside a right one" if beside else ""
            yield Attempt(f"a receipt for {name}{how}", INVALID, recipe)
    for size in (0, 16, 31, 33, 64):
        cut = receipt(lambda _, size=size: bytes(range(1, 65))[:size])
        reason = Reason.FIELD_INVALID if size else Reason.NOT_CANONICAL
        yield Attempt(f"a receipt for {size} bytes", reason, with_statements(cut, unrecorded=False))


def senseless() -> Iterator[Attempt]:
    for name, payload in {
        "of no time": lambda made: w.field(1, last(made)),
        "of a negative time": lambda made: w.fields((1, last(made)), (2, -1)),
        "of a time past 2^53": lambda made: w.fields((1, last(made)), (2, 2**53)),
    }.items():

        def timeless(made: MadeChain, payload: Callable[[MadeChain], bytes] = payload) -> bytes:
            return receipt_bytes(STATEMENTS, payload(made))

        yield Attempt(f"a receipt {name}", Reason.FIELD_INVALID, with_statements(timeless, unrecorded=False))
    kinds = {"a receipt passed off as a binding": (2, INVALID)}
    kinds |= {f"a receipt of kind {kind}": (kind, Reason.STATEMENT_UNSUPPORTED) for kind in (3, 4, 5, 6, 8)}
    for name, (kind, reason) in kinds.items():
        yield Attempt(name, reason, with_statements(receipt(last, kind=kind), unrecorded=False))
    for name, state in {"retired": KeyState.RETIRED, "compromised": KeyState.COMPROMISED}.items():
        since = {"compromised_at_ms": NOW_MS} if state is KeyState.COMPROMISED else {}
        trust = bundle(BUNDLE.keys[0], trusted(KeyPurpose.STATEMENT, STATEMENTS, state=state, **since))
        yield Attempt(f"a receipt by a key that is {name}", INVALID, at_moment(Moment(trust=trust)))
    ended = bundle(BUNDLE.keys[0], trusted(KeyPurpose.STATEMENT, STATEMENTS, not_after_ms=NOW_MS))
    yield Attempt("a receipt by a key whose time is over", INVALID, at_moment(Moment(trust=ended)))


def at_moment(moment: Moment) -> Recipe:
    return lambda world: replace(with_statements(receipt(last), unrecorded=False)(world), moment=moment)  # type: ignore[type-var]


def recorded() -> Iterator[Twin]:
    for of in (2, 3, 4):
        yield Twin(f"a receipt for the leaf of {of}", with_statements(receipt(last), of=of, unrecorded=False))
    yield Twin(
        "a receipt for the leaf and one before", with_statements(receipt(of_link(1)), receipt(last), unrecorded=False)
    )
    yield Twin("a receipt twice", with_statements(receipt(last), receipt(last), unrecorded=False))
    yield Twin("a receipt and a binding", with_statements(bound(leaf, agent("tool")), receipt(last), unrecorded=False))
    yield Twin("a grant without a receipt", under(of=1, unrecorded=False))
    yield Twin("no receipt where none is needed", with_statements(of=3))


CLASSES = (AttackClass("receipt missing, forged or for another link", receipts, recorded),)
