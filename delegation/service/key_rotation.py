"""How keys come, go and are given up: which keys the next trust bundle lists, as values. No keys are touched here.

A key that is replaced goes on counting until everything that it has signed has expired, and signs nothing in that time:
a grant lives for up to 24 h, and so does a chain with the receipts in it. Its window then ends by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from delegation.core import limits
from delegation.core.trust import KeyPurpose, KeyState, TrustBundle, TrustedKey
from delegation.errors import InvalidRequest

CLOCK_LEEWAY_MS: Final = 60_000
"""How far a verifier's clock may be behind (SPEC R-9): a new key has counted for so long when it is published."""

MOST_PUBLISH_AHEAD_MS: Final = 60 * 60 * 1000
SERVICE_KEY_PURPOSES: Final = (KeyPurpose.GRANT, KeyPurpose.STATEMENT, KeyPurpose.CHECKPOINT)
"""What a running service needs a key for."""

OVERLAP_MS: Final = limits.GRANT_LIFETIME_MS + MOST_PUBLISH_AHEAD_MS + 60 * 60 * 1000
"""How long a replaced key goes on counting: until it signs no more, 24 h, and an hour for replicas that lag."""


def rotated(keys: Iterable[TrustedKey], purpose: KeyPurpose, public_key: bytes, *, now_ms: int) -> list[TrustedKey]:
    """List a new key; the active ones of its purpose end after the overlap."""
    listed = [
        key._replace(not_after_ms=now_ms + OVERLAP_MS) if _in_use(key, purpose) and not key.not_after_ms else key
        for key in retired(keys, now_ms=now_ms)
    ]
    return [*listed, TrustedKey(purpose, public_key, now_ms - CLOCK_LEEWAY_MS)]


def retired(keys: Iterable[TrustedKey], *, now_ms: int) -> list[TrustedKey]:
    """List active keys whose window is over as retired. All stay listed, for ever, for evidence."""
    return [
        key._replace(state=KeyState.RETIRED) if key.state is KeyState.ACTIVE and 0 < key.not_after_ms <= now_ms else key
        for key in keys
    ]


def compromised(keys: Iterable[TrustedKey], key_id: bytes, *, since_ms: int, now_ms: int) -> list[TrustedKey]:
    """List a key as compromised: from the next bundle on nothing counts that it has signed.

    Args:
        keys: those of the former bundle.
        key_id: which key, 16 bytes.
        since_ms: from when on it may have been in somebody else's hands.
        now_ms: the time.

    Raises:
        InvalidRequest: it is not listed.
    """
    listed = retired(keys, now_ms=now_ms)
    if all(key.key_id != key_id for key in listed):
        raise InvalidRequest(f"no key {key_id.hex()} is listed: see `delegation keys show`")
    return [
        key._replace(state=KeyState.COMPROMISED, compromised_at_ms=min(since_ms, key.compromised_at_ms or since_ms))
        if key.key_id == key_id
        else key
        for key in listed
    ]


def lacking(keys: Iterable[TrustedKey], *, now_ms: int) -> tuple[KeyPurpose, ...]:
    """Tell for which purposes no key is left that goes on signing: one in use, whose window has no end.

    A key that has been replaced signs on until it ends. Without a successor, nothing could be signed from then on.
    """
    return tuple(
        purpose
        for purpose in SERVICE_KEY_PURPOSES
        if not any(_in_use(key, purpose) and key.usable(now_ms) and not key.not_after_ms for key in keys)
    )


def key_to_sign_with(
    bundle: TrustBundle, purpose: KeyPurpose, held: Iterable[bytes], *, now_ms: int, publish_ahead_ms: int
) -> TrustedKey | None:
    """Choose the key of a purpose that signs now: the newest that every verifier knows by now.

    Every replica chooses alike, from the bundle and the clock. A key that has just been published waits, as long as
    another can sign: guards fetch the bundle every minute. One whose window ends before what it signs is passed over.

    Args:
        bundle: the trust bundle in use.
        purpose: what is to be signed.
        held: the public keys of that purpose that this service has the private keys of.
        now_ms: the time.
        publish_ahead_ms: how long a key has been published before its first use.
    """
    ours = frozenset(held)
    usable = [key for key in bundle.keys if key.purpose is purpose and key.public_key in ours and key.usable(now_ms)]
    lasting = [key for key in usable if _lasts(key, now_ms)] or usable
    known = [key for key in lasting if key.not_before_ms + CLOCK_LEEWAY_MS + publish_ahead_ms <= now_ms]
    if known:
        return max(known, key=_age)
    return min(lasting, key=_age, default=None)


def _in_use(key: TrustedKey, purpose: KeyPurpose) -> bool:
    return key.purpose is purpose and key.state is KeyState.ACTIVE


def _lasts(key: TrustedKey, now_ms: int) -> bool:
    return key.not_after_ms == 0 or key.not_after_ms - now_ms >= limits.GRANT_LIFETIME_MS


def _age(key: TrustedKey) -> tuple[int, bytes]:
    return key.not_before_ms, key.key_id
