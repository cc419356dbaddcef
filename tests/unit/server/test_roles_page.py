"""docs/roles.md shows the table that the service goes by, and says what its words mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from delegation.errors import ConfigError
from delegation.identity.port import Role
from delegation.server.access import ACCESS, Rows, roles_of

PAGE = (Path(__file__).parents[3] / "docs" / "roles.md").read_text()


def table() -> list[str]:
    """Write the table of the page: a line for each RPC, a column for each role."""
    lines = ["| | " + " | ".join(Role) + " |", "|---" * (len(Role) + 1) + "|"]
    service = ""
    for name, rows in ACCESS.items():
        if name.partition("/")[0] != service:
            service = name.partition("/")[0]
            lines.append(f"| **{service}** |" + " |" * len(Role))
        lines.append(f"| `{name.partition('/')[2]}` | " + " | ".join(rows.get(role, "—") for role in Role) + " |")
    return lines


def test_the_page_shows_the_table():
    shown = [line for line in PAGE.splitlines() if line.startswith("|")]
    assert shown[: len(table())] == table()


@pytest.mark.parametrize("rows", Rows)
def test_the_page_says_what_the_words_mean(rows):
    assert f"*{rows}*" in PAGE


def test_an_rpc_that_is_not_in_the_table_is_nobodys():
    with pytest.raises(ConfigError, match="access"):
        roles_of("DelegationService", "Unheard")


def test_every_row_is_some_roles():
    assert all(ACCESS.values())
    assert {rows for columns in ACCESS.values() for rows in columns.values()} == set(Rows)
