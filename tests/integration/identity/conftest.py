"""An OpenID provider, and a service that takes its tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.bearers import identities, issuers
from support.openid import OpenIdProvider, running_provider
from support.server import RunningServer, running_server


@pytest.fixture(scope="session")
def provider() -> Iterator[OpenIdProvider]:
    with running_provider() as running:
        yield running


@pytest.fixture(scope="session")
def server(tmp_path_factory, provider) -> Iterator[RunningServer]:
    with running_server(
        tmp_path_factory.mktemp("tokens"),
        identities=identities(provider),
        issuers=issuers(provider),
        bearer={"listen": "127.0.0.1:0"},
    ) as running:
        yield running


@pytest.fixture
def logged(capsys, caplog):
    """Give what was logged since the test began, wherever logs go."""
    capsys.readouterr()
    caplog.clear()
    return lambda: capsys.readouterr().out + caplog.text
