"""What tools have said of themselves."""

from __future__ import annotations

from typing import Final

from delegation.v1 import trust_service_pb2 as pb
from delegation.wire.paging import MAX_PAGE_SIZE, page_token
from delegation.wire.tool_reports import ToolReport, read_list_tool_reports_response
from delegation_sdk.flows.rpc import Flow, Rpc

_LIST: Final = "delegation.v1.TrustService/ListToolReports"


def list_tool_reports() -> Flow[tuple[ToolReport, ...]]:
    """List what tools have said of themselves, by audience and name. Raises `RequestFailed`."""
    reports: list[ToolReport] = []
    cursor: bytes | None = None
    while True:
        request = pb.ListToolReportsRequest(page_size=MAX_PAGE_SIZE, page_token=page_token(cursor))
        answer = yield Rpc(_LIST, request, pb.ListToolReportsResponse)
        page, cursor = read_list_tool_reports_response(answer)
        reports += page
        if cursor is None:
            return tuple(sorted(reports, key=lambda each: (each.audience, each.tool, each.caller)))
