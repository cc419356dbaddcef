"""Cutting policy text into rules: by Cedar's own lexical rules, with lines, and nothing that ends the process."""

import pytest

from delegation.policy.source import BRACKETS, RULE_BYTES, RULES, Source, rules_in
from support.policies import faults_of

RULE = "permit (principal, action, resource);"


def cut(text):
    return [(written.line, written.text) for written in rules_in(Source("p", text))]


def test_each_rule_has_the_line_of_its_first_word():
    text = f'// a comment; with a semicolon\n\n@id("a")\n{RULE} {RULE}\n// "open\n{RULE}\n'
    assert cut(text) == [(3, f'@id("a")\n{RULE}'), (4, RULE), (6, RULE)]


@pytest.mark.parametrize(
    "inside",
    ['";"', '"\\";"', '"// no comment;"', '"\\\\"', '"a\nb;"'],
    ids=["plain", "escaped", "comment", "end", "line"],
)
def test_what_stands_in_a_string_ends_no_rule(inside):
    rule = f"permit (principal, action, resource) when {{ context.purpose == {inside} }};"
    assert cut(rule + RULE) == [(1, rule), (1 + rule.count("\n"), RULE)]


@pytest.mark.parametrize("end", ["permit (principal", RULE + ' @id("a', RULE + " permit (principal, action, resource)"])
def test_a_rule_without_an_end_is_refused(end):
    *_, last = rules_in(Source("p", end))
    assert "has no end" in last.fault


@pytest.mark.parametrize("opening", ["(", "[", "{a:", "context.taskLabels.contains("])
@pytest.mark.parametrize("times", [BRACKETS, 10_000])
def test_nesting_that_would_end_the_process_is_refused(opening, times):
    (fault, *_) = faults_of(f'@id("a") permit (principal, action, resource) when {{ {opening * times}true }};')
    assert "brackets are nested" in fault or "at most" in fault


def test_nesting_within_the_limit_is_read():
    times = BRACKETS - 1  # the braces of `when` are one
    assert not faults_of(f'@id("a") permit (principal, action, resource) when {{ {"(" * times}true{")" * times} }};')


@pytest.mark.parametrize(
    "expression", ["1" + "+1" * 7000 + " > 3", "true" + "&&true" * 2700, "if true then true else " * 600 + "true"]
)
def test_a_rule_that_is_long_without_brackets_ends_nothing_either(expression):
    text = f'@id("a") permit (principal, action, resource) when {{ {expression} }};'
    assert len(text) < RULE_BYTES
    faults_of(text)


@pytest.mark.parametrize("operator", ["+1", "&&true", "||false"])
@pytest.mark.parametrize("times", [50, 90, 110, 200, 300, 400, 500, 1000])
def test_operators_in_a_row_are_read_up_to_a_limit(operator, times):
    first, last = ("1", " > 3") if operator == "+1" else ("context.local", "")
    faults = faults_of(f'@id("a") permit (principal, action, resource) when {{ {first}{operator * times}{last} }};')
    assert bool(faults) is (times > 95)
    assert len(faults) <= 1


def test_a_policy_has_limits():
    assert faults_of(f'@id("a") @description("{"a" * RULE_BYTES}") {RULE}') == [
        "policy.cedar:1: a rule has at most 16384 bytes: write several"
    ]
    assert faults_of(RULE * (RULES + 1)) == ["policy.cedar:1: a policy has at most 1024 rules"]
    assert faults_of("/" * (1024 * 1024 + 1)) == ["policy.cedar:1: a policy has at most 1048576 bytes"]
