"""Where the keys of an issuer come from: the port, and how a token's key is found among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from delegation.errors import Reason
from delegation.identity.jws import BadToken, UnverifiedToken, VerifyingKey, check_signature


class KeySource(Protocol):
    """The keys of one issuer."""

    def known(self) -> Sequence[VerifyingKey]:
        """Return the keys that count now; none if they have become too old."""
        ...

    async def renewed(self) -> bool:
        """Look for newer keys, within bounds; tell whether there may be any that were not known before."""
        ...


async def verify_signature(token: UnverifiedToken, source: KeySource) -> None:
    """Require that a token is signed by a key of its issuer; a key that is not known is looked for once more.

    Raises:
        BadToken: SIGNATURE_INVALID; ISSUER_UNKNOWN, its issuer has no such key; SERVICE_UNAVAILABLE, no key of its
            issuer is known now.
    """
    key = _key_of(token, source.known())
    # Twice, since a look that was under way when the token came may have begun before its key was published.
    looks = 2
    while key is None and looks and await source.renewed():
        key, looks = _key_of(token, source.known()), looks - 1
    if key is None:
        if not source.known():
            raise BadToken(Reason.SERVICE_UNAVAILABLE, "cannot be checked now: its issuer's keys cannot be had")
        raise BadToken(Reason.ISSUER_UNKNOWN, "is signed with a key that its issuer does not publish")
    check_signature(token, key)


def _key_of(token: UnverifiedToken, keys: Iterable[VerifyingKey]) -> VerifyingKey | None:
    """Find the key that a token names; without a name, the only one of its algorithm."""
    if token.key_id:
        return next((key for key in keys if key.id == token.key_id), None)
    fitting = [key for key in keys if token.algorithm in key.algorithms]
    return fitting[0] if len(fitting) == 1 else None
