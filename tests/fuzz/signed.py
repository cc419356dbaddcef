"""Targets: what is accepted because of who signed it. Nothing may be that is not among the seeds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, Final

from delegation.core import attest, codec
from delegation.core.arguments import Arguments
from delegation.core.authorize import authorize
from delegation.core.chain import Frame, VerifiedChain
from delegation.core.constraints import Steps
from delegation.core.keys import Purpose, SigningKey, signing_input
from delegation.core.proof import check_holder_proof
from delegation.core.scope import Scope, tool
from delegation.core.statement import SignedStatement, StatementKind, open_statement
from delegation.core.verify import Verifier
from delegation.errors import Malformed, Reason, Refused
from delegation.v1 import chain_pb2, statement_pb2
from fuzz import seeds
from fuzz.target import ForgedError, Target, require_only_encoding
from support.chains import BUNDLE, NOTHING_REVOKED, NOW_MS, ROOT, STATEMENTS, MadeChain, agent, chain, some_bytes
from support.samples import VALUES
from support.strategies import untyped

# -- proofs and statements ---------------------------------------------------------------------------------------


def _proof(data: bytes) -> None:
    try:
        check_holder_proof(data, seeds.CALLER.public, **seeds.CALL, now_ms=NOW_MS)
    except Refused:
        _read_proof(data)  # which has its own reasons
        raise
    if data not in _proofs():
        raise ForgedError("a proof that nobody signed")
    _read_proof(data)


def _read_proof(data: bytes) -> None:
    payload, signature = codec.split_proof(data)
    require_only_encoding(codec.join_proof(payload, signature), data)
    require_only_encoding(codec.encode_proof(codec.decode_proof(payload)), payload)


@cache
def _proofs() -> frozenset[bytes]:
    return frozenset(seeds.proofs())


def _open_batch(statement: SignedStatement) -> None:
    attest.open_records(attest.open_batch(statement))


_OPEN: Final[dict[StatementKind, Callable[[SignedStatement], object]]] = {
    StatementKind.RECEIPT: lambda statement: attest.open_receipt(statement, STATEMENTS.public),
    StatementKind.BINDING: lambda statement: attest.open_binding(statement, STATEMENTS.public),
    StatementKind.APPROVAL: lambda statement: attest.open_approval(statement, BUNDLE, now_ms=NOW_MS),
    StatementKind.SIGNED_APPROVAL: lambda statement: attest.open_own_approval(statement, [seeds.ANN.public]),
    StatementKind.OFFER: lambda statement: attest.open_offer(statement, now_ms=NOW_MS, delegator=agent("planner")),
    StatementKind.OUTCOME: lambda statement: attest.open_outcome(statement, seeds.GUARD.public),
    StatementKind.DECISION_BATCH: _open_batch,
    StatementKind.REVOCATION_FEED: lambda statement: attest.open_feed_entry(statement, BUNDLE, now_ms=NOW_MS),
    StatementKind.BREAK_GLASS: lambda statement: attest.open_break_glass(statement, BUNDLE, ROOT.public, now_ms=NOW_MS),
    StatementKind.TRUST_BUNDLE: lambda statement: attest.open_bundle(statement, ROOT.public, now_ms=NOW_MS),
}


def _statement(data: bytes) -> None:
    statement = codec.decode_statement(data)
    require_only_encoding(codec.encode_statement(statement), data)
    opened = _OPEN.get(statement.kind)
    if opened is None:  # kinds that nothing reads yet: their signature is checked like any other
        open_statement(statement, statement.kind, STATEMENTS.public)
    else:
        opened(statement)
    if statement not in _statements():
        raise ForgedError(f"a {statement.kind} that nobody signed")


@cache
def _statements() -> frozenset[SignedStatement]:
    """Give what was signed: by us, and in the vectors, where offers and batches bring their own keys."""
    known = set(seeds.signed_statements())
    for piece in seeds.in_vectors():
        with suppress(Malformed):
            known.add(codec.decode_statement(piece))
    return frozenset(known)


# -- chains --------------------------------------------------------------------------------------------------------

_WARM: Final = Verifier(BUNDLE)


def _verify(token: bytes, verifier: Verifier) -> VerifiedChain:
    return verifier.verify(token, now_ms=NOW_MS, revocations=NOTHING_REVOKED)


def _cold(token: bytes) -> None:
    verified = _verify(token, Verifier(BUNDLE, cache_entries=0))
    require_signed(verified.token)


def _warm(token: bytes) -> None:
    """A verifier that remembers says what one without memory says."""
    remembered, afresh = _came_of(token, _WARM), _came_of(token, Verifier(BUNDLE, cache_entries=0))
    if (type(remembered), str(remembered)) != (type(afresh), str(afresh)):
        raise ForgedError(f"remembered: {remembered}, afresh: {afresh}")
    if isinstance(remembered, Refused):
        raise remembered
    require_signed(token)


def _came_of(token: bytes, verifier: Verifier) -> VerifiedChain | Refused:
    try:
        return _verify(token, verifier)
    except Refused as refused:
        return refused


def require_signed(token: bytes) -> None:
    """Require that a token says no more than a seed: its links are the first of one, its statements from any.

    What may differ: links cut off at the end, where the rest needs no receipt (the leaf's proof is what closes
    that), and statements left out, repeated, re-ordered or taken along from another token about the same link.

    Raises:
        ForgedError: it does.
    """
    read = codec.parse_token(token)
    if tuple(frame[:2] for frame in read.frames) not in _beginnings() or not set(read.statements) <= _spoken():
        raise ForgedError("a chain that nobody signed")


@cache
def _beginnings() -> frozenset[tuple[tuple[bytes, bytes], ...]]:
    links = [tuple(frame[:2] for frame in made.frames) for made in seeds.chains()]
    return frozenset(each[:count] for each in links for count in range(1, len(each) + 1))


@cache
def _spoken() -> frozenset[SignedStatement]:
    return frozenset(statement for made in seeds.chains() for statement in made.service_statements)


# -- a holder that signs whatever it likes -----------------------------------------------------------------------------


@cache
def _granted() -> MadeChain:
    return chain("root", scopes=(Scope(*seeds.of_each_kind()),), unrecorded=True, task="hostile").with_statements()


def _handoffs() -> tuple[bytes, ...]:
    """Give payloads of handoffs: everything, and one a kind of constraint."""
    granted = _granted()
    parts = [Scope(*seeds.of_each_kind()[::4]), *(Scope(capability) for capability in seeds.of_each_kind())]
    pairs = zip(seeds.of_each_kind(), reversed(seeds.of_each_kind()), strict=True)
    message = chain_pb2.Link.FromString(granted.payloads[0])
    message.ClearField("grant")
    message.remaining_depth -= 1
    message.nonce = some_bytes("handoff")
    made = []
    for scope in (*parts, *(Scope(tool(a.audience, a.tool, **(b.arguments or {}))) for a, b in pairs)):
        message.scope.CopyFrom(codec.scope_to_message(scope))
        made.append(message.SerializeToString(deterministic=True))
    return tuple(made)


@cache
def _grant() -> tuple[SigningKey, Frame, bytes]:
    granted = _granted()
    _verify(granted.token, _HOLDERS)
    return granted.leaf_key, granted.frames[0], granted.link_ids[0]


_HOLDERS: Final = Verifier(BUNDLE)
"""Remembers the grant, so that each input costs one signature made and one verified."""


def _holder(payload: bytes) -> None:
    """A link that a rightful holder signed, whatever it says, permits nothing that the grant does not permit."""
    key, frame, parent = _grant()
    signed = key.sign(signing_input(Purpose.HANDOFF, payload, parent))
    verified = _verify(codec.join_token([frame, Frame(payload, signed, 0)]), _HOLDERS)
    given, handed_on = verified.links[0].link, verified.leaf
    assert given.not_before_ms <= handed_on.not_before_ms < handed_on.expires_at_ms <= given.expires_at_ms
    assert handed_on.remaining_depth < given.remaining_depth
    for capability in handed_on.scope.capabilities:
        permitted = given.scope.find(capability.audience, capability.tool)
        if permitted is None:
            raise ForgedError("a tool that was not granted")
        for name, argument in (capability.arguments or {}).items():
            _require_within(argument.constraint, (permitted.arguments or {})[name].constraint)
    for capability in handed_on.scope.capabilities[:2]:
        _require_plan_agrees(verified, capability.audience, capability.tool)


def _require_plan_agrees(chain: VerifiedChain, audience: str, name: str) -> None:
    """What all links say together, merged, is what each says by itself; merging begins with the second call."""
    for value in (VALUES[0], *VALUES[:: len(VALUES) // 12]):
        arguments = Arguments.of({"a": untyped(value)})
        call = {"audience": audience, "tool": name, "arguments": arguments}
        each_permits = all(_permits(signed.link.scope, audience, name, value) for signed in chain.links)
        try:
            authorize(chain, **call)
        except Refused as refused:
            if each_permits and refused.reason is not Reason.EVALUATION_EXHAUSTED:
                raise AssertionError(f"refused together: {refused}") from refused
            continue
        if not each_permits:
            raise ForgedError("permitted together, refused by a link")


def _require_within(child: Any, parent: Any) -> None:
    for value in VALUES:
        if _allows(child, value) and not _allows(parent, value):
            raise ForgedError(f"a value that was not granted: {parent.describe()} -> {child.describe()}")


def _permits(scope: Scope, audience: str, name: str, value: Any) -> bool:
    """Tell whether one link by itself permits a call with the argument `a`."""
    capability = scope.find(audience, name)
    if capability is None or capability.conditions:
        return False
    listed = capability.arguments
    if listed is None:
        return True
    return (
        "a" in listed
        and _allows(listed["a"].constraint, value)
        and all(listed[n].optional for n in listed.keys() - {"a"})
    )


def _allows(constraint: Any, value: Any) -> bool:
    try:
        return bool(constraint.allows(value, Steps()))
    except Refused:
        return False


def _tokens() -> tuple[bytes, ...]:
    return tuple(made.token for made in seeds.chains())


TARGETS: Final = (
    Target("proof", _proof, seeds.proofs, statement_pb2.SignedProof, max_bytes=2100),
    Target(
        "statement",
        _statement,
        lambda: tuple(map(codec.encode_statement, seeds.signed_statements())),
        chain_pb2.SignedStatement,
    ),
    Target("verify-cold", _cold, _tokens, chain_pb2.Chain),
    Target("verify-warm", _warm, _tokens, chain_pb2.Chain),
    Target("holder", _holder, _handoffs, chain_pb2.Link),
)
