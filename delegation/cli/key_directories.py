"""The directories of keys that the `keys` commands work on."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from delegation.app.key_files import read_bundle, read_root_public, system_ms
from delegation.app.key_store import open_key_store, sealed_store
from delegation.cli.passphrases import passphrase_of
from delegation.cli.terminal import console, print_json
from delegation.cli.views.bundle_table import plain_bundle, print_bundle
from delegation.core import limits
from delegation.core.attest import open_bundle
from delegation.core.codec import decode_bundle
from delegation.core.trust import Catalogue, FederatedDomain, KeyPurpose, TrustBundle
from delegation.errors import ConfigError
from delegation.service.key_rotation import SERVICE_KEY_PURPOSES
from delegation.signing.port import SERVICE_PURPOSES, KeyStore, SignerPurpose

if TYPE_CHECKING:
    from delegation.core.keys import Signer
    from delegation.core.statement import SignedStatement


def refuse_same(keys: Path, root: Path) -> None:
    """Require that the root key is not made beside the service's keys. Raises `ConfigError`."""
    if keys.resolve() == root.resolve():
        raise ConfigError("the root key belongs offline, not beside the service's keys: choose another --root")


def read_catalogue(file: Path | None) -> Catalogue | None:
    """Read the catalogue that the bundle shall name. Raises `ConfigError`."""
    if file is None:
        return None
    from delegation.server.catalogue_file import load_catalogue

    return load_catalogue(file)


def read_federation(file: Path | None, own_domain: str) -> tuple[FederatedDomain, ...] | None:
    """Read the federated domains that the bundle shall name. Raises `ConfigError`."""
    if file is None:
        return None
    from delegation.app.federation_file import load_federation

    return load_federation(file, own_domain=own_domain, now_ms=system_ms)


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where a service's keys are: the directory of the bundle, and the store of the keys.

    `ask` asks for the passphrase, or opens the token, now: for whoever has to have it before anything is made.
    """

    directory: Path
    store: KeyStore
    ask: Callable[[], object] = lambda: None


class _OpenedLater:
    """A store of keys that is opened when it is needed: to give up a key it may not be, and it may be away."""

    def __init__(self, opened: Callable[[], KeyStore]) -> None:
        self.store = cache(opened)

    def create(self, purpose: SignerPurpose) -> Signer:
        return self.store().create(purpose)

    def public_keys(self, purpose: SignerPurpose) -> tuple[bytes, ...]:
        return self.store().public_keys(purpose)

    def open(self, purpose: SignerPurpose, public_key: bytes) -> Signer:
        return self.store().open(purpose, public_key)


def place_of(keys: Path | None, config: Path | None, passphrase_file: Path | None, *, new: bool = False) -> KeyPlace:
    """Find a service's keys: in a directory, or where a configuration says. A passphrase is asked for when needed.

    Args:
        keys: the directory of sealed keys, or None.
        config: the service's configuration, or None.
        passphrase_file: of sealed keys; None: as configured, else asked for.
        new: whether a passphrase that is asked for is a new one, which is typed twice.

    Raises:
        ConfigError: neither or both are given, or the configuration cannot be used.
    """
    if (keys is None) == (config is None):
        raise ConfigError("name the service's keys with --keys DIR, or its configuration with --config FILE")
    if config is not None:
        from delegation.server.config import load_config

        loaded = load_config(config)
        later = _OpenedLater(lambda: open_key_store(loaded.keys, loaded.keys_directory, os.environ))
        return KeyPlace(loaded.keys_directory, later, later.store)
    assert keys is not None  # noqa: S101 - one of them is

    @cache
    def passphrase() -> bytes:
        return passphrase_of("the service's keys", passphrase_file, "--passphrase-file", from_environment=True, new=new)

    return KeyPlace(keys, sealed_store(keys, passphrase), passphrase)


def refuse_keys(place: KeyPlace) -> None:
    """Require that nothing is there yet: a new root does not continue what another one began. Raises `ConfigError`."""
    if any(place.store.public_keys(purpose) for purpose in SERVICE_PURPOSES):
        raise ConfigError(
            f"there are keys of a service already, in {place.directory} or the token: choose another place, or"
            " rotate them with `delegation keys rotate`"
        )


def root_passphrase_of(file: Path | None, *, new: bool = False) -> bytes:
    """Get the passphrase of the root key. Raises `ConfigError`."""
    return passphrase_of("the root key", file, "--root-passphrase-file", from_environment=False, new=new)


def show_bundle(place: KeyPlace, bundle: TrustBundle, *, json: bool) -> None:
    """Show the bundle that was signed, as plain data if asked. Raises `ConfigError`."""
    root = read_root_public(place.directory)
    if json:
        print_json(plain_bundle(bundle, root))
    else:
        print_bundle(console(), bundle, root, system_ms())


def purpose_of(text: str) -> KeyPurpose:
    """Read the purpose of a key. Raises `ConfigError`."""
    if text not in SERVICE_KEY_PURPOSES:
        raise ConfigError(f"there is no {text!r} key: choose {', '.join(SERVICE_KEY_PURPOSES)}")
    return KeyPurpose(text)


def key_id_of(text: str) -> bytes:
    """Read a key id, 16 bytes in hexadecimal. Raises `ConfigError`."""
    try:
        key_id = bytes.fromhex(text)
    except ValueError:
        key_id = b""
    if len(key_id) != limits.KEY_ID_BYTES:
        raise ConfigError(f"{text!r} is no key id, {2 * limits.KEY_ID_BYTES} hexadecimal digits: see `keys show`")
    return key_id


def since_ms_of(text: str) -> int | None:
    """Read a time (RFC 3339; without an offset UTC), milliseconds; None for an empty text. Raises `ConfigError`."""
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no time: write it as in 2026-11-22T03:00Z") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    since_ms = int(moment.timestamp() * 1000)
    if not 0 < since_ms <= system_ms():
        raise ConfigError(f"{text} has not come yet: name a time that is past")
    return since_ms


def read_signed_bundle(keys: Path) -> tuple[TrustBundle, bytes]:
    """Read the bundle of a directory and the root key that signed it.

    Raises:
        ConfigError: One of them is missing.
        BadStatement: BUNDLE_INVALID if it is another root's; one that has expired is still read.
    """
    statement: SignedStatement = read_bundle(keys)
    root = read_root_public(keys)
    open_bundle(statement, root, now_ms=0)
    return decode_bundle(statement.payload), root
