"""Regular expressions that are more than regular, and texts on which others would take for ever."""

from __future__ import annotations

from collections.abc import Iterator

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Twin
from attacks.suite.recipes import link_says, one_argument, scope_is
from attacks.suite.values import sent
from delegation.errors import Reason

REFUSED, INVALID = Reason.ARGUMENT_REFUSED, Reason.FIELD_INVALID


BAD_EXPRESSIONS = {
    "a back reference": r"(a)\1",
    "a look ahead": "(?=a)a",
    "a look behind": "(?<=a)a",
    "an atomic group": "(?>a+)",
    "a named group": "(?P<n>a)",
    "flags": "(?i)a",
    "a comment": "(?#x)a",
    "a possessive star": "a*+",
    "a lazy star": "a*?",
    "a star of a star": "a**",
    "an anchor": "^a$",
    "a word boundary": r"\ba",
    "a Unicode class": r"\pL",
    "a POSIX class": "[[:alpha:]]",
    "a range backwards": "[z-a]",
    "an open class": "[a",
    "an open group": "(a",
    "a closed group": "a)",
    "a star of nothing": "*a",
    "an empty branch": "a|",
    "an empty group": "()",
    "nothing": "",
    "a repetition of a thousand": "a{1000}",
    "a repetition backwards": "a{3,2}",
    "a repetition of repetitions": "(a{99}){99}",
    "nested repetitions": "((a{9}){9}){9}",
    "a great weight": "[ab]{200}[cd]{200}",
    "an escaped letter": r"\a",
    "a hexadecimal escape": r"\x41",
    "a line feed": "a\nb",
    "a NUL": "a\0",
    "a backslash at the end": "a\\",
}


BOMBS = {
    "nested stars": "(a*)*b",
    "nested pluses": "(a+)+b",
    "overlapping alternatives": "(a|a)*b",
    "alternatives of each other": "(a|aa)+b",
    "stars in a row": ".*.*.*.*.*.*b",
    "optional ones in a row": "a?" * 60 + "a{60}b",
    "a group repeated": "([a-z]+)*b",
    "repeated choices": "(x+x+)+y",
}


LONG = 30_000


def regex_bombs() -> Iterator[Attempt]:
    for name, pattern in BAD_EXPRESSIONS.items():
        yield Attempt(f"an expression with {name}", INVALID, sent(w.regex(pattern), "a"), 0)
        scope = one_argument(w.regex(pattern))
        recipe = link_says(scope_is(scope), 1, 2, scope=one_argument(w.anything()), call=("t", "t", {"x": "a"}))
        yield Attempt(f"an expression with {name}, by a delegate", INVALID, recipe, 1)
    for name, pattern in BOMBS.items():
        yield Attempt(f"{name} against a short text", REFUSED, sent(w.regex(pattern), "a" * 30), 0)
    for name, pattern in BOMBS.items():
        text = "a" * LONG
        reason = Reason.EVALUATION_EXHAUSTED if weight_of(name) * (2 + LONG // 64) > 20_000 else REFUSED
        yield Attempt(f"{name} against a text of {LONG} characters", reason, sent(w.regex(pattern), text), 0)
    many = {"x": ["a" * 2_000] * 100}
    listed = one_argument(w.each(w.regex("(a|b)*c|[a-y]+")))
    from attacks.suite.recipes import under

    yield Attempt(
        "an expression asked a hundred times", Reason.EVALUATION_EXHAUSTED, under(listed, 3, call=("t", "t", many))
    )


def weight_of(name: str) -> int:
    """The weight of a bomb by SPEC section 5.1: its atoms, with repetitions written out."""
    return {
        "nested stars": 2,
        "nested pluses": 2,
        "overlapping alternatives": 3,
        "alternatives of each other": 4,
        "stars in a row": 7,
        "optional ones in a row": 121,
        "a group repeated": 2,
        "repeated choices": 3,
    }[name]


def ordinary_expressions() -> Iterator[Twin]:
    ordinary = {
        "letters": ("[a-z]+", "abc"),
        "a date": (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "2026-11-02"),
        "alternatives": ("(red|green)( light)?", "green light"),
        "an escaped dot": (r"a\.b", "a.b"),
        "any character": ("a.c", "a\u65e5c"),
        "nested stars that match": ("(a*)*b", "a" * 30 + "b"),
        "nested stars and a long text": ("(a*)*b", "a" * LONG + "b"),
    }
    for name, (pattern, text) in ordinary.items():
        yield Twin(name, sent(w.regex(pattern), text))


CLASSES = (AttackClass("regex denial of service", regex_bombs, ordinary_expressions),)
