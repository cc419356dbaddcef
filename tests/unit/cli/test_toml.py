"""Configuration written as TOML can be read back."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from delegation.cli.views.toml import toml_lines
from delegation.server.config import load_config

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=12
)


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_any_table_is_read_back(values):
    assert tomllib.loads("\n".join(toml_lines(values))) == values


def test_the_configuration_is_read_back(tmp_path):
    shown = load_config(
        dev=True, state_dir=tmp_path, identities=[{"id": "spiffe://dev.internal/a", "owner": "o", "roles": ["agent"]}]
    ).shown()
    (tmp_path / "delegation.toml").write_text("\n".join(toml_lines(shown)))
    assert load_config(tmp_path / "delegation.toml").shown() == shown
