"""Regular expressions: the grammar, its weights, that RE2 takes whatever is in it, and that work is counted."""

from __future__ import annotations

import random
import re
import subprocess
import sys

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from delegation.core import limits
from delegation.core.constraints import Regex, Steps, matching, not_
from delegation.core.constraints.regex import MAX_MEM, _compiled
from delegation.core.constraints.regex_grammar import weight_of
from delegation.errors import NotPermitted, Reason, Refused
from support.strategies import bounded

WEIGHTS = {
    "a": 1,
    "abc": 3,
    "a|bc": 3,
    "(a|b)c": 3,
    ".": 1,
    r"\d": 1,
    r"\.": 1,
    "é€😀": 3,
    " ": 1,
    "-/": 2,
    "a*b+c?": 3,
    "a{3}": 3,
    "a{3,}": 3,
    "a{0,}": 1,
    "a{1,}": 1,
    "a{0,7}": 7,
    "a{2,7}": 7,
    "(ab){3}": 6,
    "((ab){3}c){2}": 14,
    "(ab|c{2})*": 4,
    "[a]": 1,
    "[ab]": 2,
    "[a-z]": 1,
    "[a-zA-Z0-9]": 3,
    r"[^\d\sx]": 3,
    r"[a\-z]": 3,
    r"[\^\]\[\\]": 4,
    "[(){}.*+?|$]": 10,
    "[a-z]{5}": 5,
    "[a-zA-Z]{5}": 10,
    "a{256}": 256,
    "(((((a)))))": 1,
    "(" * 250 + "a" + ")" * 250: 1,
}


@pytest.mark.spec("S-21")
@pytest.mark.parametrize("expression", WEIGHTS, ids=lambda text: text[:20])
def test_an_expression_weighs_what_the_spec_says(expression: str):
    assert weight_of(expression) == WEIGHTS[expression]


NOT_PERMITTED = [
    *("", "|", "a|", "|a", "()", "(|a)", "(a", "a)", ")", "(", "a||b"),
    *("*", "+a", "?", "a**", "a*?", "a+?", "a??", "a{2}{3}", "a{2}?", "(*)", "|*"),
    *("{2}", "a{", "a{}", "a{,2}", "a{2", "a{2,1}", "a{0}", "a{0,0}", "a{02}", "a{1000}", "a{-1}", "a{ 2}", "a{2,3,4}"),
    *("(a{1}){257}", "a{257}", "(a{17}){16}", "[ab]{129}", "a}", "a]", "^a", "a$", "^", "$"),
    *("[", "[]", "[]a]", "[^]", "[a", "[b-a]", "[a-]", "[-a]", "[a-b-c]", "[[a]]", "[[:alpha:]]", r"[\d-z]", r"[a-\d]"),
    *("[a^]", "[^^]", "[a\n]", "[\x80]", "[\\", r"[\n]", r"[\b]"),
    *("(?i)a", "(?:a)", "(?P<n>a)", "(?=a)", "(?!a)", "(?<=a)", r"(a)\1", r"\1"),
    *("\\", r"\a", r"\n", r"\t", r"\x41", r"\u0041", r"\p{L}", r"\pL", r"\D", r"\W", r"\S", r"\b", r"\B", r"\A", r"\z"),
    *(r"\Qa\E", r"\C", r"\ ", r"\_", r"\é", "a\n", "\t", "a\x00", "a\x7f", "a\x85", "\ud800", "a" * 513, "é" * 257),
]


@pytest.mark.spec("S-21")
@pytest.mark.parametrize("expression", NOT_PERMITTED, ids=lambda text: ascii(text)[:30])
def test_what_is_outside_of_the_grammar_is_refused(expression: str):
    with pytest.raises(Refused) as caught:
        matching(expression)
    assert caught.value.reason is Reason.FIELD_INVALID


# -- expressions of the grammar, at random -----------------------------------------------------------------------

_LITERALS = "ab01_ -/:,;é€😀"
_literal = st.sampled_from(_LITERALS)
_quoted = st.sampled_from("\\^$.[]()|?*+{}-/").map("\\".__add__)
_set = st.sampled_from([r"\d", r"\w", r"\s"])
_char = _literal.filter(lambda c: c != "-") | st.sampled_from("(){}.*+?|$") | _quoted


def _ordered(pair: tuple[str, str]) -> str:
    low, high = sorted(pair, key=lambda c: c[-1])
    return f"{low}-{high}"


_members = st.lists(_set | _char | st.tuples(_char, _char).map(_ordered), min_size=1, max_size=4).map("".join)
_class = st.builds("[{}{}]".format, st.sampled_from(["", "^"]), _members)
_times = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,}", "{0,2}", "{1,3}"])


def _regex(atoms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    branch = st.lists(st.tuples(atoms, _times).map("".join), min_size=1, max_size=3).map("".join)
    return st.lists(branch, min_size=1, max_size=2).map("|".join)


_atom = st.one_of(st.just("."), _literal, _quoted, _set, _class)
expressions = _regex(st.recursive(_atom, lambda inner: _regex(inner).map("({})".format), max_leaves=5))


def in_python(expression: str) -> str:
    """Write an expression for Python's library: its sets are wider, and it warns of brackets in classes."""
    inside = {r"\d": "0-9", r"\w": "0-9A-Za-z_", r"\s": "\\t\\n\\f\\r "}
    written, in_class, at = "", False, 0
    while at < len(expression):
        token = expression[at : at + 2] if expression[at] == "\\" else expression[at]
        at += len(token)
        if token == "[" and not in_class:
            in_class = True
        elif token == "]" and in_class:
            in_class = False
        elif token in inside:
            token = inside[token] if in_class else f"[{inside[token]}]"
        elif in_class and len(token) == 1 and token not in "-^":
            token = re.escape(token)
        written += token
    return written


@pytest.mark.spec("S-21")
@given(expressions, st.lists(st.text("ab01_ -/:é€😀(.\n", max_size=6), min_size=3, max_size=3))
@bounded(800)
def test_an_expression_matches_what_pythons_library_matches(expression: str, texts: list[str]):
    if len(expression.encode()) > limits.REGEX_BYTES:
        return
    regex, same = matching(expression), re.compile(in_python(expression))
    for text in texts:
        assert regex.allows(text, Steps()) == bool(same.fullmatch(text)), text


def test_a_string_matches_from_its_first_to_its_last_character():
    assert matching("a|ab").allows("ab", Steps())
    for text in ("xa", "ax", "a\n", "\na", ""):
        assert not matching("a").allows(text, Steps())
    assert not matching(".*").allows("a\nb", Steps())
    assert matching("[^x]*").allows("a\nb", Steps())


# -- at the cap --------------------------------------------------------------------------------------------------


def heaviest(number: int) -> str:
    """Make an expression near the cap of weight whose classes take many instructions in UTF-8."""
    draw = random.Random(number)
    zones = [(0xA0, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF), (0xA0, 0x10FFFF)]
    low, high = draw.choice(zones)

    def one(count: int) -> str:
        points = sorted({draw.randrange(low, high) for _ in range(2 * count)} - set(range(0xD800, 0xE000)))
        ranges = [f"{chr(a)}-{chr(b)}" for a, b in zip(points[::2], points[1::2], strict=False)]
        return f"[{draw.choice(['', '^'])}{''.join(ranges) or 'é'}]"

    count = draw.randint(1, 8)
    times = limits.REGEX_WEIGHT // count
    shapes = ["{0}{{{1}}}", "({0}?){{{1}}}", "({0}*){{{1}}}", "({0}+){{{1}}}", ".*{0}{{0,{1}}}"]
    expression = draw.choice(shapes).format(one(count), times)
    return expression if _weighs(expression) else ".{256}"


def _weighs(expression: str) -> bool:
    try:
        return weight_of(expression) > 0
    except Refused:
        return False


@pytest.mark.spec("S-21")
def test_whatever_is_permitted_compiles_and_matches_within_its_memory():
    """With room to spare: a quarter of the memory would do, so that no text makes RE2 give up."""
    options = re2.Options()
    options.log_errors, options.never_capture, options.max_mem = False, True, MAX_MEM // 4
    sizes = []
    for expression in {*map(heaviest, range(400)), *WEIGHTS, "(" * 255 + "a" + ")" * 255, "(.*a){128}", "(.?){256}"}:
        sizes.append(weight_of(expression))
        re2.compile(expression.encode(), options)
        compiled = _compiled(expression)
        for text in ("", "a" * 300, "é€😀" * 100):
            compiled.fullmatch(text.encode())
    assert sum(weight > limits.REGEX_WEIGHT * 3 // 4 for weight in sizes) > 100


def test_a_text_that_explodes_other_libraries_costs_steps_and_says_no():
    steps = Steps()
    assert not matching("(a+)+b").allows("a" * 50_000, steps)
    assert Steps().left - steps.left == 8 + 2 * (2 + 50_000 // 64)


@pytest.mark.spec("A-5")
def test_a_heavy_expression_is_too_dear_for_a_long_text():
    with pytest.raises(NotPermitted, match="evaluation_exhausted"):
        matching("(.*a){128}").allows("a" * 6_000, Steps())


@pytest.mark.parametrize("negated", [False, True])
def test_a_string_that_is_not_unicode_text_is_neither_matched_nor_not(negated: bool):
    regex = matching("a*")
    with pytest.raises(NotPermitted, match="arguments_invalid"):
        (not_(regex) if negated else regex).allows("\ud800", Steps())


def test_an_expression_that_re2_does_not_take_denies_rather_than_tells():
    """It cannot come about by the grammar; if it did, a negation must not say yes."""
    for constraint in (Regex("(", 1), not_(Regex("(", 1))):
        with pytest.raises(Refused) as caught:
            constraint.allows("a", Steps())
        assert caught.value.reason is Reason.INTERNAL


def test_re2_is_loaded_by_the_first_expression_and_compiles_at_the_first_match():
    program = """
import sys
from delegation.core.codec import decode_scope, encode_scope
from delegation.core.constraints import Steps, in_network, matching, under, url
from delegation.core.constraints.regex import _compiled
from delegation.core.scope import Scope, tool
decode_scope(encode_scope(Scope(tool("a", "t", x=under("/srv"), y=url("https://a.test"), z=in_network("10.0.0.0/8")))))
assert not {"re2", "ipaddress"} & sys.modules.keys(), "loaded too early"
regex = matching("a*")
assert "re2" in sys.modules
assert _compiled.cache_info().currsize == 0
assert regex.allows("aa", Steps())
assert _compiled.cache_info().currsize == 1
"""
    subprocess.run([sys.executable, "-c", program], check=True)
