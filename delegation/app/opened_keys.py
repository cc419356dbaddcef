"""The private keys that a running service has opened: the active ones of its trust bundle that are kept here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from delegation.core.keys import Signer
from delegation.core.trust import KeyState, TrustBundle, TrustedKey
from delegation.errors import ConfigError
from delegation.service.key_rotation import SERVICE_KEY_PURPOSES
from delegation.service.trust import Signers
from delegation.service.unexpected import log_unexpected
from delegation.signing.port import KeyStore, SignerPurpose


class OpenedKeys:
    """Opens each key once; also those that count later only, since nobody comes back to open them then.

    Args:
        store: where they are kept.
        now_ms: the clock.
    """

    def __init__(self, store: KeyStore, *, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._now_ms = now_ms
        self._signers: dict[bytes, Signer] = {}

    def open(self, bundle: TrustBundle) -> tuple[Signers, str]:
        """Open what is not open yet; give all that are, by their public keys, and the first thing that went wrong.

        May take a while: a passphrase is stretched on purpose, an HSM is a network away.
        """
        wrong = ""
        for key in self._wanted(bundle):
            if key.public_key not in self._signers:
                try:
                    self._open(key)
                except ConfigError as error:  # the others may do
                    wrong = wrong or str(error)
                except Exception as error:  # noqa: BLE001 - no defect of a store may keep a compromise from counting
                    log_unexpected("opening a key", error)
                    wrong = wrong or f"the {key.purpose} key {key.key_id.hex()} cannot be opened"
        return self.opened(bundle), wrong

    def opened(self, bundle: TrustBundle) -> Signers:
        """Give those of a bundle that are open already, by their public keys."""
        wanted = {key.public_key for key in self._wanted(bundle)}
        return {public: signer for public, signer in self._signers.items() if public in wanted}

    def lack(self, bundle: TrustBundle) -> bool:
        """Tell whether one is not open yet."""
        return any(key.public_key not in self._signers for key in self._wanted(bundle))

    def _open(self, key: TrustedKey) -> None:
        purpose = SignerPurpose(str(key.purpose))
        if key.public_key in self._store.public_keys(purpose):
            self._signers[key.public_key] = self._store.open(purpose, key.public_key)

    def _wanted(self, bundle: TrustBundle) -> Iterator[TrustedKey]:
        """Give the keys that a service may sign with, now or later."""
        now_ms = self._now_ms()
        for key in bundle.keys:
            lasts = key.not_after_ms == 0 or now_ms < key.not_after_ms
            if key.purpose in SERVICE_KEY_PURPOSES and key.state is KeyState.ACTIVE and lasts:
                yield key
