"""Verification of a chain: the numbered steps of SPEC section 6, with the same numbers.

    1  the token is not too large                        decode
    2  the envelope is canonical                         decode
    3  the grant's issuer key is trusted for grants      signature
       for each link, grant first:
    4  the signature is the issuer's or previous holder's  signature
    5  the payload is canonical and every field is valid decode
    6  the format version is known                       decode
    7  the first link is a grant, and no other           linkage
    8  the link before permits a handoff                 linkage
    9  it begins before it ends; a grant lives <= 24 h   time
    10 it permits no more than the link before it        narrowing
       for the chain:
    11 statements are the service's and fit the chain    statement
    12 the receipt is there, where the grant demands it  statement
    13 every link is valid now                           time
    14 nothing it rests on is revoked                    revocation
    15 a federated domain's keeps within its limits      policy

Steps 3 and 12 to 15 are done on every call; what passed the others is remembered by its exact bytes.
Absent on purpose: the leaf's holder is not checked here (the proof does that, SPEC section 7), and
agent ids of holders without a binding stay the delegator's assertion (`VerifiedChain.bound`).
"""

from __future__ import annotations

from collections.abc import Sequence

from delegation.core import limits
from delegation.core.attest import open_binding, open_receipt
from delegation.core.call_plan import CallPlans
from delegation.core.chain import Frame, Link, SignedLink, VerifiedChain, VerifiedLinks
from delegation.core.codec import (
    Envelope,
    LinkMessage,
    decode_link,
    issuer_of,
    parse_canonical_links,
    parse_envelope,
    parse_link,
)
from delegation.core.constraints import Steps
from delegation.core.federation import FederatedDomain, FollowedFeeds, not_followed
from delegation.core.keys import Purpose, link_id, signing_input, verify
from delegation.core.named_tuple import NamedTuple, made
from delegation.core.narrowing import narrower
from delegation.core.prefix_cache import PrefixCache
from delegation.core.rests_on import link_keys, revocation_keys
from delegation.core.revocation import RevocationState
from delegation.core.statement import SignedStatement, StatementKind
from delegation.core.trust import TrustBundle
from delegation.errors import Reason, Refused, refusal


class _Known(NamedTuple):
    """A trust bundle and what was verified by it: one value, so that no thread mixes two bundles."""

    trust: TrustBundle
    chains: PrefixCache[VerifiedChain]
    prefixes: PrefixCache[VerifiedLinks]


class Verifier:
    """Verifies chains against one trust bundle; remembers what it has verified.

    Args:
        trust: the trust bundle.
        cache_entries: how many verified prefixes to remember; 0 for none.
    """

    def __init__(self, trust: TrustBundle, *, cache_entries: int = limits.CACHE_ENTRIES) -> None:
        self._cache_entries = cache_entries
        self.update_trust(trust)

    def update_trust(self, trust: TrustBundle) -> None:
        """Trust another bundle from now on; what was verified under the old one is forgotten."""
        self._known = _Known(trust, PrefixCache(self._cache_entries), PrefixCache(self._cache_entries))

    @property
    def trust(self) -> TrustBundle:
        """The trust bundle."""
        return self._known.trust

    def verify(
        self,
        token: bytes,
        *,
        now_ms: int,
        revocations: RevocationState,
        federated: FollowedFeeds = not_followed,
        require_receipt: bool = True,
    ) -> VerifiedChain:
        """Verify a token.

        Args:
            token: as it was received.
            now_ms: the time.
            revocations: what is known to be revoked; its freshness is the caller's to require.
            federated: what is known to be revoked by other trust domains; a chain of one whose feed is not followed
                is refused.
            require_receipt: False only for the service, which knows itself what it has recorded.

        Raises:
            Refused: the subclass of the layer that refused, with the index of the link at fault.
        """
        step_1_size(token)
        known = self._known
        chain = known.chains.get(token, now_ms)
        if chain is None:
            chain = _verify_bytes(token, known, now_ms)
            until_ms = min(chain.expires_at_ms, known.trust.settled_until_ms(now_ms))
            known.chains.put(token, chain, until_ms, from_ms=known.trust.settled_from_ms(now_ms))
        else:
            step_3_issuer_is_trusted(chain.grant.issuer_key_id, known.trust, now_ms)
        if require_receipt:
            step_12_receipt_is_there(chain)
        step_13_valid_now(chain, now_ms)
        step_14_not_revoked(chain, revocations)
        if known.trust.federated and (domain := known.trust.domain_of(chain.grant.issuer_key_id)) is not None:
            step_14_not_revoked(chain, _revoked_by(domain, federated))
            step_15_within_federation(chain, domain)
        return chain


def _verify_bytes(token: bytes, known: _Known, now_ms: int) -> VerifiedChain:
    envelope = step_2_envelope(token)
    before = _longest_known_prefix(envelope, known, now_ms)
    frames = envelope.frames(0 if before is None else len(before.links))  # what is known was looked into before
    if before is not None:
        grant = before.links[0].link.grant
        step_3_issuer_is_trusted(None if grant is None else grant.issuer_key_id, known.trust, now_ms)
    verified = before
    for links in _verify_frames(envelope, frames, before, known, now_ms):
        verified = links
        known.prefixes.put(token[: envelope.ends[len(links.links) - 1]], links, links.links[-1].link.expires_at_ms)
    assert verified is not None  # noqa: S101 - an envelope has a link
    receipt, bindings = step_11_statements_fit(envelope.statements, verified.links, known.trust, now_ms)
    return VerifiedChain(token, verified, receipt, bindings)


def _longest_known_prefix(envelope: Envelope, known: _Known, now_ms: int) -> VerifiedLinks | None:
    if len(known.prefixes):
        for end in reversed(envelope.ends):
            links = known.prefixes.get(envelope.token[:end], now_ms)
            if links is not None:
                return links
    return None


def _verify_frames(
    envelope: Envelope, frames: tuple[Frame, ...], before: VerifiedLinks | None, known: _Known, now_ms: int
) -> list[VerifiedLinks]:
    """Verify the links that were not known; give what is worth remembering, the whole chain last.

    That is the chain and, for its siblings, the links before its last.
    """
    links = [] if before is None else list(before.links)
    parent = links[-1] if links else None
    steps = Steps(limits.EVALUATION_STEPS - (0 if before is None else before.steps))
    verified: list[VerifiedLinks] = []
    for_siblings = envelope.ends[-2] if known.prefixes.remembers and len(envelope.ends) > 1 else None
    try:
        for (payload, signature, end), message in zip(frames, _parsed(envelope, frames), strict=True):
            # Parsed once, and before the signature only because a grant says itself which key signed it; what
            # the parse says counts from step 5 on.
            read = parse_link(payload) if message is None else message
            if parent is None:
                public = step_3_issuer_is_trusted(issuer_of(read), known.trust, now_ms)
                signed = signing_input(Purpose.GRANT, payload)
            else:
                public = parent.link.holder_key
                signed = signing_input(Purpose.HANDOFF, payload, parent.link_id)
            step_4_signature(public, signed, signature)
            link = decode_link(read, payload, canonical=message is not None)  # steps 5 and 6
            step_7_only_the_first_is_a_grant(link, parent)
            if parent is not None:
                step_8_handoff_permitted(parent.link)
            step_9_lifetime(link)
            if parent is not None:
                step_10_no_wider(link, parent.link, steps)
            parent = made(SignedLink, (payload, signature, link_id(signed), link))
            links.append(parent)
            if end == for_siblings:
                verified.append(_together(before, tuple(links), limits.EVALUATION_STEPS - steps.left))
    except Refused as error:
        raise error.at(len(links)) from None
    if frames:
        verified.append(_together(before, tuple(links), limits.EVALUATION_STEPS - steps.left))
    return verified


def _parsed(envelope: Envelope, frames: tuple[Frame, ...]) -> Sequence[LinkMessage | None]:
    """Give the parse of each of the last links of a token if all of them are canonical, else None for each."""
    messages = None
    if len(frames) > 1:  # for one it does not pay
        start = len(envelope.ends) - len(frames)
        begin = envelope.ends[start - 1] if start else 0
        messages = parse_canonical_links(envelope.token[begin : envelope.ends[-1]])
    return [None] * len(frames) if messages is None else messages


def _together(before: VerifiedLinks | None, links: tuple[SignedLink, ...], steps: int) -> VerifiedLinks:
    further = links if before is None else links[len(before.links) :]
    begin = [signed.link.not_before_ms for signed in further]
    scopes = tuple([signed.link.scope for signed in further])
    if before is None:
        return VerifiedLinks(links, revocation_keys(links), max(begin), steps, CallPlans(scopes))
    keys = before.revocation_keys.union(*map(link_keys, further))
    return VerifiedLinks(links, keys, max(before.not_before_ms, *begin), steps, CallPlans(scopes, before.plans))


def step_1_size(token: bytes) -> None:
    """Step 1: the token is not too large. First, since all that follows costs by the byte."""
    if len(token) > limits.TOKEN_BYTES:
        raise refusal(Reason.TOKEN_TOO_LARGE)


def step_2_envelope(token: bytes) -> Envelope:
    """Step 2: the envelope is canonical, with 1 to 32 links. Inside known links nothing is looked at again."""
    return parse_envelope(token)


def step_3_issuer_is_trusted(issuer_key_id: bytes | None, trust: TrustBundle, now_ms: int) -> bytes:
    """Step 3: the bundle is current and lists the issuer key for grants, active, inside its window."""
    try:
        trust.require_current(now_ms)
        if issuer_key_id is None:
            raise refusal(Reason.GRANT_MISSING)
        return trust.grant_key(issuer_key_id, now_ms).public_key
    except Refused as error:
        raise error.at(0) from None


def step_4_signature(public: bytes, signed: bytes, signature: bytes) -> None:
    """Step 4: the signature verifies; it binds the payload and, through the parent's id, all before it."""
    verify(public, signed, signature)


def step_7_only_the_first_is_a_grant(link: Link, parent: SignedLink | None) -> None:
    """Step 7: the first link is a grant, and no other is."""
    if (link.grant is None) == (parent is None):
        raise refusal(Reason.GRANT_MISSING if parent is None else Reason.GRANT_REPEATED)


def step_8_handoff_permitted(parent: Link) -> None:
    """Step 8: the link before permits at least one more handoff."""
    if parent.remaining_depth == 0:
        raise refusal(Reason.DEPTH_EXCEEDED)


def step_9_lifetime(link: Link) -> None:
    """Step 9: a link begins before it ends, and a grant lives at most 24 hours."""
    lifetime_ms = link.expires_at_ms - link.not_before_ms
    if lifetime_ms <= 0 or (link.grant is not None and lifetime_ms > limits.GRANT_LIFETIME_MS):
        raise refusal(Reason.LIFETIME_TOO_LONG)


def step_10_no_wider(link: Link, parent: Link, steps: Steps) -> None:
    """Step 10: the link permits no more than the one before it, in any field."""
    narrower(link, parent, steps)


def step_11_statements_fit(
    statements: tuple[SignedStatement, ...], links: tuple[SignedLink, ...], trust: TrustBundle, now_ms: int
) -> tuple[int | None, dict[tuple[bytes, str], int]]:
    """Step 11: each statement is signed by a statement key and is about this chain.

    Returns:
        When the leaf was recorded, or None; and until when which holder key is bound to which agent.
    """
    recorded_at_ms: int | None = None
    bindings: dict[tuple[bytes, str], int] = {}
    if not statements:
        return None, bindings
    ids = {signed.link_id for signed in links}
    holders = {(signed.link.holder_key, signed.link.holder_agent) for signed in links}
    grant = links[0].link.grant
    domain = None if grant is None else trust.domain_of(grant.issuer_key_id)
    service = trust if domain is None else domain  # each speaks of the chains that it has begun, and of no others
    for statement in statements:
        public = service.statement_key(statement.key_id, now_ms)
        if statement.kind is StatementKind.RECEIPT:
            receipt = open_receipt(statement, public)
            if receipt.link_id not in ids:
                raise refusal(Reason.STATEMENT_INVALID, detail="a receipt for a link of another chain")
            if receipt.link_id == links[-1].link_id:  # of several the earliest: their order means nothing
                recorded_at_ms = min(receipt.recorded_at_ms, recorded_at_ms or receipt.recorded_at_ms)
        else:
            binding = open_binding(statement, public)
            bound = (binding.holder_key, binding.agent)
            if bound not in holders:
                raise refusal(Reason.STATEMENT_INVALID, detail="a binding that no link of the chain bears out")
            if domain is None or domain.vouches_for(binding.agent):
                bindings[bound] = max(bindings.get(bound, 0), binding.expires_at_ms)
    return recorded_at_ms, bindings


def step_12_receipt_is_there(chain: VerifiedChain) -> None:
    """Step 12: a chain with handoffs has a receipt for its leaf, unless the grant waives it.

    The grant itself needs none: the service signed it.
    """
    if chain.receipt is None and len(chain.links) > 1 and not chain.grant.unrecorded_handoffs:
        raise refusal(Reason.RECEIPT_MISSING, link_index=len(chain.links) - 1)


def step_13_valid_now(chain: VerifiedChain, now_ms: int) -> None:
    """Step 13: every link is valid now; its beginning has 30 s of leeway, its end has none."""
    if chain.not_before_ms - limits.NOT_BEFORE_LEEWAY_MS <= now_ms < chain.expires_at_ms:
        return
    for index, signed in enumerate(chain.links):
        if now_ms >= signed.link.expires_at_ms:
            raise refusal(Reason.EXPIRED, link_index=index)
        if now_ms < signed.link.not_before_ms - limits.NOT_BEFORE_LEEWAY_MS:
            raise refusal(Reason.NOT_YET_VALID, link_index=index)


def step_14_not_revoked(chain: VerifiedChain, revocations: RevocationState) -> None:
    """Step 14: no link, holder key, agent, task, principal or issuer key of the chain is revoked."""
    try:
        revocations.check(chain.revocation_keys)
    except Refused as error:
        if error.reason is Reason.FEED_STALE:  # no link's fault
            raise
        for index in range(len(chain.links)):
            try:
                revocations.check(revocation_keys(chain.links[: index + 1]))
            except Refused as first:
                if first.reason is error.reason:
                    raise error.at(index) from None
        raise


def _revoked_by(domain: FederatedDomain, federated: FollowedFeeds) -> RevocationState:
    followed = federated(domain.trust_domain)
    if followed is None:
        raise refusal(Reason.FEED_STALE, detail=f"the revocation feed of {domain.trust_domain} is not followed")
    return followed


def step_15_within_federation(chain: VerifiedChain, domain: FederatedDomain) -> None:
    """Step 15: agents, principal and scope are within what the bundle accepts of the domain that signed the grant."""
    domain.require_within(chain)
