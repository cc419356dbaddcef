"""The directories of keys that the `keys` commands work on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from delegation.app.key_files import read_bundle, read_root_public, service_keys, sign_bundle_file, system_ms
from delegation.cli.terminal import console, print_json
from delegation.cli.views.bundle_table import plain_bundle, print_bundle
from delegation.core.attest import open_bundle
from delegation.core.codec import decode_bundle
from delegation.core.trust import Catalogue, TrustBundle
from delegation.errors import ConfigError
from delegation.identity.spiffe import check_trust_domain

if TYPE_CHECKING:
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


def sign_and_show(
    keys: Path,
    root: Path,
    trust_domain: str,
    catalogue: Catalogue | None,
    *,
    passphrase: bytes,
    root_passphrase: bytes,
    json: bool,
) -> None:
    """Sign the next bundle and show it, as plain data if asked. Raises `ConfigError`."""
    bundle = sign_bundle_file(
        keys,
        root_directory=root,
        root_passphrase=root_passphrase,
        keys=service_keys(keys, passphrase),
        trust_domain=check_trust_domain(trust_domain),
        catalogue=catalogue,
    )
    if json:
        print_json(plain_bundle(bundle, read_root_public(keys)))
    else:
        print_bundle(console(), bundle, read_root_public(keys), system_ms())


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
