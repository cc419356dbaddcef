"""Writes about what tools say of themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from delegation.storage.operations.operation import Operation, Transaction
from delegation.storage.refused_writes import TooManyToolsError
from delegation.storage.rows import TOOL_REPORTS
from delegation.storage.schema import tool_reports
from delegation.storage.statements import Statement, insert_or_replace
from delegation.storage.tool_reports import TOOLS_OF_A_CALLER

if TYPE_CHECKING:
    from delegation.storage.tool_reports import JudgedReport, ToolReportRecord

_COUNT = Statement(sa.select(sa.func.count()).where(tool_reports.c.caller == sa.bindparam("caller")))
_KNOWN = Statement(TOOL_REPORTS.select().where(tool_reports.c.report_id == sa.bindparam("report_id")))
_PUT = insert_or_replace(tool_reports)
_JUDGE = Statement(
    sa.update(tool_reports)
    .where(tool_reports.c.report_id == sa.bindparam("of_report"), tool_reports.c.state == sa.bindparam("before"))
    .values(state=sa.bindparam("after"), state_since_ms=sa.bindparam("since_ms"))
)


@dataclass(frozen=True, slots=True)
class PutToolReports(Operation["dict[bytes, ToolReportRecord]"]):
    """See `Storage.put_tool_reports`. Two instances of a caller that report at once: the later one stays."""

    caller: str
    reports: tuple[ToolReportRecord, ...]

    def apply(self, transaction: Transaction) -> dict[bytes, ToolReportRecord]:
        """Insert or replace; since when something holds stays as it was."""
        rows = transaction.each(_KNOWN, [{"report_id": report.report_id} for report in self.reports])
        former = {record.report_id: record for record in map(TOOL_REPORTS.from_row, rows)}
        if len(former) < len(self.reports):
            (kept,) = transaction.one(_COUNT, caller=self.caller) or (0,)
            if kept + len(self.reports) - len(former) > TOOLS_OF_A_CALLER:
                raise TooManyToolsError(f"of one caller {TOOLS_OF_A_CALLER} tools are kept")
        put = [_after(former.get(report.report_id), report) for report in self.reports]
        transaction.insert(_PUT, map(TOOL_REPORTS.to_row, put))
        return former


@dataclass(frozen=True, slots=True)
class JudgeToolReports(Operation["frozenset[bytes]"]):
    """See `Storage.judge_tool_reports`."""

    judged: tuple[JudgedReport, ...]
    now_ms: int

    def apply(self, transaction: Transaction) -> frozenset[bytes]:
        """Change those that are what they were."""
        return frozenset(
            each.report_id
            for each in self.judged
            if transaction.change(
                _JUDGE, of_report=each.report_id, before=each.before, after=each.after, since_ms=self.now_ms
            )
        )


def _after(known: ToolReportRecord | None, report: ToolReportRecord) -> ToolReportRecord:
    if known is None:
        return report
    since_ms = known.state_since_ms if known.state == report.state else report.state_since_ms
    return replace(report, first_seen_ms=known.first_seen_ms, state_since_ms=since_ms)
