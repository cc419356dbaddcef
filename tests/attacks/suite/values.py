"""Values that look like what is permitted: text for numbers, booleans for integers, floats, numbers too big."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Recipe, Twin
from attacks.suite.recipes import one_argument, under
from delegation.errors import Reason

REFUSED, INVALID = Reason.ARGUMENT_REFUSED, Reason.ARGUMENTS_INVALID


def sent(constraint: bytes, value: Any, of: int = 1) -> Recipe:
    """Call a tool whose one argument is so constrained with a value, or with the bytes of one."""
    arguments = b'{"x":' + value + b"}" if isinstance(value, bytes) else {"x": value}
    return under(one_argument(constraint), of, call=("t", "t", arguments))


AMOUNT, COUNT, FLAG = w.decimals("0", "50"), w.integers(0, 100), w.boolean(True)
CONSTRAINTS = {
    "a range of integers": (COUNT, 5),
    "a decimal range": (AMOUNT, 5),
    "exactly 5": (w.integer(5), 5),
    "one of 5 and 7": (w.one_of(integers=[5, 7]), 5),
    "numbers in a list": (w.each(COUNT), [5]),
    "a number in an object": (w.object_of(w.argument("f", COUNT)), {"f": 5}),
}
TEXTS: dict[str, Any] = {
    "text": "5",
    "text with a space": " 5",
    "text with a sign": "+5",
    "text with a fraction": "5.0",
    "hexadecimal text": "0x5",
    "full-width text": "\uff15",
    "an empty text": "",
}


def wrapped(name: str, value: Any) -> Any:
    return {"numbers in a list": [value], "a number in an object": {"f": value}}.get(name, value)


def text_for_number() -> Iterator[Attempt]:
    for what, (constraint, _) in CONSTRAINTS.items():
        for name, text in TEXTS.items():
            yield Attempt(f"{name} for {what}", REFUSED, sent(constraint, wrapped(what, text)), 0)
    numbers_for_text = {
        "5 for the text 5": (w.string("5"), 5),
        "5 for one of texts": (w.one_of("5", "7"), 5),
        "5 for an amount in words": (w.decimal_text("0", "50"), 5),
        "5 for a prefix": (w.prefix("5"), 5),
        "5 for a length": (w.length(1, 3), 5),
        "5 for an expression": (w.regex("[0-9]+"), 5),
        "5 for a path": (w.sub_path("/"), 5),
        "0 for an address": (w.cidr("0.0.0.0/0"), 0),
        "5 for a list of texts": (w.list_subset("5"), [5]),
        "a number for what is not the text 5": (w.negation(w.string("5")), 6),
    }
    for name, (constraint, number) in numbers_for_text.items():
        yield Attempt(name, REFUSED, sent(constraint, number), 0)
    for what in ("a range of integers", "a decimal range"):
        yield Attempt(f"a list with the number for {what}", REFUSED, sent(CONSTRAINTS[what][0], [5]), 0)
        yield Attempt(f"an object with the number for {what}", REFUSED, sent(CONSTRAINTS[what][0], {"x": 5}), 0)
        yield Attempt(f"null for {what}", REFUSED, sent(CONSTRAINTS[what][0], None), 0)


def numbers() -> Iterator[Twin]:
    for what, (constraint, value) in CONSTRAINTS.items():
        for of in (1, 2):
            yield Twin(f"5 for {what}, {of} links", sent(constraint, value, of))
    yield Twin("the text 5 for the text 5", sent(w.string("5"), "5"))
    yield Twin("an amount in words", sent(w.decimal_text("0", "50"), "5.00"))


def boolean_for_integer() -> Iterator[Attempt]:
    for what, (constraint, _) in CONSTRAINTS.items():
        for value in (True, False):
            if value is False and "5" in what:
                continue
            yield Attempt(f"{value} for {what}", REFUSED, sent(constraint, wrapped(what, value)), 0)
    ones = {
        "true for 1": (w.integer(1), True),
        "false for 0": (w.integer(0), False),
        "true for one of 0 and 1": (w.one_of(integers=[0, 1]), True),
        "true for a range from 0 to 1": (w.integers(0, 1), True),
        "1 for true": (FLAG, 1),
        "0 for false": (w.boolean(False), 0),
        "1 for one of true": (w.one_of(true=True), 1),
        "the text true for true": (FLAG, "true"),
        "1 in a list for true": (w.list_of(w.field(2, 1)), [1]),
        "true in a list for 1": (w.list_of(w.field(4, 2)), [True]),
        "null for false": (w.boolean(False), None),
        "an empty list for false": (w.boolean(False), []),
        "true for null": (w.null(), True),
        "0 for null": (w.null(), 0),
        "true for what is not 0": (w.negation(w.integer(0)), True),
        "0 for what is not true": (w.negation(w.one_of(true=True)), 0),
        "true for lists with 1": (w.list_contains(integers=[1]), [True]),
        "true for members among 1": (w.list_subset(integers=[1]), [True]),
    }
    for name, (constraint, value) in ones.items():
        yield Attempt(name, REFUSED, sent(constraint, value), 0)


def booleans() -> Iterator[Twin]:
    yield Twin("true for true", sent(FLAG, True))
    yield Twin("false for false", sent(w.boolean(False), False))
    yield Twin("1 for 1", sent(w.integer(1), 1))
    yield Twin("0 for 0", sent(w.integer(0), 0))
    yield Twin("null for null", sent(w.null(), None))
    yield Twin("a list with true", sent(w.list_of(w.field(2, 1)), [True]))


NO_NUMBERS = {
    "NaN": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "a list with NaN": [float("nan")],
}
NO_JSON = {
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "5.0 for 5": b"5.0",
    "5e0 for 5": b"5e0",
    "0.50 for 0.5": b"0.50",
    "-0 for 0": b"-0",
    "-0.0 for 0": b"-0.0",
    "05 for 5": b"05",
    "+5 for 5": b"+5",
    ".5 for 0.5": b".5",
    "5. for 5": b"5.",
    "0x5 for 5": b"0x5",
    "1E1 for 10": b"1E1",
    "1e400, which is no number": b"1e400",
    "a fraction with more digits than there are": b"0.3000000000000000000001",
}


def float_edges() -> Iterator[Attempt]:
    for name, number in NO_NUMBERS.items():
        yield Attempt(f"{name} for a decimal range", INVALID, sent(AMOUNT, number))
        yield Attempt(f"{name} for anything", INVALID, sent(w.anything(), number))
    for name, written in NO_JSON.items():
        yield Attempt(f"{name}, as bytes", INVALID, sent(AMOUNT, written))
    past = {
        "the next float after the bound": (AMOUNT, 50.00000000000001),
        "a cent more": (AMOUNT, 50.01),
        "three tenths as a sum": (w.decimals(maximum="0.3"), 0.1 + 0.1 + 0.1),
        "the smallest number below 0": (AMOUNT, -5e-324),
        "a bound that is excluded": (w.decimals(maximum="0.5", below=True), 0.5),
        "a fraction for a range of integers": (COUNT, 5.5),
        "nearly an integer for a range of integers": (COUNT, 4.999999999999999),
        "nearly the number": (w.decimal("0.1"), 0.10000000000000002),
        "a tiny number for 0": (w.integer(0), 5e-324),
        "a fraction for an exact integer": (w.integer(5), 5.000000000000001),
        "nearly one of them": (w.one_of(decimals=["0.5"]), 0.5000000000000001),
        "a huge number for a range without an end": (w.integers(0), 1e300),
    }
    for name, (constraint, number) in past.items():
        reason = INVALID if number == 1e300 else REFUSED
        yield Attempt(name, reason, sent(constraint, number))


def floats() -> Iterator[Twin]:
    yield Twin("the bound itself", sent(AMOUNT, 50))
    yield Twin("the bound as a float", sent(AMOUNT, 50.0))
    yield Twin("minus zero for 0", sent(w.integer(0), -0.0))
    yield Twin("three tenths", sent(w.decimals(maximum="0.3"), 0.3))
    yield Twin("0.5 as bytes", sent(AMOUNT, b"0.5"))
    yield Twin("10 as bytes", sent(AMOUNT, b"10"))
    yield Twin("a float that is an integer", sent(COUNT, 5.0))


def big_integers() -> Iterator[Attempt]:
    big = {
        "2^53": 2**53,
        "2^53 + 1, which a float cannot tell from 2^53": 2**53 + 1,
        "-2^53": -(2**53),
        "2^63": 2**63,
        "2^64": 2**64,
        "2^64 + 5, which is 5 in 64 bits": 2**64 + 5,
        "a number of a thousand digits": 10**999,
    }
    for name, number in big.items():
        for what, constraint in {"a range": w.integers(0), "anything": w.anything()}.items():
            yield Attempt(f"{name} for {what}", INVALID, sent(constraint, number))
    for name, written in {
        "2^53 as bytes": b"9007199254740992",
        "1e21 as bytes": b"1e+21",
        "2^64 as bytes": b"18446744073709552000",
    }.items():
        yield Attempt(name, INVALID, sent(w.anything(), written))
    yield Attempt("2^32 + 5, which is 5 in 32 bits", REFUSED, sent(COUNT, 2**32 + 5), 0)
    yield Attempt("2^53 in a list", INVALID, sent(w.each(w.integers(0)), [1, 2**53]))
    yield Attempt("2^53 in an object", INVALID, sent(w.object_of(w.argument("f", w.integers(0))), {"f": 2**53}))
    bounds = {
        "a range to 2^53": w.integers(0, 2**53),
        "a range from -2^53": w.integers(-(2**53)),
        "exactly 2^53": w.integer(2**53),
        "one of 2^53": w.one_of(integers=[2**53]),
        "a list with 2^53": w.list_of(w.field(4, w.zigzag(2**53))),
        "a range to 2^63 - 1": w.integers(0, 2**63 - 1),
    }
    for name, constraint in bounds.items():
        yield Attempt(f"{name}, as a constraint", Reason.FIELD_INVALID, sent(constraint, 5), 0)
    decimal_texts = {
        "an exponent": "1e3",
        "a plus": "+5",
        "leading zeros": "05",
        "a trailing zero": "5.0",
        "minus zero": "-0",
        "a space": "5 ",
        "full-width digits": "\uff15",
        "NaN": "NaN",
    }
    for name, bound in decimal_texts.items():
        constraint = w.decimals(maximum=bound)
        yield Attempt(f"a bound with {name}, as a constraint", Reason.FIELD_INVALID, sent(constraint, 5), 0)
    yield Attempt("an integer as a decimal", Reason.FIELD_INVALID, sent(w.decimal("5"), 5), 0)


def great() -> Iterator[Twin]:
    for name, number in {"2^53 - 1": 2**53 - 1, "-(2^53 - 1)": -(2**53) + 1}.items():
        yield Twin(f"{name} for itself", sent(w.integer(number), number))
        yield Twin(f"{name} for anything", sent(w.anything(), number))
        yield Twin(f"{name} for a decimal range", sent(w.decimals("-9007199254740992", "9007199254740992"), number))
    yield Twin("a bound outside of what can be sent", sent(w.decimals(maximum="1" + "0" * 50), 5))


CLASSES = (
    AttackClass("string for number", text_for_number, numbers),
    AttackClass("boolean for integer", boolean_for_integer, booleans),
    AttackClass("float edge cases", float_edges, floats),
    AttackClass("big integers", big_integers, great),
)
