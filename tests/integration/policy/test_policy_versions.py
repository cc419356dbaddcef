"""Policies change under a running service, whole or not at all, and all replicas decide by one version."""

from __future__ import annotations

import pytest

from delegation.core.scope import any_call
from delegation.errors import ConfigError, Reason
from integration.policy.conftest import PERMIT

SEND = any_call("mail", "send")
NO_MAIL = PERMIT + '@id("no-mail") forbid (principal, action == Action::"call", resource == Tool::"mail.send");\n'
UNSOUND = PERMIT + '\n@id("typo") forbid (principal, action == Action::"call", resource == Tool::"mail.sned");\n'


def sends(ruled):
    task = ruled.as_("agent/planner").grant(SEND)
    return ruled.as_("tool/all").decide(task, "mail", "send", {}).refusal


def reason(refused):
    return refused.reason if refused else None


def test_a_changed_file_counts_without_a_restart(start):
    ruled = start(PERMIT)
    assert (sends(ruled), ruled.version) == (None, 1)
    ruled.write(NO_MAIL)
    ruled.until(lambda: ruled.version == 2)
    assert reason(sends(ruled)) is Reason.POLICY_DENIED
    ruled.write(PERMIT)  # and back: that is a version, too
    ruled.until(lambda: ruled.version == 3)
    assert sends(ruled) is None


def test_a_policy_that_does_not_type_check_is_refused_whole_and_the_old_one_stays(start, capsys):
    ruled = start(NO_MAIL)
    ruled.write(UNSOUND)
    told = ""

    def is_told():
        nonlocal told
        told += capsys.readouterr().out
        return "the policy cannot be used" in told

    ruled.until(is_told)
    assert f"{ruled.directory / 'policy.cedar'}:3: typo: the catalogue lists no tool mail.sned" in told
    assert ruled.version == 1
    assert reason(sends(ruled)) is Reason.POLICY_DENIED
    ruled.write(PERMIT)
    ruled.until(lambda: ruled.version == 2)
    assert sends(ruled) is None


def test_a_service_does_not_start_with_a_policy_that_cannot_be_used(start):
    with pytest.raises(ConfigError, match=r"policy\.cedar:3: typo: the catalogue lists no tool mail\.sned"):
        start(UNSOUND)


@pytest.mark.spec("A-22")
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_replica_started_with_an_older_file_decides_by_the_newest_version(start):
    first = start(PERMIT, name="first")
    first.write(NO_MAIL)
    first.until(lambda: first.version == 2)
    first.stop()
    second = start(PERMIT, name="second")
    assert second.version == 2
    assert reason(sends(second)) is Reason.POLICY_DENIED


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_service_that_is_alone_decides_by_its_file(start):
    first = start(PERMIT, name="first")
    first.write(NO_MAIL)
    first.until(lambda: first.version == 2)
    first.stop()
    again = start(PERMIT, name="first")
    assert (again.version, sends(again)) == (3, None)


@pytest.mark.spec("A-22")
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_replicas_decide_by_one_version(start):
    first = start(PERMIT, name="first")
    second = start(PERMIT, name="second")
    assert (first.version, second.version) == (1, 1)
    first.write(NO_MAIL)
    first.until(lambda: first.version == 2 == second.version)
    assert first.rules.digest == second.rules.digest
    assert reason(sends(second)) is Reason.POLICY_DENIED
    second.write(PERMIT + "// as before")
    first.until(lambda: first.version == 3 == second.version)
    assert sends(first) is None
