"""The soak's judge: what grows is noticed, however slowly; what moves up and down, or fills and stays, is not."""

from __future__ import annotations

import math
import os
import random
from pathlib import Path

import pytest

from soak.judge import Sample, growth, rise
from soak.watched import Watched, look_at

MINUTES = range(60)


def samples(memory=lambda _: 100.0, handles=lambda _: 40, took=lambda _: 0.01, tool=lambda _: 50.0):
    return [
        Sample(60.0 * at, Watched(memory(at), handles(at)), Watched(tool(at), 10), [took(at)] * 100, 5.0)
        for at in MINUTES
    ]


def noisy(level, by=3.0):
    """Give what a level looks like when garbage comes and goes, and other processes with it."""
    draw = random.Random(7)
    moved = {at: level(at) + by * (at % 5) / 4 + draw.gauss(0, by / 4) for at in MINUTES}
    return moved.__getitem__


STAYS = {
    "level": {},
    "noise": {"memory": noisy(lambda _: 190.0)},
    "caches that fill in a quarter of an hour": {"memory": noisy(lambda at: 118 + 5 * min(at, 15))},
    "a cache that is nearly full after half an hour": {"memory": noisy(lambda at: 118 + 80 * (1 - math.exp(-at / 8)))},
    "connections opened at first": {"handles": lambda at: 20 + min(at, 9)},
    "connections that come and go": {"handles": lambda at: 40 + at % 3},
    "one slow minute": {"took": lambda at: 0.5 if at == 45 else 0.01},
    "a quiet end": {"memory": noisy(lambda at: 200 - at / 4)},
}
GROWS = {
    "10 MiB an hour, without noise": ({"memory": lambda at: 190 + at / 6}, "memory of service"),
    "15 MiB an hour, within noise": ({"memory": noisy(lambda at: 190 + at / 4)}, "memory of service"),
    "a leak on top of caches": (
        {"memory": noisy(lambda at: 118 + 5 * min(at, 15) + at / 4)},
        "memory of service",
    ),
    "stairs": ({"memory": lambda at: 190 + 8 * (at // 20)}, "memory of service"),
    "one stair, near the end": ({"memory": lambda at: 190 + 8 * (at > 48)}, "memory of service"),
    "what takes the whole hour to fill": ({"memory": lambda at: 118 + at}, "memory of service"),
    "ever faster": ({"memory": lambda at: 100 + 1.07**at}, "memory of service"),
    "guards": ({"tool": noisy(lambda at: 60 + at / 5, by=1.0)}, "memory of tool"),
    "a handle in four minutes": ({"handles": lambda at: 40 + at // 4}, "file handles of service"),
    "ever slower answers": ({"took": lambda at: 0.01 * 1.05**at}, "p99"),
    "suddenly slower answers": ({"took": lambda at: 0.03 if at > 45 else 0.01}, "p99"),
}


@pytest.mark.parametrize("what", STAYS)
def test_what_stays_moves_or_fills_is_not_reported(what):
    assert growth(samples(**STAYS[what])) == []


@pytest.mark.parametrize("what", GROWS)
def test_what_grows_is_reported_with_its_figures(what):
    series, word = GROWS[what]
    (said,) = growth(samples(**series))
    assert said.startswith(word)
    assert "in the last 29 min" in said


def test_a_service_that_answers_no_more_is_reported():
    silent = [Sample(at, Watched(1, 1), Watched(1, 1), [] if at > 30 else [0.01] * 10, 1) for at in MINUTES]
    assert "no answers at the end" in growth(silent)


def test_too_few_samples_are_nothing_to_judge_by():
    assert growth(samples()[:20])


@pytest.mark.parametrize(("values", "by"), [([5] * 9, 0), (list(range(9)), 8), ([1, 1, 1, 9, 1, 1, 1, 1, 1], 0)])
def test_a_rise_is_that_of_most_samples(values, by):
    assert rise(range(9), values) == by


def test_a_process_is_seen_as_the_kernel_sees_it():
    before = look_at(os.getpid())
    ballast = bytearray(os.urandom(1024)) * 65_536
    nowhere = Path(os.devnull)
    with nowhere.open() as one, nowhere.open() as other:
        after = look_at(os.getpid())
        assert one.fileno() != other.fileno()
    assert after.memory_mib - before.memory_mib > len(ballast) / 1024 / 1024 / 2
    assert after.handles == before.handles + 2
