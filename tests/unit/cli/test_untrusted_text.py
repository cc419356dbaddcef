"""Text of strangers, made safe for a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegation.cli.untrusted_text import visible


@pytest.mark.parametrize(
    "text", ["", "a b", "spiffe://acme.example/agent/planner", "Zürich 東京", "[bold]not markup[/]"]
)
def test_plain_text_is_left_alone(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b[H", r"\x1b[2J\x1b[H"),
        ("one\ntwo\ttabbed\r", r"one\x0atwo\x09tabbed\x0d"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("pay\u200bpal", r"pay\u200bpal"),
        ("\u2066hidden\u2069", r"\u2066hidden\u2069"),
        ("soft\u00adhyphen", r"soft\xadhyphen"),
        ("no\u00a0break", r"no\xa0break"),
        ("blank\u3164letter", r"blank\u3164letter"),
        ("\U000e0041tag", r"\U000e0041tag"),
        ("\x9b31m", r"\x9b31m"),
    ],
)
def test_what_is_not_seen_is_written_as_its_escape(text, shown):
    assert visible(text) == shown


@given(st.text())
def test_nothing_unprintable_is_left_of_any_text(text):
    assert visible(text).isprintable()


def test_what_is_too_long_is_cut_and_says_so():
    assert visible("abcdef", limit=4) == "abc…"
    assert visible("abcd", limit=4) == "abcd"
