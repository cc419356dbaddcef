"""The operator's break-glass key, and statements signed with it or with the root key. Run offline, by a person."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from delegation.app.key_files import former_bundle, has_key, system_ms, write_bundle
from delegation.core.attest import sign_break_glass, sign_bundle
from delegation.core.break_glass import BreakGlass
from delegation.core.codec import decode_break_glass, encode_break_glass
from delegation.core.statement import SignedStatement
from delegation.core.trust import KeyPurpose, TrustBundle
from delegation.errors import ConfigError
from delegation.service.bundle_signing import next_bundle, trusted_key
from delegation.signing.port import SignerPurpose
from delegation.signing.sealed_file import USUAL_COST, create_key, open_key
from delegation.signing.sealed_format import ScryptCost


def make_break_glass_key(
    directory: Path,
    passphrase: bytes,
    *,
    bundle_directory: Path,
    root_directory: Path,
    root_passphrase: bytes,
    cost: ScryptCost = USUAL_COST,
    now_ms: Callable[[], int] = system_ms,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> TrustBundle:
    """Make a break-glass key and list it in the next trust bundle.

    Args:
        directory: where the key is made; not where the service's keys are.
        passphrase: what seals it.
        bundle_directory: where the trust bundle is.
        root_directory: where the root key is.
        root_passphrase: of the root key.
        cost: of guessing the passphrase.
        now_ms: the clock.
        random: a cryptographic source.

    Raises:
        ConfigError: there is such a key already, no bundle to continue, or something cannot be opened or written.
    """
    if directory.resolve() == bundle_directory.resolve():
        raise ConfigError(
            "the break-glass key belongs to a person, not beside the service's keys: choose another --key"
        )
    root = open_key(root_directory, SignerPurpose.ROOT, root_passphrase)
    former = former_bundle(bundle_directory, root.public)
    if former is None:
        raise ConfigError(f"{bundle_directory} has no trust bundle to continue: make one with `delegation keys init`")
    key = create_key(directory, SignerPurpose.BREAK_GLASS, passphrase, random=random, cost=cost)
    at_ms = now_ms()
    listed = [*former.keys, trusted_key(KeyPurpose.BREAK_GLASS, key.public, now_ms=at_ms)]
    return write_bundle(bundle_directory, sign_bundle(next_bundle(former, listed, now_ms=at_ms), root), root.public)


def sign_order(directory: Path, passphrase: Callable[[], bytes], order: BreakGlass) -> SignedStatement:
    """Sign a break-glass statement with the break-glass key of a directory, or with the root key if that is there.

    Raises:
        ConfigError: neither is there, or it cannot be opened.
        Malformed: the statement is none.
    """
    for purpose in (SignerPurpose.BREAK_GLASS, SignerPurpose.ROOT):
        if has_key(directory, purpose):
            decode_break_glass(encode_break_glass(order))  # no guard would take another
            return sign_break_glass(order, open_key(directory, purpose, passphrase()))
    raise ConfigError(f"{directory} has no break-glass key, nor the root key: make one with `break-glass make-key`")
