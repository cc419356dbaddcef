"""Adapter: the keys that an issuer publishes, by OpenID Connect discovery or at a fixed address.

They are fetched again every few minutes, and at once for a key that is not known, so that an issuer can rotate when it
likes; how often a stranger can cause that is bounded. When the issuer cannot be reached, known keys count for a bounded
time, and unknown ones not at all. Sources: OpenID Connect Discovery 1.0 section 4, RFC 7517, RFC 8414.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from delegation.errors import DelegationError, Reason, RequestFailed
from delegation.identity.jwks import parse_jwks
from delegation.identity.jws import BadToken, VerifyingKey
from delegation.identity.token_rules import ALGORITHMS, check_url

Fetch = Callable[[str], Awaitable[bytes]]

_LOG: Final = structlog.get_logger("delegation")
_DISCOVERY: Final = "/.well-known/openid-configuration"
_BURST: Final = 3
_RETRY_MS: Final = 5_000
MAX_WAITING: Final = 64
"""Calls that wait for one issuer at a time. Each may hold a request of the largest size, from nobody knows whom."""


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """How long keys count, and how often they are fetched.

    Attributes:
        refresh_ms: The time between two fetches when all is well: so long may a withdrawn key still count.
        keep_ms: How long keys count after the last fetch that succeeded.
        cooldown_ms: Unknown keys cause a fetch each such time, and a few more at once.
        algorithms: Those that the operator lets the issuer use.
    """

    refresh_ms: int = 300_000
    keep_ms: int = 3_600_000
    cooldown_ms: int = 5_000
    algorithms: frozenset[str] = ALGORITHMS


class RemoteKeys:
    """The published keys of one issuer."""

    def __init__(
        self,
        issuer: str,
        fetch: Fetch,
        *,
        monotonic_ms: Callable[[], int],
        jwks_url: str | None = None,
        policy: KeyPolicy | None = None,
    ) -> None:
        """Know no keys yet; `follow` fetches them, and so does the first token.

        Args:
            issuer: Its identifier, a URL.
            fetch: Fetches a document, or raises `RequestFailed`.
            monotonic_ms: A clock that nobody sets, milliseconds.
            jwks_url: Where its key set is; None: where discovery says.
            policy: How long, how often.
        """
        self._issuer = issuer
        self._fetch = fetch
        self._monotonic_ms = monotonic_ms
        self._jwks_url = jwks_url
        self._policy = policy or KeyPolicy()
        self._keys: tuple[VerifyingKey, ...] = ()
        self._fetched_ms: int | None = None
        self._looking: asyncio.Task[None] | None = None
        self._looks_left = _BURST
        self._counted_ms = monotonic_ms()
        self._failing = False
        self._waiting = 0

    def known(self) -> Sequence[VerifyingKey] | None:
        """Return the keys that count now."""
        if self._fetched_ms is None or self._monotonic_ms() - self._fetched_ms > self._policy.keep_ms:
            return None
        return self._keys

    async def renewed(self) -> bool:
        """Fetch the keys, unless that was done too often of late; or wait for a fetch that is under way."""
        looking = self._looking
        under_way = looking is not None
        if looking is None:
            if not self._may_look():
                return False
            looking = self._begin()
        if self._waiting >= MAX_WAITING:
            raise BadToken(Reason.SERVICE_UNAVAILABLE, "cannot be checked now: too many wait for its issuer's keys")
        self._waiting += 1
        try:
            # Whoever waits may give up; the others still want to know.
            await asyncio.shield(looking)
        finally:
            self._waiting -= 1
        return under_way

    async def follow(self) -> None:
        """Fetch the keys now and then, until cancelled."""
        try:
            while True:
                await asyncio.shield(self._looking or self._begin())
                await asyncio.sleep((_RETRY_MS if self._failing else self._policy.refresh_ms) / 1000)
        finally:
            if self._looking is not None:
                self._looking.cancel()

    def _begin(self) -> asyncio.Task[None]:
        self._looking = looking = asyncio.create_task(self._look())
        return looking

    def _may_look(self) -> bool:
        """Count a fetch that an unknown key has caused: three at once, then one for each cooldown."""
        now_ms = self._monotonic_ms()
        earned = (now_ms - self._counted_ms) // max(1, self._policy.cooldown_ms)
        if earned:
            self._looks_left = min(_BURST, self._looks_left + earned)
            self._counted_ms = now_ms
        if not self._looks_left:
            return False
        self._looks_left -= 1
        return True

    async def _look(self) -> None:
        try:
            keys = await published_keys(
                self._issuer, self._fetch, jwks_url=self._jwks_url, algorithms=self._policy.algorithms
            )
        except Exception as error:  # noqa: BLE001 - whatever an issuer sends, the keys that are known go on counting
            why = str(error) if isinstance(error, DelegationError) else type(error).__name__
            if not self._failing:
                _LOG.warning("the keys of an issuer cannot be fetched", issuer=self._issuer, why=why)
            self._failing = True
        else:
            if self._failing or self._fetched_ms is None:
                _LOG.info("the keys of an issuer were fetched", issuer=self._issuer, keys=len(keys))
            if not keys:
                _LOG.warning("an issuer publishes no key that can be used: its tokens are refused", issuer=self._issuer)
            self._failing = False
            self._keys, self._fetched_ms = keys, self._monotonic_ms()
        finally:
            self._looking = None


async def published_keys(
    issuer: str, fetch: Fetch, *, jwks_url: str | None = None, algorithms: frozenset[str] = ALGORITHMS
) -> tuple[VerifyingKey, ...]:
    """Fetch the keys that an issuer publishes; none may be left.

    Args:
        issuer: Its identifier, a URL.
        fetch: Fetches a document.
        jwks_url: Where its key set is; None: where discovery says.
        algorithms: Those that the operator lets it use.

    Raises:
        DelegationError: It cannot be reached, or its answer makes no sense.
    """
    return parse_jwks(await fetch(jwks_url or await _discovered(issuer, fetch)), allowed=algorithms)


async def _discovered(issuer: str, fetch: Fetch) -> str:
    """Return where the key set is, as the issuer's own metadata says."""
    document = await fetch(issuer.rstrip("/") + _DISCOVERY)
    try:
        metadata = json.loads(document)
        named, url = metadata["issuer"], metadata["jwks_uri"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise RequestFailed("its discovery document makes no sense") from None
    if named != issuer:  # OpenID Connect Discovery 4.3
        raise RequestFailed("its discovery document is another issuer's")
    if not isinstance(url, str):
        raise RequestFailed("its discovery document makes no sense")
    return check_url(url, what="its jwks_uri", over_tls=issuer.startswith("https:"))
