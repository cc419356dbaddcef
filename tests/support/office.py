"""An office for scenarios: a real service with the shipped policy, and real guarded MCP tools that do things.

with running_office(directory) as office:
    async with office.visit() as visit:
        planner = await visit.agent()
        async with planner.task("Answer", scope=Scope(any_call("docs", "read"))) as task:
            await visit.run(task, "docs.read", name="ann")
            assert office.done(task, "docs.read")
"""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp import Client as McpClient

from delegation.errors import Refused
from delegation.policy.load import DEFAULT_POLICY
from delegation_sdk import AsyncClient
from delegation_sdk.delegation import Delegation
from delegation_sdk.integrations.mcp_client import call_tool, refusal_in
from support.server import RunningServer, identity, running_server

PROGRAM = Path(__file__).parent.parent / "scenarios" / "mcp_office_server.py"
ANN, BEN, OLGA = "person/ann", "person/ben", "operator/olga"
TOOLS = {
    "docs.read": {"effects": ["read"], "labels": ["personal"]},
    "docs.search": {"effects": ["read"], "labels": ["public"]},
    "mail.send": {"effects": ["external"]},
    "payments.refund": {"effects": ["write", "spends"]},
    "iam.grant": {"effects": ["write", "privilege"]},
    "iam.roles": {"effects": ["read"], "labels": ["internal"]},
}
AUDIENCES = ("docs", "mail", "payments", "iam")


def entry(tool: str, **says: Any) -> str:
    """Write one tool's entry of the catalogue."""
    audience, _, name = tool.partition(".")
    values = {"audience": audience, "name": name, "owner": f"team-{audience}", **says}
    return "\n".join(["[[tool]]", *(f"{key} = {json.dumps(value)}" for key, value in values.items()), ""])


@dataclass
class Office:
    """A service, its catalogue, its tools' addresses, and what they have done."""

    server: RunningServer
    catalogue: Path
    ledger: Path
    urls: dict[str, str] = field(default_factory=dict)
    _names: Iterator[int] = field(default_factory=itertools.count)

    def new_agent(self) -> str:
        """Give a name that no agent had before: what agents have read sticks to them."""
        return f"agent/clerk-{next(self._names)}"

    @contextlib.contextmanager
    def tools(self, *audiences: str, options: tuple[str, ...] = ()) -> Iterator[dict[str, str]]:
        """Start the MCP servers of some audiences as one process; give their addresses."""
        profiles = [f"{audience}={self.server.profile(f'tool/{audience}')}" for audience in audiences]
        arguments = [sys.executable, str(PROGRAM), *options, str(self.ledger), *profiles]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            try:
                ports = json.loads(process.stdout.readline())  # empty: it has ended, its errors are on the terminal
                yield {audience: f"http://127.0.0.1:{port}/mcp" for audience, port in ports.items()}
            finally:
                process.terminate()

    @contextlib.asynccontextmanager
    async def visit(self, urls: Mapping[str, str] | None = None) -> AsyncIterator[Visit]:
        """Open a session with each MCP server: with those at these addresses, or with the usual ones."""
        async with contextlib.AsyncExitStack() as stack:
            sessions = {
                audience: await stack.enter_async_context(McpClient(url))
                for audience, url in (urls or self.urls).items()
            }
            yield Visit(self, stack, sessions)

    def done(self, task: Delegation, tool: str) -> list[dict[str, Any]]:
        """Tell with which arguments a tool has run in a task."""
        lines = map(json.loads, self.ledger.read_text().splitlines())
        of_task = [line for line in lines if line.pop("task") == task.task_id.hex()]
        return [line for line in of_task if line.pop("tool") == tool]


@dataclass
class Visit:
    """A test's sessions with the office."""

    office: Office
    stack: contextlib.AsyncExitStack
    sessions: dict[str, McpClient]

    async def client(self, path: str) -> AsyncClient:
        """Connect as somebody."""
        return await self.stack.enter_async_context(AsyncClient.connect(self.office.server.profile(path)))

    async def agent(self) -> AsyncClient:
        """Connect as an agent that nobody has seen before."""
        return await self.client(self.office.new_agent())

    async def call(self, holding: Delegation, tool: str, **arguments: Any) -> Any:
        """Call a tool; give what its server answers. With `wait_for_approval` it is waited for."""
        audience, _, name = tool.partition(".")
        wait = arguments.pop("wait_for_approval", None)
        return await call_tool(self.sessions[audience], holding, audience, name, arguments, wait_for_approval=wait)

    async def run(self, holding: Delegation, tool: str, **arguments: Any) -> str:
        """Call a tool, which runs; give what it returns."""
        result = await self.call(holding, tool, **arguments)
        assert not result.is_error, result
        return str(result.content[0].text)

    async def refusal(self, holding: Delegation, tool: str, **arguments: Any) -> Refused:
        """Call a tool, which is refused; give the refusal."""
        refused = refusal_in(await self.call(holding, tool, **arguments))
        assert refused is not None, "it ran"
        return refused


@contextlib.contextmanager
def running_office(
    directory: Path, *, catalogue: str | None = None, rules: str = "", **further: Any
) -> Iterator[Office]:
    """Start the service; the catalogue is that of `TOOLS` unless another is given. The tools are started apart.

    With `rules` these count beside those that are shipped; `further` are tables of the configuration.
    """
    tools = directory / "tools.toml"
    tools.write_text(catalogue or "\n".join(entry(name, **says) for name, says in TOOLS.items()))
    ledger = directory / "ledger.jsonl"
    ledger.touch()
    identities = [
        identity(ANN, "approver"),
        identity(BEN, "approver"),
        identity(OLGA, "operator"),
        *(identity(f"tool/{audience}", "tool", audiences=[audience]) for audience in AUDIENCES),
    ]
    if rules:
        (directory / "policy.cedar").write_text(DEFAULT_POLICY.read_text() + rules)
        further["policy"] = {"file": directory / "policy.cedar"}
    with running_server(directory / "state", identities=identities, catalogue=tools, **further) as server:
        yield Office(server, tools, ledger)
