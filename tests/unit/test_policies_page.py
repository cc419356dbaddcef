"""What `docs/policies.md` tells people to copy can be copied, and does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from delegation.cli import exit_codes, main
from delegation.core.chain import PrincipalBasis
from delegation.core.trust import Effect
from delegation.policy.annotations import _KNOWN
from delegation.policy.arguments import ArgumentType
from delegation.policy.vocabulary import BUDGETS_LEFT, FIELDS
from delegation.server.config import load_config

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "policies.md").read_text()
BLOCKS = re.findall(r"^```(?:toml|cedar)\n(?:#|//) ([\w.-]+)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path):
    for name, content in BLOCKS:
        (tmp_path / name).write_text(content)
    return tmp_path


def test_every_block_says_which_file_it_is():
    assert [name for name, _ in BLOCKS] == [
        "tools.toml",
        "policy.cedar",
        "decision-point.toml",
        "cases.toml",
    ]
    assert len(BLOCKS) == PAGE.count("```") // 2


def test_the_policy_type_checks(folder):
    arguments = ["policy", "check", str(folder / "policy.cedar"), "--catalogue", str(folder / "tools.toml")]
    assert main(arguments) == exit_codes.OK


def test_the_settings_of_a_decision_point_are_taken(folder):
    policy = load_config(folder / "decision-point.toml", dev=True).policy
    assert policy.decision_point_token_file == folder / "pdp-token"
    assert policy.model_fields_set == set(type(policy).model_fields) - {"file"}


def test_every_case_holds(folder, capsys):
    assert main(["policy", "test", str(folder / "cases.toml")]) == exit_codes.OK, capsys.readouterr().out


def test_every_rule_that_forbids_decides_a_case(folder):
    forbids = re.findall(r'@id\("([\w-]+)"\)(?:\n@.*)*\nforbid', (folder / "policy.cedar").read_text())
    decided = set(re.findall(r'rules = \["([\w-]+)"\]', (folder / "cases.toml").read_text()))
    assert set(forbids) == decided
    assert len(forbids) == 9


def test_every_field_is_told_with_its_type():
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (\S+?),? ?(?:may be missing)? \|", PAGE, flags=re.MULTILINE)
    told = {name: type_ for names, type_ in rows for name in re.findall(r"`(\w+)`", names)}
    assert told == {name: field.type for name, field in FIELDS.items()}
    assert f"`{BUDGETS_LEFT}`" in PAGE


def test_every_word_is_told():
    words = {*map(str, Effect), *map(str, PrincipalBasis), *map(str, ArgumentType)}
    assert {word for word in words if f"`{word}`" not in PAGE} == set()
    assert {name for name in _KNOWN if f"@{name}(" not in PAGE} == set()


def test_every_story_is_a_scenario_and_every_scenario_is_told():
    told = re.findall(r"^\| .+ \| \[(\w+)\]\(\.\./tests/scenarios/\1\.py\) \|$", PAGE, flags=re.MULTILINE)
    assert sorted(told) == sorted(path.stem for path in (ROOT / "tests" / "scenarios").glob("test_*.py"))
