"""The service's own keys, by purpose. The port itself is the kernel's `Signer`: a public key and a way to sign.

Purposes are separate keys so that one stolen key is not all of them, and so that the root, which says
which of the others count, can stay offline.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

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


SERVICE_PURPOSES = (SignerPurpose.GRANT, SignerPurpose.STATEMENT, SignerPurpose.CHECKPOINT)


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """The keys of a running service. The root key is not among them."""

    grant: Signer
    statement: Signer
    checkpoint: Signer
