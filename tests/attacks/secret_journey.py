"""A whole journey with everything switched on that could write something down; then a search for every secret in it.

`secret_journey.py DIRECTORY` runs service, agents and guards in one process with logging at DEBUG and keeps log, spans,
metrics, exceptions and reprs. Prints what it searched and what it found, as JSON. Run by test_service_secrets.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans, readings, written, told = InMemorySpanExporter(), InMemoryMetricReader(), io.StringIO(), []
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
metrics.set_meter_provider(MeterProvider([readings]))
logging.basicConfig(stream=written, level=logging.DEBUG, force=True, format="%(name)s %(message)s %(args)s")
sys.stderr = written
sys.excepthook = lambda *error: traceback.print_exception(*error, file=sys.__stderr__)

from delegation.server.logs import configure_logs  # noqa: E402
from delegation.server.telemetry_config import LogsConfig  # noqa: E402
from delegation.service import judging  # noqa: E402
from delegation_sdk import Client, Guard, Scope, any_call, anything, at_most, context, optional, tool, under  # noqa: E402
from delegation_sdk.carriage import Carriage  # noqa: E402
from support.caller import Caller, links_of, new_key, nonce  # noqa: E402
from support.server import identity, running_server  # noqa: E402

configure_logs(LogsConfig(format="json", level="debug"))

CATALOGUE = """
[[tool]]
audience = "files"
name = "read"
owner = "tests"
effects = ["read"]
local = true
"""
ARGUMENT = "hunter2-correct-horse-battery-staple"
NUMBER = 271828182845904
IDENTITIES = (identity("tool/other", "tool", audiences=["other"]),)


def attempt(ask: Callable[[], Any]) -> Any:
    """Do something; keep what its exception says, and what its result looks like."""
    try:
        result = ask()
    except Exception as error:  # noqa: BLE001 - all that is raised is looked at
        told.append("".join(traceback.format_exception(error)))
        told.append(f"{error!r} {error} {error.args} {getattr(error, 'detail', '')}")
        return None
    told.append(f"{result!r} {result}")
    return result


def journey(directory: Path) -> Iterator[bytes | str]:
    """Go everywhere; yield the secrets on the way."""
    (directory / "tools.toml").write_text(CATALOGUE)
    yield ARGUMENT
    yield str(NUMBER)
    with running_server(directory / "state", catalogue=directory / "tools.toml", identities=IDENTITIES) as server:
        yield (directory / "state" / "keys" / "passphrase").read_bytes().strip()
        keys = server.application._parts.trust.in_use.keys
        for key in (keys.grant, keys.statement, keys.checkpoint):
            told.append(repr(key))
            yield key._signer.seed
        yield from through_the_sdk(server)
        yield from at_the_bare_contract(server)


def through_the_sdk(server: Any) -> Iterator[bytes | str]:
    limited = {"path": under("/srv"), "limit": optional(at_most(5)), "secret": optional(anything())}
    scope = Scope(*(tool("files", name, **limited) for name in ("read", "write")))
    profile = server.profile("agent/planner")
    yield (profile.parent / "client.key").read_text().split("\n")[1]
    with (
        Client.connect(profile) as client,
        Guard.connect("files", server.profile("tool/files")) as guard,
        Guard.connect("files", server.profile("tool/other")) as stranger,
        client.task("Look at it", scope=scope) as task,
    ):
        told.extend(map(repr, (client, guard, task, task.scope)))
        helper = task.hand_off("spiffe://test.example/agent/helper")
        exported = helper.export_with_key()
        yield exported
        yield exported.rpartition(".")[2]
        told.extend((repr(helper), str(helper), repr(helper.leaf), repr(helper.links), repr(helper.chain.statements)))

        @guard.tool("write", effects=["write"])
        def write(path: str, secret: str = "", limit: int = 1) -> None:
            raise RuntimeError("the tool says nothing of its arguments")

        for name in ("read", "write", "delete"):
            for arguments in (
                {"path": "/srv/a", "secret": ARGUMENT},
                {"path": f"/etc/{ARGUMENT}"},
                {"path": "/srv/a", "limit": NUMBER},
                {"path": "/srv/a", "limit": str(NUMBER)},
                {"path": "/srv/a", "unknown": ARGUMENT},
                {"path": "/srv/a", "secret": [ARGUMENT, {"x": NUMBER}]},
                {},
            ):
                call = helper.call("files", name, arguments)
                with call:
                    carriage = call.carriage
                yield carriage.token
                yield carriage.proof
                told.append(repr((call, carriage)))
                permitted = attempt(lambda c=carriage, n=name, a=arguments: guard.authorize(c, n, a))
                if permitted is not None:
                    permitted.report(rows=3)
                attempt(lambda c=carriage, n=name, a=arguments: guard.authorize(c, n, a))  # a replay
                if name != "read":  # which it would decide by itself, and could then not record
                    attempt(lambda c=carriage, n=name, a=arguments: stranger.authorize(c, n, a))
        fresh = helper.call("files", "write", {"path": "/srv/a", "secret": ARGUMENT})
        with context.received(fresh.carriage):
            attempt(lambda: write(path="/srv/a", secret=ARGUMENT))
        for token, proof in (
            (carriage.token[:-7], carriage.proof),
            (carriage.token, carriage.proof[:-7]),
            (carriage.token, bytes(2000)),
            (carriage.proof, carriage.token),
        ):
            attempt(lambda t=token, p=proof: guard.authorize(Carriage(t, p), "read", {"path": ARGUMENT}))
            attempt(lambda t=token, p=proof: guard.authorize(Carriage(t, p), "write", {"path": ARGUMENT}))
        for arguments in ({"path": object()}, {"path": float("nan"), "secret": ARGUMENT}, {5: ARGUMENT}):
            attempt(lambda a=arguments: guard.authorize(carriage, "read", a))
        attempt(
            lambda: context.from_metadata([("delegation-chain-bin", carriage.token), ("delegation-chain-bin", b"")])
        )
        attempt(lambda: context.from_headers({"Delegation-Chain": exported}))
        attempt(lambda: context.to_metadata(Carriage(carriage.token * 50, carriage.proof)))
        attempt(lambda: type(helper).load(exported + "!"))
        attempt(lambda: type(helper).load(exported[:-9]))
        for links in (helper.links, helper.chain.frames):
            yield from (link.signature for link in links)


def at_the_bare_contract(server: Any) -> Iterator[bytes | str]:
    with Caller.of(server, "agent/planner") as planner, Caller.of(server, "developer") as operator:
        task = planner.grant(any_call("files", "write"))
        yield task.key.seed
        child = planner.hand_off(task, "agent/helper")
        yield child.token
        yield from (link.payload for link in links_of(child.token))
        question = child.question("files", "write", {"secret": ARGUMENT})
        yield question.proof
        told.append(repr(question))
        attempt(lambda: planner.decide_question(question))
        genuine = judging.authorize
        for defect in (ValueError(ARGUMENT, question.token), KeyError(question.proof), RecursionError(ARGUMENT)):

            def broken(*_: Any, defect: Exception = defect, **__: Any) -> None:
                raise defect

            judging.authorize = broken  # a defect, whose text is not ours
            attempt(lambda: planner.decide(child, "files", "write", {"secret": ARGUMENT}))
        judging.authorize = genuine
        for tweaks in ({"token": b"x" * 70_000}, {"arguments_json": ARGUMENT.encode()}, {"attempt": b"short"}):
            attempt(lambda t=tweaks: planner.decide(child, "files", "write", {"secret": ARGUMENT}, **t))
        attempt(lambda: planner.record(child.child("agent/x", key=new_key())))
        attempt(lambda: planner.complete(task, proof=question.proof))
        attempt(lambda: planner.grant(any_call("files", "write"), principal_token=ARGUMENT.encode()))
        attempt(lambda: operator.consume("files", nonce()))
        attempt(lambda: operator.calls(task_id=task.task_id))
        attempt(lambda: planner.complete(task))


def forms(secret: bytes | str) -> Iterator[str]:
    """All the ways in which a secret could have been written down: at its middle, so that edges do not matter."""
    raw = secret.encode() if isinstance(secret, str) else secret
    middle = raw[len(raw) // 4 : len(raw) // 4 + 24] if len(raw) > 48 else raw
    yield repr(middle)[2:-1]
    yield middle.hex()
    yield middle.hex().upper()
    yield middle.hex(" ")
    yield str(list(middle))[1:-1]
    yield "".join(f"\\{byte:03o}" for byte in middle)
    for offset in range(3):  # base64 depends on where it begins
        encoded = base64.b64encode(bytes(offset) + middle)
        kept = encoded[4:-4] if len(encoded) > 16 else encoded
        yield kept.decode()
        yield kept.decode().replace("+", "-").replace("/", "_")
    if isinstance(secret, str):
        yield secret


def main() -> None:
    secrets = list(journey(Path(sys.argv[1])))
    provider.force_flush()
    places = {
        "log": written.getvalue(),
        "spans": "\n".join(span.to_json() for span in spans.get_finished_spans()),
        "metrics": readings.get_metrics_data().to_json(),
        "exceptions and reprs": "\n".join(told),
    }
    found = [
        f"{place}: …{text[max(0, text.index(form) - 80) : text.index(form) + 20]!r}"
        for secret in secrets
        for form in set(forms(secret))
        for place, text in places.items()
        if form in text
    ]
    json.dump(
        {
            "secrets": len(secrets),
            "spans": len(spans.get_finished_spans()),
            "sizes": {place: len(text) for place, text in places.items()},
            "found": sorted(set(found))[:50],
        },
        sys.stdout,
    )


main()
