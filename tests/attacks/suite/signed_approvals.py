"""Approvals that are not signed by their approver, for this call, as a signed approval: none of them is consent.

What a running service makes of them, of keys that are struck off or revoked and of approvals that were used,
`tests/integration/approvals/test_signed.py` shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attacks.suite import writer as w
from attacks.suite.approvals import CHAINS, DIGEST, HOUR_MS, NEEDS_ANN, OTHERS, SENSELESS, UNMET, approval
from attacks.suite.calls import USUAL, AttackClass, Attempt, NotHere, Recipe, Request, Twin
from attacks.suite.doors import feed_of
from attacks.suite.recipes import path_of
from attacks.suite.worlds import KernelWorld, World, id_of, token_of
from delegation.core import approval as approvals
from delegation.core.attest import open_own_approval
from delegation.core.conditions import ApprovalRequirement
from delegation.core.keys import Purpose, SigningKey, signing_input
from delegation.core.revocation import RevocationState
from delegation.core.statement import SignedStatement, StatementKind
from delegation.core.verify import Verifier
from delegation.errors import Reason, refusal
from support.chains import (
    BUNDLE,
    CHECKPOINTS,
    ISSUER,
    MALLORY,
    MINUTE_MS,
    NOW_MS,
    STATEMENTS,
    MadeChain,
    agent,
    key,
    some_bytes,
)

ANNS, ANNS_OTHER, BENS = (key(name) for name in ("ann's key", "ann's other key", "ben's key"))
KEYS = {"ann": (ANNS.public, ANNS_OTHER.public), "ben": (BENS.public,)}
"""Whose keys the operator lists as whose."""

POLICY = some_bytes("policy", 32)
INVALID = Reason.STATEMENT_INVALID
UNSIGNED: dict[int, w.Content | None] = {7: None}
"""An approver says nothing of who vouches for them."""


def asked(
    changes: dict[int, w.Content | None] | None = None,
    *,
    of: int = 2,
    link: Callable[[MadeChain], bytes] = lambda made: id_of(made, -1),
    signer: SigningKey = ANNS,
    purpose: Purpose = Purpose.SIGNED_APPROVAL,
    by: str = "ann",
    **statement: Any,
) -> Recipe:
    """Ask whether what somebody has signed is consent of an approver's to the call of `read`."""

    def recipe(world: World) -> Request:
        if not isinstance(world, KernelWorld):
            raise NotHere
        made = world.chain(path_of(of), scope=NEEDS_ANN)
        payload = approval(link(made), {**UNSIGNED, **(changes or {})})
        signature = signer.sign(signing_input(purpose, payload))
        said = SignedStatement(StatementKind.SIGNED_APPROVAL, signer.key_id, payload, signature)._replace(**statement)
        token = token_of(made)
        content = b"\0".join((token, by.encode(), said.kind.encode(), said.key_id, said.payload, said.signature))
        return Request("approval", content, lambda: counts(said, token, by))

    return recipe


def counts(statement: SignedStatement, token: bytes, by: str) -> None:
    """Require that a statement is this approver's consent to that call, under the policy in force."""
    state = RevocationState()
    state.apply(feed_of(USUAL), monotonic_ms=0)
    chain = Verifier(BUNDLE).verify(token, now_ms=NOW_MS, revocations=state)
    opened = open_own_approval(statement, KEYS[by])
    approvals.require_approval_of(
        opened,
        ApprovalRequirement((by, agent("planner")), 1),
        chain,
        audience="files",
        tool="read",
        arguments_digest=DIGEST,
        now_ms=NOW_MS,
    )
    if opened.policy_digest != POLICY:
        raise refusal(UNMET, detail="the approval is under another policy")


def forged() -> Iterator[Attempt]:
    """Signed by somebody else, as something else, or by nobody."""
    signers = {
        "another approver": BENS,
        "a stranger": MALLORY,
        "the service": STATEMENTS,
        "the grant key": ISSUER,
        "the checkpoint key": CHECKPOINTS,
        "the holder": key("task planner"),
    }
    for name, signer in signers.items():
        yield Attempt(f"signed by {name}", INVALID, asked(signer=signer), online=False)
        claimed = asked(signer=signer, key_id=ANNS.key_id)
        yield Attempt(f"signed by {name} as if by ann", INVALID, claimed, online=False)
    yield Attempt("ann's, as ben's", INVALID, asked({6: "ben"}, by="ben"), online=False)
    yield Attempt("ben's, with his key, as ann's", UNMET, asked(signer=BENS, by="ben"), online=False)
    for purpose in Purpose:
        if purpose is not Purpose.SIGNED_APPROVAL:
            name = purpose.name.lower().replace("_", " ")
            yield Attempt(f"signed as a {name}", INVALID, asked(purpose=purpose), online=False)
    for kind in StatementKind:
        if kind is not StatementKind.SIGNED_APPROVAL:
            yield Attempt(f"passed off as a {kind}", INVALID, asked(kind=kind), online=False)
    attested = {7: "https://login.example.test"}
    yield Attempt("an attested one, signed by ann", Reason.FIELD_INVALID, asked(attested), online=False)
    by_service = asked(attested, signer=STATEMENTS, purpose=Purpose.APPROVAL, kind=StatementKind.APPROVAL)
    yield Attempt("an attested one in its place", INVALID, by_service, online=False)
    relabelled = asked(attested, signer=STATEMENTS, purpose=Purpose.APPROVAL)
    yield Attempt("an attested one that is called signed", INVALID, relabelled, online=False)
    yield Attempt("no signature", INVALID, asked(signature=bytes(64)), online=False)
    used = approval(some_bytes("used before", 32), UNSIGNED)
    yield Attempt("the signature of one that was used before", INVALID, asked(payload=used), online=False)


def of_something_else() -> Iterator[Attempt]:
    """Signed by ann, for another call, chain, policy or time, or for nothing that there is."""
    for name, changes in OTHERS.items():
        if 6 not in changes:
            yield Attempt(f"consent to {name}", UNMET, asked(changes), online=False)
    for name, link in CHAINS.items():
        yield Attempt(f"consent under {name}", UNMET, asked(link=link), online=False)
    for name, digest in {"another policy": some_bytes("other policy", 32), "no policy": None}.items():
        yield Attempt(f"consent under {name}", UNMET, asked({5: digest}), online=False)
    for name, changes in SENSELESS.items():
        if 7 not in changes:
            yield Attempt(f"consent {name}", Reason.FIELD_INVALID, asked(changes), online=False)


def signed() -> Iterator[Twin]:
    for of in (1, 2, 3):
        yield Twin(f"consent to this call, {of} links", asked(of=of), online=False)
    yield Twin("with her other key", asked(signer=ANNS_OTHER), online=False)
    yield Twin("ben's own", asked({6: "ben"}, signer=BENS, by="ben"), online=False)
    yield Twin("that counts for an hour", asked({10: NOW_MS + HOUR_MS}), online=False)
    yield Twin("that is about to end", asked({9: NOW_MS - MINUTE_MS, 10: NOW_MS + 1}), online=False)


CLASSES = (
    AttackClass("forged signature of an approver", forged, signed),
    AttackClass("approver's signature for something else", of_something_else, signed),
)
