"""A grant in the place of another: the same in all but time and key, and no wider in anything."""

from __future__ import annotations

import pytest

from delegation.core.chain import GrantClaims, Link, Principal, PrincipalBasis
from delegation.core.constraints import under
from delegation.core.renewal import RULES, require_renews, signed_in_again
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


AGAIN = ADA._replace(authentication_strength="phrh", authenticated_at_ms=9, token_digest=b"t" * 32)


@pytest.mark.spec("T-31")
def test_who_has_signed_in_again_is_the_same_and_said_to_have_done_so():
    renewed = FORMER._replace(grant=CLAIMS._replace(principal=AGAIN))
    require_renews(renewed, FORMER, principal=AGAIN)
    assert signed_in_again(ADA, AGAIN) == AGAIN


@pytest.mark.spec("T-31")
@pytest.mark.parametrize(
    ("former", "shown", "renewed"),
    [
        (ADA, AGAIN._replace(subject="eve"), AGAIN._replace(subject="eve")),
        (ADA, AGAIN._replace(issuer="https://evil.example"), AGAIN._replace(issuer="https://evil.example")),
        (ADA._replace(basis=PrincipalBasis.ASSERTED), AGAIN, AGAIN),
        (ADA, AGAIN, ADA),  # what the token says is not taken in parts
        (ADA, AGAIN, AGAIN._replace(authentication_strength="phr")),
        (ADA, AGAIN, ADA._replace(authentication_strength="phrh")),
    ],
)
def test_a_sign_in_of_somebody_else_or_in_parts_renews_nothing(former, shown, renewed):
    with pytest.raises(ScopeGrew) as refused:
        require_renews(
            FORMER._replace(grant=CLAIMS._replace(principal=renewed)),
            FORMER._replace(grant=CLAIMS._replace(principal=former)),
            principal=shown,
        )
    assert refused.value.field == "principal"


@pytest.mark.parametrize(("new", "old"), [(None, CLAIMS), (CLAIMS, None)])
def test_a_handoff_is_no_grant(new, old):
    with pytest.raises(BadLinkage):
        require_renews(FORMER._replace(grant=new), FORMER._replace(grant=old))


def test_every_field_of_a_link_has_a_rule():
    assert list(RULES) == [field.name for field in chain_pb2.Link.DESCRIPTOR.fields]


def test_every_field_of_a_grants_claims_is_compared_or_free():
    assert set(GrantClaims._fields) == {"issuer_key_id", "task_id", "principal", "unrecorded_handoffs"}
