"""Contract: what tools say of themselves is kept once for each who serves them, within bounds, and is forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delegation.storage.refused_writes import TooManyToolsError
from delegation.storage.tool_reports import TOOLS_OF_A_CALLER, JudgedReport, ToolReportRecord
from storage.made import NOW_MS, digest

SERVES, OTHER = "spiffe://example.org/tool/files", "spiffe://example.org/tool/mail"


def a_report(tool, caller=SERVES, **fields):
    made = {
        "report_id": digest((tool, caller)),
        "audience": "files",
        "tool": tool,
        "caller": caller,
        "manifest_digest": digest("manifest"),
        "effects": "external,read",
        "labels": "personal",
        "state": "raised",
        "state_since_ms": NOW_MS,
        "first_seen_ms": NOW_MS,
        "last_seen_ms": NOW_MS,
        "expires_ms": NOW_MS + 60_000,
    }
    return ToolReportRecord(**made | fields)


async def all_reports(storage):
    page = await storage.tool_reports(limit=100_000)
    assert page.next_cursor is None
    return set(page.items)


async def test_what_is_said_again_takes_the_place_of_what_was_said(storage):
    first, other = a_report("read"), a_report("read", OTHER)
    assert await storage.put_tool_reports(SERVES, [first]) == {}
    await storage.put_tool_reports(OTHER, [other])
    later = NOW_MS + 5
    again = replace(first, last_seen_ms=later, first_seen_ms=later, state_since_ms=later, expires_ms=later)
    assert await storage.put_tool_reports(SERVES, [again]) == {first.report_id: first}
    same = replace(again, first_seen_ms=NOW_MS, state_since_ms=NOW_MS)  # for as long as it differs in nothing else
    assert await all_reports(storage) == {same, other}
    changed = replace(again, state="changed")
    assert await storage.put_tool_reports(SERVES, [changed]) == {first.report_id: same}
    assert await all_reports(storage) == {replace(changed, first_seen_ms=NOW_MS), other}


async def test_of_a_tool_everybody_who_serves_it_is_found_the_latest_first(storage):
    mine, theirs = a_report("read"), a_report("read", OTHER, last_seen_ms=NOW_MS + 1)
    await storage.put_tool_reports(SERVES, [mine, a_report("write")])
    await storage.put_tool_reports(OTHER, [theirs])
    assert list(await storage.tool_reports_of("files", "read")) == [theirs, mine]
    assert list(await storage.tool_reports_of("files", "read", limit=1)) == [theirs]
    assert list(await storage.tool_reports_of("mail", "read")) == []


async def test_reports_are_paged(storage):
    reports = [a_report(f"tool {n}") for n in range(5)]
    await storage.put_tool_reports(SERVES, reports)
    first = await storage.tool_reports(limit=3)
    second = await storage.tool_reports(limit=3, cursor=first.next_cursor)
    assert (len(first.items), second.next_cursor) == (3, None)
    assert {*first.items, *second.items} == set(reports)


async def test_of_one_caller_so_many_tools_are_kept_and_no_more(storage):
    names = [f"tool {n}" for n in range(TOOLS_OF_A_CALLER)]
    await storage.put_tool_reports(SERVES, list(map(a_report, names)))
    with pytest.raises(TooManyToolsError):
        await storage.put_tool_reports(SERVES, [a_report("one more"), a_report(names[0], labels="lost")])
    await storage.put_tool_reports(SERVES, [a_report(names[0], labels="known")])
    await storage.put_tool_reports(OTHER, [a_report("another's", OTHER)])
    kept = await all_reports(storage)
    assert len(kept) == TOOLS_OF_A_CALLER + 1
    assert {report.labels for report in kept} == {"personal", "known"}


async def test_a_state_is_changed_by_whoever_knows_it(storage):
    report = a_report("read")
    await storage.put_tool_reports(SERVES, [report])
    judged = [JudgedReport(report.report_id, "raised", ""), JudgedReport(digest("unknown"), "", "raised")]
    assert await storage.judge_tool_reports(judged, now_ms=NOW_MS + 7) == {report.report_id}
    assert await storage.judge_tool_reports(judged, now_ms=NOW_MS + 8) == frozenset()
    assert await all_reports(storage) == {replace(report, state="", state_since_ms=NOW_MS + 7)}


async def test_a_report_that_nobody_repeats_is_forgotten(storage):
    stays = a_report("write", expires_ms=NOW_MS + 1)
    await storage.put_tool_reports(SERVES, [a_report("read", expires_ms=NOW_MS), stays])
    assert await storage.purge_expired(NOW_MS) == 1
    assert await all_reports(storage) == {stays}
