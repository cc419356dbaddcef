"""Having a refused call run: by an observation that is over, too long, of another tool, or that nobody has signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attacks.suite.calls import AttackClass, Attempt, NotHere, Recipe, Request, Twin
from attacks.suite.worlds import KernelWorld, World
from delegation.core.codec import decode_record, encode_catalogue
from delegation.core.limits import OBSERVE_MS
from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.errors import Reason, RequestFailed
from delegation.v1 import authorization_service_pb2 as authorization_pb
from delegation.v1 import statement_pb2
from delegation.wire.authorization import CallToDecide, Decision, read_authorize_response
from delegation.wire.trust import TrustDocuments
from delegation_sdk import Scope, any_call
from delegation_sdk.carriage import Carriage
from delegation_sdk.guard import Guard
from delegation_sdk.guard_ports import GuardPorts
from delegation_sdk.in_memory import InMemoryService
from delegation_sdk.observed_call import ObservedCall
from delegation_sdk.sources import Sources
from delegation_sdk.testing import Authority
from support.chains import NOW_MS

AGENT = "spiffe://test.example/agent/planner"
HOUR_MS = 3_600_000
PATH = {"path": "/srv/a"}
NOTHING = Carriage(b"", b"")
UNTIL_MS = {"observed": NOW_MS + HOUR_MS, "over": NOW_MS, "long": NOW_MS + 2 * OBSERVE_MS, "enforced": 0}
"""Until when a tool is under observation, by the operator's catalogue. Each is listed twice: decided here, online."""


class Site:
    """A guard whose tools are under observation or not, and what may stand between it and the service."""

    def __init__(self, *, service: Callable[[InMemoryService], Any] | None = None, room: int = 100) -> None:
        read, write = frozenset({Effect.READ}), frozenset({Effect.WRITE})
        self.tools = [
            *(CatalogueTool("files", name, read, local=True, observe_until_ms=end) for name, end in UNTIL_MS.items()),
            *(CatalogueTool("files", f"{name} online", write, observe_until_ms=end) for name, end in UNTIL_MS.items()),
        ]
        self.now_ms = NOW_MS
        sources = Sources(lambda: self.now_ms, lambda: 0, Sources.system().random)
        self.authority = Authority(tools=self.tools, sources=sources)
        between = service(self.authority._service) if service else self.authority._service
        own = self.authority._service
        ports = GuardPorts(trust=between, feed=own, records=own, online=between)
        self.guard = Guard("files", ports, trust_root=self.authority.trust_root, sources=sources, max_waiting=room)
        self.guard.open()
        self.task = self.authority.client(AGENT).begin_task("Look", scope=Scope(any_call("files", "enforced")))

    def bare(self, tool: str) -> object:
        """Call without a chain."""
        return self.guard.authorize(NOTHING, tool, PATH)

    def beyond(self, tool: str) -> object:
        """Call under a chain that does not permit it."""
        call = self.task.call("files", tool, PATH)
        return self.guard.authorize(call.carriage, tool, call.arguments)

    def close(self) -> None:
        self.authority.reachable = True
        self.guard.close()
        self.authority.close()


class Between:
    """Somebody between a guard and its service, or a service that is wrong."""

    def __init__(self, service: InMemoryService) -> None:
        self.service = service

    def fetch(self) -> Any:
        return self.service.fetch()

    def authorize(self, call: CallToDecide) -> Decision:
        return self.service.authorize(call)

    async def authorize_async(self, call: CallToDecide) -> Decision:
        return self.authorize(call)


class OtherCatalogue(Between):
    """Gives a catalogue that nobody has signed: everything in it is under observation."""

    def fetch(self) -> Any:
        documents = self.service.fetch()
        tools = tuple(tool._replace(observe_until_ms=NOW_MS + HOUR_MS) for tool in self.service.tools)
        ordered = sorted(tools, key=lambda tool: (tool.audience, tool.tool))
        return TrustDocuments(documents.bundle, encode_catalogue(Catalogue(tuple(ordered))))


class Generous(Between):
    """Says of every refusal that its tool is under observation."""

    def authorize(self, call: CallToDecide) -> Decision:
        decision = self.service.authorize(call)
        return Decision(decision.call_id, decision.decided_at_ms, decision.refusal, observed=True)


class Strict(Between):
    """Has no tool under observation: the guard's catalogue is an old one."""

    def authorize(self, call: CallToDecide) -> Decision:
        decision = self.service.authorize(call)
        return Decision(decision.call_id, decision.decided_at_ms, decision.refusal)


def at_a_site(name: str, act: Callable[[Site], object], **options: Any) -> Recipe:
    """Do something at a site of its own."""

    def send() -> object:
        site = Site(**options)
        try:
            return act(site)
        finally:
            site.close()

    return _here(name, send)


def _here(name: str, send: Callable[[], object]) -> Recipe:
    def recipe(world: World) -> Request:
        if not isinstance(world, KernelWorld):
            raise NotHere
        return Request("observation", name.encode(), send)

    return recipe


def written_by_hand(*, allowed: bool, reason: str, observed: bool) -> Callable[[], object]:
    """Read a record of a guard."""
    record = statement_pb2.DecisionRecord(
        call_id=bytes(16),
        audience="files",
        tool="read",
        arguments_digest=bytes(32),
        decided_at_ms=NOW_MS,
        allowed=allowed,
        reason=reason,
        observed=observed,
    )
    return lambda: decode_record(record.SerializeToString(deterministic=True))


def answered(*, allowed: bool, observed: bool) -> Callable[[], object]:
    """Read an answer of a service."""
    message = authorization_pb.AuthorizeResponse(
        call_id=bytes(16), allowed=allowed, decided_at_ms=NOW_MS, observed=observed
    )
    if not allowed:
        message.refusal.SetInParent()
        message.refusal.reason = 1
    return lambda: read_authorize_response(message)


def full(site: Site) -> object:
    """Call until there is no room for the record of one more."""
    site.authority.reachable = False
    for _ in range(100):
        site.bare("observed")
    return site


def later(site: Site) -> object:
    """Call when the observation is just over."""
    assert isinstance(site.bare("observed"), ObservedCall)
    site.now_ms += HOUR_MS
    return site.bare("observed")


def refused() -> Iterator[Attempt]:
    missing = Reason.CHAIN_MISSING
    for tool in ("over", "over online", "long", "long online", "enforced", "enforced online", "unlisted"):
        name = f"no chain, for the tool {tool}"
        yield Attempt(name, missing, at_a_site(name, lambda site, tool=tool: site.bare(tool)), online=False)
    name = "no chain, when the observation is just over"
    yield Attempt(name, missing, at_a_site(name, later), online=False)
    for tool in ("enforced", "enforced online", "observed"):
        name = f"an unsigned catalogue, for the tool {tool}"
        act = at_a_site(name, lambda site, tool=tool: site.bare(tool), service=OtherCatalogue)
        yield Attempt(name, missing, act, online=False)
    not_permitted = Reason.TOOL_NOT_PERMITTED
    for tool, service in (("over online", Generous), ("observed online", Strict)):
        name = f"only one of guard and service observes, for {tool}"
        act = at_a_site(name, lambda site, tool=tool: site.beyond(tool), service=service)
        yield Attempt(name, not_permitted, act, online=False)
    name = "a queue of records that is full"
    yield Attempt(name, Reason.RECORD_BACKLOG, at_a_site(name, full, room=20), online=False)
    for allowed, reason in ((True, ""), (False, "")):
        name = f"a record that is observed, allowed {allowed}, without a reason"
        hand = written_by_hand(allowed=allowed, reason=reason, observed=True)
        yield Attempt(name, Reason.FIELD_INVALID, _here(name, hand), online=False)
    name = "a permission that is observed"
    yield Attempt(name, RequestFailed, _here(name, answered(allowed=True, observed=True)), online=False)


def runs() -> Iterator[Twin]:
    for tool in ("observed", "observed online"):
        name = f"no chain, for the tool {tool}"
        yield Twin(name, at_a_site(name, lambda site, tool=tool: site.bare(tool)), online=False)
    for service in (None, Generous):
        name = f"beyond the scope, where both observe, {service}"
        act = at_a_site(name, lambda site: site.beyond("observed online"), service=service)
        yield Twin(name, act, online=False)
    name = "the enforced tool, for who may"
    yield Twin(name, at_a_site(name, lambda site: site.beyond("enforced")), online=False)
    name = "the enforced tool, for who may, whatever an unsigned catalogue says"
    yield Twin(name, at_a_site(name, lambda site: site.beyond("enforced"), service=OtherCatalogue), online=False)
    for observed in (False, True):
        name = f"a record of a refusal, observed {observed}"
        hand = written_by_hand(allowed=False, reason="expired", observed=observed)
        yield Twin(name, _here(name, hand), online=False)
        name = f"a refusal, observed {observed}"
        yield Twin(name, _here(name, answered(allowed=False, observed=observed)), online=False)


CLASSES = (AttackClass("forged or expired observation", refused, runs),)
