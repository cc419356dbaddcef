"""A guard as its callers know it: which chains it has been sent, so that a digest finds them from then on.

For callers over gRPC and HTTP; `integrations.mcp_client` does this by itself. There is no I/O here, and nothing is ever
sent more than twice (SPEC section 11).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeVar

from delegation.errors import Reason, Refused
from delegation_sdk.call import Call
from delegation_sdk.carriage import Carriage

R = TypeVar("R")

MAX_CHAINS: Final = 1024
"""Chains remembered of one peer; a forgotten one is sent again, which does no harm."""
MAX_MISSES: Final = 3
"""So often in a row may a chain not be found before it is always sent: a guard need not keep any."""


class _Sent(NamedTuple):
    fingerprint: int
    misses: int


class Peer:
    """One guarded server, and which chains it has been sent. Make one for each, and keep it. Thread-safe.

    ```python
    def forecast(carriage):
        try:
            return method(request, metadata=to_metadata(carriage))
        except grpc.RpcError as error:
            raise error_of_call(error) from None

    with delegation.call("weather", "forecast", {"city": "Oslo"}) as call:
        answer = peer.send(call, forecast)
    ```
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: OrderedDict[tuple[str, bytes], _Sent] = OrderedDict()

    def send(self, call: Call, once: Callable[[Carriage], R]) -> R:
        """Send a call by reference where that is enough, else with its chain.

        Args:
            call: The call.
            once: Sends it with this carriage, waits for the answer, and raises the `Refused` that it holds. Called
                again with the chain, and the same proof, if the peer does not find the chain by its digest.

        Returns:
            What `once` gives.

        Raises:
            Refused: The guard has refused the call; and whatever else `once` raises.
        """
        if self.knows(call):
            try:
                answer = once(call.reference)
            except Refused as refused:
                if not self.missed(call, refused):
                    raise
            else:
                self.missed(call, None)
                return answer
        answer = once(call.carriage)
        self.was_sent(call)
        return answer

    async def send_async(self, call: Call, once: Callable[[Carriage], Awaitable[R]]) -> R:
        """Send a call as `send` does, for asyncio.

        Raises:
            Refused: The guard has refused the call; and whatever else `once` raises.
        """
        if self.knows(call):
            try:
                answer = await once(call.reference)
            except Refused as refused:
                if not self.missed(call, refused):
                    raise
            else:
                self.missed(call, None)
                return answer
        answer = await once(call.carriage)
        self.was_sent(call)
        return answer

    # -- the steps of both, for those who write a transport of their own

    def knows(self, call: Call) -> bool:
        """Tell whether to send the digest: the peer was sent just this token, and has not missed it too often."""
        sent = self._sent.get(_name(call))
        return sent is not None and sent.fingerprint == _fingerprint(call) and sent.misses < MAX_MISSES

    def missed(self, call: Call, refused: Refused | None) -> bool:
        """Remember the answer to a call by reference, and tell whether it has to be sent again, with its chain."""
        missed = refused is not None and refused.reason is Reason.CHAIN_UNKNOWN
        with self._lock:
            sent = self._sent.get(_name(call))
            if sent is not None and (missed or sent.misses):
                self._sent[_name(call)] = sent._replace(misses=sent.misses + 1 if missed else 0)
        return missed

    def was_sent(self, call: Call) -> None:
        """Remember that the peer was sent a call's chain, and has not refused the call."""
        name, fingerprint = _name(call), _fingerprint(call)
        with self._lock:
            sent = self._sent.pop(name, None)
            same = sent is not None and sent.fingerprint == fingerprint
            self._sent[name] = sent if sent is not None and same else _Sent(fingerprint, 0)
            while len(self._sent) > MAX_CHAINS:
                self._sent.popitem(last=False)

    def __repr__(self) -> str:
        return f"Peer({len(self._sent)} chains sent)"


def _name(call: Call) -> tuple[str, bytes]:
    """A server may have a guard for each of its audiences, and each knows what it was sent itself."""
    return call.audience, call.reference.chain_digest


def _fingerprint(call: Call) -> int:
    """Tell tokens of one digest apart: they may have other statements. Not kept: a delegation may end before this."""
    return hash(call.carriage.token)
