"""Mutations of JSON: what is written stays JSON, or nearly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any, Final

import rfc8785

_WORDS: Final = (
    *("audience", "tool", "arguments", "optional", "any", "anything", "exactly", "one_of", "at_most", "at_least"),
    *("between", "range", "minimum", "maximum", "minimum_exclusive", "maximum_exclusive", "under", "each", "fields"),
    *("length", "prefix", "matching", "not", "all_of", "any_of", "url", "host", "schemes", "port", "cidr", "glob"),
    *("chain", "proof", "digest", "io.github.delegation-chain/delegation", "/srv", "/srv/..", "5", "0.5", "-0", "1e5"),
    *(
        "",
        " ",
        "AA",
        "AB",
        "AA==",
        "_-",
        "a+",
        "10.0.0.0/8",
        "https://a.test/",
        "\ud800",
        "\U0001f600",
        "é",
        "\0",
        "x" * 513,
    ),
)
_NUMBERS: Final = (0, 1, -1, 5, 0.5, -0.0, 1.0, 1e21, 1e-7, 2**53 - 1, 2**53, -(2**53), 2**64, 10**400, 1e308, 5e-324)
_PLAIN: Final = (None, True, False, [], {}, [[]], [0], {"a": 0}, {"": None})
_Place = tuple[Any, Any]  # a list or object, and an index or name in it


def change_json(data: bytes, other: bytes, random: Random) -> bytes | None:
    """Give JSON with a few values changed, canonical (RFC 8785) more often than not; None if `data` is no JSON.

    Args:
        data: what to change.
        other: another input, from which values may be taken.
        random: makes the choices.
    """
    try:
        root = [json.loads(data)]
        for _ in range(random.choice((1, 1, 2, 3))):
            _change_one(random.choice(list(_places(root, 40))), other, random)
        return _written(root[0], random)
    except (ValueError, RecursionError):
        return None


def _places(container: Any, depth: int) -> Iterator[_Place]:
    """Walk over everything that stands in a list or object."""
    for key in container if isinstance(container, dict) else range(len(container)):
        yield container, key
        if depth and isinstance(container[key], list | dict):
            yield from _places(container[key], depth - 1)


def _change_one(place: _Place, other: bytes, random: Random) -> None:
    container, key = place
    value = container[key]
    match random.randrange(8):
        case 0 if isinstance(value, list | dict):
            _grow(value, random)
        case 1 if isinstance(container, dict):
            container[random.choice(_WORDS)] = container.pop(key)
        case 2 if len(container) > 1:
            del container[key]
        case 3:
            container[key] = [value] if random.random() < 0.5 else {random.choice(_WORDS): value}
        case 4:
            taken = [json.loads(other)]
            inside, at = random.choice(list(_places(taken, 40)))
            container[key] = inside[at]
        case 5 if isinstance(value, str):
            at = random.randint(0, len(value))
            container[key] = value[:at] + random.choice((*_WORDS, chr(random.randrange(0x300)))) + value[at + 1 :]
        case _:
            container[key] = _fresh(random)


def _grow(value: Any, random: Random) -> None:
    if isinstance(value, dict):
        value[random.choice(_WORDS)] = _fresh(random)
    else:
        value.insert(random.randint(0, len(value)), _fresh(random))


def _fresh(random: Random) -> Any:
    chosen = random.choice((*_WORDS, *_NUMBERS, *_PLAIN))
    return json.loads(json.dumps(chosen)) if isinstance(chosen, list | dict) else chosen


def _written(value: Any, random: Random) -> bytes:
    if random.random() < 0.6:
        try:
            return rfc8785.dumps(value)
        except (ValueError, RecursionError):  # what has no canonical form is worth trying, too
            pass
    written = json.dumps(value, ensure_ascii=random.random() < 0.5)
    return written.encode("utf-8", "surrogatepass")
