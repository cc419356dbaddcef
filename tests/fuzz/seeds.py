"""What fuzzing starts from: everything that the project itself makes, and the conformance vectors.

All is made of fixed keys and times, hence the same in every run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import zip_longest
from typing import Any, Final

from conformance.vectors import data, vectors
from delegation.core import codec, limits
from delegation.core.approval import Approval
from delegation.core.arguments import Arguments
from delegation.core.attest import (
    sign_approval,
    sign_batch,
    sign_binding,
    sign_break_glass,
    sign_bundle,
    sign_feed_entry,
    sign_offer,
    sign_outcome,
    sign_own_approval,
    sign_receipt,
)
from delegation.core.break_glass import BreakGlass
from delegation.core.chain import TraceIds
from delegation.core.constraints import Constraint
from delegation.core.notation import scope_to_plain
from delegation.core.proof import sign_proof
from delegation.core.records import GENESIS, DecisionRecord, Outcome, OutcomeStatus
from delegation.core.revocation import FeedEntry, Revocation, RevocationKind
from delegation.core.scope import Capability, Scope, any_call, tool
from delegation.core.statement import Binding, Offer, Receipt, SignedStatement
from delegation.core.trust import Catalogue, CatalogueTool, Effect, FederatedDomain, KeyPurpose, KeyState, TrustBundle
from delegation.errors import Refused
from delegation.v1 import chain_pb2
from delegation_sdk import carriage
from support.chains import (
    BUNDLE,
    MALLORY,
    MINUTE_MS,
    NOW_MS,
    READ_CALL,
    ROOT,
    SCOPE,
    SERVICE_KEYS,
    STATEMENTS,
    MadeChain,
    agent,
    chain,
    key,
    some_bytes,
    trusted,
)
from support.samples import CONSTRAINTS, VALUES
from support.strategies import untyped

TRACE: Final = TraceIds(some_bytes("trace"), some_bytes("span", 8))
GUARD: Final = key("guard")
ANN: Final = key("ann")


@cache
def in_vectors() -> tuple[bytes, ...]:
    """Give every piece of bytes that is the input of a vector, or part of one."""
    found: dict[bytes, None] = {}
    for vector in vectors():
        for piece in _pieces_of(vector["input"]):
            if len(piece) > 3:  # not a word that happens to be hexadecimal
                found[piece] = None
    return tuple(found)


def _pieces_of(value: Any) -> Iterator[bytes]:
    try:
        yield data(value)
    except (AssertionError, ValueError):
        for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from _pieces_of(member)


# -- chains ----------------------------------------------------------------------------------------------------


@cache
def chains() -> tuple[MadeChain, ...]:
    """Give chains of every shape: one link to eight, recorded or not, with and without statements."""
    grant, pair = chain("root"), chain("root -> planner")
    return (
        grant,
        pair,
        chain("root -> planner -> tool", scopes=(SCOPE, Scope(SCOPE.capabilities[1]))),
        chain("a -> b", unrecorded=True, task="unrecorded").with_statements(),
        chain("a -> b -> c -> d -> e -> f -> g -> h", task="deep"),
        chain("root -> planner", scopes=(Scope(*of_each_kind()[::9]),), task="each kind"),
        pair.with_statements(pair.service_statements[0]),
        grant.with_statements(),
    )


@cache
def of_each_kind() -> tuple[Capability, ...]:
    """Give capabilities with constraints of every kind, of the samples and the vectors, as many as fit a scope."""
    by_kind: dict[str, list[Any]] = {}
    for constraint in (*map(_message_of, CONSTRAINTS), *_constraints_of_vectors()):
        if constraint is not None and constraint.ByteSize() < _SMALL_BYTES:
            by_kind.setdefault(constraint.WhichOneof("kind"), []).append(constraint)
    found: list[Capability] = []
    for round_of_kinds in zip_longest(*by_kind.values()):
        for constraint in filter(None, round_of_kinds):
            argument = chain_pb2.Argument(name="a", constraint=constraint)
            named = chain_pb2.Capability(audience="each", tool=f"kind-{len(found):03}", arguments=[argument])
            found += codec.scope_from_message(chain_pb2.Scope(capabilities=[named])).capabilities
    return tuple(found[: limits.CAPABILITIES])


_SMALL_BYTES: Final = 60


def _message_of(constraint: Constraint) -> Any:
    try:
        (written,) = codec.scope_to_message(Scope(tool("each", "kind", a=constraint))).capabilities
    except Refused:  # for tests of what cannot be written
        return None
    return written.arguments[0].constraint


def _constraints_of_vectors() -> Iterator[Any]:
    for vector in vectors():
        given = vector["input"]
        if vector["kind"] == "decode" and given["message"] == "Constraint" and "accepted" in vector["expect"]:
            yield chain_pb2.Constraint.FromString(data(given["bytes"]))


def scopes() -> tuple[Scope, ...]:
    """Give scopes: one a kind of constraint, a full one, an empty one."""
    single = [Scope(capability) for capability in of_each_kind()]
    return (*single, SCOPE, Scope(any_call("web", "search")), Scope.EMPTY, Scope(*of_each_kind()[::4]))


# -- proofs and statements -------------------------------------------------------------------------------------

CALLER: Final = key("caller")
CALL: Final[dict[str, Any]] = {
    "chain_digest": some_bytes("leaf", 32),
    "audience": "files",
    "tool": "read",
    "arguments_digest": Arguments.of(READ_CALL).digest,
}
"""The call that proofs are about."""


def proofs() -> tuple[bytes, ...]:
    """Give signed proofs of `CALL` by `CALLER`."""
    some = ((NOW_MS, None), (NOW_MS - 1000, TRACE), (NOW_MS + limits.PROOF_FUTURE_MS, None))
    return tuple(
        sign_proof(CALLER, **CALL, now_ms=now_ms, nonce=some_bytes(f"nonce {now_ms}"), trace=trace)
        for now_ms, trace in some
    )


@cache
def records() -> tuple[DecisionRecord, ...]:
    """Give decision records: permitted and refused, with and without chain, proof and trace."""
    asked = ("files", "read", some_bytes("arguments", 32), NOW_MS)
    return (
        DecisionRecord(bytes(16), some_bytes("leaf", 32), *asked, True, "", None, 9, proofs()[0], TRACE),
        DecisionRecord(bytes(16), some_bytes("leaf", 32), *asked, False, "expired", 1, 9, proofs()[1], TRACE),
        DecisionRecord(bytes(16), b"", *asked, False, "chain_missing", None, 0, b"", None),
    )


def outcomes() -> tuple[Outcome, ...]:
    """Give outcomes of every status."""
    impacts = (("bytes", "0.5"), ("rows", "5"))
    return tuple(
        Outcome(some_bytes("call"), status, NOW_MS, impacts[:count]) for count, status in enumerate(OutcomeStatus)
    )


def offers() -> tuple[Offer, ...]:
    """Give offers by `MALLORY`: for anybody, and for one delegator."""
    soon = NOW_MS + MINUTE_MS
    return (
        Offer(agent("worker"), MALLORY.public, "", soon, some_bytes("offer")),
        Offer(agent("worker"), MALLORY.public, agent("planner"), soon, some_bytes("offer 2")),
    )


def approvals() -> tuple[Approval, ...]:
    """Give approvals of `CALL`: with all that one can say, and with no more than it must."""
    call = (CALL["chain_digest"], CALL["audience"], CALL["tool"], CALL["arguments_digest"])
    by = ("ann", "https://login.example.test")
    ends = NOW_MS + MINUTE_MS
    return (
        Approval(*call, some_bytes("policy", 32), *by, "urn:example:mfa", NOW_MS, ends, some_bytes("approval")),
        Approval(*call, b"", *by, "", NOW_MS, NOW_MS + limits.APPROVAL_LIFETIME_MS, some_bytes("approval 2")),
    )


def own_approvals() -> tuple[Approval, ...]:
    """Give approvals of `CALL` as their approver signs them."""
    return tuple(each._replace(approver_issuer="", authentication_strength="") for each in approvals())


def break_glass_orders() -> tuple[BreakGlass, ...]:
    """Give break-glass statements: one of single use for one tool that reads, one with all that one can say."""
    ends, day_ms = NOW_MS + MINUTE_MS, limits.BREAK_GLASS_MS
    read = frozenset({Effect.READ})
    return (
        BreakGlass(("files",), "INC-7", NOW_MS, ends, "ann", some_bytes("order"), read, MINUTE_MS, single_use=True),
        BreakGlass(("a", "files"), "why", 1, 1 + day_ms, "bob", some_bytes("order 2"), frozenset(Effect), day_ms),
    )


# -- feed, bundle, catalogue -----------------------------------------------------------------------------------

_IDS: Final = {
    RevocationKind.LINK: some_bytes("link", 32),
    RevocationKind.HOLDER_KEY: MALLORY.public,
    RevocationKind.AGENT: agent("worker").encode(),
    RevocationKind.TASK: some_bytes("task"),
    RevocationKind.PRINCIPAL: some_bytes("principal", 32),
    RevocationKind.ISSUER_KEY: some_bytes("issuer"),
}
REVOCATIONS: Final = tuple(Revocation(kind, identity, NOW_MS + MINUTE_MS) for kind, identity in _IDS.items())


@cache
def feeds() -> tuple[tuple[FeedEntry, ...], ...]:
    """Give feeds: a snapshot in one piece or two, deltas, a heartbeat, a snapshot anew."""
    whole = FeedEntry(0, 6, NOW_MS, snapshot=True, more=False, revocations=REVOCATIONS)
    first = FeedEntry(0, 3, NOW_MS, snapshot=True, more=True, revocations=REVOCATIONS[:3])
    second = FeedEntry(3, 6, NOW_MS, snapshot=True, more=False, revocations=REVOCATIONS[3:])
    delta = FeedEntry(6, 7, NOW_MS + 1, snapshot=False, more=False, revocations=REVOCATIONS[:1])
    heartbeat = FeedEntry(7, 7, NOW_MS + 3, snapshot=False, more=False, revocations=())
    again = FeedEntry(0, 7, NOW_MS + 2, snapshot=True, more=False, revocations=REVOCATIONS)
    empty = FeedEntry(0, 7, NOW_MS, snapshot=True, more=False, revocations=())
    return ((whole, delta, heartbeat), (first, second, delta), (empty, heartbeat), (whole, delta, again, heartbeat))


def catalogues() -> tuple[Catalogue, ...]:
    """Give catalogues: none, one tool, tools of every effect."""
    read = CatalogueTool("files", "read", frozenset({Effect.READ}), local=True, labels=frozenset({"a", "b"}), owner="x")
    others = (CatalogueTool("shell", f"run-{effect}", frozenset({Effect.READ, effect})) for effect in Effect)
    return Catalogue(()), Catalogue((read,)), Catalogue((read, *others, CatalogueTool("z", "z", frozenset(Effect))))


@cache
def bundles() -> tuple[TrustBundle, ...]:
    """Give trust bundles: as the service's, with retired and compromised keys, a catalogue, a federated domain."""
    former = trusted(KeyPurpose.GRANT, key("former"), state=KeyState.RETIRED, not_after_ms=NOW_MS)
    lost = trusted(KeyPurpose.STATEMENT, key("lost"), state=KeyState.COMPROMISED, compromised_at_ms=NOW_MS)
    keys = tuple(sorted((*SERVICE_KEYS, former, lost), key=lambda each: each.key_id))
    ends = NOW_MS + MINUTE_MS
    theirs = (trusted(KeyPurpose.GRANT, key("partner")),)
    partner = FederatedDomain("partner.test", theirs, ["example.test", "partner.test"], ["idp"], SCOPE)
    return (
        BUNDLE,
        TrustBundle("example.test", 8, NOW_MS, ends, keys),
        TrustBundle("a", 9, 1, ends, (), bytes(32)),
        TrustBundle("example.test", 10, NOW_MS, ends, keys, b"", (partner,)),
    )


@cache
def signed_statements() -> tuple[SignedStatement, ...]:
    """Give statements of every kind that is opened, each signed by whom it should be."""
    batches = (
        sign_batch(some, first_sequence=1, previous_hash=GENESIS, guard_key=GUARD)[1]
        for some in (records(), records()[:1])
    )
    binding = Binding(MALLORY.public, agent("worker"), NOW_MS, NOW_MS + MINUTE_MS)
    return (
        sign_receipt(Receipt(some_bytes("link", 32), NOW_MS), STATEMENTS),
        sign_binding(binding, STATEMENTS),
        *(sign_approval(approval, STATEMENTS) for approval in approvals()),
        *(sign_own_approval(approval, ANN) for approval in own_approvals()),
        *(sign_offer(offer, MALLORY) for offer in offers()),
        *(sign_outcome(outcome, GUARD) for outcome in outcomes()),
        *batches,
        *(sign_break_glass(order, ROOT) for order in break_glass_orders()),
        *(sign_feed_entry(entry, STATEMENTS) for feed in feeds() for entry in feed),
        *(sign_bundle(bundle, ROOT) for bundle in bundles()),
    )


def feed_sequences() -> tuple[bytes, ...]:
    """Give each feed as one input: every entry with its length before it."""
    return tuple(b"".join(framed(codec.encode_feed_entry(entry)) for entry in feed) for feed in feeds())


def framed(piece: bytes) -> bytes:
    """Give a piece with its length, two bytes, before it."""
    return len(piece).to_bytes(2, "big") + piece


def pieces(data: bytes) -> list[bytes]:
    """Split what `framed` wrote, as far as it goes."""
    found, position = [], 0
    while position + 2 <= len(data):
        end = position + 2 + int.from_bytes(data[position : position + 2], "big")
        found.append(data[position + 2 : end])
        position = end
    return found


# -- text ------------------------------------------------------------------------------------------------------


def json_arguments() -> tuple[bytes, ...]:
    """Give arguments of every type as canonical JSON."""
    values = [untyped(value) for value in VALUES]
    together = {f"v{index}": value for index, value in enumerate(values)}
    return (*(Arguments.of({"a": value}).canonical for value in values), Arguments.of(together).canonical, b"{}")


def plain_scopes() -> tuple[bytes, ...]:
    """Give scopes as JSON, as far as they have a plain form."""
    found = []
    for scope in scopes():
        try:
            found.append(json.dumps(scope_to_plain(scope)).encode())
        except Refused:
            continue
    return tuple(found)


_CARRIED: Final = carriage.Carriage(b"chain \xff\xfe", b"proof \x00\x01")
_REFERRED: Final = carriage.Carriage(b"", b"proof \x00\x01", some_bytes("leaf", 32))


def headers() -> tuple[bytes, ...]:
    """Give headers as lines of `name: value`."""
    named, referred = carriage.to_headers(_CARRIED), carriage.to_headers(_REFERRED)
    upper = {name.upper(): value for name, value in named.items()}
    every = (named, upper, referred, {**named, **referred}, {"Host": "x"})
    return tuple("\n".join(f"{name}: {value}" for name, value in some.items()).encode() for some in every)


def metadata() -> tuple[bytes, ...]:
    """Give gRPC metadata: name and value in turn, each with its length; capitals in the name: the value is text."""
    pairs, referred = (
        [(name.encode(), value) for name, value in carriage.to_metadata(each)] for each in (_CARRIED, _REFERRED)
    )
    text = [(name.upper(), value) for name, value in pairs]
    every = (pairs, text, pairs[:1], referred, pairs + referred)
    return tuple(b"".join(framed(part) for pair in some for part in pair) for some in every)


def mcp_metas() -> tuple[bytes, ...]:
    """Give `_meta` objects as JSON."""
    meta, referred = carriage.to_mcp_meta(_CARRIED), carriage.to_mcp_meta(_REFERRED)
    ours = meta[carriage.META_KEY]
    wrong = {carriage.META_KEY: {**ours, "more": 1}}
    every = (meta, referred, {"other": 1, **meta}, wrong, {carriage.META_KEY: 5}, {})
    return tuple(json.dumps(each).encode() for each in every)
