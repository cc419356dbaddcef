from __future__ import annotations

import pytest

from delegation.errors import ConfigError
from delegation.identity.spiffe import MAX_ID_BYTES, parse_spiffe_id


@pytest.mark.parametrize(
    "text",
    [
        "spiffe://acme.example/agent/planner",
        "spiffe://a/b",
        "spiffe://acme.example/A-z_0.9/...",
        "spiffe://a/" + "x" * (MAX_ID_BYTES - len("spiffe://a/")),
    ],
)
def test_an_id_in_normal_form_reads_back_as_it_was(text):
    assert str(parse_spiffe_id(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spiffe://",
        "spiffe:///agent",
        "spiffe://acme.example",
        "spiffe://acme.example/",
        "spiffe://acme.example/agent/",
        "spiffe://acme.example//agent",
        "spiffe://acme.example/./agent",
        "spiffe://acme.example/../agent",
        "spiffe://acme.example/agent?x=1",
        "spiffe://acme.example/agent#x",
        "spiffe://acme.example/%61gent",
        "spiffe://acme.example/agent\n",
        "spiffe://acme.example/agént",
        "spiffe://Acme.example/agent",
        "spiffe://acme.example:443/agent",
        "spiffe://user@acme.example/agent",
        "SPIFFE://acme.example/agent",
        "https://acme.example/agent",
        "spiffe://" + "a" * 256 + "/agent",
        "spiffe://a/" + "x" * MAX_ID_BYTES,
    ],
)
def test_an_id_in_any_other_form_is_refused(text):
    with pytest.raises(ConfigError):
        parse_spiffe_id(text)
