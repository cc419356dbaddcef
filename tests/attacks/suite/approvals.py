"""Approvals of another call, by somebody else, at another time; beside a call, in a token, they mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from attacks.suite import writer as w
from attacks.suite.calls import USUAL, AttackClass, Attempt, Call, NotHere, Recipe, Request, Twin
from attacks.suite.doors import feed_of
from attacks.suite.recipes import HONEST, honest_twins, path_of, under
from attacks.suite.signatures import receipt_bytes
from attacks.suite.worlds import KernelWorld, World, id_of, token_of
from delegation.core import approval as approvals
from delegation.core.arguments import Arguments
from delegation.core.attest import open_approval
from delegation.core.conditions import ApprovalRequirement
from delegation.core.keys import Purpose, SigningKey, signing_input
from delegation.core.revocation import RevocationState
from delegation.core.statement import SignedStatement, StatementKind
from delegation.core.verify import Verifier
from delegation.errors import Reason
from support.chains import (
    BUNDLE,
    CHECKPOINTS,
    ISSUER,
    MALLORY,
    MINUTE_MS,
    NOW_MS,
    READ_CALL,
    STATEMENTS,
    MadeChain,
    agent,
    key,
    some_bytes,
)

HOUR_MS = 60 * MINUTE_MS
DIGEST = Arguments.of(READ_CALL).digest
UNMET, UNSUPPORTED = Reason.CONDITION_UNMET, Reason.STATEMENT_UNSUPPORTED
NEEDS_ANN = w.scope(
    w.capability("files", "read", any_arguments=True, conditions=[w.approval(1, "ann")]),
    w.capability("web", "search", any_arguments=True),
)


def approval(link: bytes, changes: dict[int, w.Content | None] | None = None) -> bytes:
    """Write an approval's payload."""
    fields: dict[int, w.Content | None] = {
        1: link,
        2: "files",
        3: "read",
        4: DIGEST,
        5: some_bytes("policy", 32),
        6: "ann",
        7: "https://login.example.test",
        9: NOW_MS,
        10: NOW_MS + MINUTE_MS,
        11: some_bytes("approval"),
        **(changes or {}),
    }
    return w.fields(*((number, content) for number, content in sorted(fields.items()) if content is not None))


# -- asked whether it is an approval of this call


def asked(
    changes: dict[int, w.Content | None] | None = None,
    *,
    of: int = 2,
    link: Callable[[MadeChain], bytes] = lambda made: id_of(made, -1),
    signer: SigningKey = STATEMENTS,
    purpose: Purpose = Purpose.APPROVAL,
    **statement: Any,
) -> Recipe:
    """Ask whether a signed approval counts for the call of `read` under a chain that needs one by ann."""

    def recipe(world: World) -> Request:
        if not isinstance(world, KernelWorld):
            raise NotHere
        made = world.chain(path_of(of), scope=NEEDS_ANN)
        payload = approval(link(made), changes)
        signature = signer.sign(signing_input(purpose, payload))
        said = SignedStatement(StatementKind.APPROVAL, signer.key_id, payload, signature)._replace(**statement)
        token = token_of(made)
        content = b"\0".join((token, said.kind.encode(), said.key_id, said.payload, said.signature))
        return Request("approval", content, lambda: counts(said, token))

    return recipe


def counts(statement: SignedStatement, token: bytes) -> None:
    """Require that an approval counts for that call."""
    state = RevocationState()
    state.apply(feed_of(USUAL), monotonic_ms=0)
    chain = Verifier(BUNDLE).verify(token, now_ms=NOW_MS, revocations=state)
    opened = open_approval(statement, BUNDLE, now_ms=NOW_MS)
    approvals.require_approval_of(
        opened,
        ApprovalRequirement(("ann", "ben", agent("planner")), 1),
        chain,
        audience="files",
        tool="read",
        arguments_digest=DIGEST,
        now_ms=NOW_MS,
    )


OTHERS: dict[str, dict[int, w.Content | None]] = {
    "another path": {4: Arguments.of({"path": "/srv/docs/b.txt"}).digest},
    "an argument more": {4: Arguments.of({**READ_CALL, "limit": 1}).digest},
    "no arguments": {4: Arguments.of({}).digest},
    "a digest of zeros": {4: bytes(32)},
    "another tool": {3: "write"},
    "the tool in capitals": {3: "READ"},
    "another audience": {2: "web"},
    "audience and tool exchanged": {2: "read", 3: "files"},
    "a time to come": {9: NOW_MS + 1},
    "a time that has just ended": {9: NOW_MS - MINUTE_MS, 10: NOW_MS},
    "an hour ago": {9: NOW_MS - HOUR_MS, 10: NOW_MS - 1},
    "mallory": {6: "mallory"},
    "ann in capitals": {6: "ANN"},
    "ann in Cyrillic": {6: "\u0430nn"},
    "the agent that is to act": {6: agent("planner")},
}
CHAINS: dict[str, Callable[[MadeChain], bytes]] = {
    "its grant": lambda made: id_of(made, 0),
    "another chain": lambda _: some_bytes("another chain", 32),
    "the same chain under another grant": lambda made: id_of(
        KernelWorld().chain(path_of(len(made.names)), task="x"), -1
    ),
    "its holder's key": lambda made: made.leaf_key.public,
}
SENSELESS: dict[str, dict[int, w.Content | None]] = {
    "that never counts": {10: NOW_MS},
    "that ends before it begins": {9: NOW_MS + 1, 10: NOW_MS},
    "that counts too long": {10: NOW_MS + HOUR_MS + 1},
    "that counts for ever": {10: 2**53 - 1},
    "without an approver": {6: None},
    "without an issuer": {7: None},
    "without a nonce": {11: None},
    "with a short nonce": {11: b"short"},
    "with half a digest": {4: DIGEST[:16]},
    "with half a chain digest": {1: bytes(16)},
    "by an approver with a line feed": {6: "ann\nboss"},
}


def of_another_call() -> Iterator[Attempt]:
    for name, changes in OTHERS.items():
        for of in (2, 3):
            if "agent" in name and of == 3:
                name = "an agent of the chain"  # noqa: PLW2901
            yield Attempt(f"an approval by or of {name}, {of} links", UNMET, asked(changes, of=of), online=False)
    for name, link in CHAINS.items():
        for of in (2, 3):
            yield Attempt(f"an approval under {name}, {of} links", UNMET, asked(of=of, link=link), online=False)
    for name, changes in SENSELESS.items():
        yield Attempt(f"an approval {name}", Reason.FIELD_INVALID, asked(changes), online=False)


def of_this_call() -> Iterator[Twin]:
    for of in (1, 2, 3):
        yield Twin(f"an approval of this call, {of} links", asked(of=of), online=False)
    yield Twin("by another that is named", asked({6: "ben"}), online=False)
    yield Twin("that counts for an hour", asked({10: NOW_MS + HOUR_MS}), online=False)
    yield Twin("that is about to end", asked({9: NOW_MS - MINUTE_MS, 10: NOW_MS + 1}), online=False)
    yield Twin("without a policy", asked({5: None}), online=False)


# -- used again, used elsewhere, used as what it is not


def beside(
    *payloads: Callable[[MadeChain], bytes],
    scope: bytes | None = None,
    signer: SigningKey = STATEMENTS,
    kind: int = 4,
    of: int = 2,
) -> Recipe:
    """Present a call together with approvals in its token."""

    def recipe(world: World) -> Call:
        options: dict[str, Any] = {} if scope is None else {"scope": scope}
        made = world.chain(path_of(of), **options)
        purpose = {4: Purpose.APPROVAL, 7: Purpose.CHECKPOINT, 10: Purpose.BREAK_GLASS, 3: Purpose.OFFER}[kind]
        said = b"".join(receipt_bytes(signer, payload(made), purpose, kind) for payload in payloads)
        found = world.call(made, *HONEST)
        return replace(found, token=found.token + said)

    return recipe


def this(made: MadeChain) -> bytes:
    return approval(id_of(made, -1))


def reuse() -> Iterator[Attempt]:
    signers = {"the service": STATEMENTS, "a stranger": MALLORY, "the holder": key("task planner")}
    for name, signer in signers.items():
        for of in (1, 2, 3):
            yield Attempt(f"in a token, signed by {name}, {of} links", UNSUPPORTED, beside(this, signer=signer, of=of))
        yield Attempt(f"in a token twice, signed by {name}", UNSUPPORTED, beside(this, this, signer=signer))
    for name, kind in {"an offer": 3, "a checkpoint": 7, "a break-glass order": 10}.items():
        yield Attempt(f"{name} in a token", UNSUPPORTED, beside(this, kind=kind))
    yield Attempt("in a token where one is needed", UNSUPPORTED, beside(this, scope=NEEDS_ANN))
    yield Attempt("in a token twice where one is needed", UNSUPPORTED, beside(this, this, scope=NEEDS_ANN))
    for of in (1, 2, 3):
        yield Attempt(f"none where one is needed, {of} links", UNMET, under(NEEDS_ANN, of), 0)
    yield from forged()


def forged() -> Iterator[Attempt]:
    invalid = Reason.STATEMENT_INVALID
    signers = {"a stranger": MALLORY, "the grant key": ISSUER, "the checkpoint key": CHECKPOINTS, "ann": key("ann")}
    for name, signer in signers.items():
        yield Attempt(f"signed by {name}", invalid, asked(signer=signer), online=False)
        claimed = asked(signer=signer, key_id=STATEMENTS.key_id)
        yield Attempt(f"signed by {name} as if by the service", invalid, claimed, online=False)
    for purpose in (Purpose.RECEIPT, Purpose.BINDING, Purpose.PROOF, Purpose.BREAK_GLASS):
        yield Attempt(f"signed as a {purpose.name.lower()}", invalid, asked(purpose=purpose), online=False)
    for kind in (StatementKind.RECEIPT, StatementKind.BINDING, StatementKind.OFFER):
        yield Attempt(f"passed off as a {kind.name.lower()}", invalid, asked(kind=kind), online=False)
    used = approval(some_bytes("used before", 32))
    yield Attempt("the signature of one that was used before", invalid, asked(payload=used), online=False)


def unapproved() -> Iterator[Twin]:
    yield from honest_twins()
    yield from of_this_call()
    for of in (1, 2, 3):
        call = ("web", "search", {"q": "x"})
        yield Twin(f"a call that needs none beside one that does, {of} links", under(NEEDS_ANN, of, call=call))


CLASSES = (
    AttackClass("approval reuse", reuse, unapproved),
    AttackClass("approval for other arguments", of_another_call, of_this_call),
)
