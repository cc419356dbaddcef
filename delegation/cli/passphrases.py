"""Asking for the passphrase of key files: in a file, in the environment, else of the person at the terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from delegation.app.passphrase import given_passphrase, require_passphrase
from delegation.errors import ConfigError


def passphrase_of(what: str, file: Path | None, option: str, *, from_environment: bool, new: bool) -> bytes:
    """Get a passphrase.

    Args:
        what: Whose it is: "the root key".
        file: The file that the command line names, or None.
        option: The option that would name one.
        from_environment: Whether the environment may give it.
        new: Whether it is a new one, which is typed twice.

    Raises:
        ConfigError: There is none, and nobody can be asked.
    """
    given = given_passphrase(file, from_environment=from_environment)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        variable = "set DELEGATION_KEY_PASSPHRASE_FILE or " if from_environment else ""
        raise ConfigError(f"no passphrase for {what}: {variable}name a file with {option}")
    typed = typer.prompt(f"Passphrase of {what}", hide_input=True, confirmation_prompt=new, err=True)
    return require_passphrase(str(typed))
