"""Targets: payloads and documents, read as whoever signed them would have written them."""

from __future__ import annotations

from typing import Any, Final

from delegation.core import codec
from delegation.core.chain import Link
from delegation.core.constraints import Steps
from delegation.core.narrowing import scope_within
from delegation.core.revocation import RevocationState, revocation_key
from delegation.core.scope import Scope
from delegation.core.statement import StatementKind
from delegation.errors import Reason, Refused, Revoked
from delegation.v1 import chain_pb2, statement_pb2
from fuzz import seeds
from fuzz.target import AmbiguousError, Target, codec_target, require_only_encoding
from support.samples import VALUES


def _envelope(token: bytes) -> None:
    chain = codec.parse_token(token)
    require_only_encoding(codec.join_token(chain.frames, chain.statements), token)


# -- links: read by themselves, and in one pass with their neighbours -------------------------------------------


def _link(payload: bytes) -> None:
    alone = _came_of(lambda: codec.decode_link(codec.parse_link(payload), payload))
    frame = chain_pb2.Chain(links=[chain_pb2.SignedLink(payload=payload, signature=bytes(64))])
    messages = codec.parse_canonical_links(frame.SerializeToString(deterministic=True))
    if messages is not None:
        together = _came_of(lambda: codec.decode_link(messages[0], payload, canonical=True))
        if alone != together:
            raise AmbiguousError(f"alone: {alone}, in one pass: {together}")
    elif isinstance(alone, Link):
        raise AmbiguousError("accepted alone, but not canonical in one pass")
    if isinstance(alone, Reason):
        raise _refused(alone)
    require_only_encoding(codec.encode_link(alone), payload)


def _came_of(read: Any) -> Link | Reason:
    try:
        return read()  # type: ignore[no-any-return]
    except Refused as refused:
        return refused.reason


def _refused(reason: Reason) -> Refused:
    return Refused(reason)


def _scope(data: bytes) -> None:
    scope = codec.decode_scope(data)
    require_only_encoding(codec.encode_scope(scope), data)
    scope.describe()
    _ask(scope)
    _require_reflexive(scope)


def _ask(scope: Scope) -> None:
    """Ask every constraint about every sample value: it answers, or says that the budget is spent."""
    for capability in scope.capabilities[:4]:
        for argument in list((capability.arguments or {}).values())[:4]:
            for value in VALUES:
                try:
                    argument.constraint.allows(value, Steps())
                except Refused as refused:
                    if refused.reason is not Reason.EVALUATION_EXHAUSTED:
                        raise AssertionError(f"allows: {refused.reason}") from refused


def _require_reflexive(scope: Scope) -> None:
    try:
        scope_within(scope, scope)
    except Refused as refused:
        if refused.reason is not Reason.EVALUATION_EXHAUSTED:
            raise AssertionError(f"a scope is not within itself: {refused}") from refused


# -- the revocation feed, entry after entry ---------------------------------------------------------------------


def _feed(data: bytes) -> None:
    state = RevocationState()
    refused: Refused | None = None
    for monotonic_ms, piece in enumerate(seeds.pieces(data)):
        entry = codec.decode_feed_entry(piece)
        known = {(each.kind, each.id) for each in state.revocations()}
        position, issued_at_ms = state.position, state.issued_at_ms
        try:
            state.apply(entry, monotonic_ms=monotonic_ms)
        except Revoked as error:
            refused = error
            assert (state.position, state.issued_at_ms) == (position, issued_at_ms)
            assert {(each.kind, each.id) for each in state.revocations()} == known
            continue
        now_known = {(each.kind, each.id) for each in state.revocations()}
        assert state.issued_at_ms >= issued_at_ms
        assert position is None or (state.position is not None and state.position >= position)
        if not entry.snapshot:
            assert known <= now_known
        if not entry.more:
            assert {(each.kind, each.id) for each in entry.revocations} <= now_known
        _require_refused(state, now_known)
    if refused is not None:
        raise refused


def _require_refused(state: RevocationState, known: set[Any]) -> None:
    """What is revoked is refused; before a whole snapshot, everything is."""
    asked = [frozenset({revocation_key(*each)}) for each in known] if state.position is not None else [frozenset()]
    for keys in asked:
        try:
            state.check(keys)
        except Revoked:
            continue
        raise AssertionError("what is revoked was passed")


def _payloads(kind: StatementKind) -> tuple[bytes, ...]:
    return tuple(statement.payload for statement in seeds.signed_statements() if statement.kind is kind)


TARGETS: Final = (
    Target("envelope", _envelope, lambda: tuple(made.token for made in seeds.chains()), chain_pb2.Chain),
    Target("link", _link, lambda: tuple(p for made in seeds.chains() for p in made.payloads), chain_pb2.Link),
    Target("scope", _scope, lambda: tuple(map(codec.encode_scope, seeds.scopes())), chain_pb2.Scope),
    codec_target(
        "receipt",
        codec.decode_receipt,
        codec.encode_receipt,
        lambda: _payloads(StatementKind.RECEIPT),
        statement_pb2.Receipt,
    ),
    codec_target(
        "binding",
        codec.decode_binding,
        codec.encode_binding,
        lambda: _payloads(StatementKind.BINDING),
        statement_pb2.Binding,
    ),
    codec_target(
        "offer", codec.decode_offer, codec.encode_offer, lambda: _payloads(StatementKind.OFFER), statement_pb2.Offer
    ),
    codec_target(
        "approval",
        codec.decode_approval,
        codec.encode_approval,
        lambda: _payloads(StatementKind.APPROVAL),
        statement_pb2.Approval,
    ),
    codec_target(
        "signed-approval",
        codec.decode_signed_approval,
        codec.encode_approval,
        lambda: _payloads(StatementKind.SIGNED_APPROVAL),
        statement_pb2.Approval,
    ),
    codec_target(
        "break-glass",
        codec.decode_break_glass,
        codec.encode_break_glass,
        lambda: _payloads(StatementKind.BREAK_GLASS),
        statement_pb2.BreakGlass,
    ),
    codec_target(
        "outcome",
        codec.decode_outcome,
        codec.encode_outcome,
        lambda: _payloads(StatementKind.OUTCOME),
        statement_pb2.Outcome,
    ),
    codec_target(
        "batch",
        codec.decode_batch,
        codec.encode_batch,
        lambda: _payloads(StatementKind.DECISION_BATCH),
        statement_pb2.DecisionBatch,
    ),
    codec_target(
        "record",
        codec.decode_record,
        codec.encode_record,
        lambda: tuple(map(codec.encode_record, seeds.records())),
        statement_pb2.DecisionRecord,
    ),
    codec_target(
        "feed-entry",
        codec.decode_feed_entry,
        codec.encode_feed_entry,
        lambda: _payloads(StatementKind.REVOCATION_FEED),
        statement_pb2.RevocationFeedEntry,
    ),
    Target("feed", _feed, seeds.feed_sequences, statement_pb2.RevocationFeedEntry, framed=True),
    codec_target(
        "bundle",
        codec.decode_bundle,
        codec.encode_bundle,
        lambda: _payloads(StatementKind.TRUST_BUNDLE),
        statement_pb2.TrustBundle,
    ),
    codec_target(
        "catalogue",
        codec.decode_catalogue,
        codec.encode_catalogue,
        lambda: tuple(map(codec.encode_catalogue, seeds.catalogues())),
        statement_pb2.Catalogue,
    ),
)
