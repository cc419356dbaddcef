"""The form and signature of a token, on real keys; `none`, HMAC with a public key, and keys of another kind."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from delegation.errors import Reason
from delegation.identity.jwks import parse_jwks, usable_key
from delegation.identity.jws import MAX_TOKEN_BYTES, BadToken, check_signature, read_token
from delegation.identity.token_rules import ALGORITHMS

KEY = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
OTHER = ec.generate_private_key(ec.SECP256R1())
CLAIMS = {"iss": "https://issuer.example", "sub": "ci"}


def public(key, named=None, key_id="k"):
    return usable_key(key_id, key.public_key(), allowed=ALGORITHMS, named=named)


def token(claims=CLAIMS, *, key=KEY, algorithm="ES256", **headers) -> bytes:
    return jwt.encode(claims, key, algorithm, headers={"kid": "k", **headers}).encode()


def encoded(value: object) -> bytes:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def reason_of(raw: bytes, key=None) -> Reason:
    with pytest.raises(BadToken) as caught:
        check_signature(read_token(raw), key or public(KEY))
    assert not any(
        secret in str(caught.value) for secret in ("issuer.example", raw.decode(errors="replace")[:9] or "?")
    )
    return caught.value.reason


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (KEY, "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ec.generate_private_key(ec.SECP521R1()), "ES512"),
        (RSA, "RS256"),
        (RSA, "PS512"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
    ids=["P-256", "P-384", "P-521", "RSA", "RSA-PSS", "Ed25519"],
)
def test_what_an_issuer_signs_verifies(key, algorithm):
    found = read_token(token(key=key, algorithm=algorithm))
    check_signature(found, public(key))
    assert (found.algorithm, found.key_id, found.claims) == (algorithm, "k", CLAIMS)


def test_the_type_is_compared_without_case_and_prefix():
    assert read_token(token(typ="application/AT+jwt")).type == "at+jwt"
    assert read_token(token()).type == "jwt"


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "HS512", "ES256K", "", None, 5, ["ES256"]], ids=repr)
def test_no_other_algorithm_is_taken(algorithm):
    raw = b".".join([encoded({"alg": algorithm, "kid": "k"}), encoded(CLAIMS), encoded(b"x" * 64)])
    assert reason_of(raw) is Reason.SIGNATURE_INVALID
    assert reason_of(raw.rsplit(b".", 1)[0] + b".") is Reason.SIGNATURE_INVALID


def test_a_public_key_is_no_hmac_secret():
    pem = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for algorithm in ("HS256", "RS256"):
        signed = encoded({"alg": algorithm, "kid": "k"}) + b"." + encoded(CLAIMS)
        raw = signed + b"." + encoded(hmac.digest(pem, signed, hashlib.sha256))
        assert reason_of(raw, public(RSA)) is Reason.SIGNATURE_INVALID


def test_an_algorithm_takes_keys_of_its_own_kind_only():
    assert reason_of(token(), public(RSA)) is Reason.SIGNATURE_INVALID
    assert reason_of(token(key=RSA, algorithm="RS256"), public(KEY)) is Reason.SIGNATURE_INVALID
    # The issuer means the key for one algorithm: another of the same kind is no substitute.
    assert reason_of(token(key=RSA, algorithm="RS256"), public(RSA, "PS256")) is Reason.SIGNATURE_INVALID


def test_another_key_of_the_same_kind_did_not_sign_it():
    assert reason_of(token(), public(OTHER)) is Reason.SIGNATURE_INVALID


def test_a_changed_token_is_refused():
    header, _, signature = token().split(b".")
    assert reason_of(b".".join([header, encoded({**CLAIMS, "sub": "root"}), signature])) is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("headers", [{"crit": ["exp"]}, {"crit": []}, {"b64": False, "crit": ["b64"]}])
def test_a_critical_header_refuses_the_token(headers):
    raw = b".".join([encoded({"alg": "ES256", "kid": "k", **headers}), encoded(CLAIMS), encoded(b"x" * 64)])
    assert reason_of(raw) is Reason.MALFORMED


def test_a_key_inside_the_token_is_not_read():
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(OTHER.public_key()))
    assert reason_of(token(key=OTHER, jwk=jwk, jku="https://evil.example")) is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"..",
        b"a.b.c",
        b"a.b",
        b".".join([encoded({"alg": "ES256"})] * 2),
        b".".join([encoded({"alg": "ES256"})] * 4),
        b".".join([encoded([]), encoded(CLAIMS), b"AA"]),
        b".".join([encoded({"alg": "ES256"}), encoded(b"[" * 8_000), b"AA"]),
        b".".join([encoded({"alg": "ES256"}), encoded(b'{"sub":"a","sub":"b"}'), b"AA"]),
        b".".join([encoded({"alg": "ES256", "kid": 7}), encoded(CLAIMS), b"AA"]),
        b".".join([encoded({"alg": "ES256"}), b"!!!!", b"AA"]),
        b"\xff\xfe.\xff.\xff",
    ],
    ids=range(12),
)
def test_what_is_no_token_is_malformed(raw):
    assert reason_of(raw) is Reason.MALFORMED


def test_a_token_may_have_16_kib_and_no_byte_more():
    def of(size: int) -> bytes:
        head, tail = encoded({"alg": "ES256", "kid": "k"}) + b".", b"." + encoded(b"x" * 64)
        padding = size - len(head) - len(tail)
        return head + b"A" * padding + tail

    assert reason_of(of(MAX_TOKEN_BYTES)) is Reason.MALFORMED  # read, and found to be none
    assert reason_of(of(MAX_TOKEN_BYTES + 1)) is Reason.TOKEN_TOO_LARGE


# -- key sets ------------------------------------------------------------------------------------------------


def jwk(key, **changed) -> dict:
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    made = {**json.loads(kind.to_jwk(key.public_key())), "kid": "k", **changed}
    return {name: value for name, value in made.items() if value is not None}


def ids_in(*keys: object) -> list[str]:
    good = jwk(OTHER, kid="good")
    found = parse_jwks(json.dumps({"keys": [*keys, good]}).encode(), allowed=ALGORITHMS)
    return [key.id for key in found if key.id != "good"]


@pytest.mark.parametrize(
    "changed", [{}, {"use": "sig"}, {"alg": "ES256"}, {"key_ops": ["verify"]}, {"use": "jwt-svid"}]
)
def test_a_key_for_signatures_is_taken(changed):
    assert ids_in(jwk(KEY, **changed)) == ["k"]


@pytest.mark.parametrize(
    "key",
    [
        jwk(KEY, use="enc"),
        jwk(KEY, alg="RS256"),
        jwk(KEY, alg="HS256"),
        jwk(KEY, alg=["ES256"]),
        jwk(KEY, key_ops=["sign"]),
        jwk(KEY, key_ops="verify"),
        jwk(KEY, kty="oct"),
        jwk(KEY, kty=None),
        jwk(KEY, x="AA"),
        jwk(KEY, kid=5),
        {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY)), "kid": "k"},  # the private key
        {"kty": "oct", "k": "c2VjcmV0", "kid": "k", "alg": "HS256"},
        jwk(rsa.generate_private_key(65537, 1024)),
        "key",
        None,
    ],
    ids=range(15),
)
def test_a_key_for_something_else_is_passed_over(key):
    assert ids_in(key) == []


def test_two_keys_of_one_id_count_neither():
    assert ids_in(jwk(KEY), jwk(RSA)) == []


def test_the_operator_narrows_the_algorithms_of_an_issuer():
    document = json.dumps({"keys": [jwk(KEY, kid="e"), jwk(RSA, kid="r")]}).encode()
    (key,) = parse_jwks(document, allowed=frozenset({"RS256"}))
    assert (key.id, key.algorithms) == ("r", {"RS256"})
