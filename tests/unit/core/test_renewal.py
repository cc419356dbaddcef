"""A grant in the place of another: the same in all but time and key, and no wider in anything."""

from __future__ import annotations

import pytest

from delegation.core.chain import GrantClaims, Link, Principal, PrincipalBasis
from delegation.core.constraints import under
from delegation.core.renewal import RULES, require_renews
from delegation.core.scope import Scope, any_call, tool
from delegation.errors import BadLinkage, Reason, ScopeGrew
from delegation.v1 import chain_pb2

ADA = Principal("ada", "https://id.example", PrincipalBasis.OIDC_ID_TOKEN, bytes(32), 1, "phr")
CLAIMS = GrantClaims(bytes(16), bytes(16), ADA, unrecorded_handoffs=False)
FORMER = Link(
    version=1,
    nonce=bytes(16),
    issued_at_ms=1_000,
    not_before_ms=1_000,
    expires_at_ms=2_000,
    holder_key=bytes(32),
    holder_agent="spiffe://a/b",
    remaining_depth=3,
    scope=Scope(tool("files", "read", path=under("/srv"))),
    purpose="look things up",
    trace=None,
    grant=CLAIMS,
)


@pytest.mark.spec("T-31")
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"expires_at_ms": 9_000, "not_before_ms": 5_000, "issued_at_ms": 5_000, "nonce": b"n" * 16},
        {"holder_key": b"k" * 32},
        {"remaining_depth": 2},
        {"scope": Scope(tool("files", "read", path=under("/srv/docs")))},
        {"grant": CLAIMS._replace(issuer_key_id=b"i" * 16)},
    ],
)
def test_time_and_key_may_be_new_and_authority_less(change):
    require_renews(FORMER._replace(**change), FORMER)


@pytest.mark.spec("T-31")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"holder_agent": "spiffe://a/c"}, "holder_agent"),
        ({"purpose": "something else"}, "purpose"),
        ({"remaining_depth": 4}, "remaining_depth"),
        ({"scope": Scope(any_call("files", "read"))}, "scope[files.read]"),
        ({"scope": Scope(any_call("files", "write"))}, "scope[files.write]"),
        ({"grant": CLAIMS._replace(task_id=b"t" * 16)}, "task_id"),
        ({"grant": CLAIMS._replace(principal=ADA._replace(subject="eve"))}, "principal"),
        ({"grant": CLAIMS._replace(principal=ADA._replace(authentication_strength="phrh"))}, "principal"),
        ({"grant": CLAIMS._replace(unrecorded_handoffs=True)}, "unrecorded_handoffs"),
    ],
)
def test_what_permits_more_or_speaks_for_somebody_else_is_refused(change, field):
    with pytest.raises(ScopeGrew) as refused:
        require_renews(FORMER._replace(**change), FORMER)
    assert refused.value.reason is Reason.SCOPE_GREW
    assert refused.value.field == field


@pytest.mark.parametrize(("new", "old"), [(None, CLAIMS), (CLAIMS, None)])
def test_a_handoff_is_no_grant(new, old):
    with pytest.raises(BadLinkage):
        require_renews(FORMER._replace(grant=new), FORMER._replace(grant=old))


def test_every_field_of_a_link_has_a_rule():
    assert list(RULES) == [field.name for field in chain_pb2.Link.DESCRIPTOR.fields]


def test_every_field_of_a_grants_claims_is_compared_or_free():
    assert set(GrantClaims._fields) == {"issuer_key_id", "task_id", "principal", "unrecorded_handoffs"}
