"""What this project answers to each kind of vector: one function a kind, through the project's own public functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from conformance import carrying, deciding, reading, statements
from conformance.answering import Answer, Given

ANSWERS: Final[dict[str, Callable[[Given], Answer]]] = {
    "decode": reading.decode,
    "key": reading.key,
    "signature": reading.signature,
    "verify": deciding.verify_token,
    "covers": deciding.covered,
    "allows": deciding.allowed,
    "authorize": deciding.authorized,
    "proof": deciding.proof,
    "replay": deciding.replay,
    "statement": statements.statement,
    "offer": statements.offer,
    "approval": statements.approval,
    "break-glass": statements.break_glass,
    "bundle": statements.bundle,
    "catalogue": statements.catalogue,
    "observation": statements.observation,
    "batch": statements.batch,
    "feed": statements.feed,
    "arguments": carrying.arguments,
    "canonical-json": carrying.canonical_json,
    "principal": carrying.principal,
    "receive": carrying.receive,
    "send": carrying.send,
    "reason": carrying.reason,
}


def answer(vector: Given) -> Answer:
    """Answer one vector, in the form of its `expect`."""
    return ANSWERS[vector["kind"]](vector["input"])
