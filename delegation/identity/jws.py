"""One signed JWT: its size, form, algorithm and signature. What it claims is judged in `claims`.

Only asymmetric algorithms exist here, and each takes keys of one kind alone, so that neither `none` nor a public key
used as an HMAC secret is a way in. A key never comes from the token itself (`jwk`, `jku`, `x5c`, `x5u` are not read).
Sources: RFC 7515, RFC 7519, RFC 8725 sections 3.1 to 3.3.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from delegation.errors import ConfigError, Reason
from delegation.identity.token_rules import ALGORITHM_OF_CURVE, ALGORITHMS, RSA_ALGORITHMS

MAX_TOKEN_BYTES: Final = 16 * 1024
"""Tokens with long lists of groups have some 8 KiB; what is larger is not a token but work."""

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

_MIN_RSA_BITS: Final = 2048
_SEGMENTS: Final = 3


class BadToken(Exception):
    """A token is refused. Stays inside `identity`: whoever asked for the check says it in its own words.

    Attributes:
        reason: why, stable.
        why: the rest of a sentence that begins "the token …"; nothing in it comes from the token.
    """

    def __init__(self, reason: Reason, why: str) -> None:
        super().__init__(f"{reason}: {why}")
        self.reason = reason
        self.why = why


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key of an issuer.

    Attributes:
        id: its `kid`, or empty.
        algorithms: what it may be used for; each fits the kind of the key.
        key: the key.
    """

    id: str
    algorithms: frozenset[str]
    key: PublicKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A token as it came: nothing in it has been shown to be true.

    Attributes:
        raw: the token.
        algorithm: what its header says it is signed with; one of `ALGORITHMS`.
        key_id: the `kid` that it names, or empty.
        type: its `typ` in lower case without `application/`, or empty.
        claims: what it says.
    """

    raw: bytes = field(repr=False)
    algorithm: str
    key_id: str = field(repr=False)
    type: str = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)


def read_token(raw: bytes) -> UnverifiedToken:
    """Read a JWS in compact form, and verify nothing.

    Raises:
        BadToken: It is too large, none, or of an algorithm that is not taken.
    """
    if len(raw) > MAX_TOKEN_BYTES:
        raise BadToken(Reason.TOKEN_TOO_LARGE, f"is larger than {MAX_TOKEN_BYTES} bytes")
    segments = raw.split(b".")
    if len(segments) != _SEGMENTS:
        raise BadToken(Reason.MALFORMED, "is no signed JWT in compact form")
    header, claims = _json(segments[0]), _json(segments[1])
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise BadToken(Reason.SIGNATURE_INVALID, "is signed with an algorithm that is not taken, or not at all")
    if "crit" in header or "b64" in header:  # RFC 7515 4.1.11: what is not understood refuses the token
        raise BadToken(Reason.MALFORMED, "has a critical header that is not understood")
    kind = _text(header, "typ").lower().removeprefix("application/")
    return UnverifiedToken(raw, algorithm, _text(header, "kid"), kind, claims)


def check_signature(token: UnverifiedToken, key: VerifyingKey) -> None:
    """Require that a key has signed a token, by an algorithm that it is for.

    Raises:
        BadToken: It has not.
    """
    from jwt.api_jws import PyJWS
    from jwt.exceptions import PyJWTError

    if token.algorithm not in key.algorithms:
        raise BadToken(Reason.SIGNATURE_INVALID, "names an algorithm that its key is not for")
    try:
        PyJWS(algorithms=[token.algorithm]).decode(token.raw, key.key, algorithms=[token.algorithm])
    except (PyJWTError, ValueError, TypeError):
        raise BadToken(Reason.SIGNATURE_INVALID, "is not signed by its issuer") from None


def algorithms_of(key: object) -> frozenset[str]:
    """Return the algorithms that a public key's kind permits; none for a weak key or another kind."""
    if isinstance(key, RSAPublicKey):
        return frozenset(RSA_ALGORITHMS) if key.key_size >= _MIN_RSA_BITS else frozenset()
    if isinstance(key, EllipticCurvePublicKey):
        return frozenset({ALGORITHM_OF_CURVE[key.curve.name]}) if key.curve.name in ALGORITHM_OF_CURVE else frozenset()
    if isinstance(key, Ed25519PublicKey):
        return frozenset({"EdDSA"})
    return frozenset()


def require_library() -> None:
    """Say at the start, not at the first token, that the extra is missing.

    Raises:
        ConfigError: It is.
    """
    try:
        import httpx2  # noqa: F401
        import jwt  # noqa: F401
    except ImportError:
        raise ConfigError("tokens of issuers need the extra oidc: pip install 'delegation-chain[oidc]'") from None


def _json(segment: bytes) -> dict[str, Any]:
    try:
        decoded = base64.b64decode(segment + b"=" * (-len(segment) % 4), altchars=b"-_", validate=True)
        value = json.loads(decoded, object_pairs_hook=_unique)
    except (binascii.Error, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadToken(Reason.MALFORMED, "is no signed JWT in compact form")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that comes twice: two readers could take another one of them (RFC 7519 section 4)."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _text(header: Mapping[str, Any], name: str) -> str:
    value = header.get(name, "")
    if not isinstance(value, str):
        raise BadToken(Reason.MALFORMED, "has a header that is no text")
    return value
