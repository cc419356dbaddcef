"""The Cedar engine, imported when a policy is first read: whoever has no policy needs no engine."""

from __future__ import annotations

from types import ModuleType
from typing import Final

from delegation.errors import ConfigError

_PANIC: Final = "PanicException"
"""How the engine's own defects arrive: an exception that is no `Exception`, by this name."""


def cedar() -> ModuleType:
    """Give the engine's module.

    Raises:
        ConfigError: the extra is not installed.
    """
    try:
        import cedarpy
    except ImportError:
        raise ConfigError("a policy needs the extra policy: pip install 'delegation-chain[policy]'") from None
    return cedarpy


def is_failure(error: BaseException) -> bool:
    """Tell a failure of the engine, or of what reads its answers, from what ends a program."""
    return isinstance(error, Exception) or type(error).__name__ == _PANIC
