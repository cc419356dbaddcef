"""`delegation break-glass make-key`: makes a key for emergencies, and lists it in the next trust bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delegation.cli.commands.keys_init import Keys, RootKeys, RootPassphraseFile, ServiceConfig
from delegation.cli.options import Json

BreakGlassKeys = Annotated[
    Path, typer.Option("--key", metavar="DIR", show_default=False, help="The directory of the break-glass key.")
]
BreakGlassPassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--key-passphrase-file", metavar="FILE", show_default=False, help="Of the break-glass key; else asked for."
    ),
]


def make_key(
    *,
    key: BreakGlassKeys,
    root: RootKeys,
    keys: Keys = None,
    config: ServiceConfig = None,
    key_passphrase_file: BreakGlassPassphraseFile = None,
    root_passphrase_file: RootPassphraseFile = None,
    json: Json = False,
) -> None:
    """Make a key that signs break-glass statements, so that the root key can stay in its safe when it is urgent.

    Keep it with the person who decides in an emergency. Guards take its statements once they have the new trust bundle;
    `delegation keys compromise` takes it back.
    """
    from delegation.app.break_glass import make_break_glass_key
    from delegation.cli.key_directories import place_of, root_passphrase_of, show_bundle
    from delegation.cli.passphrases import passphrase_of

    place = place_of(keys, config, None)
    passphrase = passphrase_of(
        "the break-glass key", key_passphrase_file, "--key-passphrase-file", from_environment=False, new=True
    )
    bundle = make_break_glass_key(
        key,
        passphrase,
        bundle_directory=place.directory,
        root_directory=root,
        root_passphrase=root_passphrase_of(root_passphrase_file),
    )
    show_bundle(place, bundle, json=json)
