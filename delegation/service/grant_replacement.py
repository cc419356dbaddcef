"""Putting a grant in the place of a task's former one: what renewal and reissue have in common.

What the former grant says is taken from its signed bytes, verified anew, and never from the database's columns: whoever
can write there shall not have a wider grant signed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from delegation.core import limits
from delegation.core.chain import Link, Principal, SignedLink, TraceIds, VerifiedChain
from delegation.core.codec import join_token
from delegation.core.mint import sign_grant
from delegation.core.renewal import require_renews, signed_in_again
from delegation.core.revocation import RevocationKind, revocation_key
from delegation.core.scope import Scope
from delegation.core.verify import Verifier
from delegation.errors import Conflict, InvalidRequest, NotFound, Reason, refusal
from delegation.identity.port import Caller, Role
from delegation.policy.port import Action
from delegation.service.ceilings import require_principal, require_scope
from delegation.service.feed import RevocationFeed
from delegation.service.fencing import fence_of_keys, refusal_of
from delegation.service.given_scopes import GivenScopes
from delegation.service.grant import ANSWERS_KEPT_MS, GrantLifetimes
from delegation.service.ids import Clock, Random, time_of
from delegation.service.packing import pack, unpack
from delegation.service.policy_questions import GivenScope
from delegation.service.recorded_links import RecordedLinks, link_record
from delegation.service.revoke import remembered_until_ms
from delegation.signing.port import ServiceKeys
from delegation.storage.port import Storage
from delegation.storage.preconditions import Idempotency, IdempotencyKey
from delegation.storage.records import RevocationRecord
from delegation.storage.refused_writes import NotRecordedError, RevokedMeanwhileError

_NOT_YOURS: Final = "no such task, or its grant is not the caller's"


@dataclass(frozen=True, slots=True)
class Replaced:
    """A recorded grant in the place of another one: its token, and the feed's position that ends the other one."""

    token: bytes = field(repr=False)
    feed_position: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the new grant shall be.

    Attributes:
        holder_key: its holder key.
        scope: what it permits; None: what the former one did.
        lifetime_ms: how long it lives; None: the default, as far as the task may go on.
        trace: the caller's span.
        why: in a word, for the record of the former one's revocation.
        principal: the principal, as another token than the former grant's shows it; None: as the former grant has it.
    """

    holder_key: bytes
    scope: Scope | None
    lifetime_ms: int | None
    trace: TraceIds | None
    why: str
    principal: Principal | None = None


class GrantReplacement:
    """Replaces grants, each in one transaction with the revocation of the former one."""

    def __init__(
        self,
        storage: Storage,
        *,
        keys: ServiceKeys,
        feed: RevocationFeed,
        verifier: Verifier,
        recorded: RecordedLinks,
        now_ms: Clock,
        random: Random,
        lifetimes: GrantLifetimes,
        given: GivenScopes,
    ) -> None:
        self._storage = storage
        self._keys = keys
        self._feed = feed
        self._verifier = verifier
        self._recorded = recorded
        self._now_ms = now_ms
        self._random = random
        self._lifetimes = lifetimes
        self._given = given

    async def earlier(self, key: IdempotencyKey | None) -> Replaced | None:
        """Give the answer to a request that was made before. Raises `Conflict` if it was another request."""
        response = await self._storage.earlier_response(key) if key else None
        if response is None:
            return None
        (token,) = unpack(response)
        await self._feed.catch_up(await self._storage.head_position())
        return Replaced(token, self._feed.position)

    async def former(self, caller: Caller, task_id: bytes) -> VerifiedChain:
        """Give the grant that a task of the caller's has now.

        Raises:
            NotFound: there is no such task, or its grant is held by another agent.
            OutsideTime, Revoked, …: the grant does not hold any more: then the task is over.
        """
        caller.require_role(Role.ORCHESTRATOR)
        task = await self._storage.task(task_id)
        if task is None or task.holder_agent != caller.id:
            raise NotFound(_NOT_YOURS)
        (grant,) = await self._storage.chain(task.grant_link_id)
        chain = self._verifier.verify(
            grant.signed, now_ms=self._now_ms(), revocations=self._feed.state, require_receipt=False
        )
        if (chain.task_id, chain.leaf.holder_agent) != (task_id, caller.id):
            raise NotFound(_NOT_YOURS)
        return chain

    async def replace(
        self, caller: Caller, former: VerifiedChain, wanted: Wanted, key: IdempotencyKey | None
    ) -> Replaced:
        """Sign and record a grant that permits no more than the former one, which is revoked by it.

        Raises:
            ScopeGrew: it asks for more than the former grant, or for another principal.
            PolicyDenied: CEILING_EXCEEDED; the caller's ceiling is lower by now. POLICY_DENIED, by the rules.
            OutsideTime: LIFETIME_TOO_LONG, for one grant or for the whole task.
            Revoked: something it rests on is revoked.
            Conflict: the task has got another grant meanwhile; or the idempotency key was used for another request.
        """
        now_ms = self._now_ms()
        principal = (
            former.principal if wanted.principal is None else signed_in_again(former.principal, wanted.principal)
        )
        signed = self._sign(former, wanted, principal, now_ms)
        require_renews(signed.link, former.leaf, principal=wanted.principal)
        require_scope(caller, signed.link.scope)
        require_principal(caller, principal)
        await self._given.require(_given(former, signed.link, principal), now_ms)
        return await self._record(former, signed, _revocation(caller, former, wanted.why, now_ms), key)

    def _sign(self, former: VerifiedChain, wanted: Wanted, principal: Principal, now_ms: int) -> SignedLink:
        scope = former.leaf.scope if wanted.scope is None else wanted.scope
        if not scope.capabilities:
            raise InvalidRequest("the scope is empty: it would permit nothing")
        return sign_grant(
            self._keys.grant,
            task_id=former.task_id,
            principal=principal,
            holder_key=wanted.holder_key,
            holder_agent=former.leaf.holder_agent,
            scope=scope,
            purpose=former.purpose,
            now_ms=now_ms,
            lifetime_ms=self._lifetime(former.task_id, wanted.lifetime_ms, now_ms),
            max_depth=former.leaf.remaining_depth,
            unrecorded_handoffs=former.grant.unrecorded_handoffs,
            nonce=self._random(limits.NONCE_BYTES),
            trace=wanted.trace,
        )

    def _lifetime(self, task_id: bytes, lifetime_ms: int | None, now_ms: int) -> int:
        left_ms = time_of(task_id) + self._lifetimes.task_ms - now_ms
        most_ms = min(self._lifetimes.maximum_ms, left_ms)
        if lifetime_ms is None:
            lifetime_ms = min(self._lifetimes.default_ms, most_ms)
        if not 0 < lifetime_ms <= most_ms:
            raise refusal(Reason.LIFETIME_TOO_LONG, detail=f"at most {max(0, most_ms)} ms are left to this task")
        return lifetime_ms

    async def _record(
        self, former: VerifiedChain, signed: SignedLink, end: RevocationRecord, key: IdempotencyKey | None
    ) -> Replaced:
        rests_on = former.revocation_keys | {
            revocation_key(RevocationKind.HOLDER_KEY, signed.link.holder_key),
            revocation_key(RevocationKind.ISSUER_KEY, self._keys.grant.key_id),
        }
        position = self._feed.position
        self._feed.state.check(rests_on)
        record, receipt = link_record(
            signed,
            task_id=former.task_id,
            parent_link_id=None,
            index=0,
            recorded_ms=end.revoked_ms,
            caller_id=end.revoked_by,
            statement_key=self._keys.statement,
        )
        token = join_token([signed], [receipt])
        keep = Idempotency(key, pack(token), end.revoked_ms + ANSWERS_KEPT_MS) if key else None
        try:
            fence = fence_of_keys(rests_on, position)
            ended = await self._storage.renew_grant(
                former.digest, record, revocation=end, fence=fence, idempotency=keep
            )
        except RevokedMeanwhileError as error:
            raise refusal_of(error) from None
        except NotRecordedError:
            raise Conflict("the task has ended or got another grant meanwhile") from None
        await self._feed.catch_up(ended)
        if keep and (earlier := await self.earlier(keep.key)) is not None and earlier.token != token:
            return earlier
        self._recorded.note(record, former.principal.subject)
        return Replaced(token, ended)


def _given(former: VerifiedChain, link: Link, principal: Principal) -> GivenScope:
    holder = (link.holder_agent,)
    return GivenScope(Action.GRANT, link.scope, holder, frozenset(), principal, former.purpose, former.task_id)


def _revocation(caller: Caller, former: VerifiedChain, why: str, now_ms: int) -> RevocationRecord:
    return RevocationRecord(
        kind=str(RevocationKind.LINK),
        id=former.digest,
        revoked_ms=now_ms,
        expires_ms=remembered_until_ms(former.expires_at_ms, now_ms),
        revoked_by=caller.id,
        why=why,
    )
