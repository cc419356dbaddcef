"""The attack suite: every class holds at every door; and the runner would notice if one did not."""

from __future__ import annotations

from typing import Any

import pytest

import delegation.core.verify as verification
from attacks.suite import __main__ as program
from attacks.suite import table
from attacks.suite.calls import AttackClass, Attempt, Call, Request
from attacks.suite.doors import Kernel
from attacks.suite.everything import CLASSES, report
from attacks.suite.runner import Report, run
from attacks.suite.worlds import KernelWorld
from delegation.errors import NotFound, Reason, refusal
from support.attacks import nothing

FIELD = {
    "wider tool": {"wider tool"},
    "wider argument": {"wider argument", "call beyond the scope"},
    "dropped constraint": {"dropped constraint", "default that an ancestor forbids"},
    "changed constraint kind": {"changed constraint kind"},
    "added argument": {"added argument"},
    "later expiry": {"later expiry"},
    "earlier start": {"earlier start"},
    "deeper depth": {"deeper depth"},
    "other audience": {"other audience", "the service's own audience"},
    "lowered approval threshold": {"lowered approval threshold"},
    "swapped approver": {"swapped approver"},
    "raised budget": {"raised budget"},
    "removed label or condition": {"removed condition", "unknown or senseless condition"},
    "forged signature": {"forged signature"},
    "signature by another key": {"signature by another key"},
    "truncated prefix": {"truncated prefix"},
    "dropped middle link": {"dropped middle link"},
    "re-ordered links": {"re-ordered links"},
    "link re-hung under another grant": {"link re-hung under another grant"},
    "spliced chains": {"spliced chains"},
    "other root": {"other root"},
    "untrusted or expired issuer key": {"untrusted or expired issuer key"},
    "key-id confusion": {"key-id confusion"},
    "small-order or non-canonical holder key": {"small-order or non-canonical holder key"},
    "signature replayed for another purpose": {"signature replayed for another purpose"},
    "unknown field": {"unknown field"},
    "duplicate field": {"duplicate field"},
    "non-canonical encoding": {"non-canonical encoding", "ambiguous carriage"},
    "unknown constraint kind": {"unknown constraint kind"},
    "unknown version": {"unknown version"},
    "oversized, over-deep, over-nested": {"oversized", "over-deep", "over-nested"},
    "expired, not yet valid": {"expired", "not yet valid"},
    "revoked ancestor, holder, agent, task": {
        "revoked ancestor",
        "revoked holder",
        "revoked agent",
        "revoked task, principal or issuer key",
    },
    "stale or rolled-back feed": {"stale or rolled-back feed", "no decision to be had"},
    "replayed proof": {"replayed proof"},
    "proof for another tool, arguments, audience, chain": {
        "proof for another tool",
        "proof for other arguments",
        "proof for another audience",
        "proof for another chain",
        "missing or meaningless chain or proof",
    },
    "proof from the future or past": {"proof from the future", "proof from the past"},
    "nonce burning": {"nonce burning"},
    "string for number, boolean for integer, float edge cases, big integers": {
        "string for number",
        "boolean for integer",
        "float edge cases",
        "big integers",
    },
    "path and URL escapes": {"path escapes", "URL and address escapes"},
    "regex denial of service": {"regex denial of service"},
    "budget overrun by siblings and by concurrency": {"budget overrun by siblings and by concurrency"},
    "approval reuse": {"approval reuse", "forged signature of an approver"},
    "approval for other arguments": {"approval for other arguments", "approver's signature for something else"},
    "task completed": {"task completed"},
    "stale authority after resume": {"stale authority after resume"},
    "identity of a hop self-asserted": {"identity of a hop self-asserted"},
    "principal swapped": {"principal swapped", "grant beyond the caller's ceiling"},
    "federation: another trust domain beyond its limits": {
        "federated domain beyond its limits",
        "posing as a federated domain",
    },
    "receipt missing, forged or for another link": {"receipt missing, forged or for another link"},
    "enforcement switched off by whoever may not": {"forged or expired observation"},
}
"""The classes that every verifier of this kind must refuse, and those of the suite that belong to them."""

LEAST_ATTEMPTS, LEAST_CLASSES = 1_000, 25
NAMES = [each.name for each in CLASSES]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Report:
    return report(tmp_path_factory.mktemp("attack-suite"))


@pytest.mark.parametrize("name", NAMES)
def test_every_attempt_is_refused_for_the_right_reason_and_every_twin_is_permitted(whole: Report, name: str):
    (row,) = (row for row in whole.rows if row.name == name)
    assert row.failures == []
    assert row.holds


def test_those_were_a_thousand_different_attempts(whole: Report):
    assert whole.distinct == whole.attempts >= LEAST_ATTEMPTS
    assert len(whole.rows) >= LEAST_CLASSES
    assert whole.holds


def test_every_door_has_seen_attempts(whole: Report):
    seen = {door for row in whole.rows for door, count in row.doors.items() if count}
    assert set(whole.doors) == {"kernel", "guard", "Authorize", "HandOff", "MCP"}
    assert seen > set(whole.doors)


def test_every_class_of_the_field_is_there_and_no_other():
    listed = [name for names in FIELD.values() for name in names]
    assert sorted(listed) == sorted(NAMES)
    assert all(FIELD.values())


def test_the_page_shows_what_was_run(whole: Report):
    page = program.PAGE.read_text()
    shown = page.split(table.BEGIN)[1].split(table.END)[0].strip()
    assert shown == table.markdown(whole), "make attacks ARGS=--markdown writes it anew"


# -- the runner itself


def of_class(name: str) -> AttackClass:
    (found,) = (each for each in CLASSES if each.name == name)
    return found


class Refusing:
    """A door that opens for nobody."""

    name, world = "nobody", KernelWorld()

    def takes(self, presented: Any, reason: object) -> bool:
        return isinstance(presented, Call)

    def show(self, call: Call) -> None:
        raise refusal(Reason.SCOPE_GREW, link_index=1)


class Broken(Refusing):
    """A door that fails."""

    def show(self, call: Call) -> None:
        raise KeyError("defect")


def test_a_class_that_is_let_through_is_reported(monkeypatch: pytest.MonkeyPatch):
    assert run([of_class("later expiry")], [Kernel()]).holds
    monkeypatch.setattr(verification, "step_10_no_wider", nothing)
    found = run([of_class("later expiry")], [Kernel()])
    (row,) = found.rows
    assert not found.holds
    assert (row.refused, row.benign) == (0, row.permitted)
    assert len(row.failures) == row.attempts
    assert "FAILED  later expiry: 'a millisecond later, by link 1 of 2' at kernel: permitted" in table.text(found)


def test_a_class_that_is_refused_for_another_reason_is_reported(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(verification, "step_10_no_wider", nothing)
    (row,) = run([of_class("wider tool")], [Kernel()]).rows
    assert row.refused > row.right
    assert not row.holds


def test_a_twin_that_is_refused_is_reported():
    found = run([of_class("later expiry")], [Refusing()])
    (row,) = found.rows
    assert row.attempts == row.refused
    assert row.permitted == 0
    assert not found.holds
    assert "twin 'the same end, by link 1 of 2' at nobody: scope_grew at link 1" in row.failures


def test_the_wrong_link_is_reported():
    (row,) = run([of_class("earlier start")], [Refusing()]).rows
    assert 0 < row.right < row.refused


def test_an_exception_that_is_no_refusal_is_reported():
    found = run([of_class("later expiry")], [Broken()])
    assert (found.rows[0].refused, found.rows[0].permitted) == (0, 0)
    assert "KeyError" in found.failures[0]


def declared(*attempts: Attempt) -> AttackClass:
    return AttackClass("declared", lambda: attempts, of_class("later expiry").twins)


def test_the_same_attempt_twice_is_reported():
    (first, *_) = of_class("wider tool").attempts()
    for twice in ((first, first._replace(name="another name")), (first, first)):
        found = run([declared(*twice)], [Kernel()])
        assert not found.holds
        assert found.failures


def test_an_attempt_that_no_door_takes_is_reported():
    (first, *_) = of_class("task completed").attempts()
    found = run([declared(first._replace(online=None, recipe=lambda world: Call(b"", b"")))], [Kernel()])
    assert not found.holds
    assert "was shown nowhere" in found.failures[0]


def test_what_is_no_decision_is_told_by_its_exception():
    def fail() -> None:
        raise NotFound("no such task")

    attempt = Attempt("one", NotFound, lambda world: Request("here", b"", fail))
    assert run([declared(attempt)], [Kernel()]).holds
    for reason in (Reason.INTERNAL, KeyError):
        assert not run([declared(attempt._replace(reason=reason))], [Kernel()]).holds


def test_a_class_without_attempts_or_without_twins_does_not_hold():
    assert not run([declared()], [Kernel()]).holds
    assert not run([of_class("wider tool")._replace(twins=lambda: ())], [Kernel()]).holds
    assert not run([], [Kernel()]).holds


@pytest.mark.parametrize("holds", [True, False])
def test_the_program_says_by_its_exit_code_whether_all_held(holds, monkeypatch, capsys):
    if not holds:
        monkeypatch.setattr(verification, "step_10_no_wider", nothing)
    monkeypatch.setattr("sys.argv", ["attacks", "--offline", "--only", "earlier start"])
    assert program.main() == (0 if holds else 1)
    assert "earlier start" in capsys.readouterr().out
