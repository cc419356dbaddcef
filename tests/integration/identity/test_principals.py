"""On whose behalf a grant is: ID tokens of a real OpenID provider, and everything that shows nobody."""

from __future__ import annotations

import hashlib
import time

import pytest

from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.revocation import RevocationKind, principal_id
from delegation.errors import Conflict, PolicyDenied, Reason, Refused, Revoked
from support.bearers import AUDIENCE, READ, recorded
from support.caller import Caller, new_key

LOGOUT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture(scope="module")
def as_(server):
    connected = {}
    managers = []

    def caller(path: str) -> Caller:
        if path not in connected:
            managers.append(Caller.of(server, path))
            connected[path] = managers[-1].__enter__()
        return connected[path]

    yield caller
    for manager in managers:
        manager.__exit__(None, None, None)


@pytest.mark.spec("T-22")
def test_an_id_token_makes_its_subject_the_principal_with_how_and_when_it_signed_in(provider, as_):
    token = provider.id_token("alice", acr="mfa", auth_time=1_790_000_000)
    holding = as_("agent/for-alice").grant(READ, principal_token=token.encode())
    assert holding.leaf.link.grant.principal == Principal(
        subject="alice",
        issuer=provider.issuer,
        basis=PrincipalBasis.OIDC_ID_TOKEN,
        token_digest=hashlib.sha256(token.encode()).digest(),
        authenticated_at_ms=1_790_000_000_000,
        authentication_strength="mfa",
    )
    task, *_ = as_("developer").task(holding.task_id)
    assert (task.principal.subject, task.principal.issuer) == ("alice", provider.issuer)
    assert task.principal.basis is PrincipalBasis.OIDC_ID_TOKEN


@pytest.mark.spec("T-22")
@pytest.mark.parametrize(("path", "user"), [("agent/for-alice", "bob"), ("agent/for-nobody", "alice")])
def test_nobody_is_a_principal_whom_the_callers_ceiling_does_not_name(server, provider, as_, path, user):
    before = recorded(server)
    with pytest.raises(PolicyDenied) as refused:
        as_(path).grant(READ, principal_token=provider.id_token(user).encode())
    assert (refused.value.reason, refused.value.field) == (Reason.CEILING_EXCEEDED, "principal")
    assert recorded(server) == before


def test_a_caller_may_be_trusted_with_all_principals_of_an_issuer(provider, as_):
    holding = as_("agent/for-anybody").grant(READ, principal_token=provider.id_token("bob").encode())
    assert holding.leaf.link.grant.principal.subject == "bob"


def wrong_tokens(provider) -> dict[str, tuple[str, Reason]]:
    now_s = int(time.time())

    def signed(typ: str | None = None, **changed: object) -> str:
        return provider.sign(provider.claims("delegation", **{"sub": "alice", "client_id": None, **changed}), typ=typ)

    return {
        "for another client": (provider.id_token("alice", audience="other"), Reason.NOT_YOUR_AUDIENCE),
        "for another client, too": (signed(aud=["delegation", "other"]), Reason.NOT_YOUR_AUDIENCE),
        "expired": (signed(iat=now_s - 600, exp=now_s - 60), Reason.EXPIRED),
        "of the future": (signed(iat=now_s + 300, exp=now_s + 600), Reason.NOT_YET_VALID),
        "another issuer": (signed(iss="https://evil.example"), Reason.ISSUER_UNKNOWN),
        "an access token": (provider.access_token(AUDIENCE), Reason.FIELD_INVALID),
        "an access token for this audience": (signed(typ="at+jwt"), Reason.FIELD_INVALID),
        "no subject": (signed(sub=None), Reason.FIELD_INVALID),
        "a subject that nobody can print": (signed(sub="ali\nce"), Reason.FIELD_INVALID),
        "an acr that nobody can print": (signed(acr="\u202e"), Reason.FIELD_INVALID),
        "a time of authentication that is none": (signed(auth_time="yesterday"), Reason.FIELD_INVALID),
        "a logout token": (
            signed(events={"http://schemas.openid.net/event/backchannel-logout": {}}),
            Reason.FIELD_INVALID,
        ),
        "an access token that does not say so": (signed(client_id="ci", scope="delegation"), Reason.FIELD_INVALID),
        "of somebody who will sign in": (signed(auth_time=now_s + 3600), Reason.NOT_YET_VALID),
        "changed after signing": (signed()[:-8] + "AAAAAAAA", Reason.SIGNATURE_INVALID),
        "no token": ("alice", Reason.MALFORMED),
        "a key that nobody published": (
            provider.sign(provider.claims("delegation"), kid="none"),
            Reason.ISSUER_UNKNOWN,
        ),
    }


WRONG = (
    "for another client", "for another client, too", "expired", "of the future", "another issuer", "an access token",
    "an access token for this audience", "no subject", "a subject that nobody can print",
    "an acr that nobody can print", "a time of authentication that is none", "a logout token",
    "an access token that does not say so", "of somebody who will sign in", "changed after signing", "no token",
    "a key that nobody published",
)  # fmt: skip


@pytest.fixture(scope="module")
def wrong(provider):
    made = wrong_tokens(provider)
    assert tuple(made) == WRONG
    return made


@pytest.mark.spec("T-22")
@pytest.mark.parametrize("kind", WRONG)
def test_a_token_that_shows_nobody_is_refused_and_nothing_is_recorded(server, as_, wrong, kind, logged):
    token, reason = wrong[kind]
    before = recorded(server)
    with pytest.raises(Refused) as refused:
        as_("agent/for-anybody").grant(READ, principal_token=token.encode())
    assert (refused.value.reason, refused.value.field) == (reason, "principal_token")
    written = logged()
    for part in (part for part in token.split(".") if len(part) > 8):
        assert part not in str(refused.value)
        assert part not in written
    assert recorded(server) == before


def test_a_revoked_principal_gets_no_grant(provider, as_):
    carol = provider.sign(provider.claims("delegation", sub="carol", client_id=None))
    as_("agent/for-anybody").grant(READ, principal_token=carol.encode())
    as_("developer").revoke(RevocationKind.PRINCIPAL, principal_id(provider.issuer, "carol"))
    with pytest.raises(Revoked) as refused:
        as_("agent/for-anybody").grant(READ, principal_token=carol.encode())
    assert refused.value.reason is Reason.PRINCIPAL_REVOKED


def test_a_repeated_request_is_answered_as_before_and_another_token_is_another_request(provider, as_):
    caller, key = as_("agent/for-anybody"), new_key()
    token = provider.id_token("alice").encode()
    first = caller.grant(READ, key=key, principal_token=token, idempotency_key="again")
    assert caller.grant(READ, key=key, principal_token=token, idempotency_key="again").token == first.token
    with pytest.raises(Conflict):
        caller.grant(READ, key=key, principal_token=provider.id_token("bob").encode(), idempotency_key="again")
