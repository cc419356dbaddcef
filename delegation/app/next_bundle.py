"""Signing the next trust bundle of a directory: renewed, with a rotated key, or with one given up.

Each of these is one command of `delegation keys`, run where the root key is. A running service and all guards follow
by themselves. They come one after the other: two that continued the same bundle would drop each other's keys.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from delegation.app.bundle_lock import bundle_lock
from delegation.app.federation_file import refuse_revived
from delegation.app.key_files import BUNDLE_FILE, former_bundle, system_ms, write_bundle
from delegation.core import limits
from delegation.core.attest import sign_bundle
from delegation.core.keys import Signer
from delegation.core.trust import Catalogue, FederatedDomain, KeyPurpose, TrustBundle, TrustedKey
from delegation.errors import ConfigError
from delegation.private_files import make_private_directory
from delegation.service.bundle_signing import BUNDLE_LIFETIME_MS, next_bundle, sign_trust_bundle, trusted_key
from delegation.service.key_rotation import CLOCK_LEEWAY_MS, compromised, lacking, retired, rotated
from delegation.signing.port import KeyStore, SignerPurpose
from delegation.signing.sealed_file import open_key

_DAY_MS: Final = 24 * 60 * 60 * 1000


def sign_bundle_file(
    directory: Path,
    *,
    store: KeyStore,
    root_directory: Path,
    root_passphrase: bytes,
    trust_domain: str,
    catalogue: Catalogue | None = None,
    federated: tuple[FederatedDomain, ...] | None = None,
    lifetime_ms: int = BUNDLE_LIFETIME_MS,
    now_ms: Callable[[], int] = system_ms,
) -> TrustBundle:
    """Sign the next trust bundle and put it, with the root's public key, where a service looks.

    Whatever the former bundle lists stays listed; keys whose window is over as retired. For a purpose that has no key
    that can go on signing, the store's own keys are opened and listed.

    Args:
        directory: where the bundle is.
        store: the service's keys.
        root_directory: where the root key is; offline, except in development.
        root_passphrase: of the root key.
        trust_domain: the service's trust domain.
        catalogue: what is said about tools; None: the former bundle's stays. Observation that would not count
            (SPEC T-39) is refused, so that nobody waits for it.
        federated: other trust domains, within limits; None: the former bundle's stay.
        lifetime_ms: how long verifiers trust the bundle.
        now_ms: the clock.

    Raises:
        ConfigError: the root key cannot be opened, the former bundle is another root's or another domain's, a federated
            domain's key has been given up before, a tool would be under observation for too long, somebody else is
            signing, or nothing can be written.
    """
    root = open_key(root_directory, SignerPurpose.ROOT, root_passphrase)
    make_private_directory(directory)
    with bundle_lock(directory):
        at_ms = now_ms()
        if catalogue is not None:
            _require_observation_ends(catalogue, at_ms)
        former = former_bundle(directory, root.public)
        if former is not None and former.trust_domain != trust_domain:
            raise ConfigError(f"{directory / BUNDLE_FILE} is for {former.trust_domain}, not for {trust_domain}")
        keys = retired(former.keys, now_ms=at_ms) if former else []
        for purpose in lacking(keys, now_ms=at_ms):
            keys = [*keys, *_opened(store, purpose, {key.public_key for key in keys}, at_ms)]
        if former is None:
            statement = sign_trust_bundle(
                root,
                keys,
                trust_domain=trust_domain,
                version=1,
                now_ms=at_ms,
                catalogue=catalogue,
                federated=federated or (),
                lifetime_ms=lifetime_ms,
            )
        else:
            refuse_revived(former.federated, federated or (), now_ms=at_ms)
            bundle = next_bundle(
                former, keys, now_ms=at_ms, catalogue=catalogue, federated=federated, lifetime_ms=lifetime_ms
            )
            statement = sign_bundle(bundle, root)
        return write_bundle(directory, statement, root.public)


def rotate_key(
    directory: Path,
    purpose: KeyPurpose,
    *,
    store: KeyStore,
    root_directory: Path,
    root_passphrase: bytes,
    now_ms: Callable[[], int] = system_ms,
) -> TrustBundle:
    """Make a new key of a purpose and publish it in the next bundle; the former one ends after the overlap.

    Arguments as for `sign_bundle_file`. Raises `ConfigError`.
    """
    with _continued(directory, root_directory, root_passphrase) as (root, former):
        at_ms = now_ms()
        signer = store.create(SignerPurpose(str(purpose)))
        keys = rotated(former.keys, purpose, signer.public, now_ms=at_ms)
        return write_bundle(directory, sign_bundle(next_bundle(former, keys, now_ms=at_ms), root), root.public)


def give_up_key(
    directory: Path,
    key_id: bytes,
    *,
    store: KeyStore,
    root_directory: Path,
    root_passphrase: bytes,
    since_ms: int | None = None,
    now_ms: Callable[[], int] = system_ms,
) -> TrustBundle:
    """List a key as compromised in the next bundle; if none without an end takes its place, make one.

    `key_id` has 16 bytes; from `since_ms` on it may have been in somebody else's hands, None: now. The other arguments
    as for `sign_bundle_file`.

    Raises:
        ConfigError: as `sign_bundle_file`. If no key could be made, the bundle that gives this one up is signed all the
            same: the store may be the very thing that was stolen.
        InvalidRequest: the bundle lists no such key.
    """
    with _continued(directory, root_directory, root_passphrase) as (root, former):
        at_ms = now_ms()
        keys = compromised(former.keys, key_id, since_ms=since_ms or at_ms, now_ms=at_ms)
        given_up = next(key.purpose for key in keys if key.key_id == key_id)
        unmade: BaseException | None = None
        if given_up in lacking(keys, now_ms=at_ms):
            try:
                signer = store.create(SignerPurpose(str(given_up)))
            except BaseException as error:  # noqa: BLE001 - also of whoever has lost patience with an HSM
                unmade = error
            else:
                keys = rotated(keys, given_up, signer.public, now_ms=at_ms)
        bundle = write_bundle(directory, sign_bundle(next_bundle(former, keys, now_ms=at_ms), root), root.public)
    if unmade is not None:
        raise _given_up_for_nothing(bundle, given_up, unmade) from None
    return bundle


def _given_up_for_nothing(bundle: TrustBundle, purpose: KeyPurpose, unmade: BaseException) -> BaseException:
    """Say that a key is given up, and that there is none in its place."""
    if not isinstance(unmade, Exception):
        return unmade
    why = str(unmade) if isinstance(unmade, ConfigError) else type(unmade).__name__
    return ConfigError(
        f"the key is given up from version {bundle.version} of the trust bundle on, but no {purpose} key could be made"
        f" in its place ({why}): until `delegation keys rotate {purpose}` works, the service signs nothing with one"
    )


@contextlib.contextmanager
def _continued(directory: Path, root_directory: Path, root_passphrase: bytes) -> Iterator[tuple[Signer, TrustBundle]]:
    """Give the root key and the former bundle, which nobody else continues until the next one is written."""
    root = open_key(root_directory, SignerPurpose.ROOT, root_passphrase)
    with bundle_lock(directory):
        former = former_bundle(directory, root.public)
        if former is None:
            raise ConfigError(f"{directory} has no trust bundle to continue: make one with `delegation keys init`")
        yield root, former


def _require_observation_ends(catalogue: Catalogue, now_ms: int) -> None:
    for tool in catalogue.tools:
        if tool.observe_until_ms > now_ms + limits.OBSERVE_MS:
            raise ConfigError(
                f"the catalogue has {tool.audience}.{tool.tool} under observation for more than"
                f" {limits.OBSERVE_MS // _DAY_MS} days from now: bring its observe_until nearer"
            )


def _opened(store: KeyStore, purpose: KeyPurpose, listed: set[bytes], now_ms: int) -> list[TrustedKey]:
    """List the keys of a store. They are opened, since whoever can write files there could add some that only claim."""
    signing = SignerPurpose(str(purpose))
    fresh = [public for public in store.public_keys(signing) if public not in listed]
    return [
        trusted_key(purpose, store.open(signing, public).public, now_ms=now_ms - CLOCK_LEEWAY_MS) for public in fresh
    ]
