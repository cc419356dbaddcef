"""What is encoded reads back as itself, byte for byte; only one encoding of anything is accepted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegation.core import codec, limits
from delegation.core.approval import Approval
from delegation.core.break_glass import BreakGlass
from delegation.core.call import Proof
from delegation.core.chain import GrantClaims, Link, Principal, PrincipalBasis, TraceIds
from delegation.core.notation import scope_from_plain, scope_to_plain
from delegation.core.records import DecisionBatch, DecisionRecord, Outcome, OutcomeStatus
from delegation.core.revocation import FeedEntry, Revocation, RevocationKind
from delegation.core.statement import Binding, Offer, Receipt, SignedStatement, StatementKind
from delegation.core.trust import (
    Catalogue,
    CatalogueTool,
    Effect,
    FederatedDomain,
    KeyPurpose,
    KeyState,
    TrustBundle,
    TrustedKey,
)
from delegation.errors import Reason
from support.chains import key
from support.strategies import bounded, names, scopes

times = st.integers(1, limits.SAFE_INTEGER)
optional_times = st.just(0) | times
counts = st.integers(0, limits.SAFE_INTEGER)
agents = names.map(lambda name: f"urn:{name}")
public_keys = st.sampled_from([key(f"key {n}").public for n in range(20)])


def some(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


traces = st.none() | st.builds(TraceIds, some(16).filter(any), some(8).filter(any))


@st.composite
def principals(draw: st.DrawFn) -> Principal:
    basis = draw(st.sampled_from(PrincipalBasis))
    digest = b"" if basis is PrincipalBasis.ASSERTED else draw(some(32))
    return Principal(draw(names), draw(names), basis, digest, draw(optional_times), draw(st.just("") | names))


claims = st.builds(GrantClaims, some(16), some(16), principals(), st.booleans())
links = st.builds(
    Link,
    st.just(1),
    some(16),
    times,
    times,
    times,
    public_keys,
    agents,
    st.integers(0, 2**32 - 1),
    scopes,
    st.just("") | names,
    traces,
    st.none() | claims,
)
statements = st.builds(SignedStatement, st.sampled_from(StatementKind), some(16), st.binary(max_size=40), some(64))
SIZES = {RevocationKind.LINK: 32, RevocationKind.HOLDER_KEY: 32, RevocationKind.PRINCIPAL: 32}


@st.composite
def revocations(draw: st.DrawFn) -> Revocation:
    kind = draw(st.sampled_from(RevocationKind))
    identity = draw(agents).encode() if kind is RevocationKind.AGENT else draw(some(SIZES.get(kind, 16)))
    return Revocation(kind, identity, draw(times))


@st.composite
def feed_entries(draw: st.DrawFn) -> FeedEntry:
    snapshot = draw(st.booleans())
    some_revocations = tuple(draw(st.lists(revocations(), max_size=4)))
    return FeedEntry(
        draw(counts), draw(counts), draw(times), snapshot, snapshot and draw(st.booleans()), some_revocations
    )


@st.composite
def trusted_keys(draw: st.DrawFn) -> TrustedKey:
    state = draw(st.sampled_from(KeyState))
    compromised = draw(times) if state is KeyState.COMPROMISED else 0
    public = draw(public_keys)
    return TrustedKey(draw(st.sampled_from(KeyPurpose)), public, draw(times), draw(optional_times), state, compromised)


key_lists = st.lists(trusted_keys(), max_size=6, unique_by=lambda k: k.key_id)


def in_order(keys: list[TrustedKey]) -> tuple[TrustedKey, ...]:
    return tuple(sorted(keys, key=lambda k: k.key_id))


@st.composite
def bundles(draw: st.DrawFn) -> TrustBundle:
    """No key is of two trust domains, so those of the federated ones are taken from one list."""
    own, *domains = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    keys = draw(key_lists)
    federated = []
    for name in sorted(domains):
        theirs = [key for key in keys[:2] if key.purpose in {KeyPurpose.GRANT, KeyPurpose.STATEMENT}]
        keys = keys[2:]
        if theirs:
            listed = draw(st.frozensets(names, max_size=2)), draw(st.frozensets(names, max_size=2))
            federated.append(FederatedDomain(name, in_order(theirs), *listed, draw(scopes)))
    version, issued_ms, expires_ms = draw(st.integers(1, limits.SAFE_INTEGER)), draw(times), draw(times)
    digest = draw(st.just(b"") | some(32))
    return TrustBundle(own, version, issued_ms, expires_ms, in_order(keys), digest, tuple(federated))


@st.composite
def tools(draw: st.DrawFn) -> CatalogueTool:
    effects = draw(st.frozensets(st.sampled_from(Effect), min_size=1))
    local = effects == {Effect.READ} and draw(st.booleans())
    owner = draw(st.just("") | names)
    labels, age_ms = draw(st.frozensets(names, max_size=3)), draw(st.integers(0, limits.FEED_AGE_MS))
    return CatalogueTool(draw(names), draw(names), effects, local, labels, owner, age_ms)


catalogues = st.lists(tools(), max_size=4, unique_by=lambda t: (t.audience, t.tool)).map(
    lambda found: Catalogue(tuple(sorted(found, key=lambda t: (t.audience, t.tool))))
)


@st.composite
def records(draw: st.DrawFn) -> DecisionRecord:
    allowed = draw(st.booleans())
    reason = "" if allowed else str(draw(st.sampled_from(Reason)))
    index = draw(st.none() | st.integers(0, limits.LINKS - 1))
    chain_digest, proof = draw(st.just(b"") | some(32)), draw(st.binary(max_size=64))
    asked = (draw(names), draw(names), draw(some(32)), draw(times))
    break_glass = draw(st.just(b"") | some(16)) if allowed else b""
    return DecisionRecord(
        draw(some(16)), chain_digest, *asked, allowed, reason, index, draw(counts), proof, draw(traces), break_glass
    )


batches = st.builds(
    DecisionBatch,
    public_keys,
    st.integers(1, 2**40),
    some(32),
    st.lists(records().map(codec.encode_record), min_size=1, max_size=3).map(tuple),
)
outcomes = st.builds(
    Outcome,
    some(16),
    st.sampled_from(OutcomeStatus),
    times,
    st.dictionaries(names, names, max_size=3).map(lambda found: tuple(sorted(found.items()))),
)


@st.composite
def approvals(draw: st.DrawFn) -> Approval:
    given = draw(times.filter(lambda time: time < limits.SAFE_INTEGER))
    until = draw(st.integers(given + 1, min(given + limits.APPROVAL_LIFETIME_MS, limits.SAFE_INTEGER)))
    call = (draw(some(32)), draw(names), draw(names), draw(some(32)), draw(st.just(b"") | some(32)))
    return Approval(*call, draw(names), draw(names), draw(st.just("") | names), given, until, draw(some(16)))


@st.composite
def break_glass_orders(draw: st.DrawFn) -> BreakGlass:
    begin = draw(times.filter(lambda time: time < limits.SAFE_INTEGER))
    end = draw(st.integers(begin + 1, min(begin + limits.BREAK_GLASS_MS, limits.SAFE_INTEGER)))
    audiences = tuple(sorted(draw(st.sets(names, min_size=1, max_size=3))))
    effects = draw(st.frozensets(st.sampled_from(Effect), min_size=1))
    age_ms = draw(st.integers(1, limits.BREAK_GLASS_MS))
    return BreakGlass(
        audiences, draw(names), begin, end, draw(names), draw(some(16)), effects, age_ms, draw(st.booleans())
    )


FORMATS: dict[str, tuple[st.SearchStrategy[Any], Any, Any]] = {
    "scope": (scopes, codec.encode_scope, codec.decode_scope),
    "link": (links, codec.encode_link, lambda data: codec.decode_link(codec.parse_link(data), data)),
    "statement": (statements, codec.encode_statement, codec.decode_statement),
    "receipt": (st.builds(Receipt, some(32), times), codec.encode_receipt, codec.decode_receipt),
    "binding": (st.builds(Binding, public_keys, agents, times, times), codec.encode_binding, codec.decode_binding),
    "offer": (
        st.builds(Offer, agents, public_keys, st.just("") | agents, times, some(16)),
        codec.encode_offer,
        codec.decode_offer,
    ),
    "approval": (approvals(), codec.encode_approval, codec.decode_approval),
    "signed approval": (
        approvals().map(lambda each: each._replace(approver_issuer="", authentication_strength="")),
        codec.encode_approval,
        codec.decode_signed_approval,
    ),
    "break_glass": (break_glass_orders(), codec.encode_break_glass, codec.decode_break_glass),
    "proof": (
        st.builds(Proof, some(32), names, names, some(32), times, some(16), traces),
        codec.encode_proof,
        codec.decode_proof,
    ),
    "feed entry": (feed_entries(), codec.encode_feed_entry, codec.decode_feed_entry),
    "bundle": (bundles(), codec.encode_bundle, codec.decode_bundle),
    "catalogue": (catalogues, codec.encode_catalogue, codec.decode_catalogue),
    "record": (records(), codec.encode_record, codec.decode_record),
    "batch": (batches, codec.encode_batch, codec.decode_batch),
    "outcome": (outcomes, codec.encode_outcome, codec.decode_outcome),
}


@pytest.mark.parametrize("name", FORMATS)
@given(st.data())
@bounded(60)
def test_a_value_reads_back_as_itself(name: str, data: st.DataObject):
    strategy, encode, decode = FORMATS[name]
    value = data.draw(strategy)
    encoded = encode(value)
    assert decode(encoded) == value
    assert encode(decode(encoded)) == encoded


def test_every_decoder_of_the_codec_is_tried():
    tried = {f"decode_{name.replace(' ', '_')}" for name in FORMATS}
    assert {name for name in codec.__all__ if name.startswith("decode_")} == tried


@given(scopes)
@bounded(120)
def test_a_scope_written_plainly_reads_back_as_itself(scope: Any):
    assert scope_from_plain(scope_to_plain(scope)) == scope
