"""Who somebody says to be: agents with bindings that nobody gave, offers, callers under other names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, NotHere, Recipe, Request, Twin
from attacks.suite.recipes import link_says
from attacks.suite.statements_by_hand import INVALID, LATER, bound, leaf, with_statements
from attacks.suite.tasks import decide, service
from attacks.suite.worlds import READ, KernelWorld, World
from attacks.suite.writer import Of
from delegation.core.attest import open_offer
from delegation.core.codec import encode_statement
from delegation.core.keys import Purpose, SigningKey, signing_input
from delegation.core.statement import SignedStatement, StatementKind
from delegation.errors import PermissionDenied, Reason
from delegation.v1 import delegation_service_pb2 as delegation_pb
from delegation.v1 import trust_service_pb2 as trust_pb
from support.chains import (
    CHECKPOINTS,
    ISSUER,
    MALLORY,
    NOW_MS,
    ROOT,
    STATEMENTS,
    MadeChain,
    agent,
    key,
    some_bytes,
)
from support.server import spiffe_id

NO_AGENTS = {
    "no name": None,
    "a name that is no URI": "planner",
    "a name that begins with a colon": ":planner",
    "a space": "spiffe://a b",
    "a line feed": "spiffe://a\nb",
    "a NUL": "spiffe://a\0",
    "a bidirectional override": "spiffe://\u202ea",
    "a zero-width space": "spiffe://a\u200bb",
    "a soft hyphen": "spiffe://a\u00adb",
    "an escape": "spiffe://a\x1b[2J",
    "a line separator": "spiffe://a\u2028b",
    "a no-break space": "spiffe://a\u00a0b",
    "a private character": "spiffe://a\ue000b",
}


def self_asserted() -> Iterator[Attempt]:
    signers = {
        "a stranger": MALLORY,
        "the grant key": ISSUER,
        "the checkpoint key": CHECKPOINTS,
        "the root key": ROOT,
        "the agent itself": key("task tool"),
        "its delegator": key("task planner"),
    }
    for name, signer in signers.items():
        yield Attempt(f"a binding by {name}", INVALID, with_statements(bound(leaf, agent("tool"), signer)))

        def as_service(made: MadeChain, signer: SigningKey = signer) -> bytes:
            ((_, statement),) = w.split(bound(leaf, agent("tool"), signer)(made))
            assert isinstance(statement, bytes)
            return w.field(2, w.changed(statement, {2: STATEMENTS.key_id}))

        yield Attempt(f"a binding by {name} as if by the service", INVALID, with_statements(as_service))
    pairs: dict[str, tuple[Callable[[MadeChain], bytes], str]] = {
        "its key to another agent": (leaf, agent("boss")),
        "its key to its delegator's name": (leaf, agent("planner")),
        "its key to the root's name": (leaf, agent("root")),
        "its key to a name in capitals": (leaf, agent("TOOL")),
        "another key to its name": (lambda _: MALLORY.public, agent("tool")),
        "its delegator's key to its name": (lambda made: made.holders[1].public, agent("tool")),
        "the root's key to its name": (lambda made: made.holders[0].public, agent("tool")),
    }
    for name, (holder, of_agent) in pairs.items():
        yield Attempt(f"a binding of {name}", INVALID, with_statements(bound(holder, of_agent)))
    for purpose in (Purpose.RECEIPT, Purpose.OFFER, Purpose.HANDOFF):
        frame = bound(leaf, agent("tool"), purpose=purpose)
        yield Attempt(f"a binding signed as {purpose.name.lower()}", INVALID, with_statements(frame))
    for name, of_agent in NO_AGENTS.items():
        for at, of in ((1, 2), (2, 3)):
            recipe = link_says({Of.HOLDER_AGENT: of_agent}, at, of)
            yield Attempt(f"an agent with {name}, link {at} of {of}", Reason.FIELD_INVALID, recipe, at)
    yield from offers()
    yield from impostors()


def offer(
    signer: SigningKey, *, kind: StatementKind = StatementKind.OFFER, key_id: bytes | None = None, **changes: Any
) -> Recipe:
    """Present an offer to a delegator: it is signed by the key that it offers, and is for this delegator."""
    fields = {1: agent("worker"), 2: key("fresh").public, 3: agent("planner"), 4: LATER, 5: some_bytes("offer")}
    fields |= {int(number.removeprefix("f")): content for number, content in changes.items()}
    payload = w.fields(*((n, c) for n, c in fields.items() if c is not None))
    signature = signer.sign(signing_input(Purpose.OFFER, payload))
    statement = SignedStatement(kind, key_id or signer.key_id, payload, signature)

    def recipe(world: World) -> Request:
        if not isinstance(world, KernelWorld):
            raise NotHere
        return Request(
            "offer",
            encode_statement(statement),
            lambda: open_offer(statement, now_ms=NOW_MS, delegator=agent("planner")),
        )

    return recipe


def offers() -> Iterator[Attempt]:
    fresh = key("fresh")
    lies: dict[str, Recipe] = {
        "signed by a stranger": offer(MALLORY),
        "signed by a stranger as if by the key": offer(MALLORY, key_id=fresh.key_id),
        "that names another key": offer(fresh, key_id=MALLORY.key_id),
        "for another delegator": offer(fresh, f3=agent("mallory")),
        "that has expired": offer(fresh, f4=NOW_MS),
        "that expired long ago": offer(fresh, f4=1),
        "passed off as an approval": offer(fresh, kind=StatementKind.APPROVAL),
        "passed off as a binding": offer(fresh, kind=StatementKind.BINDING),
        "without a name": offer(fresh, f1=None),
        "of a key that everybody can sign for": offer(fresh, f2=bytes(32)),
        "with a short nonce": offer(fresh, f5=b"short"),
    }
    for name, recipe in lies.items():
        yield Attempt(f"an offer {name}", Reason.OFFER_INVALID, recipe, online=False)


def impostors() -> Iterator[Attempt]:
    """A caller that names another than its certificate does."""

    def register(name: str) -> Recipe:
        def recipe(world: World) -> Request:
            eve = service(world).as_("agent/eve")
            message = trust_pb.RegisterAgentRequest(agent=name, owner="eve")
            return Request("service", message.SerializeToString(), lambda: eve.ask(eve.trust.RegisterAgent, message))

        return recipe

    for path in ("agent/bob", "orchestrator/alice", "operator/olga", "agent/eve2"):
        yield Attempt(f"eve registers {path}", PermissionDenied, register(spiffe_id(path)), online=True)
    deciders = {
        "tool/mallory": Reason.NOT_YOUR_AUDIENCE,
        "agent/eve": PermissionDenied,
        "operator/olga": PermissionDenied,
    }
    for path, reason in deciders.items():
        yield Attempt(f"{path} decides for another's audience", reason, asked_by(path), online=True)
    for path in ("agent/eve", "tool/mallory", "operator/olga"):
        recipe = granted_to(path, w.scope(READ))
        yield Attempt(f"{path} asks for a grant", PermissionDenied, recipe, online=True)


def asked_by(path: str) -> Recipe:
    def recipe(world: World) -> Request:
        call = world.call(service(world).chain())
        return Request("service", call.content, lambda: decide(world, call, as_=path))

    return recipe


def granted_to(path: str, scope: bytes, **asked: Any) -> Recipe:
    def recipe(world: World) -> Request:
        caller = service(world).as_(path)
        message = delegation_pb.GrantRequest(purpose="look", holder_key=key("eve's task").public, **asked)
        message.scope.MergeFromString(scope)
        return Request(
            "service", path.encode() + message.SerializeToString(), lambda: caller.ask(caller.delegation.Grant, message)
        )

    return recipe


def vouched_for() -> Iterator[Twin]:
    yield Twin("a binding of the leaf", with_statements(bound(leaf, agent("tool"))))
    first = bound(lambda made: made.holders[0].public, agent("root"))
    yield Twin("bindings of two holders", with_statements(first, bound(leaf, agent("tool"))))
    yield Twin("no binding: the delegator's word", with_statements())
    yield Twin("an offer", offer(key("fresh")), online=False)
    yield Twin("an offer to anybody", offer(key("fresh"), f3=None), online=False)
    yield Twin("a grant to whom it is due", granted_to("orchestrator/alice", w.scope(READ)), online=True)
    yield Twin("a decision for an audience of one's own", asked_by("tool/files"), online=True)

    def registers(world: World) -> Request:
        eve = service(world).as_("agent/eve")
        message = trust_pb.RegisterAgentRequest(agent=spiffe_id("agent/eve"), owner="eve")
        return Request("service", b"", lambda: eve.ask(eve.trust.RegisterAgent, message))

    yield Twin("eve registers itself", registers, online=True)


def beyond_ceiling() -> Iterator[Attempt]:
    exceeded = Reason.CEILING_EXCEEDED
    write = w.capability("files", "write", any_arguments=True)
    asks = {
        "another tool": w.scope(write),
        "a tool more": w.scope(w.capability("files", "read"), write),
        "any arguments": w.scope(w.capability("files", "read", any_arguments=True)),
        "an argument more": w.scope(w.capability("files", "read", w.argument("path", w.string("/srv")))),
        "another audience": w.scope(w.capability("web", "read")),
    }
    for name, scope in asks.items():
        yield Attempt(name, exceeded, granted_to("orchestrator/limited", scope), online=True)


def below_ceiling() -> Iterator[Twin]:
    yield Twin(
        "what the ceiling permits",
        granted_to("orchestrator/limited", w.scope(w.capability("files", "read"))),
        online=True,
    )
    yield Twin(
        "what no ceiling forbids", granted_to("orchestrator/alice", w.scope(w.capability("web", "read"))), online=True
    )


CLASSES = (
    AttackClass("identity of a hop self-asserted", self_asserted, vouched_for),
    AttackClass("grant beyond the caller's ceiling", beyond_ceiling, below_ceiling),
)
