"""Where the keys of an issuer come from: the port, and how a token's key is found among them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from delegation.errors import Reason
from delegation.identity.jws import BadToken, UnverifiedToken, VerifyingKey, check_signature

MAX_WAIT_S: Final = 2.0
"""The longest time that a token may wait for its issuer's keys: whoever sends it is still a stranger."""


class KeySource(Protocol):
    """The keys of one issuer."""

    def known(self) -> Sequence[VerifyingKey] | None:
        """Return the keys that count now; None if it is not known which do."""
        ...

    async def renewed(self) -> bool:
        """Look for newer keys, within bounds; tell whether that look had begun before, so that another may find more.

        Raises:
            BadToken: SERVICE_UNAVAILABLE; too many wait already.
        """
        ...


async def verify_signature(token: UnverifiedToken, source: KeySource) -> None:
    """Require that a token is signed by a key of its issuer; a key that is not known is looked for.

    Raises:
        BadToken: SIGNATURE_INVALID; ISSUER_UNKNOWN, its issuer has no such key; SERVICE_UNAVAILABLE, that cannot be
            found out now.
    """
    key = _key_of(token, source.known() or ())
    if key is None:
        key = await _looked_for(token, source)
    check_signature(token, key)


async def _looked_for(token: UnverifiedToken, source: KeySource) -> VerifyingKey:
    try:
        async with asyncio.timeout(MAX_WAIT_S):
            for _ in range(2):
                may_find_more = await source.renewed()
                key = _key_of(token, source.known() or ())
                if key is not None:
                    return key
                if not may_find_more:
                    break
    except TimeoutError:
        raise BadToken(
            Reason.SERVICE_UNAVAILABLE, "cannot be checked now: its issuer is slow to give its keys"
        ) from None
    if source.known() is None:
        raise BadToken(Reason.SERVICE_UNAVAILABLE, "cannot be checked now: its issuer's keys cannot be had")
    raise BadToken(Reason.ISSUER_UNKNOWN, "is signed with a key that its issuer does not publish")


def _key_of(token: UnverifiedToken, keys: Iterable[VerifyingKey]) -> VerifyingKey | None:
    """Find the key that a token names; without a name, the only one of its algorithm."""
    if token.key_id:
        return next((key for key in keys if key.id == token.key_id), None)
    fitting = [key for key in keys if token.algorithm in key.algorithms]
    return fitting[0] if len(fitting) == 1 else None
