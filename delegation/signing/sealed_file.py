"""Adapter: keys in files, each sealed under a passphrase; and where the passphrase is found.

The first key of a purpose is `PURPOSE.key`; those that follow it in rotations are `PURPOSE-ID.key`, named by the
first digits of their key id. `root.key` is made the same way and belongs offline.
"""

from __future__ import annotations

import os
import secrets
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from delegation.core.keys import SigningKey, key_id
from delegation.errors import ConfigError
from delegation.private_files import create_private, make_private_directory, read_private
from delegation.signing.port import SignerPurpose
from delegation.signing.sealed_format import MAX_SEALED_BYTES, ScryptCost, claimed_public_key, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PASSPHRASE_VARIABLE: Final = "DELEGATION_KEY_PASSPHRASE"
PASSPHRASE_FILE_VARIABLE: Final = "DELEGATION_KEY_PASSPHRASE_FILE"

T = TypeVar("T")

_SEED_BYTES: Final = 32
_NAMED_DIGITS: Final = 16
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
    return _open(key_path(directory, purpose), purpose, passphrase)


class SealedFiles:
    """The keys of one directory, sealed under one passphrase.

    Args:
        directory: Where; made if need be, for its owner only.
        passphrase: Gives what seals them; called when a key is made or opened, and not to list them.
        random: A cryptographic source.
        cost: How dear it is to try a passphrase on keys made here.
    """

    def __init__(
        self,
        directory: Path,
        passphrase: Callable[[], bytes],
        *,
        random: Callable[[int], bytes] = secrets.token_bytes,
        cost: ScryptCost = USUAL_COST,
    ) -> None:
        self._directory = directory
        self._passphrase = passphrase
        self._random = random
        self._cost = cost

    def create(self, purpose: SignerPurpose) -> SigningKey:
        """Make one more key of a purpose and its file. Raises `ConfigError`."""
        if not key_path(self._directory, purpose).exists():
            return create_key(self._directory, purpose, self._passphrase(), random=self._random, cost=self._cost)
        key = SigningKey.generate(self._random)
        path = self._directory / f"{purpose}-{key.key_id.hex()[:_NAMED_DIGITS]}.key"
        sealed = seal(key.seed, purpose, self._passphrase(), random=self._random, cost=self._cost)
        create_private(path, sealed)
        return key

    def public_keys(self, purpose: SignerPurpose) -> tuple[bytes, ...]:
        """List the public keys that the files of a purpose claim to be. Raises `ConfigError`."""
        return tuple(self._files(purpose))

    def open(self, purpose: SignerPurpose, public_key: bytes) -> SigningKey:
        """Open a key. Raises `ConfigError` as `open_key`, and if there is none."""
        path = self._files(purpose).get(public_key)
        if path is None:
            raise ConfigError(
                f"{self._directory} has no file of the {purpose} key {key_id(public_key).hex()}: copy it there"
            )
        key = _open(path, purpose, self._passphrase())
        if key.public != public_key:
            raise ConfigError(f"{path} changed while it was read: look who writes there")
        return key

    def _files(self, purpose: SignerPurpose) -> dict[bytes, Path]:
        files: dict[bytes, Path] = {}
        for path in (key_path(self._directory, purpose), *sorted(self._directory.glob(f"{purpose}-*.key"))):
            if path.exists():
                content = read_private(path, max_bytes=MAX_SEALED_BYTES)
                files[_named(path, partial(claimed_public_key, content, purpose))] = path
        return files


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


def _open(path: Path, purpose: SignerPurpose, passphrase: bytes) -> SigningKey:
    content = read_private(path, max_bytes=MAX_SEALED_BYTES)
    return _named(path, lambda: unseal(content, purpose, passphrase))


def _named(path: Path, read: Callable[[], T]) -> T:
    try:
        return read()
    except ConfigError as error:
        raise ConfigError(f"cannot open the key {path}: {error}") from None


def _passphrase(value: bytes, source: str) -> bytes:
    if not value:
        raise ConfigError(f"the passphrase in {source} is empty: set one")
    return value
