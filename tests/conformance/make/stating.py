"""Vectors of one statement each."""

from __future__ import annotations

from typing import Any

from conformance.make.vector import Vector, packed


def vector(of: str, name: str, says: str, spec: str, expect: dict[str, Any], **given: Any) -> Vector:
    """Make a vector of a kind; bytes in its input are packed."""
    plain = {key: packed(value) if isinstance(value, bytes) else value for key, value in given.items()}
    return Vector(f"{of}-{name}", of, says, tuple(spec.split()), plain, expect)
