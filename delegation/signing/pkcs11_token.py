"""Adapter: keys in a PKCS#11 token (an HSM, or SoftHSM2). Private keys are made there and never leave it.

Keys are Ed25519 (PKCS#11 3.0: CKK_EC_EDWARDS, CKM_EDDSA), labelled `delegation-PURPOSE`, with the key id as CKA_ID.
They are made sensitive and not extractable, and one that is not so, or was not always, is not used. The service waits
for each signature: it has to be a matter of a millisecond, as in an HSM in the same rack.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from delegation.core.keys import check_public_key, key_id, verify
from delegation.errors import BadSignature, ConfigError, Malformed, ServiceUnavailable
from delegation.private_files import read_private
from delegation.signing.pkcs11_session import TokenSession

if TYPE_CHECKING:
    from delegation.signing.port import SignerPurpose

T = TypeVar("T")

PIN_VARIABLE: Final = "DELEGATION_PKCS11_PIN"
_MAX_PIN_BYTES: Final = 256
_ED25519_OID: Final = "1.3.101.112"
_POINT: Final = b"\x04\x20"  # DER: an octet string of 32 bytes
_NO_SIGNING_INPUT: Final = b"\x00delegation: is this the key?"  # no domain tag is empty


class Pkcs11Token:
    """The keys of one token.

    Args:
        module: the library of the token's maker.
        label: the token's label.
        pin: the user's PIN.
        now_s: a monotonic clock, seconds.

    Raises:
        ConfigError: the extra is missing, there is no such module or token, or the PIN is wrong.
    """

    def __init__(self, module: Path, label: str, pin: str, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._pkcs11 = _library()
        self._label = label
        self._session = TokenSession(self._pkcs11, module, label, pin, now_s=now_s)
        self._found: tuple[Any, dict[bytes, Any]] = (None, {})
        self.do(repr)  # opens the session, and leaves it alone

    def create(self, purpose: SignerPurpose) -> Pkcs11Key:
        """Make one more key of a purpose in the token. Raises `ConfigError`."""
        # Not repeated: the first try may have left a key that nobody will ever use.
        return Pkcs11Key(self, self.do(lambda session: self._generate(session, purpose), repeat=False))

    def public_keys(self, purpose: SignerPurpose) -> tuple[bytes, ...]:
        """List the public keys of a purpose that the token holds. Raises `ConfigError`."""
        p11 = self._pkcs11
        wanted = {
            p11.Attribute.CLASS: p11.ObjectClass.PUBLIC_KEY,
            p11.Attribute.KEY_TYPE: p11.KeyType.EC_EDWARDS,
            p11.Attribute.LABEL: _label(purpose),
        }
        return tuple(self.do(lambda session: [self._public(key) for key in session.get_objects(wanted)]))

    def open(self, purpose: SignerPurpose, public_key: bytes) -> Pkcs11Key:
        """Give a key of the token, after it has signed something as this one.

        Raises:
            ConfigError: there is none, it could be read out, or it is another one.
        """
        key = Pkcs11Key(self, public_key)
        try:
            secret = self.do(lambda session: self.private(session, public_key))
            if secret[self._pkcs11.Attribute.LABEL] != _label(purpose):
                raise ConfigError(f"the key {key.key_id.hex()} of the token is for another purpose than {purpose}")
            self._require_kept(secret)
            challenge = _NO_SIGNING_INPUT + os.urandom(16)
            verify(public_key, challenge, key.sign(challenge))
        except ServiceUnavailable as error:
            raise ConfigError(str(error)) from None
        except BadSignature:
            raise ConfigError(f"the key {key.key_id.hex()} of the token {self._label} is not what it says") from None
        return key

    def do(self, action: Callable[[Any], T], *, repeat: bool = True) -> T:
        """Do something in the session; once more in a new one if the token lost it. Raises `ConfigError`."""
        return self._session.do(action, repeat=repeat)

    def private(self, session: Any, public_key: bytes) -> Any:
        """Find a private key of the session."""
        of_session, found = self._found
        if of_session is not session:  # handles are those of a session
            found = {}
            self._found = session, found
        if public_key not in found:
            found[public_key] = session.get_key(
                object_class=self._pkcs11.ObjectClass.PRIVATE_KEY,
                key_type=self._pkcs11.KeyType.EC_EDWARDS,
                id=key_id(public_key),
            )
        return found[public_key]

    def _generate(self, session: Any, purpose: SignerPurpose) -> bytes:
        from pkcs11.util.ec import encode_named_curve_parameters

        attribute, mechanisms = self._pkcs11.Attribute, self._pkcs11.Mechanism
        curve = {attribute.EC_PARAMS: encode_named_curve_parameters(_ED25519_OID)}
        parameters = session.create_domain_parameters(self._pkcs11.KeyType.EC_EDWARDS, curve, local=True)
        public, secret = parameters.generate_keypair(
            mechanism=mechanisms.EC_EDWARDS_KEY_PAIR_GEN,
            store=True,
            label=_label(purpose),
            capabilities=self._pkcs11.MechanismFlag.SIGN | self._pkcs11.MechanismFlag.VERIFY,
            private_template={attribute.PRIVATE: True, attribute.SENSITIVE: True, attribute.EXTRACTABLE: False},
        )
        self._require_kept(secret)
        raw = self._public(public)
        public[attribute.ID] = secret[attribute.ID] = key_id(raw)
        return raw

    def _public(self, key: Any) -> bytes:
        point = bytes(key[self._pkcs11.Attribute.EC_POINT])
        raw = point.removeprefix(_POINT)
        try:
            check_public_key(raw)
        except Malformed:
            raise ConfigError(f"the token {self._label} holds a key that is no Ed25519 key: {key.label}") from None
        return raw

    def _require_kept(self, secret: Any) -> None:
        attribute = self._pkcs11.Attribute
        if not secret[attribute.SENSITIVE] or secret[attribute.EXTRACTABLE]:
            raise ConfigError(f"a key of the token {self._label} can be read out: make another in its place")
        if not (secret[attribute.LOCAL] and secret[attribute.ALWAYS_SENSITIVE] and secret[attribute.NEVER_EXTRACTABLE]):
            raise ConfigError(
                f"a key of the token {self._label} was not made there, or could be read out once: make another in its"
                " place"
            )

    def __repr__(self) -> str:
        return f"Pkcs11Token({self._label})"


class Pkcs11Key:
    """A key that signs inside its token."""

    __slots__ = ("_token", "key_id", "public")

    def __init__(self, token: Pkcs11Token, public: bytes) -> None:
        self._token = token
        self.public = public
        self.key_id = key_id(public)

    def sign(self, message: bytes) -> bytes:
        """Give the 64-byte signature of a message. Raises `ServiceUnavailable` if the token does not sign."""
        from pkcs11 import Mechanism

        def signed(session: Any) -> bytes:
            return bytes(self._token.private(session, self.public).sign(message, mechanism=Mechanism.EDDSA))

        try:
            return self._token.do(signed)
        except ConfigError as error:
            raise ServiceUnavailable(str(error)) from None

    def __repr__(self) -> str:
        return f"Pkcs11Key(key_id={self.key_id.hex()})"


def find_pin(environment: Mapping[str, str], configured_file: Path | None) -> str:
    """Find the PIN: in the environment, else in the configured file, which is its owner's alone.

    Raises:
        ConfigError: there is none, it is empty, or the file is open to others.
    """
    pin = environment.get(PIN_VARIABLE)
    if pin is None:
        if configured_file is None:
            raise ConfigError(f"no PIN for the token: set {PIN_VARIABLE} or keys.pkcs11.pin_file")
        content = read_private(configured_file, max_bytes=_MAX_PIN_BYTES)
        pin = os.fsdecode(content.removesuffix(b"\n").removesuffix(b"\r"))
    if not pin:
        raise ConfigError(f"the PIN of the token is empty: set {PIN_VARIABLE} or keys.pkcs11.pin_file")
    return pin


def _library() -> Any:
    try:
        import pkcs11
    except ImportError:
        raise ConfigError(
            "keys in a PKCS#11 token need the extra pkcs11: pip install 'delegation-chain[pkcs11]'"
        ) from None
    return pkcs11


def _label(purpose: SignerPurpose) -> str:
    return f"delegation-{purpose}"
