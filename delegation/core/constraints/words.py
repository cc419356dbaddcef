"""Constants of constraints as people read them."""

from __future__ import annotations

import json
from decimal import Decimal

from delegation.core.constraints.decimals import format_decimal

_SHOWN = 60


def in_words(value: object) -> str:
    """Show a value of a constraint."""
    if isinstance(value, Decimal):
        return format_decimal(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=float)


def briefly(value: object) -> str:
    """Show a value of a constraint at a cost that does not depend on its size."""
    if isinstance(value, str) and len(value) > _SHOWN:
        return in_words(value[:_SHOWN]) + "…"
    if isinstance(value, list | dict):
        return "the list" if isinstance(value, list) else "the object"
    return in_words(value)
