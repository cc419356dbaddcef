"""What every answer to a vector is made with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from conformance.vectors import data
from delegation.core.codec import decode_scope
from delegation.core.trust import FederatedDomain, KeyPurpose, KeyState, TrustBundle, TrustedKey
from delegation.errors import Refused, layer_of

Given = dict[str, Any]
Answer = dict[str, Any]


def accepted(**outputs: Any) -> Answer:
    return {"accepted": outputs}


def refused(error: Refused) -> Answer:
    where = {"link": error.link_index, "field": error.field}
    return {"refused": {"reason": str(error.reason), "layer": str(layer_of(error.reason)), **where}}


def refusing(ask: Callable[[Given], Answer]) -> Callable[[Given], Answer]:
    """Let a refusal be an answer; anything else that is raised is a defect."""

    def asked(given: Given) -> Answer:
        try:
            return ask(given)
        except Refused as error:
            return refused(error)

    return asked


def value_of(message: Message) -> dict[str, Any]:
    """Give a decoded message as the README describes values."""
    return {
        field.name: [_plain(member) for member in value] if field.is_repeated else _plain(value)
        for field, value in message.ListFields()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return value_of(value)
    return value.hex() if isinstance(value, bytes) else value


def trust_of(given: Given) -> TrustBundle:
    federated = tuple(
        FederatedDomain(
            each["trust_domain"],
            _keys(each["keys"]),
            each["agent_domains"],
            each["principal_issuers"],
            decode_scope(data(each["ceiling"])),
        )
        for each in given.get("federated", ())
    )
    return TrustBundle("example.org", 1, 1, given["expires_at_ms"], _keys(given["keys"]), federated=federated)


def _keys(given: list[Given]) -> tuple[TrustedKey, ...]:
    return tuple(
        TrustedKey(
            KeyPurpose(each["purpose"]),
            bytes.fromhex(each["public_key"]),
            each["not_before_ms"],
            each["not_after_ms"],
            KeyState(each["state"]),
            each.get("compromised_at_ms", 0),
        )
        for each in given
    )


def json_of(content: bytes) -> Any:
    return json.loads(content.decode())
