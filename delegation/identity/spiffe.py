"""SPIFFE IDs: parsing, and nothing else. Source: SPIFFE-ID specification, sections 2.1 to 2.4."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from delegation.core.limits import NAME_BYTES
from delegation.errors import ConfigError

# SPIFFE-ID 2.3 allows 2048; a longer one than a link can carry could never hold a delegation.
MAX_ID_BYTES: Final = NAME_BYTES
MAX_TRUST_DOMAIN_BYTES: Final = 255  # SPIFFE-ID 2.3

_SCHEME: Final = "spiffe://"
_TRUST_DOMAIN: Final = re.compile(r"[a-z0-9._-]+", re.ASCII)
_SEGMENT: Final = re.compile(r"[a-zA-Z0-9._-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class SpiffeId:
    """The id of a workload: always with a path, since an id without one names the trust domain."""

    trust_domain: str
    path: str

    def __str__(self) -> str:
        return f"{_SCHEME}{self.trust_domain}{self.path}"


def parse_spiffe_id(text: str) -> SpiffeId:
    """Parse the id of a workload, strictly: what is not in normal form is refused, not rewritten.

    Raises:
        ConfigError: The text is no such id.
    """
    if len(text) > MAX_ID_BYTES or not text.startswith(_SCHEME):
        raise ConfigError(_EXPECTED)
    trust_domain, _, path = text[len(_SCHEME) :].partition("/")
    check_trust_domain(trust_domain)
    for segment in path.split("/"):
        if not _SEGMENT.fullmatch(segment) or segment in {".", ".."}:
            raise ConfigError(_EXPECTED)
    return SpiffeId(trust_domain, f"/{path}")


def check_trust_domain(name: str) -> str:
    """Return the name if it is one that a trust domain may have.

    Raises:
        ConfigError: It is not.
    """
    if len(name) > MAX_TRUST_DOMAIN_BYTES or not _TRUST_DOMAIN.fullmatch(name):
        raise ConfigError(
            "not a trust domain: write one like acme.example, with lower-case letters, digits, '.', '_' and '-' only"
        )
    return name


_EXPECTED: Final = (
    "not the SPIFFE ID of a workload: write spiffe://TRUST-DOMAIN/PATH with letters, digits, '.',"
    " '_', '-' and no empty, '.' or '..' segment"
)
