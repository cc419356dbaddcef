"""Where an agent's and a guard's randomness comes from.

Whether a source cannot be predicted is nothing that a test could see. What it can see: the source is the operating
system's, the modules ask no other, and what has to be fresh is drawn from it each time.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

import delegation
import delegation_sdk
from delegation.core import limits
from delegation.core.codec import decode_proof, split_proof
from delegation_sdk import Delegation, flows
from delegation_sdk.flows import HandOffWanted
from delegation_sdk.sources import Sources

HELPER = "spiffe://test.example/agent/helper"
MODULES = [path for package in (delegation, delegation_sdk) for path in Path(package.__file__).parent.rglob("*.py")]


@pytest.mark.spec("F-2", "P-2", "A-11")
def test_the_machines_own_source_is_a_cryptographic_one():
    assert Sources.system().random is os.urandom


@pytest.mark.spec("F-2")
def test_the_service_is_put_together_with_a_cryptographic_one():
    given = [
        ast.unparse(keyword.value)
        for path in MODULES
        if path.parent.name == "app"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "random"
    ]
    assert "secrets.token_bytes" in given
    assert set(given) <= {"secrets.token_bytes", "random"}  # as it was given


@pytest.mark.spec("F-2", "P-2", "A-11")
@pytest.mark.parametrize("path", MODULES, ids=lambda path: "/".join(path.parts[-2:]))
def test_no_module_draws_from_a_generator_that_can_be_predicted(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert "random" not in {each.name for each in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.module not in {"random", "uuid"}


class Counted:
    """A source that remembers what it gave."""

    def __init__(self):
        self.given = []

    def __call__(self, size):
        self.given.append(os.urandom(size))
        return self.given[-1]


@pytest.fixture
def source():
    return Counted()


@pytest.mark.spec("P-2")
def test_each_call_is_signed_with_a_nonce_of_its_own_from_the_source(helper, clock, source):
    agent = Delegation(helper.token, helper.require_key(), sources=clock.sources()._replace(random=source))
    calls = [agent.call("files", "read", {"path": "/srv/a"}) for _ in range(50)]
    nonces = [decode_proof(split_proof(call.carriage.proof)[0]).nonce for call in calls]
    assert nonces == source.given
    assert {len(nonce) for nonce in nonces} == {limits.NONCE_BYTES}
    assert len(set(nonces)) == len(calls)


@pytest.mark.spec("F-2")
def test_each_handoff_is_signed_with_a_nonce_of_its_own_from_the_source(task, clock, source):
    sources = clock.sources()._replace(random=source)
    nonces = []
    for _ in range(10):
        flow = flows.hand_off(task, HandOffWanted(HELPER), sources)
        nonces.append(Delegation(next(flow).request.tokens[0]).leaf.nonce)
        flow.close()
    assert set(nonces) <= set(source.given)
    assert len(set(nonces)) == len(nonces)
