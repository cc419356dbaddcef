"""What the doctor says of a policy: whether it can be used, whether it is in force, and what it does not reach."""

from __future__ import annotations

import json

import pytest

from delegation.app.doctor.finding import Level
from delegation.app.doctor.policy import check_policy
from delegation.policy.load import DEFAULT_POLICY
from delegation.server.config import load_config
from delegation.storage.facts import DatabaseFacts
from support.decision_point import point_files, running_point
from support.server import identity

TOOLS = """
[[tool]]
audience = "crm"
name = "read"
owner = "team-crm"
effects = ["read"]
labels = ["personal"]
"""
LOCAL = '\n[[tool]]\naudience = "docs"\nname = "read"\nowner = "team-docs"\neffects = ["read"]\nlocal = true\n'
PERMIT = '@id("all") permit (principal, action, resource);\n'


def facts(policy: str | None = None, *, version: int = 3, tools: tuple[tuple[str, str], ...] = ()) -> DatabaseFacts:
    content = b"" if policy is None else json.dumps([["policy.cedar", policy]]).encode()
    return DatabaseFacts(
        schema="0005",
        feed_position=0,
        bundle_version=1,
        root=b"",
        policy_version=0 if policy is None else version,
        policy=content,
        tools=tools,
        newest_record_ms=0,
        clock_ms=None,
    )


@pytest.fixture
def look(tmp_path):
    """`look("permit …", facts, tools=…)` gives what was found, by check."""

    def looked(text: str | None, known: DatabaseFacts | None = None, *, tools: str = TOOLS, **further):
        (tmp_path / "tools.toml").write_text(tools)
        if text is not None:
            (tmp_path / "policy.cedar").write_text(text)
            further["policy"] = {"file": tmp_path / "policy.cedar"}
        files = {name: tmp_path / name for name in ("certificate", "key", "client_ca")}
        values = {"trust_domain": "test.example", "state_dir": tmp_path, "catalogue": tmp_path / "tools.toml"}
        values |= {"tls": files, "identities": (identity("tool/all", "tool"),)}
        found = list(check_policy(load_config(None, **values, **further), known))
        assert all(finding.advice for finding in found if finding.level is not Level.OK)
        checks = {finding.check: finding for finding in found}
        assert len(checks) == len(found)
        return checks

    return looked


def test_the_shipped_policy_is_well_and_says_whether_it_is_in_force(look):
    assert look(None)["policy"].found.endswith("none is in force yet")
    found = look(None, facts(DEFAULT_POLICY.read_text()))
    assert list(found) == ["policy"]
    assert found["policy"].level is Level.OK
    assert found["policy"].found.endswith("version 3 in force")


def test_one_that_does_not_type_check_is_a_problem_that_names_file_line_and_reason(look):
    found = look(PERMIT + '@id("typo") forbid (principal, action, resource == Tool::"crm.reed");\n')["policy"]
    assert found.level is Level.PROBLEM
    assert "policy.cedar:2: typo: " in found.found
    assert "crm.reed" in found.found


def test_a_file_that_is_not_there_is_a_problem(look, tmp_path):
    found = look(None, policy={"file": tmp_path / "none.cedar"})["policy"]
    assert (found.level, "none.cedar" in found.found) == (Level.PROBLEM, True)


def test_a_catalogue_that_cannot_be_read_is_a_problem(look):
    assert look(None, tools="[[tool]]\n")["policy"].level is Level.PROBLEM


def test_another_text_than_the_one_in_force_is_told(look):
    other = facts(PERMIT + "// another\n")
    alone = look(PERMIT, other)["policy"]
    assert (alone.level, "takes the place of version 3" in alone.found) == (Level.OK, True)
    url = {"database": {"url": "postgresql://db.test.example/delegation"}}
    among_replicas = look(PERMIT, other, **url)["policy"]
    assert (among_replicas.level, "another text" in among_replicas.found) == (Level.WARNING, True)
    assert "follows version 3" in look(None, other, **url)["policy"].found
    assert look(PERMIT, facts(PERMIT), **url)["policy"].level is Level.OK
    damaged = facts(PERMIT)
    object.__setattr__(damaged, "policy", b"{")
    assert look(PERMIT, damaged)["policy"].level is Level.PROBLEM


def test_labels_that_no_rule_names_are_told(look):
    assert "personal" in look(PERMIT)["policy_labels"].found
    named = '@id("n") forbid (principal, action, resource) when { context.taskLabels.contains("personal") };'
    assert "policy_labels" not in look(PERMIT + named)


def test_local_tools_that_rules_may_concern_are_told(look):
    rule = '@id("all-after-three") forbid (principal, action == Action::"call", resource)'
    rule += " when { context.taskDenials > 3 };"
    assert "docs.read" in look(PERMIT + rule, tools=TOOLS + LOCAL)["policy_local"].found
    assert "policy_local" not in look(PERMIT, tools=TOOLS + LOCAL)


def test_tools_that_serve_and_are_not_listed_are_told(look):
    served = facts(DEFAULT_POLICY.read_text(), tools=(("crm", "read"), ("web", "fetch")))
    found = look(None, served)["policy_unlisted"]
    assert "web.fetch" in found.found
    assert "crm.read" not in found.found
    assert "policy_unlisted" not in look(None, facts(DEFAULT_POLICY.read_text(), tools=(("crm", "read"),)))
    assert "are permitted" in look(PERMIT)["policy_unlisted"].found
    refused = look(PERMIT + '@id("listed") forbid (principal, action, resource is UnlistedTool);', served)
    assert refused["policy_unlisted"].found.endswith("calls of them are refused")
    assert "policy_unlisted" not in look(PERMIT, served, dev=True)


def test_a_decision_point_is_asked(look, tmp_path):
    files = point_files(tmp_path)
    with running_point(files) as point:
        settings = {"decision_point": point.url, "decision_point_ca": files.ca}
        point.decide = lambda _: False
        assert look(None, policy=settings)["policy"].level is Level.OK
        point.decide = lambda _: True
        assert look(None, policy=settings)["policy"].level is Level.WARNING
    found = look(None, policy=settings)["policy"]
    assert (found.level, "does not decide" in found.found) == (Level.PROBLEM, True)
