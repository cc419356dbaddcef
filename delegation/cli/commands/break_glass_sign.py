"""`delegation break-glass sign`: an operator's order to go on for a time with an old feed, or without the service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from delegation.cli.commands.break_glass_make_key import BreakGlassPassphraseFile
from delegation.cli.options import Json

if TYPE_CHECKING:
    from delegation.core.trust import Effect


def sign(
    *,
    key: Annotated[
        Path,
        typer.Option(
            "--key", metavar="DIR", show_default=False, help="The directory of the break-glass key, or of the root key."
        ),
    ],
    audience: Annotated[
        list[str], typer.Option(metavar="NAME", show_default=False, help="Whose tools may go on; may be repeated.")
    ],
    because: Annotated[str, typer.Option(metavar="TEXT", show_default=False, help="Why, for the record.")],
    operator: Annotated[
        str, typer.Option("--by", metavar="NAME", show_default=False, help="Who gives the order, for the record.")
    ],
    effect: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EFFECT",
            show_default=False,
            help="What these tools may do: read (the default), write, external, destructive, spends, privilege.",
        ),
    ] = None,
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="For how long, from now on.")] = 60,
    feed_age_minutes: Annotated[
        int, typer.Option(min=1, max=1440, help="How old the revocation feed may be meanwhile.")
    ] = 240,
    single_use: Annotated[bool, typer.Option("--single-use", help="For one call and no other.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Append it to the file that guards look into."),
    ] = None,
    key_passphrase_file: BreakGlassPassphraseFile = None,
    json: Json = False,
) -> None:
    """Sign an order to go on, for tools of some audiences, while the revocation feed is too old or the service away.

    It permits nothing that a chain does not. What was revoked meanwhile is not known: that is the risk that it takes.
    Every call under it is recorded with it, and shown in logs, spans and metrics.
    """
    import os

    from delegation.app.break_glass import sign_order
    from delegation.app.key_files import system_ms
    from delegation.cli.passphrases import passphrase_of
    from delegation.cli.terminal import print_json
    from delegation.core.break_glass import BreakGlass
    from delegation.core.limits import NONCE_BYTES
    from delegation_sdk.break_glass import armored

    now_ms = system_ms()
    order = BreakGlass(
        tuple(sorted(set(audience))),
        because,
        now_ms,
        now_ms + minutes * 60_000,
        operator,
        os.urandom(NONCE_BYTES),
        _effects(effect or ["read"]),
        feed_age_minutes * 60_000,
        single_use,
    )

    def passphrase() -> bytes:
        what = f"the key in {key}"
        return passphrase_of(what, key_passphrase_file, "--key-passphrase-file", from_environment=False, new=False)

    line = armored(sign_order(key, passphrase, order))
    if out is not None:
        _append(out, line)
    if json:
        print_json({"statement": line, "nonce": order.nonce.hex(), "expires_at_ms": order.expires_at_ms})
    elif out is None:
        typer.echo(line)
    else:
        typer.echo(f"{out}: {order.nonce.hex()}, for {minutes} min, by {operator}")


def _effects(names: list[str]) -> frozenset[Effect]:
    from delegation.core.trust import Effect

    try:
        return frozenset(map(Effect, names))
    except ValueError:
        raise typer.BadParameter(f"--effect is one of {', '.join(Effect)}") from None


def _append(path: Path, line: str) -> None:
    from delegation.errors import ConfigError

    try:
        with path.open("a", encoding="ascii") as file:
            file.write(f"{line}\n")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None
