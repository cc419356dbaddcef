"""Keys that are trusted, by purpose and for a time: a trust domain's own, or a federated one's."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol

from delegation.core.keys import key_id
from delegation.core.named_tuple import NamedTuple
from delegation.errors import Reason, refusal


class KeyPurpose(StrEnum):
    """What a key of the service may sign."""

    GRANT = "grant"
    STATEMENT = "statement"
    CHECKPOINT = "checkpoint"
    BREAK_GLASS = "break_glass"


class KeyState(StrEnum):
    """Whether a key is in use."""

    ACTIVE = "active"
    RETIRED = "retired"
    COMPROMISED = "compromised"


class TrustedKey(NamedTuple):
    """One key of the service.

    Attributes:
        purpose: what it may sign.
        public_key: Ed25519, 32 bytes.
        not_before_ms, not_after_ms: when its signatures count; not_after_ms 0 sets no end.
        state: whether it is in use.
        compromised_at_ms: from when on it is held to be compromised; 0 if it is not.
    """

    purpose: KeyPurpose
    public_key: bytes
    not_before_ms: int
    not_after_ms: int = 0
    state: KeyState = KeyState.ACTIVE
    compromised_at_ms: int = 0

    @property
    def key_id(self) -> bytes:
        """The key's id, 16 bytes."""
        return key_id(self.public_key)

    def usable(self, at_ms: int) -> bool:
        """Tell whether signatures made now count."""
        return (
            self.state is KeyState.ACTIVE
            and at_ms >= self.not_before_ms
            and (self.not_after_ms == 0 or at_ms < self.not_after_ms)
        )


class StatementKeys(Protocol):
    """Whose statements are believed: a trust bundle's own domain's, or a federated one's."""

    def find(self, key_id: bytes) -> TrustedKey | None:
        """Give a key by its id, whatever it is for and whether it is in use."""

    def statement_key(self, key_id: bytes, now_ms: int) -> bytes:
        """Give the public statement key of this id. Raises `BadStatement`."""


class TrustedKeys:
    """Keys by their ids. Raises the same for one that is unknown and for one that does not count."""

    __slots__ = ("_by_id",)

    def __init__(self, keys: Iterable[TrustedKey]) -> None:
        self._by_id = {key.key_id: key for key in keys}

    def find(self, key_id: bytes) -> TrustedKey | None:
        """Give a key by its id, whatever it is for and whether it is in use."""
        return self._by_id.get(key_id)

    def grant_key(self, key_id: bytes, now_ms: int) -> TrustedKey:
        """Give the grant key of this id.

        Raises:
            BadSignature: ISSUER_UNKNOWN; ISSUER_NOT_TRUSTED if it is for another purpose, retired, compromised
                or outside its window.
        """
        key = self._by_id.get(key_id)
        if key is None:
            raise refusal(Reason.ISSUER_UNKNOWN)
        if key.purpose is not KeyPurpose.GRANT or not key.usable(now_ms):
            raise refusal(Reason.ISSUER_NOT_TRUSTED)
        return key

    def statement_key(self, key_id: bytes, now_ms: int) -> bytes:
        """Give the public statement key of this id.

        Raises:
            BadStatement: STATEMENT_INVALID if there is none that may sign statements now.
        """
        key = self._by_id.get(key_id)
        if key is None or key.purpose is not KeyPurpose.STATEMENT or not key.usable(now_ms):
            raise refusal(Reason.STATEMENT_INVALID, detail="not signed by a statement key of the trust bundle")
        return key.public_key
