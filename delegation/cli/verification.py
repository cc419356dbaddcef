"""Verifying a token as a tool would: against the service's trust bundle and revocations, or offline."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from delegation.core.attest import open_bundle, open_feed_entry
from delegation.core.chain import VerifiedChain
from delegation.core.codec import decode_statement
from delegation.core.limits import DOCUMENT_BYTES, KEY_BYTES
from delegation.core.revocation import RevocationState
from delegation.core.statement import SignedStatement
from delegation.core.trust import TrustBundle
from delegation.core.verify import Verifier
from delegation.errors import ConfigError, Refused, ServiceUnavailable
from delegation_sdk.feed import FeedSource
from delegation_sdk.profile import Profile
from delegation_sdk.sources import Sources

_FEED_TIMEOUT_S: Final = 10.0
_MAX_FEED_AGE_MS: Final = 30_000
"""As old as a guard may let it become."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A token that was verified.

    Attributes:
        chain: What it says.
        trust_domain: Whose it is.
        feed_position: Up to where revocations were known; None: they were not asked for.
    """

    chain: VerifiedChain
    trust_domain: str
    feed_position: int | None


def verify_with_service(token: bytes, profile: Profile, sources: Sources) -> Checked:
    """Verify by the service's current trust bundle and revocations.

    Raises:
        Refused: The token does not verify, or the bundle is not signed by the profile's root.
        RequestFailed: The service does not give what is needed.
        ConfigError: The profile cannot be used.
    """
    from delegation_sdk.channel import open_channel
    from delegation_sdk.feed_grpc import GrpcFeed
    from delegation_sdk.guard_grpc import GrpcTrust
    from delegation_sdk.trust import TrustKeeper

    channel = open_channel(profile)
    try:
        trust = TrustKeeper(GrpcTrust(channel), profile.trust_root, sources=sources)
        trust.refresh()
        revocations = _revocations(GrpcFeed(channel), trust.bundle, sources)
        chain = trust.verify(token, now_ms=sources.now_ms(), revocations=revocations)
        return Checked(chain, trust.bundle.trust_domain, revocations.position)
    finally:
        channel.close()


def verify_offline(token: bytes, bundle_file: Path, root: bytes, sources: Sources) -> Checked:
    """Verify by a trust bundle in a file. Nothing is known of revocations.

    Raises:
        Refused: The token does not verify, or the bundle is not signed by the root.
        ConfigError: The bundle cannot be read.
    """
    now_ms = sources.now_ms()
    bundle = open_bundle(_read_statement(bundle_file), root, now_ms=now_ms)
    chain = Verifier(bundle, cache_entries=0).verify(
        token, now_ms=now_ms, revocations=RevocationState.nothing_revoked()
    )
    return Checked(chain, bundle.trust_domain, None)


def parse_root(text: str) -> bytes:
    """Read a root public key in base64url, as `trust_root` of a profile has it.

    Raises:
        ConfigError: It is none.
    """
    try:
        root = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        root = b""
    if len(root) != KEY_BYTES:
        raise ConfigError(f"a root key is {KEY_BYTES} bytes in base64url; `delegation keys show` prints it")
    return root


def _revocations(feed: FeedSource, bundle: TrustBundle, sources: Sources) -> RevocationState:
    """Take one whole snapshot of the feed."""
    state = RevocationState()
    stream = feed.open(0)
    try:
        while True:
            statement = stream.next(_FEED_TIMEOUT_S)
            if statement is None:
                raise ServiceUnavailable("the service did not send its revocations in time")
            entry = open_feed_entry(statement, bundle, now_ms=sources.now_ms())
            state.apply(entry, monotonic_ms=sources.monotonic_ms())
            if not entry.more:
                break
    finally:
        stream.cancel()
    state.require_fresh(_MAX_FEED_AGE_MS, now_ms=sources.now_ms(), monotonic_ms=sources.monotonic_ms())
    return state


def _read_statement(path: Path) -> SignedStatement:
    try:
        content = path.read_bytes()
        if len(content) > DOCUMENT_BYTES:
            raise ConfigError(f"{path} is no trust bundle: it is too large")
        return decode_statement(content)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None
    except Refused as error:
        raise ConfigError(f"{path} is no trust bundle: {error}") from None
