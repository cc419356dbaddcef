"""Messages of TrustService about what tools say of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from delegation.core import limits
from delegation.core.declaration import Declaration
from delegation.errors import InvalidRequest
from delegation.v1 import trust_service_pb2 as pb
from delegation.wire.declarations import effect_numbers_of, read_declaration
from delegation.wire.fields import moment_ms, printable, service_answer
from delegation.wire.paging import PageRequest, page_token, read_cursor, read_page

TOOLS_IN_A_REPORT: Final = 512
"""More are told in several reports."""


class ToolDifference(StrEnum):
    """How a tool differs from the operator's catalogue."""

    UNLISTED = "unlisted"
    CHANGED = "changed"
    RISKIER = "riskier"


_NUMBERS: Final = {
    ToolDifference.UNLISTED: pb.TOOL_DIFFERENCE_UNLISTED,
    ToolDifference.CHANGED: pb.TOOL_DIFFERENCE_CHANGED,
    ToolDifference.RISKIER: pb.TOOL_DIFFERENCE_RISKIER,
}
_DIFFERENCES: Final = {int(number): difference for difference, number in _NUMBERS.items()}


@dataclass(frozen=True, slots=True)
class ToolsToReport:
    """What the tools of an audience say of themselves, by their names."""

    audience: str
    tools: Mapping[str, Declaration]


@dataclass(frozen=True, slots=True)
class ToolReport:
    """What somebody who serves a tool has said of it last.

    Attributes:
        audience, tool: Which.
        caller: Who serves it.
        declared: What was said.
        differences: How that differs from the catalogue that was in use when this was answered.
        first_seen_at_ms, last_seen_at_ms: When it was said for the first and for the last time.
        since_ms: Since when it differs in just this, or in nothing.
    """

    audience: str
    tool: str
    caller: str
    declared: Declaration
    differences: tuple[ToolDifference, ...]
    first_seen_at_ms: int
    last_seen_at_ms: int
    since_ms: int


def report_tools_request_message(report: ToolsToReport) -> pb.ReportToolsRequest:
    """Make the message of what tools say of themselves."""
    tools = [_served_tool(name, declared) for name, declared in sorted(report.tools.items())]
    return pb.ReportToolsRequest(audience=report.audience, tools=tools)


def read_report_tools_request(message: pb.ReportToolsRequest) -> ToolsToReport:
    """Read what tools say of themselves. Raises `InvalidRequest`."""
    if len(message.tools) > TOOLS_IN_A_REPORT:
        raise InvalidRequest(
            f"a report is about at most {TOOLS_IN_A_REPORT} tools, this one about {len(message.tools)}"
        )
    tools = dict(map(_read_served_tool, message.tools))
    if len(tools) < len(message.tools):
        raise InvalidRequest("a report names each tool once")
    return ToolsToReport(printable(message.audience, limits.NAME_BYTES, "audience"), tools)


def read_list_tool_reports_request(message: pb.ListToolReportsRequest) -> PageRequest:
    """Read which reports are wanted. Raises `InvalidRequest`."""
    return read_page(message.page_size, message.page_token)


def list_tool_reports_response_message(
    reports: Sequence[ToolReport], next_cursor: bytes | None
) -> pb.ListToolReportsResponse:
    """Make the message of what tools have said."""
    listed = [
        pb.ToolReport(
            audience=each.audience,
            tool=_served_tool(each.tool, each.declared),
            caller=each.caller,
            differences=[_NUMBERS[difference] for difference in each.differences],
            first_seen_at_ms=each.first_seen_at_ms,
            last_seen_at_ms=each.last_seen_at_ms,
            since_ms=each.since_ms,
        )
        for each in reports
    ]
    return pb.ListToolReportsResponse(reports=listed, next_page_token=page_token(next_cursor))


def read_list_tool_reports_response(
    message: pb.ListToolReportsResponse,
) -> tuple[tuple[ToolReport, ...], bytes | None]:
    """Read what tools have said, and where to go on. Raises `RequestFailed`."""
    with service_answer():
        return tuple(map(_read_report, message.reports)), read_cursor(message.next_page_token)


def _read_report(message: pb.ToolReport) -> ToolReport:
    tool, declared = _read_served_tool(message.tool)
    if unknown := set(message.differences) - _DIFFERENCES.keys():
        raise InvalidRequest(f"a difference is of a kind that is not known here: {min(unknown)}")
    return ToolReport(
        printable(message.audience, limits.NAME_BYTES, "audience"),
        tool,
        printable(message.caller, limits.NAME_BYTES, "caller"),
        declared,
        tuple(_DIFFERENCES[number] for number in message.differences),
        moment_ms(message.first_seen_at_ms, "first_seen_at_ms"),
        moment_ms(message.last_seen_at_ms, "last_seen_at_ms"),
        moment_ms(message.since_ms, "since_ms"),
    )


def _served_tool(name: str, declared: Declaration) -> pb.ServedTool:
    return pb.ServedTool(
        name=name,
        manifest_digest=declared.manifest_digest,
        declared_effects=effect_numbers_of(declared),
        declared_labels=sorted(declared.labels),
    )


def _read_served_tool(message: pb.ServedTool) -> tuple[str, Declaration]:
    return printable(message.name, limits.NAME_BYTES, "tool"), read_declaration(
        message.declared_effects, message.declared_labels, message.manifest_digest
    )
