"""What an agent or a tool imports.

Names are loaded on first use (PEP 562): importing this package, or `delegation_sdk.guard`, loads no gRPC.
"""

from __future__ import annotations

from importlib import import_module

# Public name to the module that defines it; the same names are imported for type checkers below.
_HOME: dict[str, str] = {}

__all__: list[str] = []


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
