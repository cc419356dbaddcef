"""What a name is: of audiences, tools, arguments, principals, approvers (SPEC section 2.3)."""

from __future__ import annotations

from delegation.core import limits
from delegation.errors import Reason, refusal


def is_name(text: str, limit: int = limits.NAME_BYTES) -> bool:
    """Tell whether a text is a name: not empty, printable, within its limit."""
    return bool(text) and len(text) <= limit and text.isprintable() and (text.isascii() or len(text.encode()) <= limit)


def check_name(name: str, what: str, limit: int = limits.NAME_BYTES) -> str:
    """Require a name: not empty, printable, within its limit.

    Raises:
        Malformed: FIELD_INVALID.
    """
    if is_name(name, limit):
        return name
    detail = f"{what} is empty, too long, or has a character that cannot be printed"
    raise refusal(Reason.FIELD_INVALID, detail=detail)
