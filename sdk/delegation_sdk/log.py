"""Warnings of the SDK, under the logger `delegation_sdk`. Loaded with the first of them: most programs never see one.

What is logged are stable reasons and counts, never a token, a proof, a key or an argument.
"""

from __future__ import annotations


def warn(message: str, *values: object) -> None:
    """Log a warning; `values` are formatted into the message."""
    import logging

    logging.getLogger("delegation_sdk").warning(message, *values)
