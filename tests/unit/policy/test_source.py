"""Cutting policy text into rules: by Cedar's own lexical rules, with lines, and nothing that ends the process."""

import json

import pytest
from cedarpy import policies_to_json_str

from delegation.policy.port import Action, Denial, Permit
from delegation.policy.source import BRACKETS, RULE_BYTES, RULES, Source, rules_in
from support.policies import faults_of, policy_of, question, word

RULE = "permit (principal, action, resource);"


def cut(text):
    return [(written.line, written.text) for written in rules_in(Source("p", text))]


def test_each_rule_has_the_line_of_its_first_word():
    text = f'// a comment; with a semicolon\n\n@id("a")\n{RULE} {RULE}\n// "open\n{RULE}\n'
    assert cut(text) == [(3, f'@id("a")\n{RULE}'), (4, RULE), (6, RULE)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_a_comment_ends_where_cedar_ends_it(end):
    """Or a rule below it would be dropped without a word."""
    forbid = RULE.replace("permit", "forbid")
    text = f'// nobody; "changes{end}@id("ok") {RULE} // anything{end}{end}@id("no"){end}{forbid}{end}'
    assert [line for line, _ in cut(text)] == [2, 4]
    assert len(json.loads(policies_to_json_str(text))["staticPolicies"]) == 2
    assert word(policy_of(text).decide(question("docs.read"))) == "deny"


@pytest.mark.parametrize("inside", ["\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
def test_a_comment_ends_nowhere_else(inside):
    assert cut(f"// words{inside}{RULE}\n{RULE}") == [(2, RULE)]
    assert len(json.loads(policies_to_json_str(f"// words{inside}{RULE}\n{RULE}"))["staticPolicies"]) == 1


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
@pytest.mark.parametrize("times", [50, 59, 60, 90, 110, 200, 300, 400, 500, 1000])
def test_operators_in_a_row_are_read_up_to_a_limit(operator, times):
    first, last = ("1", " > 3") if operator == "+1" else ("context.local", "")
    faults = faults_of(f'@id("a") permit (principal, action, resource) when {{ {first}{operator * times}{last} }};')
    assert bool(faults) is (times > 59)
    assert len(faults) <= 1


@pytest.mark.parametrize("operator", ["+1", "&&true", "||false"])
def test_what_is_read_can_be_evaluated(operator):
    first, last = ("1", " > 3") if operator == "+1" else ("context.local", "")
    policy = policy_of(f'@id("a") permit (principal, action, resource) unless {{ {first}{operator * 59}{last} }};')
    assert policy.concern(Action.CALL, question("docs.read").tool, listed=True).answer is None
    assert policy.decide(question("docs.read")) in (Permit(), Denial((), "no rule permits it"))


IN_ONE_ANOTHER = {
    "has": "{{a: {} has a.b}}",
    "has in brackets": "({} has a.b)",
    "has of a sum": "({} + context has a.b)",
    "has of a field": "{{a: {}}}.a has a.b",
    "has of an index": '[{}]["a"] has a.b',
    "has after a comment": "({} // x\n has // y\n a // z\n . b)",
    "is": "(if {} is Agent in principal then principal else principal)",
    "is of a call": "(if {}.f() is Agent in principal then principal else principal)",
}


@pytest.mark.parametrize("form", IN_ONE_ANOTHER.values(), ids=IN_ONE_ANOTHER)
def test_what_doubles_with_each_repetition_is_refused_before_it_is_read(form):
    """The engine takes all memory, or all time, to read thirty of them: a rule of some hundred bytes."""
    expression = "principal"
    for _ in range(30):
        expression = form.format(expression)
    (fault,) = faults_of(f'@id("a") permit (principal, action, resource) when {{ {expression} == 1 }};')
    assert "comes after a plain name" in fault


def test_a_long_path_is_refused_before_it_is_read():
    """The engine writes it out with each of its beginnings: sixteen kilobytes of it become some tens of gigabytes."""
    text = '@id("a") permit (principal, action, resource) when {{ context has a{} }};'
    assert faults_of(text.format(".a" * 7000)) == ["policy.cedar:1: `has` asks for at most 8 fields in a row"]
    assert faults_of(text.format(" . // x\n a" * 8)) == ["policy.cedar:1: `has` asks for at most 8 fields in a row"]
    assert "fields in a row" not in str(faults_of(text.format(".a" * 7)))


@pytest.mark.parametrize(
    "condition",
    [
        "context has callsLeft && context.callsLeft < 3 || !(principal is Agent)",
        "if context has callsLeft then context has callsLeft else resource is Tool",
        'principal is Agent in Agent::"x" || [context has callsLeft, resource is UnlistedTool].contains(true)',
        "{a: context has callsLeft}.a && context // the question\n has // whether\n callsLeft",
        'context.purpose == "x + y has a.b is c"',
    ],
)
def test_names_may_be_asked_what_they_are_and_have(condition):
    assert not faults_of(f'@id("a") permit (principal, action == Action::"call", resource) when {{ {condition} }};')


@pytest.mark.parametrize(
    "form", ["(if {} then true else false)", "(true && {})", "({} || context.local)", "!({})", "({} == true)"]
)
def test_what_nests_without_repeating_is_read_up_to_the_limits(form):
    for times in (12, 62):
        expression = "context.local"
        for _ in range(times):
            expression = form.format(expression)
        faults_of(f'@id("a") permit (principal, action, resource) when {{ {expression} }};')


def test_a_policy_has_limits():
    assert faults_of(f'@id("a") @description("{"a" * RULE_BYTES}") {RULE}') == [
        "policy.cedar:1: a rule has at most 16384 bytes: write several"
    ]
    assert faults_of(RULE * (RULES + 1)) == ["policy.cedar:1: a policy has at most 1024 rules"]
    assert faults_of("/" * (1024 * 1024 + 1)) == ["policy.cedar:1: a policy has at most 1048576 bytes"]
