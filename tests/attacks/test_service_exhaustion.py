"""Attacks on what the service can hold: an attacker's bytes must not outlive their request."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from itertools import pairwise

import pytest

from delegation.core.constraints import under
from delegation.core.scope import any_call, tool
from delegation.core.verify import Verifier
from delegation.errors import Reason, Refused
from delegation.service.question import Question
from support.caller import nonce

BIG = "x" * 200_000


@pytest.fixture
def child(alice):
    return alice.hand_off(
        alice.grant(any_call("files", "read"), tool("files", "list", path=under("/srv"))), "agent/bob"
    )


def held(kind: type) -> list:
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, kind)]


@pytest.mark.parametrize(
    "tweaks",
    [
        {"token": b"nonsense"},
        {"proof": b"nonsense"},
        {"proof": b""},
        {"arguments_json": b"[" * 200_000},
        {"arguments_json": b'{"x":"' + BIG.encode() + b'", }'},
        {"tool": "list"},
    ],
    ids=["no token", "no proof", "nothing", "deep", "not JSON", "another tool"],
)
def test_a_remembered_denial_keeps_nothing_of_the_question(files, child, tweaks):
    before = len(held(Question))
    for _ in range(20):
        question = replace(child.question("files", "read", {"x": BIG}), attempt=nonce(), **tweaks)
        decision = files.decide_question(question)
        assert decision.refusal is not None
        assert files.decide_question(question).call_id == decision.call_id, "it is remembered"
    assert len(held(Question)) <= before + 2


def test_the_words_of_a_remembered_denial_are_bounded(files, child):
    long = "n" * 100_000
    decision = files.decide(child, "files", "list", {"path": "/srv", long: 1})
    assert decision.refusal.reason is Reason.ARGUMENT_UNEXPECTED
    assert not [each for each in held(Refused) if len(each.field) > 10_000]


def test_a_batch_of_handoffs_gives_way_to_others_after_each(server, alice, monkeypatch):
    """Each token may cost as much as 32 signatures: 64 of them in one go would stop everybody for a second."""
    verified, seen = [], []
    genuine = Verifier.verify

    def verify(*args, **options):
        verified.append(1)
        return genuine(*args, **options)

    monkeypatch.setattr(Verifier, "verify", verify)
    going = True

    async def look():
        while going:
            seen.append(len(verified))
            await asyncio.sleep(0)

    looking = asyncio.run_coroutine_threadsafe(look(), server.loop)
    task = alice.grant(any_call("files", "read"))
    alice.record(*[task.child("agent/bob") for _ in range(40)])
    going = False
    looking.result(10)
    assert max(after - before for before, after in pairwise(seen)) <= 2
