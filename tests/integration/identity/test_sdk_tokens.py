"""The SDK with a token in place of a certificate: from a file that is renewed, or from a function."""

from __future__ import annotations

import base64

import pytest

from delegation.core.scope import Scope
from delegation.errors import RequestFailed, ServiceUnavailable, Unauthenticated
from delegation_sdk import AsyncClient, Client
from delegation_sdk.profile import Profile
from support.bearers import AUDIENCE, CI, READ, identities, issuers
from support.server import running_server, spiffe_id


@pytest.fixture
def write(server, tmp_path):
    """Write the profile of a client with a token: `write("the token")`."""

    def write(token: str, **changed: str) -> Profile:
        (tmp_path / "token").write_text(token)
        settings = {
            "target": server.application.bearer_target,
            "ca": str(server.directory / "ca" / "ca.pem"),
            "trust_root": base64.urlsafe_b64encode(server.trust_root).rstrip(b"=").decode(),
            "token_file": "token",
            "agent": spiffe_id(CI),
            **changed,
        }
        (tmp_path / "profile.toml").write_text(
            "".join(f'{name} = "{value}"\n' for name, value in settings.items() if value)
        )
        return Profile.load(tmp_path / "profile.toml")

    return write


def test_a_token_file_is_followed(provider, write, tmp_path):
    with Client.connect(write("not-a-token")) as client:
        with pytest.raises(Unauthenticated):
            client.begin_task("look things up", scope=Scope(READ))
        (tmp_path / "renewed").write_text(provider.access_token(AUDIENCE))
        (tmp_path / "renewed").rename(tmp_path / "token")
        with client.task("look things up", scope=Scope(READ)) as task:
            assert task.leaf.holder_agent == client.agent == spiffe_id(CI)


async def test_so_it_is_for_asyncio(provider, write):
    async with AsyncClient.connect(write(provider.access_token(AUDIENCE))) as client:
        task = await client.begin_task("look things up", scope=Scope(READ))
        await task.complete()


def test_a_function_gives_the_token_of_each_call(provider, write):
    asked = []

    def token() -> str:
        asked.append(1)
        return provider.access_token(AUDIENCE)

    with Client.connect(write("unused").with_token(token, agent=spiffe_id(CI))) as client:
        client.begin_task("look things up", scope=Scope(READ)).complete()
    assert len(asked) >= 2  # the channel asks how the service is, too


def test_a_function_that_fails_says_nothing_of_the_token(write):
    def token() -> str:
        raise RuntimeError("secret-token-of-somebody")

    with (
        Client.connect(write("unused").with_token(token, agent=spiffe_id(CI))) as client,
        pytest.raises(RequestFailed) as failed,
    ):
        client.begin_task("look things up", scope=Scope(READ))
    assert "secret-token" not in str(failed.value)


def test_a_service_with_another_ca_is_not_sent_the_token(provider, write, tmp_path):
    from certificates import TestCa

    (tmp_path / "other.pem").write_bytes(TestCa.create().pem)
    asked = []
    profile = write("unused", ca="other.pem").with_token(lambda: asked.append(1) or "token", agent=spiffe_id(CI))
    with Client.connect(profile) as client, pytest.raises(ServiceUnavailable):
        client.begin_task("look things up", scope=Scope(READ))
    assert asked == []


def test_over_a_unix_socket_no_ca_is_needed(tmp_path, provider, write):
    with running_server(
        tmp_path / "state",
        identities=identities(provider),
        issuers=issuers(provider),
        bearer={"listen": f"unix:{tmp_path / 'tokens.sock'}"},
    ) as running:
        root = base64.urlsafe_b64encode(running.trust_root).rstrip(b"=").decode()
        profile = write(
            provider.access_token(AUDIENCE), target=running.application.bearer_target, ca="", trust_root=root
        )
        with Client.connect(profile) as client:
            client.begin_task("look things up", scope=Scope(READ)).complete()
