"""Why a write was not made: what is recorded already stands against it. These are no failures of the store."""

from __future__ import annotations

from delegation.storage.records import RecorderState


class WriteRefusedError(Exception):
    """A write was not made because of what is already recorded."""


class ReplayedProofError(WriteRefusedError):
    """The proof's nonce was used before, by another caller or for another request."""


class NotRecordedError(WriteRefusedError):
    """The write refers to something that is not recorded."""


class TooManyOpenError(WriteRefusedError):
    """More requests of a task are open than may be."""


class TooManyToolsError(WriteRefusedError):
    """A caller has said something of more tools than are kept."""


class OfferedError(WriteRefusedError):
    """A key was offered, and whoever writes takes it for one that was not."""


class RevokedMeanwhileError(WriteRefusedError):
    """Something the decision rests on was revoked after the decision was prepared."""

    def __init__(self, kind: str, revoked_id: bytes, position: int) -> None:
        super().__init__(f"{kind} revoked at feed position {position}")
        self.kind = kind
        self.revoked_id = revoked_id
        self.position = position


class AskFirstError(WriteRefusedError):
    """Whoever judges has to ask somebody before it can tell: nothing is written, and the write may be tried again."""


class OutOfSequenceError(WriteRefusedError):
    """A batch of decisions does not continue its guard's numbering or hash chain.

    `expected` is where that guard stands.
    """

    def __init__(self, expected: RecorderState) -> None:
        super().__init__(f"the next decision is number {expected.next_sequence}")
        self.expected = expected
