"""Vectors of the kind `verify`."""

from __future__ import annotations

from typing import Any

from conformance.make.messages import Link
from conformance.make.tokens import NOW_MS, TRUST, Chain
from conformance.make.vector import Vector, accepted, packed, refused

PERMISSIVE = {"trust": TRUST, "now_ms": NOW_MS, "revocations": [], "require_receipt": True}


class Asking:
    """Makes the vectors of one area, with ids that begin alike."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def _vector(self, name: str, says: str, spec: str, token: bytes, expect: dict[str, Any], **given: Any) -> Vector:
        asked = {"token": packed(token, longest=16384), **PERMISSIVE, **given}
        return Vector(f"{self._prefix}-{name}", "verify", says, tuple(spec.split()), asked, expect)

    def good(self, name: str, says: str, spec: str, chain: Chain, leaf: Link, **given: Any) -> Vector:
        """Expect a chain to be accepted; `outputs` are further ones."""
        ids = chain.ids
        outputs = {
            "link_ids": ids,
            "chain_digest": ids[-1],
            "holder_key": leaf.holder_key,
            "holder_agent": leaf.holder_agent,
            **given.pop("outputs", {}),
        }
        return self._vector(name, says, spec, chain.token, accepted(**outputs), **given)

    def bad(self, name: str, says: str, spec: str, token: Chain | bytes, reason: Any, **given: Any) -> Vector:
        """Expect a refusal; `link` and `field` say where."""
        where = {key: given.pop(key) for key in ("link", "field") if key in given}
        data = token if isinstance(token, bytes) else token.token
        return self._vector(name, says, spec, data, refused(reason, **where), **given)
