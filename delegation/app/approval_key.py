"""An approver's own key: made and opened where they are, and nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from delegation.core.keys import SigningKey
from delegation.signing.port import SignerPurpose
from delegation.signing.sealed_file import USUAL_COST, create_key, open_key
from delegation.signing.sealed_format import ScryptCost


def make_approval_key(
    directory: Path,
    passphrase: bytes,
    *,
    cost: ScryptCost = USUAL_COST,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> bytes:
    """Make a key, sealed under a passphrase; return its public half, 32 bytes, which the operator lists.

    Raises:
        ConfigError: there is one already, or it cannot be written.
    """
    return create_key(directory, SignerPurpose.APPROVAL, passphrase, random=random, cost=cost).public


def open_approval_key(directory: Path, passphrase: bytes) -> SigningKey:
    """Open an approver's key.

    Raises:
        ConfigError: it is not there, open to others, damaged, or the passphrase is wrong.
    """
    return open_key(directory, SignerPurpose.APPROVAL, passphrase)
