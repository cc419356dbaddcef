"""Which purposes are meant: a text as it is, or with `*` for whatever differs from task to task."""

from __future__ import annotations


def matches(pattern: str, purpose: str) -> bool:
    """Tell whether a purpose is one that a pattern means: `Refund order *`. `*` stands for anything, nothing too."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == purpose
    *middle, last = rest
    if len(purpose) < len(first) + len(last) or not (purpose.startswith(first) and purpose.endswith(last)):
        return False
    at, end = len(first), len(purpose) - len(last)
    for part in middle:
        found = purpose.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
