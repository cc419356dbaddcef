"""A guard's whole decision in process: from what came with a call to an `AuthorizedCall`, recorded in the background.

The authority is the SDK's own in memory, so that nothing waits for a network; clock, keys, feed, replay store and
record queue are those of any guard.
"""

from __future__ import annotations

from typing import Final

from bench_kernel import raw
from chains import AUDIENCE, TOOL, arguments, scope_at
from measure import ROUNDS, Subject, calls_needed, interleaved, one_core
from report import Row

from delegation_sdk.carriage import Carriage
from delegation_sdk.delegation import Delegation
from delegation_sdk.testing import Authority

_DEPTH: Final = 4
_AGENT: Final = "spiffe://test.example/agent/planner"
_CALLS: Final = 16


def rows(*, quick: bool = False) -> list[Row]:
    """Measure it."""
    rounds = 3 if quick else ROUNDS
    needed = calls_needed(_CALLS, rounds)
    with one_core(), Authority(local={(AUDIENCE, TOOL)}) as authority:
        client = authority.client(_AGENT)
        with client.task("Summarise the plans", scope=scope_at(0), max_depth=8) as task:
            leaf: Delegation = task
            for hop in range(1, _DEPTH):
                leaf = leaf.hand_off(_AGENT, scope=scope_at(hop), ttl=f"{10 - hop}m")
            asked = [arguments(number) for number in range(needed)]
            guard = authority.guard_for(AUDIENCE, max_waiting=10 * needed)
            sent = [_sent(leaf, number) for number in range(2 * needed)]
            samples = interleaved(
                {
                    "raw": raw(),
                    "decide": Subject(lambda number: guard.authorize(sent[number], TOOL, asked[number]), _CALLS),
                },
                rounds=rounds,
            )
    name = f"Guard.authorize, chain known, depth {_DEPTH}"
    return [
        Row(name, samples.ratio("decide", "raw"), "x raw", possible_from=0.6),
        Row(f"{name}, time", samples.median("decide"), "µs"),
    ]


def _sent(leaf: Delegation, number: int) -> Carriage:
    with leaf.call(AUDIENCE, TOOL, arguments(number)) as call:
        return call.carriage
