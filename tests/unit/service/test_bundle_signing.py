"""Trust bundles: what a service may go to work under, and what it is told when it may not."""

from __future__ import annotations

import pytest

from delegation.core.codec import encode_catalogue
from delegation.core.trust import Catalogue, CatalogueTool, Effect, KeyPurpose, KeyState, TrustedKey
from delegation.errors import ConfigError
from delegation.service.bundle_signing import BUNDLE_LIFETIME_MS, sign_trust_bundle, trusted_key
from delegation.service.trust import check_trust, signing_keys
from support.chains import CHECKPOINTS, ISSUER, MALLORY, NOW_MS, ROOT, STATEMENTS

CATALOGUE = Catalogue((CatalogueTool("files", "read", frozenset({Effect.READ}), local=True),))
LISTED = [
    trusted_key(KeyPurpose.GRANT, ISSUER.public, now_ms=NOW_MS),
    trusted_key(KeyPurpose.STATEMENT, STATEMENTS.public, now_ms=NOW_MS),
    trusted_key(KeyPurpose.CHECKPOINT, CHECKPOINTS.public, now_ms=NOW_MS),
]


def checked(keys, *, root=ROOT, listed=LISTED, catalogue=CATALOGUE, served=CATALOGUE, domain="test", now_ms=NOW_MS):
    statement = sign_trust_bundle(root, listed, trust_domain="test", version=3, now_ms=NOW_MS, catalogue=catalogue)
    data = encode_catalogue(served) if served.tools else b""
    trust = check_trust(statement, data, root_key=ROOT.public, trust_domain=domain, now_ms=now_ms)
    held = [signer.public for signer in (keys.grant, keys.statement, keys.checkpoint)]
    signing_keys(trust.bundle, held, now_ms=now_ms, publish_ahead_ms=0)
    return trust


def test_a_service_goes_to_work_under_a_bundle_that_lists_its_keys_and_catalogue(keys):
    trust = checked(keys)
    assert trust.bundle.version == 3
    assert trust.catalogue.is_local("files", "read")


def test_without_a_catalogue_no_tool_is_local(keys):
    trust = checked(keys, catalogue=None, served=Catalogue())
    assert trust.bundle.catalogue_digest == b""
    assert not trust.catalogue.is_local("files", "read")


@pytest.mark.parametrize(
    ("tweaks", "says"),
    [
        ({"root": MALLORY}, "not signed by the root"),
        ({"now_ms": NOW_MS + BUNDLE_LIFETIME_MS}, "expired"),
        ({"domain": "elsewhere"}, "elsewhere"),
        ({"served": Catalogue()}, "catalogue"),
        ({"catalogue": None}, "catalogue"),
        ({"listed": LISTED[1:]}, "grant key"),
        ({"listed": LISTED[:1] + LISTED[2:]}, "statement key"),
        (
            {"listed": [TrustedKey(KeyPurpose.GRANT, ISSUER.public, NOW_MS, state=KeyState.RETIRED), *LISTED[1:]]},
            "grant key",
        ),
        ({"listed": [TrustedKey(KeyPurpose.STATEMENT, ISSUER.public, NOW_MS), *LISTED[1:]]}, "grant key"),
        ({"listed": [TrustedKey(KeyPurpose.GRANT, ISSUER.public, NOW_MS + 1), *LISTED[1:]]}, "grant key"),
    ],
    ids=[
        "another root",
        "expired",
        "another trust domain",
        "a catalogue is missing",
        "a catalogue is not named",
        "grant key not listed",
        "statement key not listed",
        "retired",
        "for another purpose",
        "not yet",
    ],
)
def test_what_does_not_fit_is_said_in_one_line(keys, tweaks, says):
    with pytest.raises(ConfigError, match=says) as error:
        checked(keys, **tweaks)
    assert "\n" not in str(error.value)
