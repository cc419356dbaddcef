"""`delegation keys init`: makes the root key, the service's keys, and the first trust bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delegation.cli.options import Json

Keys = Annotated[
    Path | None,
    typer.Option("--keys", metavar="DIR", show_default=False, help="The directory of the service's sealed keys."),
]
ServiceConfig = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", show_default=False, help="Instead of --keys: the service's configuration."
    ),
]
RootKeys = Annotated[
    Path, typer.Option("--root", metavar="DIR", help="The directory of the root key: keep it offline.")
]
TrustDomain = Annotated[
    str, typer.Option("--trust-domain", metavar="NAME", help="The trust domain, as in acme.example.")
]
CatalogueFile = Annotated[
    Path | None, typer.Option("--catalogue", metavar="FILE", show_default=False, help="The catalogue of tools.")
]
FederationFile = Annotated[
    Path | None,
    typer.Option("--federation", metavar="FILE", show_default=False, help="Other trust domains and their limits."),
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
    root: RootKeys,
    keys: Keys = None,
    config: ServiceConfig = None,
    catalogue: CatalogueFile = None,
    passphrase_file: PassphraseFile = None,
    root_passphrase_file: RootPassphraseFile = None,
    json: Json = False,
) -> None:
    """Make a root key, the service's keys, and sign the first trust bundle with the root key.

    The root key is needed again only to sign the next bundle: take its directory offline.
    """
    from delegation.app.key_files import create_root_key
    from delegation.app.next_bundle import sign_bundle_file
    from delegation.cli.key_directories import (
        place_of,
        read_catalogue,
        refuse_keys,
        refuse_same,
        root_passphrase_of,
        show_bundle,
    )
    from delegation.identity.spiffe import check_trust_domain
    from delegation.signing.port import SERVICE_PURPOSES

    place = place_of(keys, config, passphrase_file, new=True)
    refuse_same(place.directory, root)
    refuse_keys(place)
    known, domain = read_catalogue(catalogue), check_trust_domain(trust_domain)
    root_passphrase = root_passphrase_of(root_passphrase_file, new=True)
    place.ask()
    create_root_key(root, root_passphrase)
    for purpose in SERVICE_PURPOSES:
        place.store.create(purpose)
    bundle = sign_bundle_file(
        place.directory,
        store=place.store,
        root_directory=root,
        root_passphrase=root_passphrase,
        trust_domain=domain,
        catalogue=known,
    )
    show_bundle(place, bundle, json=json)
