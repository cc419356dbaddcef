from __future__ import annotations

import inspect
from decimal import Decimal

import pytest

from delegation.core.records import OutcomeStatus
from delegation.core.trust import Effect
from delegation.errors import BadProof, ConfigError, NotPermitted, Reason
from delegation_sdk import AuthorizedCall, Scope, at_most, optional, tool, under
from delegation_sdk.context import received


@pytest.fixture
def run(helper):
    """Call a guarded function as an adapter does that got these arguments from the helper."""

    def run(function, sent=None, **arguments):
        with received(helper.call("files", "read", arguments if sent is None else sent).carriage):
            return function(**arguments)

    return run


def test_a_permitted_call_runs_and_knows_its_caller(guard, run):
    @guard.tool("read", effects=["read"])
    def read(path: str, *, caller: AuthorizedCall) -> str:
        return f"{path} for {caller.agent}"

    assert run(read, path="/srv/a") == "/srv/a for spiffe://test.example/agent/helper"


@pytest.mark.spec("A-6")
def test_what_is_decided_here_waits_to_be_delivered_before_the_tool_runs(guard, task, authority):
    authority.reachable = False  # so that what waits is there to be seen
    waiting = []

    @guard.tool("read")
    def read(path: str) -> None:
        waiting.append(guard.pending_records)

    assert guard.pending_records == 0
    with received(task.call("files", "read", {"path": "/srv/a"}).carriage):
        read(path="/srv/a")
    assert waiting == [1]


@pytest.mark.spec("A-6", "A-8")
def test_what_the_service_decides_is_recorded_there_before_the_tool_runs(guard, task, authority):
    recorded = []

    @guard.tool("write")
    def write(path: str, size: int, *, caller: AuthorizedCall) -> None:
        recorded.append([each.call_id for each in authority.decisions] == [caller.call_id])

    with received(task.call("files", "write", {"path": "/srv/a", "size": 5}).carriage):
        write(path="/srv/a", size=5)
    assert recorded == [True]


def test_a_refused_call_does_not_run(guard, run):
    ran = []

    @guard.tool("read")
    def read(path: str) -> None:
        ran.append(path)

    with pytest.raises(NotPermitted):
        run(read, path="/etc")
    with pytest.raises(BadProof) as caught:
        read(path="/srv/a")
    assert caught.value.reason is Reason.CHAIN_MISSING
    assert not ran


def test_arguments_that_the_tool_does_not_take_are_refused(guard, run):
    @guard.tool("read")
    def read(path: str) -> None:
        pass

    with pytest.raises(NotPermitted) as caught:
        run(read, pfad="/srv/a")
    assert caught.value.reason is Reason.ARGUMENTS_INVALID


@pytest.mark.spec("A-4")
def test_the_functions_own_defaults_are_checked(guard, client):
    @guard.tool("read")
    def read(path: str, limit: int = 100) -> int:
        return limit

    scope = Scope(tool("files", "read", path=under("/srv"), limit=optional(at_most(50))))
    task = client.begin_task("x", scope=scope)
    with received(task.call("files", "read", {"path": "/srv/a"}).carriage), pytest.raises(NotPermitted):
        read("/srv/a")
    with received(task.call("files", "read", {"path": "/srv/a", "limit": 50}).carriage):
        assert read("/srv/a", 50) == 50


def test_an_exact_decimal_is_the_number_that_was_sent(guard, client):
    @guard.tool("read")
    def read(path: str, amount: Decimal) -> Decimal:
        return amount

    task = client.begin_task("x", scope=Scope(tool("files", "read", path=under("/srv"), amount=at_most("20.00"))))
    with received(task.call("files", "read", {"path": "/srv/a", "amount": 12.5}).carriage):
        assert read("/srv/a", Decimal("12.5")) == Decimal("12.5")


async def test_a_coroutine_is_guarded_like_a_function(guard, helper):
    @guard.tool("read")
    async def read(path: str, *, caller: AuthorizedCall) -> str:
        return caller.agent

    with received(helper.call("files", "read", {"path": "/srv/a"}).carriage):
        assert await read("/srv/a") == helper.agent
        with pytest.raises(BadProof):
            await read("/srv/a")


def test_the_outcome_follows_the_call(guard, run, authority):
    @guard.tool("read", effects=["read"])
    def read(path: str, *, caller: AuthorizedCall) -> None:
        if path.endswith("missing"):
            raise FileNotFoundError
        if path.endswith("own"):
            caller.report(OutcomeStatus.OK, bytes_read=7)

    run(read, path="/srv/a/plain")
    run(read, path="/srv/a/own")
    with pytest.raises(FileNotFoundError):
        run(read, path="/srv/a/missing")
    authority.close()

    assert [(each.status, each.impacts) for each in authority.outcomes] == [
        ("ok", ()),
        ("ok", (("bytes_read", "7"),)),
        ("failed", ()),
    ]


def test_of_a_failed_write_nobody_knows_what_it_did(guard, task, authority):
    @guard.tool("write", effects=["write"])
    def write(path: str, size: int) -> None:
        raise OSError

    with received(task.call("files", "write", {"path": "/srv/a", "size": 1}).carriage), pytest.raises(OSError):  # noqa: PT011
        write("/srv/a", 1)
    authority.close()

    assert [each.status for each in authority.outcomes] == ["unknown"]


def test_frameworks_see_the_function_without_the_caller(guard):
    @guard.tool("read", effects=["read"], labels=["internal"])
    def read(path: str, limit: int = 5, *, caller: AuthorizedCall) -> str:
        """Read a file."""

    assert list(inspect.signature(read).parameters) == ["path", "limit"]
    assert "caller" not in read.__annotations__
    assert (read.__name__, read.__doc__) == ("read", "Read a file.")


def test_what_a_tool_declares_is_known(guard):
    @guard.tool("read", effects=["read"], labels=["internal"])
    def read(path: str, limit: int = 5) -> str: ...

    declared = guard.declared["read"]
    assert declared.effects == {Effect.READ}
    assert declared.labels == {"internal"}
    assert declared.defaults == {"limit": 5}


def test_an_unknown_effect_is_named(guard):
    with pytest.raises(ConfigError, match="explodes"):
        guard.tool("read", effects=["explodes"])


@pytest.mark.parametrize(
    "function",
    [lambda *paths: None, lambda **options: None, lambda path, /: None],
    ids=["*paths", "**options", "path, /"],
)
def test_arguments_that_cannot_be_named_cannot_be_guarded(guard, function):
    with pytest.raises(ConfigError, match="names each of its arguments"):
        guard.tool("read")(function)
