"""The suite tests the verifier; here is who tests the suite: without any one check, a named attack of it gets through.

For each numbered step of verification (SPEC section 6) and each check of sections 7.2, 7.3 and 8. Where another check
stands behind the one that was taken out, the attack is refused for that one's reason, which the suite reports, too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import delegation.core.authorize as authorization
import delegation.core.codec.links as links_codec
import delegation.core.codec.proofs as proofs_codec
import delegation.core.codec.scopes as scopes_codec
import delegation.core.proof as proofs
import delegation.core.verify as verification
import delegation.service.complete_task as completing
import delegation.service.revoke as revoking
from attacks.suite.calls import Attempt, Presented, Request, Twin
from attacks.suite.doors import Kernel
from attacks.suite.everything import CLASSES
from attacks.suite.guard_door import GuardDoor
from attacks.suite.runner import is_right
from attacks.suite.service_doors import running_doors
from delegation.core import limits
from delegation.core.arguments import Arguments
from delegation.core.call_plan import CallPlan
from delegation.core.codec import decode_proof, split_proof
from delegation.core.constraints import Steps
from delegation.core.revocation import RevocationState
from delegation.errors import Reason, Refused
from delegation.identity.port import Caller
from delegation_sdk import deciding, replay
from delegation_sdk.deciding import Decider
from delegation_sdk.recorder import Recorder
from delegation_sdk.tool_terms import ToolTerms
from support.attacks import Take, Whatever, first, nothing
from support.mutants import without
from support.taken_out import TAKEN_OUT

SPEC = Path(__file__).parents[2] / "proto" / "SPEC.md"
ATTEMPTS = {f"{each.name} / {attempt.name}": attempt for each in CLASSES for attempt in each.attempts()}
TWINS = {f"{each.name} / {twin.name}": twin for each in CLASSES for twin in each.twins()}
UNLIMITED = 10**9


class Mutant(NamedTuple):
    """A verifier without a check, and who notices.

    Attributes:
        check: the requirement of SPEC.
        attack: that it alone stops, as `class / attempt`.
        takes: what is taken out.
        behind: what the check behind it says; None: the attack gets through.
    """

    check: str
    attack: str
    takes: tuple[Take, ...]
    behind: Reason | None = None

    def __str__(self) -> str:
        return f"{self.check}: {self.attack}" + (f", then {self.behind}" if self.behind else "")


def step(*numbers: int) -> tuple[Take, ...]:
    return tuple((verification, *TAKEN_OUT[number]) for number in numbers)


def blind(module: Any, name: str, reason: Reason, instead: str = "pass") -> tuple[Take, ...]:
    """A copy of a function, or a class, of a module that never refuses for a reason."""
    return ((module, name, without(module, reason, instead=instead)[name]),)


def of_the_leaf_alone(chain: Any, *, audience: str, tool: str, arguments: Arguments, **_: Any) -> None:
    """Ask the last link, as if narrowing were all that is needed."""
    scope = chain.links[-1].link.scope
    authorization._require_permitted(scope, (audience, tool), arguments.values, {}, Steps())


REAL = authorization.authorize


def of_what_was_sent(chain: Any, *, defaults: Any = None, **call: Any) -> None:
    """Forget what the tool would use for what was not sent."""
    REAL(chain, **call)


def trusting_reader(cls: type[Arguments], written: bytes) -> Arguments:
    """Take any JSON, and whatever bytes it came in for what was signed."""
    typed = cls.of(json.loads(written)).values
    return cls(typed, written, hashlib.sha256(written).digest())


ASK = Decider._ask


def alone_if_need_be(self: Decider, *call: Any) -> Iterator[Any]:
    """Decide in process when the service does not answer: open where it should be closed."""
    try:
        return (yield from ASK(self, *call))
    except Refused:
        return (yield from self._decide_here(*call))


LENIENT_READER = (Arguments, "parse", classmethod(trusting_reader))
NO_PLANS = (CallPlan, "permits", lambda *_: False)
STEPS: list[Mutant] = [
    Mutant("V-1", "oversized / 1 links with 72 long names each", ((limits, "TOKEN_BYTES", UNLIMITED),)),
    Mutant("V-2", "unknown field / an unknown number in the token", step(2)),
    Mutant("V-2", "unknown field / unknown bytes around a signed link", step(2)),
    Mutant("V-3", "other root / a grant of another service by a stranger, 1 links", step(3)),
    Mutant("V-3", "untrusted or expired issuer key / a key retired, 2 links", step(3)),
    Mutant("V-3", "untrusted or expired issuer key / a bundle that has just expired, 1 links", step(3)),
    Mutant("V-4", "signature by another key / link 1 of 2 by a stranger", step(4)),
    Mutant("V-4", "forged signature / nothing but zeros, link 2 of 3", step(4)),
    Mutant("V-4", "signature replayed for another purpose / link 1 of 2 signed as proof", step(4)),
    Mutant("V-4", "link re-hung under another grant / handoffs under a grant of another purpose, 2 links", step(4),
           Reason.PROOF_OTHER_CALL),
    Mutant("V-5", "unknown field / an unknown number in the link, link 1 of 2",
           ((links_codec, "require_canonical", nothing),)),
    Mutant("V-5", "non-canonical encoding / a depth of 0, written out, link 1 of 2",
           ((links_codec, "require_canonical", nothing),)),
    Mutant("V-5", "small-order or non-canonical holder key / the neutral element, with a link that anybody signed",
           ((links_codec, "check_public_key", nothing),), Reason.SIGNATURE_INVALID),
    Mutant("V-5", "identity of a hop self-asserted / an agent with a name that is no URI, link 1 of 2",
           ((links_codec, "check_agent", first),)),
    Mutant("V-5", "oversized / 129 capabilities, link 0 of 1", ((limits, "CAPABILITIES", UNLIMITED),)),
    Mutant("V-5", "over-nested / 17 alternatives in one another, link 0 of 1", ((scopes_codec, "_TOP", 99),)),
    Mutant("V-6", "unknown version / version 2 in link 1 of 2", ((limits, "FORMAT_VERSION", Whatever()),)),
    Mutant("V-7", "spliced chains / a grant's claims in link 1 of 2", step(7)),
    Mutant("V-8", "deeper depth / a handoff where none is permitted", step(8), Reason.SCOPE_GREW),
    Mutant("V-8", "deeper depth / a handoff where none is permitted", step(8, 10)),
    Mutant("V-9", "expired / a grant of a day and a moment", step(9)),
    Mutant("V-10", "later expiry / a day later, by link 1 of 2", step(10)),
    Mutant("V-10", "earlier start / a day earlier, by link 2 of 3", step(10)),
    Mutant("V-10", "deeper depth / as deep as its parent, link 1 of 2", step(10)),
    Mutant("V-10", "removed condition / a budget, by link 1 of 2", step(10)),
    Mutant("V-10", "wider tool / a tool that writes, by link 1 of 2", step(10), Reason.TOOL_NOT_PERMITTED),
    Mutant("V-11", "receipt missing, forged or for another link / a receipt by a stranger, alone", step(11)),
    Mutant("V-11", "receipt missing, forged or for another link / a receipt by a key that is retired", step(11)),
    Mutant("V-11", "identity of a hop self-asserted / a binding by a stranger", step(11)),
    Mutant("V-12", "receipt missing, forged or for another link / no receipt for 2 links", step(12)),
    Mutant("V-12", "receipt missing, forged or for another link / a receipt for link 1 of 3", step(12)),
    Mutant("V-13", "expired / a grant just after, 1 links", step(13)),
    Mutant("V-13", "not yet valid / a grant a moment too early, 2 links", step(13)),
    Mutant("V-14", "revoked ancestor / link 1 of 3", step(14)),
    Mutant("V-14", "revoked holder / the holder of link 0 of 2", step(14)),
    Mutant("V-14", "revoked agent / the agent of link 2 of 3", step(14)),
    Mutant("V-14", "revoked task, principal or issuer key / the task, 2 links", step(14)),
    Mutant("V-22", "federated domain beyond its limits / a principal of example.test", step(15)),
    Mutant("V-22", "federated domain beyond its limits / a grant of any arguments", step(15)),
    Mutant("V-22", "posing as a federated domain / its feed is not followed",
           ((verification, "_revoked_by", lambda *_: RevocationState.nothing_revoked()),)),
]  # fmt: skip
OTHER_CALL = blind(proofs, "check_proof", Reason.PROOF_OTHER_CALL)
PROOFS: list[Mutant] = [
    Mutant("P-3", "missing or meaningless chain or proof / no proof, 2 links",
           blind(proofs, "check_proof", Reason.PROOF_MISSING), Reason.PROOF_INVALID),
    Mutant("P-3", "unknown field / an unknown number in a proof", ((proofs_codec, "require_canonical", nothing),)),
    Mutant("P-3", "nonce burning / a nonce of 15 bytes", ((proofs_codec, "check_bytes", first),)),
    Mutant("P-3", "oversized / a proof of 2049 bytes", ((limits, "PROOF_BYTES", UNLIMITED),
           (proofs_codec, "strict", lambda kind, data, _: kind.FromString(data.rstrip(b"\0"))))),
    Mutant("P-4", "proof for another chain / a proof that names link 0 of 2", OTHER_CALL),
    Mutant("P-4", "proof for another audience / a proof for 'web', 2 links", OTHER_CALL),
    Mutant("P-4", "proof for another tool / a proof for 'write', 2 links", OTHER_CALL),
    Mutant("P-4", "proof for other arguments / a proof of another path, 2 links", OTHER_CALL),
    Mutant("P-5", "proof from the future / a proof a moment past the leeway ahead, 2 links",
           blind(proofs, "check_proof", Reason.PROOF_FROM_FUTURE)),
    Mutant("P-6", "proof from the past / a proof a moment past its time old, 2 links",
           blind(proofs, "check_proof", Reason.PROOF_STALE)),
    Mutant("P-6", "stale authority after resume / a saved call, at a guard that was restarted, 2 links",
           (*blind(proofs, "check_proof", Reason.PROOF_STALE), (replay.ReplayStore, "use", nothing))),
    Mutant("P-7", "signature by another key / a proof for 2 links by a stranger", ((proofs, "verify", nothing),)),
    Mutant("P-7", "truncated prefix / 2 links cut to 1, with a proof that names it", ((proofs, "verify", nothing),)),
    Mutant("P-8", "replayed proof / the same call again, 2 links", ((replay.ReplayStore, "use", nothing),)),
    Mutant("P-9", "no decision to be had / a memory of 1 proofs that is full",
           ((replay.ReplayStore, "use", without(replay, Reason.INTERNAL)["ReplayStore"].use),)),
]  # fmt: skip
CALLS: list[Mutant] = [
    Mutant("A-1", "wider tool / a tool that writes, by link 1 of 2",
           (*step(10), (authorization, "authorize", of_the_leaf_alone))),
    Mutant("A-2", "other audience / a call at another audience",
           blind(authorization, "authorize", Reason.TOOL_NOT_PERMITTED, "return")),
    Mutant("A-2", "budget overrun by siblings and by concurrency / part of the budget, 1 links",
           blind(authorization, "authorize", Reason.CONDITION_UNMET)),
    Mutant("A-2", "call beyond the scope / a path outside, 2 links",
           (*blind(authorization, "authorize", Reason.ARGUMENT_REFUSED), NO_PLANS)),
    Mutant("A-2", "call beyond the scope / a required argument left out, 1 links",
           blind(authorization, "authorize", Reason.ARGUMENT_MISSING, "continue")),
    Mutant("A-2", "call beyond the scope / an argument that is not listed, 1 links",
           blind(authorization, "authorize", Reason.ARGUMENT_UNEXPECTED)),
    Mutant("A-3", "over-nested / 33 lists in one another, sent", ((limits, "VALUE_NESTING", 99),)),
    Mutant("A-3", "oversized / a list of too many", ((limits, "ARGUMENT_VALUES", UNLIMITED),)),
    Mutant("A-3", "oversized / a text of a mebibyte", ((limits, "ARGUMENT_BYTES", UNLIMITED),)),
    Mutant("A-3", "float edge cases / 5.0 for 5, as bytes", (LENIENT_READER,)),
    Mutant("A-4", "default that an ancestor forbids / a default of 1000 that the grant forbids and its child does not"
           " mention", ((authorization, "authorize", of_what_was_sent),)),
    Mutant("A-5", "regex denial of service / an expression asked a hundred times",
           ((Steps, "take", nothing),)),
]  # fmt: skip
IN_KERNEL = STEPS + PROOFS + CALLS
ROOM = ((Recorder, "require_room", nothing), (Recorder, "append", nothing))
AT_A_GUARD: list[Mutant] = [
    Mutant("A-6", "no decision to be had / a queue of 20 records that is full", ROOM),
    Mutant("A-8", "no decision to be had / the service away for unlisted, after 0 calls",
           ((ToolTerms, "is_local", lambda *_: True),)),
    Mutant("A-9", "no decision to be had / the service away for write, after 0 calls",
           ((Decider, "_ask", alone_if_need_be),)),
]  # fmt: skip
AT_THE_SERVICE: list[Mutant] = [
    Mutant("A-10", "identity of a hop self-asserted / tool/mallory decides for another's audience",
           ((Caller, "require_audience", nothing),)),
    Mutant("P-11", "task completed / a task ended by a stranger's key", ((completing, "check_holder_proof", nothing),)),
    Mutant("P-11", "task completed / a link revoked by its own holder", ((revoking, "_check_proof", nothing),)),
]  # fmt: skip
RESERVED = Mutant(
    "P-12",
    "the service's own audience / a scope for revoke, link 0 of 1",
    ((scopes_codec, "SERVICE_AUDIENCE", "nothing is reserved"),),
)


def presented(each: Attempt | Twin, door: Any) -> tuple[Presented, Callable[[], object]]:
    made = each.recipe(door.world)
    return made, made.send if isinstance(made, Request) else lambda: door.show(made)


def outcome(each: Attempt | Twin, door: Any) -> BaseException | None:
    """Show it at a door; give what it came to."""
    try:
        presented(each, door)[1]()
    except Exception as raised:  # noqa: BLE001 - whatever it is, it is the outcome
        return raised
    return None


def assert_killed(mutant: Mutant, door: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = ATTEMPTS[mutant.attack]
    assert is_right(attempt, outcome(attempt, door())), "it is refused to begin with"
    for module, name, instead in mutant.takes:
        monkeypatch.setattr(module, name, instead)
    came = outcome(attempt, door())
    assert not is_right(attempt, came), "the suite would not notice"
    assert getattr(came, "reason", came) is mutant.behind


@pytest.mark.parametrize("mutant", [*IN_KERNEL, *AT_A_GUARD, RESERVED], ids=str)
def test_without_its_check_a_named_attack_gets_past(mutant: Mutant, monkeypatch: pytest.MonkeyPatch):
    assert_killed(mutant, Kernel, monkeypatch)


@pytest.fixture(scope="module")
def authorize_door(tmp_path_factory) -> Iterator[Any]:
    with running_doors(tmp_path_factory.mktemp("mutants")) as doors:
        yield doors[0]


@pytest.mark.parametrize("mutant", AT_THE_SERVICE, ids=str)
def test_without_its_check_a_named_attack_gets_past_the_service(mutant, authorize_door, monkeypatch):
    assert_killed(mutant, lambda: authorize_door, monkeypatch)


def test_a_nonce_that_is_used_up_before_the_signature_is_checked_denies_the_victim(monkeypatch):
    """P-8, the order of it: here a twin notices, since nothing that should be refused gets through."""
    twin = TWINS["nonce burning / the victim's call after a stranger's signature"]
    tools = {("files", "read"), ("files", "write")}
    check = deciding.check_proof

    def burning(proof: bytes, chain: Any, **call: Any) -> Any:
        claim = decode_proof(split_proof(proof)[0])
        for guard, _ in door._guards.values():
            guard._decider._replay.use(claim.nonce, claim.issued_at_ms, call["now_ms"])
        return check(proof, chain, **call)

    door = GuardDoor(tools)
    assert outcome(twin, door) is None
    door.close()
    door = GuardDoor(tools)
    monkeypatch.setattr(deciding, "check_proof", burning)
    came = outcome(twin, door)
    door.close()
    assert isinstance(came, Refused)
    assert came.reason is Reason.PROOF_REPLAYED


ELSEWHERE = {
    "A-7": "refusals are recorded: what a guard and the service record is no attempt at anything",
    "A-11": "the same question: races, in test_service_revocation",
    "P-13": "a proof from the future waits: in tests/unit/sdk/test_break_glass",
    "P-10": "a shared store: the same proof at several guards, in test_service_revocation",
}


def test_every_step_and_every_check_has_a_mutant_and_a_named_attack():
    page = SPEC.read_text()
    sections = re.split(r"^(#{2,3} [\d.]+ )", page, flags=re.MULTILINE)
    bodies = {head.strip("# ").rstrip(". "): body for head, body in zip(sections[1::2], sections[2::2], strict=True)}
    wanted = {f"V-{number}" for number in (*range(1, 15), 22)}  # V-22 is step 15
    wanted |= {
        found for part in ("7.2", "7.3", "8.1", "8.2", "8.3") for found in re.findall(r"\[([AP]-\d+)\]", bodies[part])
    }
    mutants = [*IN_KERNEL, *AT_A_GUARD, *AT_THE_SERVICE, RESERVED]
    assert {mutant.check for mutant in mutants} | set(ELSEWHERE) == wanted
    assert {mutant.attack for mutant in mutants} <= set(ATTEMPTS)
