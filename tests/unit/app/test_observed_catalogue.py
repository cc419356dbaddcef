"""Signing a catalogue with tools under observation: never for longer than verifiers would count."""

from __future__ import annotations

import pytest

from delegation.app.key_files import create_root_key, create_service_keys
from delegation.app.next_bundle import sign_bundle_file
from delegation.core.limits import OBSERVE_MS
from delegation.core.observation import is_within_bounds
from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.errors import ConfigError
from delegation.signing.sealed_file import SealedFiles
from delegation.signing.sealed_format import ScryptCost
from support.chains import NOW_MS

CHEAP, SECRET = ScryptCost(log2_n=10), b"secret"


@pytest.fixture
def sign(tmp_path):
    """Sign a bundle whose catalogue has a tool under observation; give the tool and the bundle."""
    create_root_key(tmp_path / "root", SECRET, cost=CHEAP)
    create_service_keys(tmp_path / "keys", SECRET, cost=CHEAP)
    store = SealedFiles(tmp_path / "keys", lambda: SECRET, cost=CHEAP)

    def sign(until_ms):
        tool = CatalogueTool("files", "read", frozenset({Effect.READ}), observe_until_ms=until_ms)
        bundle = sign_bundle_file(
            tmp_path / "keys",
            store=store,
            root_directory=tmp_path / "root",
            root_passphrase=SECRET,
            trust_domain="test.example",
            catalogue=Catalogue((tool,)),
            now_ms=lambda: NOW_MS,
        )
        return tool, bundle

    return sign


@pytest.mark.spec("T-39")
def test_benign_the_longest_observation_is_signed_and_counts(sign):
    assert is_within_bounds(*sign(NOW_MS + OBSERVE_MS))


@pytest.mark.spec("T-39")
def test_a_longer_one_is_not_signed(sign):
    with pytest.raises(ConfigError, match=r"files\.read under observation for more than 90 days"):
        sign(NOW_MS + OBSERVE_MS + 1)


def test_benign_one_that_is_over_is_signed_as_it_stands(sign):
    assert sign(NOW_MS - 1)[1].version == 1
