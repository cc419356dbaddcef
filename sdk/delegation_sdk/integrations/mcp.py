"""Guarding the tools of a server written with the official MCP SDK (2.x), over any transport. Needs the extra `mcp`.

The SDK coerces arguments after this has decided ("5" becomes 5, unknown ones are dropped), so constraints are strict
about types on what was sent. `MCPServer.call_tool`, called in process, passes by every extension: it is not guarded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

try:
    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from mcp.server.extension import Extension
    from mcp.server.mcpserver import MCPServer
    from mcp_types import (
        CallToolRequestParams,
        CallToolResult,
        ElicitRequest,
        ElicitRequestFormParams,
        InputRequiredResult,
        TextContent,
        Tool,
    )
except ImportError as missing:
    raise ImportError("guarding an MCP server needs the MCP SDK: pip install 'delegation-chain[mcp]'") from missing

from delegation.core.declaration import Declaration
from delegation.core.records import OutcomeStatus
from delegation.errors import Reason, Refused, refusal
from delegation_sdk import context, mcp_approval, observed_answer, refusal_json
from delegation_sdk.advice import advice
from delegation_sdk.authorized_call import AuthorizedCall
from delegation_sdk.guard import Guard
from delegation_sdk.guarded_tool import reporting
from delegation_sdk.log import defect, warn
from delegation_sdk.mcp_manifest import digest_of_listed, hints_of_listed
from delegation_sdk.observed_call import ObservedCall

IDENTIFIER: Final = "io.github.delegation-chain/guard"


class UnknownDefault:
    """Stands for a default that a schema does not tell (a factory's). No link that speaks of it permits it."""


class GuardExtension(Extension):
    """Lets a server's tools run only for authorized calls: `MCPServer("files", extensions=[GuardExtension(guard)])`.

    Args:
        guard: The guard of the audience that the server's tools speak for.
        catalogue_only: Refuse tools that the operator's catalogue does not list, without asking the service.
    """

    identifier = IDENTIFIER

    def __init__(self, guard: Guard, *, catalogue_only: bool = False) -> None:
        self._guard = guard
        self._catalogue_only = catalogue_only
        self._server: MCPServer[Any] | None = None
        self._defaults: dict[str, dict[str, Any]] = {}
        self._manifests: dict[str, bytes] = {}
        self._told: set[tuple[str, bytes, bytes]] = set()

    def attach(self, server: MCPServer[Any]) -> None:
        """Read the tools' defaults from this server, to check what a tool will use and not only what was sent."""
        self._server = server

    def settings(self) -> dict[str, Any]:
        """Tell clients that calls need a delegation, for whom, and where it goes."""
        return {"audience": self._guard.audience, "metaKey": context.META_KEY}

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Decide the call; run the tool if it may run, and report what came of it."""
        first, request_id = params.request_state is None, mcp_approval.request_in(params.request_state)
        if request_id:  # the answer to it was this guard's: the tool has asked nobody
            params.request_state = params.input_responses = None
        try:
            call = await self._authorize(params)
        except Refused as refused:
            if first and mcp_approval.waits(refused) and _asks_people(params, ctx):
                return waiting(refused, params.name)
            return denied(mcp_approval.sent_again(refused, request_id))
        except Exception as error:  # noqa: BLE001 - its text would go to the client, and failing is a denial
            warn("deciding a call failed: %s", defect(error))
            return denied(refusal(Reason.INTERNAL))
        with context.serving(call), reporting(self._guard, call):
            result = await call_next(_without_delegation(ctx))
            if getattr(result, "is_error", False):
                call.report(OutcomeStatus.FAILED if self._guard.only_reads(call.tool) else OutcomeStatus.UNKNOWN)
        return _saying(result, observed_answer.to_mcp_meta(call))

    async def _authorize(self, params: CallToolRequestParams) -> AuthorizedCall | ObservedCall:
        if self._catalogue_only and not self._guard.is_listed(params.name):
            raise refusal(Reason.POLICY_DENIED, detail="the operator's catalogue does not list this tool")
        await self._require_pinned(params.name)
        carriage = context.from_mcp_meta(params.meta)
        arguments = params.arguments or {}
        return await self._guard.aio.authorize(
            carriage, params.name, arguments, defaults=await self._defaults_of(params.name)
        )

    async def _defaults_of(self, tool: str) -> Mapping[str, Any]:
        """Give what a tool uses for arguments that are not sent, from its schema."""
        if self._server is None:
            declared = self._guard.declared.get(tool)
            return declared.defaults if declared else {}
        if tool not in self._defaults:
            await self._read_tools(self._server)
        return self._defaults.get(tool, {})

    async def _require_pinned(self, tool: str) -> None:
        """Require that a tool is the one that the operator's catalogue pins, if it pins one (SPEC T-38)."""
        pinned, required = self._guard.pinned_manifest(tool)
        if not pinned:
            return
        if self._server is not None and tool not in self._manifests:
            await self._read_tools(self._server)
        served = self._manifests.get(tool, b"")
        if served == pinned or not (served or required):
            return
        if (tool, served, pinned) not in self._told:
            self._told.add((tool, served, pinned))
            warn("the manifest of the tool %s is not the one that the operator's catalogue pins", tool)
        if required:
            raise refusal(Reason.POLICY_DENIED, detail="the tool is not the one that the operator's catalogue pins")

    async def _read_tools(self, server: MCPServer[Any]) -> None:
        tools = await server.list_tools()
        self._defaults = {each.name: _schema_defaults(each.input_schema) for each in tools}
        self._manifests = {each.name: _manifest_digest(each) for each in tools}
        self._guard.lists({each.name: _declaration(each, self._manifests[each.name]) for each in tools})


def guarded_server(guard: Guard, name: str | None = None, *, catalogue_only: bool = False, **options: Any) -> MCPServer:
    """Make an MCP server all of whose tools are guarded.

    Args:
        guard: The guard of its audience.
        name: The server's name; None: the audience.
        catalogue_only: Refuse tools that the operator's catalogue does not list.
        **options: As `MCPServer` takes them.
    """
    extension = GuardExtension(guard, catalogue_only=catalogue_only)
    extensions = [extension, *(options.pop("extensions", None) or ())]
    server: MCPServer = MCPServer(name or guard.audience, extensions=extensions, **options)
    extension.attach(server)
    return server


def denied(refused: Refused) -> CallToolResult:
    """Give the MCP answer of a refusal: a tool error with the reason for machines and a text for people."""
    return CallToolResult(
        is_error=True,
        content=[TextContent(type="text", text=f"Refused: {refused}. {advice(refused)}")],
        structured_content=refusal_json.to_json(refused),
    )


def waiting(refused: Refused, tool: str) -> InputRequiredResult:
    """Give the MCP answer of a call that waits for approval, to a client that can show a person what for."""
    form = ElicitRequestFormParams(
        message=mcp_approval.words(refused, tool), requested_schema={"type": "object", "properties": {}}
    )
    return InputRequiredResult(
        input_requests={"approval": ElicitRequest(params=form)},
        request_state=mcp_approval.state_of(refused),
        _meta={refusal_json.META_KEY: refusal_json.to_json(refused)},
    )


def _asks_people(params: CallToolRequestParams, ctx: ServerRequestContext[Any, Any]) -> bool:
    return mcp_approval.can_be_asked(ctx.protocol_version, ctx.session.client_capabilities, params.meta)


def _without_delegation(ctx: ServerRequestContext[Any, Any]) -> ServerRequestContext[Any, Any]:
    """Hide chain and proof from the tool: it needs neither, and could only leak them."""
    meta: Any = None if ctx.meta is None else context.without_mcp_meta(ctx.meta)
    params = ctx.params
    if params is not None and isinstance(params.get("_meta"), Mapping):
        params = {**params, "_meta": context.without_mcp_meta(params["_meta"])}
    return replace(ctx, meta=meta, params=params)


def _saying(result: HandlerResult, meta: Mapping[str, Any]) -> HandlerResult:
    """Add to the `_meta` of a tool's result."""
    if not meta or not isinstance(result, CallToolResult):
        return result
    return result.model_copy(update={"meta": {**(result.meta or {}), **meta}})


def _manifest_digest(tool: Tool) -> bytes:
    """Give the digest of a tool's manifest; empty if there can be none."""
    try:
        return digest_of_listed(tool)
    except Refused:
        return b""


def _declaration(tool: Tool, manifest_digest: bytes) -> Declaration:
    """Give what a tool says of itself: hints of danger count, others say nothing."""
    return Declaration(hints_of_listed(tool).raises(), manifest_digest=manifest_digest)


def _schema_defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a tool uses for arguments that are not sent; `UnknownDefault` where its schema does not tell."""
    required = schema.get("required", ())
    return {
        name: each["default"] if isinstance(each, Mapping) and "default" in each else UnknownDefault()
        for name, each in schema.get("properties", {}).items()
        if name not in required
    }
