"""The session with a PKCS#11 token: opened once, again if the token loses it, and never with a PIN that was refused.

A token locks its user after a few wrong PINs, for every replica. So one refusal is the last try of this process; after
other failures there is a pause before the next login. Keys are `pkcs11_token`'s.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from delegation.errors import ConfigError

T = TypeVar("T")

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
_PIN_REFUSED: Final = ("PinIncorrect", "PinLocked", "PinExpired", "PinInvalid", "PinLenRange", "UserPinNotInitialized")
_LOST: Final = (
    "SessionClosed",
    "SessionHandleInvalid",
    "UserNotLoggedIn",
    "KeyHandleInvalid",
    "ObjectHandleInvalid",
    "DeviceError",
    "DeviceRemoved",
    "TokenNotPresent",
)


class TokenSession:
    """One session for all threads.

    Args:
        library: the package `pkcs11`.
        module: the library of the token's maker.
        label: the token's label.
        pin: the user's PIN.
        now_s: a monotonic clock, seconds.
    """

    def __init__(
        self, library: Any, module: Path, label: str, pin: str, *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._pkcs11 = library
        self._lost = tuple(getattr(library.exceptions, name) for name in _LOST)
        self._pin_refused = tuple(getattr(library.exceptions, name) for name in _PIN_REFUSED)
        self._module = module
        self._label = label
        self._pin: str | None = pin
        self._now_s = now_s
        self._lock = threading.RLock()
        self._session: Any = None
        self._worked = False
        """Whether this session has ever done anything."""
        self._pause_s = FIRST_PAUSE_S
        self._not_before_s = 0.0

    def do(self, action: Callable[[Any], T], *, repeat: bool = True) -> T:
        """Do something in the session.

        Args:
            action: what is done; what it finds belongs to the session that it is given.
            repeat: whether it is done once more, in a new session, if the token lost this one.

        Raises:
            ConfigError: the token did not do it, has refused the PIN, or failed a moment ago.
        """
        with self._lock:
            try:
                try:
                    return self._done(action)
                except self._lost:
                    self._end()
                    if not repeat:
                        raise
                    return self._done(action)
            except self._pkcs11.NoSuchKey:
                raise ConfigError(f"the token {self._label} does not hold the key: is it the right token?") from None
            except self._pkcs11.PKCS11Error as error:
                self._end()
                raise ConfigError(f"the token {self._label} failed: {_said(error)}") from None

    def _done(self, action: Callable[[Any], T]) -> T:
        if self._session is None:
            self._open()
        done = action(self._session)
        self._worked, self._pause_s = True, FIRST_PAUSE_S
        return done

    def _end(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        with contextlib.suppress(self._pkcs11.PKCS11Error):
            session.close()
        if not self._worked:
            self._pause()

    def _pause(self) -> None:
        self._not_before_s = self._now_s() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _open(self) -> None:
        if self._pin is None:
            raise ConfigError(
                f"the token {self._label} has refused the PIN, and is not asked again, since too many tries lock it:"
                " correct the PIN and start again"
            )
        if self._now_s() < self._not_before_s:
            raise ConfigError(f"the token {self._label} failed a moment ago, and is left alone for up to a minute")
        try:
            self._session = self._logged_in(self._pin)
        except self._pin_refused as error:
            self._pin = None
            raise ConfigError(
                f"the PIN of the token {self._label} is refused ({_said(error)}): too many tries lock it"
            ) from None
        except ConfigError:
            self._pause()
            raise
        except self._pkcs11.PKCS11Error as error:
            self._pause()
            raise ConfigError(f"the token {self._label} cannot be opened: {_said(error)}") from None
        self._worked = False

    def _logged_in(self, pin: str) -> Any:
        p11 = self._pkcs11
        try:
            token = p11.lib(str(self._module)).get_token(token_label=self._label)
        except p11.NoSuchToken:
            raise ConfigError(f"{self._module} has no token {self._label!r}: correct keys.pkcs11.token") from None
        except p11.PKCS11Error as error:
            raise ConfigError(f"cannot load {self._module}: {_said(error)}; correct keys.pkcs11.module") from None
        try:
            return token.open(rw=True, user_pin=pin)
        except p11.UserAlreadyLoggedIn:  # by this process, to which the login belongs
            return token.open(rw=True)

    def __repr__(self) -> str:
        return f"TokenSession({self._label})"


def _said(error: Exception) -> str:
    """Name a failure; what the library says besides is often nothing."""
    return f"{type(error).__name__} {error}".strip()
