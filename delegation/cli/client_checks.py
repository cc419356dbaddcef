"""`delegation doctor` from a client's side: what somebody who connects with a profile gets to see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import grpc

from delegation.app.doctor import Finding, from_error, judge_skew, lasting, ok, problem, warning
from delegation.core.attest import open_feed_entry
from delegation.core.trust import TrustBundle
from delegation.errors import DelegationError
from delegation_sdk.channel import open_channel
from delegation_sdk.feed_grpc import GrpcFeed
from delegation_sdk.guard_grpc import GrpcTrust
from delegation_sdk.profile import Profile
from delegation_sdk.sources import Sources
from delegation_sdk.trust import TrustKeeper

_PATIENCE_S: Final = 10.0
_SOON_MS: Final = 14 * 24 * 60 * 60 * 1000


def check_as_client(file: Path) -> Iterator[Finding]:
    """Connect, fetch the trust bundle, and listen to the revocation feed for a moment."""
    sources = Sources.system()
    try:
        profile = Profile.load(file)
        with open_channel(profile) as channel:
            trust = TrustKeeper(GrpcTrust(channel), profile.trust_root, sources=sources)
            trust.refresh()
            yield ok("client_connection", f"connected to {profile.target}")
            yield _bundle(trust.bundle, sources.now_ms())
            yield from _feed(channel, trust.bundle, sources)
    except DelegationError as error:
        yield from_error("client_connection", error)


def _bundle(bundle: TrustBundle, now_ms: int) -> Finding:
    left_ms = bundle.expires_at_ms - now_ms
    found = f"verifiers get version {bundle.version}, good for another {lasting(left_ms)}"
    if left_ms < _SOON_MS:
        return warning("client_bundle", found, "sign the next one now with `delegation keys sign-bundle`")
    return ok("client_bundle", found)


def _feed(channel: grpc.Channel, bundle: TrustBundle, sources: Sources) -> Iterator[Finding]:
    """Read the feed's snapshot to its end; its last piece was signed just now, by the service's clock."""
    stream = GrpcFeed(channel).open(0)
    try:
        while True:
            statement = stream.next(_PATIENCE_S)
            if statement is None:
                yield problem("client_feed", f"silent for {_PATIENCE_S:.0f} s", "look into the service's log")
                return
            entry = open_feed_entry(statement, bundle, now_ms=sources.now_ms())
            if not entry.more:
                break
    finally:
        stream.cancel()
    yield ok("client_feed", f"at position {entry.to_position}, signed just now")
    yield judge_skew("client_clock", "the service's", entry.issued_at_ms - sources.now_ms())
