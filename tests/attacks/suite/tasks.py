"""Tasks that ended, and who may end and revoke: all of it at the running service."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from attacks.suite import writer as w
from attacks.suite.calls import AttackClass, Attempt, Call, NotHere, Recipe, Request, Twin, arguments_text
from attacks.suite.recipes import honest_twins, path_of
from attacks.suite.worlds import ALICE, ServiceWorld, World, id_of, token_of
from attacks.suite.writer import Of
from delegation.core.keys import Purpose, SigningKey
from delegation.core.scope import SERVICE_AUDIENCE
from delegation.errors import DelegationError, NotFound, PermissionDenied, Reason, Refused
from delegation.v1 import delegation_service_pb2 as pb
from delegation.wire.authorization import CallToDecide
from support.caller import nonce
from support.chains import MALLORY, NOW_MS, MadeChain, agent, some_bytes

_tasks = itertools.count()
_ENDED = "a task that ends {}"


def task_of(made: MadeChain) -> bytes:
    """Give the task of a chain."""
    claims = w.content_of(made.payloads[0], 13)
    assert isinstance(claims, bytes)
    found = w.content_of(claims, 2)
    assert isinstance(found, bytes)
    return found


def service(world: World) -> ServiceWorld:
    if not isinstance(world, ServiceWorld):
        raise NotHere
    return world


def own_task(world: World, of: int) -> MadeChain:
    """Begin a task of its own at the running service."""
    return service(world).chain(path_of(of), task=_ENDED.format(next(_tasks)))


def decide(world: World, call: Call, *, as_: str = "tool/any") -> None:
    """Ask the service for a decision."""
    arguments = arguments_text(call.arguments)
    asked = CallToDecide(call.token, call.proof, call.audience, call.tool, arguments, nonce())
    decision = service(world).as_(as_).decide_question(asked)
    if decision.refusal is not None:
        raise decision.refusal


def end_proof(world: World, made: MadeChain, *, task_id: bytes | None = None, **how: Any) -> bytes:
    arguments = {"task_id": (task_id or task_of(made)).hex()}
    return world.proof(made.cut(1), SERVICE_AUDIENCE, "complete_task", arguments, **how)


def complete(world: World, made: MadeChain, proof: bytes | None = None, *, as_: str = ALICE) -> None:
    caller = service(world).as_(as_)
    signed = end_proof(world, made) if proof is None else proof
    caller.ask(caller.delegation.CompleteTask, pb.CompleteTaskRequest(task_id=task_of(made), proof=signed))


def record(world: World, token: bytes) -> None:
    caller = service(world).as_(ALICE)
    caller.ask(caller.delegation.HandOff, pb.HandOffRequest(tokens=[token]))


Act = Callable[[World, MadeChain], None]


def afterwards(of: int, act: Act, *, end: Act = complete) -> Recipe:
    """Do something under a task that was ended before."""

    def recipe(world: World) -> Request:
        made = own_task(world, of)

        def send() -> None:
            end(world, made)
            act(world, made)

        return Request("service", task_of(made), send)

    return recipe


def asked_before(of: int) -> Recipe:
    """A call that was permitted, and is asked about again after the task ended."""

    def recipe(world: World) -> Request:
        made = own_task(world, of)
        call = world.call(made)

        def send() -> None:
            decide(world, call)
            complete(world, made)
            decide(world, call)

        return Request("service", call.content, send)

    return recipe


def together(acts: list[Callable[[], None]], *, permitted: int) -> None:
    """Do several things at once, of which no more than so many may be permitted.

    Raises:
        Refused: one of the refusals, if there were enough of them.
    """
    starting = Barrier(len(acts))

    def one(act: Callable[[], None]) -> Refused | None:
        starting.wait()
        try:
            act()
        except Refused as refused:
            return refused
        return None

    with ThreadPoolExecutor(len(acts)) as pool:
        refusals = [refused for refused in pool.map(one, acts) if refused is not None]
    if len(acts) - len(refusals) <= permitted:
        raise refusals[0]


def ended() -> Iterator[Attempt]:
    over = Reason.TASK_ENDED
    for of in (1, 2, 3, 5):
        yield Attempt(
            f"a call under {of} links",
            over,
            afterwards(of, lambda world, made: decide(world, world.call(made))),
            0,
            online=True,
        )
    for of in (1, 2):
        name = f"a call under {of} links that was permitted before"
        yield Attempt(name, over, asked_before(of), 0, online=True)
    for of in (2, 3):
        yield Attempt(
            f"a handoff of {of} links",
            over,
            afterwards(of, lambda world, made: record(world, token_of(made))),
            0,
            online=True,
        )

    by_operator: Act = lambda world, made: complete(world, made, b"", as_="operator/olga")  # noqa: E731
    for of in (1, 2):
        call: Act = lambda world, made: decide(world, world.call(made))  # noqa: E731
        yield Attempt(
            f"a call under {of} links after an operator ended it",
            over,
            afterwards(of, call, end=by_operator),
            0,
            online=True,
        )
    yield from ending_by_others()
    yield from revoking_by_others()


def ends(of: int, how: Callable[[World, MadeChain], bytes], *, as_: str = ALICE) -> Recipe:
    """Try to end somebody else's task."""

    def recipe(world: World) -> Request:
        made = own_task(world, of)
        return Request("service", task_of(made), lambda: complete(world, made, how(world, made), as_=as_))

    return recipe


def ending_by_others() -> Iterator[Attempt]:
    invalid, other = Reason.PROOF_INVALID, Reason.PROOF_OTHER_CALL
    hows: dict[str, tuple[Reason | type[DelegationError], Callable[[World, MadeChain], bytes]]] = {
        "its delegate's key": (invalid, lambda world, made: end_proof(world, made, signer=made.holders[1])),
        "a stranger's key": (invalid, lambda world, made: end_proof(world, made, signer=MALLORY)),
        "a signature as a handoff": (invalid, lambda world, made: end_proof(world, made, purpose=Purpose.HANDOFF)),
        "nonsense": (invalid, lambda world, made: b"nonsense"),
        "nothing": (NotFound, lambda world, made: b""),
        "a proof for another task": (other, lambda world, made: end_proof(world, made, task_id=some_bytes("x"))),
        "a proof that revokes": (other, lambda world, made: end_proof(world, made, changes={4: "revoke"})),
        "a proof for a tool": (other, lambda world, made: world.proof(made.cut(1))),
        "a proof of the delegate's chain": (
            other,
            lambda world, made: end_proof(world, made, changes={2: id_of(made, 1)}),
        ),
        "a proof of an hour ago": (
            Reason.PROOF_STALE,
            lambda world, made: end_proof(world, made, changes={6: NOW_MS - 3_600_000}),
        ),
        "a proof of tomorrow": (
            Reason.PROOF_FROM_FUTURE,
            lambda world, made: end_proof(world, made, changes={6: NOW_MS + 86_400_000}),
        ),
    }
    for name, (reason, how) in hows.items():
        yield Attempt(f"a task ended by {name}", reason, ends(2, how), online=True)


def revokes(of: int, at: int, signer: Callable[[MadeChain], SigningKey], **how: Any) -> Recipe:
    """Try to revoke a link of somebody else's."""

    def recipe(world: World) -> Request:
        made = own_task(world, of)
        link = id_of(made, at)

        def send() -> None:
            record(world, token_of(made))
            arguments = {"id": link.hex(), "kind": "link"}
            proof = world.proof(made.cut(at + 1), SERVICE_AUDIENCE, "revoke", arguments, signer=signer(made), **how)
            caller = service(world).as_(ALICE)
            caller.ask(caller.delegation.Revoke, pb.RevokeRequest(id=link, kind=1, proof=proof))

        return Request("service", link, send)

    return recipe


def revoking_by_others() -> Iterator[Attempt]:
    invalid = Reason.PROOF_INVALID
    yield Attempt("a link revoked by its own holder", invalid, revokes(3, 1, lambda made: made.holders[1]), online=True)
    yield Attempt("a link revoked by a holder below", invalid, revokes(3, 1, lambda made: made.holders[2]), online=True)
    yield Attempt("a link revoked by a stranger", invalid, revokes(3, 2, lambda _: MALLORY), online=True)
    yield Attempt("a grant revoked by its holder", invalid, revokes(2, 0, lambda made: made.holders[0]), online=True)
    other = revokes(3, 2, lambda made: made.holders[1], changes={2: some_bytes("x", 32)})
    yield Attempt("a link revoked by a proof for another", Reason.PROOF_OTHER_CALL, other, online=True)
    for kind, identity in (
        (2, MALLORY.public),
        (3, agent("a").encode()),
        (4, some_bytes("t")),
        (5, bytes(32)),
        (6, bytes(16)),
    ):

        def recipe(world: World, kind: int = kind, identity: bytes = identity) -> Request:
            caller = service(world).as_(ALICE)
            message = pb.RevokeRequest(id=identity, kind=kind, proof=b"x")
            return Request("service", identity, lambda: caller.ask(caller.delegation.Revoke, message))

        yield Attempt(f"kind {kind} revoked by no operator", PermissionDenied, recipe, online=True)


def revoked_by_operator(kind: int, what: Callable[[MadeChain, int], bytes], at: int, of: int) -> Recipe:
    """An operator revokes something at the service; then somebody calls who rests on it, or not."""

    def recipe(world: World) -> Request:
        task = _ENDED.format(next(_tasks))
        made = service(world).chain(" -> ".join(f"{task.split()[-1]}-{n}" for n in range(of)), task=task)

        def send() -> None:
            record(world, token_of(made))
            operator = service(world).as_("operator/olga")
            message = pb.RevokeRequest(id=what(made, at), kind=kind, justification="stolen")
            operator.ask(operator.delegation.Revoke, message)
            decide(world, world.call(made))

        return Request("service", task_of(made), send)

    return recipe


def holder_of(made: MadeChain, at: int) -> bytes:
    return made.holders[at].public


def agent_of(made: MadeChain, at: int) -> bytes:
    found = w.content_of(made.payloads[at], Of.HOLDER_AGENT)
    assert isinstance(found, bytes)
    return found


def going_on() -> Iterator[Twin]:
    yield from honest_twins()
    nothing: Act = lambda world, made: None  # noqa: E731
    call: Act = lambda world, made: decide(world, world.call(made))  # noqa: E731
    for of in (1, 2):
        yield Twin(f"a call under {of} links while it goes on", afterwards(of, call, end=nothing), online=True)
    yield Twin("a task ended by its holder", ends(2, end_proof), online=True)
    yield Twin("a link revoked by the one above", revokes(3, 2, lambda made: made.holders[1]), online=True)
    yield Twin("a link revoked from far above", revokes(3, 2, lambda made: made.holders[0]), online=True)


CLASSES = (AttackClass("task completed", ended, going_on),)
