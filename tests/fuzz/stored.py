"""Targets: texts that the service keeps in its database, where somebody else may have written."""

from __future__ import annotations

import json
from typing import Final

from delegation.core.agent_history import AgentHistory
from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.kept_arguments import KeptArguments
from delegation.core.session import TaskSession
from delegation.core.trust import CatalogueTool, Effect, Recording
from delegation.policy.port import Action, PolicyQuestion
from delegation.service.risk_inputs import RiskInputs, inputs_text
from fuzz.target import AmbiguousError, NoInputError, Target


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise NoInputError from None


def _session(data: bytes) -> None:
    text = _text(data)
    if TaskSession.of_text(text, 1).text() != text:
        raise AmbiguousError("another text says the same state of a task")


def _history(data: bytes) -> None:
    text = _text(data)
    history = AgentHistory.of_text(text)
    if history.text() != text:
        raise AmbiguousError("another text says the same of an agent")
    after = history.after_call(frozenset({Effect.READ}), now_ms=0, until_ms=history.until_ms + 1)
    if after.recent(0).calls != history.recent(0).calls + 1 or len(after.text()) > len(text) + 64:
        raise AmbiguousError("what an agent does is not counted, or not bounded")


def _kept(data: bytes) -> None:
    kept = KeptArguments.of_text(_text(data))
    if KeptArguments.of_text(kept.text()) != kept:
        raise AmbiguousError("kept arguments are not what is kept of them")


def _inputs(data: bytes) -> None:
    read = RiskInputs.of_text(_text(data))
    asked = PolicyQuestion(Action.CALL, _READ, True, _NOBODY, ("a",), 0)._replace(**read.fields)
    asked = asked._replace(tool=_READ._replace(effects=read.effects, labels=read.labels))
    written = inputs_text(
        asked, tuple(read.fields), consented=read.consented, fulfils=read.fulfils, declared=read.declares
    )
    if written is not None and RiskInputs.of_text(written) != (
        read if read.declares else read._replace(labels=frozenset())
    ):
        raise AmbiguousError("what a policy was told is not what is kept of it")


def _policy_inputs() -> tuple[bytes, ...]:
    full = {
        "asserted": ["spiffe://example.org/a"],
        "budgets_left": {"amount": "12.5"},
        "calls_left": 3,
        "consented": [["mail", ["ann"], 2, True]],
        "fulfils": ["redact"],
        "owner": "team",
        "task_calls": 2,
        "task_denials": 0,
        "task_effects": ["read"],
        "task_labels": ["personal"],
        "task_tools": ["crm.read"],
        "tool_effects": ["read", "write"],
        "tool_labels": ["secret"],
    }
    return b"{}", json.dumps(full).encode(), json.dumps({"agent_calls": None, "manifest_changed": True}).encode()


def _sessions() -> tuple[bytes, ...]:
    read = CatalogueTool("files", "read", frozenset({Effect.READ}), labels=frozenset({"personal"}))
    send = CatalogueTool("mail", "send", frozenset({Effect.EXTERNAL, Effect.WRITE}))
    states = TaskSession(), TaskSession().after(read), TaskSession().after(read).after(send).after_denial()
    return tuple(state.text().encode() for state in states)


def _histories() -> tuple[bytes, ...]:
    history = AgentHistory().after_call(frozenset({Effect.EXTERNAL, Effect.READ}), now_ms=1, until_ms=64)
    for until_ms in range(65, 110, 3):
        history = history.after_denial(now_ms=1, until_ms=until_ms)
    return AgentHistory().text().encode(), history.text().encode()


def _kept_arguments() -> tuple[bytes, ...]:
    values = {"path": "/srv/a", "size": 4, "deep": [True, {"a": "é"}], "secret": "x"}
    how = (("path", Recording.PLAIN), ("deep", Recording.PLAIN), ("secret", Recording.DIGEST))
    kept = KeptArguments.of(values, how, b"c" * 16), KeptArguments.of({}, (), b"c" * 16)
    return (*(each.text().encode() for each in kept), json.dumps(["{}", {}, 3]).encode())


_READ: Final = CatalogueTool("files", "read", frozenset({Effect.READ}))
_NOBODY: Final = Principal("nobody", "nowhere", PrincipalBasis.ASSERTED)

TARGETS: Final = (
    Target("session", _session, _sessions, json=True, max_bytes=2048),
    Target("history", _history, _histories, json=True, max_bytes=2048),
    Target("inputs", _inputs, _policy_inputs, json=True, max_bytes=2048),
    Target("kept", _kept, _kept_arguments, json=True, max_bytes=2048),
)
