"""Trying a suggested scope: it is granted with a throwaway key, verified, and asked for every call, by the kernel.

Nothing here decides by itself what a scope permits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from delegation.core import limits
from delegation.core.arguments import Arguments
from delegation.core.authorize import authorize
from delegation.core.chain import Principal, PrincipalBasis, VerifiedChain
from delegation.core.codec import join_token
from delegation.core.constraints import Argument, exactly
from delegation.core.demands import demands_of
from delegation.core.kept_arguments import KeptArguments
from delegation.core.keys import SigningKey
from delegation.core.mint import sign_grant
from delegation.core.narrowing import scope_within
from delegation.core.revocation import RevocationState
from delegation.core.scope import Capability, Scope
from delegation.core.trust import KeyPurpose, TrustBundle, TrustedKey
from delegation.core.usage import NOTHING_USED, charged
from delegation.core.verify import Verifier
from delegation.errors import Reason, Refused
from delegation_sdk.least_privilege.observed import ObservedCall, Pair
from delegation_sdk.sources import Sources

_LIFETIME_MS: Final = 60_000
_MOST_SHOWN: Final = 100
_DOMAIN: Final = "trial.invalid"
_AGENT: Final = f"spiffe://{_DOMAIN}/agent"
_NOTHING_KEPT: Final = KeptArguments({}, {}, 0)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying a scope on calls.

    Attributes:
        calls: how many were tried.
        permitted: how many the scope permits, among them those that `by_granted` counts.
        by_granted: how many of these by covering what was granted for them, since their arguments were not all kept.
        undecided: how many may be permitted or not: an amount that a budget sums was not kept.
        refused: the first of those that it refuses, with why; there are `calls - permitted - undecided`.
    """

    calls: int
    permitted: int
    by_granted: int
    undecided: int
    refused: tuple[tuple[Pair, Refused], ...]


def granted_for_trial(scope: Scope, sources: Sources) -> VerifiedChain:
    """Grant a scope with a key that is thrown away, and verify it.

    Raises:
        Malformed: the scope does not fit into a token.
    """
    key = SigningKey.generate(sources.random)
    now_ms = sources.now_ms()
    grant = sign_grant(
        key,
        task_id=sources.new_id(),
        principal=Principal(_AGENT, _DOMAIN, PrincipalBasis.ASSERTED),
        holder_key=SigningKey.generate(sources.random).public,
        holder_agent=_AGENT,
        scope=scope,
        purpose="trial",
        now_ms=now_ms,
        lifetime_ms=_LIFETIME_MS,
        max_depth=0,
        unrecorded_handoffs=True,
        nonce=sources.random(limits.NONCE_BYTES),
    )
    bundle = TrustBundle(
        _DOMAIN, 1, now_ms, now_ms + _LIFETIME_MS, (TrustedKey(KeyPurpose.GRANT, key.public, now_ms - _LIFETIME_MS),)
    )
    return Verifier(bundle, cache_entries=0).verify(
        join_token([grant]), now_ms=now_ms, revocations=RevocationState.nothing_revoked(), require_receipt=False
    )


def tried(chain: VerifiedChain, calls: Sequence[ObservedCall]) -> Trial:
    """Ask a chain for every call, task by task, as if each task had got its scope."""
    by_granted = undecided = permitted = 0
    refused: list[tuple[Pair, Refused]] = []
    used: dict[tuple[bytes, bytes], str] = {}
    for call in calls:
        try:
            _require_permitted(chain, call)
            if not _charge(chain, call, used):
                undecided += 1
                continue
        except Refused as error:
            if len(refused) < _MOST_SHOWN:
                refused.append((call.pair, error))
            continue
        permitted += 1
        by_granted += not call.is_whole
    return Trial(len(calls), permitted, by_granted, undecided, tuple(refused))


def _require_permitted(chain: VerifiedChain, call: ObservedCall) -> None:
    audience, tool = call.pair
    if call.kept is not None and call.is_whole:
        canonical = call.kept.plain_json
        arguments = Arguments(call.kept.plain, canonical, hashlib.sha256(canonical).digest())
        authorize(chain, audience=audience, tool=tool, arguments=arguments, conditions="elsewhere")
        return
    suggested = chain.links[0].link.scope.find(audience, tool)
    scope_within(Scope(_as_known(call)), Scope(*_bare([suggested] if suggested else [])))


def _bare(capabilities: Iterable[Capability]) -> list[Capability]:
    return [capability._replace(conditions=()) for capability in capabilities]


def _as_known(call: ObservedCall) -> Capability:
    """Give all that the call can have been: what was granted for it, and the values that were kept."""
    held = call.held
    if held is None or held.arguments is None:
        return Capability(*call.pair, None)
    kept = (call.kept or _NOTHING_KEPT).plain
    known = {name: Argument(exactly(value)) for name, value in kept.items() if name in held.arguments}
    return Capability(*call.pair, {**held.arguments, **known})


def _charge(chain: VerifiedChain, call: ObservedCall, used: dict[tuple[bytes, bytes], str]) -> bool:
    """Count a call in its task. False if a budget asks for an amount that was not kept. Raises `ConditionUnmet`."""
    audience, tool = call.pair
    kept = (call.kept or _NOTHING_KEPT).plain
    try:
        demands = demands_of(chain, audience=audience, tool=tool, arguments=kept, approvals="elsewhere")
    except Refused as error:
        if error.reason is Reason.ARGUMENT_MISSING and not call.is_whole:
            return False
        raise
    after = {
        (call.task_id, demand.key): charged(used.get((call.task_id, demand.key), NOTHING_USED), demand)
        for demand in demands
    }
    used.update(after)
    return True
