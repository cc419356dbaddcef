"""Used proofs in Redis, for several instances of one tool. Needs the extra `redis`.

One script looks and remembers, so that two guards never both find a proof unused. The store knows since when it
remembers without a gap: when Redis was restarted, emptied, failed over or has dropped keys for want of memory, that
begins anew, and proofs from before are refused. So it does when Redis's clock has jumped, even if it came back and
nobody asked meanwhile: Redis forgets by its wall clock, and has no other. Keys are digests; no value says anything.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final
from urllib.parse import urlsplit

from delegation.core import limits
from delegation.core.break_glass import BreakGlass
from delegation.errors import ConfigError, Reason, refusal
from delegation_sdk.shared_replay import ProofUse

TIMEOUT_S: Final = 0.5
CLOCKS_DIFFER_MS: Final = 5_000
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ORDER_KEPT_MS: Final = 366 * 24 * 60 * 60 * 1000
"""A break-glass statement lives for a day at most; clocks that jump do so by less than a year. There are few."""

_SLACK_MS: Final = 1_000
"""The sign of life is given once in this time, and two readings of Redis's clock may differ by it."""

# The store's identity changes whenever a key may have been lost; from the time when that is noticed on, it remembers.
# A clock that jumps ahead loses keys before their time. Then the store's sign of life, which lives for less than they
# do, is gone though its time is not over; or the clock is behind where it was.
# KEYS: the proof, the store itself, its sign of life. ARGV: kept for ms, now, issued at, the store's least age, how
# clocks may differ, the sign of life's time, slack.
_USE: Final = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local evicted = string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)')
if not run or not evicted then return 'unknown' end
local time = redis.call('TIME')
local here = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if math.abs(here - tonumber(ARGV[2])) > tonumber(ARGV[5]) then return 'clocks differ' end
local identity = run .. ':' .. evicted
local known = redis.call('HMGET', KEYS[2], 'identity', 'since_ms', 'latest_ms')
local since_ms, latest_ms = known[2], tonumber(known[3])
local gone_ms = here - (latest_ms or 0)
local jumped = gone_ms < -tonumber(ARGV[7])
  or (gone_ms < tonumber(ARGV[6]) - tonumber(ARGV[7]) and redis.call('EXISTS', KEYS[3]) == 0)
if known[1] ~= identity or not since_ms or not latest_ms or jumped then
  since_ms = ARGV[2]
  redis.call('HSET', KEYS[2], 'identity', identity, 'since_ms', since_ms)
  gone_ms = nil
end
if not gone_ms or gone_ms >= tonumber(ARGV[7]) then
  redis.call('HSET', KEYS[2], 'latest_ms', string.format('%.0f', here))
  redis.call('SET', KEYS[3], '', 'PX', ARGV[6])
end
if tonumber(ARGV[3]) < tonumber(since_ms) + tonumber(ARGV[4]) then return 'stale' end
if redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1]) then return 'used' end
return 'replayed'
"""


class RedisReplay:
    """Used proofs in Redis.

    The first proofs after the store began to remember are refused, as long as one may have been signed before: with
    the defaults, for ten seconds. After that nobody notices.

    Args:
        url: `rediss://USER:PASSWORD@HOST:PORT/DB` (TLS), `redis://…`, or `unix:///PATH`.
        prefix: Of all keys; guards of one audience must have the same. It may have a user of its own in Redis,
            allowed `+set +exists +hset +hmget +info +time +eval +evalsha +script|load ~{PREFIX}*`.
        allow_plaintext: True to let proofs be answered for by whoever is on the way to another machine.
        clocks_differ_ms: By how much the clocks of guards and of Redis may differ; else the guard denies.
        timeout_s: How long a guard waits for Redis before it denies, seconds.
        options: Of `redis.Redis.from_url`, such as `ssl_ca_certs`.

    Raises:
        ConfigError: The extra is not installed, the URL is none, or it leads to another machine without TLS.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "delegation:",
        allow_plaintext: bool = False,
        clocks_differ_ms: int = CLOCKS_DIFFER_MS,
        timeout_s: float = TIMEOUT_S,
        **options: Any,
    ) -> None:
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError:
            raise ConfigError("proofs in Redis need the extra: pip install 'delegation-chain[redis]'") from None
        if not allow_plaintext and urlsplit(url).scheme == "redis" and urlsplit(url).hostname not in _THIS_MACHINE:
            raise ConfigError("a Redis on another machine is asked over TLS: rediss://HOST:PORT/DB")
        wait = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
        # Never asked twice: the second time it would find what the first has stored, and call an honest proof a replay.
        again = {"retry": Retry(NoBackoff(), 0)}
        try:
            self._redis = redis.Redis.from_url(url, **wait, **again, **options)
        except (ValueError, TypeError):
            raise ConfigError("that is no URL of a Redis: rediss://HOST:PORT/DB or unix:///PATH") from None
        self._failures: tuple[type[Exception], ...] = (redis.RedisError, OSError, ValueError)
        self._use: Any = self._redis.register_script(_USE)
        # In braces: a cluster keeps both keys of a script on one node.
        self._prefix = f"{{{prefix}}}"
        self._clocks_differ_ms = clocks_differ_ms
        self._margin_ms = limits.PROOF_FUTURE_MS + clocks_differ_ms
        # For so long a proof counts by any guard's clock; and one is kept for twice as long, so that no jump of Redis's
        # clock loses it while it counts and leaves the sign of life.
        self._alive_ms = limits.PROOF_MEMORY_MS + 2 * clocks_differ_ms + 2 * _SLACK_MS
        self._kept_ms = 2 * self._alive_ms + _SLACK_MS

    def use(self, proof: ProofUse) -> None:
        """Look and remember, in one atomic step.

        Raises:
            BadProof: PROOF_REPLAYED if it was used, PROOF_STALE if that cannot be known any more.
            Undecided: SERVICE_UNAVAILABLE if Redis cannot be asked, or does not take it.
        """
        if proof.issued_at_ms < proof.accept_from_ms:
            raise refusal(Reason.PROOF_STALE)
        came_of = self._ask(f"p:{proof.id.hex()}", self._kept_ms, proof.now_ms, proof.issued_at_ms, self._margin_ms)
        if came_of == b"stale":
            raise refusal(Reason.PROOF_STALE, detail="the shared store does not remember for so long")
        if came_of == b"replayed":
            raise refusal(Reason.PROOF_REPLAYED)
        if came_of == b"clocks differ":
            raise refusal(Reason.SERVICE_UNAVAILABLE, detail="the clocks of this guard and the shared store differ")
        if came_of != b"used":
            raise refusal(Reason.SERVICE_UNAVAILABLE, detail="the shared store of proofs does not say what it is")

    def use_order(self, order: BreakGlass, *, now_ms: int) -> None:
        """Use up a break-glass statement of single use, by its nonce, in one atomic step; remember it for a year.

        Raises:
            Undecided: SERVICE_UNAVAILABLE if it was used, if that cannot be known because the store began to remember
                after the statement did to count, or if Redis cannot be asked.
        """
        key = f"o:{hashlib.sha256(order.nonce).hexdigest()}"
        if self._ask(key, _ORDER_KEPT_MS, now_ms, order.not_before_ms, 0) != b"used":
            raise refusal(Reason.SERVICE_UNAVAILABLE, detail="the break-glass statement was used, as far as is known")

    def close(self) -> None:
        """Let go of connections."""
        self._redis.close()

    def _ask(self, key: str, kept_ms: int, now_ms: int, issued_at_ms: int, margin_ms: int) -> Any:
        keys = [f"{self._prefix}{each}" for each in (key, "store", "alive")]
        clocks = [self._clocks_differ_ms, self._alive_ms, _SLACK_MS]
        try:
            return self._use(keys=keys, args=[kept_ms, now_ms, issued_at_ms, margin_ms, *clocks])
        except self._failures as error:
            detail = f"the shared store of proofs cannot be asked ({type(error).__name__})"
            raise refusal(Reason.SERVICE_UNAVAILABLE, detail=detail) from None

    def __repr__(self) -> str:
        return f"RedisReplay({self._prefix})"
