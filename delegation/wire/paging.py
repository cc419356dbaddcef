"""Lists in parts: how many at a time, and where to go on."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from delegation.errors import InvalidRequest
from delegation.wire.fields import text

DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 500
MAX_CURSOR_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list."""

    size: int = DEFAULT_PAGE_SIZE
    cursor: bytes | None = None


def read_page(size: int, token: str) -> PageRequest:
    """Read which part is wanted; 0 means the default size. Raises `InvalidRequest`."""
    if size > MAX_PAGE_SIZE:
        raise InvalidRequest(f"page_size may be {MAX_PAGE_SIZE}, it is {size}")
    return PageRequest(size or DEFAULT_PAGE_SIZE, read_cursor(token))


def page_token(cursor: bytes | None) -> str:
    """Make the text that says where to go on; empty at the end."""
    return base64.urlsafe_b64encode(cursor).decode() if cursor else ""


def read_cursor(token: str) -> bytes | None:
    """Read where to go on; None at the beginning. Raises `InvalidRequest`."""
    if not token:
        return None
    try:
        return base64.b64decode(text(token, MAX_CURSOR_BYTES, "page_token"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("page_token is none that was given out") from None
