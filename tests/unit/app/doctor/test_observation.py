"""What the doctor says of tools under observation."""

from __future__ import annotations

import pytest

from delegation.app.doctor.finding import Level
from delegation.app.doctor.observation import check_observation
from delegation.core.attest import catalogue_digest, sign_bundle
from delegation.core.codec import encode_catalogue
from delegation.core.limits import OBSERVE_MS
from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.service.trust import trust_of
from support.chains import NOW_MS, ROOT, bundle

HOUR_MS = 3_600_000


def looked(*until_ms):
    """What was found, by check, where tools are observed until some times."""
    tools = (
        CatalogueTool("files", f"t{number:02}", frozenset({Effect.READ}), observe_until_ms=end)
        for number, end in enumerate(until_ms)
    )
    catalogue = Catalogue(tuple(tools))
    signed = sign_bundle(bundle(catalogue_digest=catalogue_digest(catalogue)), ROOT)
    trust = trust_of(
        signed, [encode_catalogue(catalogue)], root_key=ROOT.public, trust_domain="example.test", now_ms=NOW_MS
    )
    return {finding.check: finding for finding in check_observation(trust, NOW_MS)}


def test_tools_under_observation_are_named_with_the_last_end():
    found = looked(NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS, 0, NOW_MS)["observation"]
    assert found.level is Level.WARNING
    assert "files.t00, files.t01, the last until 2027-01-15 10:00 UTC" in found.found
    assert "t02" not in found.found
    assert found.advice


def test_of_many_the_first_few_are_named():
    assert "files.t04 and 7 more" in looked(*[NOW_MS + HOUR_MS] * 12)["observation"].found


def test_benign_where_none_is_observed_all_is_well():
    assert {finding.level for finding in looked(0, NOW_MS).values()} == {Level.OK}


@pytest.mark.spec("T-39")
def test_an_observation_that_is_too_long_to_count_is_told():
    found = looked(NOW_MS + 2 * OBSERVE_MS)
    assert found["observation"].level is Level.OK
    assert found["observation_bounds"].level is Level.WARNING
    assert "files.t00 is more than 90 days" in found["observation_bounds"].found
