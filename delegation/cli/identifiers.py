"""Ids as they are typed: hexadecimal, with or without the hyphens of a UUID."""

from __future__ import annotations

import typer


def parse_id(text: str, size_bytes: int, what: str) -> bytes:
    """Read an id.

    Raises:
        typer.BadParameter: It is none: a usage error.
    """
    try:
        found = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        found = b""
    if len(found) != size_bytes:
        raise typer.BadParameter(f"the id of a {what} is {2 * size_bytes} hexadecimal digits")
    return found
