"""Optional parts that the configuration asks for: is what they need installed?"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Final

from delegation.app.doctor.finding import Finding, ok, problem

_NEEDS: Final = {
    "postgres": ("asyncpg", "greenlet"),
    "spiffe": ("spiffe",),
    "oidc": ("jwt", "httpx2"),
    "pkcs11": ("pkcs11",),
    "policy": ("cedarpy",),
    "authzen": ("httpx2",),
    "service": ("opentelemetry.sdk", "opentelemetry.exporter.otlp"),
}


def check_extras(shown: dict[str, Any]) -> Iterator[Finding]:
    """Look for the modules of every extra that a configuration needs.

    Args:
        shown: the configuration as plain values.
    """
    asked = list(_asked(shown))
    missing = {extra: [module for module in _NEEDS[extra] if not _installed(module)] for extra in asked}
    for extra, modules in missing.items():
        if modules:
            found = f"the configuration needs the extra {extra}, and {', '.join(modules)} is not installed"
            yield problem("extras", found, f"pip install 'delegation-chain[{extra}]'")
    if not any(missing.values()):
        yield ok("extras", f"all there: {', '.join(asked)}" if asked else "none needed")


def _asked(shown: dict[str, Any]) -> Iterator[str]:
    if "url" in shown.get("database", {}):
        yield "postgres"
    if "spiffe" in shown:
        yield "spiffe"
    if shown.get("issuers") or "bearer" in shown:
        yield "oidc"
    if "pkcs11" in shown.get("keys", {}):
        yield "pkcs11"
    yield "authzen" if "decision_point" in shown.get("policy", {}) else "policy"
    if shown.get("telemetry", {}).get("endpoint"):
        yield "service"


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it is in
        return False
