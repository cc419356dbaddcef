"""`delegation keys compromise`: a key is in somebody else's hands; nothing that it signed counts any more."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.commands.keys_init import Keys, PassphraseFile, RootKeys, RootPassphraseFile, ServiceConfig
from delegation.cli.options import Json


def compromise(
    key_id: Annotated[
        str, typer.Argument(metavar="KEY_ID", show_default=False, help="Which key: see `delegation keys show`.")
    ],
    *,
    root: RootKeys,
    since: Annotated[
        str,
        typer.Option(metavar="TIME", show_default=False, help="From when on, as in 2026-11-22T03:00Z; else now."),
    ] = "",
    keys: Keys = None,
    config: ServiceConfig = None,
    passphrase_file: PassphraseFile = None,
    root_passphrase_file: RootPassphraseFile = None,
    json: Json = False,
) -> None:
    """List a key as compromised in the next trust bundle. If no other can take its place, one is made.

    Verifiers refuse everything that it signed as soon as they see the bundle: the service and its replicas within
    seconds, guards within a minute. For a grant key, run `delegation revoke issuer-key KEY_ID` first: that reaches
    every connected guard at once.
    """
    from delegation.app.next_bundle import give_up_key
    from delegation.cli.key_directories import key_id_of, place_of, root_passphrase_of, show_bundle, since_ms_of

    place = place_of(keys, config, passphrase_file)
    bundle = give_up_key(
        place.directory,
        key_id_of(key_id),
        store=place.store,
        root_directory=root,
        root_passphrase=root_passphrase_of(root_passphrase_file),
        since_ms=since_ms_of(since),
    )
    show_bundle(place, bundle, json=json)
