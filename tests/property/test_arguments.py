"""Arguments are what their RFC 8785 JSON says, whoever wrote it."""

from __future__ import annotations

import hashlib
import json
import math
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from delegation.core import limits
from delegation.core.arguments import Arguments, _values_at_least
from delegation.errors import NotPermitted, Reason
from support.strategies import bounded, characters, json_values, untyped

json_objects = st.dictionaries(st.text(characters, max_size=6), json_values, max_size=5)
any_numbers = st.floats() | st.integers() | st.floats(allow_subnormal=True, width=32)
any_text = st.text(max_size=6)  # lone surrogates included
any_objects = st.dictionaries(any_text, any_text | any_numbers | st.lists(any_numbers | any_text), max_size=4)


def representable(value: Any) -> bool:
    """Tell whether every number is finite and every integral one safe."""
    match value:
        case bool() | None | str():
            return True
        case int():
            return abs(value) <= limits.SAFE_INTEGER
        case float():
            return math.isfinite(value) and not (value.is_integer() and abs(value) > limits.SAFE_INTEGER)
        case list():
            return all(map(representable, value))
        case _:
            return all(map(representable, value.values()))


@pytest.mark.spec("P-1")
@given(json_objects)
@bounded(120)
def test_the_canonical_form_is_that_of_rfc_8785(values: dict[str, Any]):
    if not representable(values):
        with pytest.raises(NotPermitted):
            Arguments.of(values)
        return
    arguments = Arguments.of(values)
    assert arguments.canonical == rfc8785.dumps(values)
    assert arguments.digest == hashlib.sha256(rfc8785.dumps(values)).digest()


@given(json_objects.filter(representable))
@bounded(80)
def test_arguments_read_back_as_themselves(values: dict[str, Any]):
    arguments = Arguments.of(values)
    again = Arguments.parse(arguments.canonical)
    assert again == arguments
    assert Arguments.of(untyped(dict(arguments.values))).canonical == arguments.canonical


@given(any_objects)
@bounded(120)
def test_whatever_is_no_json_is_refused_and_nothing_else_is_raised(values: dict[str, Any]):
    with suppress(NotPermitted):
        assert Arguments.of(values).canonical == rfc8785.dumps(values)


@pytest.mark.spec("A-3")
@given(json_objects.filter(representable), st.integers(1, 4))
@bounded(50)
def test_json_that_is_not_canonical_is_refused(values: dict[str, Any], indent: int):
    canonical = Arguments.of(values).canonical
    for text in (json.dumps(values, indent=indent), json.dumps(values), json.dumps(values, sort_keys=True)):
        if text.encode() == canonical:
            continue
        with pytest.raises(NotPermitted):
            Arguments.parse(text.encode())


@pytest.mark.spec("S-2", "A-3")
@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '{"a":1.0}',
        '{"a":-0}',
        '{"a":1E2}',
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":1e400}',
        '{"a":9007199254740992}',
        '{"a":-9007199254740992}',
        '{"a":1e21}',
        '{"b":1,"a":1}',
        '{"a":"\\u0061"}',
        '{"a":"\\/"}',
        '{"a":"\\ud800"}',
        '{"a":"\\u000A"}',
        "{'a':1}",
        '{"a":1,}',
        '{"a":1}\n',
        '\ufeff{"a":1}',
        "[]",
        "1",
        "null",
        '"a"',
        "",
        '{"a":' + "[" * 5_000,
        '{"a":' + "[" * 33 + "]" * 33 + "}",
        '{"a":' + "9" * 5_000 + "}",
        '{"\uffff":1,"\U0001f600":1}',
    ],
    ids=lambda text: f"{text[:24]} of {len(text)}",
)
def test_this_is_no_canonical_json(text: str):
    with pytest.raises(NotPermitted) as caught:
        Arguments.parse(text.encode())
    assert caught.value.reason is Reason.ARGUMENTS_INVALID


@pytest.mark.parametrize("data", [b"\xff", b'{"a":"\xed\xa0\x80"}', b"\x00", '{"a":1}'.encode("utf-16")])
def test_bytes_that_are_no_utf_8_are_refused(data: bytes):
    with pytest.raises(NotPermitted):
        Arguments.parse(data)


@pytest.mark.spec("S-1")
@pytest.mark.parametrize(
    ("value", "typed", "written"),
    [
        (1.0, 1, b"1"),
        (-0.0, 0, b"0"),
        (1e15, 10**15, b"1000000000000000"),
        (9007199254740991.0, 2**53 - 1, b"9007199254740991"),
        (0.1, Decimal("0.1"), b"0.1"),
        (1e-7, Decimal("1e-7"), b"1e-7"),
        (5e-324, Decimal("5e-324"), b"5e-324"),
        (0.1 + 0.2, Decimal("0.30000000000000004"), b"0.30000000000000004"),
        (333333333.33333329, Decimal("333333333.3333333"), b"333333333.3333333"),
    ],
)
def test_a_number_is_the_one_that_its_canonical_text_denotes(value: float, typed: Any, written: bytes):
    arguments = Arguments.of({"a": value})
    assert arguments.values["a"] == typed
    assert type(arguments.values["a"]) is type(typed)
    assert arguments.canonical == b'{"a":' + written + b"}"


@pytest.mark.parametrize(
    "value", [(1, 2), {1, 2}, b"bytes", 1j, Decimal("0.5"), object(), range(3), {1: 2}, {None: 1}, [("a",)], [{1.5: 1}]]
)
def test_a_value_that_is_not_json_is_refused(value: object):
    with pytest.raises(NotPermitted) as caught:
        Arguments.of({"a": value})
    assert caught.value.reason is Reason.ARGUMENTS_INVALID


@pytest.mark.spec("A-3")
@pytest.mark.parametrize("nested", [32, 33])
def test_values_nest_32_deep_and_no_deeper(nested: int):
    value: Any = 1
    for _ in range(nested):
        value = [value]
    if nested == limits.VALUE_NESTING:
        assert Arguments.parse(Arguments.of({"a": value}).canonical)
        return
    with pytest.raises(NotPermitted, match="too deep"):
        Arguments.of({"a": value})


def test_a_value_that_contains_itself_is_refused():
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(NotPermitted):
        Arguments.of({"a": loop})


@pytest.mark.spec("A-3")
@pytest.mark.parametrize("past", [0, 1])
def test_arguments_are_a_mebibyte_and_no_more(past: int):
    filler = limits.ARGUMENT_BYTES - len('{"a":""}') + past
    for make in (lambda: Arguments.of({"a": "x" * filler}), lambda: Arguments.parse(b'{"a":"%s"}' % (b"x" * filler))):
        if not past:
            assert len(make().canonical) == limits.ARGUMENT_BYTES
            continue
        with pytest.raises(NotPermitted) as caught:
            make()
        assert caught.value.reason is Reason.ARGUMENTS_TOO_LARGE


@pytest.mark.spec("A-3")
@pytest.mark.parametrize("past", [0, 1])
@pytest.mark.parametrize("shape", ["flat", "listed", "deep", "fractions", "exponents"])
def test_arguments_are_so_many_values_and_no_more(shape: str, past: int):
    count = limits.ARGUMENT_VALUES + past
    values = {
        "flat": {f"n{number}": number for number in range(count)},
        "listed": {"a": [0] * (count - 1)},
        "deep": {"a": [{"b": 0}] * 1_500, "rest": [0] * (count - 2 - 2 * 1_500)},
        "fractions": {"é": [0.5] * (count - 1)},
        "exponents": {"a": [1e-7, -9.9e-7, 5e-324, 1e-6, 0.0] * 200, "rest": [0] * (count - 2 - 200 * 14)},
    }[shape]
    assert _count(values) == count
    if not past:
        assert Arguments.parse(Arguments.of(values).canonical).values == Arguments.of(values).values
        return
    with pytest.raises(NotPermitted) as caught:
        Arguments.of(values)
    assert caught.value.reason is Reason.ARGUMENTS_TOO_LARGE


def _count(value: Any) -> int:
    """Count the values inside a value, as A-3 does."""
    if isinstance(value, float):
        return 3 if "e" in rfc8785.dumps(value).decode() else 0
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return len(inner) + sum(map(_count, inner))


def test_what_is_too_large_is_not_even_read():
    with pytest.raises(NotPermitted) as caught:
        Arguments.parse(b"?" * (limits.ARGUMENT_BYTES + 1))
    assert caught.value.reason is Reason.ARGUMENTS_TOO_LARGE


def test_what_was_given_cannot_be_changed_afterwards():
    inner = {"path": ["/srv/a"]}
    arguments = Arguments.of({"x": inner})
    inner["path"].append("/etc")
    assert arguments.values == {"x": {"path": ["/srv/a"]}}


@pytest.mark.spec("G-3")
def test_arguments_do_not_show_themselves():
    assert "secret" not in repr(Arguments.of({"password": "secret"}))


@pytest.mark.parametrize("values", [[1], "text", None, 5, [("a", 1)], {1: 1}, {"a": 1, 2: 0.5}], ids=str)
def test_arguments_have_names(values: Any):
    with pytest.raises(NotPermitted) as caught:
        Arguments.of(values)
    assert caught.value.reason is Reason.ARGUMENTS_INVALID


@pytest.mark.spec("A-3")
@given(st.dictionaries(st.text(max_size=4), st.recursive(st.text() | st.none(), st.lists), max_size=8))
def test_values_are_never_counted_higher_than_they_are(values: dict[str, Any]):
    canonical = Arguments.of(values).canonical
    assert _values_at_least(canonical) <= count_values(values)


def count_values(value: object) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(1 + count_values(member) for member in inside)


@pytest.mark.parametrize("item", [b"[]", b"0.5", b'""', b'","', rb'"\\"', rb'"\""'])
def test_too_many_values_are_refused_before_they_are_made(item: bytes, monkeypatch: pytest.MonkeyPatch):
    few, many = (b'{"a":[' + b",".join([item] * number) + b"]}" for number in (4_000, 40_000))
    assert len(Arguments.parse(few).values["a"]) == 4_000
    monkeypatch.setattr(json, "loads", lambda *_: pytest.fail("made"))
    with pytest.raises(NotPermitted) as refused:
        Arguments.parse(many)
    assert refused.value.reason is Reason.ARGUMENTS_TOO_LARGE
