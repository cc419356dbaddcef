"""Guards that the network cuts off: they let run what their feed is young enough for, refuse the rest, and recover."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from faults.audit import recorded_calls
from faults.estate import Estate, estate
from faults.guarded import GuardedTools, guarded_tools
from faults.guards_judged import Ages, Cut, bad_runs, in_words, noted, recorded_otherwise
from faults.load import Load
from faults.scenario import Result, Scale, judged
from support.fault_proxy import fault_proxy

LEAST_CUT_S = 6.0
_HEARTBEATS_S = 2.0
"""A younger feed is not to be had all the time."""


def ages_of(cut_s: float) -> Ages:
    """Give ages of which one ends within a cut, and the other does not."""
    return Ages(look=2 * cut_s + 60, read=max(cut_s / 3, _HEARTBEATS_S))


def cut_off_guards(directory: Path, scale: Scale) -> Result:
    """Cut the network between guards and a service that others go on using; end tasks meanwhile; let it heal."""
    cut_s = max(scale.seconds, LEAST_CUT_S)
    ages = ages_of(cut_s)
    with estate(directory, catalogue=ages.catalogue) as made:
        service = made.replica()
        service.start()
        with (
            fault_proxy("127.0.0.1", service.port) as network,
            guarded_tools(made.profile(network.port), made.profile()) as tools,
            Load(made.connecting(), each=1) as load,
        ):
            for each in tools:
                each.until_all_run(time.monotonic())
            network.cut()
            began_s = time.monotonic()
            time.sleep(cut_s / 6)
            for each in tools:
                each.end_a_task()
            time.sleep(max(0.0, began_s + cut_s - time.monotonic()))
            cut = Cut(began_s, time.monotonic())
            network.heal()
            notes = recovered(tools, cut)
            return judged_with(tools, made, load, ages, cut, *notes)


def recovered(tools: Sequence[GuardedTools], cut: Cut) -> list[str]:
    """Wait until everything runs again behind all guards, and say how long that took. Raises `TimeoutError`."""
    took_s = max(each.until_all_run(cut.to_s) for each in tools)
    return [f"guards of {len(tools)} processes: every tool runs within {took_s:.1f} s of the network's return"]


def judged_with(tools: Sequence[GuardedTools], made: Estate, load: Load, ages: Ages, cut: Cut, *notes: str) -> Result:
    """Let tools and load come to rest, and compare what they were told with what is there and with what may be."""
    for each in tools:
        each.rest()
    load.rest()
    load.book.join(noted(tools))
    stale, revoked = bad_runs(tools, ages, cut)
    with made.connected() as auditor:
        otherwise = recorded_otherwise(tools, recorded_calls(auditor))
    said = f"ran while stale {stale}, ran though revoked {revoked}, recorded otherwise {otherwise}"
    result = judged(made, load, *notes, *in_words(tools, cut), said)
    return Result(result.tally, result.notes, wrong=stale + revoked + otherwise)
