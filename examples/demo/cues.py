"""How the director tells an agent what to do next: one line of JSON a cue, one line of JSON an answer.

This is stagecraft, no part of delegation: authority never travels here. In production an agent is driven by its model.
"""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from delegation_sdk import Refused
from demo.narration import SurpriseError
from demo.processes import Process

Act = Callable[..., Awaitable[Any]]


class Cues:
    """The agent's side: cues come in on standard input, answers go out on standard output."""

    async def wait_for(self, act: str) -> None:
        """Wait for one cue, and leave it to the program to answer it. "" is the end of all cues."""
        if (await self._next()).get("act", "") != act:
            sys.exit("the director has left, or lost the thread")

    async def follow(self, actor: object, *, until: str = "") -> None:
        """Have an actor's methods answer the cues of the same name; return at one that is left to the program.

        Without `until`, return when there are no more cues.
        """
        while cue := await self._next():
            act = cue.pop("act")
            if act == until:
                return
            self._say(await _answer_of(getattr(actor, act), cue))

    def answer(self, done: Any) -> None:
        """Answer the cue that was left to the program."""
        self._say({"done": done})

    async def _next(self) -> dict[str, Any]:
        line = await asyncio.to_thread(sys.stdin.readline)
        cue: dict[str, Any] = json.loads(line) if line else {}
        return cue

    def _say(self, answer: Mapping[str, Any]) -> None:
        print(json.dumps(answer), flush=True)


async def _answer_of(act: Act, given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {"done": await act(**given)}
    except Refused as refused:
        return {"refused": _plain(refused)}
    except Exception as error:  # noqa: BLE001 - the director judges it; the log has where it came from
        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {error}"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an agent was refused, as it was told: the fields of `delegation_sdk.Refused`."""

    reason: str
    layer: str
    link: int | None
    field: str
    parent: str
    child: str

    def __str__(self) -> str:
        return self.reason if self.link is None else f"{self.reason} at link {self.link}"


class Actor:
    """An agent in another process, as the director sees it."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def wait_until_ready(self) -> None:
        """Wait until it follows cues."""
        self._answer()

    def act(self, act: str, **given: Any) -> Any:
        """Have it do something that must succeed."""
        answer = self._ask(act, given)
        if "done" not in answer:
            raise SurpriseError(f"{self.process.name} should {act}, and was not able to: {answer}")
        return answer["done"]

    def fails(self, act: str, **given: Any) -> Refusal:
        """Have it do something that must be refused."""
        refusal = self.tries(act, **given)
        if refusal is None:
            raise SurpriseError(f"{self.process.name} was not refused to {act}")
        return refusal

    def tries(self, act: str, **given: Any) -> Refusal | None:
        """Have it do something, and tell why it was refused, if it was."""
        answer = self._ask(act, given)
        if "failed" in answer:
            raise SurpriseError(f"{self.process.name} was not able to {act}: {answer['failed']}")
        return Refusal(**answer["refused"]) if "refused" in answer else None

    def _ask(self, act: str, given: dict[str, Any]) -> dict[str, Any]:
        self.process.write_line(json.dumps({"act": act, **given}))
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.process.read_line())
        return answer


def _plain(refused: Refused) -> dict[str, Any]:
    return {
        "reason": refused.reason,
        "layer": refused.layer,
        "link": refused.link_index,
        "field": refused.field,
        "parent": refused.parent,
        "child": refused.child,
    }
