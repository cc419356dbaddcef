"""Adapter: keys in a PKCS#11 token (an HSM, or SoftHSM2). Private keys are made there and never leave it.

Keys are Ed25519 (PKCS#11 3.0: CKK_EC_EDWARDS, CKM_EDDSA), labelled `delegation-PURPOSE`, with the key id as CKA_ID.
They are made sensitive and not extractable, and one that is not so is not used. The service waits for each signature:
it has to be a matter of a millisecond, as in an HSM in the same rack.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from delegation.core.keys import check_public_key, key_id, verify
from delegation.errors import BadSignature, ConfigError, Malformed, ServiceUnavailable
from delegation.private_files import read_private

if TYPE_CHECKING:
    from delegation.signing.port import SignerPurpose

T = TypeVar("T")

PIN_VARIABLE: Final = "DELEGATION_PKCS11_PIN"
_MAX_PIN_BYTES: Final = 256
_ED25519_OID: Final = "1.3.101.112"
_POINT: Final = b"\x04\x20"  # DER: an octet string of 32 bytes
_NO_SIGNING_INPUT: Final = b"\x00delegation: is this the key?"  # no domain tag is empty


class Pkcs11Token:
    """The keys of one token. One session, opened once, and again if the token lost it.

    Args:
        module: the library of the token's maker.
        label: the token's label.
        pin: the user's PIN.

    Raises:
        ConfigError: the extra is missing, there is no such module or token, or the PIN is wrong.
    """

    def __init__(self, module: Path, label: str, pin: str) -> None:
        self._pkcs11 = _library()
        self._module = module
        self._label = label
        self._pin = pin
        self._lock = threading.RLock()
        self._session: Any = None
        self._found: dict[bytes, Any] = {}
        self.do(repr)  # opens the session, and leaves it alone

    def create(self, purpose: SignerPurpose) -> Pkcs11Key:
        """Make one more key of a purpose in the token. Raises `ConfigError`."""
        return Pkcs11Key(self, self.do(lambda session: self._generate(session, purpose)))

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
        except (BadSignature, ServiceUnavailable):
            raise ConfigError(f"the key {key.key_id.hex()} of the token {self._label} is not what it says") from None
        return key

    def do(self, action: Callable[[Any], T]) -> T:
        """Do something in the session; once more in a new one if the token lost it. Raises `ConfigError`."""
        errors = self._pkcs11.PKCS11Error
        with self._lock:
            try:
                self._session = self._session or self._opened()
                return action(self._session)
            except self._pkcs11.NoSuchKey:
                raise ConfigError(f"the token {self._label} does not hold the key: is it the right token?") from None
            except errors:
                try:
                    self._session = self._opened()
                    return action(self._session)
                except errors as error:
                    self._session = None
                    raise ConfigError(f"the token {self._label} failed: {_said(error)}") from None

    def private(self, session: Any, public_key: bytes) -> Any:
        """Find a private key of the session."""
        if public_key not in self._found:
            self._found[public_key] = session.get_key(
                object_class=self._pkcs11.ObjectClass.PRIVATE_KEY,
                key_type=self._pkcs11.KeyType.EC_EDWARDS,
                id=key_id(public_key),
            )
        return self._found[public_key]

    def _opened(self) -> Any:
        p11 = self._pkcs11
        self._found.clear()
        try:
            token = p11.lib(str(self._module)).get_token(token_label=self._label)
        except p11.NoSuchToken:
            raise ConfigError(f"{self._module} has no token {self._label!r}: correct keys.pkcs11.token") from None
        except p11.PKCS11Error as error:
            raise ConfigError(f"cannot load {self._module}: {_said(error)}; correct keys.pkcs11.module") from None
        try:
            return token.open(rw=True, user_pin=self._pin)
        except p11.UserAlreadyLoggedIn:  # by this process, to which the login belongs
            return token.open(rw=True)
        except p11.PinIncorrect:
            raise ConfigError(f"the PIN of the token {self._label} is wrong: too many tries lock it") from None

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


def _said(error: Exception) -> str:
    """Name a failure; what the library says besides is often nothing."""
    return f"{type(error).__name__} {error}".strip()
