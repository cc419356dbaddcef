from __future__ import annotations

import pytest

from delegation_sdk.least_privilege.purposes import matches


@pytest.mark.parametrize(
    ("pattern", "purpose"),
    [
        ("Refund order o-17", "Refund order o-17"),
        ("Refund order *", "Refund order o-17"),
        ("Refund order *", "Refund order "),
        ("*", ""),
        ("*order*", "Refund order o-17"),
        ("a*b*c", "aXbYc"),
        ("a*a", "aa"),
        ("**", "x"),
        ("[a]*", "[a]b"),
    ],
)
def test_what_a_pattern_means(pattern, purpose):
    assert matches(pattern, purpose)


@pytest.mark.parametrize(
    ("pattern", "purpose"),
    [
        ("Refund order o-1", "Refund order o-17"),
        ("Refund order *", "refund order o-17"),
        ("a*a", "a"),
        ("a*b*c", "acb"),
        ("a*bb*b", "abb"),
        ("", "x"),
        ("[a]*", "ab"),
    ],
)
def test_what_it_does_not_mean(pattern, purpose):
    assert not matches(pattern, purpose)


def test_a_hostile_pattern_takes_no_time():
    assert not matches("*a" * 5_000 + "b", "a" * 20_000)
