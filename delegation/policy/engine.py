"""The Cedar engine, imported when a policy is first read: whoever has no policy needs no engine."""

from __future__ import annotations

from types import ModuleType

from delegation.errors import ConfigError


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
