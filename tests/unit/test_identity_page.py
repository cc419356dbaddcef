"""What `docs/identity.md` tells people to copy can be copied."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from delegation.errors import Reason
from delegation.server.config import load_config
from delegation.server.issuers_config import IssuerConfig
from delegation_sdk.profile import Profile

PAGE = (Path(__file__).parents[2] / "docs" / "identity.md").read_text()
BLOCKS = re.findall(r"^```toml\n# (service|profile)\.toml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_every_block_says_which_file_it_is():
    assert len(BLOCKS) == PAGE.count("```toml")


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_file_can_be_read(tmp_path, number):
    kind, content = BLOCKS[number]
    path = tmp_path / f"{kind}.toml"
    path.write_text(content)
    if kind == "service":
        assert load_config(path).identities
    else:
        assert Profile.load(path, environment={}).target


def test_limits_are_told_as_they_are():
    defaults = {name: field.default for name, field in IssuerConfig.model_fields.items()}
    for name, told in {
        "clock_skew_ms": (30_000, "30 s"),
        "max_token_lifetime_ms": (86_400_000, "24 h"),
        "refresh_keys_ms": (300_000, "5 min"),
        "keep_keys_ms": (3_600_000, "1 h"),
        "unknown_key_cooldown_ms": (5_000, "5 s"),
    }.items():
        assert defaults[name] == told[0]
        assert f"`{name}` ({told[1]})" in PAGE.replace("\n", " ")


def test_reasons_that_are_told_exist():
    told = PAGE.split("with a reason of its own:")[1].split("A principal can be revoked")[0]
    names = set(re.findall(r"`([a-z_]+)`", told)) - {"principal"}
    assert names <= {str(reason) for reason in Reason}
