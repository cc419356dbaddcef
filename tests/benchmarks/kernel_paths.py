"""The paths of the kernel that are timed, as a guard walks them, from wire bytes; each seen to do what it should."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chains import AUDIENCE, MINUTE_MS, TOOL, Chain, arguments, in_turn
from measure import MeasurementFailedError

from delegation.core.arguments import Arguments
from delegation.core.attest import open_feed_entry, sign_feed_entry
from delegation.core.authorize import authorize
from delegation.core.keys import SigningKey
from delegation.core.proof import check_proof
from delegation.core.revocation import FeedEntry, Revocation, RevocationKind, RevocationState
from delegation.core.trust import KeyPurpose, TrustBundle, TrustedKey
from delegation.core.verify import Verifier
from delegation.errors import Reason, Refused

NOW_MS: Final = 1_790_000_000_000
_REVOKED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it arrives."""

    token: bytes
    arguments: dict[str, Any]
    proof: bytes

    @classmethod
    def of(cls, chain: Chain, arguments: dict[str, Any], *, key: SigningKey | None = None) -> Call:
        """Make a call by the chain's holder, or one that another key has signed."""
        return cls(chain.token, arguments, chain.proof(Arguments.of(arguments), NOW_MS, key=key))


class Kernel:
    """The parts that a guard puts together: trust, feed, verifiers with and without a memory."""

    def __init__(self) -> None:
        self.issuer = SigningKey.generate(secrets.token_bytes)
        self.statement_key = SigningKey.generate(secrets.token_bytes)
        keys = (
            TrustedKey(KeyPurpose.GRANT, self.issuer.public, NOW_MS - MINUTE_MS),
            TrustedKey(KeyPurpose.STATEMENT, self.statement_key.public, NOW_MS - MINUTE_MS),
        )
        self.trust = TrustBundle("acme.example", 1, NOW_MS, NOW_MS + 60 * MINUTE_MS, keys)
        self.revocations = _revoked(self.trust, self.statement_key)
        self.forgetful = Verifier(self.trust, cache_entries=0)

    def remembering(self, *tokens: bytes) -> Verifier:
        """Give a verifier that has verified these tokens."""
        verifier = Verifier(self.trust)
        for token in tokens:
            verifier.verify(token, now_ms=NOW_MS, revocations=self.revocations)
        return verifier

    def decide(self, verifier: Verifier, call: Call) -> None:
        """Verify a call's chain, check its proof, authorize it. Raises `Refused`."""
        sent = Arguments.of(call.arguments)
        chain = verifier.verify(call.token, now_ms=NOW_MS, revocations=self.revocations)
        check_proof(call.proof, chain, audience=AUDIENCE, tool=TOOL, arguments_digest=sent.digest, now_ms=NOW_MS)
        authorize(chain, audience=AUDIENCE, tool=TOOL, arguments=sent)

    def permitted(self, verifier: Verifier, calls: Sequence[Call]) -> Callable[[int], None]:
        """Give the path of calls that are permitted, after seeing that they are."""
        self.decide(self.forgetful, calls[0])
        return lambda number: self.decide(verifier, in_turn(calls, number))

    def denied(self, verifier: Verifier, calls: Sequence[Call], reason: Reason) -> Callable[[int], None]:
        """Give the path of calls that are refused, after seeing why."""
        require_refused(lambda: self.decide(self.forgetful, calls[0]), reason)

        def run(number: int) -> None:
            try:
                self.decide(verifier, in_turn(calls, number))
            except Refused:
                return
            raise MeasurementFailedError(f"a call was permitted that should be refused with {reason}")

        return run


def require_refused(run: Callable[[], object], reason: Reason) -> None:
    """Require that something is refused, and why.

    Raises:
        MeasurementFailedError: it is not, or for another reason.
    """
    try:
        run()
    except Refused as refused:
        if refused.reason is not reason:
            raise MeasurementFailedError(f"refused with {refused.reason} instead of {reason}") from refused
    else:
        raise MeasurementFailedError(f"permitted instead of refused with {reason}")


def different_calls(chain: Chain, count: int, *, limit: int | None = None, key: SigningKey | None = None) -> list[Call]:
    """Make calls with different arguments and proofs."""
    return [Call.of(chain, arguments(number, limit=limit), key=key) for number in range(count)]


def _revoked(trust: TrustBundle, statement_key: SigningKey) -> RevocationState:
    """Give a feed in which others are revoked, read as a guard reads it."""
    others = tuple(
        Revocation(RevocationKind.TASK, secrets.token_bytes(16), NOW_MS + MINUTE_MS) for _ in range(_REVOKED)
    )
    signed = sign_feed_entry(FeedEntry(0, _REVOKED, NOW_MS, True, False, others), statement_key)
    state = RevocationState()
    state.apply(open_feed_entry(signed, trust, now_ms=NOW_MS), monotonic_ms=0)
    return state
