"""A service with approvers, and everybody's way to it: for the tests of step-up."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing, contextmanager

from delegation.core.approval_request import ApprovalState
from delegation.core.conditions import approved_by
from delegation.core.constraints import under
from delegation.core.scope import tool
from delegation.errors import Reason
from delegation_sdk import Client
from delegation_sdk.delegation import Delegation
from support.caller import Caller, Holding
from support.server import identity, running_server, spiffe_id

ANN, BEN, CY, EVE, BOTH = (f"person/{name}" for name in ("ann", "ben", "cy", "eve", "both"))
PLANNER, WORKER, FILES = "agent/planner", "agent/worker", "tool/files"
IDENTITIES = (
    *(identity(person, "approver") for person in (ANN, BEN, CY, EVE, "person/gone")),
    identity(BOTH, "approver", "agent", "orchestrator", ceiling="any"),
    identity("auditor/ada", "auditor"),
    identity("operator/olga", "operator"),
    identity(FILES, "tool", audiences=["files"]),
)
PATH = {"path": "/srv/old"}


class World:
    """A service, and everybody's way to it."""

    def __init__(self, server, stack):
        self.server, self._stack = server, stack
        self._clients, self._callers = {}, {}

    def client(self, path):
        if path not in self._clients:
            self._clients[path] = self._stack.enter_context(Client.connect(self.server.profile(path)))
        return self._clients[path]

    def caller(self, path):
        if path not in self._callers:
            self._callers[path] = self._stack.enter_context(Caller.of(self.server, path))
        return self._callers[path]

    def task(self, *conditions, orchestrator=PLANNER):
        return self.caller(orchestrator).grant(tool("files", "delete", *conditions, path=under("/srv")))

    def needs(self, *people, threshold=1):
        return approved_by(*map(spiffe_id, people), threshold=threshold)

    def ask(self, holding, arguments=PATH, *, by=PLANNER):
        request = self.client(by).approvals.request(held(holding), "files", "delete", arguments)
        assert request is not None
        return request

    def answer(self, person, request, *, approve=True, because=""):
        return self.client(person).approvals.answer(request, approve=approve, justification=because)

    def approved(self, holding, *people, arguments=PATH):
        request = self.ask(holding, arguments)
        for person in people or (ANN,):
            request = self.answer(person, request)
        assert request.state is ApprovalState.APPROVED
        return request

    def decide(self, holding, arguments=PATH, **tweaks):
        return self.caller(FILES).decide(holding, "files", "delete", arguments, **tweaks)

    def permits(self, holding, arguments=PATH):
        refused = self.decide(holding, arguments).refusal
        assert refused is None or refused.reason is Reason.APPROVAL_REQUIRED, refused
        return refused is None

    def state(self, request, *, by="auditor/ada"):
        return self.client(by).approvals.get(request.request_id)


def held(holding: Holding) -> Delegation:
    return Delegation(holding.token, holding.key)


@contextmanager
def running_world(directory, *, identities=IDENTITIES, **given):
    """A world of its own, for what no other test may see."""
    with running_server(directory, identities=identities, **given) as server, ExitStack() as stack:
        yield World(server, stack)


def rewrite(world, statement, *values):
    """Change the database as whoever can write it does; give what is read."""
    path = world.server.application.config.database_path
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        return database.execute(statement, values).fetchall()


class Clock:
    """The service's clock, which a test sets ahead."""

    def __init__(self, read):
        self._read, self.ahead_ms = read, 0

    def __call__(self):
        return self._read() + self.ahead_ms
