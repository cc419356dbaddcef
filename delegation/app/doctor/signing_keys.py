"""What the service signs with: will there still be a key for each purpose tomorrow?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from delegation.app.doctor.finding import Finding, ok, problem, warning
from delegation.core.trust import KeyPurpose, KeyState, TrustBundle, TrustedKey
from delegation.errors import ConfigError
from delegation.service.key_rotation import SERVICE_KEY_PURPOSES
from delegation.signing.port import KeyStore, SignerPurpose

SOON_MS: Final = 24 * 60 * 60 * 1000
"""A grant lives for a day at most: with a key that ends within it, not every grant can be given any more."""


def check_signing_keys(bundle: TrustBundle, store: KeyStore, *, now_ms: int) -> Iterator[Finding]:
    """Look how long the keys that are kept here go on signing, by what the trust bundle says of them."""
    try:
        found = [_of(purpose, bundle, store, now_ms) for purpose in SERVICE_KEY_PURPOSES]
    except ConfigError:
        return  # the store cannot be used, which was said
    late = [finding for finding in found if finding is not None]
    yield from late or [ok("signing_keys", "each purpose has a key that signs for another 24 hours at least")]


def _of(purpose: KeyPurpose, bundle: TrustBundle, store: KeyStore, now_ms: int) -> Finding | None:
    held = frozenset(store.public_keys(SignerPurpose(str(purpose))))
    listed = [key for key in bundle.keys if key.purpose is purpose and key.state is KeyState.ACTIVE]
    ends_ms = max((_end(key, now_ms) for key in listed if key.public_key in held), default=now_ms)
    if ends_ms - now_ms >= SOON_MS:
        return None
    found = f"the {purpose} key ends within {max(0, ends_ms - now_ms) / 3_600_000:.1f} hours"
    lasting = [key for key in listed if _end(key, now_ms) > ends_ms and key.public_key not in held]
    if lasting:
        advice = f"bring its successor {lasting[-1].key_id.hex()}, which the trust bundle lists, to where keys are kept"
    else:
        advice = f"run `delegation keys rotate {purpose}` now: nothing can be signed from then on"
    return (warning if ends_ms > now_ms else problem)("signing_keys", found, advice)


def _end(key: TrustedKey, now_ms: int) -> int:
    """Give when a key signs no more; one without an end goes on for long enough."""
    return key.not_after_ms or now_ms + SOON_MS
