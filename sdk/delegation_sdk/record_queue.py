"""The records of one guard in order: numbered without gaps, hash-chained, signed once a batch. Without I/O."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import Final

from delegation.core import limits
from delegation.core.attest import sign_batch
from delegation.core.codec import encode_record
from delegation.core.keys import Signer
from delegation.core.named_tuple import NamedTuple
from delegation.core.records import GENESIS, DecisionRecord
from delegation.core.statement import SignedStatement
from delegation.errors import Reason, refusal

MAX_WAITING: Final = 10_000
"""Records that may wait for the service, about 10 MB; one more denies."""
MAX_BATCH: Final = 512
"""Records signed at once."""
MAX_BATCH_RECORD_BYTES: Final = 1024 * 1024
MAX_BATCH_TOKEN_BYTES: Final = 2 * 1024 * 1024
"""A batch must fit into one gRPC message with room to spare."""
MAX_KNOWN_CHAINS: Final = 8_192
"""Chains remembered as sent; a forgotten one is sent again, which does no harm."""


class Shipment(NamedTuple):
    """A signed batch that is on its way.

    Attributes:
        batch: The signed DecisionBatch.
        tokens: Chains that the service has not been sent before.
        next_sequence: Number of the record after it.
        head: Chain hash after it.
        size: How many records it has.
        chains: Digests of `tokens`.
    """

    batch: SignedStatement
    tokens: tuple[bytes, ...]
    next_sequence: int
    head: bytes
    size: int
    chains: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Shipment({self.size} records before number {self.next_sequence})"


class _Waiting(NamedTuple):
    record: bytes
    chain_digest: bytes
    token: bytes

    def __repr__(self) -> str:
        return f"_Waiting(chain {self.chain_digest.hex()})"


class RecordQueue:
    """The records of one guard in order, and what the service has acknowledged. Thread-safe, without I/O.

    Args:
        key: The guard's own fresh key: nobody else can invent or drop its decisions.
        capacity: How many records may wait.
    """

    def __init__(self, key: Signer, *, capacity: int = MAX_WAITING) -> None:
        self._key = key
        self._capacity = capacity
        self._room_for_denials = (capacity + 1) // 2
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._in_flight: Shipment | None = None
        self._flying: list[_Waiting] = []
        self._pending = 0  # a count of its own: while a batch is being signed its records are in neither place
        self._before = 0  # what was acknowledged under former keys
        self._sequence = 1
        self._head = GENESIS
        self._known: OrderedDict[bytes, None] = OrderedDict()

    @property
    def pending(self) -> int:
        """How many records the service has not acknowledged."""
        return self._pending

    @property
    def acknowledged(self) -> int:
        """How many records the service has acknowledged."""
        return self._before + self._sequence - 1

    @property
    def appended(self) -> int:
        """How many records there have been."""
        with self._lock:
            return self.acknowledged + self.pending

    def require_room(self) -> None:
        """Refuse to decide what could not be recorded.

        Raises:
            Undecided: RECORD_BACKLOG.
        """
        if self.pending >= self._capacity:
            raise refusal(Reason.RECORD_BACKLOG)

    def append(self, record: DecisionRecord, token: bytes) -> int:
        """Add a record, with the token it was decided on if that was verified; tell how many there have been with it.

        Denials leave half of the room to permissions: anybody can cause one, and nobody shall stop others by it.

        Raises:
            Undecided: RECORD_BACKLOG.
        """
        encoded = encode_record(record)
        with self._lock:
            self.require_room()
            if not record.allowed and self.pending >= self._room_for_denials:
                raise refusal(Reason.RECORD_BACKLOG)
            self._waiting.append(_Waiting(encoded, record.chain_digest, token))
            self._pending += 1
            return self.acknowledged + self._pending

    def take(self) -> Shipment | None:
        """Give the batch to be sent: the same one until it is acknowledged; None if nothing waits."""
        with self._lock:
            if self._in_flight is None and self._waiting:
                self._in_flight = self._sign_next()
            return self._in_flight

    def acknowledge(self, next_sequence: int) -> None:
        """Take the service's word that the batch in flight is recorded.

        Raises:
            BadStatement: RECORDS_INVALID if the service counts differently.
        """
        with self._lock:
            shipment = self._in_flight
            if shipment is None or next_sequence != shipment.next_sequence:
                raise refusal(Reason.RECORDS_INVALID, detail="the service counts this guard's records differently")
            self._in_flight = None
            self._flying = []
            self._pending -= shipment.size
            self._sequence, self._head = shipment.next_sequence, shipment.head
            for digest in shipment.chains:
                self._known[digest] = None
            while len(self._known) > MAX_KNOWN_CHAINS:
                self._known.popitem(last=False)

    def begin_anew(self, key: Signer) -> bool:
        """Number what is not acknowledged from 1 again, under a fresh key; tell whether that can help.

        For a service that has lost records it had acknowledged: after a restore from a backup this guard's numbers do
        not continue what it has. Where it has acknowledged nothing under the present key, it has lost nothing of it.
        """
        with self._lock:
            if self._sequence == 1:
                return False
            self._waiting.extendleft(reversed(self._flying))
            self._in_flight, self._flying = None, []
            self._before += self._sequence - 1
            self._key, self._sequence, self._head = key, 1, GENESIS
            self._known.clear()  # chains may be lost as well
            return True

    def _sign_next(self) -> Shipment:
        records: list[bytes] = []
        tokens: dict[bytes, bytes] = {}
        record_bytes = token_bytes = 0
        while self._waiting and len(records) < MAX_BATCH and record_bytes < MAX_BATCH_RECORD_BYTES:
            each = self._waiting[0]
            if each.token and each.chain_digest not in self._known and each.chain_digest not in tokens:
                token_bytes += len(each.token)
                if records and (len(tokens) == limits.BATCH_TOKENS or token_bytes > MAX_BATCH_TOKEN_BYTES):
                    break
                tokens[each.chain_digest] = each.token
            records.append(each.record)
            record_bytes += len(each.record)
            self._flying.append(self._waiting.popleft())
        batch, signed = sign_batch(
            records, first_sequence=self._sequence, previous_hash=self._head, guard_key=self._key
        )
        return Shipment(signed, tuple(tokens.values()), batch.next_sequence, batch.head, len(records), tuple(tokens))
