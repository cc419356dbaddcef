"""The SDK's channels go by gRPC's client-side health checks: a replica that says it is not ready gets no calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from delegation_sdk import Client, Scope, any_call
from delegation_sdk.profile import Profile
from support.load import until

SCOPE = Scope(any_call("files", "read"))


class Counting:
    """An authenticator that counts the calls that come in."""

    def __init__(self, authenticator) -> None:
        self._authenticator = authenticator
        self.calls = 0

    def authenticate(self, peer):
        self.calls += 1
        return self._authenticator.authenticate(peer)

    def lasting(self, peer):
        return self._authenticator.lasting(peer)


@pytest.fixture
def doors(replicas) -> Iterator[list[Counting]]:
    originals = [replica.application._server._door.authenticator for replica in replicas]
    counting = [Counting(each) for each in originals]
    for replica, each in zip(replicas, counting, strict=True):
        replica.application._server._door.authenticator = each
    yield counting
    for replica, each in zip(replicas, originals, strict=True):
        replica.application._server._door.authenticator = each


@pytest.fixture
def client(replicas) -> Iterator[Client]:
    profile = Profile.load(replicas[0].profile("agent/planner"))
    both = ",".join(replica.target for replica in replicas)
    with Client.connect(replace(profile, target=both, server_name="localhost")) as connected:
        yield connected


@contextmanager
def not_ready(replica) -> Iterator[None]:
    server = replica.application._server
    replica.run(server._health.tell(server._services, ready=False))
    try:
        yield
    finally:
        replica.run(server._health.tell(server._services, ready=True))


def call(client: Client) -> None:
    client.begin_task("look things up", scope=SCOPE).complete()


def test_replicas_take_turns_but_for_one_that_says_it_is_not_ready(replicas, client, doors):
    def both_are_called() -> bool:
        before = [door.calls for door in doors]
        for _ in range(4):
            call(client)
        return all(door.calls > was for door, was in zip(doors, before, strict=True))

    def only_the_first_is_called() -> bool:
        was = doors[1].calls
        for _ in range(10):
            call(client)
        return doors[1].calls == was

    until(both_are_called)
    with not_ready(replicas[1]):
        until(only_the_first_is_called)
        assert only_the_first_is_called()  # and it stays so; no call has failed meanwhile
    until(both_are_called)
