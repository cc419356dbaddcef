"""Whose worst input is looked for: the decision on a call, by what the attacker holds; the reading of one message."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import worst_cases
import worst_documents
from kernel_paths import NOW_MS, Kernel
from worst_cases import Case, CaseMaker
from worst_evolution import Cost
from worst_honest import largest_honest
from worst_recipes import Grammar, Recipe, Sorts
from worst_scopes import AUDIENCE
from worst_tokens import TokenMaker

from delegation.core.authorize import authorize
from delegation.core.proof import check_proof
from delegation.core.verify import Verifier
from delegation.errors import DelegationError, Refused

PERMITTED: Final = "permitted"
_READ: Final = "read"


class Decisions:
    """Decisions on the calls of an attacker: arguments, chain, proof, authorization, as a guard walks them.

    Args:
        kernel: whose trust and feed are used.
        power: what the attacker holds (`worst_tokens`).
    """

    def __init__(self, kernel: Kernel, power: str) -> None:
        self._kernel = kernel
        self._maker = CaseMaker(power, TokenMaker(kernel, largest_honest(kernel).token.token))
        self.grammar: Grammar = worst_cases.grammar(power)
        self.sort = "case"
        self.parts: Mapping[str, Sorts] = {
            "arguments": frozenset({"arguments", "value"}),
            "verify": frozenset({"token", "links", "scope", "statements", "constraint", "value"}),
            "authorize": frozenset({"arguments", "constraint", "value"}),
        }
        self.beginnings: Sequence[Recipe] = worst_cases.beginnings(power)

    def cost(self, recipe: Recipe, rounds: int) -> Cost:
        """Measure one decision."""
        return decision_cost(self._kernel, self._maker.make(recipe), rounds)

    def honest_ms(self) -> float:
        """Measure the largest honest token just now, to compare with."""
        return decision_cost(self._kernel, largest_honest(self._kernel), 9).total_ms

    def kind(self, recipe: Recipe, focus: str) -> str:
        """Name the last scope that there is, and the arguments."""
        _, token, arguments, *_ = recipe
        scopes = [part[2] for part in token[1:-2] if isinstance(part, list) and part[1]]
        scope = "" if focus == "arguments" or not scopes else _innermost(scopes[-1])
        return f"{scope} {'' if focus == 'verify' else _innermost(arguments)}"


class Documents:
    """Readings of single messages."""

    def __init__(self, name: str) -> None:
        self.grammar: Grammar = {"document": {name: worst_documents.DOCUMENTS[name]}}
        self.sort = "document"
        self.parts: Mapping[str, Sorts] = {}
        self.beginnings: Sequence[Recipe] = ()

    def cost(self, recipe: Recipe, rounds: int) -> Cost:
        """Measure one reading."""
        read = worst_documents.reading(recipe)
        costs = [_timed({_READ: read}) for _ in range(rounds)]
        return min(costs, key=lambda cost: cost.total_ms)

    def kind(self, recipe: Recipe, focus: str) -> str:
        """All are of one kind."""
        return str(recipe[0])


def decision_cost(kernel: Kernel, case: Case, rounds: int) -> Cost:
    """Time a decision; the fastest of some rounds counts: others on the machine only add."""
    return min((_decided(kernel, case) for _ in range(rounds)), key=lambda cost: cost.total_ms)


def _decided(kernel: Kernel, case: Case) -> Cost:
    verifier = _verifier(kernel, case)
    known: dict[str, Any] = {}

    def check() -> None:
        digest = known["arguments"].digest
        check_proof(
            case.proof, known["verify"], audience=AUDIENCE, tool=case.tool, arguments_digest=digest, now_ms=NOW_MS
        )

    def read() -> None:
        known["arguments"] = case.read()

    def verify() -> None:
        known["verify"] = verifier.verify(case.token.token, now_ms=NOW_MS, revocations=kernel.revocations)

    def permit() -> None:
        authorize(known["verify"], audience=AUDIENCE, tool=case.tool, arguments=known["arguments"])

    return _timed({"arguments": read, "verify": verify, "proof": check, "authorize": permit})


def _timed(parts: Mapping[str, Any]) -> Cost:
    """Run parts one after another until one refuses, and time each, by the processor's clock."""
    for forget in _remembering():
        forget()
    gc.collect(1)
    parts_ms: dict[str, float] = {}
    outcome = PERMITTED
    for name, run in parts.items():
        began = time.thread_time_ns()
        try:
            run()
        except Refused as refused:
            outcome = str(refused.reason)
        except Exception as error:  # noqa: BLE001 - found by the way: a defect of its own
            outcome = f"LEAKED {type(error).__name__}"
        parts_ms[name] = (time.thread_time_ns() - began) / 1e6
        if outcome is not PERMITTED:
            break
    return Cost(outcome, parts_ms)


@cache
def _remembering() -> list[Callable[[], None]]:
    """Give what makes the kernel forget what it has read before: an attacker's inputs differ from call to call."""
    modules = [module for name, module in sys.modules.items() if name.startswith("delegation.core")]
    return [each.cache_clear for module in modules for each in vars(module).values() if hasattr(each, "cache_clear")]


def _verifier(kernel: Kernel, case: Case) -> Verifier:
    """Give a verifier that knows of the chain what the case says, and has been asked twice about the tool."""
    if case.known == "nothing":
        return kernel.forgetful
    verifier = Verifier(kernel.trust)
    token = case.token.token if case.known == "all" else case.token.without_last()
    try:
        chain = verifier.verify(token, now_ms=NOW_MS, revocations=kernel.revocations)
    except DelegationError:
        return verifier
    for _ in range(2):
        chain.plans.find((AUDIENCE, case.tool))
    return verifier


def _innermost(recipe: Recipe) -> str:
    """Name the deepest part that stands first."""
    inner = next((part for part in recipe[1:] if isinstance(part, list)), None)
    return str(recipe[0]) if inner is None else _innermost(inner)
