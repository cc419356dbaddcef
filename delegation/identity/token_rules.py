"""What may be said of tokens and their issuers, for whoever configures them as for whoever checks them."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from delegation.errors import ConfigError

RSA_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
ALGORITHM_OF_CURVE: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
ALGORITHMS: Final = frozenset({*RSA_ALGORITHMS, *ALGORITHM_OF_CURVE.values(), "EdDSA"})
"""All that a token may be signed with: asymmetric, every one of them (RFC 8725 section 3.1)."""

CLOCK_SKEW_MS: Final = 30_000
"""By how much an issuer's clock may differ, unless configured otherwise."""

MAX_LIFETIME_MS: Final = 24 * 60 * 60 * 1000
"""The longest time that a token may still have, unless configured otherwise."""

ACCESS_TOKEN_TYPE: Final = "at+jwt"
"""Of an access token by RFC 9068."""

PLAIN_TYPE: Final = "jwt"
"""Of a token that does not say what it is: `typ` is absent or `JWT`."""


def check_url(url: str, *, what: str, over_tls: bool = False) -> str:
    """Return a URL that may be fetched: https, or http on this machine; without user, password and fragment.

    Args:
        url: The URL.
        what: What it is of, for the error.
        over_tls: Whether http is refused on this machine, too.

    Raises:
        ConfigError: It is no such URL.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port  # raises for one that is none
    except ValueError:
        raise ConfigError(f"{what} is no URL: write https://HOST/PATH") from None
    if not host or parts.username is not None or parts.password is not None or "#" in url or not url.isprintable():
        raise ConfigError(f"{what} is not of the form https://HOST/PATH")
    if parts.scheme != "https" and (over_tls or parts.scheme != "http" or not _is_loopback(host)):
        raise ConfigError(f"{what} must begin with https://")
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
