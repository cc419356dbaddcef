"""What the kernel's values print as: nothing of a token or proof that could be sent again."""

from __future__ import annotations

import base64

import pytest

from delegation.core.codec import parse_token
from delegation.core.records import DecisionRecord
from support.chains import NOW_MS, chain, some_bytes


def shows(text: str, secret: bytes) -> bool:
    """Tell whether a text has a good part of some bytes in it, however they are written."""
    part = secret[: len(secret) // 2]
    written = (repr(part)[2:-1], part.hex(), base64.b64encode(part).decode()[:16])
    return any(each in text for each in written)


def test_the_check_itself_sees_bytes_that_are_printed():
    secret = some_bytes("secret", 32)
    for text in (repr([secret]), secret.hex(), base64.urlsafe_b64encode(secret).decode()):
        assert shows(text.replace("-", "+").replace("_", "/"), secret)


@pytest.mark.spec("G-3")
def test_a_chain_prints_neither_payloads_nor_signatures():
    unverified = parse_token(chain("root -> planner -> tool").token)
    for value in (unverified, *unverified.frames, unverified.frames, unverified.statements):
        for secret in [bytes_ for frame in unverified.frames for bytes_ in (frame.payload, frame.signature)]:
            assert not shows(repr(value), secret)
    for statement in unverified.statements:
        assert not shows(repr(statement), statement.signature)


@pytest.mark.spec("G-3")
def test_a_decision_record_does_not_print_the_proof():
    proof = some_bytes("proof", 32) * 4
    record = DecisionRecord(
        some_bytes("call"), b"", "files", "read", some_bytes("digest", 32), NOW_MS, True, "", None, 0, proof, None
    )
    assert not shows(repr(record), proof)
    assert "files.read" in repr(record)
