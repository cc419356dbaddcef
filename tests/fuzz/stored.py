"""Targets: texts that the service keeps in its database, where somebody else may have written."""

from __future__ import annotations

import json
from typing import Final

from delegation.core.kept_arguments import KeptArguments
from delegation.core.session import TaskSession
from delegation.core.trust import CatalogueTool, Effect, Recording
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


def _kept(data: bytes) -> None:
    kept = KeptArguments.of_text(_text(data))
    if KeptArguments.of_text(kept.text()) != kept:
        raise AmbiguousError("kept arguments are not what is kept of them")


def _sessions() -> tuple[bytes, ...]:
    read = CatalogueTool("files", "read", frozenset({Effect.READ}), labels=frozenset({"personal"}))
    send = CatalogueTool("mail", "send", frozenset({Effect.EXTERNAL, Effect.WRITE}))
    states = TaskSession(), TaskSession().after(read), TaskSession().after(read).after(send).after_denial()
    return tuple(state.text().encode() for state in states)


def _kept_arguments() -> tuple[bytes, ...]:
    values = {"path": "/srv/a", "size": 4, "deep": [True, {"a": "é"}], "secret": "x"}
    how = (("path", Recording.PLAIN), ("deep", Recording.PLAIN), ("secret", Recording.DIGEST))
    kept = KeptArguments.of(values, how, b"c" * 16), KeptArguments.of({}, (), b"c" * 16)
    return (*(each.text().encode() for each in kept), json.dumps(["{}", {}, 3]).encode())


TARGETS: Final = (
    Target("session", _session, _sessions, json=True, max_bytes=2048),
    Target("kept", _kept, _kept_arguments, json=True, max_bytes=2048),
)
