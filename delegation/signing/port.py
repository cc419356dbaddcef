"""The service's own keys, by purpose: the port to where they live, and those that sign now.

Purposes are separate keys so that one stolen key is not all of them, and so that the root, which says
which of the others count, can stay offline. Of one purpose there can be several keys: that is how they rotate.
A key itself is the kernel's `Signer`: a public key and a way to sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from delegation.errors import ServiceUnavailable

if TYPE_CHECKING:
    from delegation.core.keys import Signer


class SignerPurpose(StrEnum):
    """What one of the service's keys is for, and nothing else."""

    ROOT = "root"
    """Signs the trust bundle. Kept offline."""
    GRANT = "grant"
    STATEMENT = "statement"
    """Signs receipts, bindings and the revocation feed."""
    CHECKPOINT = "checkpoint"
    """Signs the ledger's checkpoints."""
    BREAK_GLASS = "break_glass"
    """Signs an operator's break-glass statements. Kept by a person; no service holds it."""
    APPROVAL = "approval"
    """Signs what an approver consents to. Their own; no service holds it."""


SERVICE_PURPOSES = (SignerPurpose.GRANT, SignerPurpose.STATEMENT, SignerPurpose.CHECKPOINT)


class KeyStore(Protocol):
    """Where keys live. Calls may block: an HSM is a network away, a passphrase is stretched on purpose."""

    def create(self, purpose: SignerPurpose) -> Signer:
        """Make one more key of a purpose, and keep it. Raises `ConfigError`."""

    def public_keys(self, purpose: SignerPurpose) -> tuple[bytes, ...]:
        """List the public keys, 32 bytes each, that the store has a key for. Raises `ConfigError`.

        What is listed is a claim of the store until `open` has given the key.
        """

    def open(self, purpose: SignerPurpose, public_key: bytes) -> Signer:
        """Give a key that is really this one. Raises `ConfigError`."""


class SignerInUse:
    """The key of one purpose that signs now. A rotation puts another one in its place.

    Not for several threads: whoever signs reads `key_id` beside the signature, and both must be of one key.
    The service signs and rotates on its event loop, with no `await` between the two.
    """

    __slots__ = ("_signer",)

    def __init__(self, signer: Signer) -> None:
        self._signer: Signer | None = signer

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes. Raises `ServiceUnavailable` if there is none."""
        return self._usable().public

    @property
    def key_id(self) -> bytes:
        """The key's id, 16 bytes. Raises as `public`."""
        return self._usable().key_id

    def sign(self, message: bytes) -> bytes:
        """Give the signature of a message, 64 bytes. Raises as `public`."""
        return self._usable().sign(message)

    def use(self, signer: Signer | None) -> None:
        """Sign with another key from now on; with none, if None."""
        self._signer = signer

    def _usable(self) -> Signer:
        if self._signer is None:
            raise ServiceUnavailable("the service holds no key that may sign this: see its log, or `delegation doctor`")
        return self._signer

    def __repr__(self) -> str:
        return f"SignerInUse(key_id={self._signer.key_id.hex() if self._signer else None})"


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """The keys of a running service. The root key is not among them."""

    grant: Signer
    statement: Signer
    checkpoint: Signer
