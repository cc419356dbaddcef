"""`delegation keys rotate`: a new key of one purpose, published before it signs."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.commands.keys_init import Keys, PassphraseFile, RootKeys, RootPassphraseFile, ServiceConfig
from delegation.cli.options import Json


def rotate(
    purpose: Annotated[
        str, typer.Argument(metavar="PURPOSE", show_default=False, help="grant, statement or checkpoint.")
    ],
    *,
    root: RootKeys,
    keys: Keys = None,
    config: ServiceConfig = None,
    passphrase_file: PassphraseFile = None,
    root_passphrase_file: RootPassphraseFile = None,
    json: Json = False,
) -> None:
    """Make a new key and publish it in the next trust bundle. Nothing has to be restarted, no call fails.

    The service signs with it when it has been published for keys.publish_ahead_ms (5 min), so that every guard knows it
    by then. The former key counts for 26 h more, until all that it signed has expired; then it is retired.
    """
    from delegation.app.next_bundle import rotate_key
    from delegation.cli.key_directories import place_of, purpose_of, root_passphrase_of, show_bundle

    place = place_of(keys, config, passphrase_file)
    bundle = rotate_key(
        place.directory,
        purpose_of(purpose),
        store=place.store,
        root_directory=root,
        root_passphrase=root_passphrase_of(root_passphrase_file),
    )
    show_bundle(place, bundle, json=json)
