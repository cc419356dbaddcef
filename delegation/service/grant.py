"""Grant: sign the first link of a chain for the authenticated caller, within its ceiling."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from delegation.core import limits
from delegation.core.chain import Principal, PrincipalBasis, SignedLink, TraceIds
from delegation.core.codec import encode_scope, join_token
from delegation.core.keys import check_public_key
from delegation.core.mint import sign_grant
from delegation.core.revocation import RevocationKind, principal_id, revocation_key
from delegation.core.scope import Scope
from delegation.errors import InvalidRequest, Reason, refusal
from delegation.identity.port import Caller, PrincipalReader, Role
from delegation.policy.port import Action
from delegation.service.ceilings import require_scope
from delegation.service.feed import RevocationFeed
from delegation.service.fencing import fence_of_keys, refusal_of
from delegation.service.given_scopes import GivenScopes
from delegation.service.ids import Clock, Random, time_ordered_id
from delegation.service.packing import digest_of, pack, unpack
from delegation.service.policy_questions import GivenScope
from delegation.service.principal_shown import principal_shown
from delegation.service.recorded_links import RecordedLinks, link_record
from delegation.signing.port import ServiceKeys
from delegation.storage.port import Storage
from delegation.storage.preconditions import Idempotency, IdempotencyKey
from delegation.storage.records import LinkRecord, TaskRecord
from delegation.storage.refused_writes import RevokedMeanwhileError

ANSWERS_KEPT_MS: Final = 24 * 60 * 60 * 1000
_METHOD: Final = "Grant"
_NO_TRACE: Final = TraceIds(b"", b"")


@dataclass(frozen=True, slots=True)
class GrantLifetimes:
    """How long grants live, unless asked otherwise and at most; and how long a task, however often that is renewed."""

    default_ms: int = limits.DEFAULT_GRANT_LIFETIME_MS
    maximum_ms: int = limits.GRANT_LIFETIME_MS
    task_ms: int = limits.GRANT_LIFETIME_MS


@dataclass(frozen=True, slots=True)
class Granted:
    """A recorded grant: the token with the service's receipt, and the task."""

    token: bytes = field(repr=False)
    task_id: bytes


class Grant:
    """Issues grants."""

    def __init__(
        self,
        storage: Storage,
        *,
        keys: ServiceKeys,
        feed: RevocationFeed,
        recorded: RecordedLinks,
        trust_domain: str,
        now_ms: Clock,
        random: Random,
        given: GivenScopes,
        lifetimes: GrantLifetimes | None = None,
        principals: PrincipalReader | None = None,
    ) -> None:
        self._storage = storage
        self._keys = keys
        self._feed = feed
        self._recorded = recorded
        self._trust_domain = trust_domain
        self._now_ms = now_ms
        self._random = random
        self._lifetimes = lifetimes or GrantLifetimes()
        self._principals = principals
        self._given = given

    async def __call__(
        self,
        caller: Caller,
        *,
        purpose: str,
        scope: Scope,
        holder_key: bytes,
        lifetime_ms: int | None = None,
        max_depth: int | None = None,
        unrecorded_handoffs: bool = False,
        principal_token: bytes = b"",
        trace: TraceIds | None = None,
        idempotency_key: str = "",
    ) -> Granted:
        """Issue a grant to the caller. Arguments as in `delegation_service.proto`.

        Raises:
            PermissionDenied: the caller is no orchestrator.
            PolicyDenied: CEILING_EXCEEDED, by the scope or the principal; POLICY_DENIED, by the operator's rules.
            Revoked: the caller, the principal, or the caller's key is revoked.
            InvalidRequest, Malformed, OutsideTime: what is asked for makes no sense.
            Refused: the principal's token is not taken; `field` is `principal_token`.
            Conflict: the idempotency key was used for another request.
        """
        caller.require_role(Role.ORCHESTRATOR)
        depth = limits.DEFAULT_DEPTH if max_depth is None else max_depth
        lifetime = self._lifetime(lifetime_ms)
        _check_request(scope, holder_key, depth)
        key = _idempotency(
            caller,
            idempotency_key,
            digest_of(
                purpose.encode(),
                encode_scope(scope),
                holder_key,
                b"%d %d %d" % (lifetime_ms or 0, depth, unrecorded_handoffs),
                *(trace or _NO_TRACE),
                *((principal_token,) if principal_token else ()),
            ),
        )
        if key and (earlier := await self._storage.earlier_response(key)) is not None:
            return _kept(earlier)
        require_scope(caller, scope)
        principal = await self._principal(caller, principal_token)
        now_ms = self._now_ms()
        given = GivenScope(Action.GRANT, scope, (caller.id,), frozenset(), principal, purpose)
        await self._given.require(given, now_ms)
        link = sign_grant(
            self._keys.grant,
            task_id=time_ordered_id(now_ms, self._random),
            principal=principal,
            holder_key=holder_key,
            holder_agent=caller.id,
            scope=scope,
            purpose=purpose,
            now_ms=now_ms,
            lifetime_ms=lifetime,
            max_depth=depth,
            unrecorded_handoffs=unrecorded_handoffs,
            nonce=self._random(limits.NONCE_BYTES),
            trace=trace,
        )
        return await self._record(caller, principal, link, now_ms, key)

    async def _record(
        self, caller: Caller, principal: Principal, signed: SignedLink, now_ms: int, key: IdempotencyKey | None
    ) -> Granted:
        claims = signed.link.grant
        assert claims is not None  # noqa: S101 - it was just made
        rests_on = frozenset(
            {
                revocation_key(RevocationKind.AGENT, caller.id.encode()),
                revocation_key(RevocationKind.PRINCIPAL, principal_id(principal.issuer, principal.subject)),
                revocation_key(RevocationKind.HOLDER_KEY, signed.link.holder_key),
                revocation_key(RevocationKind.ISSUER_KEY, claims.issuer_key_id),
            }
        )
        position = self._feed.position
        self._feed.state.check(rests_on)
        record, receipt = link_record(
            signed,
            task_id=claims.task_id,
            parent_link_id=None,
            index=0,
            recorded_ms=now_ms,
            caller_id=caller.id,
            statement_key=self._keys.statement,
        )
        granted = Granted(join_token([signed], [receipt]), claims.task_id)
        keep = Idempotency(key, pack(granted.token, granted.task_id), now_ms + ANSWERS_KEPT_MS) if key else None
        try:
            earlier = await self._storage.add_grant(
                _task_record(caller, principal, signed, record),
                record,
                fence=fence_of_keys(rests_on, position),
                idempotency=keep,
            )
        except RevokedMeanwhileError as error:
            raise refusal_of(error) from None
        if earlier is not None:
            return _kept(earlier)
        self._recorded.note(record, principal.subject)
        return granted

    async def _principal(self, caller: Caller, token: bytes) -> Principal:
        """Say on whose behalf: of whom a token shows, if the caller may; without one, the caller's own."""
        if not token:
            return Principal(caller.id, caller.trust_domain or self._trust_domain, PrincipalBasis.ASSERTED)
        return await principal_shown(self._principals, caller, token)

    def _lifetime(self, lifetime_ms: int | None) -> int:
        if lifetime_ms is None:
            return self._lifetimes.default_ms
        if lifetime_ms > self._lifetimes.maximum_ms:
            raise refusal(Reason.LIFETIME_TOO_LONG, detail=f"at most {self._lifetimes.maximum_ms} ms here")
        return lifetime_ms


def _check_request(scope: Scope, holder_key: bytes, max_depth: int) -> None:
    check_public_key(holder_key)
    if not scope.capabilities:
        raise InvalidRequest("the scope is empty: it would permit nothing")
    if max_depth >= limits.LINKS:
        raise InvalidRequest(f"max_depth may be {limits.LINKS - 1}, it is {max_depth}")


def _idempotency(caller: Caller, key: str, request_digest: bytes) -> IdempotencyKey | None:
    return IdempotencyKey(caller.id, _METHOD, key, request_digest) if key else None


def _kept(response: bytes) -> Granted:
    token, task_id = unpack(response)
    return Granted(token, task_id)


def _task_record(caller: Caller, principal: Principal, signed: SignedLink, record: LinkRecord) -> TaskRecord:
    return TaskRecord(
        task_id=record.task_id,
        grant_link_id=signed.link_id,
        holder_agent=signed.link.holder_agent,
        principal_subject=principal.subject,
        principal_issuer=principal.issuer,
        principal_basis=str(principal.basis),
        purpose=signed.link.purpose,
        created_ms=record.recorded_ms,
        expires_ms=signed.link.expires_at_ms,
        caller=caller.id,
        trace_id=record.trace_id,
    )
