"""A rule demands that whoever a task is for signs in: with a real OpenID provider, until the call is permitted."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from delegation.app.key_files import system_ms
from delegation.core.scope import Scope, any_call
from delegation.errors import BadSignature, PolicyDenied, Reason, Refused, Revoked, ScopeGrew
from delegation_sdk import Client
from support.bearers import issuers
from support.caller import Caller, Holding
from support.server import identity, running_server, spiffe_id

PATH, CLERK = "agent/assistant", spiffe_id("agent/clerk")
TOOLS = "".join(
    f'[[tool]]\naudience = "bank"\nname = "{name}"\nowner = "bank"\neffects = ["write"]\n'
    for name in ("look", "pay", "close", "sign", "never")
)
SIGN_IN = '@obligation("authenticate") @acr("mfa") @max_age("300")'
POLICY = f"""
@id("all") permit (principal, action, resource);
@id("pay") {SIGN_IN} forbid (principal, action == Action::"call", resource == Tool::"bank.pay");
@id("close") {SIGN_IN} forbid (principal, action, resource == Tool::"bank.close");
@id("sign") {SIGN_IN} forbid (principal, action == Action::"call", resource == Tool::"bank.sign");
@id("consent") @obligation("approve") forbid (principal, action == Action::"call", resource == Tool::"bank.sign");
@id("never") forbid (principal, action == Action::"call", resource == Tool::"bank.never");
@id("never-either") {SIGN_IN} forbid (principal, action == Action::"call", resource == Tool::"bank.never");
"""
SCOPE = Scope(*(any_call("bank", name) for name in ("look", "pay", "sign", "never")))


@dataclass
class Clock:
    """The service's."""

    ahead_ms: int = 0

    def __call__(self) -> int:
        return system_ms() + self.ahead_ms


@pytest.fixture(scope="module")
def clock():
    return Clock()


@pytest.fixture(scope="module")
def world(tmp_path_factory, provider, clock):
    directory = tmp_path_factory.mktemp("signing-in")
    (directory / "tools.toml").write_text(TOOLS)
    (directory / "policy.cedar").write_text(POLICY)
    everybody = {"issuer": provider.issuer, "subjects": "any"}
    assistant = identity(PATH, "orchestrator", "agent", ceiling="any", principals=[everybody])
    with ExitStack() as stack:
        server = stack.enter_context(
            running_server(
                directory / "state",
                catalogue=directory / "tools.toml",
                policy={"file": directory / "policy.cedar"},
                identities=[assistant],
                issuers=issuers(provider),
                bearer={"listen": "127.0.0.1:0"},
                now_ms=clock,
            )
        )
        client = stack.enter_context(Client.connect(server.profile(PATH)))
        tool = stack.enter_context(Caller.of(server, "tool/bank"))
        yield client, tool


@pytest.fixture
def client(world):
    return world[0]


@pytest.fixture
def refused(world):
    """Say why a call is refused, as a tool is told; None if it is permitted."""

    def asked(delegation, name: str = "pay") -> Refused | None:
        holding = Holding(delegation.token, delegation.require_key(), delegation.task_id)
        return world[1].decide(holding, "bank", name, {}).refusal

    return asked


@pytest.fixture
def for_alice(client, provider):
    """A task for Alice, who has shown a password alone."""
    with client.task("Pay the bills", scope=SCOPE, on_behalf_of=provider.id_token("alice")) as task:
        yield task


def principal_of(task):
    return task.links[0].link.grant.principal


@pytest.mark.spec("A-31", "A-32", "T-31")
def test_who_signs_in_again_as_it_was_demanded_has_the_call_made(provider, for_alice, refused):
    lacking = refused(for_alice)
    assert isinstance(lacking, PolicyDenied)
    assert (lacking.reason, lacking.field) == (Reason.AUTHENTICATION_REQUIRED, "pay")
    assert (lacking.acr_values, lacking.max_age_s) == (("mfa",), 300)
    assert refused(for_alice, "look") is None

    former, before = for_alice.links[0].link, principal_of(for_alice)
    for_alice.renew(on_behalf_of=provider.id_token("alice", acr=lacking.acr_values[0]))
    assert refused(for_alice) is None

    now, after = for_alice.links[0].link, principal_of(for_alice)
    assert (after.subject, after.issuer, after.basis) == (before.subject, before.issuer, before.basis)
    assert (before.authentication_strength, after.authentication_strength) == ("pwd", "mfa")
    assert after.token_digest != before.token_digest
    assert after.authenticated_at_ms >= before.authenticated_at_ms > 0
    assert (now.scope, now.purpose, now.holder_key, now.holder_agent, now.remaining_depth) == (
        (former.scope, former.purpose, former.holder_key, former.holder_agent, former.remaining_depth)
    )
    for_alice.renew()  # says of the principal what it said
    assert principal_of(for_alice) == after


@pytest.mark.spec("T-32", "A-31")
def test_what_was_handed_on_before_is_handed_on_anew(provider, for_alice, refused):
    child = for_alice.hand_off(CLERK)
    assert refused(child).reason is Reason.AUTHENTICATION_REQUIRED
    for_alice.renew(on_behalf_of=provider.id_token("alice", acr="mfa"))
    assert isinstance(refused(child), Revoked)
    assert refused(for_alice.hand_off(child.agent, scope=child.scope)) is None


def not_enough(provider):
    """Tokens that are good, and are not what is demanded."""
    return {
        "the same strength": provider.id_token("alice"),
        "another strength": provider.id_token("alice", acr="pin"),
        "long ago": provider.id_token("alice", acr="mfa", auth_time=int(time.time()) - 400),
        "no strength": signed(provider, auth_time=int(time.time())),
        "no time": signed(provider, acr="mfa"),
    }


def signed(provider, **claims):
    return provider.sign(provider.claims("delegation", **{"sub": "alice", "client_id": None, **claims}))


@pytest.mark.spec("A-31")
@pytest.mark.parametrize("kind", ["the same strength", "another strength", "long ago", "no strength", "no time"])
def test_a_sign_in_that_is_not_what_was_demanded_renews_the_grant_and_permits_nothing(
    provider, for_alice, refused, kind
):
    for_alice.renew(on_behalf_of=not_enough(provider)[kind])
    assert refused(for_alice).reason is Reason.AUTHENTICATION_REQUIRED
    assert refused(for_alice, "look") is None


@pytest.mark.spec("A-31")
def test_the_same_old_token_changes_nothing_and_a_later_one_counts_whole(client, provider, refused):
    long_ago = provider.id_token("alice", acr="mfa", auth_time=int(time.time()) - 400)
    with client.task("Pay the bills", scope=SCOPE, on_behalf_of=long_ago) as task:
        task.renew(on_behalf_of=long_ago)
        assert refused(task).reason is Reason.AUTHENTICATION_REQUIRED
        # Not the strength of one and the time of the other.
        task.renew(on_behalf_of=provider.id_token("alice"))
        assert refused(task).reason is Reason.AUTHENTICATION_REQUIRED
        task.renew(on_behalf_of=provider.id_token("alice", acr="mfa"))
        assert refused(task) is None


def not_hers(provider):
    """Tokens that renew nothing, with what they are refused for."""
    good = provider.id_token("alice", acr="mfa")
    head, _, rest = provider.id_token("alice").partition(".")
    body = good.split(".")[1]
    now_s = int(time.time())
    return {
        "somebody else": (provider.id_token("bob", acr="mfa"), ScopeGrew, "principal"),
        "a forged acr": (f"{head}.{body}.{rest.split('.')[1]}", BadSignature, "principal_token"),
        "for another client": (provider.id_token("alice", audience="other", acr="mfa"), Refused, "principal_token"),
        "expired": (signed(provider, acr="mfa", iat=now_s - 600, exp=now_s - 60), Refused, "principal_token"),
        "who will sign in": (signed(provider, acr="mfa", auth_time=now_s + 3600), Refused, "principal_token"),
        "an access token": (provider.access_token("https://delegation.test"), Refused, "principal_token"),
        "another issuer": (signed(provider, acr="mfa", iss="https://evil.example"), Refused, "principal_token"),
    }


NOT_HERS = (
    "somebody else", "a forged acr", "for another client", "expired", "who will sign in", "an access token",
    "another issuer",
)  # fmt: skip


@pytest.mark.spec("T-31", "T-22")
@pytest.mark.parametrize("kind", NOT_HERS)
def test_a_token_that_is_not_hers_for_this_service_and_now_renews_nothing(provider, for_alice, refused, kind):
    token, error, field = not_hers(provider)[kind]
    before = for_alice.token
    with pytest.raises(error) as told:
        for_alice.renew(on_behalf_of=token)
    assert told.value.field == field
    assert not any(part in str(told.value) for part in token.split(".") if len(part) > 8)
    assert for_alice.token == before
    assert refused(for_alice, "look") is None  # the former grant lives


@pytest.mark.spec("A-31", "T-31")
def test_nobody_signs_in_for_a_task_on_the_callers_own_behalf(client, provider, refused):
    with client.task("Pay the bills", scope=SCOPE) as task:
        assert refused(task).reason is Reason.AUTHENTICATION_REQUIRED
        with pytest.raises(ScopeGrew) as told:
            task.renew(on_behalf_of=provider.id_token("alice", acr="mfa"))
        assert told.value.field == "principal"
        task.renew()
        assert refused(task).reason is Reason.AUTHENTICATION_REQUIRED


@pytest.mark.spec("A-26", "A-32")
def test_what_is_granted_and_handed_on_may_demand_it_too(client, provider, clock):
    scope = Scope(any_call("bank", "look"), any_call("bank", "close"))
    with pytest.raises(PolicyDenied) as told:
        client.begin_task("Close the account", scope=scope, on_behalf_of=provider.id_token("alice"))
    assert (told.value.reason, told.value.acr_values, told.value.max_age_s) == (
        (Reason.AUTHENTICATION_REQUIRED, ("mfa",), 300)
    )
    token = provider.id_token("alice", acr="mfa", auth_time=int(time.time()) - 150)
    with client.task("Close the account", scope=scope, on_behalf_of=token) as task:
        assert task.hand_off(CLERK).scope == scope
        clock.ahead_ms = 200_000
        with pytest.raises(PolicyDenied) as told:
            task.hand_off(CLERK)
        assert (told.value.reason, told.value.link_index) == (Reason.AUTHENTICATION_REQUIRED, 1)
        assert task.hand_off(CLERK, scope=Scope(any_call("bank", "look")))
        clock.ahead_ms = 0
        with pytest.raises(PolicyDenied) as told:
            task.renew(on_behalf_of=provider.id_token("alice"))
        assert told.value.reason is Reason.AUTHENTICATION_REQUIRED
        task.renew(on_behalf_of=provider.id_token("alice", acr="mfa"))
        assert task.hand_off(CLERK).scope == scope


@pytest.mark.spec("A-32")
def test_nobody_is_asked_to_consent_before_the_sign_in_nor_to_sign_in_for_nothing(provider, for_alice, refused):
    first = refused(for_alice, "sign")
    assert (first.reason, first.approval_request_id) == (Reason.AUTHENTICATION_REQUIRED, b"")
    assert refused(for_alice, "never").reason is Reason.POLICY_DENIED
    for_alice.renew(on_behalf_of=provider.id_token("alice", acr="mfa"))
    then = refused(for_alice, "sign")
    assert then.reason is Reason.APPROVAL_REQUIRED
    assert then.approval_request_id
    assert refused(for_alice, "never").reason is Reason.POLICY_DENIED


def test_a_service_without_issuers_says_that_it_takes_no_token(tmp_path, provider):
    with (
        running_server(tmp_path) as server,
        Client.connect(server.profile(PATH)) as client,
        client.task("Look", scope=Scope(any_call("bank", "look"))) as task,
        pytest.raises(Exception, match="no issuer of ID tokens"),
    ):
        task.renew(on_behalf_of=provider.id_token("alice"))
