"""What an agent or a tool imports.

Names are loaded on first use (PEP 562): importing the package, or `delegation_sdk.guard`, loads no grpc.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULE_OF: dict[str, str] = {}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_MODULE_OF[name], __name__), name)


def __dir__() -> list[str]:
    return __all__
