"""The bytes of a sealed key file: an Ed25519 seed under a passphrase. No files here, see `sealed_file`.

One JSON object in one canonical form; any other spelling of it is refused, so that a damaged file is
noticed wherever the damage is. scrypt (RFC 7914) makes a key of the passphrase, AES-256-GCM (SP 800-38D)
encrypts the seed, and everything else in the file is its associated data: a file cannot be passed off
as one of another purpose or for another public key.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from delegation.core.keys import SigningKey
from delegation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from delegation.signing.port import SignerPurpose

MAX_SEALED_BYTES: Final = 4096  # one is about 500 bytes

_FORMAT: Final = "delegation-sealed-key/1"
_FIELDS: Final = {"format", "purpose", "public_key", "scrypt", "salt", "nonce", "sealed_seed"}
_SEED_BYTES: Final = 32
_SALT_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_AES_KEY_BYTES: Final = 32
_SCRYPT_BYTES_PER_BLOCK: Final = 128  # RFC 7914: scrypt needs 128 * n * r bytes of memory
_MAX_SCRYPT_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ScryptCost:
    """How dear it is to try one passphrase. The default takes 128 MiB and some 0.4 s."""

    log2_n: int = 17
    r: int = 8
    p: int = 1

    def __post_init__(self) -> None:
        """Refuse costs that a file must not be able to impose, and those that protect nothing.

        Raises:
            ConfigError: A parameter is outside its limits, or they need too much memory together.
        """
        in_limits = 10 <= self.log2_n <= 20 and 1 <= self.r <= 32 and 1 <= self.p <= 4  # noqa: PLR2004
        if not in_limits or _SCRYPT_BYTES_PER_BLOCK * self.r << self.log2_n > _MAX_SCRYPT_BYTES:
            raise ConfigError("scrypt parameters are out of limits: seal the key anew with usual ones")


def seal(
    seed: bytes,
    purpose: SignerPurpose,
    passphrase: bytes,
    *,
    random: Callable[[int], bytes],
    cost: ScryptCost,
) -> bytes:
    """Encrypt a seed; return the content of its file.

    Args:
        seed: 32 bytes, the Ed25519 private key.
        purpose: What the key is for.
        passphrase: Anything but empty.
        random: The source of salt and nonce.
        cost: How dear it is to try a passphrase.
    """
    header = {
        "format": _FORMAT,
        "purpose": purpose.value,
        "public_key": _text(SigningKey(seed).public),
        "scrypt": {"log2_n": cost.log2_n, "r": cost.r, "p": cost.p},
        "salt": _text(salt := random(_SALT_BYTES)),
        "nonce": _text(nonce := random(_NONCE_BYTES)),
    }
    cipher = AESGCM(_derive(passphrase, salt, cost))
    return _canonical({**header, "sealed_seed": _text(cipher.encrypt(nonce, seed, _canonical(header)))})


def unseal(content: bytes, purpose: SignerPurpose, passphrase: bytes) -> SigningKey:
    """Decrypt a sealed key.

    Args:
        content: What `seal` returned.
        purpose: What the key must be for.
        passphrase: The one it was sealed with.

    Raises:
        ConfigError: Not a sealed key, damaged, for another purpose, or the passphrase is wrong.
    """
    fields = _parse(content)
    _require_purpose(fields, purpose)
    try:
        numbers = fields["scrypt"]
        cost = ScryptCost(int(numbers["log2_n"]), int(numbers["r"]), int(numbers["p"]))
        salt, nonce = _bytes(fields["salt"], _SALT_BYTES), _bytes(fields["nonce"], _NONCE_BYTES)
        public_key = _bytes(fields["public_key"], _SEED_BYTES)
        sealed_seed = _bytes(fields.pop("sealed_seed"), _SEED_BYTES + _TAG_BYTES)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise _damaged() from None
    try:
        seed = AESGCM(_derive(passphrase, salt, cost)).decrypt(nonce, sealed_seed, _canonical(fields))
    except InvalidTag:
        raise ConfigError(
            "the passphrase is wrong, or the file is damaged: set the right passphrase, or restore the file"
        ) from None
    key = SigningKey(seed)
    # Sealed by whoever knows the passphrase; this catches a writer's mistake, not an attacker.
    if key.public != public_key:
        raise _damaged()
    return key


def claimed_public_key(content: bytes, purpose: SignerPurpose) -> bytes:
    """Read which public key a sealed file says it is. `unseal` alone shows whether that is true.

    Raises:
        ConfigError: Not a sealed key, damaged, or for another purpose.
    """
    fields = _parse(content)
    _require_purpose(fields, purpose)
    try:
        return _bytes(fields["public_key"], _SEED_BYTES)
    except TypeError:
        raise _damaged() from None


def _require_purpose(fields: dict[str, Any], purpose: SignerPurpose) -> None:
    if fields["purpose"] != purpose.value:
        raise ConfigError(f"it is sealed for another purpose than {purpose}: correct the path")


def _parse(content: bytes) -> dict[str, Any]:
    """Read the JSON object, in its canonical form and with exactly its fields."""
    try:
        fields = json.loads(content)
        canonical = _canonical(fields)
    except (ValueError, RecursionError, TypeError):
        raise _damaged() from None
    if canonical != content or not isinstance(fields, dict) or fields.keys() != _FIELDS:
        raise _damaged()
    if fields["format"] != _FORMAT or not isinstance(fields["purpose"], str):
        raise _damaged()
    return fields


def _derive(passphrase: bytes, salt: bytes, cost: ScryptCost) -> bytes:
    kdf = Scrypt(salt=salt, length=_AES_KEY_BYTES, n=1 << cost.log2_n, r=cost.r, p=cost.p)
    return kdf.derive(passphrase)


def _canonical(fields: object) -> bytes:
    return json.dumps(fields, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str, length: int) -> bytes:
    """Read unpadded base64url of exactly this many bytes, in its one spelling."""
    try:
        value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise _damaged() from None
    if len(value) != length or _text(value) != text:
        raise _damaged()
    return value


def _damaged() -> ConfigError:
    return ConfigError("it is damaged or no sealed key: restore the file, or correct the path")
