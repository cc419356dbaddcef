"""Signing and checking a call's proof (SPEC section 7).

Without a proof a token is worth nothing; and a holder's own narrowing link cannot be cut off, since
the shorter, wider chain ends in another key (prefix truncation).
"""

from __future__ import annotations

import hashlib

from delegation.core import limits
from delegation.core.call import Proof
from delegation.core.chain import TraceIds, VerifiedChain
from delegation.core.codec import decode_proof, encode_proof, join_proof, read_expected_proof, split_proof
from delegation.core.keys import Purpose, Signer, signing_input, verify
from delegation.errors import BadSignature, Malformed, Reason, refusal


def sign_proof(
    key: Signer,
    *,
    chain_digest: bytes,
    audience: str,
    tool: str,
    arguments_digest: bytes,
    now_ms: int,
    nonce: bytes,
    trace: TraceIds | None = None,
) -> bytes:
    """Sign one call.

    Args:
        key: the holder key of the chain's leaf.
        chain_digest: the leaf's link id, 32 bytes.
        audience: who serves the tool.
        tool: its name.
        arguments_digest: `Arguments.digest`, 32 bytes.
        now_ms: the time.
        nonce: 16 fresh random bytes.
        trace: ids of the call's span.

    Returns:
        The signed proof, as it travels.
    """
    payload = encode_proof(Proof(chain_digest, audience, tool, arguments_digest, now_ms, nonce, trace))
    return join_proof(payload, key.sign(signing_input(Purpose.PROOF, payload)))


def proof_id(chain_digest: bytes, audience: str, nonce: bytes) -> bytes:
    """Give what a store of used proofs knows a proof by, 16 bytes (SPEC P-8).

    Not the nonce alone: whoever saw it on its way could use it up with a proof of its own, or as another tool.
    """
    return hashlib.sha256(chain_digest + nonce + audience.encode(errors="surrogatepass")).digest()[: limits.NONCE_BYTES]


def check_proof(
    proof: bytes,
    chain: VerifiedChain,
    *,
    audience: str,
    tool: str,
    arguments_digest: bytes,
    now_ms: int,
    accept_from_ms: int = 0,
) -> Proof:
    """Check that the chain's leaf holder signed exactly this call, just now.

    The nonce is the caller's to use up, in one atomic step, after this.

    Args:
        proof: what came with the call.
        chain: the verified chain that came with it.
        audience: the verifier's own audience.
        tool: the tool that is about to run.
        arguments_digest: of the arguments it is about to run with.
        now_ms: the time.
        accept_from_ms: when the verifier began to remember nonces; proofs from before it are refused.

    Raises:
        BadProof: PROOF_MISSING, PROOF_INVALID, PROOF_OTHER_CALL, PROOF_STALE or PROOF_FROM_FUTURE.
    """
    return check_holder_proof(
        proof,
        chain.leaf.holder_key,
        chain_digest=chain.digest,
        audience=audience,
        tool=tool,
        arguments_digest=arguments_digest,
        now_ms=now_ms,
        accept_from_ms=accept_from_ms,
    )


def check_holder_proof(
    proof: bytes,
    holder_key: bytes,
    *,
    chain_digest: bytes,
    audience: str,
    tool: str,
    arguments_digest: bytes,
    now_ms: int,
    accept_from_ms: int = 0,
) -> Proof:
    """Check a proof against one holder key; otherwise as `check_proof`.

    What is cheap and cannot be got wrong comes first, so that a bad proof costs at most one signature
    verification more than none.
    """
    if not proof:
        raise refusal(Reason.PROOF_MISSING)
    try:
        expected = read_expected_proof(proof, chain_digest, audience, tool, arguments_digest)
        claim, payload, signature = expected or _read(proof)
    except Malformed as error:
        raise refusal(Reason.PROOF_INVALID, detail=str(error)) from None
    if expected is None and (claim.chain_digest, claim.audience, claim.tool, claim.arguments_digest) != (
        chain_digest,
        audience,
        tool,
        arguments_digest,
    ):
        raise refusal(Reason.PROOF_OTHER_CALL)
    if claim.issued_at_ms > now_ms + limits.PROOF_FUTURE_MS:
        raise refusal(Reason.PROOF_FROM_FUTURE)
    if claim.issued_at_ms < max(now_ms - limits.PROOF_PAST_MS, accept_from_ms):
        raise refusal(Reason.PROOF_STALE)
    try:
        verify(holder_key, signing_input(Purpose.PROOF, payload), signature)
    except BadSignature:
        raise refusal(Reason.PROOF_INVALID, detail="not signed by the holder") from None
    return claim


def _read(proof: bytes) -> tuple[Proof, bytes, bytes]:
    payload, signature = split_proof(proof)
    return decode_proof(payload), payload, signature
