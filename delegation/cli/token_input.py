"""Reading a token as people have it: text, a file, standard input; base64url, an exported delegation, raw bytes."""

from __future__ import annotations

import base64
import binascii
import re
import sys
from pathlib import Path
from typing import Final

from delegation.core.limits import TOKEN_BYTES
from delegation.errors import ConfigError, Reason, refusal

# In base64, with line breaks and a holder key behind it; a whole token is smaller.
_MAX_INPUT_BYTES: Final = 2 * TOKEN_BYTES
# As `Delegation.export` writes it. A holder key behind the dot is a secret, and is not even decoded.
_TEXT: Final = re.compile(r"(?:delegation:)?([A-Za-z0-9_+/-]+)={0,2}(?:\.[A-Za-z0-9_-]+)?")


def read_token(argument: str) -> bytes:
    """Read the token that a command was given: its text, `@FILE`, or `-` for standard input.

    Raises:
        ConfigError: The file cannot be read.
        Malformed: TOKEN_TOO_LARGE, or MALFORMED if it is text and no token's.
    """
    if argument == "-":
        return _decode(sys.stdin.buffer.read(_MAX_INPUT_BYTES + 1))
    if argument.startswith("@"):
        return _decode(_read_file(Path(argument[1:])))
    token = _from_text(argument)
    if token is None:
        raise refusal(Reason.MALFORMED, detail="a token is base64url; write @FILE for a file and - for standard input")
    return token


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_INPUT_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None


def _decode(content: bytes) -> bytes:
    if len(content) > _MAX_INPUT_BYTES:
        raise refusal(Reason.TOKEN_TOO_LARGE)
    if not content.strip():
        raise refusal(Reason.MALFORMED, detail="there is nothing to read")
    # A raw token holds signatures: it is never all letters and digits.
    return _from_text(content.decode("latin-1")) or content


def _from_text(text: str) -> bytes | None:
    found = _TEXT.fullmatch("".join(text.split()))
    if found is None:
        return None
    body = found[1].replace("+", "-").replace("/", "_")
    try:
        return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except (binascii.Error, ValueError):
        return None
