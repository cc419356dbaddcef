"""`delegation policy check` and `delegation policy test`: what they print, and their exit codes."""

import json
import sys

import pytest

from delegation.cli import exit_codes, main
from delegation.policy.load import DEFAULT_POLICY

TOOLS = """
[[tool]]
audience = "mail"
name = "send"
owner = "team-mail"
effects = ["external"]
"""
RULES = """
@id("permit")
permit (principal, action, resource);

@id("small")
@arguments("amount: decimal")
forbid (principal, action == Action::"call", resource == UnlistedTool::"billing.refund")
unless { context.arguments has amount && context.arguments.amount.lessThanOrEqual(decimal("50.00")) };

@id("ask")
@obligation("approve")
forbid (principal, action == Action::"call", resource == Tool::"mail.send")
when { context.taskTools.contains("mail.send") };
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tools.toml").write_text(TOOLS)
    (tmp_path / "policy.cedar").write_text(RULES)
    return tmp_path


def cases(folder, text, *, policy='policy = ["policy.cedar"]\ncatalogue = "tools.toml"\n'):
    path = folder / "cases.toml"
    path.write_text(policy + text)
    return str(path)


def case(expect, rest="", *, audience="mail", tool="send"):
    return f'[[case]]\nname = "a case"\naudience = "{audience}"\ntool = "{tool}"\nexpect = "{expect}"\n{rest}\n'


# -- check -----------------------------------------------------------------------------------------------


def test_a_policy_that_type_checks_is_shown_with_its_digest(folder, capsys):
    assert main(["policy", "check", str(folder / "policy.cedar"), "--catalogue", str(folder / "tools.toml")]) == 0
    assert capsys.readouterr().out.startswith("✓ 3 rules, digest ")


def test_labels_that_no_rule_names_are_told(folder, capsys):
    tools, asked = folder / "tools.toml", ["policy", "check", "--catalogue", str(folder / "tools.toml")]
    tools.write_text(f'{TOOLS}labels = ["health", "personal", "internal"]\n')
    assert main([*asked, str(DEFAULT_POLICY)]) == exit_codes.OK
    assert capsys.readouterr().out.splitlines()[1:] == [
        "! no rule names the label health: nothing follows from reading what has it"
    ]
    assert main([*asked, "--json", str(DEFAULT_POLICY)]) == exit_codes.OK
    assert json.loads(capsys.readouterr().out)["labels_without_a_rule"] == ["health"]


def test_labels_that_rules_name_are_not(folder, capsys):
    tools, own = folder / "tools.toml", folder / "own.cedar"
    tools.write_text(f'{TOOLS}labels = ["health", "personal"]\n')
    own.write_text(
        '@id("p") permit (principal, action, resource) '
        'unless { context.taskLabels.containsAny(["personal"]) }; '
        '@id("r") forbid (principal, action, resource) when { ["health"] == context.taskLabels };'
    )
    assert main(["policy", "check", "--catalogue", str(tools), str(own)]) == exit_codes.OK
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_the_shipped_policy_is_checked_like_any_other(capsys):
    assert main(["policy", "check", "--json", str(DEFAULT_POLICY)]) == exit_codes.OK
    shown = json.loads(capsys.readouterr().out)
    assert (shown["faults"], shown["rules"][1:]) == ([], ["no-leak", "no-privilege-change"])
    assert len(shown["digest"]) == 64


def test_what_is_wrong_is_told_with_file_line_and_reason(folder, capsys):
    path = folder / "policy.cedar"
    assert main(["policy", "check", str(path)]) == exit_codes.CONFIG
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"{path}:10: ask: the catalogue lists no tool mail.send: a tool that it does not list is an UnlistedTool",
        f'{path}:10: ask: there is no tool in the catalogue "mail.send"',
    ]


def test_what_is_wrong_is_plain_data_for_programs(folder, capsys):
    path = folder / "other.cedar"
    path.write_text(
        '\npermit (principal, action, resource);\n@id("b") forbid (principal, action, resource) when { 1 };'
    )
    assert main(["policy", "check", "--json", str(path)]) == exit_codes.CONFIG
    shown = json.loads(capsys.readouterr().out)
    assert (shown["digest"], shown["rules"]) == (None, None)
    assert [(fault["file"], fault["line"], fault["rule"]) for fault in shown["faults"]] == [
        (str(path), 2, None),
        (str(path), 3, "b"),
    ]


def test_files_are_one_policy(folder, capsys):
    path = str(folder / "policy.cedar")
    assert main(["policy", "check", path, path, "--catalogue", str(folder / "tools.toml")]) == exit_codes.CONFIG
    assert f"permit: its id is that of the rule at {path}:2" in capsys.readouterr().out


def test_text_of_a_policy_does_nothing_to_a_terminal(folder, capsys):
    path = folder / "other.cedar"
    path.write_text('@id("a") permit (principal, action, resource) when { "\x1b[31m" };')
    assert main(["policy", "check", str(path)]) == exit_codes.CONFIG
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "does not exist"), (b"\xff", "is not UTF-8 text"), ("directory", "cannot read")],
)
def test_a_file_that_cannot_be_read_is_one_line(folder, capsys, content, words):
    path = folder / "other.cedar"
    if content == "directory":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    assert main(["policy", "check", str(path)]) == exit_codes.CONFIG
    assert words in capsys.readouterr().err


def test_without_the_engine_the_extra_is_named(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cedarpy", None)
    assert main(["policy", "check", str(DEFAULT_POLICY)]) == exit_codes.CONFIG
    assert "pip install 'delegation-chain[policy]'" in capsys.readouterr().err


def test_check_wants_a_file():
    assert main(["policy", "check"]) == exit_codes.USAGE


# -- test ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        case("permit"),
        case("step-up", 'task = { tools = ["mail.send"] }\nrules = ["ask"]'),
        case("permit", 'task = { tools = ["mail.send"] }\napproved = true\nrules = []'),
        case("permit", "arguments = { amount = 49.5 }", audience="billing", tool="refund"),
        case("permit", 'arguments = { amount = "50.00" }', audience="billing", tool="refund"),
        case("deny", "arguments = { amount = 51 }", audience="billing", tool="refund"),
        case("deny", 'arguments = { amount = 0.00001 }\nrules = ["small"]', audience="billing", tool="refund"),
        case("permit", 'action = "grant"\nscope = ["mail.send"]\nagents = ["a", "b"]\ntime = 2026-11-22T10:00:00Z'),
    ],
)
def test_a_case_that_holds(folder, capsys, text):
    assert main(["policy", "test", cases(folder, text)]) == exit_codes.OK
    assert capsys.readouterr().out.endswith("1 of 1 cases hold\n")


def test_a_case_that_does_not_hold_says_what_was_expected(folder, capsys):
    text = case("permit") + case("permit", "arguments = { amount = 51 }\nrules = []", audience="billing", tool="refund")
    assert main(["policy", "test", cases(folder, text)]) == exit_codes.REFUSED
    assert capsys.readouterr().out.splitlines() == [
        "✓ a case  permit",
        "✗ a case  deny      small",
        "    expected permit by no rule",
        "    forbidden by small",
        "1 of 2 cases hold",
    ]


def test_the_right_verdict_by_another_rule_does_not_hold(folder):
    text = case("step-up", 'task = { tools = ["mail.send"] }\nrules = ["small"]')
    assert main(["policy", "test", cases(folder, text)]) == exit_codes.REFUSED


def test_results_are_plain_data_for_programs(folder, capsys):
    assert main(["policy", "test", "--json", cases(folder, case("deny"))]) == exit_codes.REFUSED
    (shown,) = json.loads(capsys.readouterr().out)["cases"]
    assert shown == {
        "name": "a case",
        "holds": False,
        "verdict": "permit",
        "rules": [],
        "detail": None,
        "expected": "deny",
        "expected_rules": None,
    }


def test_without_a_policy_the_shipped_one_is_tested(folder, capsys):
    text = case("step-up", 'task = { labels = ["personal"] }\nrules = ["no-leak"]')
    assert main(["policy", "test", cases(folder, text, policy='catalogue = "tools.toml"\n')]) == exit_codes.OK


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "case is missing: set it"),
        (case("perhaps"), "case[0].expect is refused"),
        (case("permit", "tsak = {}"), "case[0].tsak is not a setting: did you mean task?"),
        (case("permit", "agents = []"), "case[0].agents is refused"),
        (case("permit", "arguments = { a = 2026-11-22 }"), "the arguments of the case 'a case'"),
        (case("permit", "time = 2026-11-22T10:00:00"), "case[0].time is refused"),
    ],
)
def test_a_file_of_cases_that_makes_no_sense_is_one_line(folder, capsys, text, words):
    assert main(["policy", "test", cases(folder, text)]) == exit_codes.CONFIG
    assert words in capsys.readouterr().err


def test_a_policy_that_is_refused_tests_nothing(folder, capsys):
    (folder / "policy.cedar").write_text("permit (principal, action, resource);")
    assert main(["policy", "test", cases(folder, case("permit"))]) == exit_codes.CONFIG
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
