"""Warnings of the SDK, under the logger `delegation_sdk`. Loaded with the first of them: most programs never see one.

What is logged are stable reasons and counts, never a token, a proof, a key or an argument.
"""

from __future__ import annotations

_OURS = ("delegation_sdk", "delegation")


def defect(error: BaseException) -> str:
    """Say what a defect was and where it came from: its type, and the last place of it in our own code.

    Its text stays out: it may hold an argument, a token or a key.
    """
    where, step = "", error.__traceback__
    while step is not None:
        module = str(step.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] in _OURS:
            where = f" at {module}:{step.tb_lineno}"
        step = step.tb_next
    return f"a defect, {type(error).__qualname__}{where}"


def warn(message: str, *values: object) -> None:
    """Log a warning; `values` are formatted into the message."""
    import logging

    logging.getLogger("delegation_sdk").warning(message, *values)
