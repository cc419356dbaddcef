"""What is done without a library, or past its wrapper, gives the answer that the library gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from delegation.core.chain import TraceIds
from delegation.core.codec import decode_proof, read_expected_proof, split_proof
from delegation.core.keys import SigningKey, verify
from delegation.core.proof import sign_proof
from delegation.errors import Malformed, Refused
from support.strategies import bounded

KEY = SigningKey(bytes(range(32)))
NAMES = st.sampled_from(["a", "files", "é" * 40, "n" * 127, "n" * 128, "n" * 200])
EDITS = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 255), st.sampled_from(["set", "put", "cut"])), max_size=3
)


def edited(data: bytes, edits: list[tuple[int, int, str]]) -> bytes:
    changed = bytearray(data)
    for position, byte, how in edits:
        at = position % (len(changed) or 1)
        if how == "put":
            changed.insert(at, byte)
        elif how == "cut":
            del changed[at : at + 1]
        elif changed:
            changed[at] = byte
    return bytes(changed)


def strictly(proof: bytes) -> object:
    """What the library reads, or why it does not."""
    try:
        payload, signature = split_proof(proof)
        return decode_proof(payload), payload, signature
    except Malformed as refused:
        return refused.reason


@bounded(400)
@given(NAMES, NAMES, st.booleans(), EDITS)
def test_a_proof_is_read_by_comparison_as_it_is_read_by_the_library(audience, tool, traced, edits):
    digests = bytes(range(32)), bytes(range(32, 64))
    signed = sign_proof(
        KEY,
        chain_digest=digests[0],
        audience=audience,
        tool=tool,
        arguments_digest=digests[1],
        now_ms=1_790_000_000_000,
        nonce=bytes(range(16)),
        trace=TraceIds(bytes(range(1, 17)), bytes(range(1, 9))) if traced else None,
    )
    proof = edited(signed, edits)
    try:
        compared = read_expected_proof(proof, digests[0], audience, tool, digests[1])
    except Malformed as refusal:
        refused = refusal.reason
    else:
        refused = None
    if refused is not None:
        assert strictly(proof) == refused
        return
    short = max(len(audience.encode()), len(tool.encode())) < 128
    assert compared is not None or proof != signed or not short, "what was signed is read without the library"
    assert compared is None or compared == strictly(proof)


@bounded(300)
@given(st.binary(max_size=80), EDITS, EDITS)
def test_a_signature_is_checked_as_the_library_checks_it(message, in_signature, in_key):
    signature, public = edited(KEY.sign(message), in_signature), edited(KEY.public, in_key)
    try:
        crypto_sign_open(signature + message, public)
        held = len(signature) == 64 and len(public) == 32
    except (BadSignatureError, ValueError):
        held = False
    try:
        verify(public, message, signature)
    except Refused:
        assert not held
    else:
        assert held
