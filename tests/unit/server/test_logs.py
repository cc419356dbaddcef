"""What libraries write by themselves is in the log in its form, without their words."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from delegation.server.logs import configure_logs
from delegation.server.telemetry_config import LogsConfig


@pytest.fixture
def configured():
    before = {name: (logging.getLogger(name).handlers, logging.getLogger(name).propagate) for name in NAMES}
    settings = structlog.get_config()
    yield configure_logs
    structlog.configure(**settings)
    for name, (handlers, propagate) in before.items():
        logging.getLogger(name).handlers, logging.getLogger(name).propagate = handlers, propagate


NAMES = ("asyncio", "asyncpg")


@pytest.mark.parametrize("name", NAMES)
def test_a_librarys_complaint_is_one_line_with_type_and_place_and_without_its_words(configured, name, capsys):
    configured(LogsConfig(format="json"))
    logging.getLogger(name).error("it was %s", "hunter2", exc_info=ValueError("hunter2"))
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["library"], told["type"], told["level"]) == (name, "ValueError", "error")
    assert told["where"].startswith("test_logs.py:")
    assert "hunter2" not in line


def test_the_level_holds_for_libraries_too(configured, capsys):
    configured(LogsConfig(format="json", level="error"))
    logging.getLogger("asyncio").warning("slow")
    assert capsys.readouterr().err == ""
