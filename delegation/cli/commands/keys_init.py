"""`delegation keys init`: makes the root key, the service's keys, and the first trust bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delegation.cli.options import Json

Keys = Annotated[Path, typer.Option("--keys", metavar="DIR", help="The directory of the service's keys.")]
RootKeys = Annotated[
    Path, typer.Option("--root", metavar="DIR", help="The directory of the root key: keep it offline.")
]
TrustDomain = Annotated[
    str, typer.Option("--trust-domain", metavar="NAME", help="The trust domain, as in acme.example.")
]
CatalogueFile = Annotated[
    Path | None, typer.Option("--catalogue", metavar="FILE", show_default=False, help="The catalogue of tools.")
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", metavar="FILE", show_default=False, help="Of the service's keys; else asked for."
    ),
]
RootPassphraseFile = Annotated[
    Path | None,
    typer.Option("--root-passphrase-file", metavar="FILE", show_default=False, help="Of the root key; else asked for."),
]


def init(
    *,
    trust_domain: TrustDomain,
    keys: Keys,
    root: RootKeys,
    catalogue: CatalogueFile = None,
    passphrase_file: PassphraseFile = None,
    root_passphrase_file: RootPassphraseFile = None,
    json: Json = False,
) -> None:
    """Make a root key, the service's keys, and sign the first trust bundle with the root key.

    The root key is needed again only to sign the next bundle: take its directory offline.
    """
    from delegation.app.key_files import create_root_key, create_service_keys
    from delegation.cli.key_directories import read_catalogue, refuse_same, sign_and_show
    from delegation.cli.passphrases import passphrase_of

    refuse_same(keys, root)
    known = read_catalogue(catalogue)
    root_passphrase = passphrase_of(
        "the root key", root_passphrase_file, "--root-passphrase-file", from_environment=False, new=True
    )
    passphrase = passphrase_of(
        "the service's keys", passphrase_file, "--passphrase-file", from_environment=True, new=True
    )
    create_root_key(root, root_passphrase)
    create_service_keys(keys, passphrase)
    sign_and_show(keys, root, trust_domain, known, passphrase=passphrase, root_passphrase=root_passphrase, json=json)
