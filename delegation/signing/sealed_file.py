"""Adapter: the service's keys in files, each sealed under a passphrase, one directory for all.

`grant.key`, `statement.key` and `checkpoint.key` are what a running service opens. `root.key` is made
the same way and belongs offline.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from delegation.core.keys import SigningKey
from delegation.errors import ConfigError
from delegation.private_files import create_private, make_private_directory, read_private
from delegation.signing.port import ServiceKeys, SignerPurpose
from delegation.signing.sealed_format import MAX_SEALED_BYTES, ScryptCost, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PASSPHRASE_VARIABLE: Final = "DELEGATION_KEY_PASSPHRASE"
PASSPHRASE_FILE_VARIABLE: Final = "DELEGATION_KEY_PASSPHRASE_FILE"

_SEED_BYTES: Final = 32
_MAX_PASSPHRASE_BYTES: Final = 1024
_RANDOM_PASSPHRASE_BYTES: Final = 32
USUAL_COST: Final = ScryptCost()
# Stretching guards what people choose. A random passphrase of 256 bits needs none, and starts at once.
RANDOM_PASSPHRASE_COST: Final = ScryptCost(log2_n=10)


def key_path(directory: Path, purpose: SignerPurpose) -> Path:
    """Name the file of a purpose's key."""
    return directory / f"{purpose}.key"


def create_key(
    directory: Path,
    purpose: SignerPurpose,
    passphrase: bytes,
    *,
    random: Callable[[int], bytes],
    cost: ScryptCost = USUAL_COST,
) -> SigningKey:
    """Make a key and its file. Never overwrites one.

    Args:
        directory: Where; made if need be, for its owner only.
        purpose: What the key is for.
        passphrase: What seals it.
        random: A cryptographic source, such as `secrets.token_bytes`.
        cost: How dear it is to try a passphrase.

    Raises:
        ConfigError: The file exists or cannot be written.
    """
    make_private_directory(directory)
    seed = random(_SEED_BYTES)
    create_private(key_path(directory, purpose), seal(seed, purpose, passphrase, random=random, cost=cost))
    return SigningKey(seed)


def open_key(directory: Path, purpose: SignerPurpose, passphrase: bytes) -> SigningKey:
    """Open a purpose's key.

    Raises:
        ConfigError: The file is missing, open to others, damaged, for another purpose, or the passphrase
            is wrong.
    """
    path = key_path(directory, purpose)
    content = read_private(path, max_bytes=MAX_SEALED_BYTES)
    try:
        return unseal(content, purpose, passphrase)
    except ConfigError as error:
        raise ConfigError(f"cannot open the key {path}: {error}") from None


def open_service_keys(directory: Path, passphrase: bytes) -> ServiceKeys:
    """Open the keys of a running service.

    Raises:
        ConfigError: As `open_key`, for the first one that cannot be opened.
    """
    return ServiceKeys(
        grant=open_key(directory, SignerPurpose.GRANT, passphrase),
        statement=open_key(directory, SignerPurpose.STATEMENT, passphrase),
        checkpoint=open_key(directory, SignerPurpose.CHECKPOINT, passphrase),
    )


def find_passphrase(environment: Mapping[str, str], configured_file: Path | None = None) -> bytes:
    """Find the passphrase: in the environment, in the file the environment names, in the configured file.

    Raises:
        ConfigError: None is set, two are set, the file is open to others, or it is empty.
    """
    text = environment.get(PASSPHRASE_VARIABLE)
    named = environment.get(PASSPHRASE_FILE_VARIABLE)
    if text is not None and named is not None:
        raise ConfigError(f"both {PASSPHRASE_VARIABLE} and {PASSPHRASE_FILE_VARIABLE} are set: unset one")
    if text is not None:
        return _passphrase(os.fsencode(text), PASSPHRASE_VARIABLE)
    file = Path(named) if named is not None else configured_file
    if file is None:
        raise ConfigError(
            f"no passphrase for the keys: set {PASSPHRASE_VARIABLE}, {PASSPHRASE_FILE_VARIABLE} or keys.passphrase_file"
        )
    content = read_private(file, max_bytes=_MAX_PASSPHRASE_BYTES)
    return _passphrase(content.removesuffix(b"\n").removesuffix(b"\r"), str(file))


def find_or_create_random_passphrase(file: Path, *, random: Callable[[int], bytes]) -> bytes:
    """Return the passphrase in a file, made at random on first use. For development only.

    Whoever reads the file opens the keys beside it: this keeps the formats the same, not the keys safe.

    Raises:
        ConfigError: The file cannot be made, or is open to others.
    """
    if not file.exists():
        make_private_directory(file.parent)
        create_private(file, random(_RANDOM_PASSPHRASE_BYTES).hex().encode() + b"\n")
    return find_passphrase({}, file)


def _passphrase(value: bytes, source: str) -> bytes:
    if not value:
        raise ConfigError(f"the passphrase in {source} is empty: set one")
    return value
