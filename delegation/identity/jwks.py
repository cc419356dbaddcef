"""A JSON Web Key Set as values: the keys in it that can verify a signature. Source: RFC 7517, RFC 7518 section 6.

A key that cannot be used here (another kind, another use, symmetric, private) is passed over, as RFC 7517 section 5
says; it is never a reason to do without the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from delegation.errors import RequestFailed
from delegation.identity.jws import PublicKey, VerifyingKey, algorithms_of

MAX_KEYS: Final = 64
"""Issuers publish two or three; some large ones a dozen."""

_USES: Final = frozenset({"sig", "jwt-svid"})
_KINDS: Final = {"RSA": "RSAAlgorithm", "EC": "ECAlgorithm", "OKP": "OKPAlgorithm"}


def parse_jwks(document: bytes, *, allowed: frozenset[str]) -> tuple[VerifyingKey, ...]:
    """Read the keys of a set. None may be left: an issuer that has withdrawn all of them says just that.

    Args:
        document: The JSON.
        allowed: The algorithms that the operator lets this issuer use.

    Raises:
        RequestFailed: It is no key set, or has too many keys.
    """
    try:
        listed = json.loads(document)["keys"]
    except (ValueError, RecursionError, KeyError, TypeError):
        listed = None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise RequestFailed("it is no key set, or has too many keys")
    keys = [key for key in (_key(each, allowed) for each in listed) if key is not None]
    ids = [key.id for key in keys]
    # Two keys of one id would leave it to chance which one counts.
    return tuple(key for key in keys if ids.count(key.id) == 1 or not key.id)


def usable_key(key_id: str, key: object, *, allowed: frozenset[str], named: object = None) -> VerifyingKey | None:
    """Make the value of a public key; None if it cannot be used.

    Args:
        key_id: Its `kid`, or empty.
        key: The key.
        allowed: The algorithms that the operator lets its issuer use.
        named: The one algorithm that the issuer means it for; None if it does not say.
    """
    algorithms = algorithms_of(key) & allowed
    if named is not None:
        algorithms = algorithms & {named} if isinstance(named, str) else frozenset()
    return VerifyingKey(key_id, algorithms, key) if algorithms else None  # type: ignore[arg-type] # by algorithms_of


def _key(jwk: object, allowed: frozenset[str]) -> VerifyingKey | None:
    if not isinstance(jwk, Mapping) or jwk.get("use", "sig") not in _USES:
        return None
    operations = jwk.get("key_ops", ["verify"])
    key_id = jwk.get("kid", "")
    if not isinstance(operations, list) or "verify" not in operations or not isinstance(key_id, str):
        return None
    key = _public_key(jwk)
    return None if key is None else usable_key(key_id, key, allowed=allowed, named=jwk.get("alg"))


def _public_key(jwk: Mapping[str, Any]) -> PublicKey | None:
    from jwt import algorithms
    from jwt.exceptions import PyJWTError

    kind = jwk.get("kty")
    if not isinstance(kind, str) or kind not in _KINDS:
        return None
    try:
        return getattr(algorithms, _KINDS[kind]).from_jwk(dict(jwk))  # type: ignore[no-any-return]
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None
