"""Telling the service of tools in the background: at once, again when something changes, and until it works."""

from __future__ import annotations

import queue

import pytest

from delegation.core.declaration import Declaration
from delegation.core.trust import Effect
from delegation.errors import PermissionDenied, ServiceUnavailable
from delegation_sdk.served_tools import ServedTools
from delegation_sdk.sources import Sources
from delegation_sdk.tool_reporter import ToolReporter

WITHIN_S = 60
WRITES = Declaration(frozenset({Effect.WRITE}))


class Sink:
    """A service that fails as often as it is told to."""

    def __init__(self):
        self.failures = []
        self.told = queue.Queue()

    def report_tools(self, audience, tools):
        self.told.put((audience, dict(tools)))
        if self.failures:
            raise self.failures.pop(0)


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def served():
    return ServedTools()


@pytest.fixture
def reporter(sink, served):
    reporter = ToolReporter("files", sink, served, sources=Sources.system())
    yield reporter
    reporter.close()


def test_what_is_declared_before_and_after_is_told_together_with_what_was(sink, served, reporter):
    served.declare("read", Declaration())
    reporter.start()
    assert sink.told.get(timeout=WITHIN_S) == ("files", {"read": Declaration()})
    served.declare("write", WRITES)
    assert sink.told.get(timeout=WITHIN_S) == ("files", {"read": Declaration(), "write": WRITES})
    served.declare("write", WRITES)  # nothing new
    served.list({"read": Declaration()})
    assert sink.told.empty()


def test_nothing_is_begun_for_a_guard_without_tools(sink, reporter):
    reporter.start()
    assert reporter._thread is None


def test_a_service_that_is_away_is_told_later(sink, served, reporter, caplog):
    sink.failures = [ServiceUnavailable("away"), ServiceUnavailable("away")]
    served.declare("read", Declaration())
    reporter.start()
    told = [sink.told.get(timeout=WITHIN_S) for _ in range(3)]
    assert len({str(each) for each in told}) == 1
    assert len([each for each in caplog.records if "not told" in each.message]) == 1


@pytest.mark.parametrize("failure", [PermissionDenied("no tool"), RuntimeError("a defect with a secret")])
def test_one_that_refuses_is_told_of_what_is_new_and_not_asked_over_and_over(sink, served, reporter, caplog, failure):
    sink.failures = [failure]
    served.declare("read", Declaration())
    reporter.start()
    sink.told.get(timeout=WITHIN_S)
    served.declare("write", WRITES)
    assert sink.told.get(timeout=WITHIN_S)[1].keys() == {"read", "write"}
    assert sink.told.empty()
    assert "secret" not in caplog.text


def test_a_closed_guard_tells_nothing_more(sink, served, reporter):
    reporter.start()
    reporter.close()
    served.declare("read", Declaration())
    assert reporter._thread is None
