"""Where the command line finds the passphrase of key files, before it asks a person."""

from __future__ import annotations

import os
from pathlib import Path

from delegation.errors import ConfigError
from delegation.signing.sealed_file import PASSPHRASE_FILE_VARIABLE, PASSPHRASE_VARIABLE, find_passphrase


def given_passphrase(file: Path | None, *, from_environment: bool) -> bytes | None:
    """Return the passphrase in a file or, if that may be, in the environment; None if neither is given.

    Raises:
        ConfigError: The file is missing, empty or open to others.
    """
    if file is not None:
        return find_passphrase({}, file)
    if from_environment and not os.environ.keys().isdisjoint({PASSPHRASE_VARIABLE, PASSPHRASE_FILE_VARIABLE}):
        return find_passphrase(os.environ)
    return None


def require_passphrase(text: str) -> bytes:
    """Return a passphrase that a person typed. Raises `ConfigError` if it is empty."""
    if not text:
        raise ConfigError("the passphrase is empty: type one")
    return os.fsencode(text)
