"""Decision records and outcomes on their way to the service, in the background.

The queue is bounded and a decision that does not fit in is not taken. A batch is sent again, byte for byte, until the
service has acknowledged it. A service that has lost what it acknowledged gets what waits under a fresh key. There is no
gRPC here: a `RecordSink` is (see `recorder_grpc`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from itertools import groupby, takewhile
from typing import Final, Protocol

from delegation.core.attest import sign_outcome
from delegation.core.codec import decode_outcome, encode_outcome
from delegation.core.keys import Signer, SigningKey
from delegation.core.named_tuple import NamedTuple
from delegation.core.records import DecisionRecord, Outcome
from delegation.core.statement import SignedStatement
from delegation.errors import (
    DelegationError,
    Malformed,
    Overloaded,
    Reason,
    Refused,
    ServiceUnavailable,
    StorageError,
    refusal,
)
from delegation_sdk.backoff import Backoff
from delegation_sdk.log import defect, warn
from delegation_sdk.record_queue import MAX_WAITING, RecordQueue
from delegation_sdk.sources import Sources

_LINGER_S: Final = 0.02
_CLOSE_S: Final = 10.0
_CLOSING_WAIT_S: Final = 0.2

_AWAY: Final = (ServiceUnavailable, Overloaded, StorageError)

MAX_OPEN: Final = 16_384
"""Calls that ran without an outcome of which it is remembered under which key they are recorded."""


class RecordSink(Protocol):
    """Who takes records and outcomes."""

    def record(self, batch: SignedStatement, tokens: Sequence[bytes]) -> int:
        """Record a batch durably; give the number that the next record must have."""

    def report(self, outcomes: Sequence[SignedStatement], guard_key: bytes) -> None:
        """Record what came of calls. What was reported before may be reported again."""


class _Reported(NamedTuple):
    """What came of a call.

    Attributes:
        number: Of the call's record among all of this guard; or of a later one, if that is not known.
        outcome: What came of it.
    """

    number: int
    outcome: Outcome


class Recorder:
    """Delivers a guard's records and outcomes in the background.

    Args:
        sink: Who takes them.
        key: The guard's own fresh key.
        sources: Clock and randomness.
        capacity: How many records may wait.
    """

    def __init__(self, sink: RecordSink, key: Signer, *, sources: Sources, capacity: int = MAX_WAITING) -> None:
        self._sink = sink
        self._key = key
        self._queue = RecordQueue(key, capacity=capacity)
        self._former: list[tuple[int, Signer]] = []  # keys that were gone on from, and the last number under each
        self._open: OrderedDict[bytes, int] = OrderedDict()
        self._outcomes: deque[_Reported] = deque()
        self._random = sources.random
        self._backoff = Backoff(sources.random)
        self._work = threading.Event()
        self._closing = threading.Event()
        self._abandoned = threading.Event()
        self._said = ""
        self._unwanted = False
        # A daemon: the interpreter joins other threads before it calls what closes us at exit.
        self._thread = threading.Thread(target=self._run, name="delegation-recorder", daemon=True)

    @property
    def pending(self) -> int:
        """How many records and outcomes are not yet delivered."""
        return self._queue.pending + len(self._outcomes)

    @property
    def is_unwanted(self) -> bool:
        """Whether the service has refused what was delivered last, and was not merely away."""
        return self._unwanted

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def require_room(self) -> None:
        """Refuse to decide what could not be recorded. Raises `Undecided`, RECORD_BACKLOG."""
        self._queue.require_room()

    def append(self, record: DecisionRecord, token: bytes) -> None:
        """Queue a record, with the token it was decided on if that was verified. Raises as `require_room`."""
        if self._closing.is_set():
            raise refusal(Reason.RECORD_BACKLOG, detail="this guard is closed")
        number = self._queue.append(record, token)
        if record.allowed or record.observed:
            self._open[record.call_id] = number
            if len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
        self._work.set()

    def report(self, outcome: Outcome) -> None:
        """Queue what came of a call; it is sent after the record of its decision."""
        number = self._open.pop(outcome.call_id, 0) or self._queue.appended
        self._outcomes.append(_Reported(number, outcome))  # signed when it is sent: the tool waits here
        self._work.set()

    def close(self, timeout_s: float = _CLOSE_S) -> None:
        """Deliver what waits, then stop.

        Raises:
            ServiceUnavailable: Not all could be delivered in time; they are lost with this process.
        """
        self._closing.set()
        self._work.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if self.pending:
            raise ServiceUnavailable(f"{self.pending} decision records and outcomes could not be delivered")

    def abandon(self) -> None:
        """Stop trying: the connection goes away. What waits is lost with this process."""
        self._abandoned.set()
        self._closing.set()
        self._work.set()

    def _run(self) -> None:
        while not self._abandoned.is_set() and not (self._closing.is_set() and not self.pending):
            self._work.wait()
            if not self._closing.is_set():
                self._closing.wait(_LINGER_S)  # let a batch gather
            self._work.clear()
            try:
                while self.pending and not self._abandoned.is_set():
                    self._deliver_once()
                    self._backoff.reset()
                    self._said = ""
            except DelegationError as error:
                self._try_again(str(error))
            except Exception as error:  # noqa: BLE001 - nothing may end this thread while records wait
                self._try_again(defect(error))

    def _try_again(self, why: str) -> None:
        if why != self._said and not self._abandoned.is_set():
            warn("decision records not delivered, trying again: %s", why)
            self._said = why
        wait_s = self._backoff.next_s()
        self._work.set()
        if self._closing.is_set():  # there is a deadline to meet
            self._abandoned.wait(min(wait_s, _CLOSING_WAIT_S))
        else:
            self._closing.wait(wait_s)

    def _deliver_once(self) -> None:
        if shipment := self._queue.take():
            try:
                next_sequence = self._sink.record(shipment.batch, shipment.tokens)
            except DelegationError as error:
                self._unwanted = not isinstance(error, _AWAY)
                invalid = isinstance(error, Refused) and error.reason is Reason.RECORDS_INVALID
                if not invalid or not self._begin_anew():
                    raise
                return  # what was in flight is signed anew, and sent the next time
            self._unwanted = False
            self._queue.acknowledge(next_sequence)
        acknowledged = self._queue.acknowledged
        # Up to the first that has to wait: two tools that report at once may not be in the order of their calls.
        ready = list(takewhile(lambda each: each.number <= acknowledged, tuple(self._outcomes)))
        for key, reported in groupby(ready, self._key_of):
            self._sink.report([sign_outcome(_writable(each.outcome), key) for each in reported], key.public)
        for _ in ready:
            self._outcomes.popleft()

    def _key_of(self, reported: _Reported) -> Signer:
        """Give the key under which a call is recorded: the service takes an outcome by no other."""
        return next((key for last, key in self._former if reported.number <= last), self._key)

    def _begin_anew(self) -> bool:
        """Go on under a fresh key with what waits; tell whether that can help."""
        key = SigningKey.generate(self._random)
        if not self._queue.begin_anew(key):
            return False
        former, self._key = self._key, key
        self._former.append((self._queue.acknowledged, former))
        warn(
            "the service has lost decision records that it had acknowledged to the guard key %s; going on as %s",
            former.key_id.hex(),
            key.key_id.hex(),
        )
        return True


def _writable(outcome: Outcome) -> Outcome:
    """Give an outcome as it can be written: impacts that cannot, a file's odd name for one, hold up no others."""
    try:
        return decode_outcome(encode_outcome(outcome))
    except Malformed:
        warn("the impacts of an outcome cannot be written down and are left out")
        return outcome._replace(impacts=())
