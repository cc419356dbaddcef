"""The soak's judge: what grows is noticed, and what only moves is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from soak.judge import Sample, growth
from soak.watched import Watched, look_at

MINUTES = range(30)


def samples(memory=lambda _: 100.0, handles=lambda _: 40, took=lambda _: 0.01, tool=lambda _: 50.0):
    return [
        Sample(60.0 * at, Watched(memory(at), handles(at)), Watched(tool(at), 10), [took(at)] * 100, 5.0)
        for at in MINUTES
    ]


def test_what_stays_is_not_reported():
    assert growth(samples()) == []


def test_what_moves_up_and_down_or_warms_up_is_not_reported():
    assert growth(samples(memory=lambda at: 100 + 10 * (at % 3))) == []
    assert growth(samples(memory=lambda at: 60 + min(at, 9) * 5, handles=lambda at: 20 + min(at, 9))) == []


@pytest.mark.parametrize(
    ("grows", "word"),
    [
        ({"memory": lambda at: 100 + 2.0 * at}, "memory of service"),
        ({"tool": lambda at: 50 + 1.0 * at}, "memory of tool"),
        ({"handles": lambda at: 40 + at}, "file handles of service"),
        ({"took": lambda at: 0.01 * 1.1**at}, "p99"),
    ],
)
def test_what_grows_is_reported_with_its_figures(grows, word):
    (said,) = growth(samples(**grows))
    assert said.startswith(word)
    assert "->" in said


def test_a_service_that_answers_no_more_is_reported():
    silent = [Sample(at, Watched(1, 1), Watched(1, 1), [] if at > 15 else [0.01] * 10, 1) for at in MINUTES]
    assert "no answers at the end" in growth(silent)


def test_too_few_samples_are_nothing_to_judge_by():
    assert growth(samples()[:3])


def test_a_process_is_seen_as_the_kernel_sees_it():
    before = look_at(os.getpid())
    ballast = bytearray(os.urandom(1024)) * 65_536
    nowhere = Path(os.devnull)
    with nowhere.open() as one, nowhere.open() as other:
        after = look_at(os.getpid())
        assert one.fileno() != other.fileno()
    assert after.memory_mib - before.memory_mib > len(ballast) / 1024 / 1024 / 2
    assert after.handles == before.handles + 2
