"""All targets, by name, cheapest question first."""

from __future__ import annotations

from typing import Final

from fuzz import carried, documents, rpc_messages, signed, stored
from fuzz.target import Target

TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for target in (*documents.TARGETS, *carried.TARGETS, *rpc_messages.TARGETS, *signed.TARGETS, *stored.TARGETS)
}
