"""Telling the service what tools say of themselves, over gRPC. Loaded when a guard is connected, not before."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from delegation.core.declaration import Declaration
from delegation.core.names import is_name
from delegation.v1.trust_service_pb2_grpc import TrustServiceStub
from delegation.wire.tool_reports import TOOLS_IN_A_REPORT, ToolsToReport, report_tools_request_message
from delegation_sdk.channel import DEADLINE_S, error_of


class GrpcToolReports:
    """Reports over a channel.

    Args:
        channel: The channel.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = TrustServiceStub(channel)

    def report_tools(self, audience: str, tools: Mapping[str, Declaration]) -> None:
        """Tell of tools, of as many at a time as one report may; none that no scope could name. Raises."""
        named = [(name, declared) for name, declared in tools.items() if is_name(name)]
        for first in range(0, len(named), TOOLS_IN_A_REPORT):
            report = ToolsToReport(audience, dict(named[first : first + TOOLS_IN_A_REPORT]))
            try:
                self._stub.ReportTools(report_tools_request_message(report), timeout=DEADLINE_S)
            except grpc.RpcError as error:
                raise error_of(error) from None
