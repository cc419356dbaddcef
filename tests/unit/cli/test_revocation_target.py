"""What is to be revoked, as it is typed."""

from __future__ import annotations

import pytest
import typer

from delegation.cli.identifiers import parse_id
from delegation.cli.revocation_target import target_of
from delegation.core.revocation import RevocationKind, principal_id


@pytest.mark.parametrize(("kind", "size_bytes"), [("link", 32), ("task", 16), ("holder-key", 32), ("issuer-key", 16)])
def test_ids_are_hexadecimal(kind, size_bytes):
    found, revoked_id = target_of(kind, "ab" * size_bytes, "")
    assert found is RevocationKind(kind.replace("-", "_"))
    assert revoked_id == b"\xab" * size_bytes
    with pytest.raises(typer.BadParameter):
        target_of(kind, "ab" * (size_bytes + 1), "")


def test_an_agent_is_named_by_its_whole_id():
    assert target_of("agent", "spiffe://acme.example/agent/a", "")[1] == b"spiffe://acme.example/agent/a"
    with pytest.raises(typer.BadParameter):
        target_of("agent", "planner", "")


def test_a_principal_is_named_with_its_issuer():
    assert target_of("principal", "ada", "https://login.example")[1] == principal_id("https://login.example", "ada")
    with pytest.raises(typer.BadParameter):
        target_of("principal", "ada", "")
    with pytest.raises(typer.BadParameter):
        target_of("task", "ab" * 16, "https://login.example")


def test_an_id_may_be_written_as_a_uuid():
    assert parse_id("01a2037d-723b-de42-ac27-45237fea53f7", 16, "task").hex() == "01a2037d723bde42ac2745237fea53f7"
    with pytest.raises(typer.BadParameter, match="32 hexadecimal digits"):
        parse_id("xyz", 16, "task")
