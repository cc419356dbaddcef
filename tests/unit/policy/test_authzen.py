"""A remote decision point over real HTTPS: it decides, and whatever else it does is a denial."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from delegation.errors import ConfigError
from delegation.policy.authzen import MAX_ANSWER_BYTES, AuthZenPolicy
from delegation.policy.authzen_messages import TOLD
from delegation.policy.port import Action, Denial, Obligation, ObligationKind, Permit
from support.decision_point import DecisionPoint, PointFiles, point_files, running_point, told
from support.policies import WORKER, call, question


def decide(request) -> bool:
    """Forbid refunds above 50."""
    return told(request).get("arguments", {}).get("amount", 0) <= 50


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> PointFiles:
    return point_files(tmp_path_factory.mktemp("authzen"))


@pytest.fixture
def point(files) -> Iterator[DecisionPoint]:
    with running_point(files) as server:
        server.decide = decide
        yield server


async def ask(point, files, asked=None, *, timeout_ms=10_000, **options):
    async with AuthZenPolicy(point.url, ca=files.ca, timeout_ms=timeout_ms, **options) as policy:
        return await policy.ask(asked or question("mail.send"))


def failure(what):
    return Denial(("authzen",), f"the decision point {what}", failed=f"it {what}")


async def test_it_permits_and_forbids(point, files):
    async with AuthZenPolicy(point.url, ca=files.ca, timeout_ms=10_000) as policy:
        assert await policy.ask(call("billing.refund", {"amount": Decimal("49.5")})) == Permit()
        assert await policy.ask(call("billing.refund", {"amount": 51})) == Denial(
            ("authzen",), "the decision point forbids it"
        )


async def test_it_is_told_who_what_and_the_rest(point, files):
    arguments = {"amount": Decimal("49.5"), "to": ["a", {"b": None}]}
    asked = call("billing.refund", arguments, task_labels=frozenset({"personal"}), budgets_left={"amount": "70.5"})
    await ask(point, files, asked, token="t0ken")
    ((path, headers, request),) = point.asked
    assert path == "/access/v1/evaluation"
    assert (headers["authorization"], headers["content-type"]) == ("Bearer t0ken", "application/json")
    assert (request["subject"]["type"], request["subject"]["id"]) == ("agent", WORKER)
    assert request["action"] == {"name": "call"}
    assert (request["resource"]["type"], request["resource"]["id"]) == ("tool", "billing.refund")
    assert sorted(request["resource"]["properties"]["effects"]) == ["spends", "write"]
    known = told(request)
    assert (known["taskLabels"], known["budgetsLeft"]) == (["personal"], {"amount": "70.5"})
    assert known["arguments"] == {"amount": 49.5, "to": ["a", {"b": None}]}


async def test_agent_and_task_are_the_subjects_tool_and_call_the_resources_and_the_time_is_context(point, files):
    """There are decision points that read no context."""
    await ask(point, files, call("billing.refund", {"cerbos.roles": ["admin"]}, calls_left=3, agent_calls=2))
    ((_, _, request),) = point.asked
    subject, resource = request["subject"]["properties"], request["resource"]["properties"]
    assert {"agents", "principalSubject", "purpose", "taskLabels", "agentCalls"} <= subject.keys()
    assert {"effects", "labels", "callsLeft", "arguments", "budgetsLeft"} <= resource.keys()
    assert subject.keys().isdisjoint(resource.keys())
    assert request["context"].keys() == {"time"}
    assert subject.keys() | resource.keys() | {"time"} == TOLD - {"scope", "agentDenials", "agentEffects"}
    assert "cerbos.roles" not in subject.keys() | resource.keys()  # some take such a property for an order


async def test_a_grant_has_a_scope_and_no_arguments(point, files):
    await ask(point, files, question("web.get", action=Action.GRANT, scope=frozenset({"web.get"})))
    ((_, _, request),) = point.asked
    assert request["resource"]["type"] == "unlisted_tool"
    assert told(request)["scope"] == ["web.get"]
    assert "arguments" not in told(request)


async def test_obligations_that_are_known_come_back(point, files):
    point.answer = 200, {}, b'{"decision": true, "context": {"obligations": ["redact", "notify"], "reason": "x"}}'
    kinds = [ObligationKind.NOTIFY, ObligationKind.REDACT]
    assert await ask(point, files) == Permit(tuple(Obligation(kind, "authzen") for kind in kinds))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"decision": true, "context": {"obligations": ["encrypt"]}}', "demands something that is not known here"),
        (b'{"decision": true, "context": {"obligations": [1]}}', "demands something that is not known here"),
        (b'{"decision": true, "context": {"obligations": "notify"}}', "demands something that is not known here"),
        (b'{"decision": true, "context": []}', "demands something that is not known here"),
        (b'{"decision": true, "context": {"obligation": ["redact"]}}', "demands something that is not known here"),
        (b'{"decision": true, "context": {"Obligations": ["redact"]}}', "demands something that is not known here"),
        (
            b'{"decision": true, "context": {"obligations": ["redact"], "obligationExpressions": []}}',
            "demands something that is not known here",
        ),
        (
            b'{"decision": true, "obligations": ["redact"]}',
            "gave an answer that says more than a decision and its context",
        ),
        (b'{"decision": true, "advice": []}', "gave an answer that says more than a decision and its context"),
        (b'{"decision": "true"}', "gave an answer that has no decision"),
        (b'{"decision": 1}', "gave an answer that has no decision"),
        (b'{"decision": null}', "gave an answer that has no decision"),
        (b'{"allowed": true}', "gave an answer that has no decision"),
        (b"[true]", "gave an answer that has no decision"),
        (b'{"decision": false, "decision": true}', "gave an answer that says one thing twice"),
        (b"secret words", "gave an answer that is not JSON"),
        (b"\xff", "gave an answer that is not JSON"),
        (b"", "gave an answer that is not JSON"),
        (b"[" * 60_000, "gave an answer that is not JSON"),
        (b'{"decision": true}' + b" " * MAX_ANSWER_BYTES, "gave an answer that is too large"),
    ],
)
async def test_what_is_no_clear_answer_is_a_denial(point, files, content, words):
    point.answer = 200, {}, content
    failed = "" if words.startswith("demands") else f"it {words}"
    assert await ask(point, files) == Denial(("authzen",), f"the decision point {words}", failed)


async def test_reasons_beside_a_permission_are_not_obligations(point, files):
    point.answer = 200, {}, b'{"decision": true, "context": {"id": "7", "reason_user": {"en": "obligations: none"}}}'
    assert await ask(point, files) == Permit()


async def test_a_cookie_is_not_kept(point, files):
    point.answer = 200, {"set-cookie": "track=1; Path=/"}, b'{"decision": true}'
    async with AuthZenPolicy(point.url, ca=files.ca, timeout_ms=10_000) as policy:
        for _ in range(2):
            assert await policy.ask(question("mail.send")) == Permit()
    assert ["cookie" in headers for _, headers, _ in point.asked] == [False, False]


@pytest.mark.parametrize("status", [201, 204, 302, 307, 400, 401, 403, 500, 503])
async def test_another_status_is_a_denial_and_no_redirect_is_followed(point, files, status):
    content = b"" if status == 204 else b'{"decision": true}'
    point.answer = status, {"location": point.url}, content
    assert await ask(point, files) == failure(f"gave an answer that has status {status}")
    assert len(point.asked) == 1


async def test_a_compressed_answer_is_not_unpacked(point, files):
    point.answer = 200, {"content-encoding": "gzip"}, b'\x1f\x8b{"decision": true}'
    assert isinstance(await ask(point, files), Denial)


async def test_an_answer_that_does_not_come_in_time_is_a_denial(point, files):
    with point.holding():
        assert await ask(point, files, timeout_ms=50) == failure("did not answer within 0.05 s")


async def test_an_answer_that_comes_in_drips_is_a_denial(point, files):
    point.drips = True
    point.answer = 200, {"content-length": "60000"}, b'{"decision": true}'
    assert await ask(point, files, timeout_ms=300) == failure("did not answer within 0.3 s")


async def test_a_kept_connection_that_has_ended_is_replaced(files):
    with running_point(files) as point:
        async with AuthZenPolicy(point.url, ca=files.ca, timeout_ms=10_000) as policy:
            assert await policy.ask(question("mail.send")) == Permit()
            point.stop()
            down = await policy.ask(question("mail.send"))
            assert isinstance(down, Denial)
            assert down.failed
            with running_point(files, port=point.server_port):
                assert await policy.ask(question("mail.send")) == Permit()


async def test_nobody_there_is_a_denial(point, files):
    point.stop()
    verdict = await ask(point, files)
    assert isinstance(verdict, Denial)
    assert verdict.detail.startswith("the decision point could not be asked (")


async def test_a_certificate_of_somebody_else_is_a_denial(point, files, tmp_path):
    others = point_files(tmp_path)
    verdict = await ask(point, others)
    assert isinstance(verdict, Denial)
    assert point.asked == []


async def test_proxies_of_the_environment_are_not_used(point, files, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert await ask(point, files) == Permit()


async def test_a_number_that_json_does_not_hold_is_a_denial(point, files):
    verdict = await ask(point, files, call("billing.refund", {"amount": Decimal("0.1000000000000000000000001")}))
    assert verdict == Denial(("authzen",), "an argument is a number that JSON does not hold exactly")
    assert point.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://pdp.example/x",
        "https://",
        "https://u:p@pdp.example/x",
        "https://pdp.example/#x",
        "https://pdp.example/?token=x",
        "https://a:b/",
        "https://pdp.example/a b",
    ],
)
def test_only_https_is_asked(url):
    with pytest.raises(ConfigError, match="https://"):
        AuthZenPolicy(url)


async def test_the_token_that_counts_now_is_shown(point, files):
    tokens = iter(["first", "second", ""])
    async with AuthZenPolicy(point.url, ca=files.ca, timeout_ms=10_000, token=lambda: next(tokens)) as policy:
        for _ in range(3):
            assert await policy.ask(question("mail.send")) == Permit()
    shown = [headers.get("authorization") for _, headers, _ in point.asked]
    assert shown == ["Bearer first", "Bearer second", None]


async def test_a_token_that_cannot_be_had_is_a_denial_and_why_is_for_the_operator(point, files):
    def token() -> str:
        raise ConfigError("cannot read /etc/token")

    verdict = await ask(point, files, token=token)
    assert verdict == Denial(("authzen",), "the decision point could not be asked", failed="cannot read /etc/token")
    assert point.asked == []


def test_the_token_is_not_shown(files):
    policy = AuthZenPolicy("https://pdp.example/access/v1/evaluation", ca=files.ca, token="t0ken")
    assert repr(policy) == "AuthZenPolicy(https://pdp.example/access/v1/evaluation)"
    assert len(policy.digest) == 32


def test_a_ca_that_is_none_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="holds no CA certificates"):
        AuthZenPolicy("https://pdp.example/", ca=tmp_path / "none.pem")
